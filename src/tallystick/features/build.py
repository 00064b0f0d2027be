"""Feature columns from the source tables: one query, rendered per engine, run here by DuckDB in process."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa
from sqlglot import exp

from tallystick.features.catalog import Catalog, Feature, load_catalog, parse
from tallystick.features.tables import LINE, LINE_MONTH


def feature_sql(features: Sequence[Feature], *, dialect: str, catalog: Catalog | None = None) -> str:
    """The one query that yields `position` and the features, one row per line in order of position.

    Only the aggregates that the features read are computed. Numbers come out as doubles, categories as text.
    """
    catalog = catalog or load_catalog()
    rows = {feature.name: parse(feature.sql) for feature in features}
    wanted = {column.name for tree in rows.values() for column in tree.find_all(exp.Column) if column.table == "a"}
    aggregates = [
        exp.alias_(parse(aggregate.sql), aggregate.name) for aggregate in catalog.aggregates if aggregate.name in wanted
    ]
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
    with duckdb.connect(":memory:") as engine:
        engine.register("line", line)
        engine.register("line_month", line_month)
        result = engine.sql(feature_sql(features, dialect="duckdb")).to_arrow_table()
    if result.num_rows != line.num_rows:
        raise ValueError(f"{line.num_rows} lines gave {result.num_rows} rows of features: positions are not unique")
    return result


def _check(table: pa.Table, schema: pa.Schema, *, name: str) -> None:
    faults = [
        f"{name}.{field.name}: must be {field.type}"
        for field in schema
        if field.name not in table.column_names or table.schema.field(field.name).type != field.type
    ]
    if faults:
        raise TypeError("; ".join(faults))
