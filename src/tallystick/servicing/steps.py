"""One step of a line's life as it is taken: caught up, then an event added in its place, late or not.

The same step serves a payment at the counter, the close of a day and a test; only who loads and who writes differs.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tallystick.ledger.transfer import Transfer
from tallystick.servicing.advance import advance
from tallystick.servicing.facts import Event, HoldPlaced, LineFrozen, undone_by
from tallystick.servicing.fold import Checkpoint, Order, refold
from tallystick.servicing.history import Snapshot, changes_after, standing
from tallystick.servicing.journal import Journal
from tallystick.servicing.keeping_up import catch_up, next_due_on
from tallystick.servicing.line import Line
from tallystick.servicing.plan import Plan
from tallystick.terms.product import Product


class Step(Struct, frozen=True):
    """A line after what was taken so far, how it stands now, and everything that is to be written for it.

    `stands` has the line's figures, added up once for whoever asks; its day and cause tell nothing. `forget_from` is
    the day from which older checkpoints no longer hold, because the past was corrected. `ended` are the plans that the
    line let go of while it was caught up.
    """

    line: Line | None
    stands: Snapshot | None = None
    events: tuple[Event, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    history: tuple[Snapshot, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    forget_from: date | None = None
    ended: tuple[Plan, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened that must be written."""
        return not (self.events or self.transfers or self.history)


def caught_up(
    line: Line | None,
    *,
    today: date,
    event_ids: Iterator[int],
    contracts: Mapping[str, Product],
) -> Step:
    """The line when the business day begins, with all that was due before; None for a line still to be opened."""
    if line is None:
        return Step(line=None)
    journal = Journal(contracts=contracts)
    caught = catch_up(line, today=today, event_ids=event_ids, journal=journal)
    before = standing(line)
    return Step(
        line=caught.line,
        stands=journal.history[-1] if journal.history else before,
        events=caught.events,
        transfers=tuple(journal.transfers),
        history=changes_after(before, journal.history),
        checkpoints=caught.checkpoints,
        ended=tuple(journal.ended),
    )


def caught_up_if_due(
    line: Line,
    *,
    due_on: date | None,
    today: date,
    event_ids: Iterator[int],
    contracts: Mapping[str, Product],
) -> Step:
    """The same for a line whose `next_due_on` is known: until then only its day moves on, and nothing is looked for."""
    if due_on is not None and due_on < today:
        return caught_up(line, today=today, event_ids=event_ids, contracts=contracts)
    if line.as_of < today:
        line = replace(line, as_of=today)
    return Step(line=line, stands=standing(line))


def due_after(step: Step, *, due_before: date | None, terms: Product) -> date | None:
    """`next_due_on` of the step's line; `due_before` is that of the line as it was before the step.

    A hold brings the day of its end and moves no other one, and a freeze moves none: the line need not be looked
    through where nothing else happened.
    """
    line = step.line
    assert line is not None
    was_due = due_before is not None and due_before < line.as_of
    if was_due or step.forget_from or not all(isinstance(each.fact, HoldPlaced | LineFrozen) for each in step.events):
        return next_due_on(line, terms=terms)
    ends = [
        max(each.fact.expires_on, line.as_of) - timedelta(days=1)
        for each in step.events
        if isinstance(each.fact, HoldPlaced)
    ]
    return min([*ends, due_before] if due_before is not None else ends, default=None)


def is_late(step: Step, event: Event) -> bool:
    """Whether the event changes what has been folded already: it lies before the present, or takes an event back."""
    line = step.line
    return line is not None and (
        event.effective_on < line.as_of or event.order < line.last_order or undone_by(event.fact) is not None
    )


def changes_from(event: Event, *, target: Event | None) -> Order:
    """The first place in the line's life that the event changes; `target` is the event it takes back."""
    return event.order if target is None else min(event.order, target.order)


def with_event(step: Step, event: Event, *, line_id: int, contracts: Mapping[str, Product]) -> Step:
    """The step with an event that comes last in the line's life."""
    journal = Journal(contracts=contracts)
    line = advance(step.line, event, line_id=line_id, journal=journal)
    return replace(
        step,
        line=line,
        stands=journal.history[-1],
        events=(*step.events, event),
        transfers=(*step.transfers, *journal.transfers),
        history=(*step.history, *changes_after(step.stands, journal.history)),
    )


def with_late_event(
    step: Step,
    event: Event,
    *,
    start: Checkpoint | None,
    recorded: Iterable[Event],
    changed_from: Order,
    contracts: Mapping[str, Product],
    told_on: Iterable[date] = (),
) -> Step:
    """The step with an event put into its place: folded again from `start`, which lies before `changed_from`.

    `recorded` are the events after `start` that were recorded before this step, `told_on` the days since
    `changed_from` for which its history has a row.
    """
    assert step.line is not None
    again = refold(
        (*recorded, *step.events),
        event,
        line_id=step.line.line_id,
        start=start.line if start else None,
        contracts=contracts,
        until=step.line.as_of,
        told_on=(*told_on, *(row.effective_on for row in step.history if row.effective_on >= changed_from[0])),
    )
    return replace(
        step,
        line=again.line,
        stands=standing(again.line),
        events=(*step.events, event),
        transfers=(*step.transfers, *again.transfers),
        history=(*step.history, *again.history),
        checkpoints=tuple(checkpoint for checkpoint in again.checkpoints if checkpoint.order >= changed_from),
        forget_from=changed_from[0],
    )
