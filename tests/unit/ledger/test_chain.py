"""The chain of seals: sound books prove themselves, and what was changed is named with its place."""

from dataclasses import dataclass
from datetime import date

import msgspec
import pytest

from tallystick.ledger.chain import (
    ChainFault,
    Position,
    Posted,
    Seal,
    Tampering,
    encode,
    fault_of,
    position_of,
    seals_over,
)
from tallystick.ledger.transfer import Address, Transfer

CHART = bytes(32)


def _row(transfer_id: int, *, amount_minor: int = 500, kind: str = "payment") -> bytes:
    moved = Transfer(
        debit=Address("cash", 0),
        credit=Address("credit_balance", 7),
        amount_minor=amount_minor,
        currency="CNY",
        effective_on=date(2026, 11, 24),
        kind=kind,
        line_id=7,
        event_id=transfer_id,
    )
    return encode(Posted(Position(1, 800 + transfer_id // 3, transfer_id), moved, date(2026, 11, 25)))


ROWS = [_row(transfer_id) for transfer_id in range(1, 11)]
FIRST, SECOND, THIRD = seals_over(ROWS, after=None, chart_sha256=CHART, most=4)


def test_each_field_has_its_length_and_its_bytes() -> None:
    """Fourteen fields; 2026-11-24 is 9,824 days after 2000-01-01; cash is 1401, a credit balance 2101."""
    assert _row(3).hex() == (
        "000e"
        "0000000400000001" "000000080000000000000321" "000000080000000000000003"
        "000000020579" "000000080000000000000000" "000000020835" "000000080000000000000007"
        "0000000800000000000001f4" "00000003434e59" "0000000400002660" "0000000400002661"
        "000000077061796d656e74" "000000080000000000000007" "000000080000000000000003"
    )  # fmt: skip
    assert position_of(_row(3)) == Position(1, 801, 3)


def test_seals_are_of_a_size_chained_and_end_where_their_last_transfer_stands() -> None:
    assert [(seal.number, seal.transfer_count, seal.last.transfer_id) for seal in (FIRST, SECOND, THIRD)] == [
        (1, 4, 4),
        (2, 4, 8),
        (3, 2, 10),
    ]
    assert [len(seal.marks) for seal in (FIRST, SECOND, THIRD)] == [16, 16, 8]
    assert len({FIRST.digest, SECOND.digest, THIRD.digest}) == 3


def test_sealing_goes_on_where_it_was_as_if_never_interrupted() -> None:
    resumed = tuple(seals_over(ROWS[4:], after=FIRST, chart_sha256=CHART, most=4))
    assert resumed == (SECOND, THIRD)


def test_nothing_to_seal_gives_no_seal() -> None:
    assert list(seals_over([], after=SECOND, chart_sha256=CHART)) == []


def test_sound_books_have_no_fault() -> None:
    assert fault_of(FIRST, ROWS[:4], after=None) is None
    assert fault_of(SECOND, ROWS[4:8], after=FIRST) is None
    assert fault_of(THIRD, ROWS[8:], after=SECOND) is None


@dataclass(frozen=True)
class Wrong:
    """What stands in place of the second seal's transfers 5 to 8, and what has to be found."""

    rows: list[bytes]
    tampering: Tampering
    transfer_id: int


WRONGS = {
    "an_amount_changed": Wrong([ROWS[4], _row(6, amount_minor=501), *ROWS[6:8]], Tampering.CHANGED, 6),
    "a_kind_changed": Wrong([*ROWS[4:7], _row(8, kind="refund")], Tampering.CHANGED, 8),
    "the_first_removed": Wrong(ROWS[5:8], Tampering.REMOVED, 0),
    "one_between_removed": Wrong([ROWS[4], *ROWS[6:8]], Tampering.REMOVED, 5),
    "the_last_removed": Wrong(ROWS[4:7], Tampering.REMOVED, 7),
    "all_removed": Wrong([], Tampering.REMOVED, 0),
    "one_inserted": Wrong([*ROWS[4:6], _row(70), *ROWS[6:8]], Tampering.INSERTED, 70),
    "two_reordered": Wrong([ROWS[4], ROWS[6], ROWS[5], ROWS[7]], Tampering.CHANGED, 7),
}


@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS)
def test_the_first_transfer_that_is_not_as_it_was_sealed_is_named(wrong: Wrong) -> None:
    assert fault_of(SECOND, wrong.rows, after=FIRST) == ChainFault(2, wrong.tampering, wrong.transfer_id)


@pytest.mark.parametrize(
    "forged",
    [
        msgspec.structs.replace(SECOND, digest=bytes(32)),
        msgspec.structs.replace(SECOND, chart_sha256=b"\xff" * 32),
        msgspec.structs.replace(SECOND, last=Position(1, 803, 9)),
        msgspec.structs.replace(SECOND, transfer_count=5),
    ],
    ids=["digest", "chart", "last", "count"],
)
def test_a_seal_that_is_not_what_was_written_is_named_itself(forged: Seal) -> None:
    assert fault_of(forged, ROWS[4:8], after=FIRST) == ChainFault(forged.number, Tampering.SEAL, None)


def test_books_rewritten_with_new_seals_no_longer_fit_the_seal_after() -> None:
    """Whoever changes a transfer and seals it anew must also rewrite every later seal."""
    changed = [_row(1, amount_minor=501), *ROWS[1:4]]
    (rewritten,) = seals_over(changed, after=None, chart_sha256=CHART)
    assert fault_of(rewritten, changed, after=None) is None
    assert fault_of(SECOND, ROWS[4:8], after=rewritten) == ChainFault(2, Tampering.SEAL, None)


def test_a_seal_taken_out_of_the_chain_is_named() -> None:
    assert fault_of(THIRD, ROWS[8:], after=FIRST) == ChainFault(2, Tampering.REMOVED, None)
    assert fault_of(SECOND, ROWS[4:8], after=None) == ChainFault(1, Tampering.REMOVED, None)


def test_a_chain_that_was_cut_short_goes_on_with_the_gap_in_it() -> None:
    (later,) = seals_over(ROWS[8:], after=FIRST, chart_sha256=CHART, last_number=2)
    assert later.number == 3
    assert fault_of(later, ROWS[8:], after=FIRST) == ChainFault(2, Tampering.REMOVED, None)
