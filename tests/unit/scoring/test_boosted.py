"""Boosted trees: same arguments same bytes, one row as many, declared directions kept, files rebuild the model."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from tallystick.scoring import boosted
from tallystick.scoring.boosted import (
    Boosted,
    BoostedKind,
    BoostedSettings,
    boosted_from_weights,
    fit_boosted,
    trees_of,
)
from tallystick.scoring.folds import derived_seed
from tallystick.scoring.model import ColumnFault, Floats, ModelFeature, MonotoneFault

FEATURES = (
    ModelFeature("utilization_ratio", "numeric", "up", "ratio"),
    ModelFeature("income_month_minor", "numeric", "none"),
    ModelFeature("months_past_due", "numeric", "auto"),
    ModelFeature("segment", "category"),
)
SMALL: dict[BoostedKind, BoostedSettings] = {
    kind: BoostedSettings(
        kind=kind, learning_rate=0.2, leaf_rows_min=20, ensemble_seeds=2, folds=3, rounds_max=40, stopping_rounds=5
    )
    for kind in ("lightgbm", "xgboost")
}


def lines(rows: int = 2_500) -> tuple[pa.Table, Floats]:
    draws = np.random.default_rng(5)
    utilization, income = draws.random(rows), draws.normal(8_000, 2_000, rows)
    months, segment = draws.poisson(0.4, rows), draws.integers(0, 4, rows)
    unknown = draws.random(rows) < 0.1
    log_odds = -3 + 2.5 * utilization + months - np.where(unknown, -0.5, (income - 8_000) / 4_000) + (segment == 2)
    table = pa.table(
        {
            "months_past_due": months,
            "segment": [f"segment_{place}" for place in segment],
            "utilization_ratio": utilization,
            "income_month_minor": pa.array(income, mask=unknown),
            "unread": np.full(rows, np.inf),
        }
    )
    return table, (draws.random(rows) < expit(log_odds)).astype(np.float64)


@pytest.fixture(scope="module", params=["lightgbm", "xgboost"])
def fitted(request: pytest.FixtureRequest) -> tuple[Boosted, pa.Table, Floats]:
    table, outcome = lines()
    return fit_boosted(table, outcome, FEATURES, SMALL[request.param], seed=11), table, outcome


def test_same_arguments_give_the_same_bytes(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, outcome = fitted
    again = fit_boosted(table, outcome, FEATURES, SMALL[model.kind], seed=11)
    other = fit_boosted(table, outcome, FEATURES, SMALL[model.kind], seed=12)
    assert again.weights() == model.weights()
    assert other.trees != model.trees


def test_the_number_of_threads_does_not_change_a_byte() -> None:
    table, outcome = lines()
    for kind in ("lightgbm", "xgboost"):
        few = replace(SMALL[kind], rounds_max=6, ensemble_seeds=1)
        one, two = (fit_boosted(table, outcome, FEATURES, replace(few, threads=threads), seed=3) for threads in (1, 2))
        assert one.trees == two.trees


def test_one_row_scores_as_the_same_row_among_many(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, _ = fitted
    log_odds, contributions = model.log_odds(table), model.contributions(table)
    for row in range(0, 300, 7):
        assert model.log_odds(table.slice(row, 1)).tolist() == [log_odds[row]]
        assert model.contributions(table.slice(row, 1))[0].tolist() == contributions[row].tolist()
    assert model.log_odds(table.slice(0, 0)).shape == (0,)
    assert model.contributions(table.slice(0, 0)).shape == (0, 5)


def test_arrays_score_as_the_arrow_table_of_them(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, _ = fitted
    arrays = {name: table[name].to_numpy() for name in table.column_names}
    assert model.log_odds(arrays).tolist() == model.log_odds(table).tolist()
    for row in range(0, 300, 7):
        one = {name: values[row : row + 1] for name, values in arrays.items()}
        assert model.log_odds(one).tolist() == model.log_odds(table.slice(row, 1)).tolist()
    short = {**arrays, "segment": arrays["segment"][:1]}
    with pytest.raises(ColumnFault, match=r"segment has 1, .* has 2,500"):
        model.log_odds(short)


def test_contributions_sum_to_the_log_odds(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, _ = fitted
    contributions = model.contributions(table)
    assert np.abs(contributions.sum(axis=1) - model.log_odds(table)).max() < 1e-12
    assert np.ptp(contributions[:, -1]) < 1e-5
    assert (np.ptp(contributions[:, :-1], axis=0) > 0.1).all()


def test_the_mean_probability_is_the_bad_share_and_risk_is_ranked(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, outcome = fitted
    pd = expit(model.log_odds(table))
    assert abs(pd.mean() - outcome.mean()) < 0.01
    assert pd[outcome == 1].mean() > pd[outcome == 0].mean() + 0.1


def test_files_rebuild_the_model_to_the_byte(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, _ = fitted
    again = boosted_from_weights(model.weights())
    assert again == model
    assert again.weights() == model.weights()
    assert again.log_odds(table).tolist() == model.log_odds(table).tolist()


def test_an_ensemble_is_the_mean_of_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    table, outcome = lines()
    for kind in ("lightgbm", "xgboost"):
        settings = replace(SMALL[kind], rounds_max=8, stopping_rounds=50)  # 8 rounds improve on each other
        both = fit_boosted(table, outcome, FEATURES, settings, seed=1)
        members = []
        for member in (0, 1):
            monkeypatch.setattr(boosted, "derived_seed", lambda seed, place, m=member: derived_seed(seed, place + m))
            members.append(fit_boosted(table, outcome, FEATURES, replace(settings, ensemble_seeds=1), seed=1))
        monkeypatch.undo()
        mean = np.mean([member.log_odds(table) for member in members], axis=0)
        assert np.abs(both.log_odds(table) - mean).max() < 1e-6
        assert members[0].trees != members[1].trees


def test_directions_hold_over_every_threshold(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, _ = fitted
    assert [feature.direction for feature in model.features] == ["up", "none", "up", "none"]
    thresholds = np.unique(np.concatenate([tree.threshold[tree.feature == 0] for tree in boosted.trees_of(model)]))
    place = table.column_names.index("utilization_ratio")
    some = table.slice(0, 40)
    swept = [
        model.log_odds(some.set_column(place, "utilization_ratio", pa.array(np.full(40, value))))
        for value in np.sort(np.concatenate([thresholds - 1e-4, thresholds + 1e-4]))
    ]
    assert len(thresholds) > 5
    assert np.diff(np.array(swept), axis=0).min() >= -2e-6  # XGBoost sums in single precision


def test_a_library_that_breaks_a_direction_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    table, outcome = lines()
    monkeypatch.setattr(boosted, "_signs", lambda coded: [0] * len(coded))
    wrong = [replace(feature, direction="down") for feature in FEATURES[:1]]
    for kind in ("lightgbm", "xgboost"):
        with pytest.raises(MonotoneFault, match=r"utilization_ratio is declared down: tree \d+ gives"):
            fit_boosted(table, outcome, [*wrong, *FEATURES[1:]], SMALL[kind], seed=1)


def test_an_unseen_category_counts_as_missing(fitted: tuple[Boosted, pa.Table, Floats]) -> None:
    model, table, _ = fitted
    place = table.column_names.index("segment")
    unseen = table.set_column(place, "segment", pa.array(["new"] * table.num_rows))
    missing = table.set_column(place, "segment", pa.nulls(table.num_rows, pa.string()))
    assert model.log_odds(unseen).tolist() == model.log_odds(missing).tolist()


def test_a_value_missing_only_later_counts_as_the_median_and_not_as_zero(
    fitted: tuple[Boosted, pa.Table, Floats],
) -> None:
    model, table, _ = fitted
    place = table.column_names.index("utilization_ratio")
    figures = {
        name: model.log_odds(
            table.set_column(place, "utilization_ratio", pa.array([value] * table.num_rows, pa.float64()))
        )
        for name, value in (("missing", None), ("median", float(np.median(table["utilization_ratio"]))), ("zero", 0.0))
    }
    assert figures["missing"].tolist() == figures["median"].tolist()
    assert (figures["missing"] > figures["zero"] + 0.1).any()


def test_wrong_columns_and_outcomes_are_refused_by_name() -> None:
    table, outcome = lines(300)
    model = fit_boosted(table, outcome, FEATURES, SMALL["lightgbm"], seed=1)
    with pytest.raises(ColumnFault, match=r"utilization_ratio is absent.*segment is absent"):
        model.log_odds(table.drop(["segment", "utilization_ratio"]))
    with pytest.raises(ColumnFault, match="unread is infinite at row 0"):
        fit_boosted(table, outcome, [ModelFeature("unread", "numeric")], SMALL["lightgbm"], seed=1)
    with pytest.raises(ColumnFault, match="nan at row 3"):
        fit_boosted(table, np.where(np.arange(300) == 3, np.nan, outcome), FEATURES, SMALL["lightgbm"], seed=1)
    with pytest.raises(ColumnFault, match="300 goods and 0 bads: at least 3 of each"):
        fit_boosted(table, np.zeros(300), FEATURES, SMALL["lightgbm"], seed=1)
    with pytest.raises(ValueError, match="named once"):
        fit_boosted(table, outcome, [*FEATURES, FEATURES[0]], SMALL["lightgbm"], seed=1)


def test_settings_name_everything_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"leaves_max is 1: .*folds is 1: .*learning_rate is 0: "):
        BoostedSettings(leaves_max=1, folds=1, learning_rate=0)


def test_files_that_are_missing_or_broken_are_named() -> None:
    with pytest.raises(ValueError, match=r"features\.json is missing"):
        boosted_from_weights({})
    with pytest.raises(ValueError, match=r"features\.json cannot be read"):
        boosted_from_weights({"features.json": b'{"kind": "forest", "features": []}'})
    with pytest.raises(ValueError, match=r"trees\.txt is missing"):
        boosted_from_weights({"features.json": b'{"kind": "lightgbm", "features": []}'})


def test_features_that_tell_nothing_give_the_bad_share() -> None:
    table = pa.table({"constant": np.ones(300)})
    outcome = (np.arange(300) % 4 == 0).astype(np.float64)
    for kind in ("lightgbm", "xgboost"):
        model = fit_boosted(table, outcome, [ModelFeature("constant", "numeric", "up")], SMALL[kind], seed=1)
        assert np.allclose(expit(model.log_odds(table)), 0.25, atol=0.01)  # XGBoost sees a share of the rows
        assert np.allclose(model.contributions(table)[:, 0], 0.0)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_without_stopping_every_round_is_grown_and_nothing_is_left_out(kind: BoostedKind) -> None:
    chance = np.random.default_rng(3)
    value = chance.random(400)
    table = pa.table({"value": value})
    settings = replace(SMALL[kind], rounds_max=7, stopping_rounds=0, ensemble_seeds=1, leaf_rows_min=5)
    model = fit_boosted(table, value + chance.random(400) > 1, (ModelFeature("value", "numeric"),), settings, 1)
    assert len(trees_of(model)) == 7
