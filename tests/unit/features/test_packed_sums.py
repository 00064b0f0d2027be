"""Packed counts and sums are what they are apart, with negative sums, nulls, ties and many counts."""

import random

import duckdb
import pytest

from tallystick.features.packed_sums import Added, Pack, packs_of


def test_each_sum_stands_with_the_count_of_its_values_and_small_packs_are_narrow() -> None:
    added = [
        Added("s", "v0", "w", is_sum=True),
        Added("c", "v1", "w", is_sum=False),
        Added("d", "v0", "w", is_sum=False),
    ]
    assert packs_of(added) == (Pack(("v0", "v1"), "v0"),)
    counts = [Added(f"c{n}", f"v{n}", "w", is_sum=False) for n in range(6)]
    assert [(pack.counted, pack.type) for pack in packs_of(counts)] == [
        (("v0", "v1", "v2", "v3"), "INT128"), (("v4", "v5"), "BIGINT"),
    ]  # fmt: skip


@pytest.mark.parametrize("pack", [Pack(("v0", "v1"), "v0"), Pack(("v0", "v1", "v2", "v3"), None), Pack(("v0",), "v0")])
def test_a_total_splits_into_what_was_added(pack: Pack) -> None:
    chance = random.Random(5)
    values = [[chance.choice([None, -(2**40), 0, 7, 2**40]) for _ in range(4)] for _ in range(200)]
    rows = ", ".join(f"({', '.join('NULL' if v is None else str(v) for v in row)})" for row in values)
    total = f"(SELECT CAST(SUM({pack.number()}) AS INT128) FROM (VALUES {rows}) AS t(v0, v1, v2, v3))"
    low = pack.low("t")
    parts = [pack.count_of(value, "low") for value in pack.counted]
    if pack.summed:
        parts.append(pack.sum_of("t", "low"))
    query = f"SELECT {', '.join(parts)} FROM (SELECT t, {low} AS low FROM (SELECT {total} AS t))"
    with duckdb.connect(":memory:") as engine:
        [told] = engine.sql(query).fetchall()
    columns = [[value for row in values if (value := row[n]) is not None] for n in range(4)]
    wanted = [len(columns[int(value[1])]) for value in pack.counted]
    assert list(told) == [*wanted, *([sum(columns[0])] if pack.summed else [])]
