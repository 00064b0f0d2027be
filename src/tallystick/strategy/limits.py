"""The limit of every line under one cap: choices, figures, portfolio caps, optimization, and why each came out so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.strategy.choices import Choices, LimitRules, choices_of, highest_increase, limit_grid, lowest_increase
from tallystick.strategy.economics import Economics
from tallystick.strategy.lines import Flags, Floats, Integers, Lines
from tallystick.strategy.optimizer import Cap, Infeasible, Plan, optimize
from tallystick.strategy.prices import Price
from tallystick.strategy.profit import limit_figures
from tallystick.units.rates import PPM

MEASURES: Final = ("limit", "drawn", "expected_loss")
_CHUNK_LINES: Final = 16_384

Progress = Callable[[int, float], None]


class LimitReason(StrEnum):
    """Why a line's limit came out as it did. Never reused; the order is that of precedence."""

    INCREASE_OFFERED = "INCREASE_OFFERED"
    DECREASED_FOR_RISK = "DECREASED_FOR_RISK"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    ABOVE_CAP_ALREADY = "ABOVE_CAP_ALREADY"
    AFFORDABILITY = "AFFORDABILITY"
    LARGEST_STEP = "LARGEST_STEP"
    PORTFOLIO_CAP = "PORTFOLIO_CAP"
    NO_GAIN = "NO_GAIN"


# Chinese, English.
LIMIT_REASON_TEXTS: Final[Mapping[LimitReason, tuple[str, str]]] = {
    LimitReason.INCREASE_OFFERED: ("提额邀约", "an increase is offered"),
    LimitReason.DECREASED_FOR_RISK: ("因风险下调", "lowered for a risk reason"),
    LimitReason.NOT_ELIGIBLE: ("不符合提额条件", "not eligible for an increase"),
    LimitReason.ABOVE_CAP_ALREADY: ("现有额度已达或超过上限", "at or above the cap already"),
    LimitReason.AFFORDABILITY: ("受收入限制", "held by income"),
    LimitReason.LARGEST_STEP: ("受单次提额幅度限制", "held by the largest step"),
    LimitReason.PORTFOLIO_CAP: ("受组合上限限制", "held by a portfolio cap"),
    LimitReason.NO_GAIN: ("提额不增加预期利润", "a higher limit would not earn more"),
}


@dataclass(frozen=True, slots=True)
class PortfolioCap:
    """One bound on the whole book. A segment cap bounds the segment's share of the measure, in ppm."""

    name: str
    zh: str
    en: str
    measure: str  # one of MEASURES
    bound: int  # minor units, or ppm for a segment's share
    segment: Flags | None = None  # (lines,): which lines belong; None = a cap on the sum

    def as_resource(self) -> Cap:
        """The cap as the optimizer wants it: a share bound becomes a weighted sum that may not pass zero."""
        if self.segment is None:
            return Cap(name=self.name, measure=self.measure, bound=float(self.bound), weight=None)
        weight = self.segment.astype(np.float64) - self.bound / PPM
        return Cap(name=self.name, measure=self.measure, bound=0.0, weight=weight)


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """The limits under one cap, and the certificate of how far from the best they may be."""

    cap_minor: int
    limit_minor: Integers  # (lines,)
    reason: npt.NDArray[np.str_]  # (lines,) LimitReason
    gap_ppm: float
    multipliers: Mapping[str, float]  # profit per unit of each cap's measure


@dataclass(frozen=True, slots=True)
class Menu:
    """Every line's choices under a cap with their expected figures, ready to be optimized under portfolio caps."""

    cap_minor: int
    choices: Choices
    profit: Floats  # (lines, choices)
    measures: Mapping[str, Floats]


def limit_menu(
    lines: Lines, *, cap_minor: int, rules: LimitRules, economics: Economics, prices: tuple[Price, ...]
) -> Menu:
    """Every line's choices under a cap on limits, and what each is expected to earn and to use."""
    choices = choices_of(lines, grid_minor=limit_grid(cap_minor=cap_minor, rules=rules), rules=rules)
    return menu_of(lines, choices, cap_minor=cap_minor, economics=economics, prices=prices)


def menu_of(lines: Lines, choices: Choices, *, cap_minor: int, economics: Economics, prices: tuple[Price, ...]) -> Menu:
    """Figures of the choices of all lines, built in chunks so that no temporary outgrows the answer."""
    shape = choices.limit_minor.shape
    profit = np.empty(shape)
    measures = {
        "limit": choices.limit_minor.astype(np.float64),
        "drawn": np.empty(shape),
        "expected_loss": np.empty(shape),
    }
    for start in range(0, len(lines), _CHUNK_LINES):
        end = min(start + _CHUNK_LINES, len(lines))
        figures = limit_figures(
            lines.between(start, end), choices.limit_minor[start:end], economics=economics, prices=prices
        )
        profit[start:end] = figures.profit
        measures["drawn"][start:end] = figures.drawn
        measures["expected_loss"][start:end] = figures.expected_loss
    return Menu(cap_minor=cap_minor, choices=choices, profit=profit, measures=measures)


def plan_limits(
    lines: Lines,
    menu: Menu,
    *,
    caps: Sequence[PortfolioCap],
    rules: LimitRules,
    tolerance: float,
    progress: Progress | None = None,
) -> LimitPlan | Infeasible:
    """Maximize expected profit over every line's choices under the portfolio caps.

    Returns `Infeasible`, naming the cap and by how much, where no set of choices keeps all of them.
    """
    if len(lines) == 0:
        empty = np.zeros(0, dtype=np.int64)
        return LimitPlan(menu.cap_minor, empty, np.zeros(0, dtype=np.str_), 0.0, {cap.name: 0.0 for cap in caps})
    plan = optimize(
        profit=menu.profit,
        measures=menu.measures,
        allowed=menu.choices.allowed,
        caps=[cap.as_resource() for cap in caps],
        tolerance=tolerance,
        progress=progress,
    )
    if isinstance(plan, Infeasible):
        return plan
    chosen = menu.choices.limit_minor[np.arange(len(lines)), plan.choice]
    return LimitPlan(
        cap_minor=menu.cap_minor,
        limit_minor=chosen,
        reason=_reasons(lines, menu, chosen=chosen, rules=rules),
        gap_ppm=plan.gap * PPM,
        multipliers=_multipliers(plan, caps),
    )


def _multipliers(plan: Plan, caps: Sequence[PortfolioCap]) -> dict[str, float]:
    return {cap.name: float(multiplier) for cap, multiplier in zip(caps, plan.multipliers, strict=True)}


def _reasons(lines: Lines, menu: Menu, *, chosen: Integers, rules: LimitRules) -> npt.NDArray[np.str_]:
    """Why each limit came out so; the first that holds, in the order of `LimitReason`."""
    present = lines.limit_minor
    unbounded = np.where(menu.choices.allowed, menu.profit, -np.inf)
    would_rise = unbounded.argmax(axis=1) > 0
    guard = highest_increase(lines, rules=rules)
    next_step = lowest_increase(lines, rules=rules)
    by_income = lines.income_month_minor * (rules.income_multiple_ppm / PPM) < next_step
    conditions = {
        LimitReason.INCREASE_OFFERED: chosen > present,
        LimitReason.DECREASED_FOR_RISK: chosen < present,
        LimitReason.NOT_ELIGIBLE: ~lines.may_increase,
        LimitReason.ABOVE_CAP_ALREADY: next_step > min(menu.cap_minor, rules.person_cap_minor),
        LimitReason.AFFORDABILITY: by_income,
        LimitReason.LARGEST_STEP: guard < next_step,
        LimitReason.PORTFOLIO_CAP: would_rise,
    }
    return np.select(
        list(conditions.values()), [reason.value for reason in conditions], default=LimitReason.NO_GAIN.value
    )
