"""Decisions over HTTP: in the borrower's words, for the officer with every row, and what they turned out to be."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.deciding import bought, deciding, decision_path
from tests.api.test_reviews_api import problem
from tests.deciding import Lender

from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id


@pytest.fixture
def lender(api: Api) -> Iterator[Lender]:
    """A lender that decides behind the API."""
    with deciding(api) as lender:
        yield lender


def test_the_borrower_is_told_why_and_the_smallest_change_that_would_have_helped(api: Api, lender: Lender) -> None:
    decision = bought(api, lender, 1, 3_000_100)
    told = api.get(decision_path(decision)).json()
    assert told["reasons"] == [
        {
            "code": "OVER_AVAILABLE",
            "zh": "订单金额超过可用额度",
            "en": "The order is above your available credit",
        }
    ]
    assert told["explanation"]["zh"][:2] == ["未通过", "订单金额超过可用额度"]
    assert told["explanation"]["en"][2].startswith("With ")
    assert "(now 30,001.00 yuan)" in told["explanation"]["en"][2]
    assert told["explanation"]["zh"][-1] == "您可以要求人工复核本次自动化决定。"
    assert (told["officer"], told["label"], told["review_id"]) == (None, None, None)


def test_what_the_books_refused_is_told_in_words(api: Api, lender: Lender) -> None:
    lender.books.connection.execute("UPDATE borrowers SET joint_cap_minor = 4000 WHERE borrower_id = 1")
    decision = bought(api, lender, 1, 5_000)
    assert decision.refused_because == "joint_cap_exceeded"
    told = api.get(decision_path(decision), **{"for": "officer"}).json()
    assert told["explanation"]["en"] == [
        "declined",
        "All your lines together have reached their cap; what you pay back can be used again",
        "You may ask that a person looks at this automated decision again.",
    ]
    assert told["officer"]["refused_because"] == "joint_cap_exceeded"
    assert [step["name"] for step in told["officer"]["trace"]["steps"] if step["decided"]] == ["approval"]


def test_an_officer_sees_the_trace_and_whoever_may_not_does_not(api: Api, lender: Lender) -> None:
    decision = bought(api, lender, 1, 5_000)
    officer = api.other(Scope.DECISIONS_READ, Scope.TRACES_READ)
    told = officer.get(decision_path(decision), **{"for": "officer"}).json()["officer"]
    assert told["strategy_id"] == decision.strategy_id
    assert told["outputs"]["most_installments"] == 0
    assert told["trace"]["figures"]["amount_minor"] == 5_000
    desk = api.other(Scope.DECISIONS_READ)
    assert desk.get(decision_path(decision)).json()["officer"] is None
    assert problem(desk.get(decision_path(decision), **{"for": "officer"})) == (403, "scope_missing")
    assert problem(api.other(Scope.TRACES_READ).get(decision_path(decision))) == (403, "scope_missing")


def test_a_decision_outlives_its_trace(api: Api, lender: Lender) -> None:
    decision = bought(api, lender, 1, 3_000_100)
    with psycopg.connect(str(api.edge.pool.conninfo)) as connection:
        connection.execute("DELETE FROM decision_traces")
    told = api.get(decision_path(decision), **{"for": "officer"}).json()
    assert told["officer"]["trace"] is None
    assert told["explanation"]["en"][:2] == ["declined", "The order is above your available credit"]
    assert len(told["explanation"]["en"]) == 3, "no change is named: its figures are gone"


def test_decisions_are_listed(api: Api, lender: Lender) -> None:
    first, second, third = (
        bought(api, lender, line_id, amount_minor) for line_id, amount_minor in ((1, 5_000), (2, 5_000), (1, 3_000_100))
    )

    def listed(**asked: str | int) -> list[str]:
        return [each["id"] for each in api.get("/v1/decisions", **asked).json()["items"]]

    one, two, three = (encode_id(IdPrefix.DECISION, each.decision_id) for each in (first, second, third))
    assert listed() == [three, two, one]
    assert listed(line_id=encode_id(IdPrefix.LINE, 1)) == [three, one]
    assert listed(borrower_id=encode_id(IdPrefix.BORROWER, 2)) == [two]
    assert listed(outcome="decline") == [three]
    assert listed(checkpoint="apply") == []
    assert listed(limit=1, after=three) == [two]


def test_a_purchase_is_confirmed_as_fraud_once(api: Api, lender: Lender) -> None:
    decision = bought(api, lender, 1, 5_000)
    desk = api.other(Scope.LABELS_WRITE, holder="fraud desk")
    body = {"is_fraud": True, "reason": "card holder called"}
    told = desk.made(f"{decision_path(decision)}/label", body)
    assert (told["is_fraud"], told["actor"]) == (True, "fraud desk")
    assert problem(desk.post(f"{decision_path(decision)}/label", body)) == (409, "label_exists")
    assert api.get(decision_path(decision)).json()["label"] == told
    lender.now = api.clock.at
    assert bought(api, lender, 1, 5_000).reasons == ()
    assert bought(api, lender, 1, 5_000).reasons[0] == "FRAUD_ON_LINE"
    right = desk.made(f"{decision_path(decision)}/label", {"is_fraud": False, "reason": "other card", "corrects": True})
    told_of = api.get(decision_path(decision)).json()
    assert (told_of["label"], told_of["corrected_labels"], right["corrects"]) == (right, [told], True)
    unknown = f"/v1/decisions/{encode_id(IdPrefix.DECISION, 5)}"
    assert problem(api.get(unknown)) == (404, "decision_unknown")
    assert problem(api.post(f"{unknown}/label", body)) == (404, "decision_unknown")
