"""Another system's settings as our named options: each of its words becomes one of ours, or is refused by name."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tallystick.servicing.allocation import AllocationOrder, InAdvance, Step, Timing
from tallystick.terms.plan_terms import (
    Amortization,
    EarlyPayment,
    EqualInstallmentRule,
    FurtherDraws,
    InterestBase,
    InterestPeriod,
    InterestRounding,
    OverdueInterest,
    PlanTerms,
    Recalculation,
    Residue,
    Rest,
    UnearnedCharges,
)
from tallystick.terms.product import Component, Walk
from tallystick.units.day_counts import DayCount, LeapRule, YearSplit
from tallystick.units.periods import MonthEndRule, PeriodUnit

Settings = Mapping[str, Any]

_DAY_COUNTS: Final = {
    ("30", "360"): DayCount.THIRTY_360,
    ("30", "364"): DayCount.THIRTY_364,
    ("30", "365"): DayCount.THIRTY_365,
    ("30", "ACTUAL"): DayCount.THIRTY_ACTUAL,
    ("ACTUAL", "360"): DayCount.ACTUAL_360,
    ("ACTUAL", "364"): DayCount.ACTUAL_364,
    ("ACTUAL", "365"): DayCount.ACTUAL_365,
    ("ACTUAL", "ACTUAL"): DayCount.ACTUAL_ACTUAL,
}
_UNITS: Final = {
    "DAYS": PeriodUnit.DAYS,
    "WEEKS": PeriodUnit.WEEKS,
    "MONTHS": PeriodUnit.MONTHS,
    "YEARS": PeriodUnit.YEARS,
}
_IN_ADVANCE: Final = {
    "NEXT_INSTALLMENT": InAdvance.NEXT,
    "LAST_INSTALLMENT": InAdvance.LAST,
    "NEXT_LAST_INSTALLMENT": InAdvance.RUNNING_THEN_LAST,
    "REAMORTIZATION": InAdvance.EVENLY,
}
_AMORTIZATIONS: Final = {
    "EQUAL_INSTALLMENTS": Amortization.EQUAL_INSTALLMENTS,
    "EQUAL_PRINCIPAL": Amortization.EQUAL_PRINCIPAL,
}
_PERIODS_A_YEAR: Final = {"YEAR": 1, "MONTH": 12, "WEEK": 52, "DAY": 365}
_EARLY_PAYMENTS: Final = {
    "ADJUST_LAST_UNPAID_PERIOD": EarlyPayment.INSTALLMENTS,
    "REDUCE_EMI_AMOUNT": EarlyPayment.SMALLER_INSTALLMENTS,
    "REDUCE_NUMBER_OF_INSTALLMENTS": EarlyPayment.FEWER_INSTALLMENTS,
    "RESCHEDULE_NEXT_REPAYMENTS": EarlyPayment.NEXT_INSTALLMENTS,
}
_NAMED_ORDERS: Final = {
    "OVERDUE_DUE_FEE_INT_PRINCIPAL": "DUE_PENALTY_FEE_INTEREST_PRINCIPAL",
    "HEAVENSFAMILY_UNIQUE": "DUE_INTEREST_PRINCIPAL_PENALTY_FEE_IN_ADVANCE_PRINCIPAL",
    "CREOCORE_UNIQUE": "DUE_INTEREST_PRINCIPAL_PENALTY_FEE_IN_ADVANCE_PRINCIPAL",
    "EARLY_REPAYMENT_STRATEGY": "DUE_INTEREST_PRINCIPAL_PENALTY_FEE_IN_ADVANCE_PRINCIPAL",
}
_LEAP_RULES: Final = {None: LeapRule.ACTUAL, "FEB_29_PERIOD_ONLY": LeapRule.FEB_29_PERIOD_ONLY}
_MONTH_ENDS: Final = {
    None: MonthEndRule.CLAMP,
    "LAST_DAY_OF_MONTH": MonthEndRule.CLAMP,
    "FIRST_DAY_OF_NEXT_MONTH": MonthEndRule.ROLL,
}


def plan_terms_of(product: Settings, loan: Settings) -> PlanTerms:
    """The terms of a plan as the settings of its product and of the loan say."""
    starts_on = None
    if product.get("repayment_start_date_type") == "SUBMITTED_ON_DATE":
        starts_on = date.fromisoformat(loan["submitted"])
    multiple = product.get("installment_amount_in_multiples_of")
    return PlanTerms(
        installments=int(loan["number_of_instalments"]),
        period_unit=_UNITS[loan["repay_unit"]],
        every=int(loan["repay_every"]),
        amortization=_AMORTIZATIONS[loan["amortization"]],
        nominal_rate=yearly_rate(loan),
        interest_base=InterestBase(
            {"FLAT": "original_principal", "DECLINING_BALANCE": "declining_balance"}[loan["interest_method"]]
        ),
        day_count=_day_count(product),
        leap_rule=_LEAP_RULES[product.get("days_in_year_custom_strategy")],
        year_split=YearSplit(
            "first_of_january" if product.get("interest_on_disbursement_date") else "last_of_december"
        ),
        interest_period=_interest_period(product, loan),
        starts_on=starts_on,
        length=_length(product),
        month_end_rule=_MONTH_ENDS[product.get("month_end_due_date_strategy")],
        down_payment_ppm=int(Decimal(product.get("down_payment_percent") or 0) * 10_000),
        grace_principal=int(loan.get("grace_principal_instalments") or 0),
        grace_interest=int(loan.get("grace_interest_payment_instalments") or 0),
        interest_free=int(loan.get("interest_free_instalments") or 0) if is_rebuilt(product) else 0,
        further_draws=_further_draws(product),
        unearned_charges=UnearnedCharges.CHARGED,
        residue=Residue.LAST if is_rebuilt(product) else Residue.SHIFTED,
        equal_installment_rule=EqualInstallmentRule("one_rate" if is_rebuilt(product) else "period_factors"),
        interest_rounding=InterestRounding("per_stretch" if is_rebuilt(product) else "per_period"),
        significant_digits=19,
        installment_multiple_minor=minor(multiple, product=product) if multiple else 1,
        **_recalculation(product, loan),
    )


def yearly_rate(loan: Settings) -> Decimal:
    """The nominal rate as an exact share per year."""
    rate = Decimal(loan["rate_percent"]) / 100
    if loan["rate_period"] == "WHOLE_TERM":
        periods = Decimal({"DAYS": 365, "WEEKS": 52, "MONTHS": 12, "YEARS": 1}[loan["term_unit"]])
        return rate * periods / int(loan["term"])
    return rate * _PERIODS_A_YEAR[loan["rate_period"]]


def _interest_period(product: Settings, loan: Settings) -> InterestPeriod:
    if loan["interest_calculation_period"] == "DAILY":
        return InterestPeriod.DAYS
    return InterestPeriod.SHARE_OF_YEAR if product.get("partial_period_interest") else InterestPeriod.WHOLE_PERIODS


def _length(product: Settings) -> int | None:
    length = product.get("fixed_length_days")
    return int(length) if length else None


def _further_draws(product: Settings) -> FurtherDraws:
    """The file tells of the full term only by the product's name."""
    if is_rebuilt(product):
        return FurtherDraws.REPLANNED
    return FurtherDraws.FULL_TERM if "FULL_TERM_TRANCHE" in product.get("name", "") else FurtherDraws.WITHIN_TERM


def is_rebuilt(product: Settings) -> bool:
    """Whether the schedule is of the older kind, built anew from all that happened each time something does."""
    return bool(product["schedule_type"] == "CUMULATIVE")


def _day_count(product: Settings) -> DayCount:
    """The older kind counts every year as 365 days where the setting says actual."""
    year = product["days_in_year"]
    if is_rebuilt(product) and year == "ACTUAL":
        year = "365"
    return _DAY_COUNTS[product["days_in_month"], year]


def _recalculation(product: Settings, loan: Settings) -> dict[str, Any]:
    is_flat_rebuilt = is_rebuilt(product) and loan["interest_method"] == "FLAT"
    if not product.get("interest_recalculation") or is_flat_rebuilt:
        return {}
    rules = product["recalculation"]
    until_rest = rules["preclose"] == "TILL_REST_FREQUENCY_DATE"
    by_period = rules["rest"] != "DAILY"
    rests_at_period_end = by_period if is_rebuilt(product) else by_period and until_rest
    return {
        "recalculation": Recalculation.DAILY,
        "rest": Rest.PERIOD_END if rests_at_period_end else Rest.DAY,
        "early_payment": _EARLY_PAYMENTS[rules["reschedule_strategy"]],
        "pay_off_interest_until": Rest.PERIOD_END if until_rest else Rest.DAY,
        "overdue_interest": OverdueInterest("stops" if product.get("disallow_interest_on_past_due") else "accrues"),
    }


def order_of(product: Settings, loan: Settings, *, transaction: str) -> AllocationOrder:
    """The order in which a transaction of that type pays."""
    rules = product.get("payment_allocation")
    if rules is None:
        return _named_order(loan["payment_strategy"])
    rule = rules.get(transaction) or rules["DEFAULT"]
    is_vertical = product.get("schedule_processing") == "VERTICAL"
    return AllocationOrder(
        steps=tuple(_step(name) for name in rule["order"]),
        walk=Walk.COMPONENT_FIRST if is_vertical else Walk.OLDEST_DUE_FIRST,
        in_advance=_IN_ADVANCE[rule["future_installment_rule"]],
    )


def _step(name: str) -> Step:
    timing, component = name.lower().rsplit("_", 1)
    return Step(timing=Timing(timing), component=Component(component))


def _named_order(strategy: str) -> AllocationOrder:
    """The orders that have a name instead of a list: `DUE_A_B_C_IN_ADVANCE_D_E_F`, or one for all timings.

    Some names do not tell the order; `_NAMED_ORDERS` does, without the interest that they waive on early payment.
    """
    strategy = _NAMED_ORDERS.get(strategy, strategy)
    if strategy.startswith("DUE_"):
        due, _, in_advance = strategy.removeprefix("DUE_").partition("_IN_ADVANCE_")
        in_advance = in_advance or due
    else:
        due = in_advance = strategy.removesuffix("_ORDER")
    due_parts, advance_parts = (_components(names) for names in (due, in_advance))
    steps = [Step(timing=timing, component=part) for timing in (Timing.PAST_DUE, Timing.DUE) for part in due_parts]
    steps += [Step(timing=Timing.IN_ADVANCE, component=part) for part in advance_parts]
    return AllocationOrder(steps=tuple(steps))


def _components(names: str) -> list[Component]:
    singular = {"PENALTIES": "PENALTY", "FEES": "FEE"}
    return [Component(singular.get(name, name).lower()) for name in names.split("_")]


def minor(amount: str | int, *, product: Settings) -> int:
    """An amount of the file in minor units."""
    return int(Decimal(amount).scaleb(int(product["decimals"])))
