"""Runs limits.toml: one line, one cap, the limit and the reason that a credit officer expects."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tallystick.strategy.columns import ColumnType
from tallystick.strategy.limits import LimitPlan, LimitReason, PortfolioCap, limit_menu, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.policy import read_strategy, standard_strategy_files
from tallystick.strategy.prices import price_grades

SCENARIOS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("limits.toml").read_text(encoding="utf-8")
)["scenario"]  # fmt: skip
FIELDS = {
    "title", "cap", "limit", "drawn", "grade", "pd_percent", "income", "may_rise", "may_fall", "book_drawn_at_most",
    "expected_limit", "expected_reason",
}  # fmt: skip
STRATEGY = read_strategy(
    standard_strategy_files(),
    features={
        name: ColumnType("number")
        for name in ("months_past_due_m0", "months_past_due_max_6m", "utilization_m0", "months_on_book")
    },
    on=date(2026, 11, 23),
)


def _line(scenario: dict[str, Any]) -> Lines:
    grade = STRATEGY.economics.grade_names().index(scenario.get("grade", "E"))
    return Lines(
        limit_minor=np.array([scenario.get("limit", 10_000) * 100]),
        drawn_minor=np.array([scenario.get("drawn", 4_000) * 100]),
        pd_ppm=np.array([round(scenario.get("pd_percent", 8.8) * 10_000)]),
        grade=np.array([grade]),
        income_month_minor=np.array([scenario.get("income", np.nan) * 100.0]),
        present_rate_ppm=np.array([np.nan]),
        may_increase=np.array([scenario.get("may_rise", True)]),
        may_decrease=np.array([scenario.get("may_fall", False)]),
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["title"])
def test_scenario(scenario: dict[str, Any]) -> None:
    assert set(scenario) <= FIELDS
    line, rules = _line(scenario), STRATEGY.limits
    prices = price_grades(STRATEGY.economics, legal_cap_ppm=STRATEGY.price_cap.bound)
    menu = limit_menu(
        line, cap_minor=scenario["cap"] * 100, rules=rules, economics=STRATEGY.economics, prices=prices
    )  # fmt: skip
    caps = []
    if "book_drawn_at_most" in scenario:
        bound = scenario["book_drawn_at_most"] * 100
        caps = [PortfolioCap("exposure", "余额上限", "drawn balance", "drawn", bound)]
    plan = plan_limits(line, menu, caps=caps, rules=rules, tolerance=1e-6)
    assert isinstance(plan, LimitPlan)
    assert plan.limit_minor.tolist() == [scenario["expected_limit"] * 100]
    assert plan.reason.tolist() == [scenario["expected_reason"]]


def test_every_reason_has_a_scenario() -> None:
    assert {scenario["expected_reason"] for scenario in SCENARIOS} == {reason.value for reason in LimitReason}
