"""What the columns see of a line: a row per change of its figures, rebuilt from the events at any time."""

from datetime import date

from msgspec import Struct

from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import drawn_minor, held_minor, oldest_unpaid_due_on


class Snapshot(Struct, frozen=True, gc=False):
    """The line's figures from `effective_on` on, until the next row; minor units. `cause` is `facts.cause_of`."""

    effective_on: date
    cause: str
    event_id: int
    condition: Condition
    limit_minor: int
    drawn_minor: int
    held_minor: int
    credit_minor: int
    oldest_unpaid_due_on: date | None
    statement_closing_minor: int | None
    statement_minimum_minor: int | None

    @property
    def available_minor(self) -> int:
        """What may still be held or drawn."""
        return max(0, self.limit_minor - self.drawn_minor - self.held_minor)

    @property
    def figures(self) -> tuple[object, ...]:
        """What a change is a change of."""
        return (
            self.condition,
            self.limit_minor,
            self.drawn_minor,
            self.held_minor,
            self.credit_minor,
            self.oldest_unpaid_due_on,
            self.statement_closing_minor,
            self.statement_minimum_minor,
        )


def snapshot(line: Line, *, day: date, cause: str, event_id: int) -> Snapshot:
    """The row of a line as it stands on `day`."""
    has_statement = line.statements_closed > 0
    return Snapshot(
        effective_on=day,
        cause=cause,
        event_id=event_id,
        condition=line.condition,
        limit_minor=line.limit_minor,
        drawn_minor=drawn_minor(line),
        held_minor=held_minor(line),
        credit_minor=line.credit_minor,
        oldest_unpaid_due_on=oldest_unpaid_due_on(line, day=day),
        statement_closing_minor=line.last_closing_minor if has_statement else None,
        statement_minimum_minor=line.last_minimum_minor if has_statement else None,
    )


def standing(line: Line) -> Snapshot:
    """How a line stands now: a row that nothing caused."""
    return snapshot(line, day=line.as_of, cause="", event_id=0)


def changes(rows: list[Snapshot]) -> tuple[Snapshot, ...]:
    """Only the rows whose figures differ from the row before."""
    kept: list[Snapshot] = []
    for row in rows:
        if not kept or row.figures != kept[-1].figures:
            kept.append(row)
    return tuple(kept)


def changes_after(before: Snapshot | None, rows: list[Snapshot]) -> tuple[Snapshot, ...]:
    """The rows that change something on a line as it stood before; all changes where it did not stand yet."""
    return changes(rows) if before is None else changes([before, *rows])[1:]
