"""What the borrower answers to an offered line: yes, on the document that was shown and within its time, or no."""

from psycopg import Connection

from tallystick.operations.applications import lock_application, moved
from tallystick.operations.decision_events import tell_credit_offer_expired
from tallystick.operations.line_offers import open_offered_line
from tallystick.operations.lines import Act, Recorded
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import credit_offers
from tallystick.storage.applications import ApplicationState, StoredApplication
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.limit_offers import OfferAnswer
from tallystick.terms.offering import OfferFault


def accept_offer(
    connection: Connection, application_id: int, *, accepted_hash: str | None, act: Act
) -> Recorded | Refusal | OfferFault:
    """The borrower accepts: a line is opened with exactly the limit and the contract that were offered.

    What books or law refuse by now is told, and the offer stands as it was.
    """
    application = lock_application(connection, application_id)
    offer = open_offer(connection, application, act=act)
    if isinstance(offer, Refusal):
        return offer
    assert application is not None, "an offer is on an application"
    opened = open_offered_line(
        connection,
        credit_offers.shown_with(connection, offer.offer_id),
        borrower_id=application.borrower_id,
        accepted_hash=accepted_hash,
        act=act,
    )
    if isinstance(opened, Recorded):
        line_id = opened.line.line_id
        credit_offers.answer_credit_offer(
            connection, offer.offer_id, OfferAnswer.ACCEPTED, by=act.actor, at=act.at, line_id=line_id
        )
        moved(connection, application, ApplicationState.ACCEPTED, act=act)
    return opened


def turn_down_offer(connection: Connection, application_id: int, *, act: Act) -> StoredApplication | Refusal:
    """The borrower says no: the offer and the application are closed."""
    application = lock_application(connection, application_id)
    offer = open_offer(connection, application, act=act)
    if isinstance(offer, Refusal):
        return offer
    assert application is not None, "an offer is on an application"
    credit_offers.answer_credit_offer(connection, offer.offer_id, OfferAnswer.DECLINED, by=act.actor, at=act.at)
    return moved(connection, application, ApplicationState.TURNED_DOWN, act=act)


def close_expired_offer(connection: Connection, application_id: int, *, act: Act) -> bool:
    """Close the offer on an application whose last day is over, once; False where it is not over, or was answered."""
    application = lock_application(connection, application_id)
    offer = None if application is None else credit_offers.last_offer_of(connection, application_id)
    if offer is None or offer.answer is not None or act.today <= offer.valid_until:
        return False
    credit_offers.answer_credit_offer(connection, offer.offer_id, OfferAnswer.EXPIRED, by=act.actor, at=act.at)
    tell_credit_offer_expired(connection, offer, act=act)
    return True


def open_offer(connection: Connection, application: StoredApplication | None, *, act: Act) -> CreditOffer | Refusal:
    """The offer on an application that may be answered today, or why there is none; lock the application first."""
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    offer = credit_offers.last_offer_of(connection, application.application_id)
    if offer is None:
        figures = {"state": application.state}
        return Refusal(RefusalReason.APPLICATION_NOT_OFFERED, field="application_id", figures=figures)
    if offer.answer is not None and offer.answer is not OfferAnswer.EXPIRED:
        return Refusal(RefusalReason.OFFER_ANSWERED, field="application_id", figures={"answer": offer.answer.value})
    if act.today > offer.valid_until or offer.answer is OfferAnswer.EXPIRED:
        return Refusal(RefusalReason.OFFER_EXPIRED, field="application_id", figures={"valid_until": offer.valid_until})
    return offer
