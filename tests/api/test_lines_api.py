"""A line's life over HTTP: opened, held, drawn, billed, paid, refunded, settled, corrected by two persons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.api.conftest import Api

from tallystick.trust.scopes import Scope

MERCHANT = "merchant_0000000000005"
PLAN = {"offer": "order_installments", "price_code": "standard", "installments": 3}


def open_line(api: Api, *, limit_minor: int = 3_000_000, reference: str = "person-1", **more: object) -> dict[str, Any]:
    borrower = api.made("/v1/borrowers", {"reference": reference, "jurisdiction": "CN", "currency": "CNY"})
    return api.made("/v1/lines", accepted_line(api, borrower["id"], limit_minor=limit_minor, **more))


def accepted_line(api: Api, borrower_id: str, *, limit_minor: int = 3_000_000, **more: object) -> dict[str, Any]:
    shown = line_quote(api, limit_minor, **{name: told for name, told in more.items() if name != "metadata"})
    body = {"borrower_id": borrower_id, "product_id": "baitiao", "limit_minor": limit_minor, **more}
    return {**body, "accepted_hash": shown["document_hash"]}


def line_quote(api: Api, limit_minor: int, **more: object) -> dict[str, Any]:
    asked = {"product_id": "baitiao", "limit_minor": limit_minor, **more}
    answer = api.client.post("/v1/line-quotes", json=asked, headers={"Authorization": f"Bearer {api.token}"})
    assert answer.status_code == 200, answer.text
    quote: dict[str, Any] = answer.json()
    return quote


def draw(api: Api, line_id: str, amount_minor: int, **more: object) -> dict[str, Any]:
    body = {"amount_minor": amount_minor, "merchant_id": MERCHANT, **more}
    return api.made(f"/v1/lines/{line_id}/drawdowns", body)


def quoted(api: Api, line_id: str, principal_minor: int, *, offer: str = "order_installments") -> dict[str, Any]:
    answer = api.client.post(
        f"/v1/lines/{line_id}/quotes",
        json={**PLAN, "offer": offer, "principal_minor": principal_minor},
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert answer.status_code == 200, answer.text
    quote: dict[str, Any] = answer.json()
    return quote


def draw_in_installments(api: Api, line_id: str, amount_minor: int) -> dict[str, Any]:
    quote = quoted(api, line_id, amount_minor)
    return draw(api, line_id, amount_minor, plan={**PLAN, "accepted_hash": quote["document_hash"]})


def standing(api: Api, line_id: str) -> dict[str, Any]:
    told: dict[str, Any] = api.get(f"/v1/lines/{line_id}").json()["standing"]
    return told


def test_a_line_is_drawn_and_paid(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw(api, line_id, 100_000)
    assert drawn["line"]["drawn_minor"] == 100_000
    assert drawn["line"]["available_minor"] == 2_900_000
    paid = api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 30_000, "channel": "bank", "reference": "r1"})
    assert paid["fact"]["payment_id"].startswith("payment_")
    assert paid["line"]["credit_minor"] == 30_000, "what is not billed yet is not asked for"
    assert standing(api, line_id) == paid["line"]


def test_a_line_tells_what_is_due_now_and_next_and_past_due(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 100_000)
    draw_in_installments(api, line_id, 90_000)
    assert standing(api, line_id)["later"]["principal_minor"] > 0
    api.clock.at += timedelta(days=20)
    billed = standing(api, line_id)
    assert billed["due_now"]["principal_minor"] >= 100_000
    assert billed["past_due"]["total_minor"] == 0
    assert billed["next_due"]["principal_minor"] == 30_000
    api.clock.at += timedelta(days=40)
    late = standing(api, line_id)
    assert late["days_past_due"] > 0
    assert late["past_due"]["total_minor"] > 0
    parts = ("principal_minor", "interest_minor", "fee_minor", "penalty_minor")
    for heading in ("past_due", "due_now", "next_due", "later"):
        assert sum(late[heading][part] for part in parts) == late[heading]["total_minor"]


def test_what_is_next_due_is_what_the_next_statement_asks_for(api: Api) -> None:
    """Purchases that are not billed yet are due with the installment of the same day, and asked for on that day."""
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 10_000)
    only_bought = standing(api, line_id)
    assert (only_bought["next_due"]["total_minor"], only_bought["next_due"]["due_on"]) == (10_000, "2026-01-28")
    assert only_bought["later"] == {**only_bought["past_due"], "due_on": None}
    draw_in_installments(api, line_id, 90_000)
    told = standing(api, line_id)
    assert (told["next_due"]["principal_minor"], told["next_due"]["due_on"]) == (40_000, "2026-01-28")
    assert (told["later"]["principal_minor"], told["later"]["due_on"]) == (60_000, "2026-02-28")
    api.clock.at = datetime(2026, 1, 20, 2, tzinfo=UTC)
    billed = standing(api, line_id)
    assert billed["due_now"] == told["next_due"]
    api.made(f"/v1/lines/{line_id}/freeze", {"reason": "any act writes what time has made due"})
    [statement] = api.get(f"/v1/lines/{line_id}/statements").json()["items"]
    assert (statement["closing_minor"], statement["due_on"]) == (told["next_due"]["total_minor"], "2026-01-28")


def test_a_charge_can_be_paid_until_the_statement_is_due(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 10_000)
    api.clock.at = datetime(2026, 1, 20, 2, tzinfo=UTC)
    api.made(f"/v1/lines/{line_id}/fees", {"amount_minor": 300, "reason": "card copy"})
    due = standing(api, line_id)["due_now"]
    assert (due["total_minor"], due["fee_minor"], due["due_on"]) == (10_300, 300, "2026-01-28")


def test_a_line_tells_what_it_has_accrued_to_the_day(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 100_000)
    bought_on = api.clock.at
    assert standing(api, line_id)["accrued_minor"] == 0
    api.clock.at += timedelta(days=60)
    late = standing(api, line_id)
    told = late["accrued_minor"] + late["past_due"]["interest_minor"] + late["due_now"]["interest_minor"]
    assert told == 50 * (api.clock.at - bought_on).days, "0.05 % a day of 1,000.00 from the purchase on"
    assert late["accrued_minor"] > 0


def test_looking_at_a_line_writes_nothing(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 100_000)
    api.clock.at += timedelta(days=60)
    assert standing(api, line_id)["days_past_due"] > 0
    assert len(api.get("/v1/events").json()["items"]) == 2


def test_a_statement_is_listed_as_it_was_told(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 100_000)
    api.clock.at += timedelta(days=60)
    api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 100, "channel": "bank"})
    page = api.get(f"/v1/lines/{line_id}/statements", limit=1).json()
    older = api.get(f"/v1/lines/{line_id}/statements", after=page["next_after"]).json()["items"]
    assert [one["number"] for one in (*page["items"], *older)] == [2, 1]
    assert older[0]["figures"]["purchases_minor"] == older[0]["closing_minor"] == 100_000


def test_a_hold_is_captured_in_part_and_the_rest_given_back(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    body = {"amount_minor": 50_000, "merchant_id": MERCHANT, "expires_on": "2026-01-12"}
    held = api.made(f"/v1/lines/{line_id}/holds", body)
    hold_id = held["fact"]["hold_id"]
    assert held["line"]["held_minor"] == 50_000
    [hold] = api.get(f"/v1/lines/{line_id}/holds").json()["items"]
    assert (hold["id"], hold["left_minor"], hold["merchant_id"]) == (hold_id, 50_000, MERCHANT)
    captured = api.made(f"/v1/holds/{hold_id}/capture", {"amount_minor": 20_000, "keeps_hold": True})
    assert (captured["line"]["drawn_minor"], captured["line"]["held_minor"]) == (20_000, 30_000)
    assert captured["fact"]["merchant_id"] == MERCHANT
    voided = api.made(f"/v1/holds/{hold_id}/void", {})
    assert voided["line"]["held_minor"] == 0
    refused = api.post(f"/v1/holds/{hold_id}/capture", {"amount_minor": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "hold_unknown")


def test_no_draw_beyond_the_limit(api: Api) -> None:
    line_id = open_line(api, limit_minor=100_000)["line_id"]
    refused = api.post(f"/v1/lines/{line_id}/drawdowns", {"amount_minor": 100_001, "merchant_id": MERCHANT})
    assert (refused.status_code, refused.json()["code"]) == (422, "available_credit_exceeded")
    assert refused.json()["param"] == "amount_minor"


def test_a_refusal_says_the_way_out_in_the_language_of_its_reader(api: Api) -> None:
    path = f"/v1/lines/{open_line(api, limit_minor=100_000)['line_id']}/drawdowns"

    def refused(language: str, *, key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": key, "Accept-Language": language}
        answer = api.client.post(path, json={"amount_minor": 100_001, "merchant_id": MERCHANT}, headers=headers)
        told: dict[str, Any] = answer.json()
        return told

    plain = api.post(path, {"amount_minor": 100_001, "merchant_id": MERCHANT}).json()
    assert plain["detail"] == "Only 100,000 minor units are available: take that much or less, or pay back first."
    chinese = refused("fr, zh-CN;q=0.9, en;q=0.1", key="first")
    assert chinese["detail"] == "可用额度只有 100,000（最小货币单位）：请减少金额，或先还款。"
    differs = {"detail", "request_id"}
    for name in plain.keys() - differs:
        assert chinese[name] == plain[name], name
    assert refused("en", key="first") == chinese, "the same key gets the same answer, byte for byte"
    assert refused("en", key="second")["detail"] == plain["detail"]


def test_a_quote_writes_nothing_and_what_is_drawn_is_what_was_quoted(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    quote = quoted(api, line_id, 90_000)
    assert quoted(api, line_id, 90_000) == quote
    assert len(api.get("/v1/events").json()["items"]) == 1
    assert quote["disclosure"]["rates"]["simple"] == "12.28"
    wrong = {**PLAN, "accepted_hash": "0" * 64}
    refused = api.post(
        f"/v1/lines/{line_id}/drawdowns", {"amount_minor": 90_000, "merchant_id": MERCHANT, "plan": wrong}
    )
    assert refused.json()["code"] == "acceptance_missing"
    assert refused.json()["figures"]["quoted_hash"] == quote["document_hash"]
    drawn = draw(api, line_id, 90_000, plan={**PLAN, "accepted_hash": quote["document_hash"]})
    [plan] = api.get(f"/v1/lines/{line_id}/plans").json()["items"]
    assert plan["id"] == drawn["fact"]["plan"]["plan_id"]
    assert sum(part["principal_minor"] for part in plan["installments"]) == 90_000
    assert api.get(f"/v1/plans/{plan['id']}").json() == plan


def test_a_purchase_is_put_into_installments_before_it_is_billed(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw_id = draw(api, line_id, 90_000)["fact"]["draw_id"]
    accepted = quoted(api, line_id, 90_000)["document_hash"]
    choice = {"price_code": "standard", "installments": 3, "accepted_hash": accepted}
    put = api.made(f"/v1/drawdowns/{draw_id}/plan", choice)
    assert (put["kind"], put["line"]["drawn_minor"]) == ("plan_created", 90_000)
    again = api.post(f"/v1/drawdowns/{draw_id}/plan", choice)
    assert (again.status_code, again.json()["code"]) == (422, "nothing_to_do")


def test_a_bill_is_put_into_installments_until_it_is_due(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 90_000)
    api.clock.at += timedelta(days=20)
    accepted = quoted(api, line_id, 60_000, offer="bill_installments")["document_hash"]
    choice = {"price_code": "standard", "installments": 3, "accepted_hash": accepted}
    body = {**choice, "statement_number": 1, "amount_minor": 60_000}
    converted = api.made(f"/v1/lines/{line_id}/bill-conversions", body)
    assert converted["line"]["due_now"]["principal_minor"] == 30_000
    late = api.post(f"/v1/lines/{line_id}/bill-conversions", {**body, "statement_number": 2})
    assert late.json()["code"] == "statement_unknown"


def test_cash_is_not_drawn_on_an_offer_for_orders(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    accepted = quoted(api, line_id, 90_000)["document_hash"]
    body = {"amount_minor": 90_000, "kind": "cash", "plan": {**PLAN, "accepted_hash": accepted}}
    refused = api.post(f"/v1/lines/{line_id}/drawdowns", body)
    assert (refused.json()["code"], refused.json()["param"]) == ("product_without_offer", "plan.offer")


def test_an_offer_that_is_not_made_is_refused_with_the_way_out(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    answer = api.client.post(
        f"/v1/lines/{line_id}/quotes",
        json={**PLAN, "price_code": "cheaper", "principal_minor": 90_000},
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "price_unknown")
    assert "standard" in answer.json()["detail"]


def test_a_plan_is_settled_for_exactly_its_quote(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    plan_id = draw_in_installments(api, line_id, 90_000)["fact"]["plan"]["plan_id"]
    api.clock.at += timedelta(days=3)
    quote = api.get(f"/v1/plans/{plan_id}/settlement-quote").json()
    assert quote["valid_on"] == "2026-01-08"
    off = {"amount_minor": quote["total_minor"] + 1, "channel": "bank"}
    refused = api.post(f"/v1/plans/{plan_id}/settlement", off)
    assert refused.json()["code"] == "amount_differs_from_quote"
    assert refused.json()["figures"] == {"quote_minor": quote["total_minor"]}
    settled = api.made(f"/v1/plans/{plan_id}/settlement", {**off, "amount_minor": quote["total_minor"]})
    assert settled["line"]["drawn_minor"] == 0


def test_a_refund_is_previewed_and_then_made(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw_id = draw(api, line_id, 90_000)["fact"]["draw_id"]
    headers = {"Authorization": f"Bearer {api.token}"}
    seen = api.client.post(f"/v1/drawdowns/{draw_id}/refund-preview", json={"amount_minor": 40_000}, headers=headers)
    assert seen.json()["line"]["drawn_minor"] == 50_000
    assert standing(api, line_id)["drawn_minor"] == 90_000
    made = api.made(f"/v1/drawdowns/{draw_id}/refunds", {"amount_minor": 40_000})
    assert made["line"] == seen.json()["line"]
    over = api.post(f"/v1/drawdowns/{draw_id}/refunds", {"amount_minor": 50_001})
    assert over.json()["code"] == "refund_exceeds_draw"
    disputed = api.made(f"/v1/drawdowns/{draw_id}/chargebacks", {"amount_minor": 50_000, "reason": "not delivered"})
    assert disputed["line"]["drawn_minor"] == 0


def test_a_draw_is_withdrawn_within_the_cooling_off_days(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw_in_installments(api, line_id, 90_000)
    path = f"/v1/drawdowns/{drawn['fact']['draw_id']}/withdrawal"
    withdrawn = api.made(path, {"amount_minor": 90_000, "channel": "bank"})
    assert withdrawn["line"]["drawn_minor"] == 0


def test_a_payment_comes_back_and_the_line_is_as_if_never_paid(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 90_000)
    before = standing(api, line_id)
    paid = api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 500, "channel": "bank"})
    payment_id = paid["fact"]["payment_id"]
    assert api.get(f"/v1/payments/{payment_id}").json()["amount_minor"] == 500
    api.made(f"/v1/payments/{payment_id}/return", {"reason": "insufficient funds"})
    assert standing(api, line_id) == before


def test_a_credit_balance_is_paid_out(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 500, "channel": "bank"})
    paid_out = api.made(f"/v1/lines/{line_id}/credit-payouts", {"amount_minor": 500, "channel": "bank"})
    assert paid_out["line"]["credit_minor"] == 0


def test_a_backdated_payment_counts_from_its_day(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 90_000)
    api.clock.at += timedelta(days=60)
    body = {"amount_minor": 90_000, "channel": "bank", "effective_on": "2026-01-25"}
    paid = api.made(f"/v1/lines/{line_id}/payments", body)
    assert paid["effective_on"] == "2026-01-25"
    assert paid["line"]["days_past_due"] == 0
    tomorrow = api.post(f"/v1/lines/{line_id}/payments", {**body, "effective_on": "2026-03-07"})
    assert tomorrow.json()["code"] == "date_in_future"


def test_a_limit_goes_down_at_once_and_the_excess_is_named(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 90_000)
    lowered = api.made(f"/v1/lines/{line_id}/limit-changes", {"limit_minor": 50_000, "reason": "risk"})
    assert (lowered["line"]["available_minor"], lowered["line"]["excess_minor"]) == (0, 40_000)


def test_a_frozen_line_lends_nothing(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.made(f"/v1/lines/{line_id}/freeze", {"reason": "to look at it"})
    refused = api.post(f"/v1/lines/{line_id}/drawdowns", {"amount_minor": 1, "merchant_id": MERCHANT})
    assert refused.json()["code"] == "line_frozen"
    api.made(f"/v1/lines/{line_id}/unfreeze", {"reason": "all is well"})
    draw(api, line_id, 1)
    refused = api.post(f"/v1/lines/{line_id}/close", {"reason": "asked for"})
    assert refused.json()["code"] == "still_owed"


def test_a_waiver_takes_two_persons(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    fee = api.made(f"/v1/lines/{line_id}/fees", {"amount_minor": 2_000, "reason": "card replaced"})
    assert fee["line"]["due_now"]["fee_minor"] == 2_000
    body = {"kind": "waived", "component": "fee", "amount_minor": 2_000, "reason": "goodwill"}
    proposal = api.made(f"/v1/lines/{line_id}/proposals", body)
    assert [one["id"] for one in api.get("/v1/proposals").json()["items"]] == [proposal["id"]]
    alone = api.post(f"/v1/proposals/{proposal['id']}/approve", {})
    assert alone.json()["code"] == "second_person_missing"
    second = api.other(Scope.CORRECTIONS_WRITE, holder="supervisor")
    approved = second.made(f"/v1/proposals/{proposal['id']}/approve", {"note": "agreed"})
    assert approved["line"]["due_now"]["fee_minor"] == 0
    again = second.post(f"/v1/proposals/{proposal['id']}/reject", {})
    assert (again.status_code, again.json()["code"]) == (409, "proposal_decided")


def test_a_proposal_that_is_rejected_changes_nothing(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 90_000)
    lost = {"kind": "charged_off", "reason": "180 days"}
    early = api.post(f"/v1/lines/{line_id}/proposals", lost)
    assert (early.status_code, early.json()["code"]) == (422, "charge_off_too_early")
    api.made(f"/v1/lines/{line_id}/begin-care", {"kind": "deceased"})
    proposal = api.made(f"/v1/lines/{line_id}/proposals", lost)
    second = api.other(Scope.CORRECTIONS_WRITE, holder="supervisor")
    rejected = second.made(f"/v1/proposals/{proposal['id']}/reject", {"note": "too early"})
    assert (rejected["decision"], rejected["decided_by"]) == ("rejected", "supervisor")
    assert standing(api, line_id)["condition"] == "open"


def test_the_books_are_read_over_the_api(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 90_000)
    accounts = {one["code"]: one["net_minor"] for one in api.get(f"/v1/lines/{line_id}/accounts").json()["items"]}
    assert accounts["receivable_principal"] == 90_000
    totals = api.get("/v1/ledger/accounts").json()["items"]
    assert sum(one["debit_minor"] for one in totals) == sum(one["credit_minor"] for one in totals)
    page = api.get("/v1/ledger/transfers", line_id=line_id, limit=1).json()
    rest = api.get("/v1/ledger/transfers", line_id=line_id, after=page["next_after"]).json()
    transfers = [*page["items"], *rest["items"]]
    drawn = next(one for one in transfers if one["debit"]["code"] == "receivable_principal")
    assert (drawn["amount_minor"], drawn["debit"]["owner_id"]) == (90_000, line_id)
    assert drawn["credit"] == {"code": "merchant_payable", "owner_id": MERCHANT}
    assert api.get(f"/v1/ledger/transfers/{drawn['id']}").json() == drawn


def test_all_transfers_are_read_on_from_where_a_reader_stopped(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    page = api.get("/v1/ledger/transfers").json()
    seen, place = page["items"], page["next_after"]
    draw(api, line_id, 90_000)
    while (page := api.get("/v1/ledger/transfers", after=place, limit=1).json())["items"]:
        seen, place = [*seen, *page["items"]], page["next_after"]
    assert page["next_after"] is None
    of_line = api.get("/v1/ledger/transfers", line_id=line_id, limit=100).json()["items"]
    assert seen == of_line
    refused = api.get("/v1/ledger/transfers", after="9999999999.1.1")
    assert (refused.status_code, refused.json()["param"]) == (400, "after")


def test_lines_are_listed_by_page_and_by_borrower(api: Api) -> None:
    ids = [open_line(api, reference=f"person-{number}")["line_id"] for number in range(3)]
    page = api.get("/v1/lines", limit=2).json()
    rest = api.get("/v1/lines", after=page["next_after"]).json()
    assert [line["id"] for line in (*page["items"], *rest["items"])] == ids[::-1]
    assert rest["next_after"] is None
    owner = page["items"][0]["borrower_id"]
    assert [line["id"] for line in api.get("/v1/lines", borrower_id=owner).json()["items"]] == [ids[2]]


def test_a_product_that_is_not_sold_opens_no_line(api: Api) -> None:
    borrower = api.made("/v1/borrowers", {"reference": "p", "jurisdiction": "CN", "currency": "CNY"})
    body = {"borrower_id": borrower["id"], "product_id": "nothing", "limit_minor": 1, "accepted_hash": "0" * 64}
    refused = api.post("/v1/lines", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "product_not_sold")
    unknown = api.post("/v1/lines", {**body, "product_id": "baitiao", "borrower_id": "borrower_0000000000001"})
    assert unknown.json()["code"] in ("borrower_unknown", "limit_too_small")


def test_a_line_follows_its_test_clock_through_months(api: Api) -> None:
    clock = api.made("/v1/test-clocks", {"name": "a year", "stands_at": "2026-02-01T02:00:00Z"})
    line_id = open_line(api, test_clock_id=clock["id"])["line_id"]
    drawn = draw(api, line_id, 100_000)
    assert drawn["effective_on"] == "2026-02-01"
    moved = api.made(f"/v1/test-clocks/{clock['id']}/move", {"stands_at": "2026-08-01T02:00:00Z"})
    assert moved["stands_at"] == "2026-08-01T02:00:00Z"
    late = standing(api, line_id)
    assert late["as_of"] == "2026-08-01"
    assert late["days_past_due"] > 100
    kinds = [event["kind"] for event in api.get("/v1/events", line_id=line_id).json()["items"]]
    assert kinds.count("statement_closed") >= 5
    back = api.post(f"/v1/test-clocks/{clock['id']}/move", {"stands_at": "2026-07-01T02:00:00Z"})
    assert back.json()["code"] == "clock_backwards"
    far = api.post(f"/v1/test-clocks/{clock['id']}/move", {"stands_at": "2036-07-01T02:00:00Z"})
    assert far.json()["code"] == "clock_too_far"
    assert [one["id"] for one in api.get("/v1/test-clocks").json()["items"]] == [clock["id"]]


def test_products_are_told_with_their_terms(api: Api) -> None:
    [product] = api.get("/v1/products").json()["items"]
    assert (product["id"], product["name_zh"]) == ("baitiao", "白条额度")
    line = open_line(api)
    assert api.get(f"/v1/lines/{line['line_id']}").json()["contract_hash"] == product["contract_hash"]


@pytest.mark.parametrize("day", ["1999-12-31", "2201-01-01"])
def test_a_date_that_nobody_means_is_refused(api: Api, day: str) -> None:
    line_id = open_line(api)["line_id"]
    body = {"amount_minor": 1, "merchant_id": MERCHANT, "expires_on": day}
    assert api.post(f"/v1/lines/{line_id}/holds", body).json()["code"] == "date_implausible"


def test_a_business_day_is_the_lender_s_not_that_of_utc(api: Api) -> None:
    api.clock.at = datetime(2026, 1, 5, 16, 30, tzinfo=UTC)  # half past midnight on the sixth, in Beijing
    assert open_line(api)["effective_on"] == "2026-01-06"


def test_draws_and_what_came_back_of_them_are_listed(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    first, second = (draw(api, line_id, amount, category="books")["fact"]["draw_id"] for amount in (10_000, 20_000))
    api.made(f"/v1/drawdowns/{first}/refunds", {"amount_minor": 4_000})
    api.made(f"/v1/drawdowns/{first}/chargebacks", {"amount_minor": 1_000, "reason": "never came"})
    listed = api.get(f"/v1/lines/{line_id}/drawdowns").json()["items"]
    assert [(one["id"], one["amount_minor"], one["refunded_minor"]) for one in listed] == [
        (second, 20_000, 0), (first, 10_000, 5_000)
    ]  # fmt: skip
    assert api.get(f"/v1/drawdowns/{first}").json() == listed[1]
    newest = api.get(f"/v1/lines/{line_id}/drawdowns", limit=1).json()
    assert api.get(f"/v1/lines/{line_id}/drawdowns", after=newest["next_after"]).json()["items"] == listed[1:]
    refunds = api.get(f"/v1/lines/{line_id}/refunds").json()["items"]
    assert [(one["amount_minor"], one["is_chargeback"]) for one in refunds] == [(1_000, True), (4_000, False)]


def test_a_draw_that_was_recorded_in_error_says_so(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw(api, line_id, 10_000)
    undo = {"kind": "event_undone", "event_id": drawn["event_id"], "reason": "keyed twice"}
    proposed = api.made(f"/v1/lines/{line_id}/proposals", undo)
    api.other(holder="second person").made(f"/v1/proposals/{proposed['id']}/approve", {})
    assert api.get(f"/v1/drawdowns/{drawn['fact']['draw_id']}").json()["is_undone"] is True


def test_a_hold_is_shown_while_it_stands_and_after(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    body = {"amount_minor": 500, "merchant_id": MERCHANT, "expires_on": "2026-01-30"}
    hold_id = api.made(f"/v1/lines/{line_id}/holds", body)["fact"]["hold_id"]
    [listed] = api.get(f"/v1/lines/{line_id}/holds").json()["items"]
    assert api.get(f"/v1/holds/{hold_id}").json() == listed
    api.made(f"/v1/holds/{hold_id}/void", {})
    assert api.get(f"/v1/holds/{hold_id}").json() == {**listed, "left_minor": 0}
    assert api.get("/v1/holds/hold_0000000000001").status_code == 404
