"""Prices that minimize the dual, from coarse to fine: a sample of lines, all lines, then the lines still open."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tallystick.strategy.dual import DualAnswer, PriceBox, Search, minimize_dual
from tallystick.strategy.knapsack import Core, Floats, Problem, Survey, core_within, survey

_SAMPLE_FROM: Final = 10_000  # lines; fewer are as quick as their sample
_SAMPLE_LEAST: Final = 2_000
_SAMPLE_MOST: Final = 20_000
_WARM_SHARE: Final = 0.02
_FLOOR: Final = 0.1  # of the price unit: what a price of zero counts as where a share of it is taken
_CORES_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The dual solved to the last digits on the lines that it leaves open: where a plan is made from it."""

    core: Core
    dual: DualAnswer  # of the core


def nearly_minimized(
    problem: Problem, seen: Survey, *, tolerance: float, progress: Callable[[int, float], None] | None
) -> DualAnswer:
    """The dual over all lines to within a tenth of the tolerance, or a value that proves there is no plan."""
    search = Search(
        start=np.zeros(problem.caps),
        box=PriceBox.unbounded(problem.caps),
        radius=seen.price_unit,
        left=tolerance / 10 * value_scale(seen),
        proof=proof_of_no_plan(seen),
    )
    warm = _sampled_prices(problem) if problem.lines >= _SAMPLE_FROM else None
    if warm is not None:
        search = replace(search, start=warm, radius=_share_of(warm, seen, share=_WARM_SHARE))
    return minimize_dual(problem, search, progress=progress)


def relaxed_around(problem: Problem, seen: Survey, *, prices: Floats, share: float) -> Relaxation:
    """The dual on the lines that stay open where each price moves by `share` of it.

    Where the lowest value lies at an end of that box, the box follows it, wider for the caps concerned.
    """
    reach = _share_of(prices, seen, share=share)
    for _ in range(_CORES_MAX):
        core = core_within(problem, prices=prices, reach=reach)
        box = PriceBox.around(prices, reach=reach)
        left = 1e-11 * value_scale(seen)
        dual = minimize_dual(core.problem, Search(start=prices, box=box, radius=reach / 4, left=left))
        prices, cut_off = dual.best.prices, box.cut_off(dual.best.prices)
        if not cut_off.any():
            break
        reach = np.where(cut_off, 4.0 * reach, reach)
    return Relaxation(core=core, dual=dual)


def proof_of_no_plan(seen: Survey) -> float:
    """A dual value that no plan can be below of."""
    return seen.least_profit - 1e-9 * max(abs(seen.least_profit), seen.profit_spread)


def value_scale(seen: Survey) -> float:
    """What shares of the dual's value are taken of: the most any plan could earn, or all at stake where that is 0."""
    return max(abs(seen.least_profit + seen.profit_spread), 1e-3 * seen.profit_spread, 1e-300)


def _share_of(prices: Floats, seen: Survey, *, share: float) -> Floats:
    return share * (prices + _FLOOR * seen.price_unit)


def _sampled_prices(problem: Problem) -> Floats:
    """Prices of every k-th line, its bounds scaled to their number: full passes are then few."""
    most = min(max(problem.lines // 10, _SAMPLE_LEAST), _SAMPLE_MOST)
    positions = np.arange(0, problem.lines, -(-problem.lines // most))
    sample = problem.only(positions, bounds=problem.bounds * (positions.size / problem.lines))
    seen = survey(sample)
    search = Search(
        start=np.zeros(problem.caps),
        box=PriceBox.unbounded(problem.caps),
        radius=seen.price_unit,
        left=1e-6 * value_scale(seen),
        proof=proof_of_no_plan(seen),
    )
    return minimize_dual(sample, search).best.prices
