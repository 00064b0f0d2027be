"""A model's folder: the same bytes for the same model, every change refused by name, scores unchanged."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tallystick.scoring.boosted import BoostedSettings, fit_boosted
from tallystick.scoring.calibration import Calibration
from tallystick.scoring.manifest import (
    FittedModel,
    Manifest,
    ModelFilesFault,
    load_model,
    model_files,
    model_id,
    training_hash,
)
from tallystick.scoring.model import Model, ModelFeature
from tallystick.scoring.scorecard import ScorecardSettings, fit_scorecard

FEATURES = (ModelFeature("usage", "numeric", "up", "ratio"), ModelFeature("segment", "category"))
CALIBRATION = Calibration("platt", parameters=(-0.1, 0.9))


def table(rows: int = 600) -> tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    draws = np.random.default_rng(4)
    usage, segment = draws.random(rows), draws.integers(0, 3, rows)
    outcome = (draws.random(rows) < 0.1 + 0.5 * usage + 0.2 * (segment == 1)).astype(np.float64)
    return pa.table({"usage": usage, "segment": [f"s{place}" for place in segment]}), outcome


def fitted(kind: str) -> Model:
    columns, outcome = table()
    if kind == "scorecard":
        return fit_scorecard(columns, outcome, FEATURES, ScorecardSettings(), seed=1)
    settings = BoostedSettings(
        kind=kind,  # type: ignore[arg-type]
        learning_rate=0.3,
        leaf_rows_min=20,
        ensemble_seeds=1,
        folds=2,
        rounds_max=5,
    )
    return fit_boosted(columns, outcome, FEATURES, settings, seed=1)


def manifest_of(model: Model) -> Manifest:
    columns, outcome = table()
    return Manifest(
        kind=model.kind,
        features=tuple(model.features),
        label="90 days past due 逾期",
        horizon_months=12,
        pd_horizon="as_is",
        currency="CNY",
        training_sha256=training_hash(columns, outcome, FEATURES),
        rows=columns.num_rows,
        bads=int(outcome.sum()),
        seed=1,
        settings={"learning_rate": 0.3},
        versions={"lightgbm": "4.6.0"},
        metrics={"auc": 0.7, "ks": None},
        monotone_verified=True,
    )


@pytest.fixture(scope="module", params=["scorecard", "lightgbm", "xgboost"])
def model(request: pytest.FixtureRequest) -> Model:
    return fitted(request.param)


def test_a_folder_rebuilds_the_model_and_its_scores(model: Model) -> None:
    files = model_files(model, CALIBRATION, manifest_of(model))
    loaded = load_model(files)
    columns, _ = table()
    assert loaded.manifest == manifest_of(model)
    assert loaded.model_id == model_id(files)
    assert loaded.pd(columns).tolist() == CALIBRATION.pd(model.log_odds(columns)).tolist()
    assert loaded.pd_ppm(columns).dtype == np.int64
    assert model_files(loaded.model, loaded.calibration, loaded.manifest) == files
    assert loaded.pd_ppm(columns.slice(3, 1))[0] == loaded.pd_ppm(columns)[3]


def test_every_missing_altered_or_extra_file_is_named(model: Model) -> None:
    files = model_files(model, CALIBRATION, manifest_of(model))
    for name in files:
        with pytest.raises(ModelFilesFault, match=f"{name} is missing"):
            load_model({other: text for other, text in files.items() if other != name})
        if name != "manifest.json":
            with pytest.raises(ModelFilesFault, match=f"{name} was altered"):
                load_model(files | {name: files[name] + b" "})
    with pytest.raises(ModelFilesFault, match=r"calibration\.json was altered; notes\.txt is no part"):
        load_model(files | {"notes.txt": b"", "calibration.json": b"{}"})


def test_a_manifest_that_cannot_be_used_is_refused() -> None:
    model = fitted("scorecard")
    files = model_files(model, CALIBRATION, manifest_of(model))
    content = json.loads(files["manifest.json"])

    def refused(match: str, **changes: object) -> None:
        changed = json.dumps({key: value for key, value in (content | changes).items() if value != "gone"})
        with pytest.raises(ModelFilesFault, match=match):
            load_model(files | {"manifest.json": changed.encode()})

    refused("format 9, not 1", format=9)
    refused("incomplete.*label", label="gone")
    refused("incomplete.*forest", kind="forest")
    refused("cannot be read", files_sha256="gone")
    refused("describes another model", features=content["features"][:1])
    with pytest.raises(ModelFilesFault, match="cannot be read"):
        load_model(files | {"manifest.json": b"\xff"})
    with pytest.raises(ValueError, match="other features"):
        model_files(model, CALIBRATION, replace(manifest_of(model), features=()))


def test_the_id_tells_every_byte_and_name_apart() -> None:
    ids = [
        model_id({"a": b"1", "b": b"2"}),
        model_id({"a": b"12", "b": b""}),
        model_id({"a": b"1", "c": b"2"}),
        model_id({"a": b"1b", "": b"2"}),
    ]
    assert len(set(ids)) == 4
    assert model_id({"b": b"2", "a": b"1"}) == ids[0]
    assert ids[0].startswith("model_")
    assert len(ids[0]) == 30


def test_the_training_hash_sees_values_and_not_how_they_are_stored() -> None:
    columns, outcome = table()
    same = pa.concat_tables([columns.slice(0, 100), columns.slice(100)]).select(["segment", "usage"])
    same = same.set_column(0, "segment", same["segment"].dictionary_encode())
    known = training_hash(columns, outcome, FEATURES)
    assert training_hash(same, outcome.astype(bool), FEATURES) == known
    usage = columns["usage"].to_numpy().copy()
    usage[17] += 1e-12
    assert training_hash(columns.set_column(0, "usage", pa.array(usage)), outcome, FEATURES) != known
    assert training_hash(columns, 1 - outcome, FEATURES) != known
    assert training_hash(columns, outcome, FEATURES[::-1]) != known


def test_a_fitted_model_refuses_columns_by_name() -> None:
    model = fitted("scorecard")
    whole = FittedModel(model, CALIBRATION, manifest_of(model), "model_x")
    with pytest.raises(ValueError, match="usage is absent"):
        whole.pd(pa.table({"segment": ["s1"]}))
