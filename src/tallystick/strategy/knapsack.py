"""Many lines, one choice each, under a few portfolio caps: the problem, and the cheap passes over all of its lines.

Every pass works chunk by chunk, in the processor's cache, and ends in sums: it distributes. The sums are exact
(`math.fsum`), so neither the number of threads nor the place where a chunk is computed changes a bit of the answer.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

_CHUNK_CELLS: Final = 131_072  # two buffers of a megabyte: they stay in the processor's cache
_THREADS: Final = 2
_ROUNDING: Final = 1e-13  # what the order of a sum may change, as a share of the sum's magnitude

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """n lines x k choices. `profit` is -inf where a choice is not allowed, so that no price makes it the best.

    Usage of cap c is sum_i weights[c][i] * measures[measure_of[c]][i, choice_i] and may not pass bounds[c].
    """

    profit: Floats  # (n, k)
    measures: tuple[Floats, ...]  # distinct matrices (n, k)
    measure_of: tuple[int, ...]  # (caps,): index into measures
    weights: tuple[Floats | None, ...]  # (caps,): (n,), or None where every line weighs 1
    bounds: Floats  # (caps,)

    @property
    def lines(self) -> int:
        """n."""
        return int(self.profit.shape[0])

    @property
    def caps(self) -> int:
        """How many caps there are."""
        return len(self.weights)

    def only(self, positions: Positions, *, bounds: Floats) -> "Problem":
        """The same problem for some of the lines, under the bounds given."""
        return Problem(
            profit=self.profit[positions],
            measures=tuple(measure[positions] for measure in self.measures),
            measure_of=self.measure_of,
            weights=tuple(None if weight is None else weight[positions] for weight in self.weights),
            bounds=bounds,
        )

    def usage_at(self, lines: Positions, choices: Positions) -> Floats:
        """What each of the given (line, choice) pairs uses of every cap, shape (pairs, caps)."""
        used = np.empty((lines.size, self.caps))
        for cap, (measure, weight) in enumerate(zip(self.measure_of, self.weights, strict=True)):
            amounts = self.measures[measure][lines, choices]
            used[:, cap] = amounts if weight is None else amounts * weight[lines]
        return used

    def usage(self, choice: Positions) -> Floats:
        """What a plan uses of every cap, shape (caps,)."""

        def chunk(start: int, end: int) -> Floats:
            used: Floats = self.usage_at(np.arange(start, end), choice[start:end]).sum(axis=0)
            return used

        return exact_sum(over_chunks(self, chunk), width=self.caps)

    def total_profit(self, choice: Positions) -> float:
        """What a plan earns."""

        def chunk(start: int, end: int) -> Floats:
            earned: Floats = self.profit[np.arange(start, end), choice[start:end]].sum(keepdims=True)
            return earned

        return float(exact_sum(over_chunks(self, chunk), width=1)[0])


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a problem tells before any price is set. Shapes (caps,) but for the two profits."""

    least_usage: Floats  # the least that any plan uses of each cap alone
    usage_spread: Floats  # the most that any plan could use less that
    magnitude: Floats  # the sum of each line's largest amount, whatever its sign
    least_profit: float  # no plan earns less
    profit_spread: float  # the most that any plan could earn less that

    @property
    def rounding(self) -> Floats:
        """How far a sum of usage may lie beyond its bound by rounding alone."""
        return _ROUNDING * self.magnitude

    @property
    def price_unit(self) -> Floats:
        """A price at which all that a cap can move weighs as much as all the profit at stake."""
        stake = self.profit_spread if self.profit_spread > 0.0 else 1.0
        spread = np.where(self.usage_spread > 1e-300, self.usage_spread, np.maximum(self.magnitude, 1.0))
        return np.asarray(stake / spread, dtype=np.float64)


def over_chunks(problem: Problem, chunk: Callable[[int, int], T]) -> list[T]:
    """`chunk(start, end)` for consecutive spans of lines, in their order, on two threads where there are many."""
    size = chunk_lines(problem)
    spans = [(start, min(start + size, problem.lines)) for start in range(0, problem.lines, size)]
    if len(spans) < 8:
        return [chunk(start, end) for start, end in spans]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda span: chunk(*span), spans))


def chunk_lines(problem: Problem) -> int:
    """How many lines one chunk holds."""
    return int(max(_CHUNK_CELLS // max(problem.profit.shape[1], 1), 16))


def exact_sum(parts: list[Floats], *, width: int) -> Floats:
    """The exactly rounded sum of the chunks' parts, column by column, shape (width,)."""
    return np.array([math.fsum(float(part[column]) for part in parts) for column in range(width)])


def priced_values(problem: Problem, prices: Floats, start: int, end: int) -> Floats:
    """Profit less priced usage of the lines start..end-1, shape (end - start, k)."""
    values: Floats = problem.profit[start:end]
    scratch: Floats | None = None
    for index, measure in enumerate(problem.measures):
        price = _line_price(problem, prices, index, start, end)
        if price is None:
            continue
        if scratch is None:
            scratch = np.multiply(measure[start:end], price)
            values = np.subtract(values, scratch)
        else:
            np.multiply(measure[start:end], price, out=scratch)
            np.subtract(values, scratch, out=values)
    return values


def _line_price(problem: Problem, prices: Floats, measure: int, start: int, end: int) -> Floats | float | None:
    """What one unit of a measure costs each line: one number, or a column where a cap weighs lines."""
    total: Floats | float | None = None
    for cap, of in enumerate(problem.measure_of):
        if of == measure and prices[cap] != 0.0:
            weight = problem.weights[cap]
            price = float(prices[cap]) if weight is None else prices[cap] * weight[start:end, None]
            total = price if total is None else total + price
    return total


def best_choices(problem: Problem, prices: Floats) -> Positions:
    """Each line's best choice at these prices; a tie goes to the lower index."""
    chosen = over_chunks(problem, lambda start, end: priced_values(problem, prices, start, end).argmax(axis=1))
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def survey(problem: Problem) -> Survey:
    """One pass: the least, the most and the size of what plans can use and earn."""
    caps = problem.caps

    def chunk(start: int, end: int) -> Floats:
        profit = problem.profit[start:end]
        banned = np.isneginf(profit)
        ranges = [_allowed_range(measure[start:end], banned) for measure in problem.measures]
        least, most, size = (np.zeros(caps) for _ in range(3))
        for cap, (measure, weight) in enumerate(zip(problem.measure_of, problem.weights, strict=True)):
            low, high = ranges[measure]
            each = np.ones(end - start) if weight is None else weight[start:end]
            least[cap] = np.minimum(low * each, high * each).sum()
            most[cap] = np.maximum(low * each, high * each).sum()
            size[cap] = (np.maximum(np.abs(low), np.abs(high)) * np.abs(each)).sum()
        worst, best = _allowed_range(profit, banned)
        return np.concatenate([least, most, size, [worst.sum(), best.sum()]])

    total = exact_sum(over_chunks(problem, chunk), width=3 * caps + 2)
    return Survey(
        least_usage=total[:caps],
        usage_spread=total[caps : 2 * caps] - total[:caps],
        magnitude=total[2 * caps : 3 * caps],
        least_profit=float(total[-2]),
        profit_spread=float(total[-1] - total[-2]),
    )


def _allowed_range(amounts: Floats, banned: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The least and the most of each line's allowed choices."""
    low = np.where(banned, np.inf, amounts).min(axis=1)
    return low, np.where(banned, -np.inf, amounts).max(axis=1)


@dataclass(frozen=True, slots=True)
class Core:
    """The lines that prices within a box may still move, and what all the others use and earn whatever they are."""

    positions: Positions  # of the open lines in the whole problem
    problem: Problem  # the open lines under what the others leave of the bounds
    settled_choice: Positions  # (n,): the best choice at the box's center
    settled_profit: float


def core_within(problem: Problem, *, prices: Floats, reach: Floats) -> Core:
    """The lines whose best choice may differ from that at `prices` where each price moves by at most `reach`.

    A choice can overtake the best only if it lags by no more than the box can move the difference of the two:
    sum over measures of |difference of amounts| x (sum over caps of reach x |weight|).
    """

    def chunk(start: int, end: int) -> tuple[Positions, npt.NDArray[np.bool_], Floats]:
        values = priced_values(problem, prices, start, end)
        choice = values.argmax(axis=1)
        rows = np.arange(end - start)
        lead = values[rows, choice]
        possible = values - lead[:, None]
        for index, measure in enumerate(problem.measures):
            span = _line_price(_unsigned(problem), reach, index, start, end)
            if span is not None:
                amounts = measure[start:end]
                possible += np.abs(amounts - amounts[rows, choice][:, None]) * span
        possible[rows, choice] = -np.inf
        is_open = possible.max(axis=1) >= -1e-12 * np.abs(lead)
        settled = np.flatnonzero(~is_open)
        sums = np.zeros(problem.caps + 1)
        sums[:-1] = problem.usage_at(settled + start, choice[settled]).sum(axis=0)
        sums[-1] = problem.profit[settled + start, choice[settled]].sum()
        return choice, is_open, sums

    parts = over_chunks(problem, chunk)
    settled = exact_sum([part[2] for part in parts], width=problem.caps + 1)
    positions = np.flatnonzero(np.concatenate([part[1] for part in parts]))
    return Core(
        positions=positions,
        problem=problem.only(positions, bounds=problem.bounds - settled[:-1]),
        settled_choice=np.concatenate([part[0] for part in parts]),
        settled_profit=float(settled[-1]),
    )


def _unsigned(problem: Problem) -> Problem:
    """The same problem with the size of each weight."""
    weights = tuple(None if weight is None else np.abs(weight) for weight in problem.weights)
    return Problem(problem.profit, problem.measures, problem.measure_of, weights, problem.bounds)
