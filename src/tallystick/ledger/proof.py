"""What a proof of the books finds: every figure that does not follow from the transfers, each by name."""

from enum import StrEnum

from msgspec import Struct

from tallystick.ledger.balance import Balance, Imbalance, TrialRow
from tallystick.ledger.chain import ChainFault, Tampering


class Check(StrEnum):
    """What is proven, in the order in which it is read."""

    TRANSFER = "transfer"
    """Each transfer is one that the ledger could have written."""
    DEBITS_EQUAL_CREDITS = "debits_equal_credits"
    """Kept debits equal kept credits, per currency, on and off the balance sheet."""
    SHARED_BALANCE = "shared_balance"
    """Each shared account, folded and not, is the sum of its transfers."""
    CONTROL_FIGURE = "control_figure"
    """All lines' balances of a code sum to what the general ledger has from the transfers."""
    LINE_BALANCE = "line_balance"
    """Each account of each line is the sum of its transfers."""
    LINE_FIGURE = "line_figure"
    """Each figure that servicing keeps on a line is the balance of the account it speaks of."""
    ACCRUAL = "accrual"
    """What was kept at the close of each day is the sum of its lines' figures, and its change is what was posted."""
    SUSPENSE = "suspense"
    """The suspense account is the sum of its open items, per currency."""
    MERCHANT = "merchant"
    """Each merchant's account is what is not settled yet and what the last settlement left, per currency."""
    SETTLEMENT = "settlement"
    """Each settlement is the sum of its transfers and of what the one before left, and was paid as it says."""
    PAYOUT = "payout"
    """Payouts on their way are the payout clearing account, per currency."""
    CHAIN = "chain"
    """Each sealed transfer is as it was sealed."""
    ANCHOR = "anchor"
    """The chain holds the digest that was kept outside."""


class Finding(Struct, frozen=True):
    """One thing that is wrong: what the transfers prove, and what was found instead; amounts are in minor units."""

    check: Check
    subject: str
    proven: str
    found: str


class Verification(Struct, frozen=True):
    """What was proven, how much of it, and everything that is wrong.

    `head` is the last seal as an anchor; to be kept where the books cannot reach. None where nothing is sealed yet.
    """

    transfers: int
    line_accounts: int
    shared_accounts: int
    seals: int
    sealed_transfers: int
    head: str | None
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def balance_finding(check: Check, *, proven: Balance, kept: Balance) -> Finding:
    """A kept balance that is not the sum of its transfers."""
    return Finding(check, f"{proven.address} {proven.currency}", _sides(proven), _sides(kept))


def control_finding(*, proven: TrialRow, kept: TrialRow) -> Finding:
    """A code whose balances over all lines are not what its transfers sum to."""
    return Finding(Check.CONTROL_FIGURE, f"{proven.code} {proven.currency}", _sides(proven), _sides(kept))


def imbalance_finding(imbalance: Imbalance) -> Finding:
    """Kept debits and credits of a currency that differ."""
    where = "off balance sheet" if imbalance.is_off_balance else "balance sheet"
    debit, credit = f"debit {imbalance.debit_minor:,}", f"credit {imbalance.credit_minor:,}"
    return Finding(Check.DEBITS_EQUAL_CREDITS, f"{imbalance.currency}, {where}", debit, credit)


def chain_finding(fault: ChainFault) -> Finding:
    """A seal that no longer holds, and the first transfer to blame."""
    subject = f"seal {fault.seal_number}"
    if fault.transfer_id is None and fault.tampering is Tampering.REMOVED:
        return Finding(Check.CHAIN, subject, "a seal", "removed")
    if fault.transfer_id is None:
        return Finding(Check.CHAIN, subject, "as written", "seal changed")
    if fault.tampering is Tampering.REMOVED:
        return Finding(Check.CHAIN, f"{subject}, after transfer {fault.transfer_id}", "a transfer", "removed")
    return Finding(Check.CHAIN, f"{subject}, transfer {fault.transfer_id}", "as sealed", fault.tampering.value)


def _sides(figure: Balance | TrialRow) -> str:
    return f"{figure.debit_minor:,} / {figure.credit_minor:,}"
