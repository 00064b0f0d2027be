"""Fits what a configuration names on one window and measures it there: the model, and what stands beside it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.operations.training_sets import Fold, Part
from tallystick.scoring.alerts import card_days, card_precision, interval_by_key, resampled
from tallystick.scoring.boosted import Boosted, BoostedKind, BoostedSettings, fit_boosted
from tallystick.scoring.logistic import logistic_log_odds
from tallystick.scoring.model import Direction, Floats, ModelFeature
from tallystick.scoring.ranked_rows import ranked_rows
from tallystick.scoring.validation import Interval
from tallystick.sources.training_form import Alerts, FeatureKind, Learner, LearnerKind, TrainingConfig

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """How well scores rank one test window: AUC, average precision, card precision where alerts are configured."""

    auc: float
    average_precision: float
    card_precision: float | None


def settings_of(learner: Learner) -> BoostedSettings:
    """The settings of boosted trees, from the whole numbers of a configuration."""
    kind: BoostedKind = "xgboost" if learner.kind is LearnerKind.XGBOOST else "lightgbm"
    return BoostedSettings(
        kind=kind,
        learning_rate=learner.learning_rate_permille / 1_000,
        leaves_max=learner.leaves,
        leaf_rows_min=learner.leaf_rows,
        row_fraction=learner.row_percent / 100,
        feature_fraction=learner.feature_percent / 100,
        l2_penalty=float(learner.l2_penalty),
        ensemble_seeds=learner.members,
        rounds_max=learner.rounds,
        stopping_rounds=learner.stopping_rounds,
    )


def model_features(config: TrainingConfig, learner: Learner, names: tuple[str, ...]) -> tuple[ModelFeature, ...]:
    """The features as models read them, with the directions that the learner declares."""
    own = {one.name: one for one in config.table.feature} if config.table is not None else {}
    catalog = load_as_of_catalog().by_name

    def kind(name: str) -> Literal["numeric", "category"]:
        return "category" if name in own and own[name].kind is FeatureKind.CATEGORY else "numeric"

    return tuple(
        ModelFeature(name, kind(name), declared(learner, name), own[name].unit if name in own else catalog[name].unit)
        for name in names
    )


def declared(learner: Learner, name: str) -> Direction:
    """Which way the learner says that a feature's risk goes."""
    return "up" if name in learner.riskier_up else "down" if name in learner.riskier_down else "none"


def fit_learner(learner: Learner, part: Part, features: tuple[ModelFeature, ...], *, seed: int) -> Boosted:
    """Boosted trees on a part. Same arguments, same bytes."""
    return fit_boosted(part.table, part.is_bad, features, settings_of(learner), seed)


def scores(
    learner: Learner, train: Part, tables: list[pa.Table], features: tuple[ModelFeature, ...], *, seed: int
) -> list[Floats]:
    """Log odds of bad for each table by a learner of any kind, fitted on `train`."""
    if learner.kind is LearnerKind.LOGISTIC:
        return logistic_log_odds(train.table, train.is_bad, tables, names=[one.name for one in features])
    model = fit_learner(learner, train, features, seed=seed)
    return [model.log_odds(table) for table in tables]


def figures(test: Part, score: Floats, alerts: Alerts | None) -> Figures:
    """The figures of one test window."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    cards = None
    if alerts is not None:
        by_day = card_days(day=test.day, card=test.key, score=score, outcome=test.is_bad)
        cards = card_precision(by_day, per_day=alerts.per_day)
    return Figures(float(roc_auc_score(test.is_bad, score)), float(average_precision_score(test.is_bad, score)), cards)


def intervals(test: Part, score: Floats, alerts: Alerts | None, *, seed: int) -> dict[str, Interval]:
    """95 % intervals of the figures, by drawing keys (cards, borrowers) with replacement."""
    found, rows = figures(test, score, alerts), ranked_rows(test.is_bad, score)
    keys, place = np.unique(test.key, return_inverse=True)
    answers = {
        "auc": interval_by_key(
            found.auc, lambda times: rows.auc(times[place]), keys=len(keys), seed=seed, resamples=RESAMPLES
        ),
        "average_precision": interval_by_key(
            found.average_precision, lambda times: rows.average_precision(times[place]),
            keys=len(keys), seed=seed, resamples=RESAMPLES,
        ),
    }  # fmt: skip
    if alerts is not None and found.card_precision is not None:
        by_day = card_days(day=test.day, card=test.key, score=score, outcome=test.is_bad)
        per_day = alerts.per_day
        answers["card_precision"] = interval_by_key(
            found.card_precision, lambda times: card_precision(resampled(by_day, times), per_day=per_day),
            keys=len(keys), seed=seed, resamples=RESAMPLES,
        )  # fmt: skip
    return answers


def each_fold(
    config: TrainingConfig, learner: Learner, folds: tuple[Fold, ...], names: tuple[str, ...]
) -> tuple[tuple[Floats, Figures], ...]:
    """Log odds and figures of every fold, each fitted on its own training rows alone."""
    features = model_features(config, learner, names)
    found = []
    for fold in folds:
        [score] = scores(learner, fold.train, [fold.test.table], features, seed=config.seed)
        found.append((score, figures(fold.test, score, config.alerts)))
    return tuple(found)
