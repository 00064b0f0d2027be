"""What became of decisions, as it is told to webhooks: one function for each thing that can happen.

A line's own events tell the rest: a hold that expired or was given back, a line frozen and unfrozen, a limit changed.
An answer that its caller got at once is told to nobody else, but for applications, whose whole way is told.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from psycopg import Connection

from tallystick.storage.applications import ApplicationState, StoredApplication
from tallystick.storage.credit_offers import CreditOffer, last_offer_of
from tallystick.storage.decision_events import DecisionEvent, write_decision_events, write_placed_freezes
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.freezes import Freeze, Subject
from tallystick.storage.limit_offers import LimitOffer
from tallystick.storage.price_reviews import PriceAnswer
from tallystick.storage.reviews import ActKind, Review
from tallystick.storage.strategies import Release
from tallystick.strategy.case_columns import CheckpointName


class DecisionEventKind(StrEnum):
    """What can happen."""

    REVIEW_CLOSED = "review_closed"
    DECISION_WITHDRAWN = "decision_withdrawn"
    FREEZE_PLACED = "freeze_placed"
    FREEZE_LIFTED = "freeze_lifted"
    APPLICATION_IN_REVIEW = "application_in_review"
    APPLICATION_OFFERED = "application_offered"
    APPLICATION_DECLINED = "application_declined"
    APPLICATION_ACCEPTED = "application_accepted"
    APPLICATION_TURNED_DOWN = "application_turned_down"
    CREDIT_OFFER_EXPIRED = "credit_offer_expired"
    LIMIT_OFFERED = "limit_offered"
    LIMIT_OFFER_ACCEPTED = "limit_offer_accepted"
    LIMIT_OFFER_DECLINED = "limit_offer_declined"
    LIMIT_OFFER_WITHDRAWN = "limit_offer_withdrawn"
    LIMIT_OFFER_SUPERSEDED = "limit_offer_superseded"
    LIMIT_OFFER_EXPIRED = "limit_offer_expired"
    PRICE_RISE_NOTICED = "price_rise_noticed"
    RELEASE_ROLLED_BACK = "release_rolled_back"


class Acting(Protocol):
    """Who acts, and when; an `Act`."""

    @property
    def actor(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def today(self) -> date: ...
    @property
    def event_ids(self) -> Iterator[int]: ...


_WITH_OFFER: Final = (ApplicationState.OFFERED, ApplicationState.ACCEPTED, ApplicationState.TURNED_DOWN)


def tell_review_closed(connection: Connection, review: Review, *, kind: ActKind, act: Acting) -> None:
    """A review has its outcome: by a person, by time, because something was frozen, or because its hold is gone."""
    is_purchase = review.checkpoint == CheckpointName.AUTHORIZE
    fact = {
        "review_id": review.review_id,
        "checkpoint": review.checkpoint,
        "outcome": review.outcome,
        "closed": str(kind),
        "authorization_id": review.review_id if is_purchase else None,
        "hold_id": review.hold_id,
        "amount_minor": review.amount_minor,
        "borrower_id": review.borrower_id,
    }
    _tell(connection, DecisionEventKind.REVIEW_CLOSED, fact, line_id=review.line_id, about_id=review.review_id, act=act)


def tell_withdrawn(connection: Connection, decision: StoredDecision, *, act: Acting) -> None:
    """A purchase was decided after its caller had been told the safe outcome, and does not count."""
    fact = {"authorization_id": decision.decision_id, "hold_id": decision.hold_id}
    kind = DecisionEventKind.DECISION_WITHDRAWN
    _tell(connection, kind, fact, line_id=decision.line_id, about_id=decision.decision_id, act=act)


def tell_placed(connection: Connection, freezes: Iterable[Freeze], *, act: Acting) -> None:
    """Devices or merchants were frozen; such an event has its freeze's id. A line's own event tells that of a line."""
    events = [
        _event(
            DecisionEventKind.FREEZE_PLACED,
            _of_freeze(freeze) | {"decision_id": freeze.decision_id},
            about_id=freeze.subject_id,
            act=act,
            event_id=freeze.freeze_id,
        )
        for freeze in freezes
        if freeze.subject is not Subject.LINE
    ]
    write_placed_freezes(connection, events)


def tell_lifted(connection: Connection, freeze: Freeze, *, act: Acting) -> None:
    """The freeze of a device or a merchant was ended."""
    _tell(connection, DecisionEventKind.FREEZE_LIFTED, _of_freeze(freeze), about_id=freeze.subject_id, act=act)


def _of_freeze(freeze: Freeze) -> dict[str, Any]:
    """The freeze with the code of the decision that placed it; what a person gave as reason stays inside."""
    return {
        "freeze_id": freeze.freeze_id,
        f"{freeze.subject}_id": freeze.subject_id,
        "reason": None if freeze.decision_id is None else freeze.reason,
    }


def tell_application(connection: Connection, application: StoredApplication, *, act: Acting) -> None:
    """An application stands elsewhere from now on; the reasons of a decline are those that the borrower is told."""
    state, offer = application.state, None
    if state in _WITH_OFFER:
        offer = last_offer_of(connection, application.application_id)
    fact: dict[str, Any] = {
        "application_id": application.application_id,
        "borrower_id": application.borrower_id,
        "credit_offer_id": None if offer is None else offer.offer_id,
        "limit_minor": None if offer is None else offer.limit_minor,
        "valid_until": None if offer is None else offer.valid_until,
        "opened_line_id": None if offer is None else offer.line_id,
    }
    if state is ApplicationState.DECLINED:
        fact["reasons"] = application.reasons if application.told_reasons is None else application.told_reasons
    kind = DecisionEventKind(f"application_{state}")
    _tell(connection, kind, fact, about_id=application.application_id, act=act)


def tell_credit_offer_expired(connection: Connection, offer: CreditOffer, *, act: Acting) -> None:
    """Nobody answered the offer of a line in time."""
    fact = {"application_id": offer.application_id, "credit_offer_id": offer.offer_id, "valid_until": offer.valid_until}
    _tell(connection, DecisionEventKind.CREDIT_OFFER_EXPIRED, fact, about_id=offer.application_id, act=act)


def tell_limit_offer(connection: Connection, offer: LimitOffer, *, act: Acting) -> None:
    """A higher limit was offered, or its offer was answered or is over."""
    kind = "limit_offered" if offer.answer is None else f"limit_offer_{offer.answer}"
    fact = {
        "limit_offer_id": offer.offer_id,
        "limit_minor": offer.limit_minor,
        "previous_limit_minor": offer.previous_limit_minor,
        "valid_until": offer.valid_until,
    }
    _tell(connection, DecisionEventKind(kind), fact, line_id=offer.line_id, about_id=offer.line_id, act=act)


def tell_price_rise(connection: Connection, answer: PriceAnswer, *, act: Acting) -> None:
    """A line was told of a higher price of its own; a lower one is told by the line's `terms_changed`."""
    fact = {
        "decision_id": answer.decision_id,
        "change_id": answer.change_id,
        "price_code": answer.price_code,
        "binds_on": answer.binds_on,
    }
    kind = DecisionEventKind.PRICE_RISE_NOTICED
    _tell(connection, kind, fact, line_id=answer.line_id, about_id=answer.line_id, act=act)


def tell_rolled_back(connection: Connection, release: Release, *, act: Acting) -> None:
    """A release was undone, by a person or because it did damage; `because` says which limit it passed."""
    fact = {
        "release": release.number,
        "undone_release": release.undoes_number,
        "champion_id": release.champion_id,
        "because": release.because,
    }
    _tell(connection, DecisionEventKind.RELEASE_ROLLED_BACK, fact, about_id=release.number, act=act)


def _tell(
    connection: Connection,
    kind: DecisionEventKind,
    fact: dict[str, Any],
    *,
    about_id: int,
    act: Acting,
    line_id: int | None = None,
) -> None:
    event_id = next(act.event_ids)
    event = _event(kind, fact, about_id=about_id, act=act, event_id=event_id, line_id=line_id)
    write_decision_events(connection, [event])


def _event(
    kind: DecisionEventKind,
    fact: dict[str, Any],
    *,
    about_id: int,
    act: Acting,
    event_id: int,
    line_id: int | None = None,
) -> DecisionEvent:
    return DecisionEvent(
        event_id=event_id,
        about_id=about_id if line_id is None else line_id,
        line_id=line_id,
        kind=str(kind),
        fact={name: told for name, told in fact.items() if told is not None},
        happened_on=act.today,
        recorded_at=act.at,
        actor=act.actor,
    )
