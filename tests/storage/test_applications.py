"""Applications decided: person, device and history seen, an offer with its document, and who decides otherwise."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from tests.applying import USUAL, accept, applicant, application, applied, ask, state_of, told
from tests.books import OPENED_ON, Books
from tests.deciding import SHANGHAI, Lender

from tallystick.operations.application_answers import turn_down_offer
from tallystick.operations.application_judgments import (
    approve_offer,
    decline_after_review,
    decline_after_timeout,
    offer_after_review,
    propose_offer,
    reject_offer,
    take_offer_back,
)
from tallystick.operations.applications import Application, BureauReport, apply, ask_human_review
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import Reused
from tallystick.operations.lines import Recorded
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import acceptances, credit_offers, decisions, overrides
from tallystick.storage.applications import ApplicationState, StoredApplication, forget_stated, read_application
from tallystick.storage.borrowers import write_block
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.freezes import Freeze, Subject, place_freezes
from tallystick.storage.overrides import Override, OverrideCounts
from tallystick.storage.reviews import read_review
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decide_again, decode_record, encode_record
from tallystick.terms.offering import OfferFault, OfferReason
from tallystick.terms.product import CareKind

# Compiled once: every test promotes the same strategy.
DECIDERS = Deciders()
NOTHING_TOLD = BureauReport()
NO_DOCUMENTS = replace(USUAL, documents_are_complete=False)


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """The standard strategy in force, and nine persons who may apply."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        lender = Lender(Books(connection, ids=count(1_000)), deciders=DECIDERS)
        lender.release()
        for borrower_id in range(1, 10):
            applicant(lender, borrower_id)
        yield lender


def reason_of(refused: object) -> RefusalReason:
    """Why something was refused."""
    assert isinstance(refused, Refusal), refused
    return refused.reason


def offer_of(lender: Lender, application_id: int) -> CreditOffer:
    """The latest offer on an application."""
    offer = credit_offers.last_offer_of(lender.books.connection, application_id)
    assert offer is not None
    return offer


def turned_down(lender: Lender, application_id: int) -> None:
    """The borrower says no."""
    act = lender.act(actor="app")
    assert isinstance(turn_down_offer(lender.books.connection, application_id, act=act), StoredApplication)


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


def test_an_offer_ends_with_its_last_day_and_then_one_may_apply_again(lender: Lender) -> None:
    made = applied(lender, 1)
    lender.now += timedelta(days=30)
    assert applied(lender, 1).reasons == ("APPLICATION_OPEN",)
    lender.now += timedelta(days=1)
    assert reason_of(accept(lender, made.application_id)) is RefusalReason.OFFER_EXPIRED
    assert applied(lender, 1).state is ApplicationState.OFFERED


def test_the_same_request_has_the_same_answer_and_the_same_key_with_another_one_is_told(lender: Lender) -> None:
    asked = application(lender, 1)
    first = ask(lender, asked)
    assert ask(lender, asked) == first
    other = replace(asked, request_digest=b"another", application_id=next(lender.books.ids))
    assert ask(lender, other) == Reused(asked.application_id)
    assert len(learned_from(lender)) == 1


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
    assert overrides.overrides_of(lender.books.connection, first.application_id) == []
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
    [override] = overrides.overrides_of(lender.books.connection, made.application_id)
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
    environment = {**os.environ, "TALLYSTICK_DATABASE_URL": database_url, "TALLYSTICK_LANGUAGE": "en"}
    command = [sys.executable, "-m", "tallystick", "strategy", "releases"]
    run = subprocess.run(command, env=environment | {"COLUMNS": "120"}, capture_output=True, text=True, check=True)
    assert "Overridden/applications" in run.stdout
    assert " 1/2 " in run.stdout


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


def test_what_a_person_stated_may_be_forgotten(lender: Lender) -> None:
    made = applied(lender, 1)
    forget_stated(lender.books.connection, 1)
    now = read_application(lender.books.connection, made.application_id)
    assert now == replace(made, stated=None)
