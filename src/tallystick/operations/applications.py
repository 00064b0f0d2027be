"""Applications decided: person, features, strategy, offer or review, and the whole record, in one transaction.

Each function is one transaction of the caller's. The person is locked first, so that two applications of one person
are decided one after the other: the second sees the first.
"""

from collections.abc import Mapping
from datetime import date, timedelta, tzinfo
from typing import Any, Final, TypeAlias

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.credit_offering import LineTerms, Offered, keep_offer, offered_line
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_events import tell_application
from tallystick.operations.decision_record import (
    DECLINED,
    OFFERED,
    REVIEWED,
    Request,
    Reused,
    batch_of,
    decide_in_time,
    decision_of,
    in_columns,
    refused_after,
    request_columns,
    review_of,
    stream_rows,
    tick_of,
    told_again,
)
from tallystick.operations.lines import Act
from tallystick.operations.positions import position_beside
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import applications, borrowers, decisions, freezes, reviews
from tallystick.storage.applications import ApplicationState, PersonApplications, Stated, StoredApplication
from tallystick.storage.borrowers import Borrower
from tallystick.storage.contracts import Contracts
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import write_stream
from tallystick.storage.freezes import Subject
from tallystick.storage.reviews import Review
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, encode_record

# China's banks answer a plain complaint within 15 days of its arrival (CBIRC measures on consumer complaints, January
# 2020). The automated decision stands where nobody looked at it in that time.
HUMAN_REVIEW_DAYS: Final = 15
_HUMAN_REVIEW_PRIORITY: Final = 5
_EPOCH: Final = date(1970, 1, 1)


class Application(Struct, frozen=True, kw_only=True):
    """What is applied with. Devices, phones and addresses are numbers that stand for them.

    `application_id` is the decision's id; by `request_key` the same application is known when it comes again, by
    `request_digest` it is told from another one. The bureau's report was written before (`note_bureau_report`).
    """

    application_id: int
    request_key: str
    request_digest: bytes
    borrower_id: int
    stated: Stated
    device_id: int | None = None
    phone_id: int | None = None
    address_id: int | None = None
    bureau_report_id: int | None = None


class BureauReport(Struct, frozen=True, kw_only=True):
    """What a credit bureau told of a person, in minor units and days; None is what it did not tell."""

    bureau_score: int | None = None
    open_lines: int | None = None
    total_limit_minor: int | None = None
    total_drawn_minor: int | None = None
    inquiries_90d: int | None = None
    worst_days_past_due_24m: int | None = None


Applied: TypeAlias = StoredApplication | Refusal | Reused


def note_bureau_report(
    connection: Connection, borrower_id: int, report: BureauReport, *, report_id: int, act: Act
) -> Refusal | None:
    """Write a bureau's report down, known from now on; an application sees those that were committed before it."""
    if borrowers.read_borrower(connection, borrower_id) is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    told = {name: [getattr(report, name)] for name in BureauReport.__struct_fields__}
    place = {"event_id": [report_id], "tick": [tick_of(act.at)], "borrower_id": [borrower_id]}
    write_stream(connection, "bureau_report", stream_rows("bureau_report", {**told, **place}))
    return None


def apply(connection: Connection, asked: Application, *, deciders: Deciders, act: Act, zone: tzinfo) -> Applied:
    """Decide an application and write what follows; one that was decided before is answered again, as it stands now.

    What books or law refuse of an offer is declined with their reason. Raises `NoRelease` where nothing decides, and
    `NotSold` where no version of the strategy's product is sold.
    """
    borrower = borrowers.lock_borrower(connection, asked.borrower_id)
    if borrower is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    before = decisions.known_requests(connection, [asked.request_key]).get(asked.request_key)
    if before is not None:
        return _told_again(connection, before, asked)
    report_id = asked.bureau_report_id
    if report_id is not None and not applications.is_report_of(connection, report_id, borrower_id=asked.borrower_id):
        return Refusal(RefusalReason.BUREAU_REPORT_UNKNOWN, field="bureau_report_id")
    deciding = deciders.deciding(connection, CheckpointName.APPLY)
    beside = applications.person_applications(connection, asked.borrower_id, on=act.today)
    [strategy_id] = strategy_ids = deciding.strategies_of([asked.borrower_id])
    decided = decide_in_time(
        connection,
        deciding,
        strategy_ids=strategy_ids,
        requests=request_columns([_as_request(asked)], kind="application", act=act, zone=zone),
        figures=in_columns([_figures(connection, asked, borrower, beside=beside, act=act)]),
    )
    checkpoint, offered, refused = deciding.checkpoints[strategy_id], None, None
    if decided.record.outcome[0] == OFFERED:
        told = offered_line(
            connection,
            asked.application_id,
            borrower_id=asked.borrower_id,
            terms=_terms(decided.record, product_id=checkpoint.product),
            offered_by=f"strategy {strategy_id[:12]}",
            act=act,
        )
        offered, refused = (told, None) if isinstance(told, Offered) else (None, told)
    record, batch = refused_after(decided, [refused]), batch_of(decided, deciding, act=act)
    request = Request(
        decision_id=asked.application_id,
        request_key=asked.request_key,
        request_digest=asked.request_digest,
        borrower_id=asked.borrower_id,
        amount_minor=record.outputs["limit_minor"][0],
    )
    decision = decision_of(record, 0, request, batch=batch, refused=refused)
    application = _application(asked, decision, product_id=checkpoint.product, beside=beside, act=act)
    decisions.write_batch(connection, batch, [decision], trace=encode_record(record))
    applications.add_application(connection, application)
    if offered is not None:
        keep_offer(connection, offered)
    tell_application(connection, application, act=act)
    if decision.outcome == REVIEWED:
        review = review_of(record, decision, checkpoint=checkpoint, device_id=asked.device_id, act=act)
        reviews.open_reviews(connection, [review])
    _write_stream(connection, record, decision)
    return application


def _terms(record: CaseRecord, *, product_id: str) -> LineTerms:
    limit_minor, grade, price_code = (record.outputs[name][0] for name in ("limit_minor", "grade", "price_code"))
    return LineTerms(product_id=product_id, limit_minor=limit_minor, grade=grade, price_code=price_code)


def _told_again(connection: Connection, before: StoredDecision, asked: Application) -> StoredApplication | Reused:
    again = told_again(before, asked.request_digest)
    if isinstance(again, Reused):
        return again
    application = applications.read_application(connection, again.decision_id)
    assert application is not None, "a decision on an application has its application"
    return application


def _as_request(asked: Application) -> Mapping[str, Any]:
    """The application as the features' catalog asks."""
    stated = asked.stated
    return {
        "request_id": asked.application_id,
        "borrower_id": asked.borrower_id,
        "device_id": asked.device_id,
        "phone_id": asked.phone_id,
        "address_id": asked.address_id,
        "income_month_minor": stated.income_month_minor,
        "born_on_day": _day(stated.born_on),
        "employment": stated.employment,
        "employed_since_day": _day(stated.employed_since),
    }


def _day(on: date | None) -> int | None:
    return None if on is None else (on - _EPOCH).days


def _figures(
    connection: Connection, asked: Application, borrower: Borrower, *, beside: PersonApplications, act: Act
) -> Mapping[str, Any]:
    """The columns of a case at `apply`, in the order of `case_columns`."""
    stated, own = asked.stated, borrowers.lines_of(connection, asked.borrower_id)
    position = position_beside(borrower, own, today=act.today, event_ids=act.event_ids, contracts=Contracts(connection))
    declined_on = beside.declined_on
    return {
        "income_month_minor": stated.income_month_minor,
        "income_is_proven": stated.income_is_proven,
        "is_student": stated.is_student,
        "identity_is_verified": stated.identity_is_verified,
        "face_is_matched": stated.face_is_matched,
        "phone_is_verified": stated.phone_is_verified,
        "bank_account_is_verified": stated.bank_account_is_verified,
        "documents_are_complete": stated.documents_are_complete,
        "bureau_consent_is_given": stated.bureau_consent_is_given,
        "borrower_is_blocked": borrower.blocked_because is not None,
        "device_is_blocked": _is_blocked(connection, asked.device_id),
        "is_under_care": bool(position.cares),
        "open_applications_count": beside.open_count,
        "days_since_declined": None if declined_on is None else (act.today - declined_on).days,
        "other_lines_count": len(own),
        "charged_off_lines_count": sum(_is_charged_off(line) for line in own),
        "joint_limit_minor": position.other_limits_minor,
        "joint_exposure_minor": position.other_exposure_minor,
        "joint_days_past_due": position.worst_days_past_due,
    }


def _is_blocked(connection: Connection, device_id: int | None) -> bool:
    return device_id is not None and bool(freezes.standing_freezes(connection, {(Subject.DEVICE, device_id)}))


def _is_charged_off(line: Line) -> bool:
    return line.condition is Condition.CHARGED_OFF


_STATES: Final = {
    OFFERED: ApplicationState.OFFERED,
    REVIEWED: ApplicationState.IN_REVIEW,
    DECLINED: ApplicationState.DECLINED,
}


def _application(
    asked: Application, decision: StoredDecision, *, product_id: str, beside: PersonApplications, act: Act
) -> StoredApplication:
    return StoredApplication(
        application_id=asked.application_id,
        borrower_id=asked.borrower_id,
        strategy_id=decision.strategy_id,
        decided_outcome=decision.outcome,
        reasons=decision.reasons,
        refused_because=decision.refused_because,
        product_id=product_id,
        grade=decision.outputs["grade"],
        limit_minor=decision.outputs["limit_minor"],
        price_code=decision.outputs["price_code"],
        device_id=asked.device_id,
        phone_id=asked.phone_id,
        address_id=asked.address_id,
        bureau_report_id=asked.bureau_report_id,
        stated=asked.stated,
        is_repeat=beside.open_count > 0,
        applied_by=act.actor,
        applied_on=act.today,
        applied_at=act.at,
        state=_STATES[decision.outcome],
        state_since=act.today,
    )


def _write_stream(connection: Connection, record: CaseRecord, decision: StoredDecision) -> None:
    """What later decisions may know: that it was applied for, and whether it was declined, if that is known."""
    answered = None if decision.outcome == REVIEWED else decision.outcome == DECLINED
    rows = {**record.requests, "event_id": record.request_ids, "is_declined": [answered]}
    write_stream(connection, "application", stream_rows("application", rows))


def ask_human_review(connection: Connection, application_id: int, *, act: Act) -> StoredApplication | Refusal:
    """The borrower asks that a person looks at a declined application: it waits for one, and for a second to grant it.

    Once, and not after a person declined: that is no automated decision.
    """
    application = lock_application(connection, application_id)
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    if application.state is not ApplicationState.DECLINED:
        return Refusal(
            RefusalReason.APPLICATION_NOT_DECLINED, field="application_id", figures={"state": application.state}
        )
    if application.told_reasons is not None or application.human_review_id is not None:
        return Refusal(RefusalReason.APPLICATION_REVIEWED, field="application_id")
    review = Review(
        review_id=next(act.event_ids),
        checkpoint=str(CheckpointName.APPLY),
        borrower_id=application.borrower_id,
        line_id=None,
        amount_minor=application.limit_minor,
        device_id=application.device_id,
        hold_id=None,
        priority=_HUMAN_REVIEW_PRIORITY,
        due_at=act.at + timedelta(days=HUMAN_REVIEW_DAYS),
        needs_two=True,
        timeout_outcome=DECLINED,
        opened_at=act.at,
    )
    reviews.open_reviews(connection, [review])
    applications.note_human_review(connection, application_id, review.review_id)
    return moved(connection, application, ApplicationState.IN_REVIEW, act=act)


def lock_application(connection: Connection, application_id: int) -> StoredApplication | None:
    """An application, so that it is answered once; the person is locked before it, as everywhere."""
    application = applications.read_application(connection, application_id)
    if application is None:
        return None
    borrowers.lock_borrower(connection, application.borrower_id)
    return applications.read_application(connection, application_id, lock=True)


def moved(
    connection: Connection,
    application: StoredApplication,
    state: ApplicationState,
    *,
    act: Act,
    told_reasons: tuple[str, ...] | None = None,
) -> StoredApplication:
    """The application where it stands from now on; `told_reasons` are those of a person who declined."""
    number = application.application_id
    applications.move_application(connection, number, state, since=act.today, told_reasons=told_reasons)
    now = applications.read_application(connection, number)
    assert now is not None
    tell_application(connection, now, act=act)
    return now
