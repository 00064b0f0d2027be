"""What holds of every feature's bins, whatever the column and the settings."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tallystick.scoring.binning import BinningSettings, FeatureBins, Flags, fit_feature_bins
from tallystick.scoring.model import Direction, ModelFeature

Cases = list[tuple[float | None, bool]]
VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
COLUMNS = st.lists(st.tuples(VALUES, st.booleans()), min_size=2, max_size=120).filter(
    lambda rows: {is_bad for _, is_bad in rows} == {True, False}
)
SETTINGS = st.builds(
    BinningSettings,
    prebins_max=st.integers(1, 20),
    bins_max=st.integers(1, 6),
    bin_share_min=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    bin_bads_min=st.integers(0, 5),
    bin_goods_min=st.integers(0, 5),
    penalty_nats=st.sampled_from([0.0, 0.5]),
    free_penalty_nats=st.sampled_from([0.0, 3.0]),
    objective=st.sampled_from(["likelihood", "information_value"]),
    special_values=st.sampled_from([{}, {"x": (1.0,)}, {"x": (0.0, -2.0)}]),
)


def fitted(rows: Cases, direction: Direction, settings: BinningSettings) -> tuple[pa.Table, Flags, FeatureBins]:
    values, is_bad = zip(*rows, strict=True)
    table = pa.table({"x": pa.array(values, pa.float64())})
    feature = ModelFeature("x", "numeric", direction)
    return (
        table,
        np.array(is_bad),
        fit_feature_bins(table=table, is_bad=np.array(is_bad), feature=feature, settings=settings),
    )


@given(rows=COLUMNS, direction=st.sampled_from(["up", "down", "auto", "none"]), settings=SETTINGS)
def test_counts_are_what_assignment_gives_and_every_rule_holds(
    rows: Cases, direction: Direction, settings: BinningSettings
) -> None:
    table, is_bad, bins = fitted(rows, direction, settings)
    places = bins.indices(table)
    assert tuple(np.bincount(places[is_bad], minlength=len(bins.woe))) == bins.bads
    assert tuple(np.bincount(places[~is_bad], minlength=len(bins.woe))) == bins.goods
    assert len(bins.labels) == len(bins.woe)
    assert len(set(bins.labels)) == len(bins.labels)
    assert all(low < high for low, high in zip(bins.edges, bins.edges[1:], strict=False))
    assert np.isfinite(bins.woe).all()
    assert len(bins.edges) < settings.bins_max
    if bins.edges:
        goods, bads = (np.array(part[: len(bins.edges) + 1]) for part in (bins.goods, bins.bads))
        assert (goods + bads).min() >= settings.bin_share_min * len(rows)
        assert goods.min() >= settings.bin_goods_min
        assert bads.min() >= settings.bin_bads_min


@given(rows=COLUMNS, direction=st.sampled_from(["up", "down", "auto"]), settings=SETTINGS)
def test_risk_moves_only_in_the_direction(rows: Cases, direction: Direction, settings: BinningSettings) -> None:
    _, _, bins = fitted(rows, direction, settings)
    steps = np.diff(bins.woe[: len(bins.edges) + 1])
    assert (steps <= 0).all() if bins.direction == "up" else (steps >= 0).all()


@given(rows=COLUMNS, settings=SETTINGS, seed=st.integers(0, 9))
def test_the_order_of_the_rows_does_not_matter(rows: Cases, settings: BinningSettings, seed: int) -> None:
    shuffled = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
    assert fitted(rows, "auto", settings)[2] == fitted(shuffled, "auto", settings)[2]


@given(
    rows=st.lists(st.tuples(st.sampled_from([None, "a", "b", "c", "d", "é", "|"]), st.booleans()), min_size=2).filter(
        lambda rows: {is_bad for _, is_bad in rows} == {True, False}
    ),
    settings=SETTINGS,
)
def test_each_category_is_in_one_group_and_its_count_in_that_bin(
    rows: list[tuple[str | None, bool]], settings: BinningSettings
) -> None:
    names, is_bad = (list(part) for part in zip(*rows, strict=True))
    table = pa.table({"x": pa.array(names, pa.string())})
    bins = fit_feature_bins(
        table=table, is_bad=np.array(is_bad), feature=ModelFeature("x", "category"), settings=settings
    )
    grouped = [name for group in bins.groups for name in group]
    assert sorted(grouped) == sorted({name for name in names if name is not None})
    assert tuple(np.bincount(bins.indices(table), minlength=len(bins.woe))) == tuple(
        np.add(bins.goods, bins.bads).tolist()
    )
