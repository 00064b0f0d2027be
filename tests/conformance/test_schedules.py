"""Every published schedule is reproduced to the cent, and the command says so in one object."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.schedule_terms import order_of, plan_terms_of
from tests.conformance.schedules import difference, judge, main

from tallystick.servicing.allocation import InAdvance
from tallystick.terms.plan_terms import Amortization
from tallystick.terms.product import Component


@pytest.fixture(scope="module")
def cases(published_cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return published_cases


def test_every_published_schedule_is_reproduced(cases: Sequence[dict[str, Any]]) -> None:
    assert judge(cases)["differences"] == []


def test_the_command_prints_one_object(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(shared_data / "installment_schedules.json"), "--json"])
    outcome = json.loads(capsys.readouterr().out)
    assert code == 0
    assert set(outcome) == {"passed", "failed", "differences"}
    assert outcome["passed"] >= 100


def test_a_figure_that_is_a_cent_off_is_told(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(next(case for case in cases if case["timeline"][1].get("expect") == "schedule"))
    case["timeline"][1]["rows"][1]["interest"] = "0.01"
    found = difference(case)
    assert found is not None
    assert found["key"] == "rows[1].interest"
    assert found["expected"] == "0.01"


def test_a_missing_row_is_told(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(next(case for case in cases if case["timeline"][1].get("expect") == "schedule"))
    del case["timeline"][1]["rows"][-1]
    assert difference(case) is not None


def test_an_event_that_is_not_known_is_named(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(cases[0])
    case["timeline"].insert(0, {"on": "2024-01-01", "event": "teleport", "date": "2024-01-01"})
    found = difference(case)
    assert found is not None
    assert "'teleport' is not known" in found["problem"]


def test_the_text_form_counts_and_lists(
    cases: Sequence[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.json"
    file.write_text(json.dumps({"cases": [cases[0], {"id": "empty"}]}))
    assert main([str(file)]) == 1
    counted, told = capsys.readouterr().out.splitlines()
    assert counted == "1 passed, 1 failed"
    assert json.loads(told) == {"id": "empty", "place": -1, "key": "", "problem": "'product' is missing"}


@pytest.mark.parametrize(
    ("part", "field", "word"),
    [
        ("product", "schedule_type", "SPIRAL"),
        ("product", "schedule_processing", "DIAGONAL"),
        ("product", "days_in_year", "361"),
        ("product", "days_in_year_custom_strategy", "FEB_30"),
        ("product", "repayment_start_date_type", "WEDDING_DAY"),
        ("product", "month_end_due_date_strategy", "SKIP"),
        ("product", "product_charges", ["NSF"]),
        ("loan", "repay_unit", "FORTNIGHTS"),
        ("loan", "amortization", "BALLOON"),
        ("loan", "interest_method", "COMPOUND"),
        ("loan", "interest_calculation_period", "HOURLY"),
        ("loan", "rate_period", "DECADE"),
        ("loan", "rate_percent", "ten"),
        ("recalculation", "rest", "WEEKLY"),
        ("recalculation", "rest_interval", "2"),
        ("recalculation", "preclose", "NEVER"),
        ("recalculation", "reschedule_strategy", "FORGET"),
        ("recalculation", "compounding", "INTEREST"),
    ],
)
def test_a_setting_that_is_not_known_is_refused_by_name(
    cases: Sequence[dict[str, Any]], part: str, field: str, word: object
) -> None:
    case = deepcopy(next(case for case in cases if case["product"].get("recalculation")))
    assert difference(case) is None
    settings = case["product"]["recalculation"] if part == "recalculation" else case[part]
    settings[field] = word
    found = difference(case)
    assert found is not None
    assert field in found["problem"]
    assert repr(word) in found["problem"]


def test_multiples_of_a_currency_matter_only_where_it_has_no_minor_unit(cases: Sequence[dict[str, Any]]) -> None:
    product, loan = cases[0]["product"], cases[0]["loan"]
    terms = plan_terms_of({**product, "currency_in_multiples_of": 5}, loan)
    assert terms == plan_terms_of(product, loan)
    with pytest.raises(ValueError, match="currency_in_multiples_of: 5 is not supported"):
        plan_terms_of({**product, "currency_in_multiples_of": 5, "decimals": 0}, loan)


def test_equal_principal_may_be_told_in_either_word(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(next(case for case in cases if case["product"]["schedule_type"] == "CUMULATIVE"))
    del case["timeline"][1:]
    for word in ("EQUAL_PRINCIPAL", "EQUAL_PRINCIPAL_PAYMENTS"):
        case["loan"]["amortization"] = word
        assert plan_terms_of(case["product"], case["loan"]).amortization is Amortization.EQUAL_PRINCIPAL


@pytest.mark.parametrize(
    ("field", "value"), [("loan", None), ("timeline", None), ("timeline", [{}]), ("product", []), ("timeline", "day")]
)
def test_a_case_that_cannot_be_read_is_a_difference_and_the_others_are_judged(
    cases: Sequence[dict[str, Any]], field: str, value: object
) -> None:
    outcome = judge([{**cases[0], field: value}, cases[0]])
    assert (outcome["passed"], outcome["failed"]) == (1, 1)
    assert outcome["differences"][0]["id"] == cases[0]["id"]


@pytest.mark.parametrize("amount", ["10.005", "ten", "NaN"])
def test_an_amount_that_no_money_has_is_told(cases: Sequence[dict[str, Any]], amount: str) -> None:
    case = deepcopy(next(case for case in cases if case["timeline"][0].get("event") == "disburse"))
    case["timeline"][0]["amount"] = amount
    found = difference(case)
    assert found is not None
    assert "amount: " in found["problem"]


def test_an_order_that_a_case_does_not_tell_is_that_of_the_other_systems_tests() -> None:
    product = {"payment_allocation": None, "schedule_processing": None}
    order = order_of(product, {"payment_strategy": "ADVANCED_PAYMENT_ALLOCATION"}, transaction="REPAYMENT")
    assert order.in_advance is InAdvance.NEXT
    assert [step.component for step in order.steps[:4]] == [
        Component.PENALTY, Component.FEE, Component.PRINCIPAL, Component.INTEREST,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="payment_strategy: 'ALPHABETICAL' is not an order"):
        order_of(product, {"payment_strategy": "ALPHABETICAL_ORDER"}, transaction="REPAYMENT")
