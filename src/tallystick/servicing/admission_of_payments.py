"""Whether money may come back in a way that changes a draw: refunds, early settlement, withdrawal."""

from datetime import date, timedelta

from tallystick.servicing import facts
from tallystick.servicing import plan as plans
from tallystick.servicing.circumstances import Circumstances
from tallystick.servicing.line import Line
from tallystick.servicing.owed import principal_left_minor
from tallystick.servicing.plan_state import Plan
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.product import Product


def admit_chargeback_or_refund(
    line: Line, fact: facts.Refunded | facts.Chargeback, *, on: date
) -> facts.Refunded | facts.Chargeback | Refusal:
    """Never more than was drawn, nor of the merchant's fee than was kept, over all refunds of a draw together."""
    draw = next((draw for draw in line.draws if draw.draw_id == fact.draw_id), None)
    if draw is None:
        return Refusal(RefusalReason.DRAW_UNKNOWN, field="draw_id")
    if on < draw.drawn_on:
        return Refusal(RefusalReason.DATE_BEFORE_EVENT, field="effective_on", figures={"drawn_on": draw.drawn_on})
    left_minor = draw.amount_minor - draw.refunded_minor
    if fact.amount_minor > left_minor:
        figures = {"refundable_minor": left_minor}
        return Refusal(RefusalReason.REFUND_EXCEEDS_DRAW, field="amount_minor", figures=figures)
    if fact.merchant_fee_minor > draw.merchant_fee_minor:
        figures = {"merchant_fee_minor": draw.merchant_fee_minor}
        return Refusal(RefusalReason.REFUND_EXCEEDS_DRAW, field="merchant_fee_minor", figures=figures)
    return fact


def running_plan(line: Line, plan_id: int, *, circumstances: Circumstances) -> Plan | Refusal:
    """The plan while principal is left of it."""
    plan = next((plan for plan in line.plans if plan.plan_id == plan_id), None)
    if plan is None and not circumstances.plan_has_ended:
        return Refusal(RefusalReason.PLAN_UNKNOWN, field="plan_id")
    if plan is None or plan.principal_left_minor == 0:
        return Refusal(RefusalReason.PLAN_SETTLED, field="plan_id")
    return plan


def admit_settlement(
    line: Line, fact: facts.SettledEarly, *, on: date, circumstances: Circumstances
) -> facts.SettledEarly | Refusal:
    """Exactly the quote of that day: what is over would be a payment, what is short would settle nothing."""
    plan = running_plan(line, fact.plan_id, circumstances=circumstances)
    if isinstance(plan, Refusal):
        return plan
    quote_minor = plans.settle_quote(plan, on=on).total_minor
    if fact.amount_minor != quote_minor:
        figures = {"quote_minor": quote_minor}
        return Refusal(RefusalReason.AMOUNT_DIFFERS_FROM_QUOTE, field="amount_minor", figures=figures)
    return fact


def admit_withdrawal(
    line: Line, fact: facts.DrawWithdrawn, *, on: date, terms: Product
) -> facts.DrawWithdrawn | Refusal:
    """Within the cooling-off days, for exactly the principal that is left of the draw."""
    draw = next((draw for draw in line.draws if draw.draw_id == fact.draw_id), None)
    if draw is None:
        return Refusal(RefusalReason.DRAW_UNKNOWN, field="draw_id")
    last_on = draw.drawn_on + timedelta(days=terms.notice.cooling_off_days)
    if on > last_on:
        return Refusal(RefusalReason.COOLING_OFF_OVER, field="effective_on", figures={"last_on": last_on})
    left_minor = principal_left_minor(line, draw)
    if left_minor == 0:
        return Refusal(RefusalReason.NOTHING_TO_DO, field="draw_id")
    if fact.amount_minor != left_minor:
        figures = {"quote_minor": left_minor}
        return Refusal(RefusalReason.AMOUNT_DIFFERS_FROM_QUOTE, field="amount_minor", figures=figures)
    return fact
