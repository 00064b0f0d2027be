"""The best way to merge ordered pre-bins into bins: dynamic programming over every possible partition."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tallystick.scoring.model import Floats

Counts = npt.NDArray[np.int64]
Objective = Literal["information_value", "likelihood"]
Trend = Literal["rising", "falling", "free"]


@dataclass(frozen=True, slots=True)
class Population:
    """Goods and bads that WOE compares a bin with, and the rows of pseudo-counts that keep it finite."""

    goods: int
    bads: int
    smoothing_rows: float


@dataclass(frozen=True, slots=True)
class PartitionRules:
    """What a partition must respect; `penalty` is in nats of log likelihood per bin."""

    bins_max: int
    rows_min: int
    bads_min: int
    goods_min: int
    penalty: float
    objective: Objective


@dataclass(frozen=True, slots=True)
class Partition:
    """`starts` are the pre-bins at which bins begin (the first is 0); `worth` is the objective in nats."""

    starts: tuple[int, ...]
    worth: float


def weight_of_evidence(goods: Floats | Counts, bads: Floats | Counts, population: Population) -> Floats:
    """ln(share of goods / share of bads) per bin: higher is safer, 0 is the population's own odds.

    Each bin gets `smoothing_rows` more rows, good and bad in the population's proportion (additive smoothing),
    so that a bin without goods or bads stays finite, a small one is drawn to 0 and an empty one is exactly 0.

    With 80 of 800 goods and 60 of 200 bads in the bin: ln(0.1 / 0.3) = -1.0986.

    >>> weight_of_evidence(np.array([80, 0]), np.array([60, 0]), Population(800, 200, 1e-9)).round(4)
    array([-1.0986,  0.    ])
    """
    rows = population.goods + population.bads
    goods_share = (goods + population.smoothing_rows * population.goods / rows) / population.goods
    bads_share = (bads + population.smoothing_rows * population.bads / rows) / population.bads
    return np.asarray(np.log(goods_share / bads_share), dtype=np.float64)


def information_values(goods: Floats | Counts, bads: Floats | Counts, population: Population) -> Floats:
    """(share of goods - share of bads) x WOE per bin; their sum is the feature's information value.

    (0.1 - 0.3) x -1.0986 = 0.2197.

    >>> information_values(np.array([80]), np.array([60]), Population(800, 200, 1e-9)).round(4)
    array([0.2197])
    """
    difference = goods / population.goods - bads / population.bads
    return np.asarray(difference * weight_of_evidence(goods, bads, population), dtype=np.float64)


def best_partition(
    *, goods: Counts, bads: Counts, population: Population, rules: PartitionRules, trend: Trend
) -> Partition:
    """The partition of ordered pre-bins with the highest worth that keeps every rule and the trend of risk.

    `goods` and `bads` count rows per pre-bin. Time O(pre-bins^2 x (bins + log pre-bins)). Where no partition keeps
    the rules, all pre-bins form one bin, whose worth is -infinity. Of equal worths the one with fewer bins wins.

    >>> goods, bads = np.array([90, 80, 95, 99]), np.array([10, 20, 5, 1])
    >>> rules = PartitionRules(4, rows_min=50, bads_min=1, goods_min=1, penalty=0.0, objective="information_value")
    >>> best_partition(
    ...     goods=goods, bads=bads, population=Population(364, 36, 1e-9), rules=rules, trend="falling"
    ... ).starts
    (0, 2, 3)
    """
    spans = _Spans.of(goods=goods, bads=bads, population=population, rules=rules, trend=trend)
    best = _fill(spans, bins_max=min(rules.bins_max, len(goods)))
    worths = best[:, :, -1].max(axis=1)
    bins = int(np.argmax(worths >= worths.max() - 1e-12))
    if not np.isfinite(worths[bins]):
        return Partition(starts=(0,), worth=float("-inf"))
    return Partition(starts=_trace(spans, best, bins), worth=float(worths[bins]))


@dataclass(frozen=True, slots=True)
class _Spans:
    """Every possible bin [start, end), as matrices indexed by start and end: its worth and its rank in the trend."""

    worth: Floats  # -infinity where the bin is not allowed
    rank: Floats  # must never fall from one bin to the next

    @staticmethod
    def of(*, goods: Counts, bads: Counts, population: Population, rules: PartitionRules, trend: Trend) -> "_Spans":
        bin_goods, bin_bads = _span_sums(goods), _span_sums(bads)
        allowed = (
            (bin_goods + bin_bads >= max(rules.rows_min, 1))
            & (bin_bads >= rules.bads_min)
            & (bin_goods >= rules.goods_min)
        )
        bin_goods, bin_bads = np.where(allowed, bin_goods, 0), np.where(allowed, bin_bads, 0)
        worth = _worth(bin_goods, bin_bads, population, rules.objective) - rules.penalty
        woe = weight_of_evidence(bin_goods, bin_bads, population)
        rank = {"rising": -woe, "falling": woe, "free": np.zeros_like(woe)}[trend]
        return _Spans(worth=np.where(allowed, worth, -np.inf), rank=rank)


def _span_sums(counts: Counts) -> Counts:
    prefix = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])
    return np.asarray(np.maximum(prefix[None, :] - prefix[:, None], 0), dtype=np.int64)


def _worth(goods: Counts, bads: Counts, population: Population, objective: Objective) -> Floats:
    """Worth of each bin in nats: its gain in log likelihood over the population's odds, or its share of IV.

    IV is scaled by goods x bads / (2 rows): to second order it then equals the gain in log likelihood.
    """
    if objective == "information_value":
        scale = population.goods * population.bads / (2 * (population.goods + population.bads))
        return scale * information_values(goods, bads, population)
    rows = (goods + bads) / (population.goods + population.bads)
    gain = _count_log_ratio(goods, rows * population.goods) + _count_log_ratio(bads, rows * population.bads)
    return np.asarray(gain, dtype=np.float64)


def _count_log_ratio(count: Counts, expected: npt.NDArray[np.floating]) -> Floats:
    ratio = np.divide(count, expected, out=np.ones(count.shape), where=count > 0)
    return np.asarray(count * np.log(ratio), dtype=np.float64)


def _fill(spans: _Spans, bins_max: int) -> Floats:
    """best[k, i, j]: the highest worth of k + 1 bins over the pre-bins [0, j), the last one being [i, j)."""
    size = len(spans.worth)
    best = np.full((bins_max, size, size), -np.inf)
    best[0, 0] = spans.worth[0]
    order = np.argsort(spans.rank, axis=0, kind="stable")
    for start in range(1, size - 1):
        before = order[order[:, start] < start, start]  # the bins that may end here, lowest rank first
        reach = np.maximum.accumulate(best[:-1, before, start], axis=1)
        allowed = np.searchsorted(spans.rank[before, start], spans.rank[start, start + 1 :], side="right")
        follow = np.where(allowed > 0, reach[:, np.maximum(allowed, 1) - 1], -np.inf)
        best[1:, start, start + 1 :] = follow + spans.worth[start, start + 1 :]
    return best


def _trace(spans: _Spans, best: Floats, bins: int) -> tuple[int, ...]:
    """Walk back from the last bin; ties take the earliest start, so the answer is one and the same."""
    end = best.shape[2] - 1
    start = int(np.argmax(best[bins, :, end]))
    starts = [start]
    for earlier in range(bins - 1, -1, -1):
        fits = spans.rank[:start, start] <= spans.rank[start, end]
        end, start = start, int(np.argmax(np.where(fits, best[earlier, :start, start], -np.inf)))
        starts.append(start)
    return tuple(reversed(starts))
