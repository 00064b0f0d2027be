"""Rows arrive as they were told, whether one travels as values or many as arrays."""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.rows import execute_rows, over_rows

COLUMNS = (
    ("number", "bigint"),
    ("small", "smallint"),
    ("words", "text"),
    ("day", "date"),
    ("at", "timestamptz"),
    ("is_so", "boolean"),
    ("state", "bytea"),
    ("fact", "jsonb"),
)
INSERT = over_rows("INSERT INTO told (stamped, {names}) SELECT %s, {names} FROM {fresh}", COLUMNS)
AT = datetime(2026, 11, 27, 9, 30, 15, 250_000, tzinfo=UTC)
FULL = (2**63 - 1, -7, 'a "b", {c}\\d', date(2026, 2, 28), AT, False, b"\x00\xff\\", '{"amount_minor": 1}')
EMPTY = (-(2**63), 0, "NULL", date(1, 1, 1), AT, True, b"", "null")
MISSING = (1, None, None, None, None, None, None, None)


@pytest.fixture
def told(connection: psycopg.Connection) -> psycopg.Connection:
    dump_lists_at_once(connection)
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
    connection.execute("SET TIME ZONE 'UTC'")
    connection.execute(f"CREATE TEMPORARY TABLE told (stamped date, {columns})".encode())
    return connection


def _rows(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT stamped, number, small, words, day, at, is_so, state, fact::text FROM told"
    ).fetchall()


@pytest.mark.parametrize("rows", [[FULL], [EMPTY], [MISSING], [FULL, EMPTY, MISSING]])
def test_rows_are_read_as_they_were_written(told: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
    written = execute_rows(told, INSERT, rows, stamp=[date(2026, 11, 27)])
    assert written is not None
    assert written.rowcount == len(rows)
    assert _rows(told) == [(date(2026, 11, 27), *row) for row in rows]


def test_no_rows_are_no_statement(told: psycopg.Connection) -> None:
    assert execute_rows(told, INSERT, [], stamp=[date(2026, 11, 27)]) is None


def test_numbers_of_any_width_and_missing_values_are_one_prepared_statement(told: psycopg.Connection) -> None:
    few = (None, None, None, None, None, b"", None)
    for number in (1, 70_000, 2**40, 2, 3, 4, 5, 6):
        execute_rows(told, INSERT, [(number, *(few if number % 2 else FULL[1:]))], stamp=[date(2026, 11, 27)])
    prepared = told.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO told%'")
    assert prepared.fetchone() == (1,)
