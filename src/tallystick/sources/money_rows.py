"""Statements of banks and gateways as CSV: one row for each movement of money, or the reason why it is none."""

import csv
import hashlib
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from tallystick.sources.files import FileFault
from tallystick.units.ids import IdFault, IdPrefix, decode_id
from tallystick.units.money import MINOR_DIGITS

REQUIRED: Final = ("reference", "value_on", "amount", "currency")
OPTIONAL: Final = ("line", "clears", "returns")
_AMOUNT: Final = re.compile(r"[+-]?\d{1,15}(\.\d{1,3})?")
_LONGEST_CELL: Final = 200


class RowFault(StrEnum):
    """Why a row of a money file is not booked, in order of precedence. Never reused."""

    WRONG_NUMBER_OF_CELLS = "WRONG_NUMBER_OF_CELLS"
    MISSING_REQUIRED = "MISSING_REQUIRED"
    TOO_LONG = "TOO_LONG"
    NOT_A_DATE = "NOT_A_DATE"
    DATE_IN_FUTURE = "DATE_IN_FUTURE"
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    NOT_AN_AMOUNT = "NOT_AN_AMOUNT"
    ZERO_AMOUNT = "ZERO_AMOUNT"
    NOT_AN_ID = "NOT_AN_ID"
    CHANNEL_UNKNOWN = "CHANNEL_UNKNOWN"
    REFERENCE_REUSED = "REFERENCE_REUSED"


# Chinese, English: what is wrong and the way out.
ROW_FAULT_TEXTS: Final[dict[RowFault, tuple[str, str]]] = {
    RowFault.WRONG_NUMBER_OF_CELLS: ("列数与表头不符", "give as many cells as the header has"),
    RowFault.MISSING_REQUIRED: ("必填项为空", "give a value: the field is required"),
    RowFault.TOO_LONG: ("内容过长（至多 200 字）", "give at most 200 characters"),
    RowFault.NOT_A_DATE: ("不是日期，格式为 2026-11-24", "give a date such as 2026-11-24"),
    RowFault.DATE_IN_FUTURE: ("日期在今天之后", "give a day that has come; import later days when they have"),
    RowFault.CURRENCY_UNKNOWN: ("未知币种", "give an ISO 4217 code such as CNY"),
    RowFault.NOT_AN_AMOUNT: (
        "不是该币种的金额，例如 1234.56，支出为负",
        "give an amount such as 1234.56 with no finer digits than the currency has; what went out is negative",
    ),
    RowFault.ZERO_AMOUNT: ("金额为零，无可入账", "leave the row out: nothing moved"),
    RowFault.NOT_AN_ID: ("不是额度编号", "give the line's id as the API tells it, or leave the cell empty"),
    RowFault.CHANNEL_UNKNOWN: ("未知渠道", "give gateway or direct_debit, or leave the cell empty"),
    RowFault.REFERENCE_REUSED: (
        "同一渠道的该流水号已入账，但内容不同",
        "this reference was booked with other contents: ask the channel which is right",
    ),
}


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


class RejectedRow(Struct, frozen=True):
    """A row that is not booked: where it stands, the field at fault, what stands there, and why."""

    file_line: int
    field: str
    value: str
    fault: RowFault


def file_sha256(path: Path) -> bytes:
    """The hash of a file's contents, read in pieces.

    Raises `FileFault` where it cannot be read.
    """
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest()
    except OSError as error:
        raise FileFault(f"{path}: cannot be read ({error.strerror}); give a CSV file that you may read") from error


def read_money_rows(path: Path, *, today: date, channels: frozenset[str]) -> Iterator[MoneyRow | RejectedRow]:
    """The rows of a statement in the order of the file, streamed; what is wrong with one stops no other.

    Raises `FileFault` for what is no such table at all: nothing was given yet then.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, strict=True)
            columns = _columns(path, next(rows, []))
            for cells in rows:
                if cells:
                    yield _row(cells, columns, file_line=rows.line_num, today=today, channels=channels)
    except UnicodeDecodeError as error:
        raise FileFault(f"{path}: is not UTF-8 text; save it as UTF-8 CSV") from error
    except csv.Error as error:
        raise FileFault(f"{path}: is not a CSV table ({error}); export it again") from error
    except OSError as error:
        raise FileFault(f"{path}: cannot be read ({error.strerror}); give a CSV file that you may read") from error


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [name.strip() for name in header]
    known = (*REQUIRED, *OPTIONAL)
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise FileFault(f"{path}: has no column {', '.join(missing)}; the columns are {', '.join(known)}")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise FileFault(f"{path}: more than one column is named {', '.join(twice)}; give each its own name")
    return columns


class _Wrong(ValueError):
    def __init__(self, field: str, fault: RowFault) -> None:
        super().__init__(field)
        self.field, self.fault = field, fault


def _row(
    cells: list[str], columns: list[str], *, file_line: int, today: date, channels: frozenset[str]
) -> MoneyRow | RejectedRow:
    if len(cells) != len(columns):
        return RejectedRow(file_line, "", ",".join(cells)[:_LONGEST_CELL], RowFault.WRONG_NUMBER_OF_CELLS)
    told = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    try:
        return _booked(told, file_line=file_line, today=today, channels=channels)
    except _Wrong as wrong:
        return RejectedRow(file_line, wrong.field, told.get(wrong.field, "")[:_LONGEST_CELL], wrong.fault)


def _booked(told: dict[str, str], *, file_line: int, today: date, channels: frozenset[str]) -> MoneyRow:
    for name in REQUIRED:
        if not told[name]:
            raise _Wrong(name, RowFault.MISSING_REQUIRED)
    for name in ("reference", "returns"):
        if len(told.get(name, "")) > _LONGEST_CELL:
            raise _Wrong(name, RowFault.TOO_LONG)
    clears = told.get("clears") or None
    if clears is not None and clears not in channels:
        raise _Wrong("clears", RowFault.CHANNEL_UNKNOWN)
    return MoneyRow(
        file_line=file_line,
        reference=told["reference"],
        value_on=_date(told["value_on"], today=today),
        amount_minor=_minor(told["amount"], currency=told["currency"]),
        currency=told["currency"],
        line_id=_line_id(told.get("line", "")),
        clears=clears,
        returns=told.get("returns") or None,
    )


def _date(text: str, *, today: date) -> date:
    try:
        value_on = date.fromisoformat(text)
    except ValueError as error:
        raise _Wrong("value_on", RowFault.NOT_A_DATE) from error
    if value_on > today:
        raise _Wrong("value_on", RowFault.DATE_IN_FUTURE)
    return value_on


def _minor(text: str, *, currency: str) -> int:
    """A decimal of major units as whole minor units; what is finer than the currency is refused, not rounded."""
    if currency not in MINOR_DIGITS:
        raise _Wrong("currency", RowFault.CURRENCY_UNKNOWN)
    if not _AMOUNT.fullmatch(text):
        raise _Wrong("amount", RowFault.NOT_AN_AMOUNT)
    try:
        minor = Decimal(text).scaleb(MINOR_DIGITS[currency])
    except InvalidOperation as error:
        raise _Wrong("amount", RowFault.NOT_AN_AMOUNT) from error
    if minor != minor.to_integral_value():
        raise _Wrong("amount", RowFault.NOT_AN_AMOUNT)
    if minor == 0:
        raise _Wrong("amount", RowFault.ZERO_AMOUNT)
    return int(minor)


def _line_id(text: str) -> int | None:
    if not text:
        return None
    try:
        return decode_id(IdPrefix.LINE, text)
    except IdFault as error:
        raise _Wrong("line", RowFault.NOT_AN_ID) from error


def write_rejects(path: Path, rejected: list[RejectedRow]) -> None:
    """Write rejected rows beside the file they come from: line, field, value, reason, and the way out in zh and en."""
    with path.open("w", encoding="utf-8", newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["line", "field", "value", "reason", "zh", "en"])
        for row in rejected:
            rows.writerow([row.file_line, row.field, row.value, row.fault, *ROW_FAULT_TEXTS[row.fault]])
