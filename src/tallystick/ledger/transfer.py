"""One amount moved from one account to another: it cannot be unbalanced."""

from datetime import date
from typing import NamedTuple

from msgspec import Struct


class Address(NamedTuple):
    """An account: its code in the chart of accounts and the id of its owner (line, merchant, product; 0: the house)."""

    code: str
    owner_id: int


class Transfer(Struct, frozen=True):
    """`amount_minor` (above zero) leaves `credit` and enters `debit`, counting from `effective_on`; `kind` says why.

    >>> paid = Transfer(debit=Address("cash", 0), credit=Address("credit_balance", 7), amount_minor=500,
    ...     currency="CNY", effective_on=date(2026, 11, 24), kind="payment", line_id=7, event_id=1)
    >>> paid.amount_minor
    500
    """

    debit: Address
    credit: Address
    amount_minor: int
    currency: str
    effective_on: date
    kind: str
    line_id: int
    event_id: int

    def __post_init__(self) -> None:
        if self.amount_minor <= 0:
            raise ValueError(f"amount_minor is {self.amount_minor}: a transfer moves more than zero; swap its sides")
        if self.debit == self.credit:
            raise ValueError(f"debit and credit are both {self.debit}: a transfer moves between two accounts")
