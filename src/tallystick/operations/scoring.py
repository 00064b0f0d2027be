"""The PD of every line and why: out of fold where a portfolio scores itself, or by a model fitted before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.features.catalog import load_catalog
from tallystick.operations.loading import LoadedPortfolio
from tallystick.operations.progress import Progress
from tallystick.risk.default import pd_horizon, twelve_month_pd
from tallystick.scoring.boosted import BoostedSettings, fit_boosted
from tallystick.scoring.calibration import fit_calibration, pd_ppm
from tallystick.scoring.crossfit import OutOfFold, out_of_fold
from tallystick.scoring.manifest import FittedModel, load_model
from tallystick.scoring.model import Floats, Model, ModelFeature
from tallystick.scoring.model_kind import ModelKind
from tallystick.scoring.reasons import NO_REASON, ScoreReasons, score_reasons
from tallystick.scoring.scorecard import ScorecardSettings, fit_scorecard
from tallystick.sources.declaration import OutcomeDefinition

FOLDS: Final = 5
LEAST_BADS: Final = 50

# Chosen by cross-validation on the training part of UCI Taiwan: docs/decisions/0005-models.md.
BOOSTED: Final = BoostedSettings(
    learning_rate=0.03,
    leaves_max=8,
    leaf_rows_min=60,
    row_fraction=0.7,
    feature_fraction=0.3,
    l2_penalty=10.0,
    ensemble_seeds=3,
    stopping_rounds=60,
    folds=5,
)
# A self-scoring review fits once per fold: coarser steps and one seed, for a cross-validated AUC of 0.7899 there.
BOOSTED_QUICK: Final = replace(BOOSTED, learning_rate=0.05, ensemble_seeds=1, stopping_rounds=40, folds=3)
# Features with a declared direction keep its sign. Holding the others too costs 0.0012 of AUC (12 folds, +- 0.0003).
SCORECARD: Final = ScorecardSettings(sign_rule="declared")


class ScoringFault(ValueError):
    """The portfolio cannot be scored, or a model cannot be fitted on it; the message tells the way out."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Every line's PD and reasons; arrays have shape (lines,) in the order of the portfolio."""

    kind: ModelKind
    model_id: str
    is_out_of_fold: bool
    features: tuple[ModelFeature, ...]
    pd: Floats  # over the outcome's window: what validation compares with what happened
    pd_ppm: npt.NDArray[np.int64]  # twelve months, whole ppm: what rules read
    reasons: ScoreReasons


def fit_model(
    table: pa.Table, target: npt.ArrayLike, features: tuple[ModelFeature, ...], *, kind: ModelKind, seed: int,
    boosted: BoostedSettings,
) -> Model:  # fmt: skip
    """Fit one model of a kind: the one place where a kind becomes settings."""
    if kind == "scorecard":
        as_auto = [replace(each, direction="auto") if each.direction == "none" else each for each in features]
        return fit_scorecard(table, np.asarray(target, dtype=np.float64), as_auto, SCORECARD, seed)
    return fit_boosted(table, target, features, replace(boosted, kind=kind), seed)


def score_out_of_fold(
    loaded: LoadedPortfolio, *, kind: ModelKind, seed: int, boosted: BoostedSettings, progress: Progress
) -> tuple[OutOfFold, Floats]:
    """Log odds and calibrated PD of every line by models and maps that never saw it.

    Raises `ScoringFault` where outcomes are unknown or too few to learn from.
    """
    outcome = loaded.outcome()
    check_outcomes(outcome)
    done = 0

    def fit(table: pa.Table, target: npt.NDArray[np.bool_], fold_seed: int) -> Model:
        nonlocal done
        model = fit_model(table, target, loaded.model_features(), kind=kind, seed=fold_seed, boosted=boosted)
        done += 1
        progress.advance(done / FOLDS)
        return model

    crossed = out_of_fold(loaded.columns, outcome, fit, FOLDS, seed)
    pd = np.empty(len(outcome))
    for fold in range(FOLDS):
        inside = crossed.fold == fold
        calibration = fit_calibration(crossed.log_odds[~inside], outcome[~inside])
        pd[inside] = calibration.pd(crossed.log_odds[inside])
    return crossed, pd


def outcome_definition(loaded: LoadedPortfolio) -> OutcomeDefinition:
    """What bad means in this portfolio; refused where the mapping does not say."""
    if loaded.mapping.outcome is None:
        raise ScoringFault(
            "the mapping names no outcome, so the portfolio cannot score itself: "
            "give --model FOLDER (see `tallystick fit`), or map [field.outcome] and define [outcome]"
        )
    return loaded.mapping.outcome


def check_outcomes(outcome: Floats) -> None:
    """Refuse what nothing can be learned from, by name."""
    unknown = int(np.isnan(outcome).sum())
    if unknown:
        raise ScoringFault(
            f"the outcome is missing on {unknown:,} of {outcome.size:,} lines: leave out lines whose window is not "
            "over, or score them with --model FOLDER"
        )
    bads = int(outcome.sum())
    if min(bads, outcome.size - bads) < LEAST_BADS:
        raise ScoringFault(
            f"{bads:,} bad and {outcome.size - bads:,} good lines: at least {LEAST_BADS} of each are needed to learn; "
            "give more lines, or score with --model FOLDER"
        )


def scored_by_itself(loaded: LoadedPortfolio, *, kind: ModelKind, seed: int, progress: Progress) -> Scored:
    """The portfolio judged by its own outcomes, every line by a model that never saw it."""
    definition = outcome_definition(loaded)
    crossed, pd = score_out_of_fold(loaded, kind=kind, seed=seed, boosted=BOOSTED_QUICK, progress=progress)
    by_name = {feature.name: feature for feature in loaded.model_features()}
    return Scored(
        kind=kind,
        model_id=f"{kind} x {FOLDS}",
        is_out_of_fold=True,
        features=tuple(by_name[name] for name in crossed.features),
        pd=pd,
        pd_ppm=_twelve_months(pd, horizon_months=definition.horizon_months, rule=definition.pd_horizon),
        reasons=score_reasons(crossed.contributions, crossed.features, reason_codes()),
    )


def scored_by_model(loaded: LoadedPortfolio, *, folder: Path) -> Scored:
    """The portfolio judged by a fitted model from its folder, over the model's own window.

    Raises `ScoringFault` where the portfolio lacks what the model reads: all missing is not a value to score on.
    """
    fitted = read_model(folder)
    model, manifest = fitted.model, fitted.manifest
    there = {feature.name for feature in loaded.features}
    absent = [feature.name for feature in model.features if feature.name not in there]
    if absent:
        raise ScoringFault(
            f"{folder}: the model reads {', '.join(absent)}, which the fields of mapping {loaded.mapping.name!r} "
            "do not give: map those fields, or fit a model on what there is"
        )
    if manifest.currency != loaded.mapping.currency:
        raise ScoringFault(
            f"{folder}: the model was fitted on amounts in {manifest.currency}, the mapping gives "
            f"{loaded.mapping.currency}: convert with an exchange rate in the mapping"
        )
    pd = fitted.pd(loaded.columns)
    names = [feature.name for feature in model.features]
    return Scored(
        kind=model.kind,
        model_id=fitted.model_id,
        is_out_of_fold=False,
        features=model.features,
        pd=pd,
        pd_ppm=_twelve_months(pd, horizon_months=manifest.horizon_months, rule=manifest.pd_horizon),
        reasons=score_reasons(model.contributions(loaded.columns), names, reason_codes()),
    )


def read_model(folder: Path) -> FittedModel:
    """The model of a folder; raises `ScoringFault` where there is none, `ModelFilesFault` where a file was altered."""
    if not folder.is_dir():
        raise ScoringFault(f"{folder}: there is no such model folder; fit one with `tallystick fit --out FOLDER`")
    return load_model({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})


def reason_codes() -> Mapping[str, str]:
    """The reason code of each feature that a credit decision may use."""
    return {feature.name: feature.reason for feature in load_catalog().features if feature.reason is not None}


def reason_columns(reasons: ScoreReasons) -> list[npt.NDArray[np.str_]]:
    """The codes by rank, costliest first; an empty text where nothing more cost the line anything."""
    codes = np.asarray([*reasons.codes, ""])
    return [codes[np.where(rank == NO_REASON, len(reasons.codes), rank)] for rank in reasons.places.T]


def _twelve_months(pd: Floats, *, horizon_months: int, rule: str) -> npt.NDArray[np.int64]:
    return pd_ppm(twelve_month_pd(pd, horizon_months=horizon_months, rule=pd_horizon(rule)))
