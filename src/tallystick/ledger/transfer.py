"""One amount moved from one account to another: it cannot be unbalanced."""

from datetime import date
from typing import Final, NamedTuple

from msgspec import Struct

from tallystick.ledger.chart import Group, Scope, chart
from tallystick.units.money import MINOR_DIGITS

_OFF_BALANCE: Final = frozenset(code for code, account in chart().items() if account.group is Group.OFF_BALANCE)
_OF_A_LINE: Final = frozenset(code for code, account in chart().items() if account.scope is Scope.LINE)
_OF_THE_HOUSE: Final = frozenset(code for code, account in chart().items() if account.scope is Scope.HOUSE)


class Address(NamedTuple):
    """An account: its code in the chart of accounts and the id of its owner (line, merchant, product; 0: the house)."""

    code: str
    owner_id: int

    def __str__(self) -> str:
        """The code, and the owner where there is one: `cash`, `credit_balance 7`."""
        return f"{self.code} {self.owner_id}" if self.owner_id else self.code


class Transfer(Struct, frozen=True):
    """`amount_minor` (above zero) leaves `credit` and enters `debit`, counting from `effective_on`; `kind` says why.

    Raises `ValueError` naming the field for what no ledger could hold. A line's accounts move in transfers of that
    line only, so that each line's books stand by themselves; from line to line money goes through a shared account.

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
        if (self.debit.code in _OFF_BALANCE) != (self.credit.code in _OFF_BALANCE):
            raise ValueError(
                f"debit {self.debit}, credit {self.credit}: what is off the balance sheet moves against its contra"
            )
        if self.currency not in MINOR_DIGITS:
            raise ValueError(f"currency is {self.currency!r}: give one of {', '.join(sorted(MINOR_DIGITS))}")
        _check_owner("debit", self.debit, line_id=self.line_id)
        _check_owner("credit", self.credit, line_id=self.line_id)


def off_lines(
    *, debit: Address, credit: Address, amount_minor: int, currency: str, effective_on: date, kind: str
) -> Transfer:
    """A transfer that no line is concerned with; a negative amount moves back.

    >>> off_lines(debit=Address("cash", 0), credit=Address("suspense", 0), amount_minor=-500, currency="CNY",
    ...     effective_on=date(2026, 11, 24), kind="suspense").credit.code
    'cash'
    """
    if amount_minor < 0:
        debit, credit, amount_minor = credit, debit, -amount_minor
    return Transfer(
        debit=debit,
        credit=credit,
        amount_minor=amount_minor,
        currency=currency,
        effective_on=effective_on,
        kind=kind,
        line_id=0,
        event_id=0,
    )


def _check_owner(side: str, address: Address, *, line_id: int) -> None:
    code, owner_id = address
    if code not in chart():
        raise ValueError(f"{side}: there is no account {code!r}; the chart has {', '.join(chart())}")
    if code in _OF_A_LINE and (owner_id != line_id or owner_id == 0):
        raise ValueError(f"{side}: {address} is not an account of line_id {line_id}; own it by the transfer's line")
    if code in _OF_THE_HOUSE and owner_id != 0:
        raise ValueError(f"{side}: {address} belongs to the house; give owner_id 0")
