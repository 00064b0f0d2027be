"""Seals in a real database: everything committed is sealed once and in order, whatever else goes on."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest
from tests.waiting import wait_until_all_can_see

from tallystick.ledger.chain import Position, Seal, encode, fault_of
from tallystick.ledger.transfer import Address, Transfer
from tallystick.operations.ledger import keep_books, seal
from tallystick.storage.ledger import post, shared_balance
from tallystick.storage.ledger_chain import last_seal, rows_between, seals_after
from tallystick.storage.ledger_reading import all_transfers

TODAY = date(2026, 11, 24)
CASH = Address("cash", 0)
BEGINNING = Position(1, 0, 0)


def paid(line_id: int, amount_minor: int = 100) -> Transfer:
    """A payment into a line's credit balance."""
    return Transfer(
        debit=CASH,
        credit=Address("credit_balance", line_id),
        amount_minor=amount_minor,
        currency="CNY",
        effective_on=date(1999, 12, 31),
        kind="还款",
        line_id=line_id,
        event_id=2**62,
    )


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection]:
    """A second client of the same database."""
    with psycopg.connect(database_url) as other:
        yield other
        other.rollback()


def _post(connection: psycopg.Connection, *line_ids: int) -> None:
    post(connection, [paid(line_id) for line_id in line_ids], booked_on=TODAY)
    connection.commit()


def _seal_all(connection: psycopg.Connection, *, about: int = 65_536) -> list[int]:
    wait_until_all_can_see(connection)
    counts = []
    while count := seal(connection, about=about):
        connection.commit()
        counts.append(count)
    connection.commit()
    return counts


def _sealed_ids(connection: psycopg.Connection) -> list[int]:
    """Ids of sealed transfers in the order of the chain, every seal of it proven."""
    ids: list[int] = []
    before: Seal | None = None
    for each in seals_after(connection, None, most=1_000):
        rows = list(rows_between(connection, after=before.last if before else BEGINNING, last=each.last))
        assert fault_of(each, rows, after=before) is None
        ids += [int.from_bytes(row[26:34], "big") for row in rows]
        before = each
    return ids


def test_the_database_gives_the_canonical_bytes_of_a_transfer(connection: psycopg.Connection) -> None:
    _post(connection, 7, 8)
    posted = all_transfers(connection)
    rows = list(rows_between(connection, after=BEGINNING, last=posted[-1].position))
    assert rows == [encode(each) for each in posted]
    assert len(rows) == 2


def test_what_is_committed_is_sealed_once(connection: psycopg.Connection) -> None:
    _post(connection, 1, 2, 3)
    assert _seal_all(connection) == [3]
    assert _seal_all(connection) == []
    _post(connection, 4)
    assert _seal_all(connection) == [1]
    assert _sealed_ids(connection) == [each.position.transfer_id for each in all_transfers(connection)]


def test_no_transfers_no_seal(connection: psycopg.Connection) -> None:
    assert seal(connection) == 0
    assert last_seal(connection) is None


def test_a_large_backlog_is_sealed_in_windows_that_cut_no_transaction(connection: psycopg.Connection) -> None:
    for first in range(0, 50, 5):
        _post(connection, *range(first + 1, first + 6))
    assert _seal_all(connection, about=7) == [10] * 5
    assert _sealed_ids(connection) == [each.position.transfer_id for each in all_transfers(connection)]


def test_one_transaction_larger_than_a_seal_has_several(connection: psycopg.Connection) -> None:
    _post(connection, *range(1, 5_001))
    assert _seal_all(connection, about=10) == [5_000]
    assert [each.transfer_count for each in seals_after(connection, None, most=9)] == [4_096, 904]
    assert len(_sealed_ids(connection)) == 5_000


def test_a_transfer_is_sealed_only_when_none_before_it_can_still_appear(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    """The other client wrote first and commits last: until then nothing is sealed, then its transfer comes first."""
    post(other, [paid(1)], booked_on=TODAY)
    _post(connection, 2)
    assert seal(connection) == 0
    connection.commit()
    other.commit()
    assert _seal_all(connection) == [2]
    first, second = all_transfers(connection)
    assert _sealed_ids(connection) == [first.position.transfer_id, second.position.transfer_id]


def test_the_order_is_that_of_transactions_and_not_of_ids(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    """The other client's transaction began first and took the later transfer id."""
    other.execute("SELECT pg_current_xact_id()")
    _post(connection, 2)
    post(other, [paid(1)], booked_on=TODAY)
    other.commit()
    assert _seal_all(connection) == [2]
    assert _sealed_ids(connection) == [2, 1]


def test_what_was_rolled_back_leaves_no_gap(connection: psycopg.Connection, other: psycopg.Connection) -> None:
    _post(connection, 1)
    post(other, [paid(2)], booked_on=TODAY)
    other.rollback()
    _post(connection, 3)
    assert _seal_all(connection) == [2]
    assert len(_sealed_ids(connection)) == 2


def test_a_sealing_that_was_killed_is_done_again_to_the_same_seals(connection: psycopg.Connection) -> None:
    _post(connection, 1, 2, 3)
    wait_until_all_can_see(connection)
    assert seal(connection) == 3
    lost = last_seal(connection)
    connection.rollback()
    assert last_seal(connection) is None
    assert _seal_all(connection) == [3]
    assert last_seal(connection) == lost


def test_while_one_seals_another_leaves_it_to_him(connection: psycopg.Connection, other: psycopg.Connection) -> None:
    _post(connection, 1, 2, 3)
    wait_until_all_can_see(connection)
    assert seal(connection) == 3
    assert seal(other) == 0
    connection.commit()
    assert seal(other) == 0
    assert len(_sealed_ids(connection)) == 3


def test_after_a_restore_the_order_goes_on_though_transaction_ids_begin_anew(connection: psycopg.Connection) -> None:
    """A transfer of the second generation, with a transaction id below all of the first, comes after them."""
    _post(connection, 1, 2)
    _seal_all(connection)
    _post(connection, 3)
    connection.execute("INSERT INTO database_generations (generation, reason) VALUES (2, 'restored')")
    connection.execute("SELECT stamp_generation()")
    connection.execute(
        """
        INSERT INTO transfers (debit_owner, credit_owner, amount_minor, line_id, event_id, recorded_xid, effective_on,
                               booked_on, debit_number, credit_number, currency, kind)
        VALUES (0, 4, 100, 4, 1, 5, '2026-11-24', '2026-11-24', 1401, 2101, 'CNY', 'payment')
        """
    )
    connection.commit()
    assert _seal_all(connection) == [1, 1]
    last = last_seal(connection)
    assert last is not None
    assert (last.number, last.last.generation, last.last.xid) == (3, 2, 5)
    assert _sealed_ids(connection) == [1, 2, 3, 4]


def test_keeping_the_books_folds_and_seals_everything(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for line_id in range(1, 8):
            post(connection, [paid(line_id)], booked_on=TODAY)
        wait_until_all_can_see(connection)
        assert list(keep_books(connection)) == [7]
        assert list(keep_books(connection)) == []
        assert connection.execute("SELECT count(*) FROM shared_deltas").fetchone() == (0,)
        assert shared_balance(connection, CASH, currency="CNY").net_minor == 700


def test_writers_and_sealers_at_once_make_one_chain(database_url: str) -> None:
    """Three clients post one to five transfers at a time while two seal: nothing is left out or sealed twice."""
    writers, rounds = 3, 30
    gate = threading.Barrier(writers + 2)
    written = threading.Semaphore(0)

    def write(line_id: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            gate.wait()
            for size in range(rounds):
                with connection.transaction():
                    post(connection, [paid(line_id)] * (1 + size % 5), booked_on=TODAY)
                    time.sleep((size + line_id) % 4 / 400)  # some who began first end last
        written.release()

    def keep(_: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            gate.wait()
            while not written.acquire(blocking=False):
                list(keep_books(connection))

    with ThreadPoolExecutor(writers + 2) as pool:
        for ended in [pool.submit(work, line_id) for line_id, work in enumerate([write] * writers + [keep] * 2, 1)]:
            ended.result(timeout=60)
    with psycopg.connect(database_url) as connection:
        _seal_all(connection)
        seals = seals_after(connection, None, most=1_000)
        assert [each.number for each in seals] == list(range(1, len(seals) + 1))
        every = sorted(all_transfers(connection, most=1_000), key=lambda each: each.position)
        assert len(every) == writers * rounds * 3
        assert _sealed_ids(connection) == [each.position.transfer_id for each in every]
