"""A credit line as it stands: an immutable value, the fold of its events up to a business day.

What a line is made of cannot hold itself, so the collector of cycles need not look at it (`gc=False`): of thousands of
lines at once it looks at little else.
"""

from datetime import date
from enum import StrEnum

from msgspec import Struct

from tallystick.servicing.accruing import Accrual
from tallystick.servicing.facts import ChargeKind
from tallystick.servicing.plan import Plan
from tallystick.servicing.revolving import Revolving
from tallystick.terms.product import CareKind, Component


class Condition(StrEnum):
    """What may still happen on a line."""

    OPEN = "open"
    CHARGED_OFF = "charged_off"
    CLOSED = "closed"


class Hold(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a merchant has reserved and not captured."""

    hold_id: int
    merchant_id: int
    left_minor: int
    placed_on: date
    expires_on: date
    category: str = ""


class BillShare(Struct, frozen=True, gc=False):
    """What of a draw the plan of a converted bill took over, less what refunds gave back of it, paid already or not."""

    plan_id: int
    left_minor: int


class Draw(Struct, frozen=True, omit_defaults=True, gc=False):
    """One draw and what was given back of it; kept while it may still be refunded.

    `merchant_fee_minor` is what is kept back from the merchant and not given back, of it `merchant_subsidy_minor` for
    the price of the draw's plan. `plan_id` is the plan that the whole draw is in; one to be paid next month may have
    `bill_shares` instead, in the plans of bills that were converted.
    """

    draw_id: int
    drawn_on: date
    merchant_id: int
    amount_minor: int
    merchant_fee_minor: int
    is_cash: bool
    merchant_subsidy_minor: int = 0
    refunded_minor: int = 0
    plan_id: int | None = None
    bill_shares: tuple[BillShare, ...] = ()


class Charge(Struct, frozen=True, omit_defaults=True, gc=False):
    """A fee or penalty of the line itself, and what is left of it; `statement_number` is that of the first to ask."""

    charge_id: int
    kind: ChargeKind
    charged_on: date
    left_minor: int
    statement_number: int | None = None

    @property
    def component(self) -> Component:
        """Where it stands in the allocation order and in the books."""
        return Component.PENALTY if self.kind is ChargeKind.PENALTY_INTEREST else Component.FEE


class Booked(Struct, frozen=True, omit_defaults=True, gc=False):
    """What of a plan's price stands in the books: interest and fees that fell due or were paid early, ever."""

    plan_id: int
    interest_minor: int = 0
    fee_minor: int = 0


class Cycle(Struct, frozen=True, omit_defaults=True, gc=False):
    """What was charged, and what was paid, refunded or waived of billed amounts, since the last statement."""

    payments_minor: int = 0
    refunds_minor: int = 0
    waivers_minor: int = 0
    fees_minor: int = 0
    penalties_minor: int = 0


class Pause(Struct, frozen=True, gc=False):
    """Days on which days past due do not count: from `begins_on` until the day `ends_on` begins."""

    begins_on: date
    ends_on: date


class Line(Struct, frozen=True, omit_defaults=True, gc=False):
    """A line at the end of business on `as_of`, as far as it is told.

    `exposure = drawn + held`; drawn is principal of plans and purchases together, billed or not. `tells_from` is the
    day since when the next statement has something to tell; a line that sleeps gets none.
    """

    line_id: int
    borrower_id: int
    currency: str
    contract_hash: str
    product_id: int
    opened_on: date
    as_of: date
    last_order: tuple[date, int, int]
    limit_minor: int
    cash_limit_minor: int
    revolving: Revolving
    penalty: Accrual
    condition: Condition = Condition.OPEN
    frozen_because: str | None = None
    cares: tuple[CareKind, ...] = ()
    holds: tuple[Hold, ...] = ()
    draws: tuple[Draw, ...] = ()
    plans: tuple[Plan, ...] = ()
    booked: tuple[Booked, ...] = ()
    charges: tuple[Charge, ...] = ()
    pauses: tuple[Pause, ...] = ()
    credit_minor: int = 0
    charged_off_minor: int = 0
    recovered_minor: int = 0
    commitment_minor: int = 0
    charges_made: int = 0
    statements_closed: int = 0
    tells_from: date | None = None
    last_statement_on: date | None = None
    last_statement_due_on: date | None = None
    last_closing_minor: int = 0
    last_minimum_minor: int = 0
    cycle: Cycle = Cycle()
