"""An installment plan through time: everything that can happen to one, as pure steps from plan to plan."""

from datetime import date

from tallystick.servicing.allocation import AllocationOrder
from tallystick.servicing.plan_easing import (
    Waived,
    payment_holiday,
    re_age,
    stop_fees,
    stop_interest,
    waive,
    with_days_off,
)
from tallystick.servicing.plan_opening import add_draw, open_plan
from tallystick.servicing.plan_paying import dues, pay_as_scheduled
from tallystick.servicing.plan_recalculating import pay_recalculated, roll_recalculated
from tallystick.servicing.plan_refunding import Refunded, refund, withdraw
from tallystick.servicing.plan_settling import Settled, SettleQuote, owed_minor, settle, settle_quote
from tallystick.servicing.plan_state import Due, Paid, Plan, PlanInstallment

__all__ = [
    "Due", "Paid", "Plan", "PlanInstallment", "Refunded", "SettleQuote", "Settled", "Waived", "add_draw", "dues",
    "open_plan", "owed_minor", "pay", "payment_holiday", "re_age", "refund", "roll", "settle", "settle_quote",
    "stop_fees", "stop_interest", "waive", "with_days_off", "withdraw",
]  # fmt: skip


def roll(plan: Plan, *, on: date) -> Plan:
    """The business day `on` begins. Any jump of days gives the same; a day that is past changes nothing."""
    if on <= plan.rolled_to or not plan.is_recalculated or plan.is_settled:
        return plan
    return roll_recalculated(plan, on=on)


def pay(plan: Plan, *, on: date, amount_minor: int, order: AllocationOrder, until: date = date.max) -> Paid:
    """Pay an amount in the order agreed; what the plan has no use for is `rest_minor`.

    Nothing is paid in advance of installments that are due after `until`: where a statement asked for the ones before,
    those are meant, whatever comes first in the order.
    """
    assert amount_minor > 0, "a payment of nothing is no payment"
    if plan.is_settled:
        return Paid(plan=plan, applied_minor={}, rest_minor=amount_minor)
    if plan.is_recalculated:
        return pay_recalculated(plan, on=on, amount_minor=amount_minor, order=order, until=until)
    return pay_as_scheduled(plan, on=on, amount_minor=amount_minor, order=order, until=until)
