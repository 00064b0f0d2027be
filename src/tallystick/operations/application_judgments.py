"""What persons decide on applications: after a review, and otherwise than the strategy.

What goes against the strategy is kept as an override: with its reason, in the strategy's count, and apart from what
models learn from. What grants takes two persons; the database refuses the same one by itself.
"""

from psycopg import Connection

from tallystick.operations.application_answers import open_offer
from tallystick.operations.applications import lock_application, moved
from tallystick.operations.credit_offering import LineTerms, Offered, keep_offer, offered_line
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import DECLINED, OFFERED
from tallystick.operations.lines import Act, is_same_person
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import applications, credit_offers, overrides
from tallystick.storage.applications import ApplicationState, StoredApplication
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.limit_offers import OfferAnswer
from tallystick.storage.overrides import Override
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.terms.offering import OfferFault


def offer_after_review(
    connection: Connection, review_id: int, *, act: Act, reason: str = "human review", limit_minor: int | None = None
) -> CreditOffer | Refusal | OfferFault:
    """A reviewed application is offered a line, of the tables' first limit unless a person gives another.

    Where the strategy had declined it, `act.actor` proposes and `act.approved_by` agrees, and that is an override.
    """
    application = _in_review(connection, review_id)
    if isinstance(application, Refusal):
        return application
    overridden, agreed_by = application.decided_outcome == DECLINED, act.approved_by
    if overridden and (agreed_by is None or is_same_person(act.actor, agreed_by)):
        return Refusal(RefusalReason.SECOND_PERSON_MISSING, field="approved_by")
    granted_minor = application.limit_minor if limit_minor is None else limit_minor
    offer = _offer(connection, application, limit_minor=granted_minor, offered_by=act.actor, act=act)
    if not isinstance(offer, Offered):
        return offer
    if overridden:
        assert agreed_by is not None
        override = _override(application, OFFERED, limit_minor=granted_minor, told_reasons=None, reason=reason, act=act)
        overrides.add_override(connection, override)
        overrides.decide_override(
            connection, override.override_id, decision="approved", by=agreed_by, at=act.at, note=""
        )
    return _granted(connection, application, offer, act=act)


def decline_after_review(connection: Connection, review_id: int, *, act: Act) -> StoredApplication | Refusal:
    """A person declines a reviewed application, for the reasons that it was reviewed or declined for at first."""
    application = _in_review(connection, review_id)
    if isinstance(application, Refusal):
        return application
    return moved(connection, application, ApplicationState.DECLINED, act=act, told_reasons=application.reasons)


def decline_after_timeout(connection: Connection, review_id: int, *, act: Act) -> StoredApplication | Refusal:
    """Nobody looked in time: declined by the strategy's own rule, so that the borrower may still ask for a person."""
    application = _in_review(connection, review_id)
    if isinstance(application, Refusal):
        return application
    return moved(connection, application, ApplicationState.DECLINED, act=act)


def propose_offer(
    connection: Connection, application_id: int, *, limit_minor: int, reason: str, act: Act
) -> Override | Refusal | OfferFault:
    """An officer wants a declined application to be offered a line; a second person has to agree.

    What the books or the law would refuse as they stand today is refused at once.
    """
    application = _declined(connection, application_id)
    if isinstance(application, Refusal):
        return application
    waits = overrides.waiting_override(connection, application_id)
    if waits is not None:
        figures = {"proposed_by": waits.proposed_by}
        return Refusal(RefusalReason.OVERRIDE_WAITS, field="application_id", figures=figures)
    offer = _offer(connection, application, limit_minor=limit_minor, offered_by=act.actor, act=act)
    if not isinstance(offer, Offered):
        return offer
    override = _override(application, OFFERED, limit_minor=limit_minor, told_reasons=None, reason=reason, act=act)
    overrides.add_override(connection, override)
    return override


def approve_offer(
    connection: Connection, application_id: int, *, note: str, act: Act
) -> CreditOffer | Refusal | OfferFault:
    """A second person agrees: the line is offered today, in the name of who proposed it."""
    application = _declined(connection, application_id)
    if isinstance(application, Refusal):
        return application
    waits = _waiting(connection, application_id, act=act)
    if isinstance(waits, Refusal):
        return waits
    assert waits.limit_minor is not None, "what waits grants"
    offer = _offer(
        connection,
        application,
        limit_minor=waits.limit_minor,
        offered_by=waits.proposed_by,
        act=act,
    )
    if not isinstance(offer, Offered):
        return offer
    overrides.decide_override(connection, waits.override_id, decision="approved", by=act.actor, at=act.at, note=note)
    return _granted(connection, application, offer, act=act)


def reject_offer(connection: Connection, application_id: int, *, note: str, act: Act) -> StoredApplication | Refusal:
    """A second person does not agree: the application stays as it is."""
    application = lock_application(connection, application_id)
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    waits = _waiting(connection, application_id, act=act)
    if isinstance(waits, Refusal):
        return waits
    overrides.decide_override(connection, waits.override_id, decision="rejected", by=act.actor, at=act.at, note=note)
    return application


def take_offer_back(
    connection: Connection, application_id: int, *, reasons: tuple[str, ...], reason: str, deciders: Deciders, act: Act
) -> StoredApplication | Refusal:
    """An officer declines what was offered and not accepted yet: one person is enough.

    `reasons` are what the borrower is told, of those that the strategy has words for; `reason` stays inside.
    """
    application = lock_application(connection, application_id)
    offer = open_offer(connection, application, act=act)
    if isinstance(offer, Refusal):
        return offer
    assert application is not None, "an offer is on an application"
    known = decided_by(connection, application, deciders=deciders).reasons
    unknown = [code for code in reasons if code not in known]
    if unknown:
        return Refusal(RefusalReason.REASON_UNKNOWN, field="reasons", figures={"unknown": unknown})
    override = _override(application, DECLINED, limit_minor=None, told_reasons=reasons, reason=reason, act=act)
    overrides.add_override(connection, override)
    overrides.decide_override(connection, override.override_id, decision="approved", by=act.actor, at=act.at, note="")
    credit_offers.answer_credit_offer(connection, offer.offer_id, OfferAnswer.WITHDRAWN, by=act.actor, at=act.at)
    return moved(connection, application, ApplicationState.DECLINED, act=act, told_reasons=reasons)


def decided_by(connection: Connection, application: StoredApplication, *, deciders: Deciders) -> Checkpoint:
    """The checkpoint that decided an application, of the strategy as it is kept."""
    return deciders.compiled(connection, application.strategy_id)[CheckpointName.APPLY]


def _in_review(connection: Connection, review_id: int) -> StoredApplication | Refusal:
    application_id = applications.application_of_review(connection, review_id)
    application = None if application_id is None else lock_application(connection, application_id)
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    if application.state is not ApplicationState.IN_REVIEW:
        figures = {"state": application.state}
        return Refusal(RefusalReason.APPLICATION_NOT_IN_REVIEW, field="application_id", figures=figures)
    return application


def _declined(connection: Connection, application_id: int) -> StoredApplication | Refusal:
    application = lock_application(connection, application_id)
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    if application.state is not ApplicationState.DECLINED:
        figures = {"state": application.state}
        return Refusal(RefusalReason.APPLICATION_NOT_DECLINED, field="application_id", figures=figures)
    return application


def _waiting(connection: Connection, application_id: int, *, act: Act) -> Override | Refusal:
    waits = overrides.waiting_override(connection, application_id)
    if waits is None:
        return Refusal(RefusalReason.OVERRIDE_UNKNOWN, field="application_id")
    if is_same_person(waits.proposed_by, act.actor):
        figures = {"proposed_by": waits.proposed_by}
        return Refusal(RefusalReason.SECOND_PERSON_MISSING, field="actor", figures=figures)
    return waits


def _offer(
    connection: Connection,
    application: StoredApplication,
    *,
    limit_minor: int,
    offered_by: str,
    act: Act,
) -> Offered | Refusal | OfferFault:
    return offered_line(
        connection,
        application.application_id,
        borrower_id=application.borrower_id,
        terms=LineTerms(
            product_id=application.product_id,
            limit_minor=limit_minor,
            grade=application.grade,
            price_code=application.price_code,
        ),
        offered_by=offered_by,
        act=act,
    )


def _override(
    application: StoredApplication,
    to_outcome: str,
    *,
    limit_minor: int | None,
    told_reasons: tuple[str, ...] | None,
    reason: str,
    act: Act,
) -> Override:
    return Override(
        override_id=next(act.event_ids),
        application_id=application.application_id,
        strategy_id=application.strategy_id,
        from_outcome=DECLINED if to_outcome == OFFERED else OFFERED,
        to_outcome=to_outcome,
        limit_minor=limit_minor,
        told_reasons=told_reasons,
        reason=reason,
        proposed_by=act.actor,
        proposed_at=act.at,
    )


def _granted(connection: Connection, application: StoredApplication, offered: Offered, *, act: Act) -> CreditOffer:
    keep_offer(connection, offered)
    moved(connection, application, ApplicationState.OFFERED, act=act)
    return offered.offer
