"""The feature catalog: every feature's SQL, meaning, direction and reason, read and checked once."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tallystick.features.tables import LINE, LINE_MONTH

FeatureKind = Literal["numeric", "category"]
Direction = Literal["up", "down", "none"]

AGGREGATE_KINDS: Final = (
    "value", "count", "sum", "mean", "minimum", "maximum", "ratio", "difference", "time since last",
)  # fmt: skip
_SECTIONS: Final = ("aggregate", "feature", "reason")
_AGGREGATE_FIELDS: Final = ("name", "months", "sql")
_FEATURE_FIELDS: Final = {
    "name", "months", "zh", "en", "unit", "kind", "aggregate", "direction", "reason", "credit_use", "requires", "sql",
}  # fmt: skip


class CatalogFaults(ValueError):
    """The catalog is wrong; `faults` holds everything that is, each with its entry and the way out."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A named figure over the months of one line; `sql` reads `m` only."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `sql` reads the line `l` and aggregates `a`; `reason` is what it says when it costs a line."""

    name: str
    zh: str
    en: str
    unit: str
    kind: FeatureKind
    aggregate: str
    direction: Direction
    credit_use: bool
    reason: str | None
    requires: frozenset[str]
    sql: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All features with the aggregates they are made of; `reasons` maps a code to its Chinese and English text."""

    aggregates: tuple[Aggregate, ...]
    features: tuple[Feature, ...]
    reasons: Mapping[str, tuple[str, str]]

    def select(self, fields: Iterable[str], *, months: int) -> tuple[Feature, ...]:
        """Features for credit decisions whose source fields are there, given months 0..months-1 of history.

        A feature of a month that the portfolio does not reach would be missing on every line: it is left out.
        """
        known = frozenset(fields)
        return tuple(
            feature
            for feature in self.features
            if feature.credit_use and feature.requires <= known and self._deepest_month(feature) < months
        )

    def named(self, names: Iterable[str]) -> tuple[Feature, ...]:
        """These features, in this order; raises `KeyError` naming one that is not in the catalog."""
        by_name = {feature.name: feature for feature in self.features}
        return tuple(by_name[name] for name in names)

    def _deepest_month(self, feature: Feature) -> int:
        names = {column.name for column in parse(feature.sql).find_all(exp.Column) if column.table == "a"}
        suffixes = [name.rpartition("_m")[2] for name in names]
        return max((int(suffix) for suffix in suffixes if suffix.isdigit()), default=0)


def parse(sql: str) -> exp.Expression:
    """The syntax tree of one expression, with every division made a division of doubles: 7/2 is 3.5 everywhere.

    >>> parse("a.x / 2").sql(dialect="duckdb")
    'CAST(a.x AS DOUBLE) / CAST(2 AS DOUBLE)'
    """
    return with_double_divisions(sqlglot.parse_one(sql, read="postgres"))


def with_double_divisions(tree: exp.Expression) -> exp.Expression:
    """The tree itself, with every division in it made one of doubles."""
    for division in list(tree.find_all(exp.Div)):
        for side in ("this", "expression"):
            # Not a copy: a division inside of this one is still to be met. Nor a name of a type, which would be parsed.
            division.set(side, exp.cast(division.args[side], exp.DataType.Type.DOUBLE, copy=False))
    return tree


@cache
def load_catalog() -> Catalog:
    """The catalog that ships with Tallystick."""
    return read_catalog(files("tallystick.features").joinpath("catalog.toml").read_text(encoding="utf-8"))


def read_catalog(text: str) -> Catalog:
    """Parse and check a catalog; raises `CatalogFaults` with everything that is wrong."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogFaults([f"catalog: not TOML: {error}"]) from error
    faults: list[str] = []
    faults += [f"catalog: {key}: not known; remove it" for key in content if key not in _SECTIONS]
    aggregates = tuple(
        _aggregate(entry, faults=faults) for block in content.get("aggregate", []) for entry in _expanded(block)
    )
    features = tuple(
        _feature(entry, faults=faults) for block in content.get("feature", []) for entry in _expanded(block)
    )
    reasons = {code: (texts.get("zh", ""), texts.get("en", "")) for code, texts in content.get("reason", {}).items()}
    catalog = Catalog(aggregates=aggregates, features=features, reasons=reasons)
    faults += _reference_faults(catalog)
    if faults:
        raise CatalogFaults(faults)
    return catalog


def _expanded(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry per month of the block, with {k} and {k1} filled in; the block itself where it has no months."""
    months = block.get("months")
    if months is None:
        return [dict(block)]
    return [
        {
            key: value.replace("{k1}", str(month + 1)).replace("{k}", str(month)) if isinstance(value, str) else value
            for key, value in block.items()
        }
        for month in months
    ]


def _aggregate(entry: Mapping[str, Any], *, faults: list[str]) -> Aggregate:
    name = str(entry.get("name", "(no name)"))
    place = f"catalog: aggregate {name}"
    faults += [f"{place}: {key}: not known; remove it" for key in entry if key not in _AGGREGATE_FIELDS]
    faults += [
        f"{place}: {key}: missing or empty; give a text"
        for key in ("name", "sql")
        if not str(entry.get(key, "")).strip()
    ]
    return Aggregate(name=name, sql=str(entry.get("sql", "NULL")))


def _feature(entry: Mapping[str, Any], *, faults: list[str]) -> Feature:
    name = str(entry.get("name", "(no name)"))
    place = f"catalog: feature {name}"
    faults += [f"{place}: {key}: not known; remove it" for key in entry if key not in _FEATURE_FIELDS]
    for key in ("name", "zh", "en", "sql"):
        if not str(entry.get(key, "")).strip():
            faults.append(f"{place}: {key}: missing or empty; give a text")
    for key, allowed in (
        ("kind", ("numeric", "category")),
        ("direction", ("up", "down", "none")),
        ("aggregate", AGGREGATE_KINDS),
    ):
        if entry.get(key) not in allowed:
            faults.append(f"{place}: {key}: must be one of {', '.join(allowed)}, not {entry.get(key)!r}")
    if not isinstance(entry.get("credit_use", True), bool):
        faults.append(f"{place}: credit_use: must be true or false, not {entry['credit_use']!r}")
    if entry.get("credit_use", True) and not entry.get("reason"):
        faults.append(f"{place}: reason: a feature used for credit names the reason it gives; add one")
    return Feature(
        name=name,
        zh=str(entry.get("zh", "")),
        en=str(entry.get("en", "")),
        unit=str(entry.get("unit", "")),
        kind=entry.get("kind", "numeric"),
        aggregate=str(entry.get("aggregate", "")),
        direction=entry.get("direction", "none"),
        credit_use=bool(entry.get("credit_use", True)),
        reason=entry.get("reason"),
        requires=frozenset(entry.get("requires", [])),
        sql=str(entry.get("sql", "NULL")),
    )


def _reference_faults(catalog: Catalog) -> list[str]:
    """Names given twice, columns that no table has, reasons without both texts."""
    faults = []
    for what, names in (
        ("aggregate", [entry.name for entry in catalog.aggregates]),
        ("feature", [entry.name for entry in catalog.features]),
    ):
        faults += [
            f"catalog: {what} {name}: given twice; keep one" for name in sorted({*names}) if names.count(name) > 1
        ]
    tables = {"l": _names(LINE), "a": frozenset(entry.name for entry in catalog.aggregates)}
    for aggregate in catalog.aggregates:
        faults += _column_faults(f"catalog: aggregate {aggregate.name}", aggregate.sql, {"m": _names(LINE_MONTH)})
    for feature in catalog.features:
        place = f"catalog: feature {feature.name}"
        faults += _column_faults(place, feature.sql, tables)
        unknown = feature.requires - _names(LINE) - _names(LINE_MONTH)
        faults += [f"{place}: requires: {name!r} is no source field" for name in sorted(unknown)]
        if feature.reason and feature.reason not in catalog.reasons:
            faults.append(f"{place}: reason: {feature.reason} has no texts; add [reason.{feature.reason}]")
    faults += [
        f"catalog: reason {code}: give both zh and en" for code, texts in catalog.reasons.items() if not all(texts)
    ]
    return faults


def _names(schema: pa.Schema) -> frozenset[str]:
    return frozenset(schema.names)


def _column_faults(place: str, sql: str, tables: Mapping[str, frozenset[str]]) -> list[str]:
    try:
        tree = parse(sql)
    except SqlglotError as error:
        return [f"{place}: sql: not an SQL expression: {error}"]
    return [
        f"{place}: sql: {column.sql()} is no column; tables here are {', '.join(tables)}"
        for column in tree.find_all(exp.Column)
        if column.name not in tables.get(column.table, frozenset())
    ]
