"""How a line stands today, and what borrowers are asked for: read, never written."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.servicing.accrued import accrued
from tallystick.servicing.accruing import minor_from_micro
from tallystick.servicing.allocation import Timing
from tallystick.servicing.cares import treatment
from tallystick.servicing.keeping_up import next_bill_due_on
from tallystick.servicing.line import Line
from tallystick.servicing.owed import (
    REVOLVING_OWNER,
    LineDue,
    asked_until,
    available_minor,
    bucket,
    days_past_due,
    drawn_minor,
    dues,
    excess_minor,
    held_minor,
)
from tallystick.servicing.steps import caught_up_if_due
from tallystick.storage import lines
from tallystick.storage.contracts import Contracts
from tallystick.terms.product import CareKind, Component, Contact, Product, Reporting


class Owing(Struct, frozen=True):
    """What is owed under one heading, by component; `due_on` is its oldest due date."""

    principal_minor: int
    interest_minor: int
    fee_minor: int
    penalty_minor: int
    total_minor: int
    due_on: date | None


class Standing(Struct, frozen=True):
    """The figures of a line on a business day, in minor units; `as_of` is that day.

    `past_due` was missed, `due_now` is asked for and can still be paid in time, `next_due` falls due on the next date
    after that, `later` is everything else. Purchases that are not billed yet are due with the next statement.
    `contact` and `reporting` are what the contract says of the cares that hold: whom collection may speak to, and what
    the bureau is told.
    `accrued_minor` is what was earned until the day begins and is not billed yet: what `close-day` sums up.
    """

    as_of: date
    condition: str
    limit_minor: int
    drawn_minor: int
    held_minor: int
    available_minor: int
    excess_minor: int
    credit_minor: int
    charged_off_minor: int
    accrued_minor: int
    days_past_due: int
    bucket: str
    past_due: Owing
    due_now: Owing
    next_due: Owing
    later: Owing
    frozen_because: str | None
    cares: tuple[CareKind, ...]
    contact: Contact
    reporting: Reporting


def line_today(connection: Connection, line_id: int, *, act: Act) -> Line | None:
    """A line with everything that time alone has made due, though nobody has written it yet."""
    stored = lines.read_line(connection, line_id)
    if stored is None:
        return None
    step = caught_up_if_due(
        stored.line,
        due_on=stored.next_due_on,
        today=act.today,
        event_ids=act.event_ids,
        contracts=Contracts(connection),
    )
    return step.line


def standing(connection: Connection, line: Line, *, day: date) -> Standing:
    """How a line that is caught up stands on a day."""
    terms = Contracts(connection)[line.contract_hash]
    treated = treatment(line, terms=terms)
    late_days = days_past_due(line, day=day)
    owed = [_as_told(due, line=line, contract=terms, day=day) for due in dues(line, day=day) if due.left_minor]
    in_advance = [due for due in owed if due.timing is Timing.IN_ADVANCE]
    next_on = min((due.due_on for due in in_advance), default=None)
    return Standing(
        as_of=day,
        condition=line.condition.value,
        limit_minor=line.limit_minor,
        drawn_minor=drawn_minor(line),
        held_minor=held_minor(line),
        available_minor=available_minor(line),
        excess_minor=excess_minor(line),
        credit_minor=line.credit_minor,
        charged_off_minor=line.charged_off_minor,
        accrued_minor=minor_from_micro(accrued(line).accrued_micro),
        days_past_due=late_days,
        bucket=bucket(late_days, contract=terms),
        past_due=_owing(due for due in owed if due.timing is Timing.PAST_DUE),
        due_now=_owing(due for due in owed if due.timing is Timing.DUE),
        next_due=_owing(due for due in in_advance if due.due_on == next_on),
        later=_owing(due for due in in_advance if due.due_on != next_on),
        frozen_because=line.frozen_because,
        cares=line.cares,
        contact=treated.contact,
        reporting=treated.reporting,
    )


def _as_told(due: LineDue, *, line: Line, contract: Product, day: date) -> LineDue:
    """A due with the date until which the borrower can pay it: what is not billed yet, with the next statement.

    A charge is asked for at once, and can be paid until the last statement's due date.
    """
    if due.owner_id == REVOLVING_OWNER and due.timing is Timing.IN_ADVANCE:
        return replace(due, due_on=next_bill_due_on(line, terms=contract) or due.due_on)
    if any(charge.charge_id == due.owner_id for charge in line.charges):
        return replace(due, due_on=asked_until(line, day=day))
    return due


def _owing(dues: Iterable[LineDue]) -> Owing:
    parts = dict.fromkeys(Component, 0)
    due_on: date | None = None
    for due in dues:
        parts[due.component] += due.left_minor
        due_on = due.due_on if due_on is None else min(due_on, due.due_on)
    return Owing(
        principal_minor=parts[Component.PRINCIPAL],
        interest_minor=parts[Component.INTEREST],
        fee_minor=parts[Component.FEE],
        penalty_minor=parts[Component.PENALTY],
        total_minor=sum(parts.values()),
        due_on=due_on,
    )
