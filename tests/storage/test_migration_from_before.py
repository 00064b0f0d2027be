"""A database of the version before is brought up to date with its books in it, once, whole, by whoever comes first."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import psycopg
import pytest
from tests.books import AT, OPENED_ON, Books

from tallystick.operations.close_day import close_day
from tallystick.operations.ledger import keep_books, verify
from tallystick.operations.lines import Recorded
from tallystick.operations.progress import Silent
from tallystick.servicing import facts
from tallystick.storage import lines
from tallystick.storage.embedded import Running
from tallystick.storage.freezes import freezes_before
from tallystick.storage.migration import Migration, SchemaFault, applied_numbers, known_migrations, migrate

# What the version before this one had: money files, settlement, direct debits and the rest came after.
BEFORE = frozenset({0, 1, 2, 3, 4, 6})
CLOSED_ON = date(2026, 1, 19)


@contextmanager
def database(server: Running, name: str) -> Iterator[str]:
    """An empty database."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        yield server.url.replace("/tallystick?", f"/{name}?", 1)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def of_before() -> tuple[Migration, ...]:
    """The migrations of the version before."""
    return tuple(each for each in known_migrations() if each.number in BEFORE)


def later() -> list[int]:
    """The numbers that this version added."""
    return [each.number for each in known_migrations() if each.number not in BEFORE]


def lived(connection: psycopg.Connection) -> Books:
    """A life in the schema of before: a statement closed, a payment, a correction by two persons."""
    books = Books(connection)
    books.add_borrower(1)
    books.open_line(7, 1)
    assert isinstance(books.buy(7, 70, 100_000, OPENED_ON + timedelta(days=1)), Recorded)
    list(close_day(connection, CLOSED_ON, act=books.act_of(CLOSED_ON + timedelta(days=1))))
    assert isinstance(books.pay(7, 71, 30_000, CLOSED_ON + timedelta(days=2)), Recorded)
    return books


def books_hold(connection: psycopg.Connection) -> None:
    """`ledger verify` finds nothing."""
    while any(keep_books(connection)):
        pass
    assert verify(connection, progress=Silent()).findings == ()


def test_books_of_the_version_before_are_whole_after_the_migration_and_go_on(server: Running) -> None:
    with database(server, "test_before_1") as url, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, known=of_before())
        books = lived(connection)
        before = lines.read_line(connection, 7)
        assert [each.number for each in migrate(connection)] == later()
        after = lines.read_line(connection, 7)
        assert before is not None
        assert after is not None
        assert (after.line, after.revision) == (before.line, before.revision)
        books_hold(connection)
        late = books.pay(7, 72, 10_000, CLOSED_ON + timedelta(days=5), on=CLOSED_ON)
        assert isinstance(late, Recorded)
        moved = sum(close_day(connection, date(2026, 2, 19), act=books.act_of(date(2026, 2, 20))))
        assert moved == 1
        books_hold(connection)


def test_a_migration_that_fails_leaves_nothing_of_it(server: Running) -> None:
    broken = Migration(number=90, name="broken", statements="CREATE TABLE half_done (id bigint); SELECT 1 / 0;")
    with database(server, "test_before_2") as url, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, known=of_before())
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(connection, known=(*of_before(), broken))
        assert set(applied_numbers(connection)) == BEFORE
        assert connection.execute("SELECT to_regclass('half_done')").fetchone() == (None,)
        migrate(connection)


def test_two_that_migrate_at_once_do_it_once(server: Running) -> None:
    with database(server, "test_before_3") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            migrate(connection, known=of_before())
        applied: list[int] = []

        def run() -> None:
            with psycopg.connect(url, autocommit=True) as connection:
                applied.extend(each.number for each in migrate(connection))

        both = [threading.Thread(target=run) for _ in range(2)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert sorted(applied) == later()


def test_a_database_of_a_newer_version_is_refused(server: Running) -> None:
    with database(server, "test_before_4") as url, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection)
        with pytest.raises(SchemaFault, match="a newer Tallystick wrote it"):
            migrate(connection, known=of_before())


def test_tiles_of_before_stand_for_rows_that_are_all_committed(server: Running) -> None:
    known = tuple(each for each in known_migrations() if each.number < 23)
    with database(server, "test_before_5") as url, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, known=known)
        connection.execute("INSERT INTO stream_purchase (event_id, tick, merchant_id) VALUES (1, 5, 5)")
        connection.execute(
            "INSERT INTO tiles_purchase (entity, key, hours, from_tick, row_count) VALUES ('merchant', '5', 1, 0, 1)"
        )
        migrate(connection)
        [(generation, after)] = connection.execute(
            "SELECT last_generation, last_xid - (SELECT max(recorded_xid) FROM stream_purchase) FROM tiles_purchase"
        ).fetchall()
        assert (generation, after > 0) == (1, True)
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute(
                "INSERT INTO tiles_purchase (entity, key, hours, from_tick) VALUES ('merchant', '6', 1, 0)"
            )


def test_lines_that_were_frozen_before_stand_in_the_list_of_freezes(server: Running) -> None:
    known = tuple(each for each in known_migrations() if each.number < 27)
    with database(server, "test_before_6") as url, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, known=known)
        books = lived(connection)
        books.add_borrower(2)
        books.open_line(8, 2)
        books.act(7, facts.LineFrozen(reason="lost"), CLOSED_ON + timedelta(days=3))
        connection.execute("DELETE FROM freezes")  # the version before had none of it
        migrate(connection)
        found = freezes_before(connection, None, most=5)
        assert [(each.subject_id, each.reason, each.placed_by, each.placed_at) for each in found] == [
            (7, "lost", "clerk", AT)
        ]
        assert isinstance(books.act(7, facts.LineUnfrozen(reason="found"), CLOSED_ON + timedelta(days=3)), Recorded)
        assert freezes_before(connection, None, most=5, standing=True) == []
