"""Features of past batches from tables and files, each as its own batch saw them: DuckDB, in process.

Most batches saw all rows of their keys with smaller ticks: together they are one query over the whole streams. To the
others a row of an earlier tick was committed too late, or what they asked does not stand in its stream as it was asked.
Each of those gets what was visible of its keys under numbers of its own, so that many of them are one query as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from tallystick.features.as_of_build import (
    Rows,
    StreamFaults,
    checked_tables,
    missing_streams,
    streams_of,
    table_faults,
)
from tallystick.features.as_of_catalog import AsOfFeature
from tallystick.features.as_of_sql import as_of_sql
from tallystick.features.event_tables import (
    ENTITIES,
    EVENT_TABLES,
    REQUEST,
    REQUEST_KINDS,
    REQUEST_SCHEMA,
    identity_of,
)
from tallystick.features.visible_set import VisibleSet, visible_sql

if TYPE_CHECKING:
    import duckdb

# What a request carries besides, to be computed again: which batch it came in, and what that batch could see.
BATCH_COLUMNS: Final = (("batch_id", pa.int64()), ("seen_generation", pa.int64()), ("seen_snapshot", pa.string()))
# What a row of a stream carries besides: who recorded it; and a statement, its payments with who recorded them.
RECORDED_COLUMNS: Final = (("recorded_generation", pa.int64()), ("recorded_xid", pa.int64()))
PAYMENTS: Final = "recorded_payments"
PAYMENTS_TYPE: Final = pa.list_(pa.struct([("amount_minor", pa.int64()), *RECORDED_COLUMNS]))
_ASKED: Final = pa.schema([*REQUEST_SCHEMA, *(pa.field(*each, nullable=False) for each in BATCH_COLUMNS)])
# Far below every id of an event: a request under such a number stands for no row of a stream.
_NO_EVENT: Final = -(1 << 62)
# How many batches of their own one query takes: each copies the rows of its keys.
_PER_QUERY: Final = 500
_KEYS: Final = tuple(dict.fromkeys(entity.key for entity in ENTITIES.values()))


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that were answered together, and what they could see."""

    batch_id: int
    seen: VisibleSet


def carry_batches(requests: Rows) -> bool:
    """Whether the requests say in which batch they came."""
    return "batch_id" in requests.schema.names


def build_as_seen(requests: Rows, streams: Mapping[str, Rows], *, features: Sequence[AsOfFeature]) -> pa.Table:
    """As `build_as_of`, for requests that carry their batch and its visible set: the answers are those of then.

    Raises `StreamFaults` naming everything that is wrong, a batch with two visible sets included.
    """
    needed = [name for name in streams_of(features) if name in streams]
    tables = {"request": (requests, _ASKED)} | {name: (streams[name], _recorded(name)) for name in needed}
    faults = [*missing_streams(streams, features=features), *table_faults(tables)]
    if "statement_due" in needed and PAYMENTS not in streams["statement_due"].schema.names:
        faults.append(f"statement_due: {PAYMENTS}: no such column; give it as `tallystick features export` does")
    if faults:
        raise StreamFaults(faults)
    with checked_tables(tables) as engine:
        return _Build(engine, features, needed).built()


def batches_of(requests: Rows) -> list[Batch]:
    """The batches that requests came in. Raises `StreamFaults` for what is no batch."""
    with checked_tables({"request": (requests, _ASKED)}) as engine:
        return _batches(engine)


def _recorded(name: str) -> pa.Schema:
    return pa.schema([*EVENT_TABLES[name].schema(), *(pa.field(*each, nullable=False) for each in RECORDED_COLUMNS)])


def _batches(engine: "duckdb.DuckDBPyConnection") -> list[Batch]:
    rows = engine.sql(
        "SELECT DISTINCT batch_id, seen_generation, seen_snapshot FROM request ORDER BY batch_id, seen_snapshot"
    ).fetchall()
    batches: dict[int, Batch] = {}
    faults = []
    for batch_id, generation, snapshot in rows:
        try:
            batch = Batch(batch_id, VisibleSet(generation, snapshot))
        except ValueError as error:
            faults.append(f"request: batch {batch_id}: {error}")
            continue
        if batches.setdefault(batch_id, batch) != batch:
            faults.append(f"request: batch {batch_id}: has two visible sets; a batch is read by one statement")
    if faults:
        raise StreamFaults(faults)
    return list(batches.values())


def _some(batch_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (batch_ids[start : start + _PER_QUERY] for start in range(0, len(batch_ids), _PER_QUERY))


class _Build:
    """Batches apart and together, over tables of one engine: `main` has all rows, `seen` what the query may read.

    Keys under other numbers give the same features, for the catalog only asks whether two are the same.
    """

    def __init__(
        self, engine: "duckdb.DuckDBPyConnection", features: Sequence[AsOfFeature], streams: Sequence[str]
    ) -> None:
        self._engine, self._features, self._streams = engine, tuple(features), streams
        self._batches = {batch.batch_id: batch for batch in _batches(engine)}
        self._query = as_of_sql(self._features, dialect="duckdb")
        self._keys = {
            source: {ENTITIES[one.entity].key for each in features for one in each.aggregates if one.source == source}
            for source in streams
        }

    def built(self) -> pa.Table:
        """All requests in order of their ids."""
        self._engine.register("batch", self._sets())
        self._engine.sql("CREATE SCHEMA seen")
        if "statement_due" in self._streams:
            self._engine.sql(
                "CREATE TABLE main.paid AS "
                f"SELECT event_id, UNNEST({PAYMENTS}, recursive := true) FROM given_statement_due"
            )
        apart = self._apart()
        self._engine.sql("SET search_path = 'seen,main'")
        parts = [self._together(apart)]
        if apart:
            self._number()
            parts += [self._apart_from_others(some) for some in _some(sorted(apart))]
        return pa.concat_tables(parts).sort_by("request_id")

    def _sets(self) -> pa.Table:
        seen = [batch.seen for batch in self._batches.values()]
        return pa.table(
            {
                "batch_id": pa.array(self._batches, pa.int64()),
                "generation": pa.array([each.generation for each in seen], pa.int64()),
                "until_xid": pa.array([each.until_xid for each in seen], pa.int64()),
                "open_xids": pa.array([list(each.open_xids) for each in seen], pa.list_(pa.int64())),
            }
        )

    def _apart(self) -> set[int]:
        """Batches to which all rows with smaller ticks are not what they saw."""
        queries = [self._hidden(source, key) for source in self._streams for key in sorted(self._keys[source])]
        queries += [self._told_otherwise(source) for source in self._streams if source in REQUEST_KINDS]
        return {batch_id for query in queries for (batch_id,) in self._engine.sql(query).fetchall()}

    def _hidden(self, source: str, key: str) -> str:
        """Batches with a row of their keys, before them by its tick, that they could not see; their own left out."""
        rows = f"SELECT event_id, {key}, tick, recorded_generation, recorded_xid FROM {source}"
        if source == "statement_due":
            rows += (
                f" UNION ALL SELECT s.event_id, s.{key}, s.tick, p.recorded_generation, p.recorded_xid "
                "FROM paid AS p JOIN statement_due AS s USING (event_id)"
            )
        own = (
            "LEFT JOIN request AS q ON q.request_id = e.event_id WHERE q.batch_id IS DISTINCT FROM r.batch_id AND"
            if source in REQUEST_KINDS
            else "WHERE"
        )
        return (
            f"SELECT DISTINCT r.batch_id FROM ({rows}) AS e JOIN request AS r ON e.{key} = r.{key} AND e.tick < r.tick "
            f"JOIN batch AS s ON s.batch_id = r.batch_id {own} NOT {visible_sql('e', 's')}"
        )

    def _told_otherwise(self, source: str) -> str:
        """Batches of which a request does not stand in the stream as it was asked.

        A request that is alone in its batch may be missing there: nobody could have seen it.
        """
        columns = {REQUEST[1]} | {
            column for each in self._features for one in each.aggregates if one.source == source
            for column in one.columns()
        }  # fmt: skip
        asked = {column.name for column in REQUEST}
        same = [
            f"e.{name} IS NOT DISTINCT FROM q.{name}" if name in asked else f"e.{name} IS NULL"
            for name in sorted(column.name for column in columns)
        ]
        return (
            f"SELECT DISTINCT q.batch_id FROM request AS q LEFT JOIN {source} AS e ON e.event_id = q.request_id "
            f"WHERE CASE WHEN e.event_id IS NULL THEN q.kind = '{source}' AND q.batch_id IN "
            "(SELECT batch_id FROM request GROUP BY batch_id HAVING COUNT(*) > 1) "
            f"ELSE NOT (q.kind = '{source}' AND {' AND '.join(same)}) END"
        )

    def _together(self, apart: set[int]) -> pa.Table:
        """All other batches at once: their requests stand in the streams already, and for nothing else."""
        self._engine.register("apart", pa.table({"batch_id": pa.array(sorted(apart), pa.int64())}))
        names = ", ".join(column.name for column in REQUEST if column.name not in ("request_id", "kind"))
        self._engine.sql(
            f"CREATE OR REPLACE TABLE seen.numbered AS SELECT *, {_NO_EVENT} + ROW_NUMBER() OVER () AS number "
            "FROM main.request WHERE NOT batch_id IN (SELECT batch_id FROM apart)"
        )
        self._engine.sql(
            f"CREATE OR REPLACE TABLE seen.request AS SELECT number AS request_id, 'review' AS kind, {names} "
            "FROM seen.numbered"
        )
        return self._engine.sql(
            f"SELECT n.request_id, built.* EXCLUDE (request_id) FROM ({self._query}) AS built "
            "JOIN seen.numbered AS n ON n.number = built.request_id"
        ).to_arrow_table()

    def _number(self) -> None:
        """Places of all keys and ids in their orders; a batch's own number is its place among the batches before."""
        columns = {key: [(name, key) for name in self._having(key)] + [("request", key)] for key in _KEYS}
        columns["id"] = [(name, "event_id") for name in self._streams] + [("request", "request_id")]
        for name, places in columns.items():
            told = " UNION ".join(f"SELECT {column} AS told FROM main.{table}" for table, column in places)
            self._engine.sql(
                f"CREATE TABLE main.numbers_{name} AS SELECT told, ROW_NUMBER() OVER (ORDER BY told) AS number, "
                f"COUNT(*) OVER () + 1 AS step FROM ({told}) WHERE told IS NOT NULL"
            )

    def _having(self, key: str) -> list[str]:
        return [name for name in self._streams if EVENT_TABLES[name].column(key) is not None]

    def _apart_from_others(self, batch_ids: Sequence[int]) -> pa.Table:
        """Some batches, each over what was visible of its keys, under keys and ids that no other batch has."""
        engine = self._engine
        engine.register("own", pa.table({"batch_id": pa.array(batch_ids, pa.int64()), "place": range(len(batch_ids))}))
        engine.sql(
            "CREATE OR REPLACE TABLE seen.asked AS SELECT r.*, place, generation, until_xid, open_xids "
            "FROM main.request AS r JOIN own USING (batch_id) JOIN batch USING (batch_id)"
        )
        for source in self._streams:
            engine.sql(f"CREATE OR REPLACE TABLE seen.{source} AS {self._own_rows(source)}")
        names = [column.name for column in REQUEST]
        engine.sql(f"CREATE OR REPLACE TABLE seen.request AS {_renumbered('seen.asked', 'request_id', names)}")
        return engine.sql(
            f"SELECT n.told AS request_id, built.* EXCLUDE (request_id) FROM ({self._query}) AS built "
            "JOIN main.numbers_id AS n ON n.number = built.request_id % n.step"
        ).to_arrow_table()

    def _own_rows(self, source: str) -> str:
        """Rows of a stream for each batch that asks about one of their keys and could see them."""
        identity = identity_of(source)
        shown = ", ".join(f"e.{name}" for name in identity)
        pairs = " UNION ".join(
            f"SELECT {shown}, r.batch_id FROM main.{source} AS e JOIN seen.asked AS r "
            f"ON e.{key} = r.{key} AND e.tick < r.tick WHERE {visible_sql('e', 'r')}"
            for key in sorted(self._keys[source])
        )
        names = [column.name for column in EVENT_TABLES[source].columns]
        seen_by = f"({pairs}) AS p JOIN main.{source} AS e USING ({', '.join(identity)}) JOIN {_SETS} USING (batch_id)"
        rows = f"(SELECT e.*, s.* FROM {seen_by})"
        if source == "statement_due":
            paid = (
                "(SELECT CAST(COALESCE(SUM(p.amount_minor), 0) AS BIGINT) FROM main.paid AS p "
                f"WHERE p.event_id = d.event_id AND {visible_sql('p', 'd')})"
            )
            rows = f"(SELECT d.* REPLACE ({paid} AS paid_minor) FROM {rows} AS d)"
        return _renumbered(rows, "event_id", names)


_SETS: Final = "(SELECT batch_id, place, generation, until_xid, open_xids FROM own JOIN batch USING (batch_id)) AS s"


def _renumbered(rows: str, id_column: str, names: Sequence[str]) -> str:
    """Rows of batches with keys and ids that tell the batches apart, and keep the order within each."""
    shown, joins = [], []
    for name in names:
        of = "id" if name == id_column else name
        if of not in ("id", *_KEYS):
            shown.append(f"e.{name}")
            continue
        number = f"e.place * n_{of}.step + n_{of}.number"
        shown.append(f"CAST({number} AS {'VARCHAR' if name == 'category' else 'BIGINT'}) AS {name}")
        joins.append(f" LEFT JOIN main.numbers_{of} AS n_{of} ON n_{of}.told = e.{name}")
    return f"SELECT {', '.join(shown)} FROM {rows} AS e{''.join(joins)}"
