"""The fold's one step: a line and an event in, the line after it and the transfers it caused out. It never refuses."""

from datetime import date, timedelta

from msgspec.structs import replace

from tallystick.servicing import facts
from tallystick.servicing import plan as plans
from tallystick.servicing import revolving as bills
from tallystick.servicing.accruing import Accrual
from tallystick.servicing.aging import roll
from tallystick.servicing.applying import (
    add_charge,
    apply_credit,
    pay_plan,
    receive,
    running_plan,
    stops,
    with_penalty_pace,
    with_plan,
)
from tallystick.servicing.billing import close_statement, with_news
from tallystick.servicing.commitment import with_commitment
from tallystick.servicing.converting import move_into_plan
from tallystick.servicing.facts import ChargeKind, DrawKind, Event, cause_of
from tallystick.servicing.giving_back import refund, withdraw
from tallystick.servicing.journal import (
    CREDIT,
    MERCHANT_DISCOUNT,
    MERCHANT_PAYABLE,
    PAYOUT,
    PRINCIPAL,
    SUBSIDY_INCOME,
    Journal,
)
from tallystick.servicing.line import Condition, Draw, Hold, Line, Pause
from tallystick.servicing.owed import not_billed_minor, owed_minor
from tallystick.servicing.writing_off import charge_off, claim_more, recover, waive
from tallystick.terms.plan_cost import merchant_subsidy_minor
from tallystick.terms.product import ChangeScope, InterestFree


def advance(line: Line | None, event: Event, *, line_id: int, journal: Journal) -> Line:
    """Roll to the event's day and let it happen; the transfers stand in the journal.

    `line` is None only for the event that opens it. What was acknowledged happened: nothing is refused here, and an
    event that finds less than it expects, because an earlier one was taken back, does what is left of it.
    """
    if line is not None:
        line = roll(line, to=event.effective_on, journal=journal)
    journal.turn_to(day=event.effective_on, event_id=event.event_id)
    if line is None:
        assert isinstance(event.fact, facts.LineOpened)
        line = with_commitment(_opened(event.fact, line_id=line_id, journal=journal), journal=journal)
        journal.observe(line, cause=cause_of(event.fact))
        return line
    return _after(_happened(line, event.fact, journal=journal), event, journal=journal)


def close(line: Line, *, event_id: int, period_from: date, due_on: date, journal: Journal) -> tuple[Line, Event]:
    """The business day that the line stands at ends, and its statement closes: its figures are told as it does.

    Folding the event again does the same to the line; only the figures stay as they were told.
    """
    journal.turn_to(day=line.as_of, event_id=event_id)
    closing = close_statement(line, number=line.statements_closed + 1, due_on=due_on, journal=journal)
    fact = facts.StatementClosed(
        number=closing.line.statements_closed, period_from=period_from, due_on=due_on, figures=closing.figures
    )
    event = Event(event_id=event_id, effective_on=line.as_of, fact=fact)
    return _after(_as_told(closing.line, fact), event, journal=journal), event


def _after(line: Line, event: Event, *, journal: Journal) -> Line:
    """What every event leaves behind it: recoveries, news for a statement, the commitment, a row of history."""
    if line.condition is Condition.CHARGED_OFF:
        line = recover(line, journal=journal)
    line = with_news(with_commitment(line, journal=journal), day=_news_day(event))
    line = replace(line, last_order=max(line.last_order, event.order))
    journal.observe(line, cause=cause_of(event.fact))
    return line


def _news_day(event: Event) -> date:
    """What a statement leaves untold is news from the next day on: one statement closes a day."""
    closed = isinstance(event.fact, facts.StatementClosed)
    return event.effective_on + timedelta(days=1) if closed else event.effective_on


def _opened(fact: facts.LineOpened, *, line_id: int, journal: Journal) -> Line:
    return Line(
        line_id=line_id,
        borrower_id=fact.borrower_id,
        currency=fact.currency,
        contract_hash=fact.contract_hash,
        product_id=journal.contract(fact.contract_hash).ledger_id,
        opened_on=journal.day,
        as_of=journal.day,
        last_order=(journal.day, 0, journal.event_id),
        limit_minor=fact.limit_minor,
        cash_limit_minor=fact.cash_limit_minor,
        revolving=bills.Revolving(interest=Accrual(counted_to=journal.day)),
        penalty=Accrual(counted_to=journal.day),
    )


def _happened(line: Line, fact: facts.AnyFact, *, journal: Journal) -> Line:  # noqa: PLR0912
    match fact:
        case facts.PaymentReceived():
            return _paid(line, fact, journal=journal)
        case facts.Drawdown():
            return _drawn(line, fact, journal=journal)
        case facts.StatementClosed():
            return _closed_statement(line, fact, journal=journal)
        case facts.HoldPlaced():
            hold = Hold(
                hold_id=fact.hold_id,
                merchant_id=fact.merchant_id,
                left_minor=fact.amount_minor,
                placed_on=journal.day,
                expires_on=fact.expires_on,
                category=fact.category,
            )
            return replace(line, holds=(*line.holds, hold))
        case facts.HoldVoided():
            return _released(line, hold_id=fact.hold_id, amount_minor=fact.amount_minor)
        case facts.HoldExpired():
            return _released(line, hold_id=fact.hold_id, amount_minor=None)
        case facts.PlanCreated():
            return _planned(line, fact, journal=journal)
        case facts.BillConverted():
            return _converted(line, fact, journal=journal)
        case facts.Refunded() | facts.Chargeback():
            return refund(line, fact, journal=journal)
        case facts.DrawWithdrawn():
            return withdraw(line, fact, journal=journal)
        case facts.SettledEarly():
            return _settled(line, fact, journal=journal)
        case facts.CreditPaidOut():
            return _paid_out(line, fact, journal=journal)
        case facts.FeeCharged():
            line = add_charge(line, kind=ChargeKind.SERVICE_FEE, amount_minor=fact.amount_minor, journal=journal)
            return apply_credit(line, kind="credit_balance", journal=journal)
        case facts.Waived():
            return waive(line, fact, journal=journal)
        case facts.ChargedOff():
            return charge_off(line, journal=journal)
        case facts.PlanReaged() | facts.PaymentHoliday():
            return _restructured(line, fact, journal=journal)
        case facts.LimitChanged():
            cash_minor = line.cash_limit_minor if fact.cash_limit_minor is None else fact.cash_limit_minor
            return replace(line, limit_minor=fact.limit_minor, cash_limit_minor=cash_minor)
        case facts.TermsChanged():
            return _with_terms(line, fact, journal=journal)
        case facts.DelinquencyPaused():
            pause = Pause(begins_on=journal.day, ends_on=fact.until)
            return replace(line, pauses=(*line.pauses, pause))
        case facts.LineFrozen():
            return replace(line, frozen_because=fact.reason)
        case facts.LineUnfrozen():
            return replace(line, frozen_because=None)
        case facts.LineClosed():
            return _closed(line, fact, day=journal.day)
        case facts.CareBegun():
            return _in_care(line, fact, journal=journal)
        case facts.CareEnded():
            return _out_of_care(line, fact, journal=journal)
        case facts.PaymentReturned() | facts.EventUndone() | facts.LineOpened():
            # What was taken back is left out of the fold as a whole; a line opens once.
            return line


def _closed(line: Line, fact: facts.LineClosed, *, day: date) -> Line:
    """Nothing more happens on the line; where a payment that came to nothing leaves it owing, it is frozen only."""
    claim_minor = line.charged_off_minor - line.recovered_minor
    if any(owed_minor(line, day=day).values()) or not_billed_minor(line, day=day) > 0 or claim_minor:
        return replace(line, frozen_because=fact.reason)
    return replace(line, condition=Condition.CLOSED)


def _paid(line: Line, fact: facts.PaymentReceived, *, journal: Journal) -> Line:
    line = receive(line, amount_minor=fact.amount_minor, channel=fact.channel, journal=journal)
    return apply_credit(line, kind=fact.kind, journal=journal)


def _drawn(line: Line, fact: facts.Drawdown, *, journal: Journal) -> Line:
    payee = PAYOUT if fact.kind is DrawKind.CASH else MERCHANT_PAYABLE
    journal.move(
        line, "drawdown", debit=PRINCIPAL, credit=payee, amount_minor=fact.amount_minor, other_id=fact.merchant_id
    )
    subsidy_minor = _keep_merchant_fee(line, fact, journal=journal)
    draw = Draw(
        draw_id=fact.draw_id,
        drawn_on=journal.day,
        merchant_id=fact.merchant_id,
        amount_minor=fact.amount_minor,
        merchant_fee_minor=fact.merchant_fee_minor,
        merchant_subsidy_minor=subsidy_minor,
        is_cash=fact.kind is DrawKind.CASH,
        plan_id=fact.plan.plan_id if fact.plan else None,
    )
    line = replace(line, draws=(*line.draws, draw))
    if fact.hold_id is not None:
        line = _released(line, hold_id=fact.hold_id, amount_minor=fact.amount_minor if fact.keeps_hold else None)
    if fact.plan is not None:
        return _with_new_plan(line, fact.plan, principal_minor=fact.amount_minor, journal=journal)
    cycle = journal.terms(line).pay_next_month
    purchase = bills.Purchase(
        draw_id=fact.draw_id,
        posted_on=journal.day,
        left_minor=fact.amount_minor,
        daily_rate_ppm=_revolving_ppm(line, journal=journal),
        revolves=cycle is not None and cycle.interest_free is InterestFree.NEVER,
        is_free_for_good=stops(line, what="interest", journal=journal),
    )
    return replace(line, revolving=bills.add_purchase(line.revolving, purchase, day=journal.day))


def _revolving_ppm(line: Line, *, journal: Journal) -> int:
    cycle = journal.terms(line).pay_next_month
    return 0 if cycle is None or stops(line, what="interest", journal=journal) else cycle.daily_rate_ppm


def _with_new_plan(line: Line, choice: facts.PlanChoice, *, principal_minor: int, journal: Journal) -> Line:
    plan = plans.open_plan(
        plan_id=choice.plan_id, terms=choice.terms, drawn_on=journal.day, principal_minor=principal_minor
    )
    if stops(line, what="interest", journal=journal):
        plan = plans.stop_interest(plan, on=journal.day)
    if stops(line, what="fee", journal=journal):
        plan = plans.stop_fees(plan, on=journal.day)
    return replace(line, plans=(*line.plans, plan))


def _released(line: Line, *, hold_id: int, amount_minor: int | None) -> Line:
    """Give a hold back in part, or as a whole when `amount_minor` is None."""
    kept = []
    for hold in line.holds:
        if hold.hold_id == hold_id:
            left_minor = 0 if amount_minor is None else hold.left_minor - min(amount_minor, hold.left_minor)
            if left_minor:
                kept.append(replace(hold, left_minor=left_minor))
        else:
            kept.append(hold)
    return replace(line, holds=tuple(kept))


def _keep_merchant_fee(line: Line, fact: facts.Drawdown, *, journal: Journal) -> int:
    """Keep the discount back from the merchant, and the subsidy that pays the plan's price; gives the subsidy."""
    terms = fact.plan.terms if fact.plan else None
    subsidy_minor = merchant_subsidy_minor(terms, principal_minor=fact.amount_minor) if terms else 0
    subsidy_minor = min(subsidy_minor, fact.merchant_fee_minor)
    for kind, credit, kept_minor in (
        ("merchant_subsidy", SUBSIDY_INCOME, subsidy_minor),
        ("merchant_fee", MERCHANT_DISCOUNT, fact.merchant_fee_minor - subsidy_minor),
    ):
        journal.move(
            line, kind, debit=MERCHANT_PAYABLE, credit=credit, amount_minor=kept_minor, other_id=fact.merchant_id
        )
    return subsidy_minor


def _planned(line: Line, fact: facts.PlanCreated, *, journal: Journal) -> Line:
    moved_minor = sum(purchase.left_minor for purchase in line.revolving.purchases if purchase.draw_id == fact.draw_id)
    if moved_minor == 0:
        return line
    revolving, _ = bills.pay_principal(
        line.revolving,
        paid_minor=moved_minor,
        day=journal.day,
        of=lambda purchase: purchase.draw_id == fact.draw_id,
    )
    draws = tuple(
        replace(draw, plan_id=fact.plan.plan_id) if draw.draw_id == fact.draw_id else draw for draw in line.draws
    )
    line = replace(line, revolving=revolving, draws=draws)
    return _with_new_plan(line, fact.plan, principal_minor=moved_minor, journal=journal)


def _converted(line: Line, fact: facts.BillConverted, *, journal: Journal) -> Line:
    line, moved_minor = move_into_plan(line, fact, day=journal.day)
    return _with_new_plan(line, fact.plan, principal_minor=moved_minor, journal=journal) if moved_minor else line


def _paid_out(line: Line, fact: facts.CreditPaidOut, *, journal: Journal) -> Line:
    """Credit goes back to the borrower. The money has left, so what a later correction no longer covers is owed.

    It is principal that bears no interest: asked for by the next statement, or at once where there are none.
    """
    covered_minor = min(fact.amount_minor, line.credit_minor)
    journal.move(line, "credit_paid_out", debit=CREDIT, credit=PAYOUT, amount_minor=covered_minor)
    line = replace(line, credit_minor=line.credit_minor - covered_minor)
    uncovered_minor = fact.amount_minor - covered_minor
    if uncovered_minor == 0:
        return line
    if line.condition is Condition.CHARGED_OFF:
        return claim_more(line, amount_minor=uncovered_minor, journal=journal)
    journal.move(line, "credit_paid_out", debit=PRINCIPAL, credit=PAYOUT, amount_minor=uncovered_minor)
    lent = bills.Purchase(
        draw_id=-journal.event_id,
        posted_on=journal.day,
        left_minor=uncovered_minor,
        daily_rate_ppm=0,
        is_free_for_good=True,
        statement_number=None if journal.terms(line).pay_next_month else 0,
    )
    return replace(line, revolving=bills.add_purchase(line.revolving, lent, day=journal.day))


def _with_terms(line: Line, fact: facts.TermsChanged, *, journal: Journal) -> Line:
    """New terms; what revolves keeps its price, unless the contract that is replaced lets a change bind it too."""
    replaced = journal.terms(line)
    line = replace(line, contract_hash=fact.contract_hash)
    if replaced.notice.price_change_scope is ChangeScope.OUTSTANDING_TOO:
        daily_ppm = _revolving_ppm(line, journal=journal)
        line = replace(line, revolving=bills.repriced(line.revolving, daily_rate_ppm=daily_ppm, day=journal.day))
    return with_penalty_pace(line, journal=journal)


def _restructured(line: Line, fact: facts.PlanReaged | facts.PaymentHoliday, *, journal: Journal) -> Line:
    plan = running_plan(line, fact.plan_id)
    if plan is None:
        return line
    match fact:
        case facts.PlanReaged():
            plan = plans.with_days_off(plan, fact.days_off)
            after = plans.re_age(plan, on=journal.day, installments=fact.installments, first_due_on=fact.first_due_on)
        case facts.PaymentHoliday():
            plan = plans.with_days_off(plan, fact.days_off)
            after = plans.payment_holiday(plan, on=journal.day, periods=fact.periods)
    return with_penalty_pace(with_plan(line, after, journal=journal), journal=journal)


def _settled(line: Line, fact: facts.SettledEarly, *, journal: Journal) -> Line:
    """Everything the plan still costs falls due, its fee is charged, and the payment meets exactly that."""
    line = receive(line, amount_minor=fact.amount_minor, channel=fact.channel, journal=journal)
    plan = running_plan(line, fact.plan_id)
    if plan is not None:
        settled = plans.settle(plan, on=journal.day)
        line = with_plan(line, settled.plan, journal=journal)
        line = add_charge(line, kind=ChargeKind.SETTLEMENT_FEE, amount_minor=settled.fee_minor, journal=journal)
        paid_minor = min(line.credit_minor, plans.owed_minor(settled.plan))
        line = pay_plan(
            line, plan_id=fact.plan_id, paid_minor=paid_minor, kind="settlement", until=date.max, journal=journal
        )
    return with_penalty_pace(apply_credit(line, kind="settlement", journal=journal), journal=journal)


def _closed_statement(line: Line, fact: facts.StatementClosed, *, journal: Journal) -> Line:
    closing = close_statement(line, number=fact.number, due_on=fact.due_on, journal=journal)
    return _as_told(closing.line, fact)


def _as_told(line: Line, fact: facts.StatementClosed) -> Line:
    return replace(line, last_closing_minor=fact.figures.closing_minor, tells_from=None)


def _in_care(line: Line, fact: facts.CareBegun, *, journal: Journal) -> Line:
    line = replace(line, cares=(*line.cares, fact.kind))
    if stops(line, what="interest", journal=journal):
        line = replace(line, revolving=bills.stopped(line.revolving, day=journal.day))
        for plan in line.plans:
            line = with_plan(line, plans.stop_interest(plan, on=journal.day), journal=journal)
    if stops(line, what="fee", journal=journal):
        for plan in line.plans:
            line = with_plan(line, plans.stop_fees(plan, on=journal.day), journal=journal)
    return with_penalty_pace(line, journal=journal)


def _out_of_care(line: Line, fact: facts.CareEnded, *, journal: Journal) -> Line:
    """Penalties and late fees may go on; the price of what was drawn before that was stopped stays stopped."""
    line = replace(line, cares=tuple(care for care in line.cares if care != fact.kind))
    return with_penalty_pace(line, journal=journal)
