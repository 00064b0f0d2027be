"""One query for any features at an instant, rendered for an engine: windows over history and requests in one list.

The history of the keys that are asked for stands in one list with the requests themselves, and each window looks back
from a request over what has a smaller tick. So a later request of a batch sees the earlier ones, as purchases that
were asked for, and never their outcomes, which become known as rows of another stream.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import sqlglot
from sqlglot import exp

from tallystick.features.as_of_catalog import Aggregate, AsOfFeature, Kind
from tallystick.features.catalog import parse
from tallystick.features.event_tables import ENTITIES, EVENT_TABLES, REQUEST, REQUEST_KINDS
from tallystick.features.packed_sums import Added, packed_sql

_REQUEST_NAMES: Final = frozenset(column.name for column in REQUEST)
# The value that a row has in the sums of kinds that need none of their own.
_PLAIN_VALUES: Final = {Kind.COUNT: "1", Kind.LAST_TICK: "e.tick", Kind.FIRST_TICK: "e.tick", Kind.STREAK: "1"}


@lru_cache(maxsize=64)
def as_of_sql(features: tuple[AsOfFeature, ...], *, dialect: str, stream_prefix: str = "") -> str:
    """The one query that yields `request_id` and the features, one row per request in order of their ids.

    It reads the table `request` and the streams that the features are made of, by their names with the prefix before.
    Rendering takes longer than computing a batch, so it happens once for a choice of features.
    """
    query = sqlglot.parse_one(portable_sql(features, packed=dialect == "duckdb"), read="postgres")
    for table in query.find_all(exp.Table):
        if table.name in EVENT_TABLES:
            table.set("this", exp.to_identifier(stream_prefix + table.name))
    return str(query.sql(dialect=dialect, pretty=True))


def portable_sql(features: Sequence[AsOfFeature], *, packed: bool = False) -> str:
    """The query as text in the subset that all engines share, written in PostgreSQL's dialect.

    `packed` adds up what shares a frame as one number of 128 bits: for DuckDB, see `packed_sums`.
    """
    reads = _reads(features, packed=packed)
    columns = ", ".join(column_of(feature, reads.places) for feature in features)
    joins = "".join(
        f"\nLEFT JOIN {place} ON {place}.request_id = r.request_id" for place in dict.fromkeys(reads.places.values())
    )
    parts = f"WITH {', '.join(f'{name} AS ({text})' for name, text in reads.parts)}\n" if reads.parts else ""
    return f"{parts}SELECT r.request_id, {columns}\nFROM request AS r{joins}\nORDER BY r.request_id"


def _reads(features: Sequence[AsOfFeature], *, packed: bool = False) -> "_Reads":
    aggregates = {one.name: one for feature in features for one in feature.aggregates}
    return _Reads(tuple(aggregates.values()), packed=packed)


@dataclass(frozen=True, slots=True)
class Parts:
    """The query taken apart, for an engine whose planner does not end with all of it at once.

    `parts` are names and what stands under them, each reading those above; `places` maps a part to the aggregates that
    it tells, with `request_id`; `columns` are the features, reading all aggregates from one table `told`.
    """

    parts: tuple[tuple[str, str], ...]
    places: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]


def sql_in_parts(features: Sequence[AsOfFeature], *, dialect: str) -> Parts:
    """The same texts as in `as_of_sql`, without what joins them."""
    reads = _reads(features)
    places: dict[str, list[str]] = {}
    for name, place in reads.places.items():
        places.setdefault(place, []).append(name)
    told = dict.fromkeys(reads.places, "told")
    return Parts(
        parts=tuple((name, _rendered(text, dialect)) for name, text in reads.parts),
        places={place: tuple(names) for place, names in places.items()},
        columns=tuple(_rendered(column_of(feature, told), dialect) for feature in features),
    )


def _rendered(text: str, dialect: str) -> str:
    return str(sqlglot.parse_one(text, read="postgres").sql(dialect=dialect))


def column_of(feature: AsOfFeature, places: Mapping[str, str]) -> str:
    """The feature's own expression over the parts that hold its aggregates, cast to the type that the catalog says."""
    return f"CAST({expression_of(feature, places)} AS {feature.type}) AS {feature.name}"


def expression_of(feature: AsOfFeature, places: Mapping[str, str]) -> str:
    """The same as it stands within the cast."""
    tree = parse(feature.sql)
    for column in tree.find_all(exp.Column):
        if column.table == "a":
            column.set("table", exp.to_identifier(places[column.name]))
    return str(tree.sql(dialect="postgres", copy=False))


class _Reads:
    """The parts of the query, each stream and entity read once; `places` says which part holds an aggregate."""

    def __init__(self, aggregates: tuple[Aggregate, ...], *, packed: bool) -> None:
        self.parts: list[tuple[str, str]] = []
        self._packed = packed
        self.places: dict[str, str] = {}
        groups: dict[tuple[str, str], list[Aggregate]] = {}
        for aggregate in aggregates:
            groups.setdefault((aggregate.source, aggregate.entity), []).append(aggregate)
        for entity in dict.fromkeys(entity for _, entity in groups):
            self.parts.append(_asked_numbered(entity) if packed else _asked(entity))
        history = _NumberedHistory if packed else _History
        for (source, entity), group in groups.items():
            self._read(history(source, entity, tuple(group)))

    def _read(self, history: "_History") -> None:
        self.parts.append((f"h_{history.name}", history.sql()))
        for within in dict.fromkeys(one.within for one in history.aggregates):
            together = [one for one in history.aggregates if one.within == within]
            summed = [one for one in together if one.kind not in (Kind.DISTINCT, Kind.LAST)]
            if self._packed:
                added = [one for one in summed if one.kind in (Kind.COUNT, Kind.SUM)]
                summed = [one for one in summed if one not in added]
                if added:
                    place = "_".join(("p", history.name, *within))
                    self._place(place, history.packed(place, added, within), added)
            if summed:
                place = "_".join(("w", history.name, *within))
                self._place(place, history.windowed(place, summed, within), summed)
            for value in dict.fromkeys(history.value(one) for one in together if one.kind is Kind.DISTINCT):
                counted = [one for one in together if one.kind is Kind.DISTINCT and history.value(one) == value]
                place = "_".join((history.name, *within, value))
                self._place(f"d_{place}", history.distinct(place, counted), counted)
            for one in together:
                if one.kind is Kind.LAST:
                    self._place(f"l_{one.name}", history.last(one), [one])

    def _place(self, place: str, parts: Iterable[tuple[str, str]], aggregates: Iterable[Aggregate]) -> None:
        self.parts.extend(parts)
        self.places.update({one.name: place for one in aggregates})


def _asked(entity: str) -> tuple[str, str]:
    """The keys that requests ask about, and from which tick to which."""
    key = ENTITIES[entity].key
    return (
        f"asked_{entity}",
        f"SELECT r.{key} AS k, MIN(r.tick) AS first_tick, MAX(r.tick) AS last_tick "
        f"FROM request AS r WHERE r.{key} IS NOT NULL GROUP BY r.{key}",
    )


def _asked_numbered(entity: str) -> tuple[str, str]:
    """The same with a number for each key: DuckDB sorts a key and a tick of 14 bytes faster than one of 18."""
    name, text = _asked(entity)
    return name, f"SELECT *, CAST(ROW_NUMBER() OVER (ORDER BY k) AS INTEGER) AS n FROM ({text}) AS keys"


class _History:
    """What one stream tells of the keys of one entity, as far back as any window looks, and the requests in it."""

    def __init__(self, source: str, entity: str, aggregates: tuple[Aggregate, ...]) -> None:
        self.source, self.entity, self.aggregates = source, entity, aggregates
        self.name = f"{source}_{entity}"
        self._values: dict[str, str] = {}
        for aggregate in aggregates:
            self._values.setdefault(value_sql(aggregate), f"v{len(self._values)}")
        self._within = tuple(dict.fromkeys(name for one in aggregates for name in one.within))

    def value(self, aggregate: Aggregate) -> str:
        """The column in which the aggregate's value stands, on rows that it counts."""
        return self._values[value_sql(aggregate)]

    def sql(self) -> str:
        """Events and requests in one list: key, tick, what is summed up; a request's id on its own row."""
        key = ENTITIES[self.entity].key
        longest = max(one.window_ticks + one.ago_ticks for one in self.aggregates)
        is_asked = self.source in REQUEST_KINDS
        again = " AND NOT EXISTS (SELECT 1 FROM request AS q WHERE q.request_id = e.event_id)" if is_asked else ""
        is_event = f"CASE WHEN r.kind = '{self.source}' THEN 1 ELSE 0 END" if is_asked else "0"
        of_events = [f"{text} AS {name}" for text, name in self._values.items()]
        of_requests = [f"{asked_value(self.source, text)} AS {name}" for text, name in self._values.items()]
        of_event, of_request = self._keys(key)
        seen = [f"{of_event} AS k", "e.tick", "e.event_id", "CAST(NULL AS BIGINT) AS request_id", "1 AS is_event"]
        asked = [f"{of_request} AS k", "r.tick", "r.request_id AS event_id", "r.request_id", f"{is_event} AS is_event"]
        return (
            f"SELECT {', '.join([*seen, *(f'e.{name}' for name in self._within), *of_events])} "
            f"FROM {self.source} AS e JOIN asked_{self.entity} AS asked ON asked.k = e.{key} "
            f"AND e.tick > asked.first_tick - {longest} AND e.tick < asked.last_tick WHERE TRUE{again} UNION ALL "
            f"SELECT {', '.join([*asked, *(f'r.{name}' for name in self._within), *of_requests])} "
            f"FROM {self._requests(key)}"
        )

    def _keys(self, key: str) -> tuple[str, str]:
        """The key of an event, and of a request."""
        return f"e.{key}", f"r.{key}"

    def _requests(self, key: str) -> str:
        """The requests that have the key."""
        return f"request AS r WHERE r.{key} IS NOT NULL"

    def windowed(
        self, place: str, aggregates: Sequence[Aggregate], within: tuple[str, ...]
    ) -> Iterable[tuple[str, str]]:
        """All sums that share a partition, each over its own frame."""
        rows = f"h_{self.name}"
        if any(one.kind is Kind.STREAK for one in aggregates):
            rows = f"o_{place}"
            yield (
                rows,
                f"SELECT *, SUM(is_event) OVER (PARTITION BY {_partition(within)} ORDER BY tick, event_id "
                f"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS ordinal FROM h_{self.name}",
            )
        known = " AND ".join(f"{name} IS NOT NULL" for name in within)
        sums = [
            f"CASE WHEN {known} THEN {text} END AS {name}" if known else f"{text} AS {name}"
            for name, text in ((one.name, self._sum(one)) for one in aggregates)
        ]
        frames = ", ".join(
            f"{name} AS ({frame})" for name, frame in {_window(one): _frame(one) for one in aggregates}.items()
        )
        yield (
            place,
            f"SELECT * FROM (SELECT request_id, {', '.join(sums)} FROM {rows} WINDOW {frames}) AS seen "
            "WHERE request_id IS NOT NULL",
        )

    def packed(self, place: str, aggregates: Sequence[Aggregate], within: tuple[str, ...]) -> Iterable[tuple[str, str]]:
        """Counts and sums that share a partition, those of one frame added up as one number."""
        by = _partition(within)
        frames = {_window(one): (by, *_ends(one)) for one in aggregates}
        added = [Added(one.name, self.value(one), _window(one), one.kind is Kind.SUM) for one in aggregates]
        also = ", ".join(("request_id", *within))
        known = " AND ".join(f"{name} IS NOT NULL" for name in within)
        told = ", ".join(
            f"CASE WHEN {known} THEN {one.name} END AS {one.name}" if known else one.name for one in aggregates
        )
        rows = packed_sql(added, frames, rows=f"h_{self.name}", also=also, requests_count=self.source in REQUEST_KINDS)
        yield place, f"SELECT request_id, {told} FROM {rows} AS seen WHERE request_id IS NOT NULL"

    def _sum(self, one: Aggregate) -> str:
        value, window = self.value(one), _window(one)
        match one.kind:
            case Kind.COUNT:
                return f"COUNT({value}) OVER {window}"
            case Kind.SUM:
                return f"CAST(SUM({value}) OVER {window} AS BIGINT)"
            case Kind.MAXIMUM | Kind.LAST_TICK:
                return f"MAX({value}) OVER {window}"
            case Kind.MINIMUM | Kind.FIRST_TICK:
                return f"MIN({value}) OVER {window}"
            case Kind.STREAK:
                numbered = "CASE WHEN is_event = 1 THEN ordinal END"
                broken = f"CASE WHEN is_event = 1 AND {value} IS NULL THEN ordinal END"
                return (
                    f"CAST(COALESCE(MAX({numbered}) OVER {window} - COALESCE(MAX({broken}) OVER {window}, "
                    f"MIN({numbered}) OVER {window} - 1), 0) AS BIGINT)"
                )
            case _:
                raise AssertionError(f"{one.kind} has parts of its own")

    def distinct(self, place: str, counted: Sequence[Aggregate]) -> Iterable[tuple[str, str]]:
        """How many different values: a value arrives with a row, and leaves when the row grows old or it comes again.

        A running sum of arrivals and departures: the only form of it that all engines have, and one sort for all
        windows over the same values.
        """
        value, within = self.value(counted[0]), counted[0].within
        shown = ", ".join(("k", *within))
        yield (
            f"n_{place}",
            f"SELECT {shown}, tick, LEAD(tick) OVER (PARTITION BY {shown}, {value} ORDER BY tick, event_id) "
            f"AS next_tick FROM h_{self.name} WHERE {value} IS NOT NULL AND is_event = 1",
        )
        steps = [f"step_{one.window}" for one in counted]
        nobody = "CAST(NULL AS BIGINT) AS request_id"
        arrive = ", ".join(f"1 AS {step}" for step in steps)
        moves = [f"SELECT {shown}, tick + 1 AS tick, {arrive}, {nobody} FROM n_{place}"]
        for leaving, one in zip(steps, counted, strict=True):
            old = f"tick + {one.window_ticks}"
            leaves = f"CASE WHEN next_tick + 1 < {old} THEN next_tick + 1 ELSE {old} END AS tick"
            away = ", ".join(f"{-1 if step == leaving else 0} AS {step}" for step in steps)
            moves.append(f"SELECT {shown}, {leaves}, {away}, {nobody} FROM n_{place}")
        stay = ", ".join(f"0 AS {step}" for step in steps)
        moves.append(f"SELECT {shown}, tick, {stay}, request_id FROM h_{self.name} WHERE request_id IS NOT NULL")
        yield f"s_{place}", " UNION ALL ".join(moves)
        known = " AND ".join(f"{name} IS NOT NULL" for name in within)
        sums = [f"CAST(SUM({step}) OVER until_now AS BIGINT)" for step in steps]
        told = ", ".join(
            f"CASE WHEN {known} THEN {summed} END AS {one.name}" if known else f"{summed} AS {one.name}"
            for summed, one in zip(sums, counted, strict=True)
        )
        yield (
            f"d_{place}",
            f"SELECT * FROM (SELECT request_id, {told} FROM s_{place} WINDOW until_now AS (PARTITION BY {shown} "
            "ORDER BY tick RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS counted "
            "WHERE request_id IS NOT NULL",
        )

    def last(self, one: Aggregate) -> Iterable[tuple[str, str]]:
        """The value of the latest row that has one; of rows at one tick the largest, for no order tells them apart."""
        value, rows = self.value(one), f"t_{one.name}"
        shown = ", ".join(("k", *one.within))
        same = " AND ".join(f"h.{name} = t.{name}" for name in ("k", *one.within))
        yield (
            rows,
            f"SELECT {shown}, request_id, MAX(CASE WHEN {value} IS NOT NULL THEN tick END) "
            f"OVER ({_frame(one)}) AS last_tick FROM h_{self.name}",
        )
        yield (
            f"l_{one.name}",
            f"SELECT t.request_id, MAX(h.{value}) AS {one.name} FROM {rows} AS t "
            f"JOIN h_{self.name} AS h ON {same} AND h.tick = t.last_tick "
            "WHERE t.request_id IS NOT NULL GROUP BY t.request_id",
        )


class _NumberedHistory(_History):
    """The same with the keys' numbers in their place."""

    def _keys(self, key: str) -> tuple[str, str]:  # noqa: ARG002  the number stands beside each key
        return "asked.n", "asked.n"

    def _requests(self, key: str) -> str:
        return f"request AS r JOIN asked_{self.entity} AS asked ON asked.k = r.{key}"


@lru_cache(maxsize=1024)
def asked_value(source: str, text: str) -> str:
    """What a request `r` adds to the stream of what it asks for; nothing where the stream tells what comes later."""
    tree = parse(text)
    read = list(tree.find_all(exp.Column))
    if source not in REQUEST_KINDS or any(column.name not in _REQUEST_NAMES for column in read):
        return "NULL"
    for column in read:
        column.set("table", exp.to_identifier("r"))
    return f"CASE WHEN r.kind = '{source}' THEN {tree.sql(dialect='postgres', copy=False)} END"


def value_sql(aggregate: Aggregate) -> str:
    """A row's value where the condition holds, null elsewhere: unknown is not true."""
    value = aggregate.value or _PLAIN_VALUES[aggregate.kind]
    return _rendered_value(value if aggregate.where is None else f"CASE WHEN {aggregate.where} THEN {value} END")


@lru_cache(maxsize=1024)
def _rendered_value(text: str) -> str:
    return str(parse(text).sql(dialect="postgres", copy=False))


def _partition(within: Iterable[str]) -> str:
    return ", ".join(("k", *within))


def _window(one: Aggregate) -> str:
    return f"w{one.window}_{one.ago}" if one.ago else f"w{one.window}"


def _frame(one: Aggregate) -> str:
    """(request - window, request): a row exactly a window ago is outside, and so is one at the request's own tick."""
    first, last = _ends(one)
    return f"PARTITION BY {_partition(one.within)} ORDER BY tick RANGE BETWEEN {first} PRECEDING AND {last} PRECEDING"


def _ends(one: Aggregate) -> tuple[int, int]:
    """How many ticks before the request a frame begins and ends."""
    return one.window_ticks + one.ago_ticks - 1, max(one.ago_ticks, 1)
