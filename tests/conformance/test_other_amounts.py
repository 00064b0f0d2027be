"""What must hold of any case, whatever its figures: the published ones with other amounts, rates and settings."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.schedule_replay import Replay
from tests.conformance.schedules import shown_schedule, shown_transactions

Case = dict[str, Any]
NEVER_NEGATIVE = ("principal", "interest", "due", "paid", "outstanding", "paid_in_advance", "paid_late")

factors = st.sampled_from(["0.37", "1", "3.1", "17", "1000"])
rates = st.sampled_from(["0", "3.7", "9.4822", "24", "36"])
day_counts = st.sampled_from([("360", "30"), ("364", "30"), ("365", "30"), ("ACTUAL", "30"), ("360", "ACTUAL"),
                              ("364", "ACTUAL"), ("365", "ACTUAL"), ("ACTUAL", "ACTUAL")])  # fmt: skip
in_advance = st.sampled_from(["NEXT_INSTALLMENT", "LAST_INSTALLMENT", "NEXT_LAST_INSTALLMENT", "REAMORTIZATION"])
extra_payments = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 300_000)), max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_figures_money_is_kept_and_paying_off_leaves_nothing(
    published_cases: Sequence[Case], data: st.DataObject
) -> None:
    case = _perturbed(deepcopy(data.draw(st.sampled_from(published_cases))), data=data)
    replay = Replay(case)
    for event in case["timeline"]:
        replay.happen(event)
        _assert_kept(replay, on=event["on"])
    last_on = _later(case, days=data.draw(st.integers(0, 40)))
    overpaid_minor = replay.overpaid_minor
    replay.happen({"on": last_on, "event": "pay_off_in_full", "date": last_on})
    _assert_kept(replay, on=last_on)
    assert all(row["outstanding"] == "0.00" for row in _installments(replay, on=last_on))
    assert replay.overpaid_minor == overpaid_minor


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_closing_a_day_twice_changes_nothing(published_cases: Sequence[Case], data: st.DataObject) -> None:
    case = deepcopy(data.draw(st.sampled_from(published_cases)))
    once, twice = Replay(case), Replay(case)
    for event in [event for event in case["timeline"] if "event" in event]:
        once.happen(event)
        twice.happen(event)
        if event["event"] == "close_of_business":
            twice.happen(event)
        if once.plan is not None:
            assert shown_schedule(twice, on=event["on"]) == shown_schedule(once, on=event["on"])


def _perturbed(case: Case, *, data: st.DataObject) -> Case:
    """The events of a case and some payments more, with other amounts, and settings that any product may have."""
    product, loan = case["product"], case["loan"]
    factor = Decimal(data.draw(factors))
    loan["rate_percent"] = data.draw(rates)
    product["days_in_year"], product["days_in_month"] = data.draw(day_counts)
    for rule in (product.get("payment_allocation") or {}).values():
        rule["future_installment_rule"] = data.draw(in_advance)
    case["timeline"] = [item for item in case["timeline"] if "event" in item]
    for item in case["timeline"]:
        if "amount" in item:
            item["amount"] = str(max((Decimal(item["amount"]) * factor).quantize(Decimal("0.01")), Decimal("0.01")))
    if not case["timeline"]:
        case["timeline"] = [{"on": loan["submitted"], "event": "disburse", "date": loan["submitted"], "amount": "100"}]
    for days, amount_minor in data.draw(extra_payments):
        on = _later(case, days=days)
        amount = str(Decimal(amount_minor) / 100)
        case["timeline"] += [
            {"on": on, "event": "close_of_business"},
            {"on": on, "event": "repayment", "date": on, "amount": amount},
        ]
    return case


def _later(case: Case, *, days: int) -> str:
    last_on = max(date.fromisoformat(item["on"]) for item in case["timeline"])
    return (last_on + timedelta(days=days)).isoformat()


def _installments(replay: Replay, *, on: str) -> list[Case]:
    return [row for row in shown_schedule(replay, on=on)["rows"] if row["kind"] == "instalment"]


def _assert_kept(replay: Replay, *, on: str) -> None:
    """Principal sums to what was drawn, money to what was paid, and nothing is below zero."""
    rows = _installments(replay, on=on)
    booked = shown_transactions(replay)
    drawn = sum(Decimal(row["amount"]) for row in booked if row["type"] == "Disbursement")
    came_in = sum(Decimal(row["amount"]) for row in booked if row["type"] != "Disbursement")
    assert sum(Decimal(row["principal"]) for row in rows) == drawn
    assert Decimal(rows[-1]["balance_after"]) == 0
    assert sum(Decimal(row["paid"]) for row in rows) + Decimal(replay.overpaid_minor) / 100 == came_in
    for row in rows:
        assert all(Decimal(row[key]) >= 0 for key in NEVER_NEGATIVE)
        assert Decimal(row["principal"]) + Decimal(row["interest"]) == Decimal(row["due"])
        assert Decimal(row["paid"]) + Decimal(row["outstanding"]) == Decimal(row["due"])
        assert (row["paid_date"] is None) == (Decimal(row["outstanding"]) > 0)
