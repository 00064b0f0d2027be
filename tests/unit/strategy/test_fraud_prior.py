"""The fraud model that ships: one case scores as among many, by the trees in the folder, and good purchases pass."""

import hashlib
import math
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from tests.checkpoints import standard_checkpoint

from tallystick.operations.progress import Silent
from tallystick.operations.training_models import fit_learner, model_features
from tallystick.operations.training_sets import build_folds
from tallystick.scoring.boosted import Boosted, trees_of
from tallystick.scoring.manifest import FittedModel
from tallystick.scoring.trees import Tree
from tallystick.sources.raw_events import read_raw_events
from tallystick.sources.training_form import parse_training, training_text
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.policy import standard_strategy_files

Floats = npt.NDArray[np.float64]
CHECKPOINT = standard_checkpoint(CheckpointName.AUTHORIZE)


def shipped() -> tuple[FittedModel, Boosted]:
    """The model that ships, and its trees."""
    [model] = CHECKPOINT.models
    assert isinstance(model.fitted.model, Boosted)
    return model.fitted, model.fitted.model


def purchases(rows: int, *, seed: int) -> dict[str, Floats]:
    """Figures all over what the trees tell apart, each missing now and then."""
    draws = np.random.default_rng(seed)
    columns = {"line_amount_to_max_90d": draws.gamma(0.8, 1.0, rows)}
    for days in (1, 7, 30):
        columns[f"merchant_fraud_share_{days}d"] = np.where(draws.random(rows) < 0.5, 0.0, draws.random(rows))
    for values in columns.values():
        values[draws.random(rows) < 0.1] = np.nan
    return columns


@pytest.mark.parametrize("together", [1, 16, 64])
def test_a_purchase_scores_alone_as_it_does_among_256(together: int) -> None:
    """Also as an Arrow table, with whole numbers as such, and whatever else stands in the columns."""
    columns = purchases(256, seed=1)
    among = CHECKPOINT.score(columns)["fraud_ppm"].tolist()
    assert len(set(among)) > 100
    for first in range(0, 256, together):
        part = {name: values[first : first + together] for name, values in columns.items()}
        beside = {"amount_minor": np.arange(len(part["line_amount_to_max_90d"])), **part}
        for given in (part, beside, pa.table(part)):
            np.testing.assert_array_equal(CHECKPOINT.score(given)["fraud_ppm"], among[first : first + together])


def test_the_score_is_the_sum_of_the_trees_in_the_folder() -> None:
    """By hand: walk every tree, add up, calibrate, round. Nothing of the library that grew them is asked."""
    fitted, model = shipped()
    columns = purchases(120, seed=2)
    stand_ins = {one.feature.name: one.stand_in for one in model.coded}
    trees = trees_of(model)
    known = {name: np.where(np.isnan(v), np.nan if stand_ins[name] is None else stand_ins[name], v)  # type: ignore[arg-type]
             for name, v in columns.items()}  # fmt: skip
    [offset, slope] = fitted.calibration.parameters
    score = CHECKPOINT.score(columns)["fraud_ppm"]
    for row in range(120):
        case = [float(known[feature.name][row]) for feature in model.features]
        log_odds = sum((_leaf(tree, case) for tree in trees), 0.0)
        pd = 1 / (1 + math.exp(-(offset + slope * log_odds + fitted.calibration.shift)))
        needed = (columns["line_amount_to_max_90d"][row], columns["merchant_fraud_share_30d"][row])
        if any(map(math.isnan, needed)):
            assert np.isnan(score[row])
        else:
            assert score[row] == round(pd * 1e6)


def _leaf(tree: Tree, case: list[float]) -> float:
    node = 0
    while node >= 0:
        value = case[int(tree.feature[node])]
        # a split that training never showed a missing value takes it for zero; here such features have a stand-in
        left = tree.missing_left[node] == 1 if math.isnan(value) else value <= tree.threshold[node]
        node = int(tree.left[node] if left else tree.right[node])
    return float(tree.leaf_value[~node])


def test_what_the_prior_says_of_a_few_purchases() -> None:
    """In ppm, as docs/strategy-standard.md tells: larger than ever, and merchants with known frauds."""
    columns = {
        "line_amount_to_max_90d": np.array([0.25, 1.0, 2.0, 10.0, 0.25, 0.25, 2.0]),
        **{f"merchant_fraud_share_{days}d": np.array([0.001] * 4 + [0.5, 0.8, 0.8]) for days in (1, 7, 30)},
    }
    assert CHECKPOINT.score(columns)["fraud_ppm"].tolist() == [270, 6_305, 33_798, 33_798, 41_373, 194_820, 694_348]


def test_every_direction_is_declared_and_was_proven() -> None:
    fitted, model = shipped()
    assert {feature.direction for feature in model.features} == {"up"}
    assert fitted.manifest.monotone_verified


def test_of_good_purchases_with_widely_spread_amounts_hardly_any_is_asked() -> None:
    """A lender unlike the simulation: amounts by a lognormal law (sigma 1), fifteen purchases in 90 days on average,
    merchants of all sizes of whose labels one in 1,000 is fraud. All purchases here are good."""
    draws, rows = np.random.default_rng(7), 40_000
    before = draws.poisson(15 * draws.gamma(1.5, 1 / 1.5, rows))
    amounts = np.exp(draws.standard_normal((rows, int(before.max()))))
    largest = np.where(np.arange(amounts.shape[1]) < before[:, None], amounts, 0.0).max(axis=1)
    columns = {"line_amount_to_max_90d": np.exp(draws.standard_normal(rows)) / np.where(largest > 0, largest, np.nan)}
    labels_a_day, fraud = np.exp(draws.normal(0.7, 2.0, rows)), np.minimum(draws.gamma(0.3, 0.001 / 0.3, rows), 0.5)
    for days in (1, 7, 30):
        labels = draws.poisson(labels_a_day * days)
        columns[f"merchant_fraud_share_{days}d"] = draws.binomial(labels, fraud) / np.where(labels > 0, labels, np.nan)
    score = CHECKPOINT.score(columns)["fraud_ppm"]
    assert (score >= 50_000).mean() < 0.001
    assert not (score >= 600_000).any()
    assert 0.001 < np.nanmean(score) / 1e6 < 0.01


def test_the_folder_holds_what_its_configuration_says_and_no_evidence() -> None:
    fitted, _ = shipped()
    text, _ = training_text("authorize-prior")
    assert fitted.manifest.settings["config_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    files = {name: text for name, text in standard_strategy_files().items() if name.startswith("models/")}
    assert {Path(name).name for name in files} == {
        "manifest.json", "calibration.json", "features.json", "reference.json", "trees.txt",
    }  # fmt: skip
    assert sum(map(len, files.values())) < 500_000


def test_training_again_on_the_same_file_grows_the_same_trees(shared_data: Path) -> None:
    raw_file = shared_data / "fraud_handbook_raw" / "transactions.parquet"
    text, name = training_text("authorize-prior")
    whole = parse_training(text, file=name)
    assert whole.events is not None
    split = msgspec.structs.replace(whole.split, earlier_folds=0)
    config = msgspec.structs.replace(whole, split=split, compare=())
    raw = read_raw_events(raw_file, source=whole.events, rule=whole.rule, file=name)
    [fold] = build_folds(config, raw, progress=Silent())
    features = model_features(config, config.learner, config.features)
    assert fit_learner(config.learner, fold.train, features, seed=config.seed).trees == shipped()[1].trees
