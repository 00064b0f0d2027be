"""What a borrower is told before accepting: one value with every figure, and its sentences in both languages."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from tallystick.terms.canonical import content_hash
from tallystick.terms.plan_terms import Amortization
from tallystick.terms.product import Names, OfferKind

Language = Literal["zh", "en"]


class DisclosureKind(StrEnum):
    """What is offered."""

    INSTALLMENT_PLAN = "installment_plan"
    CASH_DRAW = "cash_draw"
    LINE_OPENING = "line_opening"
    LIMIT_OFFER = "limit_offer"
    TERMS_CHANGE = "terms_change"


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of a disclosure: a frozen value that JSON gives back as it was."""


class RatePercents(Part, frozen=True, kw_only=True):
    """Costs per year in percent, as printed. `simple` is China's headline: the monthly IRR times twelve."""

    simple: Decimal
    effective: Decimal
    us_nominal: Decimal
    eu_effective: Decimal


class CostKind(StrEnum):
    """What is paid for credit that is paid on time."""

    INTEREST = "interest"
    FEE = "fee"


class Cost(Part, frozen=True, kw_only=True):
    """One cost of paying on time; `percent` is what it alone costs per year, `basis` how it is charged."""

    kind: CostKind
    basis: Names
    cost_minor: int
    percent: Decimal


class Payment(Part, frozen=True, kw_only=True):
    """One row of the schedule. Its parts add up to what is paid on `due_on`."""

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    principal_left_minor: int

    @property
    def total_minor(self) -> int:
        """What is paid on the due date."""
        return self.principal_minor + self.interest_minor + self.fee_minor


class LateExample(Part, frozen=True, kw_only=True):
    """What paying so many days late costs more: interest that goes on, penalty interest, late fee."""

    overdue_minor: int
    days_late: int
    interest_minor: int
    penalty_minor: int
    late_fee_minor: int

    @property
    def cost_minor(self) -> int:
        """All of it together."""
        return self.interest_minor + self.penalty_minor + self.late_fee_minor


class SettlementExample(Part, frozen=True, kw_only=True):
    """What paying all off costs right after an installment, and what it saves against the schedule."""

    number: int
    on: date
    principal_minor: int
    early_fee_minor: int
    unearned_fee_minor: int
    saved_minor: int

    @property
    def total_minor(self) -> int:
        """What is paid to owe nothing."""
        return self.principal_minor + self.early_fee_minor + self.unearned_fee_minor


class PriceRange(Part, frozen=True, kw_only=True):
    """One price that a line offers, at the highest it can cost; counts are `None` where it is not in installments."""

    way: Names
    basis: Names
    least_installments: int | None
    most_installments: int | None
    simple_percent: Decimal
    effective_percent: Decimal


class Passage(Part, frozen=True, kw_only=True):
    """A heading and its sentences, in one language."""

    code: str
    heading: str
    sentences: tuple[str, ...]


class PlanOffer(Part, frozen=True, kw_only=True):
    """The figures of one installment plan or cash draw. `principal_minor` is what is lent: less the down payment."""

    offer: OfferKind
    price_code: str
    amortization: Amortization
    down_payment_minor: int
    principal_minor: int
    schedule: tuple[Payment, ...]
    costs: tuple[Cost, ...]
    late: LateExample
    settlement: SettlementExample | None

    @property
    def cost_minor(self) -> int:
        """Everything paid beyond the principal, on time."""
        return sum(cost.cost_minor for cost in self.costs)


class LineOffer(Part, frozen=True, kw_only=True):
    """The figures of a line: its limit, and every price it offers. `previous_limit_minor` None opens a line."""

    limit_minor: int
    cash_limit_minor: int
    previous_limit_minor: int | None
    prices: tuple[PriceRange, ...]
    late: LateExample


class TermsOffer(Part, frozen=True, kw_only=True):
    """A change of contract: from when it binds unless the borrower objects, and every price that it brings.

    `previous_simple_percent` is the highest cost per year of the terms that it replaces.
    """

    previous_terms_hash: str
    previous_version: int
    binds_on: date
    previous_simple_percent: Decimal
    prices: tuple[PriceRange, ...]
    late: LateExample


class Disclosure(Part, frozen=True, kw_only=True):
    """One document. Exactly one of `plan`, `line` and `terms` is given; `wording` is what the borrower reads.

    It names nobody: who accepted it is stored with the acceptance, by `document_hash`.
    """

    kind: DisclosureKind
    form_version: int
    terms_hash: str
    product_id: str
    product_version: int
    product_name: Names
    lender: Names
    currency: str
    offered_on: date
    rates: RatePercents
    plan: PlanOffer | None = None
    line: LineOffer | None = None
    terms: TermsOffer | None = None
    wording: Mapping[Language, tuple[Passage, ...]]


def document_hash(disclosure: Disclosure) -> str:
    """The SHA-256 of the document's canonical JSON, in hexadecimal: what an acceptance refers to."""
    return content_hash(disclosure)
