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
from tallystick.features.event_tables import DAY_TICKS, ENTITIES, HOUR_TICKS, REQUEST, REQUEST_KINDS, STREAM_PREFIX
from tallystick.features.tiles import DAY_HOURS, TILE_PREFIX, Measure, is_tiled, measure_of

# One array per column of the request, in this order, by position: $1, $2 and so on.
REQUEST_ARRAYS: Final = ", ".join(f"%s::{column.type.sql}[]" for column in REQUEST)


@lru_cache(maxsize=64)
def per_request_sql(features: tuple[AsOfFeature, ...]) -> str:
    """PostgreSQL's query that yields `request_id` and the features; the requests are its parameters, one array each."""
    aggregates = {one.name: one for feature in features for one in feature.aggregates}
    groups: dict[tuple[str, str], list[Aggregate]] = {}
    for aggregate in aggregates.values():
        groups.setdefault((aggregate.source, aggregate.entity), []).append(aggregate)
    reads = [
        (_TiledRead if is_tiled(source, entity) else _Read)(source, entity, tuple(group))
        for (source, entity), group in groups.items()
    ]
    places = {one.name: read.name for read in reads for one in read.aggregates}
    columns = ", ".join(column_of(feature, places) for feature in features)
    joins = "".join(f"\n{read.joined()}" for read in reads)
    text = f"SELECT r.request_id, {columns}\nFROM request AS r{joins}\nORDER BY r.request_id"
    names = ", ".join(column.name for column in REQUEST)
    query = sqlglot.parse_one(text, read="postgres").sql(dialect="postgres").replace("%", "%%")
    parts = [f"request AS MATERIALIZED (SELECT * FROM unnest({REQUEST_ARRAYS}) AS request ({names}))"]
    parts += [_stored(source) for source in REQUEST_KINDS if any(source == read.source for read in reads)]
    return f"WITH {', '.join(parts)} {query}"


def _stored(source: str) -> str:
    """Requests that are rows of their stream already, as when a decision is made again."""
    return (
        f"stored_{source} AS MATERIALIZED (SELECT e.* FROM request JOIN {STREAM_PREFIX}{source} AS e "
        "ON e.event_id = request.request_id)"
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
        events = f"SELECT {shown} FROM {STREAM_PREFIX}{self.source} AS e WHERE e.{self.key} = r.{self.key} AND {bounds}"
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
    An hour is read raw as well where a request of the batch is a row already, and stands for it.
    """

    def joined(self) -> str:
        """The join, with the key's own state before it: `until_tick` is null for a key that is not rolled up."""
        tiled, opened = f"tiled_{self.name}", f"opened_{self.name}"
        return (
            f"LEFT JOIN tiled_keys AS {tiled} ON {tiled}.stream = '{self.source}' AND {tiled}.entity = '{self.entity}' "
            f"AND {tiled}.key = CAST(r.{self.key} AS TEXT) CROSS JOIN LATERAL ({self._opened(tiled)}) AS {opened} "
            f"{super().joined()}"
        )

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
        tail = (
            f"CASE WHEN NOT {tiled}.until_tick IS NULL "
            f"THEN LEAST({tiled}.until_tick, r.tick - MOD(r.tick, {HOUR_TICKS})) END"
        )
        return (
            f"SELECT {tail} AS tail_tick, ARRAY_AGG(DISTINCT o.tick - MOD(o.tick, {HOUR_TICKS})) AS hours, "
            f"ARRAY_AGG(DISTINCT o.tick - MOD(o.tick, {DAY_TICKS})) AS days FROM ("
            f"SELECT b.tick FROM (VALUES {begins}) AS b(tick){again} UNION ALL SELECT {tail}"
            f") AS o WHERE NOT {tiled}.until_tick IS NULL"
        )

    def _rows(self) -> str:
        opened = f"opened_{self.name}"
        first = f"(r.tick - {self._longest} + 1)"
        used = [measure_of(one) for one in self.aggregates]
        measures = {measure.column: measure for measure in used}.values()
        raw = ", ".join(f"{measure.row_value()} AS {measure.column}" for measure in measures)
        rolled = ", ".join(f"t.{measure.column}" for measure in measures)
        events = f"SELECT e.tick, {raw} FROM {STREAM_PREFIX}{self.source} AS e WHERE e.{self.key} = r.{self.key}"
        others = " AND NOT e.event_id IN (SELECT request_id FROM request)" if self.source in REQUEST_KINDS else ""
        tiles = (
            f"SELECT t.from_tick AS tick, {rolled} FROM {TILE_PREFIX}{self.source} AS t "
            f"WHERE t.entity = '{self.entity}' AND t.key = CAST(r.{self.key} AS TEXT)"
        )
        tail = f"{opened}.tail_tick"
        # OFFSET 0: each hour and day is a look-up of its own; joined as a table, all rows of the key would be read.
        branches = [
            f"{events} AND e.tick >= {first} AND e.tick < r.tick{others} AND {tail} IS NULL",
            f"{events} AND e.tick >= GREATEST({first}, {tail}) AND e.tick < r.tick{others} AND NOT {tail} IS NULL",
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
