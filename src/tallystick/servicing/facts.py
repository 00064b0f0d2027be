"""What can happen to a credit line: one frozen fact for each kind, and the event that dates it.

A caller proposes a fact; `admission.admit` completes it (figures, due dates, frozen terms) or refuses it; from then on
it has happened. Facts are never edited: an `EventUndone` or a `PaymentReturned` is one more fact about an earlier one.
"""

from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from tallystick.terms.plan_terms import PlanTerms
from tallystick.terms.product import CareKind


class Fact(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that happened; the subclass says which, its tag is the kind's name in storage and on the API."""


class LineOpened(Fact, frozen=True, tag="line_opened"):
    """The borrower accepted the contract. `joint_cap_minor` bounds the exposure over all lines of the person."""

    borrower_id: int
    contract_hash: str
    currency: str
    limit_minor: int
    cash_limit_minor: int
    acceptance_id: int | None = None


class LimitChanged(Fact, frozen=True, tag="limit_changed"):
    """A new credit limit in force. An increase carries the acceptance of its offer; a decrease its reason.

    `cash_limit_minor` is the contract's share of it, found when it is admitted; None leaves the cash limit.
    """

    limit_minor: int
    reason: str
    acceptance_id: int | None = None
    cash_limit_minor: int | None = None


class TermsChanged(Fact, frozen=True, tag="terms_changed"):
    """New terms bind what is drawn from `effective_on`; what was drawn before keeps its own."""

    contract_hash: str
    noticed_on: date
    acceptance_id: int | None = None


class PlanChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """The installment offer taken for a draw: its plan's id, the offer's name and the terms frozen into the plan."""

    plan_id: int
    offer: str
    terms: PlanTerms
    acceptance_id: int | None = None


class HoldPlaced(Fact, frozen=True, tag="hold_placed"):
    """A merchant reserved part of the limit until the day `expires_on` begins."""

    hold_id: int
    amount_minor: int
    expires_on: date
    merchant_id: int
    category: str = ""


class HoldVoided(Fact, frozen=True, tag="hold_voided"):
    """The merchant gave the hold back; `amount_minor` None gives back all that is left of it."""

    hold_id: int
    amount_minor: int | None = None


class HoldExpired(Fact, frozen=True, tag="hold_expired"):
    """Nobody captured the hold in time."""

    hold_id: int


class DrawKind(StrEnum):
    """What was bought with credit: goods and services from a merchant, or cash."""

    PURCHASE = "purchase"
    CASH = "cash"


class Drawdown(Fact, frozen=True, tag="drawdown"):
    """Principal drawn: paid next month when `plan` is None, in installments otherwise.

    A draw with `hold_id` captures that hold; `keeps_hold` leaves the rest of it open for a later capture.
    `merchant_fee_minor` is the merchant's discount and subsidy, kept back from what the merchant is paid.
    """

    draw_id: int
    kind: DrawKind
    amount_minor: int
    merchant_id: int = 0
    merchant_fee_minor: int = 0
    category: str = ""
    purpose: str = ""
    plan: PlanChoice | None = None
    hold_id: int | None = None
    keeps_hold: bool = False


class PlanCreated(Fact, frozen=True, tag="plan_created"):
    """A purchase that was to be paid next month, and is not billed yet, is put into installments instead."""

    draw_id: int
    plan: PlanChoice


class BillConverted(Fact, frozen=True, tag="bill_converted"):
    """Part of the last statement's purchases is put into installments after billing."""

    statement_number: int
    amount_minor: int
    plan: PlanChoice


class StatementFigures(Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of a closed statement as they were told to the borrower; minor units.

    `opening + adjustments + purchases + installments + interest + fees + penalties - payments - refunds - waivers
    = closing`; `adjustments` is what later corrections of the past changed since the statement before.
    """

    opening_minor: int
    adjustments_minor: int
    purchases_minor: int
    installments_minor: int
    interest_minor: int
    fees_minor: int
    penalties_minor: int
    payments_minor: int
    refunds_minor: int
    waivers_minor: int
    closing_minor: int
    minimum_due_minor: int
    past_due_minor: int
    credit_minor: int


class StatementClosed(Fact, frozen=True, tag="statement_closed"):
    """A statement closed at the end of `effective_on`. It keeps its figures whatever is learned later."""

    number: int
    period_from: date
    due_on: date
    figures: StatementFigures


class PaymentReceived(Fact, frozen=True, tag="payment_received"):
    """Money from the borrower. `channel` names the clearing account; `kind` picks the allocation order."""

    payment_id: int
    amount_minor: int
    channel: str
    kind: str = "payment"
    reference: str = ""


class PaymentReturned(Fact, frozen=True, tag="payment_returned"):
    """A payment that came to nothing: a bounced debit, a chargeback at the gateway. The line is as if never paid."""

    payment_id: int
    event_id: int
    reason: str


class CreditPaidOut(Fact, frozen=True, tag="credit_paid_out"):
    """The borrower's credit balance, or part of it, went back to the borrower."""

    amount_minor: int
    channel: str


class Refunded(Fact, frozen=True, tag="refunded"):
    """A merchant gave money back for a draw; interest and fees follow pro rata by the contract's refund policy."""

    refund_id: int
    draw_id: int
    amount_minor: int
    merchant_fee_minor: int = 0


class Chargeback(Fact, frozen=True, tag="chargeback"):
    """A disputed purchase decided for the borrower: like a refund, forced upon the merchant."""

    chargeback_id: int
    draw_id: int
    amount_minor: int
    reason: str
    merchant_fee_minor: int = 0


class ChargeKind(StrEnum):
    """What a charge on the line is for."""

    LATE_FEE = "late_fee"
    SERVICE_FEE = "service_fee"
    SETTLEMENT_FEE = "settlement_fee"
    PENALTY_INTEREST = "penalty_interest"


class FeeCharged(Fact, frozen=True, tag="fee_charged"):
    """A fee charged by hand or by a tariff, due with the next statement."""

    charge_id: int
    amount_minor: int
    reason: str


class Waived(Fact, frozen=True, tag="waived"):
    """Part of what is owed, of one component, is given up. Needs a second person."""

    component: str
    amount_minor: int
    reason: str


class SettledEarly(Fact, frozen=True, tag="settled_early"):
    """The borrower paid a whole plan off: `amount_minor` is exactly the quote of that day."""

    payment_id: int
    plan_id: int
    amount_minor: int
    channel: str


class DrawWithdrawn(Fact, frozen=True, tag="draw_withdrawn"):
    """Within the cooling-off days the borrower gave a draw back: principal only, no price for the time between."""

    payment_id: int
    draw_id: int
    amount_minor: int
    channel: str


class PlanReaged(Fact, frozen=True, tag="plan_reaged"):
    """What is left of a plan is spread anew over `installments`, the first due on `first_due_on`. Second person.

    `days_off` are those that move its due dates, as they were known when it was admitted.
    """

    plan_id: int
    installments: int
    first_due_on: date
    days_off: tuple[date, ...] = ()


class PaymentHoliday(Fact, frozen=True, tag="payment_holiday"):
    """The plan's installments that are not due yet move by `periods`. Second person. `days_off` as when re-aged."""

    plan_id: int
    periods: int
    days_off: tuple[date, ...] = ()


class DelinquencyPaused(Fact, frozen=True, tag="delinquency_paused"):
    """Days past due do not count, and no late fee falls due, from `effective_on` until the day `until` begins."""

    until: date
    reason: str


class ChargedOff(Fact, frozen=True, tag="charged_off"):
    """The whole receivable is written off the books; what is paid from now on is recovery. Second person."""

    reason: str


class LineFrozen(Fact, frozen=True, tag="line_frozen"):
    """No new hold or draw until `LineUnfrozen`."""

    reason: str


class LineUnfrozen(Fact, frozen=True, tag="line_unfrozen"):
    """Holds and draws are possible again."""

    reason: str


class LineClosed(Fact, frozen=True, tag="line_closed"):
    """Nothing is owed and nothing can be drawn any more."""

    reason: str


class CareBegun(Fact, frozen=True, tag="care_begun"):
    """From here on the contract's rules for that care hold: what stops of interest, fees, contact and reporting."""

    kind: CareKind
    note: str = ""


class CareEnded(Fact, frozen=True, tag="care_ended"):
    """The care no longer holds."""

    kind: CareKind
    note: str = ""


class EventUndone(Fact, frozen=True, tag="event_undone"):
    """An event was recorded in error: the line is as if it had not been. Needs a second person."""

    event_id: int
    reason: str


AnyFact = (
    LineOpened
    | LimitChanged
    | TermsChanged
    | HoldPlaced
    | HoldVoided
    | HoldExpired
    | Drawdown
    | PlanCreated
    | BillConverted
    | StatementClosed
    | PaymentReceived
    | PaymentReturned
    | CreditPaidOut
    | Refunded
    | Chargeback
    | FeeCharged
    | Waived
    | SettledEarly
    | DrawWithdrawn
    | PlanReaged
    | PaymentHoliday
    | DelinquencyPaused
    | ChargedOff
    | LineFrozen
    | LineUnfrozen
    | LineClosed
    | CareBegun
    | CareEnded
    | EventUndone
)

# Within one business day: first what opens and binds, then what is drawn, then what comes back and is paid, then what
# is decided about the line, and last the statement, which closes at the end of its day.
_RANKS: Final[dict[type[Fact], int]] = {
    kind: rank
    for rank, kinds in enumerate(
        (
            (LineOpened,),
            (TermsChanged, LimitChanged, CareEnded, CareBegun, DelinquencyPaused),
            (LineUnfrozen, LineFrozen),
            (HoldPlaced,),
            (Drawdown, PlanCreated, BillConverted),
            (HoldVoided, HoldExpired),
            (PlanReaged, PaymentHoliday),
            (FeeCharged,),
            (Waived,),
            (Refunded, Chargeback),
            (SettledEarly, DrawWithdrawn),
            (PaymentReceived,),
            (PaymentReturned, EventUndone),
            (CreditPaidOut,),
            (ChargedOff,),
            (StatementClosed,),
            (LineClosed,),
        )
    )
    for kind in kinds
}


class Event(Struct, frozen=True):
    """A fact with the business day from which it counts and its id, which also orders equals."""

    event_id: int
    effective_on: date
    fact: AnyFact

    @property
    def order(self) -> tuple[date, int, int]:
        """The place of the event in the line's life, whenever it was recorded."""
        return self.effective_on, _RANKS[type(self.fact)], self.event_id


def kind_of(fact: Fact) -> str:
    """The fact's name in storage and on the API.

    >>> kind_of(LineFrozen(reason="borrower asked"))
    'line_frozen'
    """
    return str(fact.__struct_config__.tag)


def cause_of(fact: Fact) -> str:
    """What the history of a line calls what happened: the fact's kind, and "capture" for a draw that was held before.

    A capture may pass the limit: by the tolerance of its merchant, or because the limit fell while it was held.

    >>> cause_of(Drawdown(draw_id=2, kind=DrawKind.PURCHASE, amount_minor=500, hold_id=1))
    'capture'
    """
    return "capture" if isinstance(fact, Drawdown) and fact.hold_id is not None else kind_of(fact)


NEEDS_SECOND_PERSON: Final = (Waived, PlanReaged, PaymentHoliday, ChargedOff, EventUndone)
# The channel of money that came without a name and was found to be a line's: a manual correction.
SUSPENSE: Final = "suspense"


def needs_second_person(fact: Fact) -> bool:
    """Whether somebody besides the one who asks must agree.

    >>> needs_second_person(PaymentReceived(payment_id=1, amount_minor=100, channel=SUSPENSE))
    True
    """
    is_found = isinstance(fact, PaymentReceived) and fact.channel == SUSPENSE
    return is_found or isinstance(fact, NEEDS_SECOND_PERSON)


def undone_by(fact: Fact) -> int | None:
    """The id of the earlier event that this fact takes back, if it takes one back."""
    match fact:
        case PaymentReturned() | EventUndone():
            return fact.event_id
        case _:
            return None
