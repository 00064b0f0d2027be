"""A second opinion on a purchase whose bill was put into installments: whose share comes back out of which plan.

A plan of a bill is one debt for several purchases, and payments on it are for none of them in particular. So a purchase
that goes back takes off whatever the plans it is in are still owed, up to what it brought in; the rest had been paid.
"""

from datetime import date

from tests.laws.slow_plan import SlowPlan

from tallystick.terms.product import RefundTerms


def still_owed_minor(plans: list[SlowPlan], draw_id: int) -> int:
    """What may still be owed for a purchase in plans of bills."""
    return sum(min(plan.brought_in[draw_id], plan.principal_left_minor) for plan in plans)


def take_back(
    plans: list[SlowPlan], draw_id: int, amount_minor: int, policy: RefundTerms, day: date
) -> tuple[int, int]:
    """The purchase goes back for an amount: gives principal that was owed, and charges paid that come back."""
    paid_for = [plan for plan in plans if plan.brought_in[draw_id]]
    to_go_minor = amount_minor
    off_debt: list[int] = []
    for plan in paid_for:
        off_debt.append(min(to_go_minor, plan.brought_in[draw_id], plan.principal_left_minor))
        to_go_minor -= off_debt[-1]
    returned_minor = 0
    for plan, owed_minor in zip(paid_for, off_debt, strict=True):
        paid_minor = min(to_go_minor, plan.brought_in[draw_id] - owed_minor)
        to_go_minor -= paid_minor
        plan.brought_in[draw_id] -= owed_minor + paid_minor
        taken_minor, charges_minor = plan.give_back(owed_minor + paid_minor, policy, day)
        assert taken_minor == owed_minor
        returned_minor += charges_minor
    return sum(off_debt), returned_minor
