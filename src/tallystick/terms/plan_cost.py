"""What one plan costs: its payments, everything beyond the principal, and the annual rates of its own flows."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tallystick.terms.annual_rates import DatedFlow, IrrRates, cn_irr_rates
from tallystick.terms.plan_terms import PlanTerms
from tallystick.terms.product import PayNextMonth
from tallystick.terms.schedule import Installment, down_payment_minor, period_price, schedule
from tallystick.units.periods import add_months
from tallystick.units.rates import PPM

_YEAR_MONTHS: Final = 12


class PlanCost(Struct, frozen=True, kw_only=True):
    """A plan's schedule and what it comes to. `flows` are what the borrower receives and pays."""

    installments: tuple[Installment, ...]
    flows: tuple[DatedFlow, ...]
    rates: IrrRates


def plan_cost(terms: PlanTerms, *, drawn_on: date, principal_minor: int) -> PlanCost:
    """The payments of a plan as scheduled, and its annual rates by China's rule.

    12,000 yuan for twelve months at 0.6 % of the original principal a month, "7.2 % a year":

    >>> cost = plan_cost(PlanTerms(installments=12, per_period_ppm=6_000), drawn_on=date(2026, 11, 10),
    ...                  principal_minor=1_200_000)
    >>> sum(installment.fee_minor for installment in cost.installments)
    86400
    >>> round(cost.rates.simple, 4), round(cost.rates.effective, 4)
    (Decimal('0.1303'), Decimal('0.1384'))
    """
    installments = schedule(terms, drawn_on=drawn_on, principal_minor=principal_minor)
    flows = plan_flows(installments, drawn_on=drawn_on, principal_minor=principal_minor)
    return PlanCost(installments=installments, flows=flows, rates=cn_irr_rates(flows))


def plan_flows(installments: Sequence[Installment], *, drawn_on: date, principal_minor: int) -> tuple[DatedFlow, ...]:
    """The draw, received, and every installment, paid."""
    received = DatedFlow(on=drawn_on, paid_minor=-principal_minor)
    return (received, *(DatedFlow(on=part.due_on, paid_minor=part.due_minor) for part in installments))


def revolving_flows(offer: PayNextMonth, *, on: date) -> tuple[DatedFlow, ...]:
    """What revolving comes to: a purchase carried for a year, its daily interest paid month by month.

    >>> from tallystick.terms.catalog import shipped_products
    >>> rates = cn_irr_rates(revolving_flows(shipped_products()["baitiao"].pay_next_month, on=date(2026, 11, 23)))
    >>> round(rates.simple, 4), round(rates.effective, 4)
    (Decimal('0.1824'), Decimal('0.1985'))
    """
    principal_minor = 10**8  # so much that rounding to minor units moves no printed digit
    ends = [add_months(on, month) for month in range(_YEAR_MONTHS + 1)]
    interest = (
        DatedFlow(on=ends_on, paid_minor=principal_minor * offer.daily_rate_ppm * (ends_on - begins_on).days // PPM)
        for begins_on, ends_on in pairwise(ends)
    )
    received = DatedFlow(on=on, paid_minor=-principal_minor)
    return (received, *interest, DatedFlow(on=ends[-1], paid_minor=principal_minor))


def merchant_subsidy_minor(terms: PlanTerms, *, principal_minor: int) -> int:
    """What the merchant pays of a plan's price: the price without a subsidy less what the borrower pays.

    >>> merchant_subsidy_minor(PlanTerms(installments=12, per_period_ppm=6_000, merchant_subsidy_ppm=1_000_000),
    ...                        principal_minor=100_000)
    7200
    """
    if terms.merchant_subsidy_ppm == 0:
        return 0
    financed_minor = principal_minor - down_payment_minor(terms, drawn_minor=principal_minor)
    full = replace(terms, merchant_subsidy_ppm=0)
    charged = sum(period_price(full, financed_minor=financed_minor)) - sum(
        period_price(terms, financed_minor=financed_minor)
    )
    return charged * (terms.installments - terms.interest_free)
