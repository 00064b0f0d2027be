"""A credit product as data: every price, date rule, consequence and right of one version, frozen and hashed."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from tallystick.terms.plan_terms import (
    Amortization,
    InterestPeriod,
    OverdueInterest,
    Recalculation,
    UnearnedCharges,
)
from tallystick.units.day_counts import DayCount, LeapRule
from tallystick.units.periods import HolidayRule, MonthEndRule
from tallystick.units.rates import PPM
from tallystick.units.rounding import Rounding

SharePpm = Annotated[int, Meta(ge=0, le=1_000_000)]
YearlyPpm = Annotated[int, Meta(ge=0, le=20_000_000)]
DailyPpm = Annotated[int, Meta(ge=0, le=100_000)]
MultiplePpm = Annotated[int, Meta(ge=1_000_000, le=10_000_000)]
Minor = Annotated[int, Meta(ge=0, le=10**15)]
Days = Annotated[int, Meta(ge=0, le=3_660)]
StatementDay = Annotated[int, Meta(ge=1, le=28)]
DayOfMonth = Annotated[int, Meta(ge=1, le=31)]
InstallmentCount = Annotated[int, Meta(ge=1, le=360)]
Text = Annotated[str, Meta(min_length=1)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]*$")]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a product: a frozen value, a section of the file that it is read from."""


class Names(Section, frozen=True, kw_only=True):
    """One text in both languages."""

    zh: Text
    en: Text


class Lender(Section, frozen=True, kw_only=True):
    """Who lends, and where a borrower complains or asks for a person to look at a decision."""

    name: Names
    complaint_phone: Text
    complaint_channel: Names
    regulator: Names
    review_channel: Names


class CalendarRules(Section, frozen=True, kw_only=True):
    """What due dates become at month ends and on days off.

    `holidays` is the country (ISO code) whose days off move a due date; see `terms.days_off`.
    """

    month_end_rule: MonthEndRule
    holiday_rule: HolidayRule
    holidays: Country | None = None


class InterestRules(Section, frozen=True, kw_only=True):
    """How interest on a declining balance is counted and rounded; see `terms.plan_terms` for each word."""

    day_count: DayCount
    leap_rule: LeapRule
    period: InterestPeriod
    rounding: Rounding
    recalculation: Recalculation
    overdue: OverdueInterest


class LimitTerms(Section, frozen=True, kw_only=True):
    """What a line of this product may be granted, and the share of it that may be drawn in cash."""

    least_minor: Minor
    most_minor: Minor
    cash_share_ppm: SharePpm = 0


class Payee(StrEnum):
    """Who is paid what is drawn."""

    MERCHANT = "merchant"
    BORROWER = "borrower"


class PurposeTerms(Section, frozen=True, kw_only=True):
    """What credit may be used for: a purpose is recorded with each draw, and some are forbidden."""

    payee: Payee
    allowed: tuple[Code, ...]
    forbidden: tuple[Code, ...]


class InterestFree(StrEnum):
    """When purchases to be paid next month cost nothing."""

    PAID_IN_FULL = "paid_in_full"
    NEVER = "never"


class MinimumPart(StrEnum):
    """What a minimum due asks for in full, besides its share of the purchases billed."""

    PAST_DUE = "past_due"
    INSTALLMENTS = "installments"
    INTEREST = "interest"
    FEE = "fee"
    PENALTY = "penalty"
    OVER_LIMIT = "over_limit"


class MinimumDue(Section, frozen=True, kw_only=True):
    """The least that keeps a statement from being past due: a share of purchases billed, plus the parts in full.

    Never less than `floor_minor`, as far as so much is owed, and never more than what is owed.
    """

    share_ppm: SharePpm
    floor_minor: Minor
    in_full: tuple[MinimumPart, ...]


class PayNextMonth(Section, frozen=True, kw_only=True):
    """Purchases of a cycle, billed on the statement day; what is not paid by the due date revolves.

    Either `due_day` (the next such day of the month after the statement day) or `due_after_days` is given.
    """

    statement_day: StatementDay
    daily_rate_ppm: DailyPpm
    minimum_due: MinimumDue
    interest_free: InterestFree
    due_day: StatementDay | None = None
    due_after_days: Days | None = None


class FirstDue(StrEnum):
    """When the first installment of a plan falls due."""

    WITH_STATEMENT = "with_statement"
    ONE_PERIOD_AFTER_DRAW = "one_period_after_draw"
    DAY_OF_MONTH = "day_of_month"


class DueDates(Section, frozen=True, kw_only=True):
    """How due dates of a plan are found; later ones are counted in months from the first, never stepwise.

    `with_statement`: on the due date of the first statement that closes on or after the day of the draw.
    `day_of_month`: on the first `day` that lies at least `least_days` after the draw.
    """

    first: FirstDue
    day: DayOfMonth | None = None
    least_days: Days = 0


class InstallmentPrice(Section, frozen=True, kw_only=True):
    """What a plan of so many monthly installments costs: exactly one of the three prices; 0 means free.

    `code` names the price to whoever chooses it; a code may have several prices, for different counts.
    `fee_per_period_ppm` and `interest_per_period_ppm` are shares of the original principal per installment, booked
    as fee or as interest; `nominal_rate_ppm` is interest a year on the declining balance. The merchant pays
    `merchant_subsidy_ppm` of a price per period: 1,000,000 leaves the borrower 0 %.
    """

    code: Code
    amortization: Amortization
    least_installments: InstallmentCount
    most_installments: InstallmentCount
    fee_per_period_ppm: SharePpm | None = None
    interest_per_period_ppm: SharePpm | None = None
    nominal_rate_ppm: YearlyPpm | None = None
    merchant_subsidy_ppm: SharePpm = 0


class InstallmentOffer(Section, frozen=True, kw_only=True):
    """A kind of installment plan that a line offers: for an order, for a bill, or for cash."""

    least_principal_minor: Annotated[int, Meta(ge=1, le=10**15)]
    most_principal_minor: Annotated[int, Meta(ge=1, le=10**15)]
    due_dates: DueDates
    prices: Annotated[tuple[InstallmentPrice, ...], Meta(min_length=1)]
    down_payment_ppm: SharePpm = 0


class EarlySettlement(Section, frozen=True, kw_only=True):
    """What paying a plan off early costs: a share of the principal settled, and what becomes of unearned charges."""

    fee_ppm: SharePpm
    unearned_charges: UnearnedCharges


class LateFee(Section, frozen=True, kw_only=True):
    """Charged once per due date that is missed: a fixed part plus a share of what is overdue, within bounds."""

    fixed_minor: Minor = 0
    share_ppm: SharePpm = 0
    least_minor: Minor = 0
    most_minor: Minor | None = None


class PenaltyBase(StrEnum):
    """What penalty interest is charged on."""

    OVERDUE_PRINCIPAL = "overdue_principal"
    OVERDUE_ALL = "overdue_all"


class Penalty(Section, frozen=True, kw_only=True):
    """Interest on what is overdue, on top of any other: a rate per day, or a multiple of the line's own daily rate.

    A multiple counts whole: 1,500,000 ppm is one and a half times, so half of the own rate comes on top.
    """

    base: PenaltyBase
    multiple_ppm: MultiplePpm | None = None
    daily_rate_ppm: DailyPpm | None = None


class LateTerms(Section, frozen=True, kw_only=True):
    """What paying late leads to, once `grace_days` after the due date have passed."""

    grace_days: Days
    late_fee: LateFee | None = None
    penalty: Penalty | None = None


class Component(StrEnum):
    """What an amount owed is made of."""

    PENALTY = "penalty"
    FEE = "fee"
    INTEREST = "interest"
    PRINCIPAL = "principal"


class Walk(StrEnum):
    """How a payment goes over what is owed: due date after due date, or component after component."""

    OLDEST_DUE_FIRST = "oldest_due_first"
    COMPONENT_FIRST = "component_first"


class AllocationRule(Section, frozen=True, kw_only=True):
    """In which order a payment pays what is owed, for a line that is `from_days_past_due` or more past due."""

    from_days_past_due: Days = 0
    walk: Walk
    components: tuple[Component, ...]


class RefundInstallments(StrEnum):
    """Which installments a refund makes smaller."""

    NEXT = "next"
    LAST = "last"
    REAMORTIZED = "reamortized"


class RefundCharges(StrEnum):
    """What a refund does to interest and fees of the principal that it gives back."""

    PRO_RATA = "pro_rata"
    UNEARNED_ONLY = "unearned_only"
    KEPT = "kept"


class RefundTerms(Section, frozen=True, kw_only=True):
    """How a merchant's refund changes a plan; what exceeds all that is owed becomes the borrower's credit balance."""

    installments: RefundInstallments
    interest: RefundCharges
    fee: RefundCharges


class Bucket(Section, frozen=True, kw_only=True):
    """A band of days past due: from `from_days` up to where the next one begins."""

    code: Code
    from_days: Days
    name: Names


class Delinquency(Section, frozen=True, kw_only=True):
    """Buckets of days past due, and the days from which a line is in default and from which it is charged off."""

    buckets: Annotated[tuple[Bucket, ...], Meta(min_length=1)]
    default_from_days: Days
    charge_off_from_days: Days


class ChangeScope(StrEnum):
    """What a new price binds: draws to come, or what revolves as well. Installment plans keep theirs in any case."""

    NEW_DRAWS = "new_draws"
    OUTSTANDING_TOO = "outstanding_too"


class NoticeTerms(Section, frozen=True, kw_only=True):
    """Days that the borrower has: to withdraw, and to hear of changes before they bind."""

    cooling_off_days: Days
    price_change_days: Days
    price_change_scope: ChangeScope


class EasingTerms(Section, frozen=True, kw_only=True):
    """How far a plan or a count of days past due may be eased at once: bounds against a slip of the keyboard.

    Sixty installments is what China allows for credit card debt that is rescheduled (Measures for the Supervision
    and Administration of the Credit Card Business of Commercial Banks, article 70).
    """

    most_pause_days: Days = 366
    most_holiday_periods: InstallmentCount = 36
    most_reaged_installments: InstallmentCount = 60


class CareKind(StrEnum):
    """A state of the person that the law, or decency, treats apart."""

    HARDSHIP = "hardship"
    DECEASED = "deceased"
    IDENTITY_THEFT = "identity_theft"


class Accrues(StrEnum):
    """Whether a charge goes on while a care holds."""

    CONTINUES = "continues"
    STOPS = "stops"


class Contact(StrEnum):
    """Whom collection may speak to while a care holds."""

    BORROWER = "borrower"
    BORROWER_IN_WRITING = "borrower_in_writing"
    ESTATE_IN_WRITING = "estate_in_writing"
    NOBODY = "nobody"


class Reporting(StrEnum):
    """What the credit bureau is told while a care holds."""

    CONTINUES = "continues"
    MARKED = "marked"
    WITHHELD = "withheld"


class CareTerms(Section, frozen=True, kw_only=True):
    """What stops, and how the borrower is treated, while a care holds.

    `fee` is late fees, the fees of periods of a plan that have not begun, and what settling early costs.
    """

    interest: Accrues
    fee: Accrues
    penalty: Accrues
    contact: Contact
    reporting: Reporting


class Product(Section, frozen=True, kw_only=True):
    """One version of a product, as it is read from its file. Amounts in minor units of `currency`.

    `ledger_id` is the product's owner id in the ledger. An offer that is absent is not sold. `allocation` holds, per
    kind of transaction, its rules from the least days past due upward; `payment` holds for kinds that are not listed.
    """

    id: Code
    version: Annotated[int, Meta(ge=1)]
    ledger_id: Annotated[int, Meta(ge=1)]
    name: Names
    jurisdiction: Country
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    sold_from: date
    lender: Lender
    calendar: CalendarRules
    interest: InterestRules
    limit: LimitTerms
    purpose: PurposeTerms
    early_settlement: EarlySettlement
    late: LateTerms
    allocation: dict[Code, tuple[AllocationRule, ...]]
    refund: RefundTerms
    delinquency: Delinquency
    notice: NoticeTerms
    cares: dict[CareKind, CareTerms]
    easing: EasingTerms = EasingTerms()
    pay_next_month: PayNextMonth | None = None
    order_installments: InstallmentOffer | None = None
    bill_installments: InstallmentOffer | None = None
    cash: InstallmentOffer | None = None

    def allocation_rule(self, kind: str, *, days_past_due: int) -> AllocationRule:
        """The rule for a kind of transaction on a line that is so many days past due."""
        rules = self.allocation.get(kind, self.allocation["payment"])
        return max(
            (rule for rule in rules if rule.from_days_past_due <= days_past_due),
            key=lambda rule: rule.from_days_past_due,
        )

    def penalty_daily_ppm(self) -> int:
        """Penalty interest on top of all other, in whole ppm a day, a part of one left off; 0 where none is charged."""
        penalty = self.late.penalty
        if penalty is None:
            return 0
        if penalty.daily_rate_ppm is not None:
            return penalty.daily_rate_ppm
        assert penalty.multiple_ppm is not None, "the catalog refuses a penalty without a rate"
        assert self.pay_next_month is not None, "the catalog refuses a multiple of nothing"
        return self.pay_next_month.daily_rate_ppm * (penalty.multiple_ppm - PPM) // PPM


class OfferKind(StrEnum):
    """The kinds of installment plans by the name of their section."""

    ORDER_INSTALLMENTS = "order_installments"
    BILL_INSTALLMENTS = "bill_installments"
    CASH = "cash"


def installment_offers(product: Product) -> dict[OfferKind, InstallmentOffer]:
    """The installment offers that the product sells."""
    offers = {kind: getattr(product, kind.value) for kind in OfferKind}
    return {kind: offer for kind, offer in offers.items() if offer is not None}
