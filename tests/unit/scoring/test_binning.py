"""Bins of one feature: cut where risk changes, missing and special values apart, edges that read well."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tallystick.scoring.binning import BinningSettings, FeatureBins, Flags, fit_feature_bins
from tallystick.scoring.model import ColumnFault, Direction, ModelFeature

ROWS = 4000


def sample(seed: int = 3) -> tuple[pa.Table, Flags]:
    """A value whose risk steps at 10 and 20, 5 % missing (risky), 5 % the code -1 (safe); a category with 4 levels."""
    draw = np.random.default_rng(seed)
    value = draw.integers(0, 30, ROWS).astype(float)
    risk = np.select([value < 10, value < 20], [0.1, 0.25], 0.5)
    place = draw.permutation(ROWS)
    missing, coded = place[:200], place[200:400]
    value[missing], risk[missing] = np.nan, 0.6
    value[coded], risk[coded] = -1.0, 0.02
    level = draw.integers(0, 4, ROWS)
    risk = np.clip(risk + np.array([0.0, 0.1, 0.0, 0.1])[level], 0, 1)
    names = pa.array(np.array(["north", "south", "east", "west"])[level])
    return pa.table({"value": pa.array(value, from_pandas=True), "level": names}), draw.random(ROWS) < risk


def numeric_bins(direction: Direction = "up", **settings: Any) -> FeatureBins:
    table, is_bad = sample()
    feature = ModelFeature(name="value", kind="numeric", direction=direction)
    limits = BinningSettings(special_values={"value": (-1.0,)}, penalty_nats=3.0, **settings)
    return fit_feature_bins(table=table, is_bad=is_bad, feature=feature, settings=limits)


def test_it_finds_the_steps_and_keeps_missing_and_special_apart() -> None:
    bins = numeric_bins()
    assert bins.edges == (10.0, 20.0)
    assert bins.labels == ("[-inf, 10)", "[10, 20)", "[20, inf)", "= -1", "missing")
    assert [good + bad for good, bad in zip(bins.goods, bins.bads, strict=True)][3:] == [200, 200]
    assert bins.woe[0] > bins.woe[1] > bins.woe[2] > bins.woe[4]
    assert bins.woe[3] > bins.woe[0]
    assert sum(bins.goods) + sum(bins.bads) == ROWS


def test_intervals_are_half_open_and_every_value_has_a_bin() -> None:
    rows = pa.table({"value": [9.999, 10.0, 19.0, 20.0, -1.0, None, float("nan"), float("inf"), float("-inf")]})
    assert numeric_bins().indices(rows).tolist() == [0, 1, 1, 2, 3, 4, 4, 2, 0]


def test_auto_finds_the_direction_and_a_wrong_declaration_leaves_one_bin() -> None:
    assert numeric_bins(direction="auto").direction == "up"
    wrong = numeric_bins(direction="down")
    assert wrong.edges == ()
    assert wrong.labels == ("[-inf, inf)", "= -1", "missing")


def test_no_direction_may_turn() -> None:
    draw = np.random.default_rng(5)
    value = draw.uniform(0, 1, 5000)
    is_bad = draw.random(5000) < np.where(np.abs(value - 0.5) < 0.2, 0.1, 0.4)
    table = pa.table({"value": value})
    found = {
        direction: fit_feature_bins(
            table=table, is_bad=is_bad, feature=ModelFeature("value", "numeric", direction), settings=BinningSettings()
        )
        for direction in ("none", "auto")
    }
    assert found["none"].information_value > 2 * found["auto"].information_value
    assert np.ptp(np.sign(np.diff(found["none"].woe[:-1]))) == 2.0


def test_share_and_count_limits_hold() -> None:
    bins = numeric_bins(bin_share_min=0.2, bins_max=3)
    ordinary = [good + bad for good, bad in zip(bins.goods, bins.bads, strict=True)][:-2]
    assert min(ordinary) >= 0.2 * ROWS
    assert len(numeric_bins(bins_max=2).edges) == 1


def test_categories_merge_by_risk_and_strangers_join_the_missing() -> None:
    table, is_bad = sample()
    feature = ModelFeature(name="level", kind="category")
    settings = BinningSettings()
    bins = fit_feature_bins(table=table, is_bad=is_bad, feature=feature, settings=settings)
    assert bins.groups == (("south", "west"), ("east", "north"))
    assert bins.labels == ("south | west", "east | north", "missing or unseen")
    assert bins.indices(pa.table({"level": ["north", "mars", None, "west"]})).tolist() == [1, 2, 2, 0]
    assert bins.woe[2] == 0.0


def test_very_many_categories_stay_affordable() -> None:
    draw = np.random.default_rng(1)
    names = draw.integers(0, 3000, 6000)
    is_bad = draw.random(6000) < np.where(names < 1500, 0.1, 0.4)
    bins = fit_feature_bins(
        table=pa.table({"shop": names}),
        is_bad=is_bad,
        feature=ModelFeature("shop", "category"),
        settings=BinningSettings(),
    )
    assert 2 <= len(bins.groups) <= 10
    assert sum(len(group) for group in bins.groups) == len(set(names.tolist()))


@pytest.mark.parametrize("value", [pa.nulls(100, pa.float64()), pa.array([7.0] * 100)])
def test_a_column_that_says_nothing_has_one_ordinary_bin(value: pa.Array) -> None:
    bins = fit_feature_bins(
        table=pa.table({"x": value}),
        is_bad=np.arange(100) < 20,
        feature=ModelFeature("x", "numeric", "auto"),
        settings=BinningSettings(),
    )
    assert bins.edges == ()
    assert bins.information_value == pytest.approx(0.0, abs=1e-12)


def test_infinite_training_values_are_refused() -> None:
    with pytest.raises(ColumnFault, match="column x is infinite"):
        fit_feature_bins(
            table=pa.table({"x": [1.0, float("inf")]}),
            is_bad=np.array([True, False]),
            feature=ModelFeature("x", "numeric"),
            settings=BinningSettings(),
        )


def test_settings_name_every_fault_at_once() -> None:
    with pytest.raises(ValueError, match=r"bins_max is 0.*bin_share_min is 2.*smoothing_rows is 0.*_values of x"):
        BinningSettings(bins_max=0, bin_share_min=2, smoothing_rows=0, special_values={"x": (1.0, 1.0)})


@pytest.mark.parametrize("trend", ["ascending", "descending"])
@pytest.mark.filterwarnings("ignore")
def test_optbinning_on_the_same_prebins_finds_no_more_information(trend: str) -> None:
    from optbinning import OptimalBinning

    draw = np.random.default_rng(11)
    value = draw.normal(size=6000)
    risk = 1 / (1 + np.exp(2 - value)) if trend == "ascending" else 1 / (1 + np.exp(2 + value))
    is_bad = draw.random(6000) < risk
    settings = BinningSettings(
        prebins_max=16, bins_max=5, penalty_nats=0.0, smoothing_rows=1e-9, objective="information_value"
    )
    direction: Direction = "up" if trend == "ascending" else "down"
    ours = fit_feature_bins(
        table=pa.table({"x": value}), is_bad=is_bad, feature=ModelFeature("x", "numeric", direction), settings=settings
    )
    splits = np.quantile(value, np.arange(1, 16) / 16)
    peer = OptimalBinning(
        user_splits=splits, max_n_bins=5, min_bin_size=0.05, monotonic_trend=trend, min_bin_n_event=10
    ).fit(value, is_bad.astype(int))
    peer.binning_table.build()
    assert ours.information_value == pytest.approx(peer.binning_table.iv, abs=2e-3)
    assert ours.information_value >= peer.binning_table.iv - 1e-6
