"""A scorecard fits, scores, explains itself and is rebuilt from its file."""

import csv
import io
import json
import math
import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import sqlglot

from tallystick.scoring.model import ColumnFault, Floats, Model, ModelFeature, MonotoneFault
from tallystick.scoring.scorecard import (
    BinningSettings,
    PointsScale,
    Scorecard,
    ScorecardSettings,
    fit_scorecard,
    refuse_broken_directions,
    scorecard_from_weights,
)

ROWS = 4000
FEATURES = (
    ModelFeature("utilization_ratio", "numeric", "up"),
    ModelFeature("paid_ratio", "numeric", "down", unit="ratio"),
    ModelFeature("age_years", "numeric", "auto"),
    ModelFeature("level's", "category"),
    ModelFeature("noise", "numeric", "none"),
)
SETTINGS = ScorecardSettings(binning=BinningSettings(special_values={"age_years": (-1.0,)}))


def cases(seed: int = 8, rows: int = ROWS) -> pa.Table:
    draw = np.random.default_rng(seed)
    used = draw.gamma(2.0, 0.25, rows)
    paid = np.clip(draw.normal(0.6, 0.3, rows) - 0.3 * used, 0, None)
    age = draw.integers(18, 80, rows)
    level = np.array(["it's", "b", "c"])[draw.integers(0, 3, rows)]
    log_odds = -1.6 + 1.1 * used - 1.2 * paid - 0.01 * age + 0.5 * (level == "b")
    age = np.where(draw.random(rows) < 0.06, -1, age)
    hole = draw.random(rows) < 0.1
    return pa.table(
        {
            "utilization_ratio": pa.array(np.where(hole, np.nan, used)),
            "paid_ratio": pa.array(paid, mask=draw.random(rows) < 0.05),
            "age_years": pa.array(age, pa.int32()),
            "level's": pa.array(level, mask=draw.random(rows) < 0.05),
            "noise": draw.normal(size=rows),
            "outcome": (draw.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int8),
        }
    )


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    return fit_scorecard(cases(), "outcome", FEATURES, SETTINGS, seed=1)


def edge_cases(scorecard: Scorecard) -> pa.Table:
    """Random rows, with every edge, its two neighbors, every special value, null, NaN, infinities and strangers."""
    draw = np.random.default_rng(2)
    columns = {}
    for scored in scorecard.scored:
        bins = scored.bins
        values: list[Any]
        if bins.feature.kind == "category":
            values = [None, "never seen", "", *(name for group in bins.groups for name in group)]
        else:
            near = [np.nextafter(edge, way) for edge in bins.edges for way in (-np.inf, np.inf)]
            values = [None, math.nan, math.inf, -math.inf, 0.1 + 0.2, *bins.edges, *near, *bins.specials]
        columns[bins.feature.name] = [values[place] for place in draw.integers(0, len(values), 3000)]
    return pa.table({name: pa.array(values, from_pandas=False) for name, values in columns.items()})


def test_it_tells_bads_from_goods_in_the_declared_directions(scorecard: Scorecard) -> None:
    from sklearn.metrics import roc_auc_score

    fresh = cases(seed=9)
    assert roc_auc_score(fresh["outcome"].to_numpy(), scorecard.log_odds(fresh)) > 0.66
    for scored in scorecard.scored:
        ordinary = np.array(scored.log_odds[: len(scored.bins.edges) + 1])
        if scored.bins.feature.direction == "up":
            assert (np.diff(ordinary) >= 0).all()
        if scored.bins.feature.direction == "down":
            assert (np.diff(ordinary) <= 0).all()
    assert {feature.name for feature in scorecard.features} >= {"utilization_ratio", "paid_ratio"}


def test_mean_probability_is_the_bad_rate(scorecard: Scorecard) -> None:
    table = cases()
    probability = 1 / (1 + np.exp(-scorecard.log_odds(table)))
    assert probability.mean() == pytest.approx(table["outcome"].to_numpy().mean(), abs=1e-9)


def test_points_are_the_scaled_log_odds_up_to_rounding(scorecard: Scorecard) -> None:
    table = cases(seed=3)
    exact = scorecard.scale.offset - scorecard.scale.factor * scorecard.log_odds(table)
    points = scorecard.points(table)
    assert points.dtype == np.int64
    assert np.abs(points - exact).max() <= 0.5 * (len(scorecard.scored) + 1)


def test_points_scale_doubles_the_odds() -> None:
    scale = PointsScale(base_points=500, base_goods_per_bad=20.0, pdo_points=30.0)
    assert scale.offset - scale.factor * math.log(1 / 20) == pytest.approx(500)
    assert scale.offset - scale.factor * math.log(1 / 40) == pytest.approx(530)


def test_one_row_scores_as_it_does_among_many(scorecard: Scorecard) -> None:
    table = edge_cases(scorecard)
    whole = scorecard.log_odds(table), scorecard.points(table), scorecard.contributions(table)
    for row in range(0, 40):
        single = table.slice(row, 1)
        assert scorecard.log_odds(single)[0] == whole[0][row]
        assert scorecard.points(single)[0] == whole[1][row]
        assert (scorecard.contributions(single)[0] == whole[2][row]).all()
    assert scorecard.log_odds(table.slice(0, 0)).shape == (0,)


def test_contributions_sum_to_log_odds_and_average_to_nothing(scorecard: Scorecard) -> None:
    table = cases()
    parts = scorecard.contributions(table)
    assert parts.shape == (ROWS, len(scorecard.features) + 1)
    np.testing.assert_allclose(parts.sum(axis=1), scorecard.log_odds(table), atol=1e-12)
    np.testing.assert_allclose(parts[:, :-1].mean(axis=0), 0.0, atol=1e-12)
    assert np.ptp(parts[:, -1]) == 0.0


def test_weights_rebuild_the_very_same_scorecard(scorecard: Scorecard) -> None:
    files = scorecard.weights()
    assert set(files) == {"scorecard.json"}
    rebuilt = scorecard_from_weights(files)
    assert rebuilt == scorecard
    assert rebuilt.weights() == files
    model: Model = rebuilt
    assert model.kind == "scorecard"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content.update(format=99), "format 99"),
        (lambda content: content.update(kind="lightgbm"), "kind lightgbm"),
        (lambda content: content.pop("intercept"), "intercept"),
        (lambda content: content["scored"][0]["bins"]["woe"].pop(), "utilization_ratio"),
    ],
)
def test_a_damaged_file_is_refused(scorecard: Scorecard, change: Callable[[dict[str, Any]], object], told: str) -> None:
    content = json.loads(scorecard.weights()["scorecard.json"])
    change(content)
    with pytest.raises(ValueError, match=rf"scorecard\.json.*{told}"):
        scorecard_from_weights({"scorecard.json": json.dumps(content).encode()})


def test_an_absent_or_broken_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scorecard\.json is absent"):
        scorecard_from_weights({})
    with pytest.raises(ValueError, match=r"scorecard\.json is not"):
        scorecard_from_weights({"scorecard.json": b"{"})


def test_same_rows_same_bytes_whatever_the_seed(scorecard: Scorecard) -> None:
    again = fit_scorecard(cases(), cases()["outcome"].to_numpy().astype(float), FEATURES, SETTINGS, seed=77)
    assert again.weights() == scorecard.weights()
    shuffled = cases().take(np.random.default_rng(0).permutation(ROWS))
    assert fit_scorecard(shuffled, "outcome", FEATURES, SETTINGS, seed=1).weights() == scorecard.weights()


def test_sql_in_duckdb_equals_points_and_log_odds_to_the_bit(scorecard: Scorecard) -> None:
    cases_of_sql = edge_cases(scorecard)
    with duckdb.connect() as connection:
        connection.register("cases", cases_of_sql)
        scored = connection.sql(scorecard.to_sql()).to_arrow_table()
    assert scored.num_rows == cases_of_sql.num_rows
    np.testing.assert_array_equal(scored["points"].to_numpy(), scorecard.points(cases_of_sql))
    np.testing.assert_array_equal(scored["log_odds"].to_numpy(), scorecard.log_odds(cases_of_sql))


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "spark"])
def test_sql_is_one_select_in_every_dialect(scorecard: Scorecard, dialect: str) -> None:
    statements = sqlglot.parse(scorecard.to_sql(dialect=dialect, relation="lines"), dialect=dialect)
    assert len(statements) == 1
    assert {column.name for column in statements[0].find_all(sqlglot.exp.Column)} == {
        feature.name for feature in scorecard.features
    }


def test_tables_hold_every_bin(scorecard: Scorecard) -> None:
    rows = list(csv.DictReader(io.StringIO(scorecard.to_csv())))
    assert len(rows) == sum(len(scored.bins.woe) for scored in scorecard.scored)
    assert [int(row["points"]) for row in rows if row["bin"] == "= -1"] == [
        scored.points(scorecard.scale.factor)[-2] for scored in scorecard.scored if scored.bins.specials
    ]
    document = tomllib.loads(scorecard.to_toml())
    assert [part["name"] for part in document["feature"]] == [feature.name for feature in scorecard.features]
    assert document["intercept"] == scorecard.intercept
    assert document["feature"][0]["bins"][0]["woe"] == scorecard.scored[0].bins.woe[0]
    assert sum(part["rows"] for part in document["feature"][0]["bins"]) == ROWS


def test_the_every_rule_lets_no_coefficient_turn() -> None:
    table = cases()
    twin = table.append_column("twin", pa.array(np.nan_to_num(table["utilization_ratio"].to_numpy()) ** 3))
    features = (*FEATURES, ModelFeature("twin", "numeric", "auto"))
    strict = fit_scorecard(twin, "outcome", features, replace(SETTINGS, sign_rule="every"), seed=1)
    assert all(scored.coefficient < 0 for scored in strict.scored)
    names = [feature.name for feature in strict.features] + [dropped.name for dropped in strict.dropped]
    assert sorted(names) == sorted(feature.name for feature in features)


def test_selection_tells_why_it_left_features_out() -> None:
    table = cases()
    double = table.append_column("double", pa.array(table["paid_ratio"].to_numpy() * 2))
    features = (*FEATURES, ModelFeature("double", "numeric", "down"), ModelFeature("flat", "numeric"))
    double = double.append_column("flat", pa.array(np.ones(ROWS)))
    binning = BinningSettings(free_penalty_nats=0.0)  # so that noise gets bins at all
    settings = replace(SETTINGS, binning=binning, information_value_min=0.05, correlation_max=0.9)
    reasons = {
        dropped.name: dropped.reason for dropped in fit_scorecard(double, "outcome", features, settings, seed=1).dropped
    }
    assert "one bin holds every row" in reasons["flat"]
    assert "below 0.05" in reasons["noise"]
    assert "correlates with paid_ratio above 0.9" in reasons["double"]


def test_nothing_useful_still_scores_everyone_at_the_bad_rate() -> None:
    table = pa.table({"flat": np.ones(100), "outcome": np.arange(100) < 20})
    scorecard = fit_scorecard(table, "outcome", [ModelFeature("flat", "numeric")], ScorecardSettings(), seed=1)
    assert scorecard.features == ()
    np.testing.assert_allclose(scorecard.log_odds(table), math.log(20 / 80), atol=1e-9)


def test_every_fault_of_a_fit_is_told_at_once() -> None:
    table = cases().set_column(0, "utilization_ratio", pa.array(["text"] * ROWS))
    features = (*FEATURES, ModelFeature("absent", "numeric"), ModelFeature("noise", "numeric"))
    with pytest.raises(ColumnFault) as fault:
        fit_scorecard(table, "outcome", features, SETTINGS, seed=1)
    for told in ("utilization_ratio is string", "absent is absent", "noise is named twice"):
        assert told in str(fault.value)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (np.zeros(ROWS), "both outcomes must occur"),
        (np.ones(ROWS), "both outcomes must occur"),
        (np.full(ROWS, 2.0), "4000 rows are neither 0 nor 1"),
        (np.full(ROWS, np.nan), "first at row 1: nan"),
        (np.zeros(3), "the table has 4000 rows"),
        ("nowhere", "nowhere is absent"),
        ("noise", "noise is the target"),
    ],
)
def test_a_target_that_is_no_outcome_is_refused(target: Floats | str, told: str) -> None:
    with pytest.raises(ColumnFault, match=told):
        fit_scorecard(cases(), target, FEATURES, SETTINGS, seed=1)


def test_scoring_names_every_faulty_column(scorecard: Scorecard) -> None:
    with pytest.raises(ColumnFault, match=r"utilization_ratio is absent.*paid_ratio is absent"):
        scorecard.points(pa.table({"age_years": [30]}))


def test_settings_name_every_fault_at_once() -> None:
    with pytest.raises(ValueError, match=r"l2_penalty is -1.*correlation_max is 0.*sign_rule is some"):
        ScorecardSettings(l2_penalty=-1, correlation_max=0, sign_rule="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"base_goods_per_bad is 0.*pdo_points is -20"):
        PointsScale(base_goods_per_bad=0, pdo_points=-20)


def test_bins_that_go_against_a_declared_direction_are_refused_by_name() -> None:
    values = np.linspace(0, 1, 600)
    table = pa.table({"usage": values})
    outcome = (np.random.default_rng(2).random(600) < 0.1 + 0.6 * values).astype(np.float64)
    card = fit_scorecard(table, outcome, [ModelFeature("usage", "numeric", "up")], ScorecardSettings(), seed=1)
    turned = [replace(each, coefficient=-each.coefficient) for each in card.scored]
    refuse_broken_directions(card.scored)
    with pytest.raises(MonotoneFault, match="usage is declared up"):
        refuse_broken_directions(turned)
