"""Giving up what is owed: waivers of a part, the charge-off of all, and what comes in after it."""

from datetime import date

from msgspec.structs import replace

from tallystick.servicing import facts
from tallystick.servicing import plan as plans
from tallystick.servicing import revolving as bills
from tallystick.servicing.accruing import Accrual
from tallystick.servicing.applying import bill_interest, bill_penalty, with_penalty_pace, with_plan
from tallystick.servicing.journal import (
    CHARGED_OFF,
    CHARGED_OFF_CONTRA,
    CREDIT,
    PAYOUT,
    RECEIVABLES,
    RECOVERY,
    WAIVER_EXPENSE,
    WRITE_OFF,
    Journal,
)
from tallystick.servicing.line import Charge, Condition, Line
from tallystick.servicing.owed import coming_off_minor, owed_minor
from tallystick.terms.product import Component


def waive(line: Line, fact: facts.Waived, *, journal: Journal) -> Line:
    """Give up part of what is owed of one component, oldest first; what is no longer owed is not given up."""
    component = Component(fact.component)
    line = bill_penalty(line, journal=journal)
    rest_minor = fact.amount_minor
    line, rest_minor = _waive_charges(line, component=component, rest_minor=rest_minor)
    if component is Component.INTEREST:
        line, rest_minor = _waive_bills(line, rest_minor=rest_minor, day=journal.day)
    waived_minor = fact.amount_minor - rest_minor
    journal.move(line, "waived", debit=WAIVER_EXPENSE, credit=RECEIVABLES[component], amount_minor=waived_minor)
    for plan in line.plans:
        given = plans.waive(plan, on=journal.day, component=component, amount_minor=rest_minor)
        line = with_plan(line, given.plan, journal=journal)
        journal.move(
            line, "waived", debit=WAIVER_EXPENSE, credit=RECEIVABLES[component], amount_minor=given.waived_minor
        )
        rest_minor -= given.waived_minor
    waivers_minor = line.cycle.waivers_minor + fact.amount_minor - rest_minor
    line = replace(line, cycle=replace(line.cycle, waivers_minor=waivers_minor))
    return with_penalty_pace(line, journal=journal)


def _waive_charges(line: Line, *, component: Component, rest_minor: int) -> tuple[Line, int]:
    kept: list[Charge] = []
    for charge in line.charges:
        taken_minor = min(charge.left_minor, rest_minor) if charge.component is component else 0
        rest_minor -= taken_minor
        if charge.left_minor > taken_minor:
            kept.append(replace(charge, left_minor=charge.left_minor - taken_minor))
    return replace(line, charges=tuple(kept)), rest_minor


def _waive_bills(line: Line, *, rest_minor: int, day: date) -> tuple[Line, int]:
    waivable_minor = max(0, line.revolving.interest_due_minor - coming_off_minor(line, day=day))
    taken_minor = min(waivable_minor, rest_minor)
    waived = bills.waive_interest(line.revolving, waived_minor=taken_minor, day=day)
    return replace(line, revolving=waived), rest_minor - taken_minor


def charge_off(line: Line, *, journal: Journal) -> Line:
    """Write the whole receivable off; it stays a claim, kept off the balance sheet, and can be recovered.

    Interest and penalties accrued until today are charged first.
    """
    line = bill_penalty(line, journal=journal)
    line, _ = bill_interest(line, until=journal.day, journal=journal)
    owed = owed_minor(line, day=journal.day)
    for component, left_minor in owed.items():
        journal.move(line, "charged_off", debit=WRITE_OFF, credit=RECEIVABLES[component], amount_minor=left_minor)
    claim_minor = sum(owed.values())
    journal.ended.extend(line.plans)
    journal.move(line, "claim_kept", debit=CHARGED_OFF, credit=CHARGED_OFF_CONTRA, amount_minor=claim_minor)
    return replace(
        line,
        condition=Condition.CHARGED_OFF,
        revolving=bills.Revolving(interest=Accrual(counted_to=journal.day)),
        penalty=Accrual(counted_to=journal.day),
        plans=(),
        booked=(),
        charges=(),
        holds=(),
        charged_off_minor=claim_minor,
    )


def claim_more(line: Line, *, amount_minor: int, journal: Journal) -> Line:
    """Money that left a line already charged off, and that nothing covers any more, joins the claim."""
    journal.move(line, "charged_off", debit=WRITE_OFF, credit=PAYOUT, amount_minor=amount_minor)
    journal.move(line, "claim_kept", debit=CHARGED_OFF, credit=CHARGED_OFF_CONTRA, amount_minor=amount_minor)
    return replace(line, charged_off_minor=line.charged_off_minor + amount_minor)


def recover(line: Line, *, journal: Journal) -> Line:
    """What stands to the borrower's credit meets the claim first; only what exceeds it is the borrower's."""
    recovered_minor = min(line.credit_minor, line.charged_off_minor - line.recovered_minor)
    journal.move(line, "recovered", debit=CREDIT, credit=RECOVERY, amount_minor=recovered_minor)
    journal.move(line, "claim_met", debit=CHARGED_OFF_CONTRA, credit=CHARGED_OFF, amount_minor=recovered_minor)
    return replace(
        line,
        credit_minor=line.credit_minor - recovered_minor,
        recovered_minor=line.recovered_minor + recovered_minor,
    )
