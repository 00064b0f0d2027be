"""Columns of transfers: the same transfers as one by one, and the same refusals."""

import struct
from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from tallystick.ledger.columns import TransferColumns
from tallystick.ledger.transfer import Address


def _columns(
    line_ids: list[int], amounts_minor: list[int], *, debit_code: str = "receivable_interest"
) -> TransferColumns:
    lines = np.array(line_ids, dtype=np.int64)
    return TransferColumns(
        debit_code=debit_code,
        credit_code="accrued_interest",
        currency="CNY",
        effective_on=date(2026, 11, 24),
        kind="interest_billed",
        debit_owner_ids=lines,
        credit_owner_ids=np.full_like(lines, 2),
        amounts_minor=np.array(amounts_minor, dtype=np.int64),
        line_ids=lines,
        event_ids=lines + 100,
    )


def test_a_row_is_the_transfer_it_stands_for() -> None:
    billed = _columns([7, 8], [30, 40]).transfer(1)
    assert (billed.debit, billed.credit) == (Address("receivable_interest", 8), Address("accrued_interest", 2))
    assert (billed.amount_minor, billed.line_id, billed.event_id, billed.kind) == (40, 8, 108, "interest_billed")


def test_no_rows_are_columns_too() -> None:
    assert len(_columns([], [])) == 0


@pytest.mark.parametrize("row_count", [0, 1, 2, 65_536, 65_537])
def test_the_binary_form_holds_each_row_once_and_ends(row_count: int) -> None:
    lines = list(range(1, row_count + 1))
    stream = b"".join(_columns(lines, [line + 5 for line in lines]).binary_rows())
    head, row_bytes = 19, 2 + 5 * 12
    assert len(stream) == head + row_count * row_bytes + 2
    assert stream.startswith(b"PGCOPY\n\xff\r\n\x00")
    assert stream.endswith(b"\xff\xff")
    for row in {0, row_count - 1} - {-1} if row_count else ():
        fields = struct.unpack_from(">h" + "iq" * 5, stream, head + row * row_bytes)
        line_id = row + 1
        assert fields == (5, 8, line_id, 8, 2, 8, line_id + 5, 8, line_id, 8, line_id + 100)


def test_an_amount_of_nothing_in_any_row_is_refused() -> None:
    with pytest.raises(ValueError, match="amounts_minor: lowest is 0"):
        _columns([7, 8, 9], [30, 0, 40])


def test_what_is_common_to_all_rows_is_checked_as_one_transfer_is() -> None:
    with pytest.raises(ValueError, match="there is no account 'interest'"):
        _columns([7], [30], debit_code="interest")


@pytest.mark.parametrize(
    "column", [np.array([1.0, 2.0]), np.array([1], dtype=np.int64), np.array([[1], [2]], dtype=np.int64)],
    ids=["not_whole", "too_short", "a_table"],
)  # fmt: skip
def test_a_column_of_another_kind_or_length_is_named(column: npt.NDArray[np.int64]) -> None:
    sound = _columns([7, 8], [30, 40])
    with pytest.raises(ValueError, match=r"event_ids: .* give int64, one for each of amounts_minor"):
        TransferColumns(
            debit_code=sound.debit_code,
            credit_code=sound.credit_code,
            currency=sound.currency,
            effective_on=sound.effective_on,
            kind=sound.kind,
            debit_owner_ids=sound.debit_owner_ids,
            credit_owner_ids=sound.credit_owner_ids,
            amounts_minor=sound.amounts_minor,
            line_ids=sound.line_ids,
            event_ids=column,
        )
