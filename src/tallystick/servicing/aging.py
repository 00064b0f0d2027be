"""What time alone does to a line: dues fall due, what was not paid revolves, late fees and penalty interest begin."""

from collections.abc import Iterator
from datetime import date, timedelta

from msgspec.structs import replace

from tallystick.servicing import plan as plans
from tallystick.servicing import revolving as bills
from tallystick.servicing.applying import add_charge, apply_credit, stops, with_penalty_pace, with_plan
from tallystick.servicing.billing import with_news
from tallystick.servicing.commitment import with_commitment
from tallystick.servicing.facts import ChargeKind
from tallystick.servicing.journal import Journal
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import dues_asked_for
from tallystick.terms.late_fees import late_fee_minor
from tallystick.terms.product import Product


def roll(line: Line, *, to: date, journal: Journal) -> Line:
    """The business day `to` begins: every change that time brings until then, in order of its day.

    Total and idempotent: rolling to a day twice, or by way of days between, gives the same line and posts nothing new.
    """
    if to <= line.as_of:
        return line
    while (day := next_change_on(line, terms=journal.terms(line))) is not None and day <= to:
        journal.turn_to(day=day, event_id=0)
        line = with_commitment(_begin_day(replace(line, as_of=day), journal=journal), journal=journal)
        line = with_news(line, day=day)
        journal.observe(line, cause="day_begun")
    return replace(line, as_of=to) if to > line.as_of else line


def _begin_day(line: Line, *, journal: Journal) -> Line:
    for plan in line.plans:
        line = with_plan(line, plans.roll(plan, on=journal.day), journal=journal)
    line = apply_credit(line, kind="credit_balance", journal=journal)
    line = replace(line, revolving=bills.start_revolving(line.revolving, day=journal.day))
    line = _charge_late_fee(line, journal=journal)
    return with_penalty_pace(line, journal=journal)


def next_change_on(line: Line, *, terms: Product) -> date | None:
    """The first day after `as_of` on which time alone changes the line; None when nothing is waiting."""
    if line.condition is not Condition.OPEN:
        return None
    return min((day for day in _days_of_change(line, terms) if day > line.as_of), default=None)


def _days_of_change(line: Line, terms: Product) -> Iterator[date]:
    """Days on which something changes, the first one to come among them; past ones are passed over where it is cheap.

    A due date counts when its day begins, as missed on the day after, and for the late fee after its grace.
    """
    late_after = timedelta(days=terms.late.grace_days + 1)
    is_over = line.as_of - late_after
    for plan in line.plans:
        for part in plan.installments:
            if part.due_on <= is_over or not part.left_minor:
                continue
            yield part.due_on
            if part.due_on > line.as_of:
                break  # the installments after it are due later
            yield part.due_on + timedelta(days=1)
            yield part.due_on + late_after
    for bill in line.revolving.bills:
        yield bill.due_on + timedelta(days=1)
        if bill.minimum_left_minor:
            yield bill.due_on + late_after
    for pause in line.pauses:
        yield pause.ends_on


def _charge_late_fee(line: Line, *, journal: Journal) -> Line:
    """One late fee for each due date that was missed, on the day after its grace; none in a pause or a care."""
    terms = journal.terms(line)
    missed_on = journal.day - timedelta(days=terms.late.grace_days + 1)
    paused = any(pause.begins_on <= journal.day < pause.ends_on for pause in line.pauses)
    if terms.late.late_fee is None or paused or stops(line, what="fee", journal=journal):
        return line
    missed_minor = sum(due.left_minor for due in dues_asked_for(line, day=journal.day) if due.due_on == missed_on)
    if missed_minor == 0:
        return line
    fee_minor = late_fee_minor(terms.late.late_fee, missed_minor=missed_minor)
    return add_charge(line, kind=ChargeKind.LATE_FEE, amount_minor=fee_minor, journal=journal)
