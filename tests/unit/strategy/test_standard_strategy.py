"""The standard strategy at work: who is eligible, what a line earns by hand, and what the portfolio caps hold back."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from tallystick.strategy.choices import LimitRules
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.economics import StrategyFaults, read_economics
from tallystick.strategy.limits import LimitPlan, LimitReason, PortfolioCap, limit_menu, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Infeasible
from tallystick.strategy.policy import read_strategy, standard_strategy_files
from tallystick.strategy.prices import price_grades
from tallystick.strategy.profit import limit_figures

TEXTS = standard_strategy_files()
ECONOMICS = read_economics(TEXTS["economics.toml"])
PRICES = price_grades(ECONOMICS, legal_cap_ppm=240_000)
RULES = LimitRules(
    step_minor=100_000,
    lowest_minor=100_000,
    largest_increase_ratio_ppm=1_000_000,
    largest_increase_minor=2_000_000,
    income_multiple_ppm=3_000_000,
    person_cap_minor=20_000_000,
)
GRADES = {name: place for place, name in enumerate(ECONOMICS.grade_names())}


def _lines(*cases: dict[str, Any]) -> Lines:
    usual = {
        "limit": 1_000_000, "drawn": 400_000, "pd": 53_000, "grade": "D", "income": np.nan, "rate": np.nan,
        "up": True, "down": False,
    }  # fmt: skip
    rows = [{**usual, **case} for case in cases]
    return Lines(
        limit_minor=np.array([row["limit"] for row in rows], dtype=np.int64),
        drawn_minor=np.array([row["drawn"] for row in rows], dtype=np.int64),
        pd_ppm=np.array([row["pd"] for row in rows], dtype=np.int64),
        grade=np.array([GRADES[row["grade"]] for row in rows], dtype=np.int64),
        income_month_minor=np.array([row["income"] for row in rows], dtype=np.float64),
        present_rate_ppm=np.array([row["rate"] for row in rows], dtype=np.float64),
        may_increase=np.array([row["up"] for row in rows], dtype=np.bool_),
        may_decrease=np.array([row["down"] for row in rows], dtype=np.bool_),
    )


def _plan(lines: Lines, *, cap: int = 5_000_000, caps: tuple[PortfolioCap, ...] = ()) -> LimitPlan | Infeasible:
    menu = limit_menu(lines, cap_minor=cap, rules=RULES, economics=ECONOMICS, prices=PRICES)
    return plan_limits(lines, menu, caps=caps, rules=RULES, tolerance=1e-6)


def test_how_far_risk_lowers_a_line_does_not_depend_on_the_cap() -> None:
    risky = _lines({"limit": 9_000_000, "drawn": 4_250_000, "pd": 400_000, "grade": "H", "up": False, "down": True})
    for cap in (3_000_000, 5_000_000):
        plan = _plan(risky, cap=cap)
        assert isinstance(plan, LimitPlan)
        assert plan.limit_minor.tolist() == [4_300_000]
        assert plan.reason.tolist() == [LimitReason.DECREASED_FOR_RISK]


def test_a_portfolio_cap_holds_increases_back_and_says_so() -> None:
    lines = _lines(*[{"grade": "E", "pd": 88_000}] * 40)
    today = 40 * 400_000
    cap = PortfolioCap("exposure", "余额", "drawn", "drawn", bound=today + 350_000)
    plan = _plan(lines, caps=(cap,))
    assert isinstance(plan, LimitPlan)
    held = plan.reason == LimitReason.PORTFOLIO_CAP
    assert 0 < held.sum() < 40
    figures = limit_figures(lines, plan.limit_minor[:, None], economics=ECONOMICS, prices=PRICES)
    assert figures.drawn.sum() <= cap.bound
    assert plan.multipliers["exposure"] > 0


def test_a_segment_cap_bounds_the_share() -> None:
    lines = _lines(*[{"grade": "E", "pd": 88_000}] * 20, *[{"grade": "D"}] * 20)
    weak = lines.grade == GRADES["E"]
    plan = _plan(lines, caps=(PortfolioCap("weak_share", "占比", "share", "drawn", bound=510_000, segment=weak),))
    assert isinstance(plan, LimitPlan)
    drawn = limit_figures(lines, plan.limit_minor[:, None], economics=ECONOMICS, prices=PRICES).drawn[:, 0]
    assert drawn[weak].sum() <= 0.51 * drawn.sum() * (1 + 1e-9)
    free = _plan(lines)
    assert isinstance(free, LimitPlan)
    assert plan.limit_minor.sum() < free.limit_minor.sum()


def test_profit_of_one_line_by_hand() -> None:
    """10,000 yuan limit, 4,000 drawn, grade D, PD 5.3 %: a pencil gives the same to the last digit."""
    lines = _lines({"rate": 180_000.0})
    now = limit_figures(lines, np.array([[1_000_000]]), economics=ECONOMICS, prices=PRICES)
    assert now.drawn[0, 0] == 400_000
    assert now.ead[0, 0] == pytest.approx(400_000 * 1.59)
    assert now.expected_loss[0, 0] == pytest.approx(0.053 * 0.7 * 636_000)
    paying = 0.91 * 400_000
    revenue = 0.18 * paying + 0.072 * (400_000 - paying)
    assert now.revenue[0, 0] == pytest.approx(revenue)
    capital = now.capital[0, 0]
    assert now.profit[0, 0] == pytest.approx(revenue - 400_000 * 0.055 - 0.053 * 0.7 * 636_000 - 0.12 * capital)
    more = limit_figures(lines, np.array([[2_000_000]]), economics=ECONOMICS, prices=PRICES)
    propensity = 0.24 * 0.52  # less than half is used
    assert more.drawn[0, 0] == pytest.approx(400_000 + propensity * 1_000_000)
    odds = 0.053 / 0.947 * 1.05
    assert more.pd[0, 0] == pytest.approx(odds / (1 + odds))
    assert more.revenue[0, 0] - revenue == pytest.approx(propensity * 1_000_000 * PRICES[GRADES["D"]].price_ppm / 1e6)


FEATURES = {name: ColumnType("number") for name in (
    "months_past_due_m0", "months_past_due_max_6m", "utilization_m0", "months_on_book"
)}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ({}, "ELIGIBLE"),
        ({"months_past_due_m0": np.nan}, "HISTORY_MISSING"),
        ({"utilization_m0": np.nan}, "HISTORY_MISSING"),
        ({"months_past_due_m0": 2.0}, "PAST_DUE_TWO_MONTHS"),
        ({"months_past_due_m0": 1.0}, "PAST_DUE"),
        ({"months_past_due_max_6m": 2.0}, "RECENTLY_PAST_DUE"),
        ({"pd_ppm": 250_000}, "HIGH_RISK"),
        ({"price_offered": False}, "PRICE_ABOVE_LEGAL_CAP"),
        ({"months_on_book": 5.0}, "LINE_TOO_YOUNG"),
        ({"months_on_book": np.nan}, "ELIGIBLE"),  # not told is not young
        ({"utilization_m0": 1.01}, "OVER_LIMIT"),
    ],
)
def test_eligibility_of_the_standard_strategy(case: dict[str, Any], code: str) -> None:
    strategy = read_strategy(TEXTS, features=FEATURES, on=date(2026, 11, 23))
    usual: dict[str, Any] = {
        "months_past_due_m0": 0.0, "months_past_due_max_6m": 0.0, "utilization_m0": 0.4, "months_on_book": 24.0,
        "pd_ppm": 53_000, "grade": "D", "price_offered": True,
    }  # fmt: skip
    columns = {name: np.array([value]) for name, value in {**usual, **case}.items()}
    decided = strategy.eligibility.decide(columns)
    assert decided.reason.tolist() == [code]
    assert (decided.outputs["increase"] == "allowed").tolist() == [code == "ELIGIBLE"]
    assert (decided.outputs["decrease"] == "allowed").tolist() == [code in ("HIGH_RISK", "PAST_DUE_TWO_MONTHS")]


def test_a_strategy_is_refused_with_the_faults_of_all_its_files() -> None:
    broken = {
        "strategy.toml": TEXTS["strategy.toml"]
        .replace('jurisdiction = "CN"', 'jurisdiction = "XX"')
        .replace("step_minor", "stepp_minor")
        .replace('measure = "expected_loss"', 'measure = "loss"'),
        "economics.toml": TEXTS["economics.toml"].replace("value = 700_000", 'value = "much"'),
        "grades.csv": TEXTS["grades.csv"],
        "eligibility.csv": TEXTS["eligibility.csv"].replace("months_on_book", "months_on_bok"),
    }
    with pytest.raises(StrategyFaults) as caught:
        read_strategy(broken, features=FEATURES, on=date(2026, 11, 23))
    told = "\n".join(caught.value.faults)
    for part in (
        "economics.toml: lgd_ppm",
        "strategy.toml: jurisdiction: no price cap is known",
        "limits.stepp_minor: not known",
        "limits.step_minor: must be a whole number from 1",
        "measure: must be one of limit, drawn, expected_loss",
        "eligibility.csv, row 8",
    ):
        assert part in told
    with pytest.raises(StrategyFaults, match=r"grades\.csv: missing from the strategy folder"):
        read_strategy({"strategy.toml": ""}, features={}, on=date(2026, 11, 23))
