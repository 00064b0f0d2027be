"""Feature columns from the source tables: one query, rendered per engine, run here by DuckDB in process."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
from sqlglot import exp

from tallystick.features.catalog import Aggregate, Catalog, Feature, load_catalog, parse
from tallystick.features.tables import LINE, LINE_MONTH


def feature_sql(features: Sequence[Feature], *, dialect: str, catalog: Catalog | None = None) -> str:
    """The one query that yields `position` and the features, one row per line in order of position.

    Only the aggregates that the features read are computed. Numbers come out as doubles, categories as text.
    """
    return _rendered(tuple(features), (catalog or load_catalog()).aggregates, dialect)


@lru_cache(maxsize=64)
def _rendered(features: tuple[Feature, ...], known: tuple[Aggregate, ...], dialect: str) -> str:
    """Rendering all features takes longer than computing a thousand lines, so it happens once."""
    rows = {feature.name: parse(feature.sql) for feature in features}
    wanted = {column.name for tree in rows.values() for column in tree.find_all(exp.Column) if column.table == "a"}
    aggregates = [exp.alias_(parse(aggregate.sql), aggregate.name) for aggregate in known if aggregate.name in wanted]
    columns = [
        exp.alias_(exp.cast(rows[feature.name], "double" if feature.kind == "numeric" else "text"), feature.name)
        for feature in features
    ]
    monthly = exp.select("m.position", *aggregates).from_("line_month AS m").group_by("m.position")
    query = (
        exp.select("l.position", *columns)
        .with_("monthly", as_=monthly)
        .from_("line AS l")
        .join("monthly AS a", on="a.position = l.position", join_type="left")
        .order_by("l.position")
    )
    return str(query.sql(dialect=dialect, pretty=True))


def build_features(line: pa.Table, line_month: pa.Table, *, features: Sequence[Feature]) -> pa.Table:
    """`position` and one column per feature, one row per line; the same call for one line and a million.

    Sums run over whole numbers and are divided once, so the answer does not depend on threads or order. A figure
    that cannot be known (no such month, nothing to divide by) is null.
    """
    _check(line, LINE, name="line")
    _check(line_month, LINE_MONTH, name="line_month")
    _refuse_repeated(line, line_month)
    import duckdb  # which only a portfolio's features need

    with duckdb.connect(":memory:") as engine:
        engine.register("line", line)
        engine.register("line_month", line_month)
        return engine.sql(feature_sql(features, dialect="duckdb")).to_arrow_table()


def _refuse_repeated(line: pa.Table, line_month: pa.Table) -> None:
    """Two rows of one line would be two lines, and two of one month would be summed: both are refused."""
    position, month = (line_month.column(name).to_numpy() for name in ("position", "months_ago"))
    if month.size and month.min() < 0:
        raise ValueError("line_month.months_ago is below zero on some rows; 0 is the latest closed month")
    key = position * (int(month.max(initial=0)) + 1) + month
    for what, keys in (("line.position", line.column("position").to_numpy()), ("line_month: position, month", key)):
        repeated = keys.size - np.unique(keys).size
        if repeated:
            raise ValueError(f"{what}: {repeated:,} rows repeat another; keep one of each")


def _check(table: pa.Table, schema: pa.Schema, *, name: str) -> None:
    faults = [
        f"{name}.{field.name}: must be {field.type}"
        for field in schema
        if field.name not in table.column_names or table.schema.field(field.name).type != field.type
    ]
    if faults:
        raise TypeError("; ".join(faults))
