"""The chart of accounts as data: every account's number, side, scope and name, read once and checked as a whole."""

import hashlib
import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct


class Scope(StrEnum):
    """Who owns an account, and so how its balance is kept: a row of the line's own, or a sum over all."""

    LINE = "line"
    MERCHANT = "merchant"
    PRODUCT = "product"
    HOUSE = "house"


class Group(StrEnum):
    """What an account is, by the first figure of its number."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"
    OFF_BALANCE = "off_balance"


_GROUPS: Final = {
    1: Group.ASSET,
    2: Group.LIABILITY,
    3: Group.EQUITY,
    4: Group.INCOME,
    5: Group.EXPENSE,
    9: Group.OFF_BALANCE,
}
_DEBIT_GROUPS: Final = frozenset({Group.ASSET, Group.EXPENSE})


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """One name in both languages."""

    zh: str
    en: str


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """One account of the chart. An odd off-balance number is the claim, the even one after it its contra."""

    number: int
    scope: Scope
    name: Names

    @property
    def group(self) -> Group:
        """Asset, liability, equity, income, expense, or off the balance sheet."""
        return _GROUPS[self.number // 1000]

    @property
    def is_debit(self) -> bool:
        """Whether its balance is normally a debit."""
        if self.group is Group.OFF_BALANCE:
            return self.number % 2 == 1
        return self.group in _DEBIT_GROUPS

    @property
    def is_shared(self) -> bool:
        """Whether many lines post to it, so that no row of its own may be locked by each of them."""
        return self.scope is not Scope.LINE


class ChartFault(ValueError):
    """The chart contradicts itself; the message names the account and the way out."""


@cache
def chart() -> dict[str, Account]:
    """The accounts that ship, by code.

    >>> chart()["cash"].group, chart()["receivable_fee"].scope
    (<Group.ASSET: 'asset'>, <Scope.LINE: 'line'>)
    """
    return read_chart(files("tallystick.ledger").joinpath("chart.toml").read_text(encoding="utf-8"))


def read_chart(text: str) -> dict[str, Account]:
    """Accounts by code from TOML. Raises `ChartFault` naming the account that is wrong."""
    try:
        accounts = msgspec.convert(tomllib.loads(text).get("accounts", {}), dict[str, Account])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise ChartFault(f"chart of accounts: {fault}; give number, scope and both names of each account") from fault
    by_number: dict[int, str] = {}
    for code, account in accounts.items():
        if account.number // 1000 not in _GROUPS:
            raise ChartFault(f"{code}: number {account.number} is in no group; begin it with 1, 2, 3, 4, 5 or 9")
        if account.number in by_number:
            raise ChartFault(f"{code}: number {account.number} is that of {by_number[account.number]}; number it anew")
        by_number[account.number] = code
    return accounts


def chart_hash() -> str:
    """The SHA-256 of the chart's content, in hexadecimal: books say by which chart they were kept."""
    return hashlib.sha256(msgspec.json.encode(chart(), order="sorted")).hexdigest()
