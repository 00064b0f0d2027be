"""Every published annual rate is met at its printed digits, and a wrong one is told."""

import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.apr import difference, judge, main, stated_unit_period

from tallystick.terms.unit_periods import Interval, UnitPeriod, series_days, unit_period_of, unit_spans

EXAMPLES = Path(__file__).parents[3] / "shared" / "data" / "apr_examples.json"
needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason=f"{EXAMPLES} is not here")

SINGLE = {
    "id": "one-payment",
    "regime": "US_REGZ_APPENDIX_J_ACTUARIAL",
    "amount_advanced": "1000",
    "advance_date": "1978-01-03",
    "payments": [{"date": "1978-09-15", "amount": "1080"}],
    "answer_percent": "11.45",
    "answer_decimals": 2,
}


def _examples() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))["examples"]
    return found


@needs_examples
def test_every_published_answer_is_met_at_its_printed_digits() -> None:
    assert judge(_examples()) == {"passed": 11, "failed": 0, "differences": []}


@needs_examples
def test_the_unit_periods_that_the_examples_state_are_those_that_the_dates_give() -> None:
    for example in _examples():
        if "unit_period" not in example:
            continue
        start_on = date.fromisoformat(example["advance_date"])
        dates = [date.fromisoformat(flow["date"]) for flow in example["payments"]]
        days = series_days(start_on=start_on, dates=dates)
        unit_period = unit_period_of(start_on=start_on, days=days)
        first = unit_spans(start_on=start_on, days=days, unit_period=unit_period)[0]
        assert unit_period == stated_unit_period(example)
        assert first.periods == example["first_payment_full_unit_periods"]
        assert first.odd_period == Fraction(example["first_payment_fraction"])


def test_a_wrong_answer_is_told_with_both_figures() -> None:
    assert difference(SINGLE) is None
    assert difference({**SINGLE, "answer_percent": "11.46"}) == {
        "id": "one-payment",
        "key": "answer_percent",
        "expected": "11.46",
        "ours": "11.45",
    }


def test_the_figure_recomputed_to_more_digits_is_met_too_and_replaces_an_answer_that_does_not_follow() -> None:
    assert difference({**SINGLE, "recomputed_percent": "11.4510"}) is None
    disowned = {**SINGLE, "answer_percent": "11.50", "agrees": False}
    assert difference(disowned) is not None
    assert difference({**disowned, "recomputed_percent": "11.4510"}) is None
    found = difference({**disowned, "recomputed_percent": "11.4512"})
    assert found is not None
    assert found["ours"] == "11.4510"


def test_another_solvers_last_digit_may_be_rounded_otherwise_a_published_one_may_not() -> None:
    assert difference({**SINGLE, "recomputed_percent": "11.4511"}) is None
    assert difference({**SINGLE, "answer_percent": "11.46"}) is not None


@pytest.mark.parametrize(
    ("written", "per_year", "unit_period"),
    [
        ("2 weeks", 26, UnitPeriod(interval=Interval.WEEK, count=2)),
        ("month", 12, UnitPeriod(interval=Interval.MONTH, count=1)),
        ("quarter", 4, UnitPeriod(interval=Interval.MONTH, count=3)),
        ("semi-month", 24, UnitPeriod(interval=Interval.SEMIMONTH, count=1)),
        ("0.5 month", 24, UnitPeriod(interval=Interval.SEMIMONTH, count=1)),
        ("the term", "365/255", UnitPeriod(interval=Interval.DAY, count=255)),
        ("255 days", 1.431373, UnitPeriod(interval=Interval.DAY, count=255)),
        ("year", 1, UnitPeriod(interval=Interval.MONTH, count=12)),
    ],
)
def test_a_unit_period_is_read_as_it_is_written_or_by_its_number_per_year(
    written: str, per_year: object, unit_period: UnitPeriod
) -> None:
    assert stated_unit_period({"unit_period": written, "unit_periods_per_year": per_year}) == unit_period


def test_flows_in_months_weeks_or_days_are_parts_of_a_year() -> None:
    for key, place in (("t_years", "1/2"), ("t_months", "6"), ("t_weeks", "26"), ("t_days", "182.5")):
        flows = [{key: "0", "amount": "-100"}, {key: place, "amount": "105"}]
        example = {"id": key, "regime": "EU_APRC_EFFECTIVE", "flows": flows, "answer_percent": "10.25"}
        assert difference(example) is None


def test_an_example_that_cannot_be_read_is_a_difference_and_not_a_crash() -> None:
    found = difference({**SINGLE, "payments": [{"date": "1978-09-15", "amount": "-1080"}]})
    assert found is not None
    assert "one sign" in found["problem"]
    wrongs: list[dict[str, object]] = [
        {"payments": [], "advances": []}, {"amount_advanced": "a lot"}, {"payments": None}, {"advance_date": 3},
    ]  # fmt: skip
    for wrong in wrongs:
        assert difference({**SINGLE, **wrong}) is not None
    silent = difference({key: value for key, value in SINGLE.items() if key != "answer_percent"})
    assert silent is not None
    assert "no published figure" in silent["problem"]
    unknown = difference({**SINGLE, "regime": "MOON"})
    assert unknown is not None
    assert "MOON" in unknown["problem"]


def test_dates_in_place_of_years_and_several_draws_are_read() -> None:
    two_draws = {
        "id": "two-draws",
        "regime": "EU_APRC_EFFECTIVE",
        "flows": [
            {"date": "2026-01-01", "amount": "-100"},
            {"date": "2026-07-01", "amount": "-100"},
            {"date": "2027-01-01", "amount": "215"},
        ],
        "answer_percent": "10.1",
    }
    assert difference(two_draws) is None


def test_the_command_prints_one_object_and_fails_where_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "examples.json"
    file.write_text(json.dumps({"examples": [SINGLE, {**SINGLE, "answer_percent": "1"}]}), encoding="utf-8")
    assert main([str(file), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["passed"], printed["failed"], printed["differences"][0]["ours"]) == (1, 1, "11.45")
