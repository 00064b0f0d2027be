"""Streams and requests into the database: what a batch of decisions writes, and files by COPY.

The live tables are written, or temporary ones that stand before them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.csv
from msgspec import Struct
from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from tallystick.features.as_of_build import StreamFaults, bounds_of, never_null_in, row_faults, table_faults
from tallystick.features.event_tables import ARROW_TYPES, EVENT_TABLES, REQUEST, STREAM_PREFIX, Column, ColumnType
from tallystick.storage.rows import over_rows

if TYPE_CHECKING:
    import pyarrow.dataset as ds

Rows: TypeAlias = "pa.Table | ds.Dataset"
# Streams that nothing else keeps a record of; all others are read off the books.
WRITTEN: Final = ("purchase", "purchase_outcome", "fraud_label", "application", "bureau_report")
_INSERTS: Final = {
    name: over_rows(
        f"INSERT INTO {STREAM_PREFIX}{name} ({{names}}) SELECT {{names}} FROM {{fresh}}",
        [(column.name, column.type.sql) for column in EVENT_TABLES[name].columns],
    ).for_many
    for name in WRITTEN
}
# What stands for a column's values in Python; None is a null of any.
_KINDS: Final[dict[ColumnType, set[type]]] = {
    ColumnType.BIGINT: {int, type(None)},
    ColumnType.DOUBLE: {int, float, type(None)},
    ColumnType.TEXT: {str, type(None)},
    ColumnType.BOOLEAN: {bool, type(None)},
}


class _Checked(Struct, frozen=True):
    """What rows of a stream are held to, found once: kinds by column, which may not be null, and bounds."""

    schema: pa.Schema
    kinds: Mapping[str, set[type]]
    never_null: tuple[str, ...]
    bounds: tuple[tuple[str, int, int], ...]


def _checked(name: str) -> _Checked:
    table, schema = EVENT_TABLES[name], EVENT_TABLES[name].schema()
    return _Checked(
        schema=schema,
        kinds={column.name: _KINDS[column.type] for column in table.columns},
        never_null=tuple(never_null_in(schema)),
        bounds=tuple(bounds_of(schema)),
    )


_CHECKED: Final = {name: _checked(name) for name in WRITTEN}


def write_stream(connection: Connection, name: str, rows: Mapping[str, Sequence[Any]]) -> None:
    """Append what a batch of decisions adds to a live stream, in one statement of the caller's transaction.

    `rows` are columns of plain values, one entry per row in each. Raises `StreamFaults`, with everything that is wrong:
    a stream that is not written, a column that is missing, unknown, of another type or length, a null where none may
    be, a tick or an amount that cannot be, an event that is there twice or was before. In a pipeline the last comes as
    `UniqueViolation` when the pipeline is read.
    """
    if name not in WRITTEN:
        raise StreamFaults([f"{name}: is not written; write {', '.join(WRITTEN)}, all others are read off the books"])
    faults = _list_faults(name, rows) or _row_faults(name, rows)
    if faults:
        raise StreamFaults(faults)
    with _told_if_known(name):
        values = [list(rows[column.name]) for column in EVENT_TABLES[name].columns]
        connection.execute(_INSERTS[name], values, prepare=True)


def read_event(connection: Connection, name: str, event_id: int) -> dict[str, Any] | None:
    """One row of a live stream that is written, by column; None where there is none."""
    return read_events(connection, name, [event_id]).get(event_id)


def read_events(connection: Connection, name: str, event_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Those rows of a live stream that is written which there are, by id, each by column."""
    columns = [column.name for column in EVENT_TABLES[name].columns]
    statement = sql.SQL("SELECT {} FROM {} WHERE event_id = ANY(%s::bigint[])").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(STREAM_PREFIX + name)
    )
    found = (dict(zip(columns, row, strict=True)) for row in connection.execute(statement, [list(event_ids)]))
    return {row["event_id"]: row for row in found}


def _list_faults(name: str, rows: Mapping[str, Sequence[Any]]) -> list[str]:
    """What is wrong with the columns as they are."""
    faults = []
    known = _CHECKED[name].kinds
    for column, kinds in known.items():
        odd = set(map(type, rows[column])) - kinds if column in rows else None
        if odd is None:
            faults.append(
                f"{name}: {column}: no such column; give it as {_wanted(name, column)}, null where nobody knows"
            )
        elif odd:
            told = " and ".join(sorted(kind.__name__ for kind in odd))
            faults.append(f"{name}: {column}: is {told}, must be {_wanted(name, column)}")
    faults += [f"{name}: {each}: is not known; remove it" for each in rows if each not in known]
    lengths = sorted({len(values) for values in rows.values()})
    if len(lengths) > 1:
        faults.append(f"{name}: columns have {' and '.join(map(str, lengths))} entries; give one per row in each")
    return faults


def _wanted(name: str, column: str) -> pa.DataType:
    return _CHECKED[name].schema.field(column).type


def _row_faults(name: str, rows: Mapping[str, Sequence[Any]]) -> list[str]:
    checked = _CHECKED[name]
    ids = [told for told in rows["event_id"] if told is not None]
    nulls = [list(rows[column]).count(None) for column in checked.never_null]
    beyond = [
        sum([told is not None and not low <= told <= high for told in rows[column]])
        for column, low, high in checked.bounds
    ]
    counts = [len(ids) - len(set(ids)), *nulls, *beyond]
    return row_faults(name, checked.schema, counts, odd_kind=None) if any(counts) else []


@contextmanager
def _told_if_known(name: str) -> Iterator[None]:
    try:
        yield
    except UniqueViolation as error:
        raise StreamFaults([f"{name}: {error.diag.message_detail} An event is written once."]) from error


def load_stream(connection: Connection, name: str, rows: Rows) -> None:
    """Append any number of rows to a stream, live or temporary, in the caller's transaction.

    Columns beyond those of the stream are left alone. Raises `StreamFaults` as `write_stream` does.
    """
    table = EVENT_TABLES[name]
    faults = table_faults({name: (rows, table.schema())})
    if faults:
        raise StreamFaults(faults)
    with _told_if_known(name):
        _copy(connection, STREAM_PREFIX + name, table.columns, rows)


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


def _batches(rows: Rows, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Some columns, as many rows at a time as a data set gives."""
    if isinstance(rows, pa.Table):
        yield from rows.select(names).to_batches(max_chunksize=131_072)
    else:
        yield from rows.to_batches(columns=names)


def _copy(connection: Connection, name: str, columns: tuple[Column, ...], rows: Rows) -> None:
    """As CSV, in which Arrow quotes every text: what is not quoted and empty is a null."""
    names = [column.name for column in columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    schema = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in columns])
    plain = pa.csv.WriteOptions(include_header=False)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in _batches(rows, names):
            text = pa.BufferOutputStream()
            pa.csv.write_csv(pa.Table.from_batches([batch]).cast(schema), text, plain)
            copy.write(memoryview(text.getvalue()))
