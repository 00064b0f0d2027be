"""What must hold of every line at every moment, whatever happened: its books, its plans, its borrower's money."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from tests.lives import LINE_ID, Life, balances_of

from tallystick.ledger.transfer import Address
from tallystick.servicing import facts
from tallystick.servicing.commitment import commitment_minor
from tallystick.servicing.facts import Event
from tallystick.servicing.fold import Folded, fold, in_life_order
from tallystick.servicing.history import Snapshot
from tallystick.servicing.journal import CHARGED_OFF, CREDIT, RECEIVABLES, UNDRAWN
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import owed_minor
from tallystick.servicing.plan import Plan
from tallystick.servicing.plan_settling import settle_quote
from tallystick.servicing.steps import Step, with_late_event


def audit(life: Life) -> None:
    """The books told by transfers alone are the line's own figures, and no account of a line changes side."""
    line = life.line
    assert line is not None
    balances = life.balances()
    told = {code: minor for (code, owner), minor in balances.items() if owner == LINE_ID}
    owed = owed_minor(line, day=line.as_of)
    for component, code in RECEIVABLES.items():
        assert told.get(code, 0) == owed[component], (component, told.get(code, 0), owed[component])
        assert owed[component] >= 0
    assert told.get(CREDIT, 0) == -line.credit_minor
    assert line.credit_minor >= 0
    assert told.get(UNDRAWN, 0) == commitment_minor(line)
    assert told.get(CHARGED_OFF, 0) == line.charged_off_minor - line.recovered_minor >= 0
    assert sum(balances.values()) == 0


def audit_plans(line: Line) -> None:
    """The principal of a plan's installments sums to its draw, and none was paid beyond what it asked for.

    The shares of draws in a converted bill's plan are no more than what can still come back of it.
    """
    for plan in line.plans:
        assert 0 <= _shares_minor(line, plan) <= plan.principal_minor - plan.overflowed_minor
        assert sum(part.principal_minor for part in plan.installments) == plan.principal_minor
        for part in plan.installments:
            assert 0 <= part.paid_principal_minor <= part.principal_minor
            assert 0 <= part.paid_interest_minor + part.waived_interest_minor <= part.interest_minor
            assert 0 <= part.paid_fee_minor + part.waived_fee_minor <= part.fee_minor


def audit_money_back(life: Life) -> None:
    """Refunds give back no more than was paid: credit is money paid in that was not paid out again.

    What was paid out before the payment behind it bounced is owed, so it counts as long as it is, also in the plan of
    the bill that asked for it.
    """
    assert life.line is not None
    in_force = [event.fact for event in in_life_order(life.events)]
    paid_in = facts.PaymentReceived | facts.SettledEarly | facts.DrawWithdrawn
    paid_minor = sum(fact.amount_minor for fact in in_force if isinstance(fact, paid_in))
    paid_out_minor = sum(fact.amount_minor for fact in in_force if isinstance(fact, facts.CreditPaidOut))
    lent_minor = sum(item.left_minor for item in life.line.revolving.purchases if item.draw_id < 0)
    lent_minor += sum(_no_draws_minor(life.line, plan) for plan in life.line.plans)
    paid_minor -= paid_out_minor - min(paid_out_minor, lent_minor)
    assert life.line.credit_minor <= max(0, paid_minor), (life.line.credit_minor, paid_minor)


def _no_draws_minor(line: Line, plan: Plan) -> int:
    """What is left of a converted bill's plan that no draw brought in: only credit paid out can be that."""
    if any(draw.plan_id == plan.plan_id for draw in line.draws):
        return 0
    return min(plan.principal_left_minor, plan.principal_minor - plan.overflowed_minor - _shares_minor(line, plan))


def _shares_minor(line: Line, plan: Plan) -> int:
    """What draws brought into a converted bill's plan, less what came back of it."""
    return sum(share.left_minor for draw in line.draws for share in draw.bill_shares if share.plan_id == plan.plan_id)


def folded_from_zero(life: Life) -> Folded:
    """The same life, from its events alone and in one go."""
    line = life.line
    assert line is not None
    return fold(in_life_order(life.events), line_id=LINE_ID, start=None, contracts=life.contracts, until=line.as_of)


def is_open(line: Line) -> bool:
    """Whether time goes on for the line."""
    return line.condition is Condition.OPEN


def told_by(history: Iterable[Snapshot]) -> dict[date, Snapshot]:
    """The row that counts for each day on which one was told: the one told last."""
    return {row.effective_on: row for row in history}


def as_of(told: Mapping[date, Snapshot], day: date) -> Snapshot:
    """The row in force on a day."""
    return told[max(known for known in told if known <= day)]


def recorded_anew(life: Life, *, chance: random.Random) -> tuple[Line, Counter[Address]]:
    """The same events, the opening first and all others in another order, each put into its place when it comes."""
    assert life.line is not None
    opening, *others = life.events
    chance.shuffle(others)
    until = life.line.as_of
    opened = fold((opening,), line_id=LINE_ID, start=None, contracts=life.contracts, until=until)
    step = Step(line=opened.line, events=(opening,), transfers=opened.transfers)
    for event in others:
        step = with_late_event(step, event, start=None, recorded=(), changed_from=event.order, contracts=life.contracts)
    assert step.line is not None
    return step.line, +balances_of(step.transfers)


def pay_off(life: Life, *, today: date) -> None:
    """Settle every plan early, and pay month by month what is asked for, until a year brings nothing more."""
    assert life.line is not None
    life.sleep_until(today)
    for plan_id in [plan.plan_id for plan in life.line.plans]:
        # what comes back of one plan's charges may pay the next one's
        plan = next((plan for plan in life.line.plans if plan.plan_id == plan_id), None)
        if plan is not None and plan.principal_left_minor:
            quote_minor = settle_quote(plan, on=today).total_minor
            settled = facts.SettledEarly(
                payment_id=9_000_000 + plan.plan_id, plan_id=plan.plan_id, amount_minor=quote_minor, channel="bank"
            )
            assert isinstance(life.act(settled, today=today), Event)
    for month in range(14):
        line = life.sleep_until(today + timedelta(days=31 * month))
        owed_minor_now = sum(owed_minor(line, day=line.as_of).values())
        if owed_minor_now:
            paid = facts.PaymentReceived(payment_id=8_000_000 + month, amount_minor=owed_minor_now, channel="bank")
            assert isinstance(life.act(paid, today=line.as_of), Event)
