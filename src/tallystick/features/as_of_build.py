"""Features at an instant from tables and files: the one query, run by DuckDB in process, for one or for millions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.as_of_catalog import AsOfFeature
from tallystick.features.as_of_sql import as_of_sql
from tallystick.features.event_tables import (
    EVENT_TABLES,
    MOST_TOLD_MINOR,
    REQUEST_KINDS,
    REQUEST_SCHEMA,
    identity_of,
)

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds

Rows: TypeAlias = "pa.Table | ds.Dataset"


class StreamFaults(ValueError):
    """Requests or streams are not what features can be made of; `faults` holds everything that is wrong at once."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def streams_of(features: Sequence[AsOfFeature]) -> tuple[str, ...]:
    """The streams that these features read."""
    read = {source for feature in features for source in feature.sources}
    return tuple(name for name in EVENT_TABLES if name in read)


def build_as_of(requests: Rows, streams: Mapping[str, Rows], *, features: Sequence[AsOfFeature]) -> pa.Table:
    """`request_id` and one column per feature, one row per request in order of their ids.

    Columns beyond those of the schemas are left alone. Raises `StreamFaults` naming every table, column and count of
    rows that is wrong: a stream that is missing is not an empty one.
    """
    with _checked(requests, streams, features=features) as engine:
        for name in streams_of(features):
            if name in REQUEST_KINDS:
                engine.register(f"given_{name}", _not_asked(streams[name], requests))
        return engine.sql(as_of_sql(tuple(features), dialect="duckdb")).to_arrow_table()


def check_given(requests: Rows, streams: Mapping[str, Rows], *, features: Sequence[AsOfFeature]) -> None:
    """Raise `StreamFaults` as `build_as_of` would, for another engine that computes."""
    with _checked(requests, streams, features=features):
        pass


@contextmanager
def _checked(
    requests: Rows, streams: Mapping[str, Rows], *, features: Sequence[AsOfFeature]
) -> "Iterator[duckdb.DuckDBPyConnection]":
    """An engine that has requests and the streams that features read, each column of its own type."""
    tables: dict[str, tuple[Rows, pa.Schema]] = {"request": (requests, REQUEST_SCHEMA)}
    needed = [name for name in streams_of(features) if name in streams]
    tables |= {name: (streams[name], EVENT_TABLES[name].schema()) for name in needed}
    faults = [*missing_streams(streams, features=features), *table_faults(tables)]
    if faults:
        raise StreamFaults(faults)
    with checked_tables(tables) as engine:
        yield engine


def _not_asked(events: Rows, requests: Rows) -> Rows:
    """The events without those that are requests themselves, where both are in order.

    The query leaves them out by itself, by a hash of all requests; a search in sorted ids costs it less.
    """
    if not (_ascending(events, "event_id") and _ascending(requests, "request_id")) or not requests.num_rows:
        return events
    asked, told = requests.column("request_id").to_numpy(), events.column("event_id").to_numpy()
    places = np.minimum(np.searchsorted(asked, told), len(asked) - 1)
    return events.filter(pa.array(asked[places] != told))


def table_faults(tables: Mapping[str, tuple[Rows, pa.Schema]]) -> list[str]:
    """Every column that is absent or of another type, each told with its table."""
    return [
        f"{name}: {fault}" for name, (rows, schema) in tables.items() for fault in _column_faults(rows.schema, schema)
    ]


@contextmanager
def checked_tables(tables: Mapping[str, tuple[Rows, pa.Schema]]) -> "Iterator[duckdb.DuckDBPyConnection]":
    """DuckDB with the tables as views under their names; raises `StreamFaults` for rows that may not be.

    The order of rows is not kept, which would cost queries time: say ORDER BY.
    """
    faults: list[str] = []
    import duckdb  # which a server, whose streams are PostgreSQL's, need not wait for

    with duckdb.connect(":memory:", config={"preserve_insertion_order": "false"}) as engine:
        for name, (rows, schema) in tables.items():
            engine.register(f"given_{name}", rows)
            columns = ", ".join(f"CAST({field.name} AS {_SQL_TYPES[field.type]}) AS {field.name}" for field in schema)
            engine.sql(f"CREATE VIEW {name} AS SELECT {columns} FROM given_{name}")
        for name, (rows, schema) in tables.items():
            counted = ", ".join(
                [*row_counts(name, schema, repeats=not _ascending(rows, schema.names[0])), odd_kind(name)]
            )
            [(*counts, odd)] = engine.sql(f"SELECT {counted} FROM {name}").fetchall()
            faults += row_faults(name, schema, counts, odd_kind=odd)
        if faults:
            raise StreamFaults(faults)
        yield engine


def missing_streams(given: Collection[str], *, features: Sequence[AsOfFeature]) -> list[str]:
    """The streams that features read and nobody gave, each with who reads it."""
    return [f"{name}: missing; {_needed_by(name, features)}" for name in streams_of(features) if name not in given]


_SQL_TYPES = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.string(): "TEXT", pa.bool_(): "BOOLEAN"}


def _needed_by(name: str, features: Sequence[AsOfFeature]) -> str:
    readers = [feature.name for feature in features if name in feature.sources]
    more = f" and {len(readers) - 1} more" if len(readers) > 1 else ""
    return f"{readers[0]}{more} read it: give it, or choose other features"


def _column_faults(given: pa.Schema, wanted: pa.Schema) -> list[str]:
    """Columns that are not there, or of a type that does not fit."""
    faults = []
    for field in wanted:
        if field.name not in given.names:
            faults.append(f"{field.name}: no such column; give it as {field.type}, null where nobody knows")
        elif not _fits(given.field(field.name).type, field.type):
            faults.append(f"{field.name}: is {given.field(field.name).type}, must be {field.type}")
    return faults


def _fits(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value fits without a change: narrower whole numbers do, and a column of nothing but nulls."""
    if pa.types.is_null(given) or given == wanted:
        return True
    if pa.types.is_int64(wanted):
        return bool(pa.types.is_integer(given)) and given != pa.uint64()
    return bool(pa.types.is_string(wanted)) and bool(pa.types.is_large_string(given) or pa.types.is_dictionary(given))


def _ascending(rows: Rows, ids: str) -> bool:
    """Whether a table at hand has its ids in order, so that none repeats: telling so takes no counting."""
    if not isinstance(rows, pa.Table) or rows.column(ids).null_count:
        return False
    column = rows.column(ids)
    return bool(pc.all(pc.less(column.slice(0, len(column) - 1), column.slice(1))).as_py()) if len(column) else True


# Seconds, milliseconds or nanoseconds taken for microseconds lie outside, and so does what 64 bits cannot add up.
_TICKS: Final = (631_152_000_000_000, 7_258_118_400_000_000)  # the years 1990 to 2199


def row_counts(name: str, schema: pa.Schema, *, repeats: bool = True) -> list[str]:
    """SQL of how many rows of the table `name` repeat an id, have a null where none may be, or a figure out of bounds.

    It runs on any engine; `row_faults` reads the counts. Without `repeats` none does, and nobody has to count.
    """
    never_null = never_null_in(schema)
    repeated = f"COUNT({never_null[0]}) - COUNT(DISTINCT {_identity(name, never_null[0])})" if repeats else "0"
    nulls = [f"COUNT(CASE WHEN {column} IS NULL THEN 1 END)" for column in never_null]
    beyond = [f"COUNT(CASE WHEN {name} < {low} OR {name} > {high} THEN 1 END)" for name, low, high in bounds_of(schema)]
    return [repeated, *nulls, *beyond]


def _identity(name: str, column: str) -> str:
    """What no two rows of a table share, null where the id is."""
    if column != "event_id" or len(identity_of(name)) == 1:
        return column
    told = ", ' ', ".join(f"COALESCE(CAST({each} AS VARCHAR(20)), '')" for each in identity_of(name))
    return f"CASE WHEN NOT {column} IS NULL THEN CONCAT({told}) END"


def never_null_in(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not field.nullable]


def bounds_of(schema: pa.Schema) -> list[tuple[str, int, int]]:
    """The columns whose figures have bounds: ticks of events, and amounts."""
    amounts = [(name, -MOST_TOLD_MINOR, MOST_TOLD_MINOR) for name in schema.names if name.endswith("_minor")]
    return [("tick", _TICKS[0], _TICKS[1] - 1), *amounts]


def odd_kind(name: str) -> str:
    """SQL of a kind of request that nobody knows, null where there is none, and in a table that has no kinds."""
    if name != "request":
        return "CAST(NULL AS VARCHAR(20))"
    known = ", ".join(f"'{kind}'" for kind in REQUEST_KINDS)
    return f"MIN(CASE WHEN NOT kind IN ({known}) THEN kind END)"


_BEYOND: Final = {
    True: "lie outside the years 1990 to 2199; a tick is in microseconds since 1970 (UTC)",
    False: f"are beyond {MOST_TOLD_MINOR:,} minor units; check the unit of amounts",
}


def row_faults(name: str, schema: pa.Schema, counts: Sequence[int], *, odd_kind: str | None) -> list[str]:
    """What those counts say is wrong."""
    never_null = never_null_in(schema)
    repeated, nulls, beyond = counts[0], counts[1 : len(never_null) + 1], counts[len(never_null) + 1 :]
    faults = []
    if repeated:
        faults.append(f"{name}.{never_null[0]}: {repeated:,} rows repeat another's; keep one of each")
    faults += [
        f"{name}.{column}: null on {count:,} rows; every row has one"
        for column, count in zip(never_null, nulls, strict=True)
        if count
    ]
    faults += [
        f"{name}.{column}: {count:,} rows {_BEYOND[column == 'tick']}"
        for (column, _, _), count in zip(bounds_of(schema), beyond, strict=True)
        if count
    ]
    if odd_kind is not None:
        faults.append(f"{name}.kind: {odd_kind!r} is not known; use {', '.join(REQUEST_KINDS)}")
    return faults
