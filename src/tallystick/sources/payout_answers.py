"""A bank's answers to payouts to merchants as CSV: paid, or returned with the reason."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from msgspec import Struct

from tallystick.sources.csv_rows import LONGEST_CELL, RejectedRow, RowFault, Wrong, past_date, read_rows
from tallystick.units.ids import IdFault, IdPrefix, decode_id

REQUIRED: Final = ("settlement", "outcome", "answered_on")
OPTIONAL: Final = ("reference", "reason")
OUTCOMES: Final = ("paid", "returned")


class PayoutAnswer(Struct, frozen=True):
    """What the bank says of one payout; reference and reason are the bank's, empty where it paid and gave none."""

    file_line: int
    settlement_id: int
    outcome: str
    answered_on: date
    reference: str
    reason: str


def read_payout_answers(path: Path, *, today: date) -> Iterator[PayoutAnswer | RejectedRow]:
    """The answers in the order of the file, streamed; what is wrong with one stops no other.

    Raises `FileFault` for what is no such table at all.
    """

    def parse(told: dict[str, str], file_line: int) -> PayoutAnswer:
        if told["outcome"] not in OUTCOMES:
            raise Wrong("outcome", RowFault.PAYOUT_OUTCOME_UNKNOWN)
        reference, reason = told.get("reference", ""), told.get("reason", "")
        for name, text in (("reference", reference), ("reason", reason)):
            if len(text) > LONGEST_CELL:
                raise Wrong(name, RowFault.TOO_LONG)
            if told["outcome"] == "returned" and not text:
                raise Wrong(name, RowFault.MISSING_REQUIRED)
        try:
            settlement_id = decode_id(IdPrefix.SETTLEMENT, told["settlement"])
        except IdFault as error:
            raise Wrong("settlement", RowFault.NOT_AN_ID) from error
        return PayoutAnswer(
            file_line=file_line,
            settlement_id=settlement_id,
            outcome=told["outcome"],
            answered_on=past_date(told["answered_on"], field="answered_on", today=today),
            reference=reference,
            reason=reason,
        )

    return read_rows(path, required=REQUIRED, optional=OPTIONAL, parse=parse)
