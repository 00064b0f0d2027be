"""Another system's settings as our named options: each of its words becomes one of ours, or is refused by name."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from tests.conformance.judging import number_of

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
    UnseenPeriods,
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
    "EQUAL_PRINCIPAL_PAYMENTS": Amortization.EQUAL_PRINCIPAL,
}
_INTEREST_BASES: Final = {
    "FLAT": InterestBase.ORIGINAL_PRINCIPAL,
    "DECLINING_BALANCE": InterestBase.DECLINING_BALANCE,
}
_COUNTED_BY_DAYS: Final = {"DAILY": True, "SAME_AS_REPAYMENT_PERIOD": False}
_STARTS: Final = {None: "drawn", "DISBURSEMENT_DATE": "drawn", "SUBMITTED_ON_DATE": "submitted"}
_PERIODS_A_YEAR: Final = {"YEAR": 1, "MONTH": 12, "WEEK": 52, "DAY": 365}
_TERM_UNITS_A_YEAR: Final = {"DAYS": 365, "WEEKS": 52, "MONTHS": 12, "YEARS": 1}
_RESTS: Final = {"DAILY": Rest.DAY, "SAME_AS_REPAYMENT": Rest.PERIOD_END}
_PAID_OFF_UNTIL: Final = {"TILL_PRE_CLOSE_DATE": Rest.DAY, "TILL_REST_FREQUENCY_DATE": Rest.PERIOD_END}
_EARLY_PAYMENTS: Final = {
    "ADJUST_LAST_UNPAID_PERIOD": EarlyPayment.INSTALLMENTS,
    "REDUCE_EMI_AMOUNT": EarlyPayment.SMALLER_INSTALLMENTS,
    "REDUCE_NUMBER_OF_INSTALLMENTS": EarlyPayment.FEWER_INSTALLMENTS,
    "RESCHEDULE_NEXT_REPAYMENTS": EarlyPayment.NEXT_INSTALLMENTS,
}
_WALKS: Final = {None: Walk.OLDEST_DUE_FIRST, "HORIZONTAL": Walk.OLDEST_DUE_FIRST, "VERTICAL": Walk.COMPONENT_FIRST}

# Settings that change figures, with the only words that stand for what a plan can do.
_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "schedule_type": ("CUMULATIVE", "PROGRESSIVE"),
    "product_charges": (None, [], ""),
}
_SUPPORTED_RECALCULATION: Final[Mapping[str, tuple[object, ...]]] = {
    "compounding": (None, "NONE"),
    "rest_interval": (None, "1", 1),
}
_LISTED_ORDER: Final = "ADVANCED_PAYMENT_ALLOCATION"

# What that system's tests set where a case does not tell the order.
_UNSTATED_ORDER: Final = {
    "order": [
        f"{timing}_{component}"
        for timing in ("PAST_DUE", "DUE", "IN_ADVANCE")
        for component in ("PENALTY", "FEE", "PRINCIPAL", "INTEREST")
    ],
    "future_installment_rule": "NEXT_INSTALLMENT",
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


Word = TypeVar("Word")


def plan_terms_of(product: Settings, loan: Settings) -> PlanTerms:
    """The terms of a plan as the settings of its product and of the loan say."""
    _refuse_others(product, supported=_SUPPORTED)
    if int(product["decimals"]) == 0:
        _refuse_others(product, supported={"currency_in_multiples_of": (None, 0, 1)})
    starts_on = None
    if chosen(product, "repayment_start_date_type", _STARTS) == "submitted":
        starts_on = date.fromisoformat(loan["submitted"])
    multiple = product.get("installment_amount_in_multiples_of")
    return PlanTerms(
        installments=int(loan["number_of_instalments"]),
        period_unit=chosen(loan, "repay_unit", _UNITS),
        every=int(loan["repay_every"]),
        amortization=chosen(loan, "amortization", _AMORTIZATIONS),
        nominal_rate=yearly_rate(loan),
        interest_base=chosen(loan, "interest_method", _INTEREST_BASES),
        day_count=_day_count(product),
        leap_rule=chosen(product, "days_in_year_custom_strategy", _LEAP_RULES),
        year_split=YearSplit(
            "first_of_january" if product.get("interest_on_disbursement_date") else "last_of_december"
        ),
        interest_period=_interest_period(product, loan),
        starts_on=starts_on,
        length=_length(product),
        month_end_rule=chosen(product, "month_end_due_date_strategy", _MONTH_ENDS),
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


def chosen(settings: Settings, field: str, words: Mapping[Any, Word]) -> Word:
    """What a word of the other system stands for; a setting that is missing counts as `None`.

    >>> chosen({"repay_unit": "FORTNIGHTS"}, "repay_unit", {"DAYS": 1, "WEEKS": 7})
    Traceback (most recent call last):
    ...
    ValueError: repay_unit: 'FORTNIGHTS' is not known; known are 'DAYS', 'WEEKS'
    """
    word = settings.get(field)
    if word not in words:
        raise ValueError(f"{field}: {word!r} is not known; known are {', '.join(map(repr, words))}")
    return words[word]


def _refuse_others(settings: Settings, *, supported: Mapping[str, tuple[object, ...]]) -> None:
    for field, words in supported.items():
        if settings.get(field) not in words:
            raise ValueError(
                f"{field}: {settings.get(field)!r} is not supported; supported are {', '.join(map(repr, words))}"
            )


def yearly_rate(loan: Settings) -> Decimal:
    """The nominal rate as an exact share per year."""
    rate = number_of(loan["rate_percent"], field="rate_percent") / 100
    if loan["rate_period"] == "WHOLE_TERM":
        return rate * chosen(loan, "term_unit", _TERM_UNITS_A_YEAR) / int(loan["term"])
    return rate * chosen(loan, "rate_period", _PERIODS_A_YEAR)


def _interest_period(product: Settings, loan: Settings) -> InterestPeriod:
    if chosen(loan, "interest_calculation_period", _COUNTED_BY_DAYS):
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
    year, month = product["days_in_year"], product["days_in_month"]
    if is_rebuilt(product) and year == "ACTUAL":
        year = "365"
    if (month, year) not in _DAY_COUNTS:
        raise ValueError(f"days_in_month, days_in_year: {month!r} with {year!r} is not known; known are "
                         f"{', '.join(f'{known[0]} with {known[1]}' for known in _DAY_COUNTS)}")  # fmt: skip
    return _DAY_COUNTS[month, year]


def _recalculation(product: Settings, loan: Settings) -> dict[str, Any]:
    is_flat_rebuilt = is_rebuilt(product) and loan["interest_method"] == "FLAT"
    if not product.get("interest_recalculation") or is_flat_rebuilt:
        return {}
    rules = product["recalculation"]
    _refuse_others(rules, supported=_SUPPORTED_RECALCULATION)
    paid_off_until = chosen(rules, "preclose", _PAID_OFF_UNTIL)
    rest = chosen(rules, "rest", _RESTS)
    if not is_rebuilt(product) and paid_off_until is Rest.DAY:
        rest = Rest.DAY
    return {
        "recalculation": Recalculation.DAILY,
        "rest": rest,
        "early_payment": chosen(rules, "reschedule_strategy", _EARLY_PAYMENTS),
        "pay_off_interest_until": paid_off_until,
        "unseen_periods": UnseenPeriods("as_scheduled" if is_rebuilt(product) else "caught_up"),
        "overdue_interest": OverdueInterest("stops" if product.get("disallow_interest_on_past_due") else "accrues"),
    }


def order_of(product: Settings, loan: Settings, *, transaction: str) -> AllocationOrder:
    """The order in which a transaction of that type pays."""
    rules = product.get("payment_allocation")
    if rules is None and loan["payment_strategy"] != _LISTED_ORDER:
        return _named_order(loan["payment_strategy"])
    rules = rules or {"DEFAULT": _UNSTATED_ORDER}
    rule = rules.get(transaction) or rules["DEFAULT"]
    return AllocationOrder(
        steps=tuple(_step(name) for name in rule["order"]),
        walk=chosen(product, "schedule_processing", _WALKS),
        in_advance=chosen(rule, "future_installment_rule", _IN_ADVANCE),
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
    components = [singular.get(name, name).lower() for name in names.split("_")]
    if not set(components) <= set(Component):
        raise ValueError(f"payment_strategy: {names!r} is not an order of penalty, fee, interest and principal")
    return [Component(component) for component in components]


def minor(amount: str | int, *, product: Settings) -> int:
    """An amount of the file in minor units."""
    exact = number_of(amount, field="amount").scaleb(int(product["decimals"]))
    if exact != int(exact):
        raise ValueError(f"amount: {amount} has more decimals than the currency, which has {product['decimals']}")
    return int(exact)
