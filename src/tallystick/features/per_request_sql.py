"""The same features for a few requests: the rows that they look back over are read by index, as one set per stream.

Windows over one sorted list are the fastest way to a million requests; for a purchase that waits they cost a sort per
window. Here the rows of all keys that a batch asks about are grouped by request, and each aggregate sums up what falls
into its window. Values, conditions and features are the same text of the catalog, and the parity suite holds both
renderings to the same answers.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import sqlglot

from tallystick.features.as_of_catalog import Aggregate, AsOfFeature, Kind
from tallystick.features.as_of_sql import asked_value, expression_of, value_sql
from tallystick.features.event_tables import (
    DAY_TICKS,
    ENTITIES,
    EVENT_TABLES,
    HOUR_TICKS,
    REQUEST,
    REQUEST_KINDS,
    STREAM_PREFIX,
)
from tallystick.features.tiles import DAY_HOURS, TILE_PREFIX, Measure, combining, is_tiled, measure_of
from tallystick.features.visible_set import visible_sql

# One array per column of the request, in this order, by position: $1, $2 and so on.
REQUEST_ARRAYS: Final = ", ".join(f"%s::{column.type.sql}[]" for column in REQUEST)
# What may be seen, `s`: all nulls for what is committed now, or a visible set. Its parameters: generation, from_xid,
# until_xid, open_xids. What this transaction wrote itself is not visible: PostgreSQL would show it.
SEEN_COLUMNS: Final = ("generation", "snapshot", "own_xid")
_LAST_XID: Final = 9_223_372_036_854_775_807
_SEEN: Final = f"""
    seen AS MATERIALIZED (
        SELECT coalesce(given.generation, (SELECT max(generation) FROM database_generations)) AS generation,
               given.from_xid, coalesce(given.until_xid, {_LAST_XID}) AS until_xid,
               coalesce(given.open_xids, ARRAY[coalesce(own_xid, 0)]) AS open_xids,
               pg_current_snapshot()::text AS snapshot, own_xid
        FROM (VALUES (%s::integer, %s::bigint, %s::bigint, %s::bigint[]))
             AS given (generation, from_xid, until_xid, open_xids)
        CROSS JOIN (SELECT pg_current_xact_id_if_assigned()::text::bigint AS own_xid) AS own
    )
"""


@lru_cache(maxsize=64)
def per_request_sql(features: tuple[AsOfFeature, ...]) -> str:
    """PostgreSQL's query that yields what was seen, `request_id` and the features, in order of the ids.

    Its parameters are the requests, one array per column, then what may be seen. Without requests it yields one row all
    the same, with what was seen and no `request_id`.
    """
    names = ", ".join(column.name for column in REQUEST)
    return _query(features, [f"request AS MATERIALIZED (SELECT * FROM unnest({REQUEST_ARRAYS}) AS request ({names}))"])


@lru_cache(maxsize=64)
def per_given_request_sql(features: tuple[AsOfFeature, ...]) -> str:
    """The same, with the requests in a table `request`; its parameters are what may be seen."""
    return _query(features, [])


def _query(features: tuple[AsOfFeature, ...], parts: list[str]) -> str:
    aggregates = {one.name: one for feature in features for one in feature.aggregates}
    groups: dict[tuple[type[_Read], str, str, str], list[Aggregate]] = {}
    for one in aggregates.values():
        kind = _kind_of_read(one)
        apart = f"_{value_sql(one)}" if kind is _LastRead else ""
        groups.setdefault((kind, one.source, one.entity, apart), []).append(one)
    reads = [
        kind(f"{source}_{entity}_{number}", tuple(group))
        for number, ((kind, source, entity, _), group) in enumerate(groups.items())
    ]
    stored = [_stored(source) for source in REQUEST_KINDS if any(source == read.source for read in reads)]
    places = dict.fromkeys(aggregates, "r")
    columns = [f"CAST({expression_of(one, places)} AS {one.type.sql.upper()}) AS {one.name}" for one in features]
    told = [*(f"s.{name}" for name in SEEN_COLUMNS), "r.request_id", *columns]
    known = "".join(f", {column}" for read in reads for column in read.told())
    joins = "".join(f" LEFT JOIN {read.name} ON {read.matches()}" for read in reads)
    asked = f"SELECT r.*{known} FROM request AS r{joins}"
    text = f"SELECT {', '.join(told)} FROM seen AS s LEFT JOIN ({asked}) AS r ON TRUE ORDER BY r.request_id"
    listed = [*parts, _SEEN, _APART, *stored, *(part for read in reads for part in read.parts())]
    return f"WITH {', '.join(listed)} {_escaped(text)}"


def _kind_of_read(one: Aggregate) -> "type[_Read]":
    if is_tiled(one.source, one.entity):
        return _TiledRead
    is_last_row = one.kind is Kind.LAST and one.source not in REQUEST_KINDS and not one.within and not one.ago
    return _LastRead if is_last_row else _Read


# Whether any request of the batch comes before another one: if not, none sees one.
_APART: Final = "apart AS MATERIALIZED (SELECT MIN(tick) < MAX(tick) AS is_so FROM request)"


def _part(name: str, text: str) -> str:
    return f"{name} AS MATERIALIZED ({_escaped(text)})"


def _escaped(text: str) -> str:
    """For psycopg, where a text has parameters. What stands in the templates is PostgreSQL's already."""
    return text.replace("%", "%%")


def _stored(source: str) -> str:
    """Requests that are rows of their stream already, as when a decision is made again."""
    return (
        f"stored_{source} AS MATERIALIZED (SELECT e.* FROM request JOIN {STREAM_PREFIX}{source} AS e "
        "ON e.event_id = request.request_id)"
    )


def _stream(source: str) -> str:
    """The rows of a stream; of a statement, what was paid by payments that may be seen."""
    if source != "statement_due":
        return f"{STREAM_PREFIX}{source}"
    shown = ", ".join(f"d.{column.name}" for column in EVENT_TABLES[source].columns if column.name != "paid_minor")
    paid = (
        "(SELECT CAST(COALESCE(SUM(p.amount_minor), 0) AS BIGINT) FROM UNNEST(d.recorded_payments) "
        f"AS p(amount_minor, recorded_generation, recorded_xid) WHERE {visible_sql('p', 's')})"
    )
    return (
        f"(SELECT {shown}, CASE WHEN d.recorded_payments IS NULL THEN d.paid_minor ELSE {paid} END AS paid_minor, "
        f"d.recorded_generation, d.recorded_xid FROM {STREAM_PREFIX}{source} AS d)"
    )


class _Read:
    """One stream and entity: the rows that any window may want, and the aggregates made of them."""

    def __init__(self, name: str, aggregates: tuple[Aggregate, ...]) -> None:
        self.name, self.aggregates = name, aggregates
        self.source, self.entity = aggregates[0].source, aggregates[0].entity
        self.key = ENTITIES[self.entity].key
        self._longest = max(one.window_ticks + one.ago_ticks for one in aggregates)

    def matches(self) -> str:
        """Which row of the part is the request's."""
        return f"{self.name}.request_id = r.request_id"

    def told(self) -> list[str]:
        """The aggregates of a request, null where a key is not known, and a count of nothing 0."""
        return [
            f"CASE WHEN {' AND '.join(f'NOT r.{name} IS NULL' for name in (self.key, *one.within))} "
            f"THEN {self._of_part(one)} END AS {one.name}"
            for one in self.aggregates
        ]

    def _of_part(self, one: Aggregate) -> str:
        column = f"{self.name}.{one.name}"
        return f"COALESCE({column}, 0)" if one.kind in (Kind.COUNT, Kind.DISTINCT, Kind.STREAK) else column

    def parts(self) -> list[str]:
        """What the query reads before: a row of aggregates for each request that anything is known of."""
        values: dict[str, str] = {}
        for aggregate in self.aggregates:
            values.setdefault(value_sql(aggregate), f"v{len(values)}")
        within = tuple(dict.fromkeys(name for one in self.aggregates for name in one.within))
        told = ["r.request_id", "r.tick AS asked_tick", *(f"r.{name} AS asked_{name}" for name in within)]
        seen = [
            "e.tick",
            "e.event_id",
            *(f"e.{name}" for name in within),
            *(f"{text} AS {name}" for text, name in values.items()),
        ]
        bounds = f"e.tick > r.tick - {self._longest} AND e.tick < r.tick"
        rows = (
            f"SELECT {', '.join(told)}, h.* FROM request AS r CROSS JOIN seen AS s CROSS JOIN LATERAL ("
            f"SELECT {', '.join(seen)} FROM {_stream(self.source)} AS e WHERE e.{self.key} = r.{self.key} AND {bounds} "
            f"AND {visible_sql('e', 's')}{self._others()}{self._most()}) AS h"
        )
        if self.source in REQUEST_KINDS:
            asked = [f"{_of_batch(asked_value(self.source, text))} AS {name}" for text, name in values.items()]
            shown = ", ".join(["e.tick", "e.request_id AS event_id", *(f"e.{name}" for name in within), *asked])
            rows += (
                f" UNION ALL SELECT {', '.join(told)}, {shown} FROM request AS r JOIN request AS e "
                f"ON e.{self.key} = r.{self.key} AND {bounds} "
                f"WHERE e.kind = '{self.source}' AND (SELECT is_so FROM apart)"
            )
        sums = ", ".join(f"{self._sum(one, f'h.{values[value_sql(one)]}')} AS {one.name}" for one in self.aggregates)
        return [_part(self.name, f"SELECT h.request_id, {sums} FROM ({rows}) AS h GROUP BY h.request_id")]

    def _most(self) -> str:
        """OFFSET 0: a view is read for each request by its key; joined as a table, all of it would be."""
        return "" if self.source in REQUEST_KINDS else " OFFSET 0"

    def _others(self) -> str:
        """Rows that stand for requests of the batch are read as those."""
        return " AND NOT e.event_id IN (SELECT request_id FROM request)" if self.source in REQUEST_KINDS else ""

    def _inside(self, one: Aggregate, *, tick: str = "h.tick", asked: str = "h.asked_tick") -> list[str]:
        """What rows of the window have that the other rows do not."""
        since = one.window_ticks + one.ago_ticks
        inside = [f"h.{name} = h.asked_{name}" for name in one.within]
        inside += [] if since == self._longest else [f"{tick} > {asked} - {since}"]
        return [*inside, f"{tick} <= {asked} - {one.ago_ticks}"] if one.ago else inside

    def _sum(self, one: Aggregate, value: str) -> str:
        among = _among(self._inside(one))
        match one.kind:
            case Kind.COUNT:
                return f"COUNT({value}){among}"
            case Kind.SUM:
                return f"CAST(SUM({value}){among} AS BIGINT)"
            case Kind.MAXIMUM | Kind.LAST_TICK:
                return f"MAX({value}){among}"
            case Kind.MINIMUM | Kind.FIRST_TICK:
                return f"MIN({value}){among}"
            case Kind.DISTINCT:
                return f"COUNT(DISTINCT {value}){among}"
            case Kind.LAST:
                with_value = " AND ".join([*self._inside(one), f"{value} IS NOT NULL"])
                return f"(MAX(ARRAY[h.tick, {value}]) FILTER(WHERE {with_value}))[2]"
            case Kind.STREAK:
                latest_first = f"ARRAY_AGG({value} IS NOT NULL ORDER BY h.tick DESC, h.event_id DESC){among}"
                return f"CAST(COALESCE(ARRAY_POSITION({latest_first}, FALSE) - 1, COUNT(*){among}) AS BIGINT)"


class _LastRead(_Read):
    """Aggregates that all tell one value of the latest row: no other row is read, however long the history is."""

    def _most(self) -> str:
        is_known = f"NOT ({value_sql(self.aggregates[0])}) IS NULL"
        return f" AND {is_known} ORDER BY e.tick DESC FETCH FIRST 1 ROWS WITH TIES"


class _TiledRead(_Read):
    """The same where busy keys have tiles: days, hours of the days and rows of the hours in which a window begins.

    A window begins inside an hour, and that hour is read raw; so a tile lies wholly inside or outside of each window.
    An hour is read raw as well where a request of the batch is a row already, and stands for it; and where a batch is
    computed again, if a transaction that was not over by then recorded something in it. All is read once for a key and
    a tick, whoever asks, and added up as it is read.
    """

    def matches(self) -> str:
        """Which row of the part is the request's."""
        return f"{self.name}.key = r.{self.key} AND {self.name}.tick = r.tick"

    def parts(self) -> list[str]:
        """The keys that are asked for, what of the past of the busy ones is read raw, and the aggregates."""
        combined = ", ".join(
            f"CAST({combining(one.kind)}(p.{one.name}) AS BIGINT) AS {one.name}" for one in self.aggregates
        )
        text = f"SELECT p.key, p.tick, {combined} FROM ({self._added()}) AS p GROUP BY p.key, p.tick"
        return [
            _part(f"asked_{self.name}", self._asked()),
            _part(f"busy_{self.name}", self._busy()),
            _part(self.name, text),
        ]

    def _asked(self) -> str:
        """Each key and tick that is asked for; `tail_tick`, from where on nothing is rolled up, is null for most."""
        return (
            f"SELECT k.key, k.tick, k.tick - {self._longest} + 1 AS first_tick, CASE WHEN t.until_tick <= k.tick "
            f"THEN t.until_tick WHEN NOT t.until_tick IS NULL THEN k.tick - k.tick % {HOUR_TICKS} END AS tail_tick "
            f"FROM (SELECT DISTINCT r.{self.key} AS key, r.tick FROM request AS r WHERE NOT r.{self.key} IS NULL) AS k "
            f"LEFT JOIN tiled_keys AS t ON t.stream = '{self.source}' AND t.entity = '{self.entity}' "
            "AND t.key = CAST(k.key AS TEXT)"
        )

    def _busy(self) -> str:
        """Those that are rolled up, with the hours and days that are not taken as a whole."""
        offsets = {one.window_ticks + one.ago_ticks for one in self.aggregates}
        offsets |= {one.ago_ticks for one in self.aggregates if one.ago}
        begins = ", ".join(f"(k.tick - {offset} + 1)" for offset in sorted(offsets, reverse=True))
        key = "k.key, k.tick, k.first_tick, k.tail_tick"
        again = (
            f" UNION ALL SELECT {key}, e.tick FROM asked_{self.name} AS k "
            f"JOIN stored_{self.source} AS e ON e.{self.key} = k.key WHERE NOT k.tail_tick IS NULL"
            if self.source in REQUEST_KINDS
            else ""
        )
        opened = (
            f"SELECT {key}, b.tick AS opened_tick FROM asked_{self.name} AS k CROSS JOIN LATERAL (VALUES {begins}, "
            f"(k.tail_tick)) AS b(tick) WHERE NOT k.tail_tick IS NULL{again} UNION ALL {self._not_seen(key)}"
        )
        return (
            f"SELECT {key}, COALESCE(ARRAY_AGG(DISTINCT k.opened_tick - k.opened_tick % {HOUR_TICKS}) "
            "FILTER(WHERE k.opened_tick < k.tail_tick), CAST(ARRAY[] AS BIGINT[])) AS hours, "
            f"ARRAY_AGG(DISTINCT k.opened_tick - k.opened_tick % {DAY_TICKS}) AS days "
            f"FROM ({opened}) AS k GROUP BY {key}"
        )

    def _not_seen(self, key: str) -> str:
        """Hours of which a tile tells what was not visible; none where all that is committed may be seen."""
        return (
            f"SELECT {key}, t.from_tick FROM seen AS s CROSS JOIN asked_{self.name} AS k "
            f"JOIN {TILE_PREFIX}{self.source} AS t ON t.entity = '{self.entity}' AND t.key = CAST(k.key AS TEXT) "
            f"AND t.hours = 1 AND t.from_tick > k.first_tick - {HOUR_TICKS} AND t.from_tick < k.tick "
            "WHERE NOT s.from_xid IS NULL AND NOT k.tail_tick IS NULL AND NOT (t.last_generation < s.generation OR "
            "(t.last_generation = s.generation AND t.last_xid < s.from_xid))"
        )

    def _added(self) -> str:
        """Sums of each key over its rows since the tail, those of opened hours, tiles, and requests of the batch."""
        raw = self._sums("e.tick", lambda measure: measure.row_value())
        rolled = self._sums("t.from_tick", lambda measure: f"t.{measure.column}")
        rows = (
            f"SELECT {raw} FROM {STREAM_PREFIX}{self.source} AS e WHERE e.{self.key} = k.key "
            f"AND {visible_sql('e', 's')}{self._others()}"
        )
        tiles = (
            f"SELECT {rolled} FROM {TILE_PREFIX}{self.source} AS t WHERE t.entity = '{self.entity}' "
            "AND t.key = CAST(k.key AS TEXT)"
        )
        busy = f"FROM busy_{self.name} AS k CROSS JOIN LATERAL"
        added = [
            f"SELECT k.key, k.tick, p.* FROM asked_{self.name} AS k CROSS JOIN seen AS s CROSS JOIN LATERAL ({rows} "
            "AND e.tick >= GREATEST(k.first_tick, k.tail_tick) AND e.tick < k.tick) AS p",
            f"SELECT k.key, k.tick, p.* {busy} UNNEST(k.hours) AS o(tick) CROSS JOIN seen AS s CROSS JOIN LATERAL "
            f"({rows} AND e.tick >= GREATEST(k.first_tick, o.tick) AND e.tick < LEAST(o.tick + {HOUR_TICKS}, "
            "k.tail_tick)) AS p",
            f"SELECT k.key, k.tick, p.* {busy} UNNEST(k.days) AS o(tick) CROSS JOIN LATERAL ({tiles} AND t.hours = 1 "
            f"AND t.from_tick >= GREATEST(k.first_tick, o.tick) AND t.from_tick < LEAST(o.tick + {DAY_TICKS}, "
            "k.tail_tick) AND t.from_tick <> ALL(k.hours)) AS p",
            f"SELECT k.key, k.tick, p.* {busy} ({tiles} AND t.hours = {DAY_HOURS} AND t.from_tick >= k.first_tick "
            f"AND t.from_tick < k.tail_tick - k.tail_tick % {DAY_TICKS} AND t.from_tick <> ALL(k.days)) AS p",
        ]
        if self.source in REQUEST_KINDS:
            asked = self._sums("e.tick", _asked_measure)
            added.append(
                f"SELECT k.key, k.tick, {asked} FROM asked_{self.name} AS k JOIN request AS e ON e.{self.key} = k.key "
                f"AND e.tick >= k.first_tick AND e.tick < k.tick WHERE e.kind = '{self.source}' "
                "AND (SELECT is_so FROM apart) GROUP BY k.key, k.tick"
            )
        return " UNION ALL ".join(added)

    def _sums(self, tick: str, value: Callable[[Measure], str]) -> str:
        """The aggregates over rows or tiles that have a tick, each within its window."""
        sums = []
        for one in self.aggregates:
            among = _among(self._inside(one, tick=tick, asked="k.tick"))
            text = f"{combining(one.kind)}({value(measure_of(one))}){among}"
            sums.append(f"CAST({text} AS BIGINT) AS {one.name}")
        return ", ".join(sums)


def _among(inside: list[str]) -> str:
    return f" FILTER(WHERE {' AND '.join(inside)})" if inside else ""


def _asked_measure(measure: Measure) -> str:
    """What a request of the batch is as a tile of its own; nothing where the stream tells what comes later."""
    columns = {column.name for column in REQUEST}
    tree = sqlglot.parse_one(measure.row_value(), read="postgres")
    known = all(column.name in columns for column in tree.find_all(sqlglot.exp.Column))
    return measure.row_value() if known else "CAST(NULL AS BIGINT)"


def _of_batch(asked: str) -> str:
    """What another request of the batch, which stands for an event here, adds."""
    tree = sqlglot.parse_one(asked, read="postgres")
    for column in tree.find_all(sqlglot.exp.Column):
        column.set("table", sqlglot.exp.to_identifier("e"))
    return str(tree.sql(dialect="postgres", copy=False))
