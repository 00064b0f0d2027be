"""Laws of limits and of money: what must hold whatever the line, the cap and the amounts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.portfolio.book import book_of, sum_book, sum_by_grade
from tallystick.strategy.choices import LimitRules, choices_of, highest_increase, limit_grid
from tallystick.strategy.economics import read_economics
from tallystick.strategy.limits import LimitPlan, LimitReason, limit_menu, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.policy import standard_strategy_files
from tallystick.strategy.prices import price_grades
from tallystick.units.money import whole_minor

ECONOMICS = read_economics(standard_strategy_files()["economics.toml"])
PRICES = price_grades(ECONOMICS, legal_cap_ppm=240_000)
STEP = 100_000


@st.composite
def books(draw: st.DrawFn) -> Lines:
    count = draw(st.integers(1, 6))

    def column(each: st.SearchStrategy[object], kind: type) -> np.ndarray:
        return np.array(draw(st.lists(each, min_size=count, max_size=count)), dtype=kind)

    return Lines(
        limit_minor=column(st.integers(1, 9_000_000), np.int64),
        drawn_minor=column(st.integers(0, 12_000_000), np.int64),
        pd_ppm=column(st.integers(0, 1_000_000), np.int64),
        grade=column(st.integers(0, 7), np.int64),
        income_month_minor=column(st.one_of(st.just(np.nan), st.integers(0, 3_000_000)), np.float64),
        present_rate_ppm=column(st.one_of(st.just(np.nan), st.integers(0, 240_000)), np.float64),
        may_increase=column(st.booleans(), np.bool_),
        may_decrease=column(st.booleans(), np.bool_),
    )


rules = st.builds(
    LimitRules,
    step_minor=st.just(STEP),
    lowest_minor=st.integers(1, 1_000_000),
    largest_increase_ratio_ppm=st.integers(0, 2_000_000),
    largest_increase_minor=st.integers(0, 3_000_000),
    income_multiple_ppm=st.integers(0, 5_000_000),
    person_cap_minor=st.integers(500_000, 20_000_000),
)
caps = st.integers(0, 6_000_000)


@given(lines=books(), rule=rules, cap=caps)
def test_no_choice_breaks_a_guard_and_to_stay_is_always_one(lines: Lines, rule: LimitRules, cap: int) -> None:
    choices = choices_of(lines, grid_minor=limit_grid(cap_minor=cap, rules=rule), rules=rule)
    limit, allowed, present = choices.limit_minor, choices.allowed, lines.limit_minor[:, None]
    up, down = allowed & (limit > present), allowed & (limit < present)
    assert allowed[:, 0].all()
    assert (limit[:, 0] == lines.limit_minor).all()
    assert (lines.may_increase | ~up.any(axis=1)).all()
    assert (lines.may_decrease | ~down.any(axis=1)).all()
    assert (limit >= lines.drawn_minor[:, None])[up | down].all()
    assert (limit[up] <= min(cap, rule.person_cap_minor)).all()
    assert (limit <= highest_increase(lines, rules=rule)[:, None])[up].all()
    assert (limit[up | down] % STEP == 0).all()
    assert (limit[up | down] >= rule.lowest_minor).all()


@given(lines=books(), rule=rules, cap=caps, more=st.integers(0, 3_000_000))
def test_a_higher_cap_takes_no_choice_away_that_matters(lines: Lines, rule: LimitRules, cap: int, more: int) -> None:
    """Under a higher cap every line keeps its increases; a decrease may be replaced by a finer one, never lost."""
    for line in range(len(lines)):
        one = lines.between(line, line + 1)
        low, high = (
            choices_of(one, grid_minor=limit_grid(cap_minor=each, rules=rule), rules=rule) for each in (cap, cap + more)
        )
        few = set(low.limit_minor[low.allowed].tolist())
        assert few <= set(high.limit_minor[high.allowed].tolist())
        assert min(few) == high.limit_minor[high.allowed].min()


@settings(max_examples=40)
@given(lines=books(), rule=rules, cap=caps)
def test_a_plan_never_earns_less_than_to_leave_all_as_it_is(lines: Lines, rule: LimitRules, cap: int) -> None:
    menu = limit_menu(lines, cap_minor=cap, rules=rule, economics=ECONOMICS, prices=PRICES)
    plan = plan_limits(lines, menu, caps=(), rules=rule, tolerance=1e-6)
    assert isinstance(plan, LimitPlan)
    column = ((menu.choices.limit_minor == plan.limit_minor[:, None]) & menu.choices.allowed).argmax(axis=1)
    planned = menu.profit[np.arange(len(lines)), column].sum()
    assert planned >= menu.profit[:, 0].sum() - 1e-6 * max(abs(planned), 1.0)
    rose, fell = plan.limit_minor > lines.limit_minor, plan.limit_minor < lines.limit_minor
    assert ((plan.reason == LimitReason.INCREASE_OFFERED) == rose).all()
    assert ((plan.reason == LimitReason.DECREASED_FOR_RISK) == fell).all()
    assert ((plan.reason == LimitReason.NOT_ELIGIBLE) == (~lines.may_increase & ~fell)).all()


@settings(max_examples=60)
@given(lines=books())
def test_the_book_sums_to_the_cent_and_worse_years_cost_more(lines: Lines) -> None:
    book = book_of(lines, lines.limit_minor, economics=ECONOMICS, prices=PRICES)
    total, grades = sum_book(book), sum_by_grade(book, lines.grade, grades=8)
    for name in ("limit_minor", "drawn_minor", "ead_minor", "profit_minor", "expected_loss_minor", "capital_minor"):
        assert getattr(total, name) == sum(getattr(grade, name) for grade in grades) == getattr(book, name).sum()
    for name, loss in total.stress_loss_minor.items():
        assert loss == sum(grade.stress_loss_minor[name] for grade in grades)
    losses = book.stress_loss_minor
    assert (losses["base"] <= losses["adverse"]).all()
    assert (losses["adverse"] <= losses["severe"]).all()
    assert (book.expected_loss_minor <= losses["severe"]).all()
    assert (book.provision_minor <= book.expected_loss_minor).all()
    assert (book.ead_minor >= book.drawn_minor).all()


@given(amounts=st.lists(st.floats(-1e12, 1e12), max_size=20))
def test_rounding_moves_no_amount_by_more_than_half_a_unit(amounts: list[float]) -> None:
    rounded = whole_minor(amounts)
    assert np.abs(rounded - np.array(amounts, dtype=np.float64)).max(initial=0.0) <= 0.5
    assert whole_minor(rounded).tolist() == rounded.tolist() == pytest.approx(rounded.tolist())
