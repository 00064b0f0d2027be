"""The catalog of features at an instant: what each means, what it is made of, and that it cannot be wrong in silence.

An aggregate sums up one stream over one entity and one window; a feature is a row expression over aggregates `a` and
the request `r`. Both are SQL text in one portable subset, parsed and checked once. What a feature is about (entities,
windows, streams, personal data) is read off its SQL, so that the catalog cannot say otherwise.
"""

import tomllib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tallystick.features.catalog import CatalogFaults, parse, with_double_divisions
from tallystick.features.event_tables import (
    DAY_TICKS,
    ENTITIES,
    EVENT_TABLES,
    HOUR_TICKS,
    REQUEST,
    Column,
    ColumnType,
    PersonalData,
)

WINDOW_TICKS: Final = {
    "1h": HOUR_TICKS,
    "1d": DAY_TICKS,
    "7d": 7 * DAY_TICKS,
    "14d": 14 * DAY_TICKS,
    "30d": 30 * DAY_TICKS,
    "90d": 90 * DAY_TICKS,
    "400d": 400 * DAY_TICKS,
}
_WINDOW_WORDS: Final = {
    "1h": ("一小时", "hour"),
    "1d": ("一天", "day"),
    "7d": ("7天", "7 days"),
    "14d": ("14天", "14 days"),
    "30d": ("30天", "30 days"),
    "90d": ("90天", "90 days"),
    "400d": ("400天", "400 days"),
}
_REQUEST_COLUMNS: Final = {column.name: column for column in REQUEST}
# From far from a person to near: a feature is as near as the nearest thing that it reads.
_NEARNESS: Final = tuple(PersonalData)


class Kind(StrEnum):
    """How a window is summed up. Each kind has one rendering that all engines share."""

    COUNT = "count"
    SUM = "sum"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    DISTINCT = "distinct"  # how many different values
    LAST_TICK = "last_tick"  # the tick of the latest row
    FIRST_TICK = "first_tick"
    LAST = "last"  # the value of the latest row; of rows at one tick the largest
    STREAK = "streak"  # how many of the latest rows in a row hold the condition


# A tile holds sums of its hour: what cannot be made of such sums is not served for entities without bound.
TILED_KINDS: Final = frozenset({Kind.COUNT, Kind.SUM, Kind.MAXIMUM, Kind.MINIMUM, Kind.LAST_TICK, Kind.FIRST_TICK})


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One stream over one entity and one window. `value` and `where` read the stream `e`, null where not given.

    `within` names further columns that must equal the request's: the same line *and* the same merchant.
    """

    name: str
    source: str
    entity: str
    window: str
    kind: Kind
    value: str | None
    where: str | None
    within: tuple[str, ...] = ()
    ago: str | None = None

    @property
    def ago_ticks(self) -> int:
        """How long before the request the window ends."""
        return WINDOW_TICKS[self.ago] if self.ago else 0

    @property
    def window_ticks(self) -> int:
        """The length of the window: rows count whose tick lies in (request - length, request)."""
        return WINDOW_TICKS[self.window]

    def columns(self) -> tuple[Column, ...]:
        """The columns of the stream that it reads, its key and what lies within included."""
        table = EVENT_TABLES[self.source]
        names = {ENTITIES[self.entity].key, *self.within}
        for text in (self.value, self.where):
            if text is not None:
                names |= _columns_of(text)
        return tuple(column for column in table.columns if column.name in names)


@lru_cache(maxsize=1024)
def _columns_of(text: str) -> frozenset[str]:
    """The columns that an expression reads; the windows of an aggregate share one text."""
    return frozenset(column.name for column in sqlglot.parse_one(text, read="postgres").find_all(exp.Column))


@dataclass(frozen=True, slots=True, eq=False)  # the catalog has one of each, and every batch asks for its query by them
class AsOfFeature:
    """One feature at an instant, and what is known of it."""

    name: str
    zh: str
    en: str
    type: ColumnType
    unit: str
    sql: str
    credit_use: bool
    aggregates: tuple[Aggregate, ...]
    request_columns: tuple[Column, ...]
    written: str = ""  # the SQL as it stands in the catalog, where it may read other features
    reads: tuple[str, ...] = ()  # those features

    @property
    def entities(self) -> tuple[str, ...]:
        """What it is about, in order of the declarations; empty where it reads the request alone."""
        used = {aggregate.entity for aggregate in self.aggregates}
        return tuple(name for name in ENTITIES if name in used)

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows that it looks back over, shortest first."""
        used = {aggregate.window for aggregate in self.aggregates}
        return tuple(name for name in WINDOW_TICKS if name in used)

    @property
    def sources(self) -> tuple[str, ...]:
        """The streams that it reads."""
        used = {aggregate.source for aggregate in self.aggregates}
        return tuple(name for name in EVENT_TABLES if name in used)

    @property
    def personal_data(self) -> PersonalData:
        """The nearest to a person of all that it reads."""
        read = [*self.request_columns, *(column for one in self.aggregates for column in one.columns())]
        return max((column.personal_data for column in read), key=_NEARNESS.index, default=PersonalData.NONE)


@dataclass(frozen=True)
class AsOfCatalog:
    """All features at an instant, each name once."""

    features: tuple[AsOfFeature, ...]

    @cached_property
    def by_name(self) -> Mapping[str, AsOfFeature]:
        """Features by their names."""
        return {feature.name: feature for feature in self.features}

    def named(self, names: Iterable[str]) -> tuple[AsOfFeature, ...]:
        """These features, in this order; raises `KeyError` naming those that are not in the catalog."""
        wanted = tuple(names)
        unknown = [name for name in wanted if name not in self.by_name]
        if unknown:
            raise KeyError(f"no such feature: {', '.join(unknown)}; see `tallystick features list`")
        return tuple(self.by_name[name] for name in wanted)


@cache
def load_as_of_catalog() -> AsOfCatalog:
    """The catalog that ships with Tallystick."""
    text = files("tallystick.features").joinpath("as_of.toml").read_text(encoding="utf-8")
    return read_as_of_catalog(text)


_AGGREGATE_FIELDS: Final = ("name", "windows", "source", "entity", "kind", "value", "where", "within", "ago")
_FEATURE_FIELDS: Final = ("name", "windows", "zh", "en", "type", "unit", "sql", "credit_use")


def read_as_of_catalog(text: str) -> AsOfCatalog:
    """Parse and check a catalog; raises `CatalogFaults` with everything that is wrong with it at once."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogFaults([f"catalog: not TOML: {error}"]) from error
    faults = [f"catalog: {key}: not known; remove it" for key in content if key not in ("aggregate", "feature")]
    aggregates: dict[str, Aggregate] = {}
    for entry in _expanded(content, "aggregate", _AGGREGATE_FIELDS, faults=faults):
        _add(aggregates, _aggregate(entry, faults=faults), what="aggregate", faults=faults)
    features: dict[str, AsOfFeature] = {}
    for entry in _expanded(content, "feature", _FEATURE_FIELDS, faults=faults):
        _add(features, _feature(entry, aggregates, features, faults=faults), what="feature", faults=faults)
    read = {aggregate.name for feature in features.values() for aggregate in feature.aggregates}
    faults += [f"catalog: aggregate {name}: no feature reads it; remove it" for name in aggregates if name not in read]
    if faults:
        raise CatalogFaults(faults)
    return AsOfCatalog(tuple(features.values()))


def _add(known: dict[str, Any], entry: Any, *, what: str, faults: list[str]) -> None:
    if entry is not None and entry.name in known:
        faults.append(f"catalog: {what} {entry.name}: given twice; keep one")
    elif entry is not None:
        known[entry.name] = entry


def _expanded(
    content: Mapping[str, Any], what: str, allowed: tuple[str, ...], *, faults: list[str]
) -> Iterable[dict[str, Any]]:
    """One entry per window of each block, with {w}, {w_zh} and {w_en} filled in; the block itself without windows."""
    for block in content.get(what, []):
        place = f"catalog: {what} {block.get('name', '(no name)')}"
        faults += [f"{place}: {key}: not known; remove it" for key in block if key not in allowed]
        unknown = [window for window in block.get("windows", []) if window not in WINDOW_TICKS]
        if unknown:
            faults.append(f"{place}: windows: {', '.join(unknown)}: not known; use {', '.join(WINDOW_TICKS)}")
            continue
        for window in block.get("windows", [None]):
            zh, en = _WINDOW_WORDS.get(window, ("", ""))
            words = {"{w}": window or "", "{w_zh}": zh, "{w_en}": en}
            yield {key: _filled(value, words) for key, value in block.items()} | {"window": window}


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for mark, word in words.items():
            value = value.replace(mark, word)
    return value


def _aggregate(entry: Mapping[str, Any], *, faults: list[str]) -> Aggregate | None:
    place = f"catalog: aggregate {entry.get('name', '(no name)')}"
    before = len(faults)
    faults += [
        f"{place}: {key}: must be one of {', '.join(allowed)}, not {entry.get(key)!r}"
        for key, allowed in (("source", EVENT_TABLES), ("entity", ENTITIES), ("kind", tuple(Kind)))
        if entry.get(key) not in allowed
    ]
    if entry.get("window") is None:
        faults.append(f"{place}: windows: missing; every look back has an end, give one or more")
    if len(faults) > before:
        return None
    aggregate = Aggregate(
        name=entry["name"],
        source=entry["source"],
        entity=entry["entity"],
        window=entry["window"],
        kind=Kind(entry["kind"]),
        value=entry.get("value"),
        where=entry.get("where"),
        within=tuple(entry.get("within", ())),
        ago=entry.get("ago"),
    )
    faults += [f"{place}: {fault}" for fault in _aggregate_faults(aggregate)]
    return aggregate if len(faults) == before else None


def _aggregate_faults(aggregate: Aggregate) -> Iterable[str]:
    table, entity = EVENT_TABLES[aggregate.source], ENTITIES[aggregate.entity]
    if table.column(entity.key) is None:
        yield f"entity: {aggregate.source} has no {entity.key}"
    for name in aggregate.within:
        if table.column(name) is None or name not in _REQUEST_COLUMNS:
            yield f"within: {name!r} must be a column of {aggregate.source} and of the request"
    needs_value = aggregate.kind in (Kind.SUM, Kind.MAXIMUM, Kind.MINIMUM, Kind.DISTINCT, Kind.LAST)
    if needs_value and aggregate.value is None:
        yield f"value: missing; a {aggregate.kind} is of something"
    if aggregate.kind in (Kind.LAST_TICK, Kind.FIRST_TICK, Kind.STREAK) and aggregate.value is not None:
        yield f"value: a {aggregate.kind} has none; use where"
    if aggregate.ago is not None and (aggregate.ago not in WINDOW_TICKS or aggregate.kind is Kind.DISTINCT):
        yield f"ago: must be one of {', '.join(WINDOW_TICKS)}, and none for {Kind.DISTINCT}"
    if aggregate.kind is Kind.STREAK and aggregate.where is None:
        yield "where: missing; a streak is of a condition"
    if entity.tiled and (aggregate.kind not in TILED_KINDS or aggregate.within):
        yield (
            f"kind: {aggregate.entity} has a history without bound, served from tiles: only "
            f"{', '.join(sorted(TILED_KINDS))}, and nothing within"
        )
    for key, text in (("value", aggregate.value), ("where", aggregate.where)):
        if text is not None:
            yield from _value_faults(key, text, aggregate.source)


@lru_cache(maxsize=1024)
def _value_faults(key: str, text: str, source: str) -> tuple[str, ...]:
    """What is wrong with a value or a condition, told once for all windows."""
    tree, faults = _checked(key, text, {"e": {column.name for column in EVENT_TABLES[source].columns}})
    if tree is not None and tree.find(exp.Div) is not None:
        faults.append(f"{key}: divide in the feature, once; what is summed is whole numbers")
    return tuple(faults)


def _inlined(node: exp.Expression, above: Mapping[str, AsOfFeature]) -> exp.Expression:
    """A feature that another one reads, in its place, with its type: 7/2 made whole stays 3."""
    if isinstance(node, exp.Column) and node.table == "f":
        read = above[node.name]
        return sqlglot.parse_one(f"CAST({read.sql} AS {read.type})", read="postgres")
    return node


def _feature(
    entry: Mapping[str, Any],
    known: Mapping[str, Aggregate],
    above: Mapping[str, AsOfFeature],
    *,
    faults: list[str],
) -> AsOfFeature | None:
    place = f"catalog: feature {entry.get('name', '(no name)')}"
    before = len(faults)
    faults += [
        f"{place}: {key}: missing or empty; give a text"
        for key in ("name", "zh", "en", "sql")
        if not str(entry.get(key, "")).strip()
    ]
    if entry.get("type") not in tuple(ColumnType):
        faults.append(f"{place}: type: must be one of {', '.join(ColumnType)}, not {entry.get('type')!r}")
    if not isinstance(entry.get("credit_use"), bool):
        faults.append(f"{place}: credit_use: say true or false: may a credit decision read it?")
    if len(faults) > before:
        return None
    given = str(entry["sql"])
    tree, found = _checked("sql", given, {"a": known, "r": _REQUEST_COLUMNS, "f": above})
    faults += [f"{place}: {fault}" for fault in found]
    if tree is None or len(faults) > before:
        return None
    others = dict.fromkeys(column.name for column in tree.find_all(exp.Column) if column.table == "f")
    text = written = str(tree.sql(dialect="postgres"))
    if others:
        text = str(tree.transform(_inlined, above).sql(dialect="postgres"))
    # Most texts stand in the catalog as they are rendered, and their tree is there already.
    tree = with_double_divisions(tree) if text == given else parse(text)
    read = {(column.table, column.name) for column in tree.find_all(exp.Column)}
    feature = AsOfFeature(
        name=entry["name"],
        zh=entry["zh"],
        en=entry["en"],
        type=ColumnType(entry["type"]),
        unit=str(entry.get("unit", "")),
        sql=text,
        credit_use=entry["credit_use"],
        aggregates=tuple(one for name, one in known.items() if ("a", name) in read),
        request_columns=tuple(column for name, column in _REQUEST_COLUMNS.items() if ("r", name) in read),
        written=written,
        reads=tuple(others),
    )
    faults += [f"{place}: {fault}" for fault in _feature_faults(feature, tree)]
    return feature if len(faults) == before else None


def _feature_faults(feature: AsOfFeature, tree: exp.Expression) -> Iterable[str]:
    """Where engines would differ without a word: a cast that rounds, a division by zero; and what the law protects."""
    divisions = list(tree.find_all(exp.Div))
    if feature.type is ColumnType.BIGINT and any(
        division.find_ancestor(exp.Floor, exp.Ceil) is None for division in divisions
    ):
        yield "sql: a whole number made of a division must say how it rounds: FLOOR(...) or CEIL(...)"
    for division in divisions:
        by = division.expression.this if isinstance(division.expression, exp.Cast) else division.expression
        by = by.unnest()
        if not (isinstance(by, exp.Nullif) or (isinstance(by, exp.Literal) and by.name.strip("0."))):
            yield f"sql: divides by {by.sql()}, which may be zero: NULLIF({by.sql()}, 0)"
    for modulo in tree.find_all(exp.Mod):
        if any(_is_fraction(node, within=modulo) for node in modulo.find_all(exp.Div, exp.Floor, exp.Ceil)):
            yield f"sql: {modulo.sql()} is of a fraction, which PostgreSQL refuses: CAST(FLOOR(...) AS BIGINT)"
    if feature.credit_use and feature.personal_data is PersonalData.PROTECTED:
        yield "credit_use: it reads what the law protects; say false"


def _is_fraction(node: exp.Expression, *, within: exp.Expression) -> bool:
    """Whether nothing between the two makes a whole number of it."""
    while node is not within:
        if isinstance(node, exp.Cast) and node.is_type("bigint"):
            return False
        node = node.parent
    return True


# What all engines compute alike; anything else needs a kind of its own, with a rendering that is tested.
_PORTABLE: Final = (
    exp.Abs, exp.Add, exp.And, exp.Between, exp.Boolean, exp.Case, exp.Cast, exp.Ceil, exp.Coalesce, exp.Column,
    exp.DataType, exp.Div, exp.EQ, exp.Floor, exp.GT, exp.GTE, exp.Greatest, exp.Identifier, exp.If, exp.In, exp.Is,
    exp.Least, exp.Literal, exp.LT, exp.LTE, exp.Mod, exp.Mul, exp.NEQ, exp.Neg, exp.Not, exp.Null, exp.Nullif, exp.Or,
    exp.Paren, exp.Sqrt, exp.Sub, exp.Tuple,
)  # fmt: skip


def _checked(key: str, text: str, tables: Mapping[str, Container[str]]) -> tuple[exp.Expression | None, list[str]]:
    """The tree of an expression, None where it is none, and what is wrong with it."""
    try:
        tree: exp.Expression = sqlglot.parse_one(text, read="postgres")
    except SqlglotError as error:
        return None, [f"{key}: not an SQL expression: {error}"]
    nodes = list(tree.walk())
    faults = [
        f"{key}: {column.sql()} is no column; tables here are {', '.join(tables)}"
        for column in nodes
        if isinstance(column, exp.Column) and column.name not in tables.get(column.table, ())
    ]
    faults += [
        f"{key}: {node.sql()}: {type(node).__name__} is not in the subset that all engines compute alike"
        for node in nodes
        if not isinstance(node, _PORTABLE)
    ]
    return tree, faults
