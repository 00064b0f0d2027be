"""A bank's answers to direct debits as CSV: paid, failed or returned, with the code and the day."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from msgspec import Struct

from tallystick.sources.csv_rows import RejectedRow, RowFault, Wrong, past_date, read_rows
from tallystick.units.ids import IdFault, IdPrefix, decode_id

REQUIRED: Final = ("debit", "outcome", "answered_on")
OPTIONAL: Final = ("code",)
OUTCOMES: Final = ("paid", "failed", "returned")


class DebitAnswer(Struct, frozen=True):
    """What the bank says of one instruction; `code` is None where it paid."""

    file_line: int
    debit_id: int
    outcome: str
    code: str | None
    answered_on: date


def read_debit_answers(path: Path, *, today: date, codes: frozenset[str]) -> Iterator[DebitAnswer | RejectedRow]:
    """The answers in the order of the file, streamed; what is wrong with one stops no other.

    Raises `FileFault` for what is no such table at all.
    """

    def parse(told: dict[str, str], file_line: int) -> DebitAnswer:
        if told["outcome"] not in OUTCOMES:
            raise Wrong("outcome", RowFault.OUTCOME_UNKNOWN)
        code = told.get("code") or None
        if (code is None) != (told["outcome"] == "paid") or (code is not None and code not in codes):
            raise Wrong("code", RowFault.CODE_UNKNOWN)
        try:
            debit_id = decode_id(IdPrefix.DEBIT, told["debit"])
        except IdFault as error:
            raise Wrong("debit", RowFault.NOT_AN_ID) from error
        return DebitAnswer(
            file_line=file_line,
            debit_id=debit_id,
            outcome=told["outcome"],
            code=code,
            answered_on=past_date(told["answered_on"], field="answered_on", today=today),
        )

    return read_rows(path, required=REQUIRED, optional=OPTIONAL, parse=parse)
