"""The bank's answers to payouts in a real PostgreSQL: each booked once, every row that is wrong explained."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.books import Books, ended
from tests.storage.test_settlement import BOUGHT_ON, MERCHANT, Shop, days

from tallystick.operations.money_files import Imported
from tallystick.operations.payouts import import_payout_answers
from tallystick.sources.files import FileFault
from tallystick.storage.settlements import Settlement, unanswered_payouts
from tallystick.units.ids import IdPrefix, encode_id


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A merchant that is paid the day after."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        shop = Shop(Books(connection))
        shop.register()
        yield shop


def paid_out(shop: Shop, *, draw_id: int = 1, on: date = BOUGHT_ON) -> Settlement:
    """A payout of 1,000 yuan, told to the bank the day after the purchase."""
    shop.buy(draw_id, 100_000, on=on)
    (settled,) = shop.settle(on + timedelta(days=1)).settlements
    return settled


def answered(shop: Shop, folder: Path, *rows: str) -> Imported:
    """The bank's answers imported, ten days after the purchase."""
    path = folder / "answers.csv"
    path.write_text("settlement,outcome,answered_on,reference,reason\n" + "".join(f"{row}\n" for row in rows))
    return ended(import_payout_answers(shop.books.connection, path, act=shop.books.act_of(days(10))))


def told(settled: Settlement) -> str:
    """The id as the file has it."""
    return encode_id(IdPrefix.SETTLEMENT, settled.settlement_id)


def test_a_payout_that_arrived_is_known_and_moves_nothing(shop: Shop, tmp_path: Path) -> None:
    settled = paid_out(shop)
    assert [each.settlement_id for each in unanswered_payouts(shop.books.connection)] == [settled.settlement_id]
    row = f"{told(settled)},paid,{days(2)},BK-1,"
    assert answered(shop, tmp_path, row).booked == {"paid": 1, "returned": 0}
    again = answered(shop, tmp_path, row)
    assert (again.booked, again.known) == ({"paid": 0, "returned": 0}, 1)
    assert unanswered_payouts(shop.books.connection) == []
    assert shop.balance("payout_clearing") == 100_000
    shop.books_hold()


def test_a_payout_that_came_back_is_owed_again_once_and_paid_by_the_next_run(shop: Shop, tmp_path: Path) -> None:
    settled = paid_out(shop)
    rows = (
        f"{told(settled)},paid,{days(2)},BK-1,",
        f"{told(settled)},returned,{days(4)},BK-9,account closed",
        f"{told(settled)},returned,{days(4)},BK-9,account closed",
    )
    assert answered(shop, tmp_path, *rows).booked == {"paid": 1, "returned": 1}
    assert answered(shop, tmp_path, *rows).known == len(rows)
    assert shop.balance("merchant_payable", MERCHANT) == 100_000
    back = shop.books.connection.execute("SELECT returned_on, reference FROM returned_payouts").fetchall()
    assert back == [(days(4), "BK-9")]
    (again,) = shop.settle(days(10)).settlements
    assert (again.sent_back_minor, again.paid_minor) == (100_000, 100_000)
    assert [each.settlement_id for each in unanswered_payouts(shop.books.connection)] == [again.settlement_id]
    shop.books_hold()


def test_a_row_that_is_wrong_stops_no_other(shop: Shop, tmp_path: Path) -> None:
    settled = paid_out(shop)
    shop.refund(1, 100_000, fee_minor=0, on=days(2))
    (nothing_paid,) = shop.settle(days(3)).settlements
    rows = (
        f"{encode_id(IdPrefix.SETTLEMENT, 1 << 40)},paid,{days(2)},,",
        f"{told(nothing_paid)},paid,{days(4)},,",
        f"{told(settled)},failed,{days(2)},,",
        f"{told(settled)},paid,{days(0)},,",
        f"{told(settled)},returned,{days(2)},,account closed",
        f"{told(settled)},returned,{days(2)},BK-9,",
        f"{told(settled)},paid,{days(11)},,",
        f"line_0000000000001,paid,{days(2)},,",
        f"{told(settled)},returned,{days(2)},BK-9,account closed",
        f"{told(settled)},returned,{days(2)},BK-10,account closed",
        f"{told(settled)},paid,{days(2)},,",
    )
    found = answered(shop, tmp_path, *rows)
    assert [(row.file_line, row.field, row.fault.value) for row in found.rejected] == [
        (2, "settlement", "PAYOUT_UNKNOWN"),
        (3, "settlement", "PAYOUT_UNKNOWN"),
        (4, "outcome", "PAYOUT_OUTCOME_UNKNOWN"),
        (5, "answered_on", "ANSWERED_BEFORE_ASKED"),
        (6, "reference", "MISSING_REQUIRED"),
        (7, "reason", "MISSING_REQUIRED"),
        (8, "answered_on", "DATE_IN_FUTURE"),
        (9, "settlement", "NOT_AN_ID"),
        (11, "reference", "ANSWERED_OTHERWISE"),
        (12, "outcome", "ANSWERED_OTHERWISE"),
    ]
    assert found.booked == {"paid": 0, "returned": 1}
    path = tmp_path / "other.csv"
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(FileFault, match="has no column settlement"):
        ended(import_payout_answers(shop.books.connection, path, act=shop.books.act_of(days(10))))


def test_an_answer_is_never_edited(shop: Shop, tmp_path: Path) -> None:
    answered(shop, tmp_path, f"{told(paid_out(shop))},paid,{days(2)},BK-1,")
    for edit in ("DELETE FROM paid_payouts", "UPDATE paid_payouts SET reference = 'x'"):
        with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
            shop.books.connection.execute(edit.encode())
