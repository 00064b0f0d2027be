"""The Lagrangian dual of the limit problem, minimized by cutting planes within a trust region.

With a price on every cap the lines separate: each takes the choice of the highest profit less priced usage. The sum
over all lines, plus the priced bounds, is an upper bound of any plan's profit. It is convex and piecewise linear in
the prices, and its lowest value is what the linear relaxation of the whole problem reaches.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy  # whose `optimize` is loaded when it is first used: a fifth of a second

from tallystick.strategy.knapsack import Floats, Problem, exact_sum, over_chunks, priced_values

_PASSES_MAX: Final = 200
_WIDENED_MAX: Final = 10  # a radius grown a billionfold meets a floor that is flat for ever
_AT_EDGE: Final = 0.999


@dataclass(frozen=True, slots=True)
class DualPoint:
    """The dual at one vector of prices: `value` bounds every plan's profit; `slack` (caps,) is its slope."""

    prices: Floats
    value: float
    slack: Floats  # bounds less the usage of the choices that are best at these prices


@dataclass(frozen=True, slots=True)
class DualAnswer:
    """The lowest dual value found, what is left to gain at most, and the mixture of plans that proves it.

    `mixture` holds prices and shares (they sum to 1): the plans that are best at these prices keep, in these shares
    of the lines, every cap - which no single plan of them need do.
    """

    best: DualPoint
    left: float
    mixture: tuple[tuple[Floats, float], ...]
    passes: int


@dataclass(frozen=True, slots=True)
class PriceBox:
    """Where prices may lie, shapes (caps,)."""

    lowest: Floats
    highest: Floats

    @classmethod
    def unbounded(cls, caps: int) -> "PriceBox":
        """Any prices that are not negative."""
        return cls(lowest=np.zeros(caps), highest=np.full(caps, np.inf))

    @classmethod
    def around(cls, prices: Floats, *, reach: Floats) -> "PriceBox":
        """Prices within `reach`, and not negative."""
        return cls(lowest=np.maximum(prices - reach, 0.0), highest=prices + reach)

    def cut_off(self, prices: Floats) -> npt.NDArray[np.bool_]:
        """Which prices touch an end other than zero: lower values may lie outside. Shape (caps,)."""
        width = self.highest - self.lowest
        low = (prices <= self.lowest + 1e-3 * width) & (self.lowest > 0.0)
        return np.asarray(low | (prices >= self.highest - 1e-3 * width), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Search:
    """How to minimize: from where, within what, how far per step at first, and when to end.

    `left` is the dual value that may be left to gain. Below `proof`, which no plan's profit can be, the value proves
    that no plan keeps the caps.
    """

    start: Floats
    box: PriceBox
    radius: Floats  # (caps,), in prices
    left: float
    proof: float = -math.inf
    passes_max: int = _PASSES_MAX


def dual_at(problem: Problem, prices: Floats) -> DualPoint:
    """One pass over all lines."""

    def chunk(start: int, end: int) -> Floats:
        values = priced_values(problem, prices, start, end)
        choice = values.argmax(axis=1)
        sums = np.empty(problem.caps + 1)
        sums[:-1] = problem.usage_at(np.arange(start, end), choice).sum(axis=0)
        sums[-1] = values[np.arange(end - start), choice].sum()
        return sums

    total = exact_sum(over_chunks(problem, chunk), width=problem.caps + 1)
    value = math.fsum([float(total[-1]), *(prices * problem.bounds).tolist()])
    return DualPoint(prices=prices, value=value, slack=problem.bounds - total[:-1])


def minimize_dual(
    problem: Problem, search: Search, *, progress: Callable[[int, float], None] | None = None
) -> DualAnswer:
    """The lowest dual value within the box: each pass adds the plane that supports the dual at the prices tried.

    The step is bounded by a radius that doubles on success at its edge and halves on failure. What all planes promise
    within the radius says how much is left to gain; at a radius that does not bind that holds for the whole box.
    """
    best = dual_at(problem, search.start)
    cuts = [best]
    radius = search.radius
    left, shares, widened = math.inf, np.ones(1), 0
    for _ in range(search.passes_max):
        if best.value < search.proof or _too_fine(cuts, best=best, radius=radius):
            break
        prices, left, shares = _cheapest_promise(cuts, best=best, box=search.box, radius=radius)
        if progress:
            progress(len(cuts), left / max(abs(best.value), 1.0))
        at_edge = _at_edge(prices, best=best, box=search.box, radius=radius)
        if left <= search.left and (not at_edge or widened == _WIDENED_MAX):
            break
        if left <= search.left:
            radius, widened = radius * 8.0, widened + 1
            continue
        point = dual_at(problem, prices)
        cuts.append(point)
        if point.value >= best.value:
            radius = radius * 0.5
        elif at_edge and best.value - point.value > 0.5 * left:
            radius = radius * 2.0
        best = point if point.value < best.value else best
    mixture = tuple((cuts[place].prices, float(shares[place])) for place in np.flatnonzero(shares > 1e-9).tolist())
    return DualAnswer(best=best, left=max(left, 0.0), mixture=mixture, passes=len(cuts))


def _too_fine(cuts: Sequence[DualPoint], *, best: DualPoint, radius: Floats) -> bool:
    """Whether no plane moves the value within the radius by anything that its digits can show."""
    visible = max(float(np.abs(cut.slack) @ radius) for cut in cuts)
    return visible <= max(4e-16 * abs(best.value), 1e-280)


def _at_edge(prices: Floats, *, best: DualPoint, box: PriceBox, radius: Floats) -> bool:
    """Whether only the radius kept the prices from going further."""
    step = np.abs(prices - best.prices)
    inside = (prices > box.lowest) & (prices < box.highest)
    return bool(((step >= _AT_EDGE * radius) & inside).any())


def _cheapest_promise(
    cuts: Sequence[DualPoint], *, best: DualPoint, box: PriceBox, radius: Floats
) -> tuple[Floats, float, Floats]:
    """The lowest point of all planes within the radius: prices, the fall in value that it promises, and the share
    of each plane in it. Steps are in radii and values in units of the largest fall, so that the tiny linear program
    is well scaled at any size of money."""
    slopes = np.array([cut.slack for cut in cuts]) * radius
    offsets = np.array([cut.value - best.value + float(cut.slack @ (best.prices - cut.prices)) for cut in cuts])
    steepest = np.abs(slopes).sum(axis=1)
    size = max(float(np.abs(best.slack * radius).sum()), 1e-6 * float(steepest.max()), 1e-290)
    lowest = np.maximum((box.lowest - best.prices) / radius, -1.0)
    highest = np.minimum((box.highest - best.prices) / radius, 1.0)
    near = np.flatnonzero(offsets + steepest >= -2.0 * size)  # the rest cannot be the highest plane
    answer = scipy.optimize.linprog(
        np.append(np.zeros(radius.size), 1.0),
        A_ub=np.column_stack([slopes[near] / size, -np.ones(near.size)]),
        b_ub=-offsets[near] / size,
        bounds=[*zip(lowest.tolist(), highest.tolist(), strict=True), (None, None)],
        method="highs",
    )
    shares = np.zeros(len(cuts))
    if answer.x is None:  # numerically empty: nothing that floats can tell is left to gain
        shares[[cut is best for cut in cuts]] = 1.0
        return best.prices, 0.0, shares
    shares[near] = np.maximum(-np.asarray(answer.ineqlin.marginals), 0.0)
    prices = np.clip(best.prices + np.asarray(answer.x[:-1]) * radius, box.lowest, box.highest)
    return prices, -float(answer.x[-1]) * size, shares / max(float(shares.sum()), 1e-300)
