"""An event as the outside is told of it: the same words on the API and in a webhook, ids in their public form."""

from datetime import date, datetime
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from tallystick.operations.decision_events import DecisionEventKind
from tallystick.servicing.facts import AnyFact
from tallystick.storage.event_feed import FedEvent
from tallystick.units.ids import IdPrefix, encode_id

KINDS: Final = frozenset(
    {*(str(fact.__struct_config__.tag) for fact in get_args(AnyFact)), *map(str, DecisionEventKind)}
)
_PREFIXES: Final = {
    "acceptance_id": IdPrefix.ACCEPTANCE,
    "application_id": IdPrefix.APPLICATION,
    "authorization_id": IdPrefix.AUTHORIZATION,
    "borrower_id": IdPrefix.BORROWER,
    "chargeback_id": IdPrefix.CHARGEBACK,
    "charge_id": IdPrefix.FEE,
    "credit_offer_id": IdPrefix.CREDIT_OFFER,
    "decision_id": IdPrefix.DECISION,
    "device_id": IdPrefix.DEVICE,
    "draw_id": IdPrefix.DRAWDOWN,
    "change_id": IdPrefix.TERMS_CHANGE,
    "event_id": IdPrefix.EVENT,
    "freeze_id": IdPrefix.FREEZE,
    "hold_id": IdPrefix.HOLD,
    "limit_offer_id": IdPrefix.LIMIT_OFFER,
    "line_id": IdPrefix.LINE,
    "merchant_id": IdPrefix.MERCHANT,
    "opened_line_id": IdPrefix.LINE,
    "payment_id": IdPrefix.PAYMENT,
    "plan_id": IdPrefix.PLAN,
    "refund_id": IdPrefix.REFUND,
    "review_id": IdPrefix.REVIEW,
}
# What a person wrote about a borrower in need stays inside; the kind of care is told.
_KEPT_INSIDE: Final = frozenset({"type", "note"})


class PublicEvent(Struct, frozen=True):
    """What happened on a line, or became of a decision; `line_id` is null where that is about no line.

    `effective_on` is the business day from which it counts, `booked_on` its booking day.
    """

    id: str
    kind: str
    line_id: str | None
    effective_on: date
    booked_on: date
    recorded_at: datetime
    fact: dict[str, Any]


def public_event(event: FedEvent) -> PublicEvent:
    """The event as it is told; its facts are those recorded, without notes."""
    return PublicEvent(
        id=encode_id(IdPrefix.EVENT, event.event_id),
        kind=event.kind,
        line_id=None if event.line_id is None else encode_id(IdPrefix.LINE, event.line_id),
        effective_on=event.effective_on,
        booked_on=event.booked_on,
        recorded_at=event.recorded_at,
        fact=public_fact(msgspec.json.decode(event.fact)),
    )


def public_fact(fact: dict[str, Any]) -> dict[str, Any]:
    """A recorded fact with its ids in their public form, however deep they stand.

    >>> public_fact({"type": "hold_voided", "hold_id": 1, "amount_minor": 500})
    {'hold_id': 'hold_0000000000001', 'amount_minor': 500}
    """
    return {name: _public(name, told) for name, told in fact.items() if name not in _KEPT_INSIDE}


def _public(name: str, told: Any) -> Any:
    prefix = _PREFIXES.get(name)
    if prefix is not None and isinstance(told, int):
        return encode_id(prefix, told)
    if isinstance(told, dict):
        return public_fact(told)
    return told
