"""The terms of one installment plan: every rule that decides its dates, its installments, and what they become later.

The first member of each rule is what a new product takes unless it has a reason; `docs/conformance.md` tells which
rules exist because others count so.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from tallystick.units.day_counts import DayCount, LeapRule, YearSplit
from tallystick.units.periods import HolidayRule, MonthEndRule, PeriodUnit
from tallystick.units.rates import PPM
from tallystick.units.rounding import Rounding

MOST_INSTALLMENTS: Final = 600


class Amortization(StrEnum):
    """How the principal is paid back: every installment alike, principal alike in each, or all of it with the last."""

    EQUAL_INSTALLMENTS = "equal_installments"
    EQUAL_PRINCIPAL = "equal_principal"
    INTEREST_THEN_PRINCIPAL = "interest_then_principal"


class InterestBase(StrEnum):
    """What the nominal rate is charged on: what is still owed, or what was drawn at first (flat)."""

    DECLINING_BALANCE = "declining_balance"
    ORIGINAL_PRINCIPAL = "original_principal"


class BookedAs(StrEnum):
    """What a price per period is in the books."""

    FEE = "fee"
    INTEREST = "interest"


class InterestPeriod(StrEnum):
    """How long a period counts for interest: its days by the day count, or its share of twelve months or 52 weeks.

    Within a period, `share_of_year` counts part of the share by the days of the part; with `whole_periods` what is
    drawn within a period bears interest from the beginning of it.
    """

    DAYS = "days"
    SHARE_OF_YEAR = "share_of_year"
    WHOLE_PERIODS = "whole_periods"


class EqualInstallmentRule(StrEnum):
    """How the equal installment is found.

    `period_factors` uses each period's own interest, so that the last installment differs by cents only;
    `one_rate` is the annuity of one rate for all periods, and the last installment takes what their lengths change;
    flat interest is then the same in each period too.
    """

    PERIOD_FACTORS = "period_factors"
    ONE_RATE = "one_rate"


class Residue(StrEnum):
    """Where cents that do not divide go: to the last installment, or shared by all while that makes the gap smaller."""

    LAST = "last"
    SHIFTED = "shifted"


class InterestRounding(StrEnum):
    """What interest is rounded for: a whole period, or every stretch of it between two changes of the balance."""

    PER_PERIOD = "per_period"
    PER_STRETCH = "per_stretch"


class FurtherDraws(StrEnum):
    """Over which installments a further draw is paid back.

    Those that are left; as many as the first draw had; or all, the plan made anew as if everything had been agreed
    at first. Such a plan takes all its draws before any payment: whoever keeps its history folds it in that order.
    """

    WITHIN_TERM = "within_term"
    FULL_TERM = "full_term"
    REPLANNED = "replanned"


class EarlyPayment(StrEnum):
    """What money is used for that comes before anything asks for it, where interest follows what is owed.

    It pays coming installments, in the order of allocation; or it is principal of the running one, so that those
    after it are smaller, or fewer, or the next ones ask for less.
    """

    INSTALLMENTS = "installments"
    SMALLER_INSTALLMENTS = "smaller_installments"
    FEWER_INSTALLMENTS = "fewer_installments"
    NEXT_INSTALLMENTS = "next_installments"


class Recalculation(StrEnum):
    """Whether interest follows what is really owed day by day, or stays as scheduled whenever payments come."""

    NONE = "none"
    DAILY = "daily"


class Rest(StrEnum):
    """From when on a payment, or its absence, changes interest: the day itself, or the end of the running period."""

    DAY = "day"
    PERIOD_END = "period_end"


class OverdueInterest(StrEnum):
    """Whether principal that is past due goes on bearing interest, up to the last due date."""

    ACCRUES = "accrues"
    STOPS = "stops"


class UnseenPeriods(StrEnum):
    """What principal past due does to a period that begins and ends between two looks at the plan.

    It bears interest in each such period, or only in the one in which the plan is looked at next; the others stay as
    scheduled.
    """

    CAUGHT_UP = "caught_up"
    AS_SCHEDULED = "as_scheduled"


class HolidayInterest(StrEnum):
    """Whether principal bears interest through periods that a payment holiday puts off."""

    ACCRUES = "accrues"
    STOPS = "stops"


class UnearnedCharges(StrEnum):
    """What early settlement does to the price of periods that have not begun: it is not charged, or charged in full."""

    WAIVED = "waived"
    CHARGED = "charged"


class PlanTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The frozen terms of a plan. Shares are ppm of the amount named; `nominal_rate` is an exact share per year.

    A plan costs either `nominal_rate` (0.144 is 14.4 % a year) on its `interest_base`, or `per_period_ppm` of the
    original principal with each installment, booked as `per_period_booked_as`; both zero is free. The merchant pays
    `merchant_subsidy_ppm` of that price, the borrower the rest of it.

    Dates: period n ends n times `every` `period_unit` after the draw, or after `starts_on`; where `first_due_on` is
    given, the first one ends there and the others are counted from it. `length` ends the last period that many
    units after the first one begins. `days_off` are the days, in order, that `holiday_rule` moves due dates away from.

    Grace counts first installments: `grace_principal` asks only for interest, `grace_interest` puts interest off to
    the first installment after it, `interest_free` charges none.

    Interest is exact until it is rounded once; `significant_digits` keeps only so many at each step before.
    `installment_multiple_minor` rounds each installment to a multiple of so many minor units; the last takes the rest.
    """

    installments: int
    period_unit: PeriodUnit = PeriodUnit.MONTHS
    every: int = 1
    amortization: Amortization = Amortization.EQUAL_INSTALLMENTS

    nominal_rate: Decimal = Decimal(0)
    interest_base: InterestBase = InterestBase.DECLINING_BALANCE
    per_period_ppm: int = 0
    per_period_booked_as: BookedAs = BookedAs.FEE
    merchant_subsidy_ppm: int = 0
    early_settlement_fee_ppm: int = 0
    unearned_charges: UnearnedCharges = UnearnedCharges.WAIVED

    day_count: DayCount = DayCount.ACTUAL_365
    leap_rule: LeapRule = LeapRule.ACTUAL
    year_split: YearSplit = YearSplit.FIRST_OF_JANUARY
    interest_period: InterestPeriod = InterestPeriod.DAYS

    first_due_on: date | None = None
    starts_on: date | None = None
    length: int | None = None
    month_end_rule: MonthEndRule = MonthEndRule.CLAMP
    holiday_rule: HolidayRule = HolidayRule.NONE
    days_off: tuple[date, ...] = ()

    down_payment_ppm: int = 0
    further_draws: FurtherDraws = FurtherDraws.WITHIN_TERM
    grace_principal: int = 0
    grace_interest: int = 0
    interest_free: int = 0

    equal_installment_rule: EqualInstallmentRule = EqualInstallmentRule.PERIOD_FACTORS
    significant_digits: int | None = None
    rounding: Rounding = Rounding.HALF_EVEN
    interest_rounding: InterestRounding = InterestRounding.PER_PERIOD
    residue: Residue = Residue.LAST
    installment_multiple_minor: int = 1

    recalculation: Recalculation = Recalculation.NONE
    early_payment: EarlyPayment = EarlyPayment.INSTALLMENTS
    rest: Rest = Rest.DAY
    pay_off_interest_until: Rest = Rest.DAY
    overdue_interest: OverdueInterest = OverdueInterest.ACCRUES
    unseen_periods: UnseenPeriods = UnseenPeriods.CAUGHT_UP
    holiday_interest: HolidayInterest = HolidayInterest.ACCRUES

    def __post_init__(self) -> None:
        faults = term_faults(self)
        if faults:
            raise ValueError("; ".join(faults))


def term_faults(terms: PlanTerms) -> tuple[str, ...]:
    """Everything that is wrong with the terms, each fault naming its field and the way out.

    >>> PlanTerms(installments=0, per_period_ppm=6_000, nominal_rate=Decimal("0.1"))
    Traceback (most recent call last):
    ...
    ValueError: installments: 0 is not within 1 to 600; give how many there are; per_period_ppm: a plan has one price; \
set either it or nominal_rate to 0
    """
    return (*_number_faults(terms), *_contradictions(terms))


def _number_faults(terms: PlanTerms) -> list[str]:
    number = terms.installments
    bounds = (
        ("installments", number, 1, MOST_INSTALLMENTS, "give how many there are"),
        ("every", terms.every, 1, 366, "give the units that one period has"),
        ("per_period_ppm", terms.per_period_ppm, 0, PPM, "give ppm of the original principal"),
        ("merchant_subsidy_ppm", terms.merchant_subsidy_ppm, 0, PPM, "give ppm of the price"),
        ("early_settlement_fee_ppm", terms.early_settlement_fee_ppm, 0, PPM, "give ppm of the principal settled"),
        ("down_payment_ppm", terms.down_payment_ppm, 0, PPM - 1, "give ppm of the amount drawn"),
        ("grace_principal", terms.grace_principal, 0, number - 1, "leave an installment to pay principal with"),
        ("grace_interest", terms.grace_interest, 0, number - 1, "leave an installment to pay interest with"),
        ("interest_free", terms.interest_free, 0, number, "give a number of first installments"),
        ("installment_multiple_minor", terms.installment_multiple_minor, 1, 10**9, "give minor units, 1 for none"),
    )
    # A bound that hangs on a wrong number of installments may be below the least, which is right then.
    faults = [
        f"{field}: {told} is not within {least} to {most}; {way_out}"
        for field, told, least, most, way_out in bounds
        if told != least and not least <= told <= most
    ]
    if not 0 <= terms.nominal_rate <= 20:
        faults.append(
            f"nominal_rate: {terms.nominal_rate} is not within 0 to 20; give a share per year, 0.144 is 14.4 %"
        )
    return faults


def _contradictions(terms: PlanTerms) -> list[str]:
    faults = []
    if terms.per_period_ppm and terms.nominal_rate:
        faults.append("per_period_ppm: a plan has one price; set either it or nominal_rate to 0")
    if terms.recalculation is Recalculation.DAILY and terms.per_period_ppm:
        faults.append("recalculation: a price per period does not follow the balance; use none, or a nominal_rate")
    is_flat = terms.interest_base is InterestBase.ORIGINAL_PRINCIPAL
    if is_flat and terms.amortization is Amortization.INTEREST_THEN_PRINCIPAL:
        faults.append("interest_base: flat interest on principal paid at the end is the same; use declining_balance")
    if terms.holiday_rule is HolidayRule.NONE and terms.days_off:
        faults.append("days_off: holiday_rule is none, so they would move nothing; name a rule or leave them out")
    return faults
