"""From a flat file to a model of an amount in two parts, with what it is worth beside naive forecasts."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tallystick.operations.amount_report import AmountTest, MadeAmount, amount_figures, amount_report
from tallystick.operations.model_folders import lock_text, model_folder, write_model_folder
from tallystick.operations.progress import Progress
from tallystick.operations.train import TrainRequest
from tallystick.operations.training_models import declared, settings_of
from tallystick.operations.training_sets import TrainingFault
from tallystick.operations.watched_amounts import told_amounts
from tallystick.reports.amount_summary import AmountReport
from tallystick.scoring.boosted import SizeLink
from tallystick.scoring.folds import Flags, stratified_folds
from tallystick.scoring.manifest import Manifest, model_id, training_hash
from tallystick.scoring.model import Floats, ModelFeature
from tallystick.scoring.reference import reference_json, reference_of
from tallystick.scoring.two_part import KIND, TwoPart, TwoPartSettings, fit_two_part, two_part_files
from tallystick.sources.amount_form import AmountConfig, Link, parse_amount_config
from tallystick.sources.amount_rows import AmountRows, read_amount_rows
from tallystick.sources.training_form import training_text

_LEAST_SOME = 50


@dataclass(frozen=True, slots=True)
class Dealt:
    """Which rows teach and which test."""

    train: Flags
    test: Flags


def train_amount(request: TrainRequest, *, progress: Progress) -> AmountReport:
    """Train by a configuration and write the model's folder with the evidence in a folder of its own.

    Same configuration, data and libraries: the same bytes. Raises as `train` does.
    """
    text, name = training_text(request.config)
    config = parse_amount_config(text, file=name)
    data = request.data or (Path(config.data) if config.data else None)
    if data is None:
        raise TrainingFault(f"{name}: data: missing; give it there or as --data")
    with model_folder(request.out):
        return _train_amount(config, data, text=text, file=name, out=request.out, progress=progress)


def _train_amount(
    config: AmountConfig, data: Path, *, text: str, file: str, out: Path, progress: Progress
) -> AmountReport:
    progress.step({"zh": "读取数据", "en": "reading the files"})
    read = read_amount_rows(data, config, file=file)
    rows = read.taken(read.known)
    dealt = deal_of(config, rows)
    progress.step({"zh": "拟合两部分并校准", "en": "fitting both parts and calibrating them"})
    model = fit_amount(config, rows, dealt.train)
    hashes = {
        "data_sha256": rows.sha256,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "lock_sha256": hashlib.sha256(lock_text().encode()).hexdigest(),
    }
    progress.step({"zh": "与朴素预测比较", "en": "measuring beside naive forecasts"})
    told = model.score(rows.features.filter(pa.array(dealt.test)))
    test = AmountTest(dealt.train, dealt.test, told)
    figures = amount_figures(config, rows, test)
    manifest = _manifest(config, rows, dealt.train, model, settings=asdict(two_part_settings(config)) | hashes)
    kept = "out_of_time" if config.split.test_from else "left_out"
    manifest = replace(manifest, metrics={f"{name}_{kept}": one["value"] for name, one in figures.items()})
    proof = told_amounts(rows.taken(dealt.test), told)
    reference = reference_of(rows.features.filter(pa.array(dealt.train)), model.features, proof)
    files = two_part_files(model, manifest, reference=reference_json(reference))
    made = MadeAmount(model, model_id(files), figures, hashes, immature=int(np.count_nonzero(~read.known)))
    report = amount_report(config, rows, test, made)
    _write(out, files, report, config_text=text)
    return report


def deal_of(config: AmountConfig, rows: AmountRows) -> Dealt:
    """Out of time by month where that is known and asked for; else a fixed deal by the seed, even in what came.

    Raises `TrainingFault` where a part has too few rows on which something came, or nothing did.
    """
    some = rows.amount > 0
    if config.split.test_from is not None:
        test = np.asarray(rows.month >= np.datetime64(config.split.test_from, "M"))
    else:
        test = np.asarray(stratified_folds(some, folds=100, seed=config.seed) < config.split.test_percent)
    for name, part in (("train", ~test), ("test", test)):
        count, happened = int(np.count_nonzero(part)), int(np.count_nonzero(part & some))
        if min(happened, count - happened) < _LEAST_SOME:
            raise TrainingFault(
                f"split: the {name} part holds {count:,} rows, on {happened:,} of which something came: at least "
                f"{_LEAST_SOME} with and {_LEAST_SOME} without are needed; move the split"
            )
    return Dealt(~test, test)


def two_part_settings(config: AmountConfig) -> TwoPartSettings:
    """The settings of both parts."""
    link: SizeLink = "logit" if config.target.link is Link.SHARE else "log"
    return TwoPartSettings(chance=settings_of(config.chance), size=settings_of(config.size), link=link)


def fit_amount(config: AmountConfig, rows: AmountRows, taught: Flags) -> TwoPart:
    """The model of some rows."""
    names = tuple(config.feature)
    return fit_two_part(
        rows.features.filter(pa.array(taught)),
        rows.amount[taught],
        tuple(ModelFeature(name, "numeric", declared(config.chance, name)) for name in names),
        two_part_settings(config),
        config.seed,
        size_features=tuple(ModelFeature(name, "numeric", declared(config.size, name)) for name in names),
    )


def _manifest(
    config: AmountConfig, rows: AmountRows, taught: Flags, model: TwoPart, *, settings: dict[str, Any]
) -> Manifest:
    amount: Floats = rows.amount[taught]
    table = rows.features.filter(pa.array(taught)).append_column("amount of the target", pa.array(amount))
    hashed = (*model.features, ModelFeature("amount of the target", "numeric"))
    return Manifest(
        kind=KIND,
        features=model.features,
        label=config.target.en,
        horizon_months=1,
        pd_horizon="as_is",
        currency="",
        training_sha256=training_hash(table, amount > 0, hashed),
        rows=len(amount),
        bads=int(np.count_nonzero(amount > 0)),
        seed=config.seed,
        settings=settings,
        versions={"python": platform.python_version(), "tallystick": version("tallystick")}
        | {name: version(name) for name in ("numpy", "lightgbm")},
        metrics={},
        monotone_verified=True,
    )


def _write(out: Path, files: dict[str, bytes], report: AmountReport, *, config_text: str) -> None:
    from tallystick.reports.amount_page import render_amount_page

    evidence = {
        "config.toml": config_text.encode(),
        "report.json": f"{json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)}\n".encode(),
        "report.html": render_amount_page(report).encode(),
    }
    write_model_folder(out, files, evidence)
