"""What every engine has to answer: each feature of the catalog on the same nasty rows, as DuckDB tells it.

A difference between engines is declared in `DIFFERENCES` with its reason, and is wrong here when it is not there.
"""

from collections.abc import Mapping
from functools import cache

import pyarrow as pa
from tests.parity.nasty import Streams, streams

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog

FEATURES = load_as_of_catalog().features
# Engine and feature, with the reason why it may differ there.
DIFFERENCES: Mapping[tuple[str, str], str] = {}


# Spark takes a second for what others do in a hundredth: its rows are fewer, and as nasty.
OF_SPARK = 3


@cache
def given(seed: int) -> Streams:
    """The same rows for every engine."""
    return streams(seed, requests=64, rows=200) if seed == OF_SPARK else streams(seed)


@cache
def by_duckdb(seed: int) -> pa.Table:
    """What all others are compared with."""
    return build_as_of(given(seed).requests, given(seed).streams, features=FEATURES)


def same(told: pa.Table, seed: int, *, engine: str) -> None:
    """All rows of all features are equal; what is declared to differ does."""
    meant = by_duckdb(seed)
    assert (told.schema.names, told.schema.types) == (meant.schema.names, meant.schema.types)
    assert told["request_id"].equals(meant["request_id"])
    differ = {name for name in meant.schema.names if not told[name].equals(meant[name])}
    assert differ == {feature for where, feature in DIFFERENCES if where == engine}
