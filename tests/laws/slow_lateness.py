"""A second opinion on what a statement asks for at least, and on what paying late costs."""

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from math import ceil

from tests.laws.slow_plan import Part

from tallystick.terms.product import Component, MinimumDue, MinimumPart, PenaltyBase, Product

PPM = 1_000_000


def least_asked(rule: MinimumDue, *, open_minor: int, interest_minor: int, over_minor: int) -> int:
    """What the contract asks for in full and a share of the rest, at least the floor, at most what is open."""
    in_full_minor = interest_minor * (MinimumPart.INTEREST in rule.in_full)
    in_full_minor += over_minor * (MinimumPart.OVER_LIMIT in rule.in_full)
    share_minor = ceil(Fraction(rule.share_ppm * max(0, open_minor - in_full_minor), PPM))
    return min(open_minor, max(rule.floor_minor, in_full_minor + share_minor))


def penalty_of_a_day(product: Product, parts: Iterable[Part], day: date) -> Fraction:
    """Penalty interest of one day on what installments asked for before it, after the grace."""
    late = product.late
    if late.penalty is None:
        return Fraction(0)
    overdue = (part for part in parts if part.due_on < day - timedelta(days=late.grace_days))
    bears_all = late.penalty.base is PenaltyBase.OVERDUE_ALL
    overdue_minor = sum(part.left_minor if bears_all else part.left(Component.PRINCIPAL) for part in overdue)
    return Fraction(overdue_minor * product.penalty_daily_ppm(), PPM)


def late_fee_on(product: Product, missed_minor: int) -> int:
    """A share of what was missed, half a minor unit up, and a fixed part, within the contract's bounds."""
    fee = product.late.late_fee
    if fee is None:
        return 0
    share_minor = int(Fraction(missed_minor * fee.share_ppm, PPM) + Fraction(1, 2))
    fee_minor = max(fee.least_minor, fee.fixed_minor + share_minor)
    return fee_minor if fee.most_minor is None else min(fee_minor, fee.most_minor)
