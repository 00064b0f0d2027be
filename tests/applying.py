"""Applicants: persons with a report of the bureau who apply for a line, each a usual one unless told otherwise."""

from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace
from tests.deciding import SHANGHAI, Lender

from tallystick.operations.application_answers import accept_offer
from tallystick.operations.applications import Application, Applied, BureauReport, apply, note_bureau_report
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Recorded
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import credit_offers
from tallystick.storage.applications import ApplicationState, Stated, StoredApplication, read_application
from tallystick.storage.credit_offers import CreditOffer
from tallystick.terms.offering import OfferFault

# Thirty-five years old, verified, 10,000 yuan a month as stated.
USUAL = Stated(
    income_month_minor=1_000_000,
    born_on=date(1991, 3, 1),
    employment="employed",
    is_student=False,
    identity_is_verified=True,
    face_is_matched=True,
    phone_is_verified=True,
    bank_account_is_verified=True,
    documents_are_complete=True,
    bureau_consent_is_given=True,
)
REPORT = BureauReport(
    bureau_score=680, open_lines=2, total_limit_minor=5_000_000, total_drawn_minor=2_000_000, inquiries_90d=1,
    worst_days_past_due_24m=0,
)  # fmt: skip

# Compiled once: every test promotes the same strategy.
DECIDERS = Deciders()
NOTHING_TOLD = BureauReport()
NO_DOCUMENTS = replace(USUAL, documents_are_complete=False)


def applicant(
    lender: Lender, borrower_id: int, report: BureauReport = REPORT, *, joint_cap_minor: int = 20_000_000
) -> None:
    """A person who may apply, with a report of the bureau that came a second ago."""
    lender.books.add_borrower(borrower_id, joint_cap_minor=joint_cap_minor)
    told(lender, borrower_id, report)


def told(lender: Lender, borrower_id: int, report: BureauReport) -> None:
    """Another report of the bureau."""
    with lender.books.connection.transaction():
        number = next(lender.books.ids)
        assert (
            note_bureau_report(lender.books.connection, borrower_id, report, report_id=number, act=lender.act()) is None
        )
    lender.now += timedelta(seconds=1)


def application(lender: Lender, borrower_id: int, stated: Stated = USUAL, **more: Any) -> Application:
    """An application, with a device, a phone and an address of the person's own."""
    number = next(lender.books.ids)
    asked: dict[str, Any] = {
        "application_id": number,
        "request_key": f"application {number}",
        "request_digest": b"%d" % borrower_id,
        "borrower_id": borrower_id,
        "stated": stated,
        "device_id": 1_000 + borrower_id,
        "phone_id": 2_000 + borrower_id,
        "address_id": 3_000 + borrower_id,
    }
    return Application(**(asked | more))


def ask(lender: Lender, asked: Application) -> Applied:
    """Decide it in one transaction, and let a second go by."""
    with lender.books.connection.transaction():
        answer = apply(lender.books.connection, asked, deciders=lender.deciders, act=lender.act(), zone=SHANGHAI)
    lender.now += timedelta(seconds=1)
    return answer


def applied(lender: Lender, borrower_id: int, stated: Stated = USUAL, **more: Any) -> StoredApplication:
    """An application that was decided."""
    answer = ask(lender, application(lender, borrower_id, stated, **more))
    assert isinstance(answer, StoredApplication), answer
    return answer


def accept(lender: Lender, application_id: int, *, accepted_hash: str | None = None) -> Recorded | Refusal | OfferFault:
    """The borrower accepts the document that was shown, or another one."""
    offer = credit_offers.last_offer_of(lender.books.connection, application_id)
    shown = accepted_hash or (offer.disclosure_hash if offer else None)
    with lender.books.connection.transaction():
        return accept_offer(lender.books.connection, application_id, accepted_hash=shown, act=lender.act(actor="app"))


def state_of(lender: Lender, application_id: int) -> ApplicationState:
    """Where an application stands."""
    application = read_application(lender.books.connection, application_id)
    assert application is not None
    return application.state


def reason_of(refused: object) -> RefusalReason:
    """Why something was refused."""
    assert isinstance(refused, Refusal), refused
    return refused.reason


def offer_of(lender: Lender, application_id: int) -> CreditOffer:
    """The latest offer on an application."""
    offer = credit_offers.last_offer_of(lender.books.connection, application_id)
    assert offer is not None
    return offer
