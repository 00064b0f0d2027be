"""The same features for a few requests: each request reads its own rows, once per stream and entity.

Windows over one sorted list are the fastest way to a million requests; for a purchase that waits they cost a sort per
window. Here an aggregate looks at the rows of one key and sums up what falls into its window. Values, conditions and
features are the same text of the catalog, and the parity suite holds both renderings to the same answers.
"""

from functools import lru_cache
from typing import Final

import sqlglot

from tallystick.features.as_of_catalog import Aggregate, AsOfFeature, Kind
from tallystick.features.as_of_sql import asked_value, column_of, value_sql
from tallystick.features.event_tables import (
    DAY_TICKS,
    ENTITIES,
    EVENT_TABLES,
    HOUR_TICKS,
    REQUEST,
    REQUEST_KINDS,
    STREAM_PREFIX,
)
from tallystick.features.tiles import DAY_HOURS, TILE_PREFIX, Measure, is_tiled, measure_of
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
    groups: dict[tuple[str, str], list[Aggregate]] = {}
    for aggregate in aggregates.values():
        groups.setdefault((aggregate.source, aggregate.entity), []).append(aggregate)
    reads = [
        (_TiledRead if is_tiled(source, entity) else _Read)(source, entity, tuple(group))
        for (source, entity), group in groups.items()
    ]
    places = {one.name: read.name for read in reads for one in read.aggregates}
    told = [*(f"s.{name}" for name in SEEN_COLUMNS), "r.request_id", *(column_of(one, places) for one in features)]
    joins = "".join(f"\n{read.joined()}" for read in reads)
    text = f"SELECT {', '.join(told)}\nFROM seen AS s LEFT JOIN request AS r ON TRUE{joins}\nORDER BY r.request_id"
    query = _escaped(text)
    stored = [_stored(source) for source in REQUEST_KINDS if any(source == read.source for read in reads)]
    shared = [read.shared() for read in reads if isinstance(read, _TiledRead)]
    return f"WITH {', '.join([*parts, _SEEN, *stored, *shared])} {query}"


def _escaped(text: str) -> str:
    return str(sqlglot.parse_one(text, read="postgres").sql(dialect="postgres")).replace("%", "%%")


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

    def __init__(self, source: str, entity: str, aggregates: tuple[Aggregate, ...]) -> None:
        self.source, self.entity, self.aggregates = source, entity, aggregates
        self.name = f"{source}_{entity}"
        self.key = ENTITIES[entity].key
        self._values: dict[str, str] = {}
        for aggregate in aggregates:
            self._values.setdefault(value_sql(aggregate), f"v{len(self._values)}")
        self._within = tuple(dict.fromkeys(name for one in aggregates for name in one.within))
        self._longest = max(one.window_ticks + one.ago_ticks for one in aggregates)

    def joined(self) -> str:
        """The join that adds this to the request."""
        return f"CROSS JOIN LATERAL ({self._aggregated()}) AS {self.name}"

    def _aggregated(self) -> str:
        """One row of aggregates for the request `r`."""
        sums = ", ".join(f"{self._told(one)} AS {one.name}" for one in self.aggregates)
        return f"SELECT {sums} FROM ({self._rows()}) AS h"

    def _rows(self) -> str:
        bounds = f"e.tick > r.tick - {self._longest} AND e.tick < r.tick"
        values = [f"{text} AS {name}" for text, name in self._values.items()]
        shown = ", ".join(["e.tick", "e.event_id", *(f"e.{name}" for name in self._within), *values])
        events = (
            f"SELECT {shown} FROM {_stream(self.source)} AS e WHERE e.{self.key} = r.{self.key} AND {bounds} "
            f"AND {visible_sql('e', 's')}"
        )
        if self.source not in REQUEST_KINDS:
            return events
        asked = [f"{_of_batch(asked_value(self.source, text))} AS {name}" for text, name in self._values.items()]
        shown = ", ".join(["e.tick", "e.request_id AS event_id", *(f"e.{name}" for name in self._within), *asked])
        return (
            f"{events} AND NOT e.event_id IN (SELECT request_id FROM request) UNION ALL "
            f"SELECT {shown} FROM request AS e WHERE e.kind = '{self.source}' "
            f"AND e.{self.key} = r.{self.key} AND {bounds}"
        )

    def _told(self, one: Aggregate) -> str:
        """The aggregate, null where a key is not known."""
        known = " AND ".join(f"r.{name} IS NOT NULL" for name in (self.key, *one.within))
        return f"CASE WHEN {known} THEN {self._sum(one)} END"

    def _inside(self, one: Aggregate) -> list[str]:
        """What rows of the window have that the other rows do not."""
        since = one.window_ticks + one.ago_ticks
        inside = [f"h.{name} = r.{name}" for name in one.within]
        inside += [] if since == self._longest else [f"h.tick > r.tick - {since}"]
        return [*inside, f"h.tick <= r.tick - {one.ago_ticks}"] if one.ago else inside

    def _among(self, one: Aggregate) -> str:
        inside = self._inside(one)
        return f" FILTER(WHERE {' AND '.join(inside)})" if inside else ""

    def _sum(self, one: Aggregate) -> str:
        value = f"h.{self._values[value_sql(one)]}"
        among = self._among(one)
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


class _TiledRead(_Read):
    """The same where busy keys have tiles: days, hours of the days and rows of the hours in which a window begins.

    A window begins inside an hour, and that hour is read raw; so a tile lies wholly inside or outside of each window.
    An hour is read raw as well where a request of the batch is a row already, and stands for it; and where a batch is
    computed again, if a transaction that was not over by then recorded something in it. What came after the last tile
    is of every window; what of it the requests of one key have in common is added up once for all of them.
    """

    @property
    def _first(self) -> str:
        return f"(r.tick - {self._longest} + 1)"

    def joined(self) -> str:
        """The join, with the key's own state before it: `until_tick` is null for a key that is not rolled up."""
        tiled, opened, shared = f"tiled_{self.name}", f"opened_{self.name}", f"shared_{self.name}"
        return (
            f"{self._tiled_keys('LEFT JOIN', tiled)} LEFT JOIN {shared} ON {shared}.key = r.{self.key} "
            f"CROSS JOIN LATERAL ({self._opened(tiled)}) AS {opened} {super().joined()}"
        )

    def _tiled_keys(self, join: str, tiled: str) -> str:
        return (
            f"{join} tiled_keys AS {tiled} ON {tiled}.stream = '{self.source}' AND {tiled}.entity = '{self.entity}' "
            f"AND {tiled}.key = CAST(r.{self.key} AS TEXT)"
        )

    def shared(self) -> str:
        """A row for each key that is rolled up: what its rows from `from_tick` until before `to_tick` come to.

        From the first on all windows of all of its requests reach, and the second is not after any of them.
        """
        begins = f"GREATEST({self._first}, {self._tail('k')}, {self._within_all_sql()})"
        of_request = f"SELECT r.{self.key} AS key, r.tick, {begins} AS from_tick FROM request AS r"
        text = (
            "SELECT g.key, g.from_tick, g.to_tick, p.* FROM (SELECT b.key, MAX(b.from_tick) AS from_tick, "
            "GREATEST(MAX(b.from_tick), MIN(b.tick)) AS to_tick "
            f"FROM ({of_request} {self._tiled_keys('JOIN', 'k')}) AS b GROUP BY b.key) AS g CROSS JOIN seen AS s "
            f"CROSS JOIN LATERAL (SELECT {self._added()} FROM {STREAM_PREFIX}{self.source} AS e "
            f"WHERE e.{self.key} = g.key AND {visible_sql('e', 's')} AND e.tick >= g.from_tick AND e.tick < g.to_tick"
            f"{self._others()}) AS p"
        )
        return f"shared_{self.name} AS MATERIALIZED ({_escaped(text)})"

    def _tail(self, tiled: str) -> str:
        """From where on nothing is rolled up."""
        return f"LEAST({tiled}.until_tick, r.tick - MOD(r.tick, {HOUR_TICKS}))"

    def _measures(self) -> tuple[Measure, ...]:
        used = [measure_of(one) for one in self.aggregates]
        return tuple({measure.column: measure for measure in used}.values())

    def _added(self) -> str:
        return ", ".join(f"{measure.of_rows()} AS {measure.column}" for measure in self._measures())

    def _others(self) -> str:
        """Rows that stand for requests of the batch are read as those."""
        return " AND NOT e.event_id IN (SELECT request_id FROM request)" if self.source in REQUEST_KINDS else ""

    def _opened(self, tiled: str) -> str:
        """From where on all is raw, and the hours and days before it that are not taken as a whole."""
        offsets = {one.window_ticks + one.ago_ticks for one in self.aggregates}
        offsets |= {one.ago_ticks for one in self.aggregates if one.ago}
        begins = ", ".join(f"(r.tick - {offset} + 1)" for offset in sorted(offsets, reverse=True))
        again = (
            f" UNION ALL SELECT s.tick FROM stored_{self.source} AS s WHERE s.{self.key} = r.{self.key}"
            if self.source in REQUEST_KINDS
            else ""
        )
        tail = f"CASE WHEN NOT {tiled}.until_tick IS NULL THEN {self._tail(tiled)} END"
        return (
            f"SELECT {tail} AS tail_tick, ARRAY_AGG(DISTINCT o.tick - MOD(o.tick, {HOUR_TICKS})) AS hours, "
            f"ARRAY_AGG(DISTINCT o.tick - MOD(o.tick, {DAY_TICKS})) AS days FROM ("
            f"SELECT b.tick FROM (VALUES {begins}) AS b(tick){again} "
            f"UNION ALL {self._not_seen()} UNION ALL SELECT {tail}"
            f") AS o WHERE NOT {tiled}.until_tick IS NULL"
        )

    def _not_seen(self) -> str:
        """Hours of which a tile tells what was not visible; none where all that is committed may be seen."""
        return (
            f"SELECT t.from_tick FROM {TILE_PREFIX}{self.source} AS t WHERE NOT s.from_xid IS NULL "
            f"AND t.entity = '{self.entity}' AND t.key = CAST(r.{self.key} AS TEXT) AND t.hours = 1 "
            f"AND t.from_tick > r.tick - {self._longest + HOUR_TICKS} AND t.from_tick < r.tick "
            "AND NOT (t.last_generation < s.generation OR (t.last_generation = s.generation "
            "AND t.last_xid < s.from_xid))"
        )

    def _rows(self) -> str:
        opened, shared, first = f"opened_{self.name}", f"shared_{self.name}", self._first
        measures = self._measures()
        raw = ", ".join(f"{measure.row_value()} AS {measure.column}" for measure in measures)
        rolled = ", ".join(f"t.{measure.column}" for measure in measures)
        events = (
            f"SELECT e.tick, {raw} FROM {STREAM_PREFIX}{self.source} AS e WHERE e.{self.key} = r.{self.key} "
            f"AND {visible_sql('e', 's')}"
        )
        others = self._others()
        tiles = (
            f"SELECT t.from_tick AS tick, {rolled} FROM {TILE_PREFIX}{self.source} AS t "
            f"WHERE t.entity = '{self.entity}' AND t.key = CAST(r.{self.key} AS TEXT)"
        )
        tail = f"{opened}.tail_tick"
        within_all = self._within_all_sql()
        fresh = f"GREATEST({first}, {tail})"
        of_all = ", ".join(f"{shared}.{measure.column}" for measure in measures)
        # OFFSET 0: each hour and day is a look-up of its own; joined as a table, all rows of the key would be read.
        branches = [
            f"{events} AND e.tick >= {first} AND e.tick < r.tick{others} AND {tail} IS NULL",
            f"{events} AND e.tick >= {fresh} AND e.tick < {within_all}{others} AND NOT {tail} IS NULL",
            f"SELECT r.tick - 1 AS tick, {of_all} WHERE NOT {shared}.key IS NULL",
            self._own(f"GREATEST({fresh}, {within_all})", f"LEAST({shared}.from_tick, r.tick)"),
            self._own(f"{shared}.to_tick", "r.tick"),
            f"SELECT p.* FROM UNNEST({opened}.hours) AS o(tick) CROSS JOIN LATERAL ({events} AND e.tick >= "
            f"GREATEST({first}, o.tick) AND e.tick < LEAST(o.tick + {HOUR_TICKS}, r.tick){others} OFFSET 0) AS p "
            f"WHERE o.tick < {tail}",
            f"SELECT p.* FROM UNNEST({opened}.days) AS o(tick) CROSS JOIN LATERAL ({tiles} AND t.hours = 1 AND "
            f"t.from_tick >= GREATEST({first}, o.tick) AND t.from_tick < LEAST(o.tick + {DAY_TICKS}, {tail}) "
            f"AND t.from_tick <> ALL({opened}.hours) OFFSET 0) AS p",
            f"{tiles} AND t.hours = {DAY_HOURS} AND t.from_tick >= {first} "
            f"AND t.from_tick < {tail} - MOD({tail}, {DAY_TICKS}) AND t.from_tick <> ALL({opened}.days)",
        ]
        if self.source in REQUEST_KINDS:
            asked = ", ".join(f"{_asked_measure(measure)} AS {measure.column}" for measure in measures)
            branches.append(
                f"SELECT e.tick, {asked} FROM request AS e WHERE e.kind = '{self.source}' "
                f"AND e.{self.key} = r.{self.key} AND e.tick >= {first} AND e.tick < r.tick"
            )
        return " UNION ALL ".join(branches)

    def _own(self, since: str, until: str) -> str:
        """Rows of the request's own, beside those that all of its key share; mostly none, which asks no index."""
        return (
            f"SELECT r.tick - 1 AS tick, {self._added()} FROM {STREAM_PREFIX}{self.source} AS e "
            f"WHERE e.{self.key} = r.{self.key} AND {visible_sql('e', 's')} "
            f"AND e.tick >= {since} AND e.tick < {until}{self._others()} "
            f"AND {since} < {until} AND NOT shared_{self.name}.key IS NULL"
        )

    def _within_all_sql(self) -> str:
        """From which tick on every window has every row, so that the rows of now are added up as they are read."""
        if any(one.ago for one in self.aggregates):
            return "r.tick"
        return f"(r.tick - {min(one.window_ticks for one in self.aggregates)} + 1)"

    def _sum(self, one: Aggregate) -> str:
        measure = measure_of(one)
        among = self._among(one)
        match one.kind:
            case Kind.COUNT:
                return f"CAST(COALESCE(SUM(h.{measure.column}){among}, 0) AS BIGINT)"
            case Kind.SUM:
                return f"CAST(SUM(h.{measure.column}){among} AS BIGINT)"
            case Kind.MAXIMUM | Kind.LAST_TICK:
                return f"MAX(h.{measure.column}){among}"
            case _:
                return f"MIN(h.{measure.column}){among}"


def _asked_measure(measure: Measure) -> str:
    """What a request of the batch is as a tile of its own; nothing where the stream tells what comes later."""
    columns = {column.name for column in REQUEST}
    tree = sqlglot.parse_one(measure.row_value(), read="postgres")
    known = all(column.name in columns for column in tree.find_all(sqlglot.exp.Column))
    return measure.row_value() if known else "NULL"


def _of_batch(asked: str) -> str:
    """What another request of the batch, which stands for an event here, adds."""
    tree = sqlglot.parse_one(asked, read="postgres")
    for column in tree.find_all(sqlglot.exp.Column):
        column.set("table", sqlglot.exp.to_identifier("e"))
    return str(tree.sql(dialect="postgres"))
