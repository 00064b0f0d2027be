"""What persons decide on applications: after a review, and otherwise than the strategy, each kept and counted."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import psycopg
import pytest
from tests.applying import (
    DECIDERS,
    NO_DOCUMENTS,
    NOTHING_TOLD,
    accept,
    applicant,
    applied,
    reason_of,
    state_of,
)
from tests.books import Books, told_events
from tests.commands import command
from tests.deciding import SHANGHAI, Lender

from tallystick.operations.application_judgments import (
    approve_offer,
    decline_after_review,
    decline_after_timeout,
    offer_after_review,
    propose_offer,
    reject_offer,
    take_offer_back,
)
from tallystick.operations.applications import ask_human_review
from tallystick.operations.lines import Recorded
from tallystick.operations.reviewing import judge
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import overrides
from tallystick.storage.applications import ApplicationState, StoredApplication
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.overrides import Override, OverrideCounts
from tallystick.storage.reviews import Review, read_review
from tallystick.terms.offering import OfferFault, OfferReason


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """The standard strategy in force, and nine persons who may apply."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        lender = Lender(Books(connection, ids=count(1_000)), deciders=DECIDERS)
        lender.release()
        for borrower_id in range(1, 10):
            applicant(lender, borrower_id)
        yield lender


def proposed(lender: Lender, application_id: int, limit_minor: int, *, by: str = "ann") -> Any:
    """An officer wants a declined application to be offered a line."""
    act = lender.act(actor=by)
    return propose_offer(
        lender.books.connection, application_id, limit_minor=limit_minor, reason="known to us", act=act
    )  # fmt: skip


def agreed(lender: Lender, application_id: int, *, by: str = "bo") -> Any:
    """A second person agrees."""
    act = lender.act(actor=by)
    return approve_offer(lender.books.connection, application_id, note="seen", act=act)


def reviewed(lender: Lender, review_id: int, *, by: str = "ann", agreed_by: str | None = None) -> Any:
    """A review ends with an offer."""
    act = msgspec.structs.replace(lender.act(actor=by), approved_by=agreed_by)
    return offer_after_review(lender.books.connection, review_id, act=act)


def learned_from(lender: Lender) -> set[int]:
    """The decisions that a model may learn from."""
    rows = lender.books.connection.execute("SELECT decision_id FROM decisions_to_learn_from")
    return {decision_id for (decision_id,) in rows}


def test_a_reviewed_application_is_offered_or_declined_by_a_person(lender: Lender) -> None:
    for borrower_id in (21, 22):
        applicant(lender, borrower_id, NOTHING_TOLD)
    first, second = applied(lender, 21), applied(lender, 22)
    assert first.state is ApplicationState.IN_REVIEW
    assert first.reasons == ("BUREAU_MISSING", "NO_SCORE")
    assert applied(lender, 21).reasons[0] == "APPLICATION_OPEN"
    assert reviewed(lender, first.application_id).limit_minor == 100_000
    assert isinstance(accept(lender, first.application_id), Recorded)
    declined = decline_after_review(lender.books.connection, second.application_id, act=lender.act())
    assert isinstance(declined, StoredApplication)
    assert (declined.state, declined.told_reasons) == (ApplicationState.DECLINED, second.reasons)
    again = ask_human_review(lender.books.connection, second.application_id, act=lender.act())
    assert reason_of(again) is RefusalReason.APPLICATION_REVIEWED
    assert overrides.overrides_of(lender.books.connection, [first.application_id]) == {}
    assert first.application_id in learned_from(lender)


def test_who_was_declined_by_the_strategy_may_ask_for_a_person_and_two_may_grant(lender: Lender) -> None:
    made = applied(lender, 1, NO_DOCUMENTS)
    asked = ask_human_review(lender.books.connection, made.application_id, act=lender.act(actor="app"))
    assert isinstance(asked, StoredApplication)
    assert asked.human_review_id is not None
    review = read_review(lender.books.connection, asked.human_review_id)
    assert review is not None
    assert (asked.state, review.needs_two, review.timeout_outcome) == (ApplicationState.IN_REVIEW, True, "decline")
    for alone in (None, " ANN"):
        refused = reviewed(lender, review.review_id, agreed_by=alone)
        assert reason_of(refused) is RefusalReason.SECOND_PERSON_MISSING
    assert reviewed(lender, review.review_id, agreed_by="bo").limit_minor == 800_000
    [override] = overrides.overrides_of(lender.books.connection, [made.application_id])[made.application_id]
    assert (override.proposed_by, override.decided_by, override.to_outcome) == ("ann", "bo", "offer")
    assert made.application_id not in learned_from(lender)


def test_what_ran_out_of_time_was_seen_by_nobody_so_that_a_person_may_be_asked_for(lender: Lender) -> None:
    applicant(lender, 21, NOTHING_TOLD)
    made, connection = applied(lender, 21), lender.books.connection
    late = decline_after_timeout(connection, made.application_id, act=lender.act(actor="clock"))
    assert isinstance(late, StoredApplication)
    assert (late.state, late.told_reasons) == (ApplicationState.DECLINED, None)
    asked = ask_human_review(connection, made.application_id, act=lender.act(actor="app"))
    assert isinstance(asked, StoredApplication)
    assert asked.human_review_id not in (None, made.application_id)
    assert isinstance(decline_after_review(connection, asked.human_review_id or 0, act=lender.act()), StoredApplication)
    again = ask_human_review(connection, made.application_id, act=lender.act(actor="app"))
    assert reason_of(again) is RefusalReason.APPLICATION_REVIEWED
    assert [kind for kind, _ in told_events(connection)] == [
        f"application_{state}" for state in ("in_review", "declined", "in_review", "declined")
    ]


def test_an_override_grants_once_a_second_person_agrees(lender: Lender) -> None:
    made = applied(lender, 1, NO_DOCUMENTS)
    override = proposed(lender, made.application_id, 500_000)
    assert isinstance(override, Override)
    assert state_of(lender, made.application_id) is ApplicationState.DECLINED
    assert made.application_id in learned_from(lender), "nothing was overridden yet"
    assert reason_of(proposed(lender, made.application_id, 400_000)) is RefusalReason.OVERRIDE_WAITS
    assert reason_of(agreed(lender, made.application_id, by="Ann ")) is RefusalReason.SECOND_PERSON_MISSING
    assert agreed(lender, made.application_id).offered_by == "ann"
    opened = accept(lender, made.application_id)
    assert isinstance(opened, Recorded)
    assert opened.line.limit_minor == 500_000
    assert made.application_id not in learned_from(lender)
    counted = overrides.override_counts(lender.books.connection)
    assert counted == {made.strategy_id: OverrideCounts(applications=1, granted=1, taken_back=0)}


def test_the_releases_show_how_often_a_strategy_was_overridden(lender: Lender, database_url: str) -> None:
    made = applied(lender, 1, NO_DOCUMENTS)
    applied(lender, 2)
    assert isinstance(proposed(lender, made.application_id, 500_000), Override)
    assert isinstance(agreed(lender, made.application_id), CreditOffer)
    listed = command("strategy", "releases", url=database_url, columns=120).told()
    assert "Overridden/applications" in listed
    assert " 1/2 " in listed


def test_an_override_that_is_rejected_changes_nothing(lender: Lender) -> None:
    made = applied(lender, 1, NO_DOCUMENTS)
    connection, number = lender.books.connection, made.application_id
    assert reason_of(reject_offer(connection, number, note="", act=lender.act())) is RefusalReason.OVERRIDE_UNKNOWN
    assert isinstance(proposed(lender, number, 500_000), Override)
    assert isinstance(reject_offer(connection, number, note="no", act=lender.act(actor="bo")), StoredApplication)
    assert reason_of(agreed(lender, number)) is RefusalReason.OVERRIDE_UNKNOWN
    assert state_of(lender, number) is ApplicationState.DECLINED
    assert number in learned_from(lender)


def test_an_override_stays_within_product_and_law(lender: Lender) -> None:
    made = applied(lender, 1, NO_DOCUMENTS)
    refused = proposed(lender, made.application_id, 5_000_001)
    assert isinstance(refused, OfferFault)
    assert refused.reason is OfferReason.LIMIT_TOO_LARGE
    offered = applied(lender, 2)
    assert reason_of(proposed(lender, offered.application_id, 100_000)) is RefusalReason.APPLICATION_NOT_DECLINED


def test_an_officer_takes_an_offer_back_and_the_borrower_is_told_why(lender: Lender) -> None:
    made = applied(lender, 1)

    def taken_back(*reasons: str) -> StoredApplication | Refusal:
        return take_offer_back(
            lender.books.connection, made.application_id, reasons=reasons, reason="forged papers", deciders=DECIDERS,
            act=lender.act(actor="ann"),
        )  # fmt: skip

    refused = taken_back("FACE_NOT_MATCHED", "BAD_FEELING")
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.figures) == (RefusalReason.REASON_UNKNOWN, {"unknown": ["BAD_FEELING"]})
    declined = taken_back("FACE_NOT_MATCHED")
    assert isinstance(declined, StoredApplication)
    assert (declined.state, declined.told_reasons) == (ApplicationState.DECLINED, ("FACE_NOT_MATCHED",))
    assert reason_of(accept(lender, made.application_id)) is RefusalReason.OFFER_ANSWERED
    assert made.application_id not in learned_from(lender)
    assert overrides.override_counts(lender.books.connection)[made.strategy_id].taken_back == 1


REFUSED = [
    "UPDATE applications SET limit_minor = limit_minor + 1",
    "UPDATE applications SET stated = '{}'",
    "UPDATE applications SET state = 'accepted' WHERE state = 'declined'",
    "DELETE FROM applications",
    "TRUNCATE applications CASCADE",
    "UPDATE credit_offers SET limit_minor = limit_minor + 1",
    "UPDATE credit_offers SET answer = 'accepted', answered_by = 'x', answered_at = now()",
    "DELETE FROM credit_offers",
    "UPDATE overrides SET decision = 'approved', decided_by = ' ANN', decided_at = now()",
    "UPDATE overrides SET reason = 'other'",
    "DELETE FROM overrides",
]


def test_the_database_refuses_by_itself(lender: Lender) -> None:
    applied(lender, 1)
    assert isinstance(proposed(lender, applied(lender, 2, NO_DOCUMENTS).application_id, 500_000), Override)
    for statement in REFUSED:
        with pytest.raises((psycopg.errors.IntegrityConstraintViolation, psycopg.errors.CheckViolation)):
            lender.books.connection.execute(statement.encode())


def queued(lender: Lender, review_id: int, outcome: str, by: str) -> Any:
    """A person judges it in the queue, as any review."""
    connection = lender.books.connection
    with connection.transaction():
        return judge(connection, review_id, outcome, reason="seen", act=lender.act(actor=by), zone=SHANGHAI)


def test_an_application_is_judged_in_the_queue_like_any_review(lender: Lender) -> None:
    for borrower_id in (21, 22):
        applicant(lender, borrower_id, NOTHING_TOLD)
    made = applied(lender, 21)
    assert state_of(lender, made.application_id) is ApplicationState.IN_REVIEW
    judged = queued(lender, made.application_id, "offer", "cy")
    assert isinstance(judged, Review)
    assert (judged.outcome, state_of(lender, made.application_id)) == ("offer", ApplicationState.OFFERED)
    other = applied(lender, 22)
    assert isinstance(queued(lender, other.application_id, "decline", "cy"), Review)
    assert state_of(lender, other.application_id) is ApplicationState.DECLINED


def test_two_grant_what_the_strategy_declined_and_that_is_an_override(lender: Lender) -> None:
    made = applied(lender, 1, NO_DOCUMENTS)
    asked = ask_human_review(lender.books.connection, made.application_id, act=lender.act(actor="app"))
    assert isinstance(asked, StoredApplication)
    assert asked.human_review_id is not None
    first = queued(lender, asked.human_review_id, "offer", "ann")
    assert (first.proposed_by, first.outcome) == ("ann", None)
    refused = queued(lender, asked.human_review_id, "offer", "ann")
    assert isinstance(refused, Refusal)
    second = queued(lender, asked.human_review_id, "offer", "bo")
    assert isinstance(second, Review)
    assert (second.outcome, state_of(lender, made.application_id)) == ("offer", ApplicationState.OFFERED)


def test_what_the_books_refuse_leaves_the_review_open(lender: Lender) -> None:
    applicant(lender, 21, NOTHING_TOLD)
    made = applied(lender, 21)
    lender.books.connection.execute("UPDATE borrowers SET joint_cap_minor = 0 WHERE borrower_id = 21")
    assert isinstance(queued(lender, made.application_id, "offer", "cy"), Refusal)
    left = read_review(lender.books.connection, made.application_id)
    assert left is not None
    assert (left.outcome, state_of(lender, made.application_id)) == (None, ApplicationState.IN_REVIEW)
