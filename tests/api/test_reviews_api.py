"""Large orders over HTTP: the queue, the evidence, the answer, and what becomes of it in the end."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from tests.api.conftest import Api
from tests.api.deciding import bought, deciding, decision_path, review_path
from tests.deciding import Lender

from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.review_keeping import ReviewKeeping

ONE = 1_600_000
TWO = 2_900_000
APPROVE = {"outcome": "approve", "reason": "called back"}
DECLINE = {"outcome": "decline", "reason": "denies the order"}


@pytest.fixture
def lender(api: Api) -> Iterator[Lender]:
    """A lender that decides behind the API."""
    with deciding(api) as lender:
        yield lender


def problem(answer: httpx.Response) -> tuple[int, str]:
    """What was refused, and how."""
    return answer.status_code, answer.json()["code"]


def test_an_analyst_takes_a_case_and_sees_all_evidence(api: Api, lender: Lender) -> None:
    bought(api, lender, 1, 5_000)
    waiting = bought(api, lender, 1, ONE, device_id=77)
    other = bought(api, lender, 1, 1_395_000, category="gift_cards")
    assert other.outcome == "review"
    told = api.made("/v1/reviews/next", {"checkpoint": "authorize"})["review"]
    assert told["review"]["id"] == encode_id(IdPrefix.REVIEW, other.decision_id), "the more urgent one"
    told = api.made("/v1/reviews/next", {})["review"]
    assert told == api.get(review_path(waiting)).json()
    review = told["review"]
    assert (review["assigned_to"], review["priority"], review["needs_two"]) == ("checkout", 3, False)
    assert (review["amount_minor"], review["hold_id"]) == (ONE, encode_id(IdPrefix.HOLD, waiting.hold_id or 0))
    assert (told["decision"]["outcome"], told["decision"]["final_outcome"]) == ("review", "review")
    assert [reason["code"] for reason in told["reasons"]] == ["LARGE_ORDER"]
    assert "需人工审核" in told["reasons"][0]["zh"]
    assert told["explanation"]["en"][0] == "a person will look at it"
    trace = told["evidence"]["trace"]
    assert (trace["figures"]["amount_minor"], trace["figures"]["available_minor"]) == (ONE, 2_995_000)
    assert trace["features"]["line_purchase_count_1h"] == 1
    assert trace["scores"] == {"fraud_ppm": None}
    [decided] = [step for step in trace["steps"] if step["decided"]]
    assert (decided["name"], decided["row_id"]) == ("large_order", "large_for_borrower")
    assert decided["rows"][-1]["is_true"] is True
    assert decided["rows"][-1]["read"]["amount_minor"] == ONE
    assert told["standing"]["held_minor"] == 3_000_000
    assert [row["final_outcome"] for row in told["recent_decisions"]] == ["review", "approve"]
    assert [each["id"] for each in told["other_reviews"]] == [encode_id(IdPrefix.REVIEW, other.decision_id)]
    assert [act["kind"] for act in told["acts"]] == ["assigned"]
    assert api.made("/v1/reviews/next", {}) == {"review": None}


def test_a_case_is_assigned_once_per_key(api: Api, lender: Lender) -> None:
    bought(api, lender, 1, ONE)
    bought(api, lender, 2, ONE)
    first = api.post("/v1/reviews/next", {}, key="next-1")
    again = api.post("/v1/reviews/next", {}, key="next-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json() == again.json()
    assert api.made("/v1/reviews/next", {})["review"]["review"]["id"] != first.json()["review"]["review"]["id"]


def test_the_answer_is_the_decisions_final_outcome(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, ONE)
    answer = api.post(f"{review_path(waiting)}/judge", APPROVE, key="judge-1")
    assert (answer.status_code, answer.json()["outcome"]) == (201, "approve")
    assert api.post(f"{review_path(waiting)}/judge", APPROVE, key="judge-1").json() == answer.json()
    assert problem(api.post(f"{review_path(waiting)}/judge", DECLINE)) == (409, "review_closed")
    told = api.get(decision_path(waiting)).json()
    assert (told["decision"]["outcome"], told["decision"]["final_outcome"]) == ("review", "approve")
    assert told["explanation"] == {"zh": ["已通过"], "en": ["approved"]}
    [row] = api.get("/v1/decisions", outcome="review").json()["items"]
    assert row["final_outcome"] == "approve"
    assert api.get(f"/v1/lines/{row['line_id']}").json()["standing"]["held_minor"] == ONE


def test_two_holders_approve_what_is_very_large(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, TWO)
    assert api.made(f"{review_path(waiting)}/judge", APPROVE)["proposed_by"] == "checkout"
    assert problem(api.post(f"{review_path(waiting)}/judge", APPROVE)) == (422, "second_person_missing")
    second = api.other(holder="bo")
    assert second.made(f"{review_path(waiting)}/judge", APPROVE)["outcome"] == "approve"


def test_what_another_has_is_left_to_him_until_he_gives_it_back_or_leaves_it(api: Api, lender: Lender) -> None:
    waiting, second = bought(api, lender, 1, ONE), api.other(holder="bo")
    api.made("/v1/reviews/next", {})
    refused = second.post(f"{review_path(waiting)}/judge", DECLINE)
    assert problem(refused) == (409, "review_assigned")
    assert refused.json()["detail"].startswith("The review is assigned to checkout")
    assert problem(second.post(f"{review_path(waiting)}/release", {"reason": "x"})) == (409, "review_assigned")
    assert api.made(f"{review_path(waiting)}/release", {"reason": "lunch"})["assigned_to"] is None
    assert second.made("/v1/reviews/next", {})["review"]["review"]["assigned_to"] == "bo"
    api.clock.at += timedelta(minutes=30)
    assert api.made("/v1/reviews/next", {})["review"]["review"]["assigned_to"] == "checkout"


def test_the_queue_is_filtered(api: Api, lender: Lender) -> None:
    first, second = bought(api, lender, 1, ONE), bought(api, lender, 2, TWO)
    bought(api, lender, 3, 5_000)
    api.made("/v1/reviews/next", {})

    def listed(**asked: str | int) -> list[str]:
        return [each["decision_id"] for each in api.get("/v1/reviews", **asked).json()["items"]]

    one, two = (encode_id(IdPrefix.DECISION, each.decision_id) for each in (first, second))
    assert listed() == [two, one]
    assert listed(assigned_to="checkout") == [two]
    assert listed(checkpoint="apply") == []
    assert listed(borrower_id=encode_id(IdPrefix.BORROWER, 1)) == [one]
    api.clock.at += timedelta(minutes=45)
    assert listed(overdue="true") == [two]
    page = api.get("/v1/reviews", limit=1).json()
    assert api.get("/v1/reviews", limit=1, after=page["next_after"]).json()["items"][0]["decision_id"] == one
    api.made(f"{review_path(first)}/judge", DECLINE)
    assert (listed(), listed(state="closed")) == ([two], [one])


def test_the_server_closes_what_nobody_judged_in_time(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, ONE)
    keeping = ReviewKeeping(api.edge, metrics=api.frame.metrics)
    assert keeping.round() == (0, 0)
    api.clock.at += timedelta(minutes=60)
    assert (keeping.round(), keeping.round()) == ((0, 1), (0, 0))
    told = api.get(decision_path(waiting)).json()
    assert told["decision"]["final_outcome"] == "decline"
    assert told["explanation"]["en"][-1] == "You may ask that a person looks at this automated decision again."
    assert 'tallystick_reviews_closed_total{because="timed_out"} 1.0' in api.client.get("/metrics").text
    with api.edge.pool.connection() as connection:
        assert not connection.autocommit  # the next request gets a connection as it expects it


def test_what_waits_for_a_person_cannot_be_captured(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, ONE)
    hold = f"/v1/holds/{encode_id(IdPrefix.HOLD, waiting.hold_id or 0)}"
    refused = api.post(f"{hold}/capture", {"amount_minor": ONE})
    assert problem(refused) == (409, "hold_under_review")
    api.made(f"{review_path(waiting)}/judge", APPROVE)
    api.made(f"{hold}/capture", {"amount_minor": ONE})


def test_each_act_needs_its_scope(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, ONE)
    reader, writer = api.other(Scope.REVIEWS_READ), api.other(Scope.REVIEWS_WRITE)
    assert reader.get(review_path(waiting)).status_code == 200
    assert problem(writer.get(review_path(waiting))) == (403, "scope_missing")
    for path, body in (("/v1/reviews/next", {}), (f"{review_path(waiting)}/judge", APPROVE)):
        assert problem(reader.post(path, body)) == (403, "scope_missing")
    assert problem(api.get(f"/v1/reviews/{encode_id(IdPrefix.REVIEW, 5)}")) == (404, "review_unknown")
