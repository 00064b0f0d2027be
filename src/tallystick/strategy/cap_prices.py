"""Prices of portfolio caps at which each line's own best choice, made alone, keeps all caps together.

The optimizer's prices leave some lines that nearly tie, and settles those among themselves. Prices that are posted
leave nothing to settle: equal lines get equal answers, the order of lines does not matter, and a line that asks by
day is answered by the same prices as by night.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from tallystick.strategy.knapsack import Floats, Positions, Problem, best_choices, survey
from tallystick.strategy.lines import Flags
from tallystick.strategy.optimizer import Cap
from tallystick.strategy.relaxation import nearly_minimized
from tallystick.units.rates import PPM

_TOLERANCE: Final = 1e-6  # of the dual: how near to the best prices the search begins
_FLOOR: Final = 0.1  # of the price unit: what a price of zero counts as where it must rise
_FIRST_RISE: Final = 2.0**-30
_RISES_MAX: Final = 80
_HALVINGS: Final = 16


class CapPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One portfolio cap as a night left it, to be kept with the night's run.

    `price` is profit per unit of the measure, both in minor units; `left` is what increases may still use of it.
    With `share_ppm` the cap is on a segment's share: a unit counts 1 - share inside of the segment, - share outside.
    """

    name: str
    measure: str
    price: float
    left: float
    share_ppm: int | None = None

    def as_resource(self, segment: Flags | None) -> Cap:
        """The cap on what is left of it; `segment` (lines,) says who belongs, where it is on a share."""
        if self.share_ppm is None:
            return Cap(name=self.name, measure=self.measure, bound=self.left)
        assert segment is not None, f"{self.name} is on the share of a segment: say which lines belong to it"
        weight = segment.astype(np.float64) - self.share_ppm / PPM
        return Cap(name=self.name, measure=self.measure, bound=self.left, weight=weight)


@dataclass(frozen=True, slots=True)
class PostedPrices:
    """What was found. `prices` is None where no prices keep all caps: then nobody may use more of any.

    `gap` is how much more than the choices at these prices any plan whatever could earn, as a share of that.
    """

    prices: Floats | None  # (caps,)
    choice: Positions  # (lines,)
    gap: float


def post_prices(problem: Problem) -> PostedPrices:
    """Prices at which every line's own best choice keeps the caps; choice 0 of every line must keep them.

    From the prices that minimize the dual, those of caps that are passed rise, a billionth at first and twice as much
    each time, until all are kept; halving then takes back what was too much. A tie goes to the lower choice.

    Three lines earn 5, 4 and 3 for 10 of a cap of 25. At a price of a little over 0.3 the first two still gain:

    >>> problem = Problem(
    ...     profit=np.array([[0.0, 5.0], [0.0, 4.0], [0.0, 3.0]]), measures=(np.array([[0.0, 10.0]] * 3),),
    ...     measure_of=(0,), weights=(None,), bounds=np.array([25.0]))
    >>> posted = post_prices(problem)
    >>> posted.choice.tolist(), bool(0.3 <= posted.prices[0] < 0.4)
    ([1, 1, 0], True)
    """
    free = np.zeros(problem.caps)
    choice = best_choices(problem, free)
    if problem.lines == 0 or _keeps(problem, choice):
        return PostedPrices(free, choice, 0.0)
    seen = survey(problem)
    dual = nearly_minimized(problem, seen, tolerance=_TOLERANCE, progress=None)
    start, bound = dual.best.prices, dual.best.value
    prices = _raised(problem, start, unit=start + _FLOOR * seen.price_unit)
    choice = np.zeros(problem.lines, dtype=np.int64)
    if prices is not None:
        prices = _lowered(problem, start, prices)
        choice = best_choices(problem, prices)
    profit = problem.total_profit(choice)
    return PostedPrices(prices, choice, max(bound - profit, 0.0) / max(abs(bound), 1.0))


def _keeps(problem: Problem, choice: Positions) -> bool:
    return bool((problem.usage(choice) <= problem.bounds).all())


def _raised(problem: Problem, start: Floats, *, unit: Floats) -> Floats | None:
    prices, rise = start, _FIRST_RISE
    for _ in range(_RISES_MAX):
        over = problem.usage(best_choices(problem, prices)) > problem.bounds
        if not over.any():
            return prices
        prices = np.where(over, prices + rise * unit, prices)
        rise *= 2.0
    return None


def _lowered(problem: Problem, low: Floats, high: Floats) -> Floats:
    """Prices between the two, as near to the low ones as halving finds them to keep the caps."""
    if _keeps(problem, best_choices(problem, low)):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if _keeps(problem, best_choices(problem, middle)):
            high = middle
        else:
            low = middle
    return high
