"""The statement: what a cycle asks for, its minimum, and the figures that are told once and kept."""

from datetime import date, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tallystick.servicing import revolving as bills
from tallystick.servicing.allocation import Timing
from tallystick.servicing.applying import apply_credit, bill_interest, bill_penalty, with_penalty_pace
from tallystick.servicing.facts import StatementFigures
from tallystick.servicing.journal import Journal
from tallystick.servicing.line import Cycle, Draw, Line
from tallystick.servicing.owed import REVOLVING_OWNER, LineDue, dues_asked_for, excess_minor, plan_dues
from tallystick.terms.minimum_due import least_due_minor
from tallystick.terms.product import Component, MinimumDue, MinimumPart, PayNextMonth
from tallystick.terms.statement_days import closes_on
from tallystick.units.rates import PPM

# A settled draw is remembered for refunds and chargebacks for so long; card schemes allow at most 540 days.
_REFUND_DAYS: Final = 540
_ALL_DUE: Final = MinimumDue(share_ppm=PPM, floor_minor=0, in_full=tuple(MinimumPart))


def next_statement_on(line: Line, *, cycle: PayNextMonth) -> date | None:
    """The day at whose end the next statement closes; None while there is nothing to tell.

    News that a correction brings into a past without statements is told by the next one.
    """
    return None if line.tells_from is None else closes_on(max(line.tells_from, line.as_of), cycle=cycle)


def with_news(line: Line, *, day: date) -> Line:
    """Mark since when there is something to tell, or that there is nothing."""
    if not _has_news(line):
        return line if line.tells_from is None else replace(line, tells_from=None)
    return line if line.tells_from is not None else replace(line, tells_from=day)


def _has_news(line: Line) -> bool:
    """Something is owed or moved since the last statement, or the last one asked for something."""
    return (
        line.last_closing_minor != 0
        or bool(line.revolving.purchases)
        or line.revolving.interest_due_minor > 0
        or line.revolving.interest.on(line.as_of) > 0
        or bool(line.charges)
        or line.cycle != Cycle()
        or any(not plan.is_settled for plan in line.plans)
    )


class Closing(Struct, frozen=True):
    """The line after its statement, and the figures as they stand at this point of the fold."""

    line: Line
    figures: StatementFigures


def close_statement(line: Line, *, number: int, due_on: date, journal: Journal) -> Closing:
    """Ask for everything posted until the end of the day, and for plan installments due until `due_on`.

    The same function finds the figures when a statement is first closed and bills the corrected past in a refold;
    only the first time are the figures told to the borrower.
    """
    asked = _asked_anew(line, due_on=due_on, journal=journal)
    line, interest_minor = bill_interest(line, until=journal.day + timedelta(days=1), journal=journal)
    line = bill_penalty(line, journal=journal)
    charged = line.cycle
    line = _numbered(line, number=number, due_on=due_on, day=journal.day)
    line = _with_bill(line, number=number, interest_minor=interest_minor, journal=journal)
    line = apply_credit(line, kind="credit_balance", journal=journal)
    line = with_penalty_pace(line, journal=journal)
    return _told(
        line,
        asked=replace(
            asked,
            interest_minor=asked.interest_minor + interest_minor,
            fees_minor=asked.fees_minor + charged.fees_minor,
            penalties_minor=charged.penalties_minor,
        ),
        journal=journal,
    )


class Asked(Struct, frozen=True):
    """What a statement asks for that none asked for before; minor units."""

    purchases_minor: int
    installments_minor: int
    interest_minor: int
    fees_minor: int
    penalties_minor: int = 0


def _asked_anew(line: Line, *, due_on: date, journal: Journal) -> Asked:
    asked_before = line.last_statement_due_on or date.min
    parts = dict.fromkeys(Component, 0)
    for due in plan_dues(line, day=journal.day, until=due_on):
        if asked_before < due.due_on:
            parts[due.component] += due.left_minor
    return Asked(
        purchases_minor=line.revolving.principal_minor - line.revolving.billed_principal_minor,
        installments_minor=parts[Component.PRINCIPAL],
        interest_minor=parts[Component.INTEREST],
        fees_minor=parts[Component.FEE],
    )


def _numbered(line: Line, *, number: int, due_on: date, day: date) -> Line:
    return replace(
        line,
        revolving=bills.bill_purchases(line.revolving, number=number, closed_on=day),
        charges=tuple(
            charge if charge.statement_number else replace(charge, statement_number=number) for charge in line.charges
        ),
        last_statement_on=day,
        last_statement_due_on=due_on,
        statements_closed=number,
    )


def _with_bill(line: Line, *, number: int, interest_minor: int, journal: Journal) -> Line:
    """The bill's minimum: a share of what no older minimum asks for, and in full what the contract says."""
    minimum = minimum_due(line, journal=journal)
    older_minor = line.revolving.minimum_left_minor
    open_minor = line.revolving.billed_principal_minor + line.revolving.interest_due_minor - older_minor
    in_full_minor = interest_minor if MinimumPart.INTEREST in minimum.in_full else 0
    if MinimumPart.OVER_LIMIT in minimum.in_full:
        in_full_minor += excess_minor(line)
    shared_minor = max(0, open_minor - in_full_minor)
    asked_minor = least_due_minor(minimum, in_full_minor=in_full_minor, shared_minor=shared_minor)
    bill = bills.Bill(
        number=number,
        closed_on=journal.day,
        due_on=line.last_statement_due_on or journal.day,
        minimum_left_minor=min(open_minor, asked_minor),
    )
    return replace(line, revolving=bills.add_bill(line.revolving, bill))


def without_past(line: Line, *, day: date) -> Line:
    """Forget draws that can no longer be refunded and plans that nothing can change any more."""
    open_plans = {plan.plan_id for plan in line.plans if plan.principal_left_minor}
    open_draws = {purchase.draw_id for purchase in line.revolving.purchases}
    kept = tuple(
        draw
        for draw in line.draws
        if draw.draw_id in open_draws
        or (day - draw.drawn_on).days <= _REFUND_DAYS
        or not open_plans.isdisjoint(_plans_of(draw))
    )
    named = {plan_id for draw in kept for plan_id in _plans_of(draw)}
    plans = tuple(plan for plan in line.plans if plan.plan_id in named or not plan.is_settled)
    still = {plan.plan_id for plan in plans}
    booked = tuple(entry for entry in line.booked if entry.plan_id in still)
    return replace(line, draws=kept, plans=plans, booked=booked)


def _plans_of(draw: Draw) -> tuple[int | None, ...]:
    return draw.plan_id, *(share.plan_id for share in draw.bill_shares)


def minimum_due(line: Line, *, journal: Journal) -> MinimumDue:
    """The contract's rule for the minimum; a line without purchases to pay next month asks for everything."""
    cycle = journal.terms(line).pay_next_month
    return cycle.minimum_due if cycle is not None else _ALL_DUE


def _is_in_full(due: LineDue, *, minimum: MinimumDue) -> bool:
    """Whether the minimum asks for this due as a whole; bills have a minimum of their own."""
    if due.owner_id == REVOLVING_OWNER:
        return False
    if due.timing is Timing.PAST_DUE and MinimumPart.PAST_DUE in minimum.in_full:
        return True
    part = MinimumPart.INSTALLMENTS if due.owner_id > REVOLVING_OWNER else MinimumPart(due.component.value)
    return part in minimum.in_full


def _told(line: Line, *, asked: Asked, journal: Journal) -> Closing:
    owed = dues_asked_for(line, day=journal.day)
    closing_minor = sum(due.left_minor for due in owed)
    past_due_minor = sum(due.left_minor for due in owed if due.timing is Timing.PAST_DUE)
    minimum = minimum_due(line, journal=journal)
    in_full_minor = sum(due.left_minor for due in owed if _is_in_full(due, minimum=minimum))
    cycle = line.cycle
    moved_minor = (
        asked.purchases_minor + asked.installments_minor + asked.interest_minor + asked.fees_minor
        + asked.penalties_minor - cycle.payments_minor - cycle.refunds_minor - cycle.waivers_minor
    )  # fmt: skip
    figures = StatementFigures(
        opening_minor=line.last_closing_minor,
        adjustments_minor=closing_minor - line.last_closing_minor - moved_minor,
        purchases_minor=asked.purchases_minor,
        installments_minor=asked.installments_minor,
        interest_minor=asked.interest_minor,
        fees_minor=asked.fees_minor,
        penalties_minor=asked.penalties_minor,
        payments_minor=cycle.payments_minor,
        refunds_minor=cycle.refunds_minor,
        waivers_minor=cycle.waivers_minor,
        closing_minor=closing_minor,
        minimum_due_minor=min(closing_minor, in_full_minor + line.revolving.minimum_left_minor),
        past_due_minor=past_due_minor,
        credit_minor=line.credit_minor,
    )
    told = replace(line, cycle=Cycle(), last_minimum_minor=figures.minimum_due_minor)
    kept = without_past(told, day=journal.day)
    journal.ended.extend(plan for plan in told.plans if plan not in kept.plans)
    return Closing(line=kept, figures=figures)
