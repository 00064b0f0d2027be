"""Books that were backed up and restored: whole, still sealed, and their order goes on in the copy."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.moves import TODAY, bought, paid
from tests.waiting import wait_until_all_can_see

from tallystick.ledger.chain import read_anchor
from tallystick.operations.database import Where, back_up, restore
from tallystick.operations.ledger import seal, verify
from tallystick.operations.progress import Silent
from tallystick.storage.embedded import Running
from tallystick.storage.ledger import fold_deltas, post
from tallystick.storage.ledger_chain import last_seal
from tallystick.storage.ledger_reading import all_transfers


@pytest.fixture
def empty_url(server: Running, database_url: str) -> Iterator[str]:
    """A database without anything in it, beside the test's own."""
    name = str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]) + "_copy"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(server.url, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _seal(connection: psycopg.Connection) -> int:
    wait_until_all_can_see(connection)
    sealed = seal(connection)
    connection.commit()
    return sealed


def test_restored_books_are_proven_by_the_anchor_of_the_original(
    database_url: str, empty_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url) as connection:
        post(connection, [bought(7, 500), paid(7, 400)], booked_on=TODAY)
        connection.commit()
        assert _seal(connection) == 2
        post(connection, [paid(7, 30)], booked_on=TODAY)
        connection.commit()
        head = verify(connection, progress=Silent(), figure_checks=()).head
        assert head is not None
    back_up(Where(url=database_url, data_folder=tmp_path), tmp_path / "books.backup")
    assert restore(Where(url=empty_url, data_folder=tmp_path), tmp_path / "books.backup") == 2
    with psycopg.connect(empty_url) as copy:
        post(copy, [paid(8, 5)], booked_on=TODAY)
        copy.commit()
        assert _seal(copy) == 1  # what the original had left, first
        assert _seal(copy) == 1
        last = last_seal(copy)
        assert last is not None
        assert (last.number, last.last.generation) == (3, 2)
        copy.commit()
        proof = verify(copy, progress=Silent(), anchor=read_anchor(head), figure_checks=())
        assert (proof.findings, proof.transfers, proof.sealed_transfers) == ((), 4, 4)


def test_a_backup_made_while_the_books_are_written_is_of_one_moment(
    database_url: str, empty_url: str, tmp_path: Path
) -> None:
    ended = threading.Event()

    def write() -> None:
        with psycopg.connect(database_url) as connection:
            while not ended.is_set():
                post(connection, [bought(7, 500), paid(7, 400)], booked_on=TODAY)
                connection.commit()
                fold_deltas(connection, most=3)
                connection.commit()
                seal(connection)
                connection.commit()

    def count(url: str) -> int:
        with psycopg.connect(url) as connection:
            return len(all_transfers(connection, most=1_000_000))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while count(database_url) < 20:
            pass
        before = count(database_url)
        back_up(Where(url=database_url, data_folder=tmp_path), tmp_path / "books.backup")
        after = count(database_url)
    finally:
        ended.set()
        writer.join(timeout=60)
    restore(Where(url=empty_url, data_folder=tmp_path), tmp_path / "books.backup")
    with psycopg.connect(empty_url) as copy:
        proof = verify(copy, progress=Silent(), figure_checks=())
    assert proof.findings == ()
    assert before <= proof.transfers < after
