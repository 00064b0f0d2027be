"""Payouts to merchants after they were told to the bank: its answers booked once, and what it has not answered."""

from collections.abc import Generator
from pathlib import Path

from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.money_files import Imported, book_answers
from tallystick.operations.settlement import payout_came_back
from tallystick.sources.csv_rows import RejectedRow, RowFault
from tallystick.sources.payout_answers import OUTCOMES, PayoutAnswer, read_payout_answers
from tallystick.storage import settlements
from tallystick.units.ids import IdPrefix, encode_id


def import_payout_answers(connection: Connection, path: Path, *, act: Act) -> Generator[float, None, Imported]:
    """Keep the bank's answers, each in a transaction of its own: what came back is owed to the merchant again.

    That a payout arrived moves nothing: the bank's statement clears it.

    Gives how much of the file is done, and returns what became of it. `connection` must be in autocommit. The file is
    read through before anything is booked. A file imported again books what is missing. Raises `FileFault`.
    """

    def book(row: PayoutAnswer) -> bool | RejectedRow:
        settlements.hold_settling(connection)
        return _book(connection, row, act=act)

    rows = list(read_payout_answers(path, today=act.today))
    return (yield from book_answers(connection, rows, outcomes=OUTCOMES, book=book))


def _book(connection: Connection, row: PayoutAnswer, *, act: Act) -> bool | RejectedRow:
    """Book one answer; False where it is known already."""
    settled = settlements.settlement(connection, row.settlement_id)
    told = encode_id(IdPrefix.SETTLEMENT, row.settlement_id)
    if settled is None or settled.paid_minor == 0:
        return RejectedRow(row.file_line, "settlement", told, RowFault.PAYOUT_UNKNOWN)
    if row.answered_on < settled.run_on:
        return RejectedRow(row.file_line, "answered_on", f"{row.answered_on}", RowFault.ANSWERED_BEFORE_ASKED)
    before = settlements.payout_answers(connection, row.settlement_id)
    if row.outcome in before:
        is_same = before[row.outcome] == row.reference
        return False if is_same else RejectedRow(row.file_line, "reference", row.reference, RowFault.ANSWERED_OTHERWISE)
    if row.outcome == "paid":
        if before:
            return RejectedRow(row.file_line, "outcome", row.outcome, RowFault.ANSWERED_OTHERWISE)
        settlements.add_paid_payout(
            connection,
            row.settlement_id,
            reference=row.reference,
            paid_on=row.answered_on,
            recorded_at=act.at,
            recorded_by=act.actor,
        )
        return True
    return payout_came_back(
        connection,
        row.settlement_id,
        reference=row.reference,
        reason=row.reason,
        act=act,
        returned_on=row.answered_on,
    )
