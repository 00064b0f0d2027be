"""Draws and what was given back of them, as the events of a line tell it, the newest first."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from tallystick.servicing import facts
from tallystick.servicing.facts import Event, undone_by


class DrawTold(Struct, frozen=True):
    """A draw as it was recorded, and what came back of it since; `is_undone` where it was recorded in error."""

    event: Event
    fact: facts.Drawdown
    refunded_minor: int
    is_undone: bool


class RefundTold(Struct, frozen=True):
    """A refund, or a chargeback, as it was recorded."""

    refund_id: int
    draw_id: int
    amount_minor: int
    effective_on: date
    event_id: int
    is_chargeback: bool
    is_undone: bool


def draws_told(events: Sequence[Event]) -> list[DrawTold]:
    """Every draw of a line."""
    undone = _undone(events)
    returned: dict[int, int] = {}
    for refund in refunds_told(events):
        if not refund.is_undone:
            returned[refund.draw_id] = returned.get(refund.draw_id, 0) + refund.amount_minor
    return [
        DrawTold(event, event.fact, returned.get(event.fact.draw_id, 0), is_undone=event.event_id in undone)
        for event in sorted(events, key=lambda event: event.event_id, reverse=True)
        if isinstance(event.fact, facts.Drawdown)
    ]


def refunds_told(events: Sequence[Event]) -> list[RefundTold]:
    """Every refund and chargeback of a line."""
    undone = _undone(events)
    return [
        RefundTold(
            refund_id=event.fact.refund_id if isinstance(event.fact, facts.Refunded) else event.fact.chargeback_id,
            draw_id=event.fact.draw_id,
            amount_minor=event.fact.amount_minor,
            effective_on=event.effective_on,
            event_id=event.event_id,
            is_chargeback=isinstance(event.fact, facts.Chargeback),
            is_undone=event.event_id in undone,
        )
        for event in sorted(events, key=lambda event: event.event_id, reverse=True)
        if isinstance(event.fact, facts.Refunded | facts.Chargeback)
    ]


def _undone(events: Sequence[Event]) -> set[int | None]:
    return {undone_by(event.fact) for event in events}
