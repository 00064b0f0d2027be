"""The Lagrangian dual of the limit problem: a cheap pass over all lines, and the cutting planes that minimize it.

With a price on every cap the lines separate: each takes the choice of the highest profit less priced usage. The sum
is an upper bound of any plan's profit, convex in the prices; its lowest value is what the linear relaxation reaches.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

_CHUNK_LINES: Final = 4_096  # 51 choices of it are 1.6 MB: the working set stays in the processor's cache
_THREADS: Final = 2
_PASSES_MAX: Final = 250


@dataclass(frozen=True, slots=True)
class Problem:
    """n lines x k choices. `profit` is -inf where a choice is not allowed; usage of cap c is
    sum_i weight[c, i] * measure[c][i, choice_i] and may not pass bound[c]. `scale` makes usages comparable."""

    profit: Floats  # (n, k)
    measures: tuple[Floats, ...]  # distinct matrices (n, k)
    measure_of: tuple[int, ...]  # (caps,): index into measures
    weights: tuple[Floats | None, ...]  # (caps,): (n,) or None for 1
    bounds: Floats  # (caps,)
    scale: Floats  # (caps,)

    @property
    def lines(self) -> int:
        """n."""
        return int(self.profit.shape[0])

    def at(self, positions: Positions) -> "Problem":
        """The same problem for some of the lines, its bounds scaled to their share."""
        share = positions.size / self.lines
        return Problem(
            profit=self.profit[positions],
            measures=tuple(measure[positions] for measure in self.measures),
            measure_of=self.measure_of,
            weights=tuple(None if weight is None else weight[positions] for weight in self.weights),
            bounds=self.bounds * share,
            scale=self.scale * share,
        )

    def usage(self, choice: Positions) -> Floats:
        """Usage of every cap by a plan, shape (caps,)."""
        rows = np.arange(self.lines)
        return np.array([
            _total(self.measures[measure][rows, choice], weight)
            for measure, weight in zip(self.measure_of, self.weights, strict=True)
        ])  # fmt: skip


def _total(amounts: Floats, weight: Floats | None) -> float:
    return float(amounts.sum() if weight is None else amounts @ weight)


@dataclass(frozen=True, slots=True)
class DualPoint:
    """The dual at one vector of prices: its value bounds every plan's profit; `slack` (caps,) is its slope."""

    prices: Floats
    value: float
    slack: Floats  # bounds - usage of the choices that are best at these prices


@dataclass(frozen=True, slots=True)
class DualAnswer:
    """The lowest dual value found, the passes it took, and a lower estimate of what is left to gain."""

    best: DualPoint
    passes: int
    left: float


def priced_values(problem: Problem, prices: Floats, start: int, end: int) -> Floats:
    """Profit less priced usage of the lines start..end-1, shape (end - start, k)."""
    values = problem.profit[start:end].copy()
    scratch = np.empty_like(values)
    for index, measure in enumerate(problem.measures):
        price = _line_price(problem, prices, index, start, end)
        if price is None:
            continue
        np.multiply(measure[start:end], price, out=scratch)
        np.subtract(values, scratch, out=values)
    return values


def _line_price(problem: Problem, prices: Floats, measure: int, start: int, end: int) -> Floats | float | None:
    """What one unit of a measure costs each line: one number, or a column where a cap weighs lines."""
    total: Floats | float = 0.0
    for cap, of in enumerate(problem.measure_of):
        if of == measure and prices[cap] != 0.0:
            weight = problem.weights[cap]
            total = total + (prices[cap] if weight is None else prices[cap] * weight[start:end, None])
    return None if isinstance(total, float) and total == 0.0 else total


def dual_at(problem: Problem, prices: Floats) -> DualPoint:
    """One pass over all lines. Chunks are summed in their order, so threads do not change a bit of the answer."""
    spans = [(start, min(start + _CHUNK_LINES, problem.lines)) for start in range(0, problem.lines, _CHUNK_LINES)]

    def chunk(span: tuple[int, int]) -> tuple[float, list[float]]:
        start, end = span
        values = priced_values(problem, prices, start, end)
        choice = values.argmax(axis=1)
        rows = np.arange(end - start)
        usage = []
        for measure, weight in zip(problem.measure_of, problem.weights, strict=True):
            taken = problem.measures[measure][start:end][rows, choice]
            usage.append(_total(taken, None if weight is None else weight[start:end]))
        return float(values[rows, choice].sum()), usage

    if len(spans) > 1:
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = list(pool.map(chunk, spans))
    else:
        parts = [chunk(span) for span in spans]
    usage = np.array([math.fsum(part[1][cap] for part in parts) for cap in range(len(problem.weights))])
    value = math.fsum(part[0] for part in parts) + float(prices @ problem.bounds)
    return DualPoint(prices=prices, value=value, slack=problem.bounds - usage)


def minimize_dual(
    problem: Problem,
    *,
    start: Floats,
    radius: float,
    tolerance: float,
    prices_max: Floats | None = None,
    stop_below: float = -math.inf,
    progress: Callable[[int, float], None] | None = None,
) -> DualAnswer:
    """Cutting planes within a trust region, prices at least zero (and at most `prices_max`, where given).

    Prices are scaled by `problem.scale`, so that one `radius` fits all caps. Ends when no more than
    tolerance x |value| can be gained, or as soon as the value falls below `stop_below` (proof of infeasibility).
    """
    unit = _price_unit(problem, tolerance_value=1.0)
    best = dual_at(problem, start)
    cuts = [best]
    left = math.inf
    for passes in range(2, _PASSES_MAX + 1):
        if best.value < stop_below:
            return DualAnswer(best=best, passes=passes - 1, left=0.0)
        prices, floor = _master(cuts, best=best, unit=unit, radius=radius, prices_max=prices_max)
        left = best.value - floor
        if progress:
            progress(passes, left / max(abs(best.value), 1.0))
        at_edge = bool((np.abs(prices - best.prices) >= 0.999 * radius * unit).any())
        if left <= tolerance * max(abs(best.value), 1e-12):
            if not at_edge:
                return DualAnswer(best=best, passes=passes - 1, left=max(left, 0.0))
            radius *= 8.0
            continue
        point = dual_at(problem, prices)
        cuts.append(point)
        gained = best.value - point.value
        if gained > 0.0:
            radius *= 2.0 if at_edge and gained > 0.5 * left else 1.0
            best = point
        else:
            radius *= 0.5
    return DualAnswer(best=best, passes=_PASSES_MAX, left=left)


def _price_unit(problem: Problem, *, tolerance_value: float) -> Floats:
    """What a price of one means per cap: all of the profit at stake over all of the cap's scale."""
    stake = np.where(np.isfinite(problem.profit), np.abs(problem.profit), 0.0).max(axis=1).sum()
    return np.asarray(max(float(stake), tolerance_value) / problem.scale, dtype=np.float64)


def _master(
    cuts: Sequence[DualPoint], *, best: DualPoint, unit: Floats, radius: float, prices_max: Floats | None
) -> tuple[Floats, float]:
    """The lowest point of all cuts within the trust region: prices, and the value that the cuts promise there."""
    caps = unit.size
    # Variables: prices in their unit, then the value below the best one in units of the largest promise.
    size = max(float(np.abs(best.slack * unit).sum()) * radius, 1e-300)
    slopes = np.array([cut.slack * unit for cut in cuts]) / size
    offsets = np.array([cut.value - best.value - float(cut.slack @ cut.prices) for cut in cuts]) / size
    center = best.prices / unit
    highest = np.full(caps, np.inf) if prices_max is None else prices_max / unit
    limits = [(max(0.0, center[cap] - radius), min(highest[cap], center[cap] + radius)) for cap in range(caps)]
    answer = linprog(
        np.append(np.zeros(caps), 1.0),
        A_ub=np.column_stack([slopes, -np.ones(len(cuts))]),
        b_ub=-offsets,
        bounds=[*limits, (None, None)],
        method="highs",
    )
    if answer.x is None:  # numerically empty: stay where we are and let the caller end
        return best.prices, best.value
    return np.asarray(answer.x[:caps] * unit), best.value + float(answer.x[caps]) * size
