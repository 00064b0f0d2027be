"""Features at an instant, computed in PostgreSQL: for a batch that waits, and for any number of requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
from psycopg import Connection

from tallystick.features.as_of_catalog import AsOfFeature
from tallystick.features.as_of_sql import as_of_sql
from tallystick.features.event_tables import ARROW_TYPES, REQUEST, STREAM_PREFIX
from tallystick.features.per_request_sql import SEEN_COLUMNS, per_request_sql
from tallystick.features.visible_set import VisibleSet
from tallystick.storage.event_streams import Rows, given_requests

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
    arrays = [requests.column(column.name).to_pylist() for column in REQUEST]
    with connection.pipeline():
        connection.execute(_PLANNED_ONCE)
        cursor = connection.cursor(binary=True)
        cursor.execute(per_request_sql(features), [*arrays, *_may_be_seen(seen)], prepare=True)
    return _told(cursor.fetchall(), built_schema(features), seen=seen)


def _may_be_seen(seen: VisibleSet | None) -> list[Any]:
    """The parameters that say so, all null for what is committed now."""
    if seen is None:
        return [None] * 4
    return [seen.generation, seen.from_xid, seen.until_xid, list(seen.open_xids)]


def _told(rows: list[tuple[Any, ...]], schema: pa.Schema, *, seen: VisibleSet | None) -> FeaturesSeen:
    generation, snapshot, own_xid = rows[0][: len(SEEN_COLUMNS)]
    told = [row[len(SEEN_COLUMNS) :] for row in rows]
    if told[0][0] is None:
        told = []  # no requests
    columns = list(zip(*told, strict=True)) if told else [()] * len(schema)
    table = pa.table(
        [pa.array(column, type=kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
    )
    return FeaturesSeen(table, seen or VisibleSet(generation, snapshot).without(own_xid))


def build_features(connection: Connection, requests: Rows, *, features: Sequence[AsOfFeature]) -> pa.Table:
    """The same for any number of requests, by the one query that all engines share.

    It reads the streams of this session: temporary ones where they were given, the live ones else.
    """
    given_requests(connection, requests)
    query = as_of_sql(tuple(features), dialect="postgres", stream_prefix=STREAM_PREFIX)
    connection.execute("SELECT set_config('jit', 'off', true)")
    text = pa.BufferOutputStream()
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()) as copy:
        for part in copy:
            text.write(part)
    schema = built_schema(features)
    told = text.getvalue()
    if told.size == 0:
        return schema.empty_table()
    return pa.csv.read_csv(
        pa.BufferReader(told),
        read_options=pa.csv.ReadOptions(column_names=schema.names),
        convert_options=pa.csv.ConvertOptions(
            column_types=schema, null_values=[""], true_values=["t"], false_values=["f"],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip


def built_schema(features: Sequence[AsOfFeature]) -> pa.Schema:
    """The columns that features come in."""
    return pa.schema(
        [
            pa.field("request_id", pa.int64()),
            *(pa.field(feature.name, ARROW_TYPES[feature.type]) for feature in features),
        ]
    )
