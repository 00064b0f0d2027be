"""Rows of money files as CSV: read one by one, what is wrong with one explained, nothing of a file that is no table."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from tallystick.sources.files import FileFault

LONGEST_CELL: Final = 200
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Row = TypeVar("Row")


class RowFault(StrEnum):
    """Why a row of a money file is not booked, in order of precedence. Never reused."""

    WRONG_NUMBER_OF_CELLS = "WRONG_NUMBER_OF_CELLS"
    MISSING_REQUIRED = "MISSING_REQUIRED"
    TOO_LONG = "TOO_LONG"
    NOT_TEXT = "NOT_TEXT"
    NOT_A_DATE = "NOT_A_DATE"
    DATE_IN_FUTURE = "DATE_IN_FUTURE"
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    NOT_AN_AMOUNT = "NOT_AN_AMOUNT"
    ZERO_AMOUNT = "ZERO_AMOUNT"
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"
    NOT_AN_ID = "NOT_AN_ID"
    CHANNEL_UNKNOWN = "CHANNEL_UNKNOWN"
    CLEARS_AND_RETURNS = "CLEARS_AND_RETURNS"
    RETURN_NOT_NEGATIVE = "RETURN_NOT_NEGATIVE"
    REFERENCE_REUSED = "REFERENCE_REUSED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    CODE_UNKNOWN = "CODE_UNKNOWN"
    DEBIT_UNKNOWN = "DEBIT_UNKNOWN"
    ANSWERED_BEFORE_ASKED = "ANSWERED_BEFORE_ASKED"
    ANSWERED_OTHERWISE = "ANSWERED_OTHERWISE"
    NOT_PAID_BEFORE = "NOT_PAID_BEFORE"
    PAYOUT_OUTCOME_UNKNOWN = "PAYOUT_OUTCOME_UNKNOWN"
    PAYOUT_UNKNOWN = "PAYOUT_UNKNOWN"
    BOOKED_OTHERWISE = "BOOKED_OTHERWISE"


# Chinese, English: what is wrong and the way out.
ROW_FAULT_TEXTS: Final[dict[RowFault, tuple[str, str]]] = {
    RowFault.WRONG_NUMBER_OF_CELLS: ("列数与表头不符", "give as many cells as the header has"),
    RowFault.MISSING_REQUIRED: ("必填项为空", "give a value: the field is required"),
    RowFault.TOO_LONG: ("内容过长（至多 200 字）", "give at most 200 characters"),
    RowFault.NOT_TEXT: ("含换行或控制字符", "give plain text: the cell has a line break or a control character"),
    RowFault.NOT_A_DATE: ("不是日期，格式为 2026-11-24", "give a date such as 2026-11-24"),
    RowFault.DATE_IN_FUTURE: ("日期在今天之后", "give a day that has come; import later days when they have"),
    RowFault.CURRENCY_UNKNOWN: ("未知币种", "give an ISO 4217 code such as CNY"),
    RowFault.NOT_AN_AMOUNT: (
        "不是该币种的金额，例如 1234.56，支出为负",
        "give an amount such as 1234.56 with no finer digits than the currency has; what went out is negative",
    ),
    RowFault.ZERO_AMOUNT: ("金额为零，无可入账", "leave the row out: nothing moved"),
    RowFault.AMOUNT_TOO_LARGE: ("金额超过单笔上限", "give at most 10,000,000,000,000 minor units, or split the row"),
    RowFault.NOT_AN_ID: ("不是有效编号", "give the id as Tallystick tells it"),
    RowFault.CHANNEL_UNKNOWN: (
        "未知渠道，可填 bank、gateway、direct_debit（不含本渠道）、settlement、payout",
        "give another channel (bank, gateway, direct_debit), settlement or payout, or leave the cell empty",
    ),
    RowFault.CLEARS_AND_RETURNS: (
        "clears 与 returns 只能填一项",
        "a row clears or returns, not both: empty one of the two cells",
    ),
    RowFault.RETURN_NOT_NEGATIVE: (
        "退回款项的金额应为负",
        "a payment that came back went out: give a negative amount, or empty the cell",
    ),
    RowFault.REFERENCE_REUSED: (
        "同一渠道的该流水号已入账，但内容不同",
        "this reference was booked with other contents: ask the channel which is right",
    ),
    RowFault.OUTCOME_UNKNOWN: ("未知结果", "give paid, failed or returned"),
    RowFault.CODE_UNKNOWN: (
        "未知返回码；扣款成功不填返回码",
        "give a return code of `tallystick debits codes`; what was paid has none",
    ),
    RowFault.DEBIT_UNKNOWN: ("没有这笔代扣指令", "give the id that the instruction file has"),
    RowFault.ANSWERED_BEFORE_ASKED: (
        "答复日早于指令日",
        "give the day of the answer: the bank was not asked before then",
    ),
    RowFault.ANSWERED_OTHERWISE: ("该指令此前已有不同结果", "this was answered otherwise before: ask the bank"),
    RowFault.NOT_PAID_BEFORE: ("该指令未曾扣款成功，无法退回", "only a debit that was paid can be returned"),
    RowFault.PAYOUT_OUTCOME_UNKNOWN: ("未知结果", "give paid or returned"),
    RowFault.PAYOUT_UNKNOWN: (
        "没有这笔付款，或该次结算未付款",
        "give the id of a row of the settlement file whose `paid` is above zero",
    ),
    RowFault.BOOKED_OTHERWISE: (
        "对账单或回调已用该编号入账",
        "a statement or a callback brought money under this id already: compare it with this answer",
    ),
}


class RejectedRow(Struct, frozen=True):
    """A row that is not booked: where it stands, the field at fault, what stands there, and why."""

    file_line: int
    field: str
    value: str
    fault: RowFault


class Wrong(ValueError):
    """What is wrong with a cell; turned into a rejected row."""

    def __init__(self, field: str, fault: RowFault) -> None:
        super().__init__(field)
        self.field, self.fault = field, fault


def file_sha256(path: Path) -> bytes:
    """The hash of a file's contents, read in pieces.

    Raises `FileFault` where it cannot be read.
    """
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest()
    except OSError as error:
        raise FileFault(f"{path}: cannot be read ({error.strerror}); give a CSV file that you may read") from error


def read_rows(
    path: Path,
    *,
    required: Sequence[str],
    optional: Sequence[str],
    parse: Callable[[dict[str, str], int], Row],
) -> Iterator[Row | RejectedRow]:
    """The rows in the order of the file, streamed; `parse` makes one of its cells and line, or raises `Wrong`.

    Raises `FileFault` for what is no such table at all: nothing was given yet then.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, strict=True)
            columns = _columns(path, next(rows, []), required=required, optional=optional)
            known = [name for name in columns if name in {*required, *optional}]
            for cells in rows:
                if cells:
                    yield _row(cells, columns, known, required, parse, file_line=rows.line_num)
    except UnicodeDecodeError as error:
        raise FileFault(f"{path}: is not UTF-8 text; save it as UTF-8 CSV") from error
    except csv.Error as error:
        raise FileFault(f"{path}: is not a CSV table ({error}); export it again") from error
    except OSError as error:
        raise FileFault(f"{path}: cannot be read ({error.strerror}); give a CSV file that you may read") from error


def _columns(path: Path, header: list[str], *, required: Sequence[str], optional: Sequence[str]) -> list[str]:
    columns = [name.strip() for name in header]
    missing = [name for name in required if name not in columns]
    if missing:
        known = ", ".join((*required, *optional))
        raise FileFault(f"{path}: has no column {', '.join(missing)}; the columns are {known}")
    twice = sorted({name for name in (*required, *optional) if columns.count(name) > 1})
    if twice:
        raise FileFault(f"{path}: more than one column is named {', '.join(twice)}; give each its own name")
    return columns


def _row(
    cells: list[str],
    columns: list[str],
    known: Sequence[str],
    required: Sequence[str],
    parse: Callable[[dict[str, str], int], Row],
    *,
    file_line: int,
) -> Row | RejectedRow:
    if len(cells) != len(columns):
        return _rejected(file_line, "", ",".join(cells), RowFault.WRONG_NUMBER_OF_CELLS)
    told = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    try:
        for name in known:
            if _CONTROL.search(told[name]):
                raise Wrong(name, RowFault.NOT_TEXT)
        for name in required:
            if not told[name]:
                raise Wrong(name, RowFault.MISSING_REQUIRED)
        return parse(told, file_line)
    except Wrong as wrong:
        return _rejected(file_line, wrong.field, told.get(wrong.field, ""), wrong.fault)


def _rejected(file_line: int, field: str, value: str, fault: RowFault) -> RejectedRow:
    return RejectedRow(file_line, field, _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)[:LONGEST_CELL], fault)


def past_date(text: str, *, field: str, today: date) -> date:
    """A day that has come; raises `Wrong`."""
    if not _DATE.fullmatch(text):  # Python reads 20261124 and 2026-W48-2 as well
        raise Wrong(field, RowFault.NOT_A_DATE)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Wrong(field, RowFault.NOT_A_DATE) from error
    if day > today:
        raise Wrong(field, RowFault.DATE_IN_FUTURE)
    return day
