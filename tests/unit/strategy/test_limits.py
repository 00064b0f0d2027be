"""Plans under portfolio caps, and reasons at the edges that a usual line never meets."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tallystick.strategy.choices import LimitRules
from tallystick.strategy.economics import Economics
from tallystick.strategy.limits import LimitPlan, LimitReason, Menu, PortfolioCap, limit_menu, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Infeasible
from tallystick.strategy.prices import price_grades

OneLine = Callable[..., Lines]

RULES = LimitRules(
    step_minor=100_000,
    lowest_minor=300_000,
    largest_increase_ratio_ppm=1_000_000,
    largest_increase_minor=2_000_000,
    income_multiple_ppm=3_000_000,
    person_cap_minor=20_000_000,
)


def _menu(lines: Lines, economics: Economics, *, cap: int = 5_000_000, rules: LimitRules = RULES) -> Menu:
    prices = price_grades(economics, legal_cap_ppm=240_000)
    return limit_menu(lines, cap_minor=cap, rules=rules, economics=economics, prices=prices)


def _plan(
    lines: Lines, economics: Economics, *, cap: int = 5_000_000, rules: LimitRules = RULES,
    caps: tuple[PortfolioCap, ...] = (),
) -> LimitPlan:  # fmt: skip
    menu = _menu(lines, economics, cap=cap, rules=rules)
    plan = plan_limits(lines, menu, caps=caps, rules=rules, tolerance=1e-6)
    assert isinstance(plan, LimitPlan)
    return plan


def _cap(measure: str, bound: int, **fields: object) -> PortfolioCap:
    return replace(PortfolioCap(measure, "上限", "cap", measure, bound), **fields)  # type: ignore[arg-type]


def _usage(menu: Menu, plan: LimitPlan, measure: str) -> float:
    column = (menu.choices.limit_minor == plan.limit_minor[:, None]).argmax(axis=1)
    return float(menu.measures[measure][np.arange(column.size), column].sum())


def test_without_caps_every_line_gets_its_own_best_choice(many_lines: Lines, economics: Economics) -> None:
    menu = _menu(many_lines, economics)
    plan = _plan(many_lines, economics)
    best = np.where(menu.choices.allowed, menu.profit, -np.inf).argmax(axis=1)
    rows = np.arange(len(many_lines))
    chosen = menu.choices.limit_minor == plan.limit_minor[:, None]
    profit = np.where(chosen & menu.choices.allowed, menu.profit, -np.inf).max(axis=1)
    assert profit == pytest.approx(menu.profit[rows, best])
    assert plan.multipliers == {}


@pytest.mark.parametrize("measure", ["limit", "drawn", "expected_loss"])
def test_a_cap_on_each_measure_is_kept_and_named_among_the_multipliers(
    many_lines: Lines, economics: Economics, measure: str
) -> None:
    menu = _menu(many_lines, economics)
    free = _plan(many_lines, economics)
    figures = menu.measures[measure]
    least = np.where(menu.choices.allowed, figures, np.inf).min(axis=1).sum()
    bound = round(least + 0.9 * (_usage(menu, free, measure) - least))
    plan = _plan(many_lines, economics, caps=(_cap(measure, bound),))
    assert _usage(menu, plan, measure) <= bound
    assert list(plan.multipliers) == [measure]
    assert plan.multipliers[measure] > 0.0
    assert plan.limit_minor.sum() < free.limit_minor.sum()


def test_a_share_cap_is_a_weighted_sum_that_may_not_pass_zero() -> None:
    segment = np.array([True, False, False, True])
    resource = _cap("drawn", 250_000, segment=segment).as_resource()
    assert resource.bound == 0.0
    assert resource.weight is not None
    assert resource.weight.tolist() == [0.75, -0.25, -0.25, 0.75]
    whole = _cap("drawn", 250_000).as_resource()
    assert (whole.bound, whole.weight) == (250_000.0, None)


def test_two_caps_that_cannot_be_kept_are_both_named(one_line: OneLine, economics: Economics) -> None:
    lines = one_line(drawn=400_000)
    menu = _menu(lines, economics)
    answer = plan_limits(lines, menu, caps=(_cap("drawn", 1), _cap("limit", 2)), rules=RULES, tolerance=1e-6)
    assert isinstance(answer, Infeasible)
    assert {short.name for short in answer.shortfalls} == {"drawn", "limit"}
    assert "drawn: at least 400,000 is used, 399,999 above its bound of 1" in str(answer)


def test_an_empty_book_names_its_caps_with_nothing_earned(one_line: OneLine, economics: Economics) -> None:
    plan = _plan(one_line().between(0, 0), economics, caps=(_cap("drawn", 5),))
    assert plan.reason.size == 0
    assert plan.multipliers == {"drawn": 0.0}


def test_a_line_at_the_laws_cap_is_above_the_cap_already(one_line: OneLine, economics: Economics) -> None:
    rules = replace(RULES, person_cap_minor=1_000_000)
    plan = _plan(one_line(limit=1_000_000, drawn=900_000, grade=4, pd=88_000), economics, rules=rules)
    assert plan.limit_minor.tolist() == [1_000_000]
    assert plan.reason.tolist() == [LimitReason.ABOVE_CAP_ALREADY]


def test_a_line_too_small_to_reach_the_lowest_limit_is_held_by_the_largest_step(
    one_line: OneLine, economics: Economics
) -> None:
    plan = _plan(one_line(limit=120_000, drawn=60_000, grade=4, pd=88_000), economics)  # doubled, still below 3,000
    assert plan.limit_minor.tolist() == [120_000]
    assert plan.reason.tolist() == [LimitReason.LARGEST_STEP]


def test_a_line_drawn_beyond_what_it_may_rise_to_is_held_by_the_largest_step(
    one_line: OneLine, economics: Economics
) -> None:
    plan = _plan(one_line(limit=400_000, drawn=850_000, grade=4, pd=88_000), economics)
    assert plan.limit_minor.tolist() == [400_000]
    assert plan.reason.tolist() == [LimitReason.LARGEST_STEP]


def test_reasons_keep_their_order_of_precedence() -> None:
    assert [reason.value for reason in LimitReason] == [
        "INCREASE_OFFERED",
        "DECREASED_FOR_RISK",
        "NOT_ELIGIBLE",
        "ABOVE_CAP_ALREADY",
        "AFFORDABILITY",
        "LARGEST_STEP",
        "PORTFOLIO_CAP",
        "NO_GAIN",
    ]


def test_a_line_without_income_told_is_not_held_by_income(one_line: OneLine, economics: Economics) -> None:
    held = _plan(one_line(grade=4, pd=88_000, drawn=500_000, income=340_000.0), economics)
    assert held.reason.tolist() == [LimitReason.AFFORDABILITY]  # three months are 10,200, the next step is 11,000
    free = _plan(one_line(grade=4, pd=88_000, drawn=500_000), economics)
    assert free.reason.tolist() == [LimitReason.INCREASE_OFFERED]
