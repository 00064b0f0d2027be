"""Where the fold writes what a step moves: balanced transfers, one pair of accounts each, never a zero amount."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from tallystick.ledger.transfer import Address, Transfer
from tallystick.servicing.facts import SUSPENSE
from tallystick.servicing.history import Snapshot, snapshot
from tallystick.servicing.line import Line
from tallystick.servicing.plan import Plan
from tallystick.terms.product import Component, Product

# Codes of the chart of accounts (ledger/chart.toml) that a line's life moves; a test holds them to the chart.
PRINCIPAL: Final = "receivable_principal"
INTEREST: Final = "receivable_interest"
FEE: Final = "receivable_fee"
PENALTY: Final = "receivable_penalty"
CREDIT: Final = "credit_balance"
UNDRAWN: Final = "undrawn_commitment"
UNDRAWN_CONTRA: Final = "undrawn_commitment_contra"
CHARGED_OFF: Final = "charged_off"
CHARGED_OFF_CONTRA: Final = "charged_off_contra"
MERCHANT_PAYABLE: Final = "merchant_payable"
MERCHANT_DISCOUNT: Final = "merchant_discount_income"
SUBSIDY_INCOME: Final = "subsidy_income"
CASH: Final = "cash"
# What was told to be paid, to borrowers as to merchants, until the bank's statement shows that it left.
PAYOUT: Final = "payout_clearing"
ACCRUED: Final = "accrued_interest"
INTEREST_INCOME: Final = "interest_income"
PENALTY_INCOME: Final = "penalty_income"
FEE_INCOME: Final = "fee_income"
REFUND_EXPENSE: Final = "refund_expense"
WAIVER_EXPENSE: Final = "waiver_expense"
WRITE_OFF: Final = "write_off_expense"
RECOVERY: Final = "recovery_income"

RECEIVABLES: Final = {
    Component.PRINCIPAL: PRINCIPAL,
    Component.INTEREST: INTEREST,
    Component.FEE: FEE,
    Component.PENALTY: PENALTY,
}
# By which a line's own transfers tell what it earned, and what was lost on it. What is billed comes off what had
# accrued, which is posted for all lines of a product together.
EARNED: Final = (
    ACCRUED,
    MERCHANT_DISCOUNT,
    INTEREST_INCOME,
    FEE_INCOME,
    PENALTY_INCOME,
    SUBSIDY_INCOME,
    REFUND_EXPENSE,
    WAIVER_EXPENSE,
)
LOST: Final = (WRITE_OFF, RECOVERY)
# Where money from a borrower arrives, by channel, before the bank's own statement confirms it.
CHANNELS: Final = {"bank": CASH, "gateway": "gateway_clearing", "direct_debit": "direct_debit_clearing"}
# Where money stands before it is a line's: at the channels, and what was found in suspense.
CLEARING: Final = {**CHANNELS, SUSPENSE: "suspense"}
_OF_THE_LINE: Final = frozenset(
    {*RECEIVABLES.values(), CREDIT, UNDRAWN, UNDRAWN_CONTRA, CHARGED_OFF, CHARGED_OFF_CONTRA}
)
_OF_THE_PRODUCT: Final = frozenset(
    {
        ACCRUED,
        INTEREST_INCOME,
        PENALTY_INCOME,
        FEE_INCOME,
        SUBSIDY_INCOME,
        REFUND_EXPENSE,
        WAIVER_EXPENSE,
        WRITE_OFF,
        RECOVERY,
    }
)


class Journal:
    """The business day and the event that the fold is at, the contracts it reads, and the transfers of this step.

    `ended` are plans as they stood when the line let go of them: its state stays small, its events tell them again.

    The only mutable thing in the fold, and it never leaves it.
    """

    def __init__(self, *, contracts: Mapping[str, Product]) -> None:
        self._contracts = contracts
        self.day = date.min
        self.event_id = 0
        self.transfers: list[Transfer] = []
        self.history: list[Snapshot] = []
        self.ended: list[Plan] = []

    def turn_to(self, *, day: date, event_id: int) -> None:
        """What is moved from here on counts from `day` and was caused by that event."""
        self.day, self.event_id = day, event_id

    def terms(self, line: Line) -> Product:
        """The contract in force on the line at this point of its life."""
        return self._contracts[line.contract_hash]

    def contract(self, contract_hash: str) -> Product:
        """A contract by its hash."""
        return self._contracts[contract_hash]

    def observe(self, line: Line, *, cause: str) -> None:
        """Keep how the line stands now as a row of its history."""
        self.history.append(snapshot(line, day=self.day, cause=cause, event_id=self.event_id))

    def move(self, line: Line, kind: str, *, debit: str, credit: str, amount_minor: int, other_id: int = 0) -> None:
        """Move an amount; a negative one moves back, a zero one is not written.

        `other_id` owns the side that is neither the line's nor the product's: a merchant, or 0 for the house.
        """
        if amount_minor == 0:
            return
        if amount_minor < 0:
            debit, credit, amount_minor = credit, debit, -amount_minor
        self.transfers.append(
            Transfer(
                debit=_address(debit, line=line, other_id=other_id),
                credit=_address(credit, line=line, other_id=other_id),
                amount_minor=amount_minor,
                currency=line.currency,
                effective_on=self.day,
                kind=kind,
                line_id=line.line_id,
                event_id=self.event_id,
            )
        )


def _address(code: str, *, line: Line, other_id: int) -> Address:
    if code in _OF_THE_LINE:
        return Address(code, line.line_id)
    return Address(code, line.product_id if code in _OF_THE_PRODUCT else other_id)
