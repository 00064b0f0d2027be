"""One act on one line: catch the line up, admit the fact or refuse it, fold it in, and write it with its transfers.

Each function is one transaction of the caller's: it locks, reads, decides and writes, or refuses and writes nothing
but what time alone had made due.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.ledger.transfer import Transfer
from tallystick.servicing import facts
from tallystick.servicing.admission import admit
from tallystick.servicing.advance import advance
from tallystick.servicing.circumstances import BorrowerPosition, Circumstances
from tallystick.servicing.facts import AnyFact, Event, undone_by
from tallystick.servicing.fold import Checkpoint, has_dependents, refold
from tallystick.servicing.history import Snapshot, changes_after
from tallystick.servicing.journal import Journal
from tallystick.servicing.keeping_up import catch_up, next_due_on
from tallystick.servicing.line import Line
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers, ledger, lines
from tallystick.storage.contracts import Contracts
from tallystick.storage.lines import LineWrite, Recording, StoredLine

# Facts that use credit or grant it wait for the person's other lines: the legal limit is per person.
_USES_CREDIT: Final = (facts.LineOpened, facts.HoldPlaced, facts.Drawdown, facts.LimitChanged)


class Act(Struct, frozen=True):
    """Who asks, at which instant (UTC), on which business day, and the ids and days off that the edge supplies.

    `approved_by` is the second person who agreed, None where none was asked.
    """

    actor: str
    at: datetime
    today: date
    event_ids: Iterator[int]
    approved_by: str | None = None
    days_off: frozenset[date] = frozenset()


class Recorded(Struct, frozen=True):
    """What was recorded: the event, the line after it, and the transfers posted, corrections of the past included."""

    event: Event
    line: Line
    revision: int
    transfers: tuple[Transfer, ...]


def record(
    connection: Connection, line_id: int, fact: AnyFact, *, act: Act, on: date | None = None
) -> Recorded | Refusal:
    """Record a fact on a line from the business day `on` (None: today); a refusal leaves the line caught up only.

    The person is locked before the line where credit is used, so that two lines never take the same yuan.
    """
    borrower_id = (
        fact.borrower_id if isinstance(fact, facts.LineOpened) else borrowers.borrower_of_line(connection, line_id)
    )
    if borrower_id is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    position = _position(connection, borrower_id, line_id=line_id, fact=fact, today=act.today)
    if position is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    stored = lines.lock_lines(connection, [line_id]).get(line_id)
    present = _caught_up(connection, stored, act=act)
    circumstances = _circumstances(connection, line_id, fact, position=position, act=act)
    admitted = admit(present.line, fact, on=on or act.today, circumstances=circumstances)
    if isinstance(admitted, Refusal):
        _write(connection, present, act=act)
        return admitted
    event = Event(next(act.event_ids), on or act.today, admitted)
    after = _with_event(connection, line_id, present, event, act=act)
    return _write(connection, after, act=act)


def catch_line_up(connection: Connection, line_id: int, *, act: Act) -> Line | None:
    """Let happen what time alone made due, as every act on a line does first; None where there is no such line."""
    stored = lines.lock_lines(connection, [line_id]).get(line_id)
    if stored is None:
        return None
    present = _caught_up(connection, stored, act=act)
    _write(connection, present, act=act)
    return present.line


class _Present(Struct, frozen=True):
    """A line within the transaction: how it stands, the revision it was read at, and all that is to be written."""

    line: Line | None
    revision: int
    events: tuple[Event, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    history: tuple[Snapshot, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    forget_from: date | None = None


def _caught_up(connection: Connection, stored: StoredLine | None, *, act: Act) -> _Present:
    if stored is None:
        return _Present(line=None, revision=0)
    journal = Journal(contracts=Contracts(connection))
    caught = catch_up(stored.line, today=act.today, event_ids=act.event_ids, days_off=act.days_off, journal=journal)
    return _Present(
        line=caught.line,
        revision=stored.revision,
        events=caught.events,
        transfers=tuple(journal.transfers),
        history=changes_after(stored.line, journal.history),
        checkpoints=caught.checkpoints,
    )


def _with_event(connection: Connection, line_id: int, present: _Present, event: Event, *, act: Act) -> _Present:
    """The line after the event: folded on where it is the latest, folded again where it changes the past."""
    contracts = Contracts(connection)
    if present.line is not None and (event.order < present.line.last_order or undone_by(event.fact) is not None):
        return _with_late_event(connection, present, event, act=act)
    journal = Journal(contracts=contracts)
    line = advance(present.line, event, line_id=line_id, journal=journal)
    return replace(
        present,
        line=line,
        events=(*present.events, event),
        transfers=(*present.transfers, *journal.transfers),
        history=(*present.history, *changes_after(present.line, journal.history)),
    )


def _with_late_event(connection: Connection, present: _Present, event: Event, *, act: Act) -> _Present:
    line = present.line
    assert line is not None
    changed_from = event.order
    target_id = undone_by(event.fact)
    if target_id is not None:
        target = lines.read_event(connection, line.line_id, target_id)
        assert target is not None, "admission found the event that is taken back"
        changed_from = min(changed_from, target.order)
    checkpoint = lines.checkpoint_before(connection, line.line_id, changed_from)
    recorded = lines.read_events(connection, line.line_id, after=checkpoint.order if checkpoint else None)
    again = refold(
        (*recorded, *present.events),
        event,
        line_id=line.line_id,
        start=checkpoint.line if checkpoint else None,
        contracts=Contracts(connection),
        until=act.today,
    )
    return replace(
        present,
        line=again.line,
        events=(*present.events, event),
        transfers=(*present.transfers, *again.transfers),
        history=(*present.history, *again.history),
        checkpoints=again.checkpoints,
        forget_from=changed_from[0],
    )


def _write(connection: Connection, present: _Present, *, act: Act) -> Recorded | None:
    """Write the line, its events and its transfers; nothing where nothing happened."""
    line = present.line
    if line is None or (not present.events and not present.transfers and not present.history):
        return None
    terms = Contracts(connection)[line.contract_hash]
    write = LineWrite(
        line=line,
        revision_before=present.revision,
        next_due_on=next_due_on(line, terms=terms),
        events=present.events,
        history=present.history,
        checkpoints=present.checkpoints,
        forget_from=present.forget_from,
        approved_by=act.approved_by,
    )
    recording = Recording(actor=act.actor, recorded_at=act.at, booked_on=act.today)
    lines.write_lines(connection, [write], recording=recording)
    ledger.post(connection, present.transfers, booked_on=act.today)
    return Recorded(present.events[-1], line, present.revision + 1, present.transfers) if present.events else None


def _circumstances(
    connection: Connection, line_id: int, fact: AnyFact, *, position: BorrowerPosition, act: Act
) -> Circumstances:
    target_id = undone_by(fact)
    later = lines.read_events(connection, line_id) if target_id is not None else []
    target = next((event for event in later if event.event_id == target_id), None)
    return Circumstances(
        today=act.today,
        borrower=position,
        contracts=Contracts(connection),
        has_second_person=act.approved_by is not None and act.approved_by != act.actor,
        target=target,
        target_is_undone=any(undone_by(event.fact) == target_id for event in later),
        target_has_dependents=target is not None and has_dependents(target, later),
        days_off=act.days_off,
    )


def _position(
    connection: Connection, borrower_id: int, *, line_id: int, fact: AnyFact, today: date
) -> BorrowerPosition | None:
    read = borrowers.lock_borrower if isinstance(fact, _USES_CREDIT) else borrowers.read_borrower
    borrower = read(connection, borrower_id)
    if borrower is None:
        return None
    others = borrowers.other_standings(connection, borrower_id, but_line_id=line_id)
    return BorrowerPosition(
        joint_cap_minor=borrower.joint_cap_minor,
        other_limits_minor=sum(other.limit_minor for other in others),
        other_exposure_minor=sum(other.exposure_minor for other in others),
        worst_days_past_due=max(
            ((today - other.oldest_unpaid_due_on).days for other in others if other.oldest_unpaid_due_on), default=0
        ),
        blocked_because=borrower.blocked_because,
    )
