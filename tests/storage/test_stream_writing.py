"""What a batch of decisions writes into the streams: whole, once, in the decision's own transaction."""

from collections.abc import Callable
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from tallystick.features.as_of_build import StreamFaults
from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.event_streams import WRITTEN, load_stream, write_stream

NOW = 20_000 * DAY_TICKS
VALUES: dict[pa.DataType, list[Any]] = {
    pa.int64(): [7, None, -3],
    pa.bool_(): [True, None, False],
    pa.string(): ['phones, "new"', None, "食品"],
}


def rows(stream: str, *, ids: tuple[int, ...] = (1, 2, 3)) -> pa.Table:
    """Three rows with everything that has to come through unchanged."""
    schema = EVENT_TABLES[stream].schema()
    columns = {field.name: VALUES[field.type] for field in schema}
    columns |= {"event_id": list(ids), "tick": [NOW + 10, NOW + 20, NOW + 30]}
    if stream == "fraud_label":
        columns["purchased_at_tick"] = [NOW + 5, None, NOW + 30]
    return pa.table(columns, schema=schema)


def stored(connection: psycopg.Connection, stream: str) -> list[tuple[Any, ...]]:
    names = ", ".join(EVENT_TABLES[stream].schema().names)
    return connection.execute(f"SELECT {names} FROM stream_{stream} ORDER BY event_id".encode()).fetchall()


@pytest.mark.parametrize("stream", WRITTEN)
@pytest.mark.parametrize("configure", [dump_lists_at_once, lambda _: None], ids=["as a server", "plain"])
def test_what_is_written_stands_there_as_it_was_given(
    connection: psycopg.Connection, stream: str, configure: Callable[[psycopg.Connection], None]
) -> None:
    configure(connection)
    write_stream(connection, stream, rows(stream).to_pydict())
    meant = [tuple(row.values()) for row in rows(stream).to_pylist()]
    assert stored(connection, stream) == meant
    [(xids, own)] = connection.execute(
        f"SELECT array_agg(DISTINCT recorded_xid), pg_current_xact_id()::text::bigint FROM stream_{stream}".encode()
    ).fetchall()
    assert xids == [own]
    connection.rollback()
    load_stream(connection, stream, rows(stream))
    assert stored(connection, stream) == meant


def test_nothing_stays_of_a_transaction_that_is_rolled_back(connection: psycopg.Connection) -> None:
    write_stream(connection, "purchase", rows("purchase").to_pydict())
    connection.rollback()
    assert stored(connection, "purchase") == []
    write_stream(connection, "purchase", rows("purchase").slice(0, 0).to_pydict())
    assert stored(connection, "purchase") == []


def write_table(connection: psycopg.Connection, stream: str, table: pa.Table) -> None:
    write_stream(connection, stream, table.to_pydict())


@pytest.mark.parametrize("write", [write_table, load_stream])
def test_an_event_is_written_once(connection: psycopg.Connection, write: Any) -> None:
    write(connection, "purchase", rows("purchase"))
    connection.commit()
    with pytest.raises(
        StreamFaults, match=r"^purchase: Key \(event_id\)=\(2\) already exists. An event is written once."
    ):
        write(connection, "purchase", rows("purchase", ids=(8, 2, 9)))
    connection.rollback()
    assert [row[0] for row in stored(connection, "purchase")] == [1, 2, 3]


def test_everything_that_is_wrong_is_told_before_anything_is_written(connection: psycopg.Connection) -> None:
    given = rows("purchase")
    wrong = given.drop_columns(["line_id"]).append_column("is_fraud", pa.array([True, None, None]))
    place = wrong.schema.get_field_index("amount_minor")
    wrong = wrong.set_column(place, "amount_minor", pa.array([1.5, None, 2.0]))
    with pytest.raises(StreamFaults) as columns:
        write_stream(connection, "purchase", wrong.to_pydict())
    assert columns.value.faults == (
        "purchase: line_id: no such column; give it as int64, null where nobody knows",
        "purchase: amount_minor: is float, must be int64",
        "purchase: is_fraud: is not known; remove it",
    )
    twice = given.set_column(0, "event_id", pa.array([1, 1, None])).set_column(1, "tick", pa.array([NOW, None, 2]))
    with pytest.raises(StreamFaults) as values:
        write_stream(connection, "purchase", twice.to_pydict())
    assert values.value.faults == (
        "purchase.event_id: 1 rows repeat another's; keep one of each",
        "purchase.event_id: null on 1 rows; every row has one",
        "purchase.tick: null on 1 rows; every row has one",
        "purchase.tick: 1 rows lie outside the years 1990 to 2199; a tick is in microseconds since 1970 (UTC)",
    )
    uneven = given.to_pydict() | {"event_id": [1, 2]}
    with pytest.raises(StreamFaults, match=r"^purchase: columns have 2 and 3 entries; give one per row in each$"):
        write_stream(connection, "purchase", uneven)
    with pytest.raises(StreamFaults, match=r"payment: is not written; write purchase, .* read off the books"):
        write_stream(connection, "payment", rows("payment").to_pydict())
    with pytest.raises(StreamFaults, match="line_id: no such column"):
        load_stream(connection, "purchase", given.drop_columns(["line_id"]))
    assert stored(connection, "purchase") == []


def test_a_write_of_nothing_holds_up_nobody(connection: psycopg.Connection, database_url: str) -> None:
    write_stream(connection, "purchase", rows("purchase").slice(0, 0).to_pydict())
    with psycopg.connect(database_url) as other:
        other.execute("SET lock_timeout = '2s'")
        other.execute("SELECT FROM tile_marks WHERE stream = 'purchase' FOR UPDATE")


def test_a_batch_is_written_within_a_pipeline(connection: psycopg.Connection) -> None:
    with connection.pipeline():
        write_stream(connection, "purchase", rows("purchase").to_pydict())
        write_stream(connection, "purchase_outcome", rows("purchase_outcome").to_pydict())
    assert [len(stored(connection, stream)) for stream in ("purchase", "purchase_outcome")] == [3, 3]
