"""Applications decided: person, device and history seen, an offer with its document, and who decides otherwise."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from tests.applying import (
    DECIDERS,
    NO_DOCUMENTS,
    USUAL,
    accept,
    applicant,
    application,
    applied,
    ask,
    offer_of,
    reason_of,
    state_of,
    told,
)
from tests.books import OPENED_ON, Books, ended, told_events
from tests.deciding import SHANGHAI, Lender

from tallystick.operations.application_answers import turn_down_offer
from tallystick.operations.applications import Application, BureauReport, apply
from tallystick.operations.decision_record import Reused
from tallystick.operations.expired_offers import close_expired_offers
from tallystick.operations.lines import Recorded
from tallystick.operations.replaying import replay_since
from tallystick.servicing import facts
from tallystick.servicing.refusals import RefusalReason
from tallystick.storage import acceptances, credit_offers, decisions
from tallystick.storage.applications import ApplicationState, StoredApplication, forget_stated, read_application
from tallystick.storage.borrowers import write_block
from tallystick.storage.freezes import Freeze, Subject, place_freezes
from tallystick.storage.limit_offers import OfferAnswer
from tallystick.storage.limit_reviews import add_income
from tallystick.storage.review_cases import lines_of_persons
from tallystick.storage.reviews import read_review
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decide_again, decode_record, encode_record
from tallystick.terms.product import CareKind


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """The standard strategy in force, and nine persons who may apply."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        lender = Lender(Books(connection, ids=count(1_000)), deciders=DECIDERS)
        lender.release()
        for borrower_id in range(1, 10):
            applicant(lender, borrower_id)
        yield lender


def turned_down(lender: Lender, application_id: int) -> None:
    """The borrower says no."""
    act = lender.act(actor="app")
    assert isinstance(turn_down_offer(lender.books.connection, application_id, act=act), StoredApplication)


def test_an_application_is_offered_a_line_and_the_decision_says_of_what_it_was_made(lender: Lender) -> None:
    made = applied(lender, 1)
    offer = offer_of(lender, made.application_id)
    assert (made.state, made.grade, made.reasons) == (ApplicationState.OFFERED, "D", ())
    assert (offer.limit_minor, offer.price_code, offer.product_id) == (800_000, "standard", "baitiao")
    assert (offer.valid_until - offer.offered_on).days == 30
    decision = decisions.read_decision(lender.books.connection, made.application_id)
    assert decision is not None
    assert (decision.outcome, decision.amount_minor, decision.borrower_id) == ("offer", 800_000, 1)
    stream = lender.books.connection.execute(
        "SELECT borrower_id, device_id, is_declined FROM stream_application WHERE event_id = %s",
        [made.application_id],
    ).fetchall()
    assert stream == [(1, 1_001, False)]
    assert read_application(lender.books.connection, made.application_id) == made


def test_an_accepted_offer_is_a_line_of_exactly_its_limit_and_contract(lender: Lender) -> None:
    made = applied(lender, 1)
    offer = offer_of(lender, made.application_id)
    assert reason_of(accept(lender, made.application_id, accepted_hash="0" * 64)) is RefusalReason.ACCEPTANCE_MISSING
    opened = accept(lender, made.application_id)
    assert isinstance(opened, Recorded)
    assert (opened.line.limit_minor, opened.line.contract_hash) == (offer.limit_minor, offer.contract_hash)
    connection, line_id = lender.books.connection, opened.line.line_id
    acceptance_id = acceptances.acceptance_of_opening(connection, borrower_id=1, line_id=line_id)
    assert acceptance_id is not None
    acceptance = acceptances.read_acceptance(connection, acceptance_id)
    assert acceptance is not None
    assert acceptance.disclosure_hash == offer.disclosure_hash
    assert (state_of(lender, made.application_id), offer_of(lender, made.application_id).line_id) == (
        ApplicationState.ACCEPTED, line_id,
    )  # fmt: skip
    assert reason_of(accept(lender, made.application_id)) is RefusalReason.OFFER_ANSWERED
    kind, fact = told_events(connection)[-1]
    assert (kind, fact["opened_line_id"]) == ("application_accepted", line_id)


def test_an_offer_ends_with_its_last_day_and_then_one_may_apply_again(lender: Lender) -> None:
    made = applied(lender, 1)
    lender.now += timedelta(days=30)
    assert applied(lender, 1).reasons == ("APPLICATION_OPEN",)
    lender.now += timedelta(days=1)
    assert reason_of(accept(lender, made.application_id)) is RefusalReason.OFFER_EXPIRED
    connection, act = lender.books.connection, lender.act(actor="time")
    assert [close_expired_offers(connection, act=act, zone=SHANGHAI, most=9) for _ in range(2)] == [1, 0]
    offer = offer_of(lender, made.application_id)
    assert (offer.answer, reason_of(accept(lender, made.application_id))) == (
        OfferAnswer.EXPIRED, RefusalReason.OFFER_EXPIRED,
    )  # fmt: skip
    assert applied(lender, 1).state is ApplicationState.OFFERED
    told = told_events(connection)
    assert [kind for kind, _ in told] == [
        "application_offered", "application_declined", "credit_offer_expired", "application_offered",
    ]  # fmt: skip
    assert told[0][1] == {
        "application_id": made.application_id, "borrower_id": 1, "credit_offer_id": offer.offer_id,
        "limit_minor": 800_000, "valid_until": str(offer.valid_until),
    }  # fmt: skip
    assert told[1][1]["reasons"] == ["APPLICATION_OPEN"]
    assert told[2][1]["credit_offer_id"] == offer.offer_id


def test_the_same_request_has_the_same_answer_and_the_same_key_with_another_one_is_told(lender: Lender) -> None:
    asked = application(lender, 1)
    first = ask(lender, asked)
    assert ask(lender, asked) == first
    other = replace(asked, request_digest=b"another", application_id=next(lender.books.ids))
    assert ask(lender, other) == Reused(asked.application_id)
    assert len(decisions.decisions_before(lender.books.connection, None, most=9)) == 1


def test_the_same_person_twice_is_declined_and_that_is_no_decline_to_wait_for(lender: Lender) -> None:
    first, second = applied(lender, 1), applied(lender, 1)
    assert (second.reasons, second.is_repeat) == (("APPLICATION_OPEN",), True)
    turned_down(lender, first.application_id)
    assert applied(lender, 1).state is ApplicationState.OFFERED


def test_who_was_declined_waits_thirty_days(lender: Lender) -> None:
    assert applied(lender, 1, NO_DOCUMENTS).reasons == ("DOCUMENTS_MISSING",)
    assert applied(lender, 1).reasons == ("DECLINED_LATELY",)
    lender.now += timedelta(days=30)
    assert applied(lender, 1).state is ApplicationState.OFFERED


def test_two_applications_of_one_person_at_once_are_decided_one_after_the_other(
    lender: Lender, database_url: str
) -> None:
    def run(connection: psycopg.Connection, asked: Application) -> StoredApplication:
        made = apply(connection, asked, deciders=DECIDERS, act=lender.act(), zone=SHANGHAI)
        assert isinstance(made, StoredApplication)
        return made

    second: list[StoredApplication] = []
    asked = application(lender, 1), application(lender, 1)
    with psycopg.connect(database_url) as one, psycopg.connect(database_url) as other:
        first = run(one, asked[0])
        thread = threading.Thread(target=lambda: second.append(run(other, asked[1])))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "the second waits for the first"
        one.commit()
        thread.join()
        other.commit()
    assert (first.state, second[0].reasons) == (ApplicationState.OFFERED, ("APPLICATION_OPEN",))


def test_many_persons_on_one_device(lender: Lender) -> None:
    made = [applied(lender, borrower_id, device_id=77) for borrower_id in range(1, 7)]
    assert [each.state for each in made[:3]] == [ApplicationState.OFFERED] * 3
    assert [each.reasons for each in made[3:]] == [
        ("DEVICE_OF_APPLICANTS",), ("DEVICE_OF_APPLICANTS",), ("DEVICE_OF_MANY_APPLICANTS",),
    ]  # fmt: skip
    review = read_review(lender.books.connection, made[3].application_id)
    assert review is not None
    assert (review.device_id, review.due_at - review.opened_at) == (77, timedelta(hours=4))


def test_a_third_person_with_one_phone(lender: Lender) -> None:
    for borrower_id in (1, 2):
        assert applied(lender, borrower_id, phone_id=88).reasons == ()
    assert applied(lender, 3, phone_id=88).reasons == ("PHONE_OF_APPLICANTS",)


def test_many_applications_of_one_person_within_a_week(lender: Lender) -> None:
    for _ in range(3):
        turned_down(lender, applied(lender, 1).application_id)
    assert applied(lender, 1).reasons == ("MANY_APPLICATIONS",)


def test_blocked_persons_and_devices(lender: Lender) -> None:
    told_why: dict[str, Any] = {"blocked_because": "fraud", "reason": "x", "actor": "risk", "decided_at": lender.now}
    write_block(lender.books.connection, 1, block_id=1, **told_why)
    frozen = Freeze(
        freeze_id=1, subject=Subject.DEVICE, subject_id=1_002, reason="farm", decision_id=None, placed_by="risk",
        placed_at=lender.now,
    )  # fmt: skip
    place_freezes(lender.books.connection, [frozen])
    assert applied(lender, 1).reasons == ("APPLICANT_BLOCKED",)
    assert applied(lender, 2).reasons == ("APPLY_DEVICE_BLOCKED",)


def test_the_persons_other_lines_count_together(lender: Lender) -> None:
    books = lender.books
    books.open_line(501, 1, limit_minor=1_000_000)
    assert offer_of(lender, applied(lender, 1).application_id).limit_minor == 800_000, "20,000 of income less 10,000"
    books.open_line(502, 2, limit_minor=1_500_000)
    assert offer_of(lender, applied(lender, 2).application_id).limit_minor == 500_000, "20,000 of income less 15,000"
    hold = facts.HoldPlaced(hold_id=9, amount_minor=950_000, expires_on=lender.act().today, merchant_id=7)
    books.open_line(503, 3, limit_minor=1_000_000)
    books.act(503, replace(hold, expires_on=OPENED_ON + timedelta(days=400)), OPENED_ON)
    assert applied(lender, 3).reasons == ("OTHER_LINES_FULL",)


def test_a_care_on_another_line_is_handled_by_a_person(lender: Lender) -> None:
    lender.books.open_line(501, 1, limit_minor=100_000)
    lender.books.act(501, facts.CareBegun(kind=CareKind.HARDSHIP), lender.act().today)
    assert applied(lender, 1).reasons == ("UNDER_CARE",)


def test_what_the_books_refuse_is_declined_and_says_so(lender: Lender) -> None:
    applicant(lender, 20, joint_cap_minor=700_000)
    made = applied(lender, 20)
    assert (made.state, made.refused_because, made.reasons) == (
        ApplicationState.DECLINED, "joint_cap_exceeded", ("joint_cap_exceeded",),
    )  # fmt: skip
    assert credit_offers.last_offer_of(lender.books.connection, made.application_id) is None


def test_books_are_asked_again_when_the_offer_is_accepted(lender: Lender) -> None:
    made = applied(lender, 1)
    block: dict[str, Any] = {"reason": "x", "actor": "risk", "decided_at": lender.now}
    write_block(lender.books.connection, 1, block_id=1, blocked_because="court order", **block)
    assert reason_of(accept(lender, made.application_id)) is RefusalReason.BORROWER_BLOCKED
    write_block(lender.books.connection, 1, block_id=2, blocked_because=None, **block)
    assert isinstance(accept(lender, made.application_id), Recorded)


def test_a_report_is_seen_by_what_is_applied_for_after_it(lender: Lender) -> None:
    told(lender, 1, BureauReport(bureau_score=680, worst_days_past_due_24m=95, inquiries_90d=0, total_drawn_minor=0))
    assert applied(lender, 1).reasons == ("BUREAU_SERIOUSLY_PAST_DUE",)
    unknown = application(lender, 2, bureau_report_id=5)
    assert reason_of(ask(lender, unknown)) is RefusalReason.BUREAU_REPORT_UNKNOWN
    nobody = application(lender, 99)
    assert reason_of(ask(lender, nobody)) is RefusalReason.BORROWER_UNKNOWN


def test_features_that_cannot_be_read_in_time_are_missing_and_it_is_decided_the_same_again(
    lender: Lender, database_url: str
) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE stream_bureau_report")
        made = applied(lender, 1)
        other.rollback()
    assert (made.state, made.reasons) == (
        ApplicationState.IN_REVIEW,
        ("AGE_OR_STUDY_NOT_TOLD", "BUREAU_MISSING", "FRAUD_FACTS_MISSING", "NO_SCORE"),
    )
    connection = lender.books.connection
    batch = decisions.read_batch(connection, decisions.read_decision(connection, made.application_id).batch_id)  # type: ignore[union-attr]
    assert batch is not None
    assert batch.seen is None, "nothing was read, so nothing is said to have been visible"
    replayed = ended(replay_since(connection, made.applied_at, deciders=DECIDERS, features=True))
    assert (replayed.decisions, replayed.differences) == (1, ())
    assert connection.execute("SHOW statement_timeout").fetchone() == ("0",), "the bound ends with the reading"


def test_every_batch_decides_the_same_again_to_the_byte(lender: Lender) -> None:
    lender.books.open_line(501, 1, limit_minor=1_500_000)
    applicant(lender, 20, joint_cap_minor=700_000)
    for made in (applied(lender, 1), applied(lender, 2, NO_DOCUMENTS), applied(lender, 20)):
        decision = decisions.read_decision(lender.books.connection, made.application_id)
        assert decision is not None
        trace = decisions.read_trace(lender.books.connection, decision.batch_id)
        assert trace is not None
        compiled = DECIDERS.compiled(lender.books.connection, made.strategy_id)
        again = decide_again(decode_record(trace), {made.strategy_id: compiled[CheckpointName.APPLY]})
        assert encode_record(again) == trace


def test_what_a_person_stated_may_be_forgotten(lender: Lender) -> None:
    made = applied(lender, 1)
    forget_stated(lender.books.connection, 1)
    now = read_application(lender.books.connection, made.application_id)
    assert now == replace(made, stated=None)


def test_a_limit_review_knows_the_income_of_the_application_until_a_later_one_is_told(lender: Lender) -> None:
    for borrower_id, stated in (
        (1, replace(USUAL, income_month_minor=900_000, income_is_proven=True)),
        (2, replace(USUAL, income_month_minor=None)),
    ):
        assert isinstance(accept(lender, applied(lender, borrower_id, stated).application_id), Recorded)
    assert incomes(lender, [1, 2]) == [(900_000, True), (None, None)]
    add_income(
        lender.books.connection, next(lender.books.ids), borrower_id=1, month_minor=700_000, is_proven=False,
        by="app", at=lender.now,
    )  # fmt: skip
    assert incomes(lender, [1, 2]) == [(700_000, False), (None, None)]


def incomes(lender: Lender, borrower_ids: list[int]) -> list[tuple[int | None, bool | None]]:
    """What a review of their lines reads of their incomes, minor units, and whether it was proven."""
    read = lines_of_persons(lender.books.connection, borrower_ids, currency="CNY", day=lender.act().today).columns
    return list(zip(read["income_month_minor"], read["income_is_proven"], strict=True))
