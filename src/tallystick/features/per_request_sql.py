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
from tallystick.features.event_tables import ENTITIES, REQUEST, REQUEST_KINDS, STREAM_PREFIX

# One array per column of the request, in this order, by position: $1, $2 and so on.
REQUEST_ARRAYS: Final = ", ".join(f"%s::{column.type.sql}[]" for column in REQUEST)


@lru_cache(maxsize=64)
def per_request_sql(features: tuple[AsOfFeature, ...]) -> str:
    """PostgreSQL's query that yields `request_id` and the features; the requests are its parameters, one array each."""
    aggregates = {one.name: one for feature in features for one in feature.aggregates}
    groups: dict[tuple[str, str], list[Aggregate]] = {}
    for aggregate in aggregates.values():
        groups.setdefault((aggregate.source, aggregate.entity), []).append(aggregate)
    reads = [_Read(source, entity, tuple(group)) for (source, entity), group in groups.items()]
    places = {one.name: read.name for read in reads for one in read.aggregates}
    columns = ", ".join(column_of(feature, places) for feature in features)
    joins = "".join(f"\nCROSS JOIN LATERAL ({read.sql()}) AS {read.name}" for read in reads)
    text = f"SELECT r.request_id, {columns}\nFROM request AS r{joins}\nORDER BY r.request_id"
    names = ", ".join(column.name for column in REQUEST)
    query = sqlglot.parse_one(text, read="postgres").sql(dialect="postgres").replace("%", "%%")
    return f"WITH request AS MATERIALIZED (SELECT * FROM unnest({REQUEST_ARRAYS}) AS request ({names})) {query}"


class _Read:
    """One stream and entity: the rows that any window may want, and the aggregates made of them."""

    def __init__(self, source: str, entity: str, aggregates: tuple[Aggregate, ...]) -> None:
        self.source, self.aggregates = source, aggregates
        self.name = f"{source}_{entity}"
        self.key = ENTITIES[entity].key
        self._values: dict[str, str] = {}
        for aggregate in aggregates:
            self._values.setdefault(value_sql(aggregate), f"v{len(self._values)}")
        self._within = tuple(dict.fromkeys(name for one in aggregates for name in one.within))
        self._longest = max(one.window_ticks + one.ago_ticks for one in aggregates)

    def sql(self) -> str:
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

    def _sum(self, one: Aggregate) -> str:
        value = f"h.{self._values[value_sql(one)]}"
        since = one.window_ticks + one.ago_ticks
        inside = [f"h.{name} = r.{name}" for name in one.within]
        inside += [] if since == self._longest else [f"h.tick > r.tick - {since}"]
        inside += [f"h.tick <= r.tick - {one.ago_ticks}"] if one.ago else []
        among = f" FILTER(WHERE {' AND '.join(inside)})" if inside else ""
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
                with_value = " AND ".join([*inside, f"{value} IS NOT NULL"])
                return f"(MAX(ARRAY[h.tick, {value}]) FILTER(WHERE {with_value}))[2]"
            case Kind.STREAK:
                latest_first = f"ARRAY_AGG({value} IS NOT NULL ORDER BY h.tick DESC, h.event_id DESC){among}"
                return f"CAST(COALESCE(ARRAY_POSITION({latest_first}, FALSE) - 1, COUNT(*){among}) AS BIGINT)"


def _of_batch(asked: str) -> str:
    """What another request of the batch, which stands for an event here, adds."""
    tree = sqlglot.parse_one(asked, read="postgres")
    for column in tree.find_all(sqlglot.exp.Column):
        column.set("table", sqlglot.exp.to_identifier("e"))
    return str(tree.sql(dialect="postgres"))
