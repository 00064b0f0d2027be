"""Streams and requests into the database, by COPY: the live tables, or temporary ones that stand before them."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
from psycopg import Connection, sql

from tallystick.features.event_tables import ARROW_TYPES, EVENT_TABLES, REQUEST, STREAM_PREFIX, Column

Rows: TypeAlias = "pa.Table | ds.Dataset"


def load_stream(connection: Connection, name: str, rows: Rows) -> None:
    """Append rows to a stream, live or temporary, in the caller's transaction."""
    _copy(connection, STREAM_PREFIX + name, EVENT_TABLES[name].columns, rows)


def given_streams(connection: Connection, streams: Mapping[str, Rows]) -> None:
    """Put streams into temporary tables, which every query of this session reads in place of the live ones.

    All of their rows are visible to any decision, and none is rolled up.
    """
    if streams:
        connection.execute("CREATE TEMPORARY TABLE tiled_keys (LIKE tiled_keys)")
    for name, rows in streams.items():
        _temporary(connection, STREAM_PREFIX + name, EVENT_TABLES[name].columns, also=_VISIBLE_TO_ALL)
        load_stream(connection, name, rows)
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(STREAM_PREFIX + name)))


def given_requests(connection: Connection, requests: Rows) -> None:
    """Put requests into a temporary table `request`."""
    _temporary(connection, "request", REQUEST)
    _copy(connection, "request", REQUEST, requests)
    connection.execute("ANALYZE request")


_NOTHING_MORE: Final = sql.SQL("")
# The columns that live streams have besides: as of a generation before the first one.
_VISIBLE_TO_ALL: Final = sql.SQL(
    """
    , recorded_generation integer NOT NULL DEFAULT 0, recorded_xid bigint NOT NULL DEFAULT 0,
    recorded_payments recorded_payment[]
    """
)


def _temporary(connection: Connection, name: str, columns: Iterable[Column], *, also: sql.SQL = _NOTHING_MORE) -> None:
    columns_sql = sql.SQL(", ").join(
        sql.SQL("{} " + column.type.sql).format(sql.Identifier(column.name)) for column in columns
    )
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}{})").format(sql.Identifier(name), columns_sql, also))


def _copy(connection: Connection, name: str, columns: tuple[Column, ...], rows: Rows) -> None:
    """As CSV, in which Arrow quotes every text: what is not quoted and empty is a null."""
    names = [column.name for column in columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    schema = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in columns])
    plain = pa.csv.WriteOptions(include_header=False)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in (ds.dataset(rows) if isinstance(rows, pa.Table) else rows).to_batches(columns=names):
            text = pa.BufferOutputStream()
            pa.csv.write_csv(pa.Table.from_batches([batch]).cast(schema), text, plain)
            copy.write(memoryview(text.getvalue()))
