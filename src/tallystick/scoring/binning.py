"""Bins of one feature: fitted to an outcome, then the same cut for one row and for a million."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.columns import Codes, category_column, numeric_column
from tallystick.scoring.model import ColumnFault, Columns, Direction, Floats, ModelFeature
from tallystick.scoring.partition import (
    Counts,
    Objective,
    PartitionRules,
    Population,
    Trend,
    best_partition,
    information_values,
    weight_of_evidence,
)

BinIndices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BinningSettings:
    """How a feature is cut. Shares are of all training rows.

    A further bin must gain `penalty_nats` of log likelihood where risk may only move one way, and
    `free_penalty_nats` where it may turn (direction "none", categories): there noise finds more to fit.

    Missing values, and each of a feature's `special_values`, are bins of their own, whatever their size.
    `smoothing_rows` is explained at `weight_of_evidence`. Raises `ValueError` naming every setting out of range.
    """

    prebins_max: int = 32
    bins_max: int = 10
    bin_share_min: float = 0.05
    bin_bads_min: int = 10
    bin_goods_min: int = 10
    penalty_nats: float = 0.5
    free_penalty_nats: float = 3.0
    smoothing_rows: float = 10.0
    objective: Objective = "likelihood"
    special_values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        least = {"prebins_max": 1, "bins_max": 1, "bin_bads_min": 0, "bin_goods_min": 0}
        least |= {"penalty_nats": 0, "free_penalty_nats": 0}
        faults = [
            f"{name} is {getattr(self, name)}: must be at least {bound}"
            for name, bound in least.items()
            if not getattr(self, name) >= bound
        ]
        if not 0 <= self.bin_share_min <= 1:
            faults.append(f"bin_share_min is {self.bin_share_min}: must be from 0 to 1")
        if not 0 < self.smoothing_rows < math.inf:
            faults.append(f"smoothing_rows is {self.smoothing_rows}: must be above 0, or WOE can be infinite")
        for name, values in self.special_values.items():
            if not all(math.isfinite(value) for value in values) or len(set(values)) != len(values):
                faults.append(f"special_values of {name} are {values}: must be finite and different")
        if faults:
            raise ValueError(f"binning settings: {'; '.join(faults)}")


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """The bins of one feature, in order: ordinary ones, one per special value, and missing last.

    A numeric feature has `edges`, n of them for n + 1 ordinary bins, half-open [low, high): a value on an edge is
    in the bin above. A category has `groups` of values; a category that training never saw is in the missing bin.
    `goods` and `bads` count training rows per bin; `woe` is their smoothed weight of evidence, higher is safer.
    """

    feature: ModelFeature
    direction: Direction  # as fitted: "auto" has become "up" or "down"
    edges: tuple[float, ...]
    groups: tuple[tuple[str, ...], ...]
    specials: tuple[float, ...]
    goods: tuple[int, ...]
    bads: tuple[int, ...]
    woe: tuple[float, ...]
    iv: tuple[float, ...]  # information value per bin

    @property
    def information_value(self) -> float:
        """Sum over the bins; below 0.02 is usually called no use, above 0.3 strong."""
        return math.fsum(self.iv)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name per bin, as a reader wants it: "[0.5, 2)", "= 999", "missing"."""
        if self.feature.kind == "category":
            return (*(" | ".join(group) for group in self.groups), "missing or unseen")
        bounds = ("-inf", *(plain_number(edge) for edge in self.edges), "inf")
        ordinary = (f"[{low}, {high})" for low, high in pairwise(bounds))
        return (*ordinary, *(f"= {plain_number(special)}" for special in self.specials), "missing")

    def indices(self, columns: Columns) -> BinIndices:
        """The bin of each row, shape (rows,). Raises `ColumnFault` when the column is absent or of another type."""
        if self.feature.kind == "category":
            return self._of_categories(*category_column(columns, self.feature.name))
        return self._of_numbers(numeric_column(columns, self.feature.name))

    def _of_numbers(self, numbers: Floats) -> BinIndices:
        found = np.searchsorted(np.array(self.edges), numbers, side="right")
        for place, special in enumerate(self.specials, start=len(self.edges) + 1):
            found[numbers == special] = place
        found[np.isnan(numbers)] = len(self.woe) - 1
        return found

    def _of_categories(self, codes: Codes, values: tuple[str, ...]) -> BinIndices:
        bin_of = {value: place for place, group in enumerate(self.groups) for value in group}
        missing = len(self.woe) - 1
        places = np.array([bin_of.get(value, missing) for value in values] + [missing], dtype=np.int64)
        return places[codes]  # code -1 is the last place


def plain_number(number: float) -> str:
    """The shortest decimal text that reads back as this very float, without ".0" or exponent where short.

    >>> plain_number(50000.0), plain_number(0.1), plain_number(-0.0)
    ('50000', '0.1', '0')
    """
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return repr(number)


def fit_feature_bins(
    *, table: pa.Table, is_bad: Flags, feature: ModelFeature, settings: BinningSettings
) -> FeatureBins:
    """Cut one column so that its bins tell bads from goods best, within the settings and the declared direction.

    `is_bad` has shape (rows,) and holds both outcomes. Direction "auto" takes whichever of "up" and "down" is
    worth more on these rows; a category has no order, so its direction is not read. Where no partition keeps
    the rules, the feature has one ordinary bin. Raises `ColumnFault` for a column that is absent, of another type
    or infinite somewhere.
    """
    if feature.kind == "category":
        return _fit_category(table=table, is_bad=is_bad, feature=feature, settings=settings)
    return _fit_numeric(table=table, is_bad=is_bad, feature=feature, settings=settings)


def _fit_numeric(*, table: pa.Table, is_bad: Flags, feature: ModelFeature, settings: BinningSettings) -> FeatureBins:
    numbers = numeric_column(table, feature.name)
    if np.isinf(numbers).any():
        raise ColumnFault(f"column {feature.name} is infinite in places: make those null or a special value")
    specials = tuple(float(special) for special in settings.special_values.get(feature.name, ()))
    missing = np.isnan(numbers)
    apart = [*(numbers == special for special in specials), missing]
    ordinary = ~np.logical_or.reduce(apart)
    if not ordinary.all():
        numbers, ordinary_is_bad = numbers[ordinary], is_bad[ordinary]
    else:
        ordinary_is_bad = is_bad
    order = np.argsort(numbers)
    ordered, bads_before = numbers[order], _sums_before(ordinary_is_bad[order])
    rows_before = np.searchsorted(ordered, _prebin_cuts(ordered, settings.prebins_max), side="left")
    rows_before = np.concatenate([[0], rows_before, [len(ordered)]])
    bads = np.diff(bads_before[rows_before])
    merged = _merge(
        goods=np.diff(rows_before) - bads,
        bads=bads,
        direction=feature.direction,
        settings=settings,
        population=_population(is_bad, settings),
    )
    firsts = [int(rows_before[start]) for start in merged.starts[1:]]
    return _feature_bins(
        feature=feature,
        merged=merged,
        edges=tuple(_short_edge(float(ordered[first - 1]), float(ordered[first])) for first in firsts),
        specials=specials,
        apart=tuple(_counted(is_bad, rows) for rows in apart),
        population=_population(is_bad, settings),
    )


def _fit_category(*, table: pa.Table, is_bad: Flags, feature: ModelFeature, settings: BinningSettings) -> FeatureBins:
    codes, values = category_column(table, feature.name)
    population = _population(is_bad, settings)
    rows = np.bincount(codes + 1, minlength=len(values) + 1)[1:]
    bads = np.bincount(codes[is_bad] + 1, minlength=len(values) + 1)[1:]
    order = np.argsort(weight_of_evidence(rows - bads, bads, population), kind="stable")
    prebin = _category_prebins(rows[order], settings.prebins_max)
    merged = _merge(
        goods=np.bincount(prebin, weights=(rows - bads)[order]).astype(np.int64),
        bads=np.bincount(prebin, weights=bads[order]).astype(np.int64),
        direction="none",
        settings=settings,
        population=population,
    )
    group_of = np.searchsorted(merged.starts, prebin, side="right") - 1
    groups = [tuple(sorted(values[place] for place in order[group_of == group])) for group in range(len(merged.goods))]
    return _feature_bins(
        feature=feature,
        merged=merged,
        groups=tuple(groups),
        apart=(_counted(is_bad, codes < 0),),
        population=population,
    )


@dataclass(frozen=True, slots=True)
class _Merged:
    """Ordinary bins: the pre-bins at which they begin, and their counts."""

    direction: Direction
    starts: tuple[int, ...]
    goods: tuple[int, ...]
    bads: tuple[int, ...]


def _merge(
    *, goods: Counts, bads: Counts, direction: Direction, settings: BinningSettings, population: Population
) -> _Merged:
    if len(goods) == 0:
        return _Merged(direction="none", starts=(), goods=(), bads=())
    trends: dict[Direction, Trend] = {"up": "rising", "down": "falling", "none": "free"}
    rules = PartitionRules(
        bins_max=settings.bins_max,
        rows_min=math.ceil(settings.bin_share_min * (population.goods + population.bads)),
        bads_min=settings.bin_bads_min,
        goods_min=settings.bin_goods_min,
        penalty=settings.free_penalty_nats if direction == "none" else settings.penalty_nats,
        objective=settings.objective,
    )
    tried: tuple[Direction, ...] = ("up", "down") if direction == "auto" else (direction,)
    found = {
        way: best_partition(goods=goods, bads=bads, population=population, rules=rules, trend=trends[way])
        for way in tried
    }
    best = max(tried, key=lambda way: found[way].worth)
    starts = found[best].starts
    return _Merged(
        direction=best,
        starts=starts,
        goods=tuple(np.add.reduceat(goods, starts).tolist()),
        bads=tuple(np.add.reduceat(bads, starts).tolist()),
    )


def _feature_bins(
    *,
    feature: ModelFeature,
    merged: _Merged,
    apart: tuple[tuple[int, int], ...],
    population: Population,
    edges: tuple[float, ...] = (),
    groups: tuple[tuple[str, ...], ...] = (),
    specials: tuple[float, ...] = (),
) -> FeatureBins:
    goods = (*merged.goods, *(good for good, _ in apart))
    bads = (*merged.bads, *(bad for _, bad in apart))
    return FeatureBins(
        feature=feature,
        direction=merged.direction,
        edges=edges,
        groups=groups,
        specials=specials,
        goods=goods,
        bads=bads,
        woe=tuple(weight_of_evidence(np.array(goods), np.array(bads), population).tolist()),
        iv=tuple(information_values(np.array(goods), np.array(bads), population).tolist()),
    )


def _population(is_bad: Flags, settings: BinningSettings) -> Population:
    bads = int(np.count_nonzero(is_bad))
    return Population(goods=len(is_bad) - bads, bads=bads, smoothing_rows=settings.smoothing_rows)


def _counted(is_bad: Flags, rows: Flags) -> tuple[int, int]:
    bads = int(np.count_nonzero(is_bad & rows))
    return int(np.count_nonzero(rows)) - bads, bads


def _sums_before(flags: Flags) -> Counts:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(flags, dtype=np.int64)])


def _prebin_cuts(ordered: Floats, prebins_max: int) -> Floats:
    """The lower edges of equally filled pre-bins but the first; a value that fills one by itself stands alone."""
    rows = len(ordered)
    if rows == 0:
        return ordered
    quantiles = np.unique(ordered[np.arange(1, prebins_max) * rows // prebins_max])
    ends = np.searchsorted(ordered, quantiles, side="right")
    heavy = ends - np.searchsorted(ordered, quantiles, side="left") >= rows / prebins_max
    after_heavy = ordered[ends[heavy & (ends < rows)]]
    cuts = np.union1d(quantiles, after_heavy)
    return np.asarray(cuts[cuts > ordered[0]], dtype=np.float64)


def _category_prebins(rows: Counts, prebins_max: int) -> Counts:
    """The pre-bin of each category in order of risk: one each, or where they are too many, equally filled ones."""
    if len(rows) <= prebins_max:
        return np.arange(len(rows), dtype=np.int64)
    fair = (np.cumsum(rows) - rows) * prebins_max // rows.sum()
    return np.unique(fair, return_inverse=True)[1].astype(np.int64)


def _short_edge(below: float, above: float) -> float:
    """The number of fewest digits in (below, above]: it parts the two values and reads well in a table.

    >>> _short_edge(41_250.0, 53_000.0), _short_edge(0.0, 1.0), _short_edge(0.49991, 0.50127)
    (50000.0, 1.0, 0.5)
    """
    exact = Decimal(above)
    for exponent in range(exact.adjusted(), exact.adjusted() - 18, -1):
        short = float(exact.quantize(Decimal(1).scaleb(exponent), rounding=ROUND_FLOOR))
        if below < short <= above:
            return short + 0.0
    return above
