"""A list that is written at once is read as it was."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.storage.arrays import dump_lists_at_once

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12) | st.sampled_from(
    ["", "NULL", "null", '"', "\\", "{}", ",", " a ", 'a"b\\c,d{e}', "\\x00", "\n", "\\\n", "\\n", "\x7f", "\u2028"]
)
SHANGHAI_1900 = timezone(timedelta(hours=8, minutes=5, seconds=43))
COLUMNS = st.one_of(
    *(
        st.tuples(st.just(name), st.lists(st.none() | elements, max_size=5))
        for name, elements in (
            ("bigint", st.integers(-(2**63), 2**63 - 1)),
            ("text", TEXT),
            ("date", st.dates()),
            ("timestamptz", st.datetimes(timezones=st.sampled_from([UTC, SHANGHAI_1900]))),
            ("bytea", st.binary(max_size=8)),
            ("boolean", st.booleans()),
        )
    )
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COLUMNS)
def test_a_list_is_read_as_it_was_written(connection: psycopg.Connection, column: tuple[str, list[Any]]) -> None:
    dump_lists_at_once(connection)
    connection.execute("SET TIME ZONE 'UTC'")
    name, elements = column
    row = connection.execute(f"SELECT %s::{name}[]".encode(), [elements]).fetchone()
    assert row == (elements,)


def test_a_list_compared_with_a_column_has_the_column_s_type(connection: psycopg.Connection) -> None:
    dump_lists_at_once(connection)
    row = connection.execute("SELECT count(*) FROM pg_class WHERE oid = ANY(%s)", [[1259, 1249]]).fetchone()
    assert row == (2,)


def test_lists_that_are_not_flat_are_written_as_ever(connection: psycopg.Connection) -> None:
    dump_lists_at_once(connection)
    row = connection.execute("SELECT %s::int[], %s::text[]", [[[1, 2], [3, 4]], [["a", "b"], ["c", "d"]]]).fetchone()
    assert row == ([[1, 2], [3, 4]], [["a", "b"], ["c", "d"]])


@pytest.mark.parametrize("told", [[], [None], [date(2026, 11, 24), None], [datetime(2026, 11, 24, tzinfo=UTC)]])
def test_the_same_statement_takes_lists_of_any_element(connection: psycopg.Connection, told: list[Any]) -> None:
    dump_lists_at_once(connection)
    for _ in range(7):  # past the count from which psycopg prepares a statement
        row = connection.execute("SELECT cardinality(%s::text[])", [told]).fetchone()
        assert row == (len(told),)
