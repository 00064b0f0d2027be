"""Plans that are over: paid off or charged off, they are told for good, as they stood when they ended."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import MERCHANT, draw, draw_in_installments, open_line, quoted

from tallystick.trust.scopes import Scope


def convert_bill(api: Api, line_id: str, amount_minor: int) -> str:
    """The first statement, of 19 January, put into three installments."""
    draw(api, line_id, amount_minor)
    api.clock.at = datetime(2026, 1, 20, 2, tzinfo=UTC)
    accepted = quoted(api, line_id, amount_minor, offer="bill_installments")["document_hash"]
    choice = {"price_code": "standard", "installments": 3, "accepted_hash": accepted}
    body = {**choice, "statement_number": 1, "amount_minor": amount_minor}
    plan_id: str = api.made(f"/v1/lines/{line_id}/bill-conversions", body)["fact"]["plan"]["plan_id"]
    return plan_id


def settle(api: Api, plan_id: str) -> None:
    """Pay a plan off today."""
    total_minor = api.get(f"/v1/plans/{plan_id}/settlement-quote").json()["total_minor"]
    api.made(f"/v1/plans/{plan_id}/settlement", {"amount_minor": total_minor, "channel": "bank"})


def plans(api: Api, line_id: str, **asked: Any) -> list[str]:
    """The ids of a line's plans."""
    return [told["id"] for told in api.get(f"/v1/lines/{line_id}/plans", **asked).json()["items"]]


@pytest.mark.parametrize("closed_by", ["an act", "time alone"])
def test_a_converted_bill_that_was_settled_is_told_after_the_line_let_go_of_it(api: Api, closed_by: str) -> None:
    """Its purchase of January 2026 can be refunded for 540 days: the first statement after them lets go of both."""
    line_id = open_line(api)["line_id"]
    plan_id = convert_bill(api, line_id, 90_000)
    settle(api, plan_id)
    before = api.get(f"/v1/plans/{plan_id}").json()
    assert before["principal_left_minor"] == 0
    assert {part["settled_on"] for part in before["installments"]} == {"2026-01-20"}
    api.clock.at = datetime(2027, 8, 10, 2, tzinfo=UTC)
    draw(api, line_id, 1_000)
    api.clock.at = datetime(2027, 8, 25, 2, tzinfo=UTC)
    if closed_by == "an act":
        draw(api, line_id, 1_000)
    after = api.get(f"/v1/plans/{plan_id}")
    assert (after.status_code, after.json()) == (200, before)
    assert api.get(f"/v1/lines/{line_id}/plans").json()["items"] == [before]
    quote = api.get(f"/v1/plans/{plan_id}/settlement-quote").json()
    assert (quote["total_minor"], quote["valid_on"]) == (0, "2027-08-25")
    again = api.post(f"/v1/plans/{plan_id}/settlement", {"amount_minor": 1, "channel": "bank"})
    assert (again.status_code, again.json()["code"]) == (422, "plan_settled")
    holiday = {"kind": "payment_holiday", "plan_id": plan_id, "periods": 1}
    assert api.post(f"/v1/lines/{line_id}/proposals", holiday).json()["code"] == "plan_settled"
    other_id = open_line(api, reference="person-2")["line_id"]
    assert api.post(f"/v1/lines/{other_id}/proposals", holiday).json()["code"] == "plan_unknown"


def test_an_order_paid_off_by_its_installments_is_told_years_later(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw_in_installments(api, line_id, 90_000)["fact"]
    plan_id = drawn["plan"]["plan_id"]
    for month in (1, 2, 3):
        api.clock.at = datetime(2026, month, 20, 2, tzinfo=UTC)
        owed = api.get(f"/v1/lines/{line_id}").json()["standing"]
        asked_minor = owed["past_due"]["total_minor"] + owed["due_now"]["total_minor"]
        api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": asked_minor, "channel": "bank"})
    paid = api.get(f"/v1/plans/{plan_id}").json()
    assert [(part["left_minor"], part["settled_on"]) for part in paid["installments"]] == [
        (0, "2026-01-20"), (0, "2026-02-20"), (0, "2026-03-20"),
    ]  # fmt: skip
    api.clock.at = datetime(2027, 11, 10, 2, tzinfo=UTC)
    newer_id = draw_in_installments(api, line_id, 60_000)["fact"]["plan"]["plan_id"]
    api.clock.at = datetime(2027, 11, 25, 2, tzinfo=UTC)
    assert api.get(f"/v1/plans/{plan_id}").json() == paid
    page = api.get(f"/v1/lines/{line_id}/plans", limit=1).json()
    assert [told["id"] for told in page["items"]] == [newer_id]
    assert api.get(f"/v1/lines/{line_id}/plans", after=page["next_after"]).json()["items"] == [paid]
    late = api.post(f"/v1/drawdowns/{drawn['draw_id']}/refunds", {"amount_minor": 1})
    assert (late.status_code, late.json()["code"]) == (422, "draw_unknown"), "a draw takes refunds for 540 days"


def test_an_order_paid_off_takes_refunds_as_long_as_its_draw_is_kept(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw_in_installments(api, line_id, 90_000)["fact"]
    settle(api, drawn["plan"]["plan_id"])
    api.clock.at = datetime(2026, 6, 25, 2, tzinfo=UTC)
    draw(api, line_id, 1_000)
    given = api.made(f"/v1/drawdowns/{drawn['draw_id']}/refunds", {"amount_minor": 90_000})
    assert given["line"]["credit_minor"] == 90_000
    over = api.post(f"/v1/drawdowns/{drawn['draw_id']}/refunds", {"amount_minor": 1})
    assert over.json()["code"] == "refund_exceeds_draw"
    assert plans(api, line_id) == [drawn["plan"]["plan_id"]]


def test_a_refund_of_what_a_converted_bill_was_for_shrinks_its_plan(api: Api) -> None:
    """900.00 in three with 5.40 each; 600.00 back, a preview of it first: 300.00 left, 1.80 each, and no credit."""
    line_id = open_line(api)["line_id"]
    plan_id = convert_bill(api, line_id, 90_000)
    running = api.get(f"/v1/plans/{plan_id}").json()
    [drawn] = api.get(f"/v1/lines/{line_id}/drawdowns").json()["items"]
    path, body = f"/v1/drawdowns/{drawn['id']}", {"amount_minor": 60_000}
    preview = api.post(f"{path}/refund-preview", body).json()["line"]
    assert (preview["drawn_minor"], preview["credit_minor"]) == (30_000, 0)
    assert api.get(f"/v1/plans/{plan_id}").json() == running
    given = api.made(f"{path}/refunds", body)["line"]
    assert (given["drawn_minor"], given["credit_minor"]) == (30_000, 0)
    told = api.get(f"/v1/plans/{plan_id}").json()
    assert (told["principal_left_minor"], {part["fee_minor"] for part in told["installments"]}) == (30_000, {180})


def test_what_is_learned_late_changes_a_plan_that_is_over(api: Api) -> None:
    """The payment that settled it bounces: it is owed again, and no longer over."""
    line_id = open_line(api)["line_id"]
    plan_id = convert_bill(api, line_id, 90_000)
    running = api.get(f"/v1/plans/{plan_id}").json()
    settle(api, plan_id)
    api.clock.at = datetime(2026, 2, 25, 2, tzinfo=UTC)
    draw(api, line_id, 1_000)
    [payment] = api.get(f"/v1/lines/{line_id}/payments").json()["items"]
    api.made(f"/v1/payments/{payment['id']}/return", {"reason": "insufficient funds"})
    assert api.get(f"/v1/plans/{plan_id}").json() == running
    assert plans(api, line_id) == [plan_id]


def test_a_plan_that_was_charged_off_is_told_with_what_was_left(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    plan_id = draw_in_installments(api, line_id, 90_000)["fact"]["plan"]["plan_id"]
    api.made(f"/v1/lines/{line_id}/begin-care", {"kind": "deceased"})
    before = api.get(f"/v1/plans/{plan_id}").json()
    proposed = api.made(f"/v1/lines/{line_id}/proposals", {"kind": "charged_off", "reason": "estate empty"})
    second = api.other(Scope.CORRECTIONS_WRITE, holder="second person")
    second.made(f"/v1/proposals/{proposed['id']}/approve", {})
    told = api.get(f"/v1/plans/{plan_id}").json()
    assert (told, told["principal_left_minor"]) == (before, 90_000)
    assert plans(api, line_id) == [plan_id]
    refused = api.get(f"/v1/plans/{plan_id}/settlement-quote")
    assert (refused.status_code, refused.json()["code"]) == (422, "line_charged_off")


def test_pages_of_plans_pass_over_what_was_undone(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    first_id = convert_bill(api, line_id, 90_000)
    settle(api, first_id)
    api.clock.at = datetime(2027, 8, 10, 2, tzinfo=UTC)
    undone = draw_in_installments(api, line_id, 60_000)
    last_id = draw_in_installments(api, line_id, 30_000)["fact"]["plan"]["plan_id"]
    undo = {"kind": "event_undone", "event_id": undone["event_id"], "reason": "another line's"}
    proposed = api.made(f"/v1/lines/{line_id}/proposals", undo)
    api.other(holder="second person").made(f"/v1/proposals/{proposed['id']}/approve", {})
    api.clock.at = datetime(2027, 8, 25, 2, tzinfo=UTC)
    draw(api, line_id, 1_000, merchant_id=MERCHANT)
    assert plans(api, line_id) == [last_id, first_id]
    assert plans(api, line_id, limit=1, after=last_id) == [first_id]
    assert api.get(f"/v1/plans/{undone['fact']['plan']['plan_id']}").status_code == 404
