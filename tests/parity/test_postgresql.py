"""Every feature of the catalog on PostgreSQL, by both of its queries: the answers are DuckDB's, to the last bit."""

import psycopg
import pytest
from tests.parity.answers import FEATURES, OF_SPARK, by_duckdb, given, same

from tallystick.storage.event_streams import given_streams
from tallystick.storage.features import build_features, features_at

SEEDS = (1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_postgresql_gives_the_same_in_one_query_for_all(connection: psycopg.Connection, seed: int) -> None:
    given_streams(connection, given(seed).streams)
    same(build_features(connection, given(seed).requests, features=FEATURES), seed, engine="postgres")


@pytest.mark.parametrize("seed", SEEDS)
def test_postgresql_gives_the_same_to_a_batch_that_waits(connection: psycopg.Connection, seed: int) -> None:
    given_streams(connection, given(seed).streams)
    same(features_at(connection, given(seed).requests, features=FEATURES).columns, seed, engine="postgres")


@pytest.mark.parametrize("seed", [*SEEDS, OF_SPARK])
def test_the_rows_are_nasty_enough_to_tell_engines_apart(seed: int) -> None:
    """Every feature takes several values."""
    told = by_duckdb(seed)
    assert [name for name in told.schema.names if len(told[name].unique()) == 1] == []
