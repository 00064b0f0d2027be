"""Features at an instant by Spark: Parquet in, Parquet out, the same texts as on the other engines.

Spark writes out a common table expression anew wherever it is read, and its planner does not end with hundreds of
them. So each history is kept once it is read, and what the parts tell is put together by one grouping
instead of a join for each.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from tallystick.features.as_of_build import (
    StreamFaults,
    missing_streams,
    odd_kind,
    row_counts,
    row_faults,
    streams_of,
    table_faults,
)
from tallystick.features.as_of_catalog import AsOfFeature
from tallystick.features.as_of_sql import Parts, sql_in_parts
from tallystick.features.event_tables import EVENT_TABLES, REQUEST_SCHEMA
from tallystick.operations.features import read_given, refuse_batches
from tallystick.operations.progress import Progress
from tallystick.sources.files import FileFault

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SQL_TYPES = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.string(): "STRING", pa.bool_(): "BOOLEAN"}


def build_folder(
    *,
    requests: Path,
    events: Path,
    out: Path,
    features: Sequence[AsOfFeature],
    spark: "SparkSession",
    progress: Progress,
) -> int:
    """Compute features for requests from a folder of streams into a new folder of Parquet files; gives the rows.

    Raises `FileFault` and `StreamFaults`, as the other engines do.
    """
    if out.exists():
        raise FileFault(f"{out}: is there already; name a new folder, Spark writes many files")
    asked, streams = read_given(requests, events, features=features, progress=progress)
    refuse_batches(asked, engine="spark")
    session = spark.newSession()  # its views are its own
    _check_and_view(session, asked, streams, features=features)
    progress.step({"zh": f"用 Spark 计算 {len(features)} 个特征", "en": f"computing {len(features)} features by Spark"})
    parts = sql_in_parts(features, dialect="spark")
    for name, text in parts.parts:
        rows = session.sql(text)
        # A history stays in the memory and on the disks of the executors: one that is lost ends the work.
        kept = rows.localCheckpoint(eager=False) if name.startswith("h_") else rows
        kept.createOrReplaceTempView(name)
    session.sql(_together(parts)).write.parquet(str(out))
    return int(ds.dataset(out, format="parquet").count_rows())


def _check_and_view(
    session: "SparkSession",
    asked: ds.Dataset,
    streams: Mapping[str, ds.Dataset],
    *,
    features: Sequence[AsOfFeature],
) -> None:
    """Each table by its name with columns of their own types, or everything that is wrong."""
    faults = missing_streams(streams, features=features)
    tables = {"request": (asked, REQUEST_SCHEMA)}
    tables |= {name: (streams[name], EVENT_TABLES[name].schema()) for name in streams_of(features) if name in streams}
    faults += table_faults(tables)
    if faults:
        raise StreamFaults(faults)
    for name, (rows, schema) in tables.items():
        columns = [f"CAST({field.name} AS {_SQL_TYPES[field.type]}) AS {field.name}" for field in schema]
        session.read.parquet(*rows.files).selectExpr(*columns).createOrReplaceTempView(name)
    counts = [
        f"SELECT '{name}' AS name, ARRAY({', '.join(row_counts(name, schema))}) AS counts, {odd_kind(name)} AS odd "
        f"FROM {name}"
        for name, (_, schema) in tables.items()
    ]
    for name, counted, odd in session.sql(" UNION ALL ".join(counts)).collect():
        faults += row_faults(name, tables[name][1], counted, odd_kind=odd)
    if faults:
        raise StreamFaults(faults)


def _together(parts: Parts) -> str:
    """What the parts tell of a request, in one row: an array from each part, and each aggregate out of its array.

    Each part is distributed by itself: of a bare union, every task would carry the plans of all parts.
    """
    rows, arrays, aggregates = [], [], []
    for number, (place, names) in enumerate(parts.places.items()):
        values = ", ".join(f"CAST({name} AS BIGINT)" for name in names)
        rows.append(
            f"(SELECT request_id, {number} AS place, ARRAY({values}) AS told FROM {place} DISTRIBUTE BY request_id)"
        )
        arrays.append(f"ANY_VALUE(CASE WHEN place = {number} THEN told END) IGNORE NULLS AS a{number}")
        aggregates += [f"a{number}[{at}] AS {name}" for at, name in enumerate(names)]
    columns = ", ".join(parts.columns)
    if not rows:
        return f"SELECT r.request_id, {columns} FROM request AS r ORDER BY r.request_id"
    return (
        f"SELECT r.request_id, {columns} FROM request AS r LEFT JOIN (SELECT request_id, {', '.join(aggregates)} FROM "
        f"(SELECT request_id, {', '.join(arrays)} FROM ({' UNION ALL '.join(rows)}) GROUP BY request_id)) AS told "
        "ON told.request_id = r.request_id ORDER BY r.request_id"
    )
