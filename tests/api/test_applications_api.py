"""Applications over HTTP: a report, an application, an offer accepted on its document, reasons in two languages."""

from datetime import timedelta
from typing import Any

import pytest
from tests.api.conftest import Api
from tests.books import Books
from tests.deciding import Lender

from tallystick.operations.deciding import Deciders
from tallystick.trust.scopes import Scope

REPORT = {
    "bureau_score": 680, "open_lines": 2, "total_limit_minor": 5_000_000, "total_drawn_minor": 2_000_000,
    "inquiries_90d": 1, "worst_days_past_due_24m": 0,
}  # fmt: skip
VERIFIED = {
    "identity_is_verified": True, "face_is_matched": True, "phone_is_verified": True,
    "bank_account_is_verified": True, "documents_are_complete": True, "bureau_consent_is_given": True,
}  # fmt: skip
# Compiled once for all tests: each promotes the standard strategy.
DECIDERS = Deciders()


@pytest.fixture
def deciders() -> Deciders:
    """Kept from test to test."""
    return DECIDERS


def promote_standard(api: Api) -> None:
    """Let the standard strategy decide."""
    with api.edge.pool.connection() as connection:
        Lender(Books(connection, ids=api.edge.ids)).release()


def borrower_with_report(api: Api, reference: str = "p-1", **figures: int | None) -> str:
    """A borrower of whom a bureau told; a minute goes by."""
    borrower = api.made("/v1/borrowers", {"reference": reference, "jurisdiction": "CN", "currency": "CNY"})
    api.made(f"/v1/borrowers/{borrower['id']}/bureau-reports", REPORT | figures)
    api.clock.at += timedelta(minutes=1)
    return str(borrower["id"])


def body_of(borrower_id: str, **more: object) -> dict[str, Any]:
    """A usual application."""
    own = {
        "device": f"device of {borrower_id}",
        "phone": f"phone of {borrower_id}",
        "address": f"home of {borrower_id}",
    }
    told = {"income_month_minor": 1_000_000, "born_on": "1991-03-01", "is_student": False, "employment": "employed"}
    return {"borrower_id": borrower_id, **told, **VERIFIED, **own, **more}


def applied(api: Api, borrower_id: str, **more: object) -> dict[str, Any]:
    """An application that was decided; a minute goes by."""
    made = api.made("/v1/applications", body_of(borrower_id, **more))
    api.clock.at += timedelta(minutes=1)
    return made


@pytest.fixture
def lending(api: Api) -> Api:
    """A lender whose standard strategy decides."""
    promote_standard(api)
    return api


def test_an_application_becomes_a_line(lending: Api) -> None:
    api, borrower_id = lending, borrower_with_report(lending)
    made = applied(api, borrower_id)
    assert (made["state"], made["grade"], made["offer"]["limit_minor"]) == ("offered", "D", 800_000)
    assert made["explanation"] == {"zh": ["可授信"], "en": ["a line is offered"]}
    offer = api.get(f"/v1/offers/{made['offer']['id']}").json()
    assert offer == made["offer"]
    shown = api.get(f"/v1/offers/{offer['id']}/disclosure").json()
    assert shown["document_hash"] == offer["document_hash"]
    assert shown["disclosure"]["line"]["limit_minor"] == 800_000
    other = api.post(f"/v1/applications/{made['id']}/accept", {"accepted_hash": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (422, "acceptance_missing")
    opened = api.made(f"/v1/applications/{made['id']}/accept", {"accepted_hash": offer["document_hash"]})
    line = api.get(f"/v1/lines/{opened['line_id']}").json()
    assert (line["standing"]["limit_minor"], line["contract_hash"]) == (800_000, offer["contract_hash"])
    now = api.get(f"/v1/applications/{made['id']}").json()
    assert (now["state"], now["offer"]["line_id"], now["offer"]["answer"]) == ("accepted", line["id"], "accepted")


def test_a_decline_says_why_in_both_languages_what_would_change_it_and_that_a_person_may_look(lending: Api) -> None:
    api, borrower_id = lending, borrower_with_report(lending)
    made = applied(api, borrower_id, documents_are_complete=False)
    assert (made["state"], made["reasons"], made["offer"]) == ("declined", ["DOCUMENTS_MISSING"], None)
    zh, en = made["explanation"]["zh"], made["explanation"]["en"]
    assert zh[:2] == ["未通过", "申请资料不齐全"]
    assert en[:2] == ["declined", "Documents are missing"]
    assert "If “all documents are there” were yes (now no)" in en[2]
    assert (zh[3], en[3]) == (
        "您可以要求人工复核本次自动化决定。",
        "You may ask that a person looks at this automated decision again.",
    )
    asked = api.made(f"/v1/applications/{made['id']}/human_review", {})
    assert (asked["state"], asked["explanation"]["zh"][0]) == ("in_review", "已转人工审核")
    again = api.post(f"/v1/applications/{made['id']}/human_review", {})
    assert (again.status_code, again.json()["code"]) == (409, "application_not_declined")


def test_what_a_fraud_check_declines_names_no_way_around_it(lending: Api) -> None:
    for number in range(6):
        made = applied(lending, borrower_with_report(lending, f"p-{number}"), device="one phone for all")
    assert made["reasons"] == ["DEVICE_OF_MANY_APPLICANTS"]
    assert made["explanation"]["en"] == [
        "declined",
        "Too many people applied on this device",
        "You may ask that a person looks at this automated decision again.",
    ]


def test_what_the_books_refuse_is_said_in_words(lending: Api) -> None:
    api = lending
    person = {"reference": "p-9", "jurisdiction": "CN", "currency": "CNY", "joint_cap_minor": 700_000}
    borrower_id = api.made("/v1/borrowers", person)["id"]
    api.made(f"/v1/borrowers/{borrower_id}/bureau-reports", REPORT)
    api.clock.at += timedelta(minutes=1)
    made = applied(api, borrower_id)
    assert (made["refused_because"], made["explanation"]["en"][1]) == (
        "joint_cap_exceeded", "Your limits together reach what one person may have",
    )  # fmt: skip


def test_the_same_key_gives_the_same_answer_and_another_body_is_told(lending: Api) -> None:
    api, borrower_id = lending, borrower_with_report(lending)
    first = api.post("/v1/applications", body_of(borrower_id), key="one")
    again = api.post("/v1/applications", body_of(borrower_id), key="one")
    assert (first.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    other = api.post("/v1/applications", body_of(borrower_id, is_student=True), key="one")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    with api.edge.pool.connection() as connection:
        connection.execute("DELETE FROM idempotency_records")
    later = api.post("/v1/applications", body_of(borrower_id), key="one")
    assert later.json() == first.json(), "the decision knows its request longer than the answers are kept"
    with api.edge.pool.connection() as connection:
        connection.execute("DELETE FROM idempotency_records")
    other = api.post("/v1/applications", body_of(borrower_id, is_student=True), key="one")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    other = api.post("/v1/applications", body_of(borrower_id, is_student=True), key="one-more")
    assert other.json()["reasons"] == ["STUDENT"]


def test_lists_go_back_from_the_newest(lending: Api) -> None:
    api = lending
    first, second = (applied(api, borrower_with_report(api, reference)) for reference in ("p-1", "p-2"))
    declined = api.made(f"/v1/applications/{second['id']}/decline", {})
    assert (declined["state"], declined["offer"]["answer"]) == ("turned_down", "declined")
    page = api.get("/v1/applications", limit=1).json()
    assert [each["id"] for each in page["items"]] == [second["id"]]
    rest = api.get("/v1/applications", after=page["next_after"]).json()
    assert [each["id"] for each in rest["items"]] == [first["id"]]
    assert [each["id"] for each in api.get("/v1/applications", state="offered").json()["items"]] == [first["id"]]
    offers = api.get("/v1/offers", borrower_id=first["borrower_id"]).json()["items"]
    assert [each["application_id"] for each in offers] == [first["id"]]
    assert api.get("/v1/offers").json()["items"][0]["application_id"] == second["id"]


def test_an_override_takes_two_holders_with_their_own_scope(lending: Api) -> None:
    api = lending
    made = applied(api, borrower_with_report(api), documents_are_complete=False)
    path = f"/v1/applications/{made['id']}/override"
    grant = {"outcome": "offer", "limit_minor": 500_000, "reason": "papers seen at the branch"}
    checkout = api.other(Scope.APPLICATIONS_WRITE)
    assert checkout.post(path, grant).json()["code"] == "scope_missing"
    ann, bo = (api.other(Scope.OVERRIDES_WRITE, Scope.APPLICATIONS_READ, holder=name) for name in ("ann", "bo"))
    waiting = ann.made(path, grant)
    assert (waiting["state"], waiting["overrides"][0]["decision"]) == ("declined", None)
    alone = ann.post(f"{path}/approve", {"note": "fine"})
    assert (alone.status_code, alone.json()["code"]) == (422, "second_person_missing")
    offered = bo.made(f"{path}/approve", {"note": "seen too"})
    assert (offered["state"], offered["offer"]["limit_minor"]) == ("offered", 500_000)
    assert [(each["proposed_by"], each["decided_by"]) for each in offered["overrides"]] == [("ann", "bo")]
    back = {"outcome": "decline", "reasons": ["FACE_NOT_MATCHED"], "reason": "not the same person after all"}
    taken = bo.made(path, back)
    assert (taken["state"], taken["reasons"], taken["offer"]["answer"]) == (
        "declined", ["FACE_NOT_MATCHED"], "withdrawn",
    )  # fmt: skip
    assert taken["explanation"]["en"] == [
        "declined", "Your face does not match the document", "A person looked at it and decided.",
    ]  # fmt: skip
    rejected = bo.made(path, grant)["overrides"][-1]
    assert (rejected["proposed_by"], rejected["decision"]) == ("bo", None)
    assert ann.made(f"{path}/reject", {})["overrides"][-1]["decision"] == "rejected"


def test_without_a_strategy_nothing_is_decided_and_the_same_key_may_ask_again(api: Api) -> None:
    borrower_id = borrower_with_report(api)
    refused = api.post("/v1/applications", body_of(borrower_id), key="early")
    assert (refused.status_code, refused.json()["code"]) == (503, "no_strategy_in_force")
    assert "`tallystick strategy submit`, `approve`, `promote`" in refused.json()["detail"]
    promote_standard(api)
    assert api.post("/v1/applications", body_of(borrower_id), key="early").status_code == 201


def test_a_day_that_cannot_be_is_told(lending: Api) -> None:
    borrower_id = borrower_with_report(lending)
    for param, day in (("born_on", "1890-01-01"), ("employed_since", "2026-01-06")):
        refused = lending.post("/v1/applications", body_of(borrower_id, **{param: day}))
        assert (refused.status_code, refused.json()["code"], refused.json()["param"]) == (
            422, "date_implausible", param,
        )  # fmt: skip


def test_what_an_erased_person_stated_is_gone_and_the_decision_stays(lending: Api) -> None:
    borrower_id = borrower_with_report(lending)
    lending.put(f"/v1/borrowers/{borrower_id}/personal-data", {"full_name": "Li Lei"})
    made = applied(lending, borrower_id)
    assert made["stated"]["income_month_minor"] == 1_000_000
    lending.delete(f"/v1/borrowers/{borrower_id}/personal-data")
    now = lending.get(f"/v1/applications/{made['id']}").json()
    assert (now["stated"], now["decided_outcome"], now["offer"]) == (None, "offer", made["offer"])


def test_what_is_not_there_is_told_in_the_callers_language(lending: Api) -> None:
    for path in ("/v1/applications/application_0000000000001", "/v1/offers/creditoffer_0000000000001"):
        assert lending.get(path).status_code == 404
    headers = {"Authorization": f"Bearer {lending.token}", "Accept-Language": "zh-CN"}
    told = lending.client.get("/v1/applications/application_0000000000001", headers=headers)
    assert told.json()["detail"].startswith("没有这个编号的申请")
