"""Statements of banks and gateways as CSV: one row for each movement of money, or the reason why it is none."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from tallystick.sources.csv_rows import LONGEST_CELL, RejectedRow, RowFault, Wrong, past_date, read_rows
from tallystick.units.ids import IdFault, IdPrefix, decode_id
from tallystick.units.money import MINOR_DIGITS, MOST_MINOR

REQUIRED: Final = ("reference", "value_on", "amount", "currency")
OPTIONAL: Final = ("line", "clears", "returns")
_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,3})?")


class MoneyRow(Struct, frozen=True):
    """One movement of money as a channel tells it; minor units, negative for what went out.

    `line_id` is the line that the payer named; `clears` the channel whose collected money this is; `returns` the
    reference of an earlier payment that came back.
    """

    file_line: int
    reference: str
    value_on: date
    amount_minor: int
    currency: str
    line_id: int | None = None
    clears: str | None = None
    returns: str | None = None


def read_money_rows(path: Path, *, today: date, channels: frozenset[str]) -> Iterator[MoneyRow | RejectedRow]:
    """The rows of a statement in the order of the file, streamed; what is wrong with one stops no other.

    Raises `FileFault` for what is no such table at all: nothing was given yet then.
    """

    def parse(told: dict[str, str], file_line: int) -> MoneyRow:
        return _money_row(told, file_line=file_line, today=today, channels=channels)

    return read_rows(path, required=REQUIRED, optional=OPTIONAL, parse=parse)


def _money_row(told: dict[str, str], *, file_line: int, today: date, channels: frozenset[str]) -> MoneyRow:
    for name in ("reference", "returns"):
        if len(told.get(name, "")) > LONGEST_CELL:
            raise Wrong(name, RowFault.TOO_LONG)
    clears = told.get("clears") or None
    if clears is not None and clears not in channels:
        raise Wrong("clears", RowFault.CHANNEL_UNKNOWN)
    value_on = past_date(told["value_on"], field="value_on", today=today)
    amount_minor = _minor(told["amount"], currency=told["currency"])
    if told.get("returns"):
        if clears is not None:
            raise Wrong("returns", RowFault.CLEARS_AND_RETURNS)
        if amount_minor > 0:
            raise Wrong("amount", RowFault.RETURN_NOT_NEGATIVE)
    return MoneyRow(
        file_line=file_line,
        reference=told["reference"],
        value_on=value_on,
        amount_minor=amount_minor,
        currency=told["currency"],
        line_id=_line_id(told.get("line", "")),
        clears=clears,
        returns=told.get("returns") or None,
    )


def _minor(text: str, *, currency: str) -> int:
    """A decimal of major units as whole minor units; what is finer than the currency is refused, not rounded."""
    if currency not in MINOR_DIGITS:
        raise Wrong("currency", RowFault.CURRENCY_UNKNOWN)
    if not _AMOUNT.fullmatch(text):
        raise Wrong("amount", RowFault.NOT_AN_AMOUNT)
    minor = Decimal(text).scaleb(MINOR_DIGITS[currency])
    if minor != minor.to_integral_value():
        raise Wrong("amount", RowFault.NOT_AN_AMOUNT)
    if minor == 0:
        raise Wrong("amount", RowFault.ZERO_AMOUNT)
    if abs(minor) > MOST_MINOR:
        raise Wrong("amount", RowFault.AMOUNT_TOO_LARGE)
    return int(minor)


def _line_id(text: str) -> int | None:
    if not text:
        return None
    try:
        return decode_id(IdPrefix.LINE, text)
    except IdFault as error:
        raise Wrong("line", RowFault.NOT_AN_ID) from error
