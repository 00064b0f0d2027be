"""PSI: its value by hand, its limit by sample size, missing and new values as bins of their own."""

import math

import numpy as np
import pyarrow as pa
import pytest

from tallystick.scoring.columns import numeric_column
from tallystick.scoring.model import ColumnFault, ModelFeature
from tallystick.scoring.stability import (
    category_stability,
    population_stability,
    psi_limit,
    stability_of_columns,
)


def test_the_value_by_hand() -> None:
    # shares 0.5, 0.5 against 0.6, 0.4, each count with half a row more
    found = category_stability(np.repeat([0, 1], [500, 500]), np.repeat([0, 1], [600, 400]), name="kind")
    shares = (500.5 / 1_001, 500.5 / 1_001), (600.5 / 1_001, 400.5 / 1_001)
    by_hand = sum((new - old) * math.log(new / old) for old, new in zip(*shares, strict=True))
    assert found.psi == pytest.approx(by_hand, abs=1e-12)
    assert found.bins == 2
    assert found.limit == pytest.approx(6.6349 * 2 / 1_000, rel=1e-4)
    assert found.alarm


def test_the_same_small_shift_is_chance_in_few_lines_and_a_shift_in_many() -> None:
    draws = np.random.default_rng(1)
    few = population_stability(draws.normal(0, 1, 200), draws.normal(0.1, 1, 200), name="score")
    many = population_stability(draws.normal(0, 1, 100_000), draws.normal(0.1, 1, 100_000), name="score")
    assert not few.alarm
    assert many.alarm
    assert many.psi < 0.1 < few.limit  # the customary limit would have missed it, and could alarm on the few


def test_missing_values_are_a_bin_of_their_own() -> None:
    sample = np.random.default_rng(2).normal(size=5_000)
    shifted = np.where(np.arange(5_000) % 10 == 0, np.nan, sample)
    found = population_stability(sample, shifted, name="income")
    assert found.bins == 11
    assert found.alarm
    nothing = population_stability(np.full(50, np.nan), np.full(60, np.nan), name="empty")
    assert (nothing.bins, nothing.psi, nothing.alarm) == (1, 0.0, False)


def test_heavy_ties_make_fewer_bins() -> None:
    sample = np.repeat([0.0, 1.0, 2.0], [900, 60, 40])
    found = population_stability(sample, sample, name="dpd")
    assert (found.bins, found.psi, found.alarm) == (3, 0.0, False)


def test_columns_share_the_false_alarm_and_find_the_shifted_one() -> None:
    draws = np.random.default_rng(3)
    kinds = np.array(["web", "app", "shop"])
    expected = pa.table({"age": draws.integers(20, 60, 3_000), "kind": kinds[draws.integers(0, 2, 3_000)]})
    actual = pa.table({"age": draws.integers(20, 60, 2_000), "kind": kinds[draws.integers(0, 3, 2_000)]})
    features = [ModelFeature("age", "numeric"), ModelFeature("kind", "category")]
    age, kind = stability_of_columns(expected=expected, actual=actual, features=features)
    assert age.false_alarm == pytest.approx(0.005)
    assert (age.alarm, kind.alarm, kind.bins) == (False, True, 3)
    alone = population_stability(
        numeric_column(expected, "age"), numeric_column(actual, "age"), name="age", false_alarm=0.005
    )
    assert age == alone


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="false_alarm is 0"):
        psi_limit(expected_rows=10, actual_rows=10, bins=2, false_alarm=0)
    with pytest.raises(ValueError, match="neither may be empty"):
        population_stability(np.ones(5), np.empty(0), name="score")
    with pytest.raises(ValueError, match="bins is 1"):
        population_stability(np.ones(5), np.ones(5), name="score", bins=1)
    table = pa.table({"a": [1.0]})
    with pytest.raises(ColumnFault, match="b is absent"):
        stability_of_columns(expected=table, actual=table, features=[ModelFeature("b", "numeric")])
