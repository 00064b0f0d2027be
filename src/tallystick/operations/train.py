"""From raw events to a model folder: outcomes, features, windows, the model, what stands beside it, and its report."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.as_of_sql import portable_sql
from tallystick.features.outcome_build import outcome_sql
from tallystick.operations.model_folders import lock_text, model_folder, write_model_folder
from tallystick.operations.model_report import Trained, report_of
from tallystick.operations.progress import Progress
from tallystick.operations.training_models import each_fold, fit_learner, intervals, model_features, settings_of
from tallystick.operations.training_sets import (
    Fold,
    TrainingFault,
    build_folds,
    counted_base_rate,
    deal_folds,
    read_dated,
)
from tallystick.operations.watched_rows import Seen, outcome_reference, seen_cases, seen_events
from tallystick.reports.model_summary import Contender, Estimate, ModelReport
from tallystick.scoring.boosted import Boosted
from tallystick.scoring.calibration import Calibration, base_rate_shift, fit_calibration
from tallystick.scoring.crossfit import out_of_fold
from tallystick.scoring.manifest import Manifest, model_files, model_id, training_hash
from tallystick.scoring.model import Floats
from tallystick.scoring.reference import reference_json
from tallystick.sources.raw_tables import read_raw_table
from tallystick.sources.training_form import BaseRate, LearnerKind, TrainingConfig, parse_training, training_text
from tallystick.units.rates import PPM

_CALIBRATION_FOLDS: Final = 3


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train by: a built-in configuration or a file; the data, where the file does not say; and where to."""

    config: str
    out: Path
    data: Path | None = None


def train(request: TrainRequest, *, progress: Progress) -> ModelReport:
    """Train by a configuration and write the model's folder with the evidence in a folder of its own.

    Same configuration, data and libraries: the same bytes of model, metrics and report. Raises `FormFaults`,
    `FileFault`, `StreamFaults`, `TrainingFault` and `OutputFault`, each naming the field or file and the way out.
    """
    text, name = training_text(request.config)
    config = parse_training(text, file=name)
    if config.learner.kind is LearnerKind.LOGISTIC:
        raise TrainingFault(f"{name}: learner.kind: logistic is there to compare with; use lightgbm or xgboost")
    data = request.data or (Path(config.data) if config.data else None)
    if data is None:
        raise TrainingFault(f"{name}: data: missing; give it there or as --data")
    with model_folder(request.out):
        return _train(config, data, text=text, file=name, out=request.out, progress=progress)


def _train(config: TrainingConfig, data: Path, *, text: str, file: str, out: Path, progress: Progress) -> ModelReport:
    folds, seen, data_sha256, moved = _folds(config, data, file=file, progress=progress)
    config = msgspec.structs.replace(config, base_rate=moved)
    contenders, score = _contenders(config, folds, progress=progress)
    progress.step({"zh": "拟合并校准模型", "en": "fitting and calibrating the model"})
    features = model_features(config, config.learner, config.features)
    model = fit_learner(config.learner, folds[0].train, features, seed=config.seed)
    calibration = _calibration(config, folds[0])
    hashes = {
        "data_sha256": data_sha256,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "features_sha256": features_hash(config),
        "lock_sha256": hashlib.sha256(lock_text().encode()).hexdigest(),
    }
    # Report and reference are at the learning data's own base rate: there alone what came can be held against what was
    # told. A lender whose base rate is the stated one finds the same agreement in what the shipped map tells.
    files = model_files(
        model, _shipped(calibration, config, folds[0]), _manifest(config, folds[0], model, contenders[0], hashes),
        reference=reference_json(outcome_reference(model, calibration, seen)),
    )  # fmt: skip
    progress.step({"zh": "撰写报告", "en": "writing the report"})
    trained = Trained(model, calibration, score, contenders, model_id(files), hashes)
    report = report_of(config, folds, trained)
    _write(out, files, report, config_text=text)
    return report


def _folds(
    config: TrainingConfig, data: Path, *, file: str, progress: Progress
) -> tuple[tuple[Fold, ...], Seen, str, BaseRate | None]:
    """The windows with their rows, the rows that later ones are held against, the hash of the data, the base rate."""
    progress.step({"zh": "读取原始数据", "en": "reading raw data"})
    if config.table is not None:
        table = read_raw_table(data, source=config.table, file=file)
        folds = deal_folds(config, table)
        return folds, seen_cases(folds[0]), table.sha256, config.base_rate
    raw = read_dated(data, config, file=file)
    folds = build_folds(config, raw, progress=progress)
    moved = counted_base_rate(config, raw, learned=float(folds[0].train.is_bad.mean()))
    window = folds[0].window
    seen = seen_cases(folds[0]) if window is None else seen_events(config, raw, window)
    return folds, seen, raw.sha256, moved


def _contenders(
    config: TrainingConfig, folds: tuple[Fold, ...], *, progress: Progress
) -> tuple[list[Contender], Floats]:
    """Our model and each comparison on every fold, and our scores of the test that is reported."""
    found: list[Contender] = []
    own_score = np.empty(0)
    entries = [({"zh": config.zh, "en": config.en}, config.learner, config.features)]
    entries += [({"zh": one.zh, "en": one.en}, one.learner, one.features) for one in config.compare]
    for place, (name, learner, features) in enumerate(entries):
        progress.step({"zh": f"拟合：{name['zh']}", "en": f"fitting: {name['en']}"})
        (score, _), *earlier = each_fold(config, learner, folds, features)
        if place == 0:
            own_score = score
        reach = intervals(folds[0].test, score, config.alerts, seed=config.seed)
        found.append(
            Contender(
                name={"zh": name["zh"], "en": name["en"]},
                features=len(features),
                figures={key: Estimate(value=one.value, low=one.low, high=one.high) for key, one in reach.items()},
                earlier={key: float(np.mean([asdict(each)[key] for _, each in earlier])) for key in reach if earlier},
                source=None,
            )
        )
        progress.advance((place + 1) / len(entries))
    return found, own_score


def _calibration(config: TrainingConfig, fold: Fold) -> Calibration:
    """The map to probabilities, from training rows scored by models that did not see them."""
    learner, part = config.learner, fold.train

    def fit(table: Any, target: Any, seed: int) -> Boosted:
        inside = replace(part, table=table, is_bad=target)
        return fit_learner(learner, inside, model_features(config, learner, config.features), seed=seed)

    key = None if config.split.deal_by is None else part.key
    crossed = out_of_fold(part.table, part.is_bad, fit, _CALIBRATION_FOLDS, config.seed, key=key)
    return fit_calibration(crossed.log_odds, part.is_bad)


def _shipped(calibration: Calibration, config: TrainingConfig, fold: Fold) -> Calibration:
    """The map at the base rate of where the model will be used."""
    if config.base_rate is None:
        return calibration
    assert config.base_rate.bad_ppm is not None, "counted where it was not stated"
    learned, stated = float(fold.train.is_bad.mean()), config.base_rate.bad_ppm / PPM
    return calibration.shifted(base_rate_shift(learned=learned, stated=stated))


def _manifest(
    config: TrainingConfig, fold: Fold, model: Boosted, contender: Contender, hashes: dict[str, str]
) -> Manifest:
    tested = "held_out" if fold.window is None else "out_of_time"
    return Manifest(
        kind=model.kind,
        features=model.features,
        label=config.shipped.en,
        horizon_months=max(round(config.shipped.performance_days / 30.4375), 1),
        pd_horizon="as_is",
        currency=config.table.currency if config.table is not None else "",
        training_sha256=training_hash(fold.train.table, fold.train.is_bad, model.features),
        rows=len(fold.train.is_bad),
        bads=int(fold.train.is_bad.sum()),
        seed=config.seed,
        settings=asdict(settings_of(config.learner)) | hashes,
        versions={"python": platform.python_version(), "tallystick": version("tallystick")}
        | {name: version(name) for name in ("numpy", "xgboost-cpu" if model.kind == "xgboost" else "lightgbm")},
        metrics={f"{name}_{tested}": figure["value"] for name, figure in contender["figures"].items()},
        monotone_verified=True,
    )


def features_hash(config: TrainingConfig) -> str:
    """What the features and the outcome are made of, as the text that computes them."""
    if config.table is not None:
        defined = {one.name: one.sql for one in config.table.feature}
        told = [[name, defined[name]] for name in config.features]
        return hashlib.sha256(json.dumps([told, config.table.bad], ensure_ascii=False).encode()).hexdigest()
    features = load_as_of_catalog().named(config.features)
    text = f"{portable_sql(features)}\n{outcome_sql(config.rule, known_until_tick=0)}"
    return hashlib.sha256(text.encode()).hexdigest()


def _write(out: Path, files: dict[str, bytes], report: ModelReport, *, config_text: str) -> None:
    from tallystick.reports.model_page import render_model_page

    evidence = {
        "config.toml": config_text.encode(),
        "report.json": f"{json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)}\n".encode(),
        "report.html": render_model_page(report).encode(),
    }
    write_model_folder(out, files, evidence)
