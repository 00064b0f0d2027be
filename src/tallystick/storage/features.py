"""Features at an instant, computed in PostgreSQL: for a batch that waits, and for any number of requests."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count as numbered
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa
from psycopg import Connection, RawCursor, sql

from tallystick.features.as_of_catalog import AsOfFeature
from tallystick.features.as_of_sql import as_of_sql
from tallystick.features.as_seen_build import Batch
from tallystick.features.event_tables import ARROW_TYPES, ENTITIES, REQUEST, STREAM_PREFIX
from tallystick.features.per_request_sql import SEEN_COLUMNS, per_given_request_sql, per_request_sql
from tallystick.features.visible_set import VisibleSet
from tallystick.storage.event_streams import Rows, given_requests
from tallystick.storage.stream_export import read_copied

# A plan for these queries takes a hundred times as long as a batch, and does not depend on what is asked.
_PLANNED_ONCE: Final = (
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true)"
)


@dataclass(frozen=True, slots=True)
class FeaturesSeen:
    """Features of a batch, and the visible set that they were read from."""

    columns: pa.Table
    seen: VisibleSet


def features_at(
    connection: Connection,
    requests: pa.Table,
    *,
    features: tuple[AsOfFeature, ...],
    seen: VisibleSet | None = None,
) -> FeaturesSeen:
    """`request_id` and a column per feature for a batch of requests, one row each in order of their ids.

    The statement is prepared once per connection. It sees what is committed when it begins, and says what that was;
    or, where a batch is computed again, what was visible to that batch: the same answers, to the last bit. What this
    transaction wrote itself is not seen. A later request of the batch sees the earlier ones, as asked, and never what
    became of them.
    """
    columns, read_from = feature_lists(connection, requests.to_pydict(), features=features, seen=seen)
    return FeaturesSeen(pa.table(columns, schema=built_schema(features)), read_from)


def feature_lists(
    connection: Connection,
    requests: Mapping[str, Sequence[Any]],
    *,
    features: tuple[AsOfFeature, ...],
    seen: VisibleSet | None = None,
) -> tuple[dict[str, list[Any]], VisibleSet]:
    """The same from lists into lists, which is what a purchase that waits comes in and is decided from."""
    arrays = [list(requests[column.name]) for column in REQUEST]
    with connection.pipeline():
        connection.execute(_PLANNED_ONCE)
        cursor = RawCursor(connection)
        cursor.execute(_numbered(features), [*arrays, *_may_be_seen(seen)], prepare=True, binary=True)
    rows = cursor.fetchall()
    generation, snapshot, own_xid = rows[0][: len(SEEN_COLUMNS)]
    names = ("request_id", *(feature.name for feature in features))
    told = [row[len(SEEN_COLUMNS) :] for row in rows if row[len(SEEN_COLUMNS)] is not None]  # none without requests
    columns = map(list, zip(*told, strict=True)) if told else [[] for _ in names]
    return dict(zip(names, columns, strict=True)), seen or VisibleSet(generation, snapshot).without(own_xid)


@lru_cache(maxsize=64)
def _numbered(features: tuple[AsOfFeature, ...]) -> bytes:
    """The query with its parameters numbered: psycopg would look for their places in all of it for every batch."""
    numbers = numbered(1)
    text = per_request_sql(features)
    return re.sub("%[s%]", lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", text).encode()


def _may_be_seen(seen: VisibleSet | None) -> list[Any]:
    """The parameters that say so, all null for what is committed now."""
    if seen is None:
        return [None] * 4
    return [seen.generation, seen.from_xid, seen.until_xid, list(seen.open_xids)]


def build_features(connection: Connection, requests: Rows, *, features: Sequence[AsOfFeature]) -> pa.Table:
    """The same for any number of requests, by the one query that all engines share, over streams of this session."""
    given_requests(connection, requests)
    return _built(connection, features)


def build_live_features(connection: Connection, requests: Rows, *, features: Sequence[AsOfFeature]) -> pa.Table:
    """The same over the live streams, where busy keys are read from their tiles.

    Features about entities without bound are computed request by request, as for a batch that waits; all others by the
    one query, which reads what the requests ask about once.
    """
    given_requests(connection, requests)
    tiled = tuple(one for one in features if any(ENTITIES[each].tiled for each in one.entities))
    others = tuple(one for one in features if one not in tiled)
    parts = {name: column for table in (
        _built(connection, others) if others or not tiled else None,
        _built_by_request(connection, tiled) if tiled else None,
    ) if table is not None for name, column in zip(table.schema.names, table.columns, strict=True)}  # fmt: skip
    schema = built_schema(features)
    return pa.table([parts[name] for name in schema.names], schema=schema)


def build_features_as_seen(
    connection: Connection, requests: pa.Table, *, batches: Sequence[Batch], features: Sequence[AsOfFeature]
) -> pa.Table:
    """The same over the live streams, for requests that carry their `batch_id`: each batch as it saw them."""
    ordered = requests.sort_by("batch_id")
    parts = [built_schema(features).empty_table()]
    start = 0
    for batch, count in zip(batches, _lengths(ordered["batch_id"]), strict=True):
        asked = ordered.slice(start, count)
        parts.append(features_at(connection, asked, features=tuple(features), seen=batch.seen).columns)
        start += count
    return pa.concat_tables(parts).sort_by("request_id")


def _lengths(ordered: pa.ChunkedArray) -> list[int]:
    return [each["counts"] for each in sorted(ordered.value_counts().to_pylist(), key=itemgetter("values"))]


def _built(connection: Connection, features: Sequence[AsOfFeature]) -> pa.Table:
    query = as_of_sql(tuple(features), dialect="postgres", stream_prefix=STREAM_PREFIX)
    return _copied(connection, query, built_schema(features))


def _built_by_request(connection: Connection, features: tuple[AsOfFeature, ...]) -> pa.Table:
    for column in ("request_id", *(entity.key for entity in ENTITIES.values())):
        connection.execute(sql.SQL("CREATE INDEX ON request ({}, tick)").format(sql.Identifier(column)))
    # Whether a row stands for a request is looked up in memory: all ids have to fit in there.
    connection.execute("SELECT set_config('work_mem', '256MB', true)")
    names = ", ".join(("request_id", *(one.name for one in features)))
    query = f"SELECT {names} FROM ({per_given_request_sql(features)}) AS built WHERE request_id IS NOT NULL"
    return _copied(connection, f"{query} ORDER BY request_id", built_schema(features), [None] * 4)


def _copied(connection: Connection, query: str, schema: pa.Schema, parameters: Sequence[Any] | None = None) -> pa.Table:
    """What a query tells, by COPY."""
    connection.execute("SELECT set_config('jit', 'off', true)")
    text = pa.BufferOutputStream()
    statement = f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        for part in copy:
            text.write(part)
    return read_copied(text.getvalue(), schema)


def built_schema(features: Sequence[AsOfFeature]) -> pa.Schema:
    """The columns that features come in."""
    return pa.schema(
        [
            pa.field("request_id", pa.int64()),
            *(pa.field(feature.name, ARROW_TYPES[feature.type]) for feature in features),
        ]
    )
