"""The chart of accounts as data: every account's number, side, owner and name, read once and checked as a whole."""

import hashlib
import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct


class Group(StrEnum):
    """What an account is, by the first figure of its number."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"
    OFF_BALANCE = "off_balance"


class Scope(StrEnum):
    """Who owns an account, by the second figure of its number, and so how its balance is kept.

    A line's account has a row of its own; the others are sums over all lines.
    """

    LINE = "line"
    MERCHANT = "merchant"
    PRODUCT = "product"
    HOUSE = "house"


_GROUPS: Final = {
    1: Group.ASSET,
    2: Group.LIABILITY,
    3: Group.EQUITY,
    4: Group.INCOME,
    5: Group.EXPENSE,
    9: Group.OFF_BALANCE,
}
_SCOPES: Final = {1: Scope.LINE, 2: Scope.MERCHANT, 3: Scope.PRODUCT, 4: Scope.HOUSE}
_DEBIT_GROUPS: Final = frozenset({Group.ASSET, Group.EXPENSE, Group.OFF_BALANCE})
_FIRST_CONTRA: Final = 91

Text = Annotated[str, Meta(min_length=1)]


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """One name in both languages."""

    zh: Text
    en: Text


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """One account of the chart; what it is and who owns it stand in its number.

    >>> allowance = Account(number=1391, name=Names(zh="贷款损失准备", en="Allowance for credit losses"))
    >>> allowance.group, allowance.scope, allowance.is_debit
    (<Group.ASSET: 'asset'>, <Scope.PRODUCT: 'product'>, False)
    """

    number: Annotated[int, Meta(ge=1000, le=9999)]
    name: Names

    @property
    def group(self) -> Group:
        """Asset, liability, equity, income, expense, or off the balance sheet."""
        return _GROUPS[self.number // 1000]

    @property
    def scope(self) -> Scope:
        """Whose account it is."""
        return _SCOPES[self.number // 100 % 10]

    @property
    def is_contra(self) -> bool:
        """Whether it takes away from the accounts of its group."""
        return self.number % 100 >= _FIRST_CONTRA

    @property
    def is_debit(self) -> bool:
        """Whether its balance is normally a debit."""
        return (self.group in _DEBIT_GROUPS) != self.is_contra


class ChartFault(ValueError):
    """The chart contradicts itself; the message names the account and the way out."""


@cache
def chart() -> dict[str, Account]:
    """The accounts that ship, by code, in the order of their numbers.

    >>> chart()["cash"].group, chart()["receivable_fee"].scope
    (<Group.ASSET: 'asset'>, <Scope.LINE: 'line'>)
    """
    return read_chart(files("tallystick.ledger").joinpath("chart.toml").read_text(encoding="utf-8"))


def read_chart(text: str) -> dict[str, Account]:
    """Accounts by code from TOML. Raises `ChartFault` naming every account that is wrong."""
    try:
        accounts = msgspec.convert(tomllib.loads(text).get("accounts", {}), dict[str, Account])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise ChartFault(f"chart of accounts: {fault}; give a number and both names of each account") from fault
    faults: list[str] = []
    by_number: dict[int, str] = {}
    for code, account in accounts.items():
        number = account.number
        if number // 1000 not in _GROUPS:
            faults.append(f"{code}: number {number} is in no group; begin it with 1, 2, 3, 4, 5 or 9")
        if number // 100 % 10 not in _SCOPES:
            faults.append(f"{code}: number {number} has no owner; its second figure is 1, 2, 3 or 4")
        if number in by_number:
            faults.append(f"{code}: number {number} is that of {by_number[number]}; give it one of its own")
        by_number.setdefault(number, code)
    if faults:
        raise ChartFault("chart of accounts: " + "\n".join(faults))
    return dict(sorted(accounts.items(), key=lambda entry: entry[1].number))


@cache
def chart_sha256() -> bytes:
    """The SHA-256 of what the numbers mean: every seal over transfers holds it."""
    return hashlib.sha256(msgspec.json.encode(chart(), order="sorted")).digest()
