"""Money that stands to the borrower's credit, applied to what is owed in the order that the contract names."""

from collections import Counter
from datetime import date, timedelta

from msgspec.structs import replace

from tallystick.servicing import plan as plans
from tallystick.servicing import revolving as bills
from tallystick.servicing.accruing import minor_from_micro
from tallystick.servicing.allocation import AllocationOrder, Timing, allocate, order_of
from tallystick.servicing.facts import ChargeKind
from tallystick.servicing.journal import (
    ACCRUED,
    CLEARING,
    CREDIT,
    FEE,
    FEE_INCOME,
    INTEREST,
    INTEREST_INCOME,
    PENALTY,
    PENALTY_INCOME,
    RECEIVABLES,
    Journal,
)
from tallystick.servicing.line import Booked, Charge, Condition, Cycle, Line
from tallystick.servicing.owed import REVOLVING_OWNER, asked_until, days_past_due, dues_asked_for, plan_dues
from tallystick.servicing.plan import Plan
from tallystick.servicing.plan_figures import charged_minor
from tallystick.terms.product import Accrues, AllocationRule, Component, PenaltyBase


def apply_credit(line: Line, *, kind: str, journal: Journal) -> Line:
    """Pay what is owed from the credit balance, as far as it reaches; what is left stays to the borrower's credit.

    `kind` names the transaction whose allocation order of the contract is followed.
    """
    if line.credit_minor == 0 or line.condition is not Condition.OPEN:
        return line
    late_days = days_past_due(line, day=journal.day)
    rule = journal.terms(line).allocation_rule(kind, days_past_due=late_days)
    line = bill_penalty(line, journal=journal)
    plan_ids = {plan.plan_id for plan in line.plans}
    plan_shares: Counter[int] = Counter()
    owed = dues_asked_for(line, day=journal.day)
    for due, paid_minor in allocate(owed, amount_minor=line.credit_minor, order=_asked_only(rule)):
        if due.owner_id in plan_ids:
            plan_shares[due.owner_id] += paid_minor
        elif due.owner_id == REVOLVING_OWNER:
            line = _pay_bills(line, component=due.component, paid_minor=paid_minor, journal=journal)
        else:
            line = _pay_charge(line, charge_id=due.owner_id, paid_minor=paid_minor, journal=journal)
    for plan_id, paid_minor in plan_shares.items():
        until = asked_until(line, day=journal.day)
        line = pay_plan(line, plan_id=plan_id, paid_minor=paid_minor, kind=kind, until=until, journal=journal)
    return with_penalty_pace(line, journal=journal)


def _asked_only(rule: AllocationRule) -> AllocationOrder:
    """The contract's order over what is past due or asked for: nothing is paid that nobody asked for yet."""
    order = order_of(rule)
    return replace(order, steps=tuple(step for step in order.steps if step.timing is not Timing.IN_ADVANCE))


def _pay_bills(line: Line, *, component: Component, paid_minor: int, journal: Journal) -> Line:
    post_applied(line, component, paid_minor, journal=journal)
    if component is Component.INTEREST:
        paid = bills.pay_interest(line.revolving, paid_minor=paid_minor)
    else:
        paid, rest_minor = bills.pay_principal(line.revolving, paid_minor=paid_minor, day=journal.day, of=_is_billed)
        assert rest_minor == 0
    return _credited(replace(line, revolving=paid), paid_minor=paid_minor)


def _is_billed(purchase: bills.Purchase) -> bool:
    return purchase.statement_number is not None


def _pay_charge(line: Line, *, charge_id: int, paid_minor: int, journal: Journal) -> Line:
    kept: list[Charge] = []
    for charge in line.charges:
        if charge.charge_id == charge_id:
            post_applied(line, charge.component, paid_minor, journal=journal)
            charge = replace(charge, left_minor=charge.left_minor - paid_minor)  # noqa: PLW2901
        if charge.left_minor:
            kept.append(charge)
    return _credited(replace(line, charges=tuple(kept)), paid_minor=paid_minor)


def pay_plan(line: Line, *, plan_id: int, paid_minor: int, kind: str, until: date, journal: Journal) -> Line:
    """Pay a plan's installments due until a day; what they cannot take stays to the borrower's credit."""
    before = plan_of(line, plan_id)
    order = order_of(journal.terms(line).allocation_rule(kind, days_past_due=days_past_due(line, day=journal.day)))
    paid = plans.pay(before, on=journal.day, amount_minor=paid_minor, order=order, until=until)
    line = with_plan(line, paid.plan, journal=journal)
    for component, applied_minor in paid.applied_minor.items():
        post_applied(line, component, applied_minor, journal=journal)
    return _credited(line, paid_minor=paid_minor - paid.rest_minor)


def plan_of(line: Line, plan_id: int) -> Plan:
    """The line's plan of that id; whoever asks has found it there."""
    return next(plan for plan in line.plans if plan.plan_id == plan_id)


def running_plan(line: Line, plan_id: int) -> Plan | None:
    """The plan if it still has principal to pay; None where a corrected past has paid it off or undone its draw."""
    return next((plan for plan in line.plans if plan.plan_id == plan_id and plan.principal_left_minor), None)


def with_plan(line: Line, plan: Plan, *, journal: Journal) -> Line:
    """The plan as it is now, and posted what became due of its price since it was last looked at."""
    was = next((booked for booked in line.booked if booked.plan_id == plan.plan_id), Booked(plan_id=plan.plan_id))
    charged = charged_minor(plan, on=journal.day)
    now = Booked(plan_id=plan.plan_id, interest_minor=charged[Component.INTEREST], fee_minor=charged[Component.FEE])
    plans_now = tuple(plan if old.plan_id == plan.plan_id else old for old in line.plans)
    if now == was:
        return replace(line, plans=plans_now)
    interest_minor, fee_minor = now.interest_minor - was.interest_minor, now.fee_minor - was.fee_minor
    journal.move(line, "interest_billed", debit=INTEREST, credit=ACCRUED, amount_minor=interest_minor)
    journal.move(line, "fee_billed", debit=FEE, credit=ACCRUED, amount_minor=fee_minor)
    others = tuple(booked for booked in line.booked if booked.plan_id != plan.plan_id)
    return replace(line, plans=plans_now, booked=(*others, now))


def bill_interest(line: Line, *, until: date, journal: Journal) -> tuple[Line, int]:
    """Make due what revolving purchases bore until a day; gives the amount, negative where interest is given back.

    What is given back comes off what is due; the rest of it stands to the borrower's credit.
    """
    revolving, billed_minor = bills.bill_interest(line.revolving, day=until)
    journal.move(line, "interest_billed", debit=INTEREST, credit=ACCRUED, amount_minor=billed_minor)
    back_minor = max(0, -revolving.interest_due_minor)
    post_applied(line, Component.INTEREST, -back_minor, journal=journal)
    revolving = replace(revolving, interest_due_minor=revolving.interest_due_minor + back_minor)
    return replace(line, revolving=revolving, credit_minor=line.credit_minor + back_minor), billed_minor


def bill_penalty(line: Line, *, journal: Journal) -> Line:
    """Make the penalty interest that accrued until today a charge of its own, so that a payment can settle it."""
    accrued = line.penalty.rolled(journal.day)
    billed_minor = minor_from_micro(accrued.accrued_micro)
    if billed_minor <= 0:
        return line
    line = replace(line, penalty=accrued.less(billed_minor))
    return add_charge(line, kind=ChargeKind.PENALTY_INTEREST, amount_minor=billed_minor, journal=journal)


def with_penalty_pace(line: Line, *, journal: Journal) -> Line:
    """Penalty interest going on with what is overdue now, by the contract's base and rate."""
    return replace(line, penalty=line.penalty.at_daily(_penalty_daily_micro(line, journal=journal), day=journal.day))


def _penalty_daily_micro(line: Line, *, journal: Journal) -> int:
    terms = journal.terms(line)
    if terms.late.penalty is None or stops(line, journal=journal, what="penalty"):
        return 0
    last_free_due_on = journal.day - timedelta(days=terms.late.grace_days)
    all_parts = terms.late.penalty.base is PenaltyBase.OVERDUE_ALL
    overdue_minor = sum(
        due.left_minor
        for due in plan_dues(line, day=journal.day, until=last_free_due_on - timedelta(days=1))
        if (due.component is Component.PRINCIPAL or (all_parts and due.component is not Component.PENALTY))
    )
    return overdue_minor * terms.penalty_daily_ppm()


def stops(line: Line, *, journal: Journal, what: str) -> bool:
    """Whether a care that holds on the line stops `what`: interest, fee or penalty."""
    cares = journal.terms(line).cares
    return any(getattr(cares[care], what) is Accrues.STOPS for care in line.cares if care in cares)


def post_applied(line: Line, component: Component, paid_minor: int, *, journal: Journal) -> None:
    """Post what was paid of one component from the credit balance; a negative amount is given back to it."""
    journal.move(line, f"{component}_paid", debit=CREDIT, credit=RECEIVABLES[component], amount_minor=paid_minor)


def receive(line: Line, *, amount_minor: int, channel: str, journal: Journal) -> Line:
    """Money from the borrower comes in by a channel's clearing account and stands to the borrower's credit."""
    journal.move(line, "payment", debit=CLEARING[channel], credit=CREDIT, amount_minor=amount_minor)
    return replace(line, credit_minor=line.credit_minor + amount_minor)


def add_charge(line: Line, *, kind: ChargeKind, amount_minor: int, journal: Journal) -> Line:
    """A fee or penalty of the line itself, owed from today; nothing where there is nothing to charge."""
    if amount_minor <= 0:
        return line
    charge = Charge(charge_id=-(line.charges_made + 1), kind=kind, charged_on=journal.day, left_minor=amount_minor)
    if charge.component is Component.PENALTY:
        journal.move(line, str(kind), debit=PENALTY, credit=ACCRUED, amount_minor=amount_minor)
        # Days accrue as one sum; what turns out to be penalty is told apart when it is charged.
        journal.move(line, str(kind), debit=INTEREST_INCOME, credit=PENALTY_INCOME, amount_minor=amount_minor)
    else:
        journal.move(line, str(kind), debit=FEE, credit=FEE_INCOME, amount_minor=amount_minor)
    return replace(
        line,
        charges=(*line.charges, charge),
        charges_made=line.charges_made + 1,
        cycle=_charged(line.cycle, charge),
    )


def _charged(cycle: Cycle, charge: Charge) -> Cycle:
    if charge.component is Component.PENALTY:
        return replace(cycle, penalties_minor=cycle.penalties_minor + charge.left_minor)
    return replace(cycle, fees_minor=cycle.fees_minor + charge.left_minor)


def _credited(line: Line, *, paid_minor: int) -> Line:
    cycle = replace(line.cycle, payments_minor=line.cycle.payments_minor + paid_minor)
    return replace(line, credit_minor=line.credit_minor - paid_minor, cycle=cycle)
