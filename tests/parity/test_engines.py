"""Every feature of the catalog on every engine, on the same nasty rows: the answers are equal, to the last bit.

A difference between engines is declared in `DIFFERENCES` with its reason, and is wrong here when it is not there.
"""

from collections.abc import Mapping
from functools import cache

import psycopg
import pyarrow as pa
import pytest
from tests.parity.nasty import Streams, streams

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.storage.event_streams import given_streams
from tallystick.storage.features import build_features, features_at

FEATURES = load_as_of_catalog().features
SEEDS = (1, 2)
# Engine and feature, with the reason why it may differ there.
DIFFERENCES: Mapping[tuple[str, str], str] = {}


@cache
def given(seed: int) -> Streams:
    """The same rows for every engine."""
    return streams(seed)


@cache
def by_duckdb(seed: int) -> pa.Table:
    """What all others are compared with."""
    return build_as_of(given(seed).requests, given(seed).streams, features=FEATURES)


def same(told: pa.Table, seed: int, *, engine: str) -> None:
    """All rows of all features are equal; what is declared to differ does."""
    meant = by_duckdb(seed)
    assert told.schema.equals(meant.schema)
    assert told["request_id"].equals(meant["request_id"])
    differ = {name for name in meant.schema.names if not told[name].equals(meant[name])}
    assert differ == {feature for where, feature in DIFFERENCES if where == engine}


@pytest.mark.parametrize("seed", SEEDS)
def test_postgresql_gives_the_same_in_one_query_for_all(connection: psycopg.Connection, seed: int) -> None:
    given_streams(connection, given(seed).streams)
    same(build_features(connection, given(seed).requests, features=FEATURES), seed, engine="postgres")


@pytest.mark.parametrize("seed", SEEDS)
def test_postgresql_gives_the_same_to_a_batch_that_waits(connection: psycopg.Connection, seed: int) -> None:
    given_streams(connection, given(seed).streams)
    same(features_at(connection, given(seed).requests, features=FEATURES), seed, engine="postgres")


def test_the_rows_are_nasty_enough_to_tell_engines_apart() -> None:
    """Every feature takes several values."""

    constant = {name for name in by_duckdb(1).schema.names if len(by_duckdb(1)[name].unique()) == 1}
    assert constant == set()
