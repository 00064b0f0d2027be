"""Every aggregate of the catalog against its definition in plain loops, on streams with all the nasty cases."""

import duckdb
import pytest
from tests.parity.definitions import by_definition, visible
from tests.parity.nasty import streams

from tallystick.features.as_of_catalog import Aggregate, AsOfFeature, load_as_of_catalog
from tallystick.features.as_of_sql import as_of_sql
from tallystick.features.event_tables import ColumnType

AGGREGATES = {one.name: one for feature in load_as_of_catalog().features for one in feature.aggregates}


def bare(aggregate: Aggregate) -> AsOfFeature:
    """A feature that is nothing but the aggregate."""
    return AsOfFeature(
        name=aggregate.name, zh="", en="", type=ColumnType.BIGINT, unit="", sql=f"a.{aggregate.name}",
        credit_use=False, aggregates=(aggregate,), request_columns=(),
    )  # fmt: skip


@pytest.mark.parametrize("source", sorted({one.source for one in AGGREGATES.values()}))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_aggregate_is_what_its_kind_means(source: str, seed: int) -> None:
    given = streams(seed)
    aggregates = [one for one in AGGREGATES.values() if one.source == source]
    query = as_of_sql(tuple(bare(one) for one in aggregates), dialect="duckdb")
    with duckdb.connect(":memory:") as engine:
        for name, table in given.tables():
            engine.register(name, table)
        told = {row["request_id"]: row for row in engine.sql(query).to_arrow_table().to_pylist()}
    requests = given.requests.to_pylist()
    rows = visible(source, given.streams[source].to_pylist(), requests)
    assert len(told) == len(requests)
    for request in requests:
        meant = {one.name: by_definition(one, request, rows) for one in aggregates}
        row = told[request["request_id"]]
        assert {name: row[name] for name in meant} == meant, request
