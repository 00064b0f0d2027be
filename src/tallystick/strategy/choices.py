"""Which limits a line may be given: the grid up to the cap plus its present limit, within every guard."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.strategy.lines import Flags, Integers, Lines
from tallystick.units.rates import PPM


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The guards of a strategy; amounts in minor units, ratios in ppm."""

    step_minor: int
    lowest_minor: int
    largest_increase_ratio_ppm: int
    largest_increase_minor: int
    income_multiple_ppm: int
    person_cap_minor: int  # the legal one


@dataclass(frozen=True, slots=True)
class Choices:
    """Column 0 is the present limit, then the grid, last the lowest limit that covers what is drawn."""

    limit_minor: Integers  # (lines, choices)
    allowed: Flags  # (lines, choices)


def limit_grid(*, cap_minor: int, rules: LimitRules) -> Integers:
    """Whole steps from the lowest limit up to the cap, which the law's cap per person bounds.

    >>> rules = LimitRules(100_000, 100_000, 1_000_000, 2_000_000, 3_000_000, 20_000_000)
    >>> limit_grid(cap_minor=350_000, rules=rules).tolist()
    [100000, 200000, 300000]
    """
    highest = min(cap_minor, rules.person_cap_minor)
    first = int(step_covering(np.int64(rules.lowest_minor), rules=rules))
    return np.arange(first, highest + 1, rules.step_minor, dtype=np.int64)


def choices_of(lines: Lines, *, grid_minor: Integers, rules: LimitRules) -> Choices:
    """Every line's choices: to stay is always allowed, and the cap bounds only increases.

    An increase needs eligibility and stays within the largest step, the ratio to the present limit and, where income
    is known, a multiple of it; a decrease needs a risk reason; neither ends below what is drawn. A line drawn above
    the cap can be lowered too, to the first whole step that covers it: how far risk lowers a line is not the cap's.
    """
    present = lines.limit_minor[:, None]
    grid = np.broadcast_to(grid_minor, (len(lines), grid_minor.size))
    covers = grid >= lines.drawn_minor[:, None]
    within_guards = grid <= highest_increase(lines, rules=rules)[:, None]
    increase = (grid > present) & lines.may_increase[:, None] & within_guards & covers
    decrease = (grid < present) & lines.may_decrease[:, None] & covers
    covering = step_covering(np.maximum(lines.drawn_minor, rules.lowest_minor), rules=rules)
    beyond_grid = covering > (grid_minor[-1] if grid_minor.size else 0)
    lowered = lines.may_decrease & beyond_grid & (covering < lines.limit_minor)
    stay = np.ones((len(lines), 1), dtype=np.bool_)
    return Choices(
        limit_minor=np.concatenate([present, grid, covering[:, None]], axis=1),
        allowed=np.concatenate([stay, increase | decrease, lowered[:, None]], axis=1),
    )


def lowest_increase(lines: Lines, *, rules: LimitRules) -> Integers:
    """The first whole step above each line's present limit that covers what is drawn, whatever the cap."""
    least = np.maximum(np.maximum(lines.limit_minor + 1, lines.drawn_minor), rules.lowest_minor)
    return step_covering(least, rules=rules)


def highest_increase(lines: Lines, *, rules: LimitRules) -> npt.NDArray[np.float64]:
    """The highest limit that the guards let each line be raised to, whatever the cap, in minor units."""
    present = lines.limit_minor.astype(np.float64)
    by_ratio = present * (1.0 + rules.largest_increase_ratio_ppm / PPM)
    by_step = present + rules.largest_increase_minor
    by_income = np.where(
        np.isnan(lines.income_month_minor), np.inf, lines.income_month_minor * (rules.income_multiple_ppm / PPM)
    )
    return np.minimum(np.minimum(by_ratio, by_step), by_income)


def step_covering(amount_minor: npt.NDArray[np.int64] | np.int64, *, rules: LimitRules) -> Integers:
    """The first whole step that covers an amount.

    >>> rules = LimitRules(100_000, 100_000, 1_000_000, 2_000_000, 3_000_000, 20_000_000)
    >>> step_covering(np.array([412_300, 500_000]), rules=rules).tolist()
    [500000, 500000]
    """
    steps: Integers = -(-np.asarray(amount_minor, dtype=np.int64) // rules.step_minor)
    return steps * rules.step_minor
