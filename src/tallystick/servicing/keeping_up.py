"""What the calendar asks of a line: statements to close, holds to expire, and the next day on which anything is due."""

from collections.abc import Iterator
from datetime import date, timedelta

from msgspec import Struct

from tallystick.servicing.advance import advance, close
from tallystick.servicing.aging import next_change_on, roll
from tallystick.servicing.billing import next_statement_on
from tallystick.servicing.facts import Event, HoldExpired
from tallystick.servicing.fold import Checkpoint
from tallystick.servicing.journal import Journal
from tallystick.servicing.line import Condition, Line
from tallystick.terms.days_off import moved
from tallystick.terms.product import Product
from tallystick.terms.statement_days import due_on


class CaughtUp(Struct, frozen=True):
    """The line when the business day begins, and the events that the calendar asked for on the way."""

    line: Line
    events: tuple[Event, ...]
    checkpoints: tuple[Checkpoint, ...]


def catch_up(
    line: Line,
    *,
    today: date,
    event_ids: Iterator[int],
    journal: Journal,
) -> CaughtUp:
    """Let everything happen that was due before `today` begins, each on its own day.

    A line that is caught up already is left as it is. Event ids must rise.
    """
    events: list[Event] = []
    checkpoints: list[Checkpoint] = []
    while (due := _next_due(line, terms=journal.terms(line))) is not None:
        day, hold_id = due
        if day > today or (day == today and not hold_id):  # a hold expires when its day begins, a statement as it ends
            break
        line = roll(line, to=day, journal=journal)
        event_id = next(event_ids)
        if hold_id:
            event = Event(event_id=event_id, effective_on=day, fact=HoldExpired(hold_id=hold_id))
            line = advance(line, event, line_id=line.line_id, journal=journal)
        else:
            line, event = _close(line, event_id=event_id, journal=journal)
            checkpoints.append(Checkpoint(order=event.order, line=line))
        events.append(event)
    line = roll(line, to=today, journal=journal)
    return CaughtUp(line=line, events=tuple(events), checkpoints=tuple(checkpoints))


def _next_due(line: Line, *, terms: Product) -> tuple[date, int] | None:
    """The next day at whose end a statement closes (hold 0), or on which a hold expires; the earlier first.

    A hold that a correction brings back after its time expires now: the past in which it stood open was told so.
    """
    dues = [(max(hold.expires_on, line.as_of), hold.hold_id) for hold in line.holds]
    if terms.pay_next_month is not None and line.condition is Condition.OPEN:
        closes_on = next_statement_on(line, cycle=terms.pay_next_month)
        if closes_on is not None:
            dues.append((closes_on, 0))
    return min(dues, key=lambda due: (due[0], due[1] == 0, due[1]), default=None)


def next_bill_due_on(line: Line, *, terms: Product) -> date | None:
    """When what is bought now will be due: the due date of the statement that closes next; None where none will."""
    if terms.pay_next_month is None or line.condition is not Condition.OPEN:
        return None
    closes_on = next_statement_on(line, cycle=terms.pay_next_month)
    return None if closes_on is None else moved(due_on(closes_on, cycle=terms.pay_next_month), calendar=terms.calendar)


def _close(line: Line, *, event_id: int, journal: Journal) -> tuple[Line, Event]:
    terms = journal.terms(line)
    assert terms.pay_next_month is not None
    last = line.last_statement_on
    return close(
        line,
        event_id=event_id,
        period_from=line.opened_on if last is None else last + timedelta(days=1),
        due_on=moved(due_on(line.as_of, cycle=terms.pay_next_month), calendar=terms.calendar),
        journal=journal,
    )


def next_due_on(line: Line, *, terms: Product) -> date | None:
    """The business day whose close brings the next change that time makes: what `close-day` looks for.

    A close ends where the next day begins. So a statement closes with its own day; what comes as a day begins (a due
    date, a late fee, the end of a hold) with the day before. A line that a close leaves alone is what it would have
    made of it.
    """
    due = _next_due(line, terms=terms)
    change_on = next_change_on(line, terms=terms)
    days = []
    if due is not None:
        closes_on, hold_id = due
        days.append(closes_on - timedelta(days=1) if hold_id else closes_on)
    if change_on is not None:
        days.append(change_on - timedelta(days=1))
    return min(days, default=None)
