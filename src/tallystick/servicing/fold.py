"""A line's life as a fold of its events, and what a late event changes: the same fold again, and the difference.

Events count in the order of (business day, rank of the kind, id), never of arrival. An event dated before the line's
present is put into its place, the life is folded again from a checkpoint before it, and the difference of the two
folds is what is posted today. Folding twice gives the same line and no difference.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from tallystick.ledger.transfer import Address, Transfer
from tallystick.servicing.advance import advance
from tallystick.servicing.aging import roll
from tallystick.servicing.facts import (
    BillConverted,
    Drawdown,
    Event,
    Fact,
    HoldPlaced,
    PlanCreated,
    StatementClosed,
    cause_of,
    undone_by,
)
from tallystick.servicing.history import Snapshot, changes, snapshot
from tallystick.servicing.journal import Journal
from tallystick.servicing.line import Line
from tallystick.servicing.plan import Plan
from tallystick.terms.product import Product

Order = tuple[date, int, int]


class Checkpoint(Struct, frozen=True):
    """A line right after the event at `order`, to fold on from."""

    order: Order
    line: Line


class Folded(Struct, frozen=True):
    """The line at the end of a fold, the transfers and history rows of the way, and checkpoints at its statements.

    `ended` are the plans that the line let go of on the way, each as it stood then: paid off, or charged off.
    """

    line: Line
    transfers: tuple[Transfer, ...]
    history: tuple[Snapshot, ...]
    checkpoints: tuple[Checkpoint, ...] = ()
    ended: tuple[Plan, ...] = ()


def in_life_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events that count, in the order in which they count; what was taken back is left out as a whole."""
    known = tuple(events)
    taken_back = {undone_by(event.fact) for event in known}
    return tuple(sorted((event for event in known if event.event_id not in taken_back), key=lambda event: event.order))


def fold(
    events: Sequence[Event],
    *,
    line_id: int,
    start: Line | None,
    contracts: Mapping[str, Product],
    until: date,
) -> Folded:
    """Fold events, already in life order, from `start` (None: from the opening) and roll to `until`."""
    journal = Journal(contracts=contracts)
    line = start
    checkpoints: list[Checkpoint] = []
    for event in events:
        line = advance(line, event, line_id=line_id, journal=journal)
        if isinstance(event.fact, StatementClosed):
            checkpoints.append(Checkpoint(order=event.order, line=line))
    assert line is not None, f"line {line_id} has no opening event"
    line = roll(line, to=until, journal=journal)
    return Folded(
        line=line,
        transfers=tuple(journal.transfers),
        history=changes(journal.history),
        checkpoints=tuple(checkpoints),
        ended=tuple(journal.ended),
    )


def difference(
    was: Sequence[Transfer], now: Sequence[Transfer], *, effective_on: date, event_id: int
) -> tuple[Transfer, ...]:
    """The transfers that lead from one fold's books to the other's: one per pair of accounts and kind, none of zero.

    The difference of a fold with itself is empty.
    """
    moved: Counter[tuple[str, Address, Address, str, int]] = Counter()
    for transfers, sign in ((now, 1), (was, -1)):
        for transfer in transfers:
            forward = transfer.debit < transfer.credit
            low, high = sorted((transfer.debit, transfer.credit))
            key = (transfer.kind, low, high, transfer.currency, transfer.line_id)
            moved[key] += sign * transfer.amount_minor * (1 if forward else -1)
    return tuple(
        Transfer(
            debit=low if amount_minor > 0 else high,
            credit=high if amount_minor > 0 else low,
            amount_minor=abs(amount_minor),
            currency=currency,
            effective_on=effective_on,
            kind=kind,
            line_id=line_id,
            event_id=event_id,
        )
        for (kind, low, high, currency, line_id), amount_minor in sorted(moved.items())
        if amount_minor
    )


def has_dependents(target: Event, events: Iterable[Event]) -> bool:
    """Whether another event that still counts speaks of what `target` brought: the refund of a draw, a capture."""
    brought = set(_brought_by(target.fact))
    return any(
        getattr(event.fact, field, None) == number
        for event in in_life_order(events)
        if event.event_id != target.event_id
        for field, number in brought
    )


def _brought_by(fact: Fact) -> Iterator[tuple[str, int]]:
    if isinstance(fact, HoldPlaced):
        yield "hold_id", fact.hold_id
    if isinstance(fact, Drawdown):
        yield "draw_id", fact.draw_id
    if isinstance(fact, Drawdown | PlanCreated | BillConverted) and fact.plan is not None:
        yield "plan_id", fact.plan.plan_id


def plans_brought(events: Iterable[Event]) -> frozenset[int]:
    """The ids of all plans that the events of a line ever brought, without those that were taken back."""
    brought = (_brought_by(event.fact) for event in in_life_order(events))
    return frozenset(number for each in brought for field, number in each if field == "plan_id")


def refold(
    known: Sequence[Event],
    late: Event,
    *,
    line_id: int,
    start: Line | None,
    contracts: Mapping[str, Product],
    until: date,
    told_on: Iterable[date] = (),
) -> Folded:
    """The line as if `late` had been known in its time; the transfers are what is to be posted for that today.

    `known` are all events after `start`, recorded or not yet, as they stood before; `start` lies before everything
    that `late` changes. The history rows are those that the corrected past puts over the rows told so far; `told_on`
    are the days of those, for an earlier correction told some that no event has any more.
    """
    was = fold(in_life_order(known), line_id=line_id, start=start, contracts=contracts, until=until)
    now = fold(in_life_order((*known, late)), line_id=line_id, start=start, contracts=contracts, until=until)
    begun = () if start is None else (snapshot(start, day=start.as_of, cause="", event_id=0),)
    return Folded(
        line=now.line,
        transfers=difference(was.transfers, now.transfers, effective_on=late.effective_on, event_id=late.event_id),
        history=_told_anew((*begun, *was.history), (*begun, *now.history), late=late, days={*told_on, until}),
        checkpoints=now.checkpoints,
    )


def _told_anew(
    was: Sequence[Snapshot], now: Sequence[Snapshot], *, late: Event, days: Iterable[date]
) -> tuple[Snapshot, ...]:
    """A row for every day from the first difference on, on which a row was told or is to be; the last is as of today.

    `days` are those that were told, and today.
    """
    before, after = _by_day(was), _by_day(now)
    told: list[Snapshot] = []
    for day in sorted({*before, *after, *days}):
        old, new = _as_of(before, day), _as_of(after, day)
        if new is not None and (told or old is None or old.figures != new.figures):
            told.append(replace(new, effective_on=day, cause="refolded", event_id=late.event_id))
    if told:
        told[-1] = replace(told[-1], cause=cause_of(late.fact))
    return tuple(told)


def _by_day(rows: Sequence[Snapshot]) -> dict[date, Snapshot]:
    return {row.effective_on: row for row in rows}


def _as_of(rows: Mapping[date, Snapshot], day: date) -> Snapshot | None:
    past = [known for known in rows if known <= day]
    return rows[max(past)] if past else None
