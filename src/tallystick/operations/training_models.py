"""Fits what a configuration names on one window and measures it there: the model, and what stands beside it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.operations.training_sets import Fold, Part
from tallystick.scoring.alerts import card_days, card_precision, interval_by_key, resampled
from tallystick.scoring.boosted import Boosted, BoostedKind, BoostedSettings, fit_boosted
from tallystick.scoring.logistic import logistic_log_odds
from tallystick.scoring.model import Direction, Floats, ModelFeature
from tallystick.scoring.validation import Interval
from tallystick.sources.training_form import Alerts, Learner, LearnerKind

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


def model_features(learner: Learner, names: tuple[str, ...], units: dict[str, str]) -> tuple[ModelFeature, ...]:
    """The features as models read them, with the directions that the configuration declares."""

    def direction(name: str) -> Direction:
        return "up" if name in learner.riskier_up else "down" if name in learner.riskier_down else "none"

    return tuple(ModelFeature(name, "numeric", direction(name), units.get(name, "")) for name in names)


def fit_learner(
    learner: Learner, part: Part, names: tuple[str, ...], *, seed: int, units: dict[str, str] | None = None
) -> Boosted:
    """Boosted trees on a part. Same arguments, same bytes."""
    features = model_features(learner, names, units or {})
    return fit_boosted(part.table, part.is_bad, features, settings_of(learner), seed)


def scores(learner: Learner, train: Part, tables: list[pa.Table], names: tuple[str, ...], *, seed: int) -> list[Floats]:
    """Log odds of bad for each table by a learner of any kind, fitted on `train`."""
    if learner.kind is LearnerKind.LOGISTIC:
        return logistic_log_odds(train.table, train.is_bad, tables, names=names)
    model = fit_learner(learner, train, names, seed=seed)
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
    from sklearn.metrics import average_precision_score, roc_auc_score

    found = figures(test, score, alerts)
    keys, place = np.unique(test.key, return_inverse=True)

    def weighted(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.asarray(times[place])

    answers = {
        "auc": interval_by_key(
            found.auc, lambda times: float(roc_auc_score(test.is_bad, score, sample_weight=weighted(times))),
            keys=len(keys), seed=seed, resamples=RESAMPLES,
        ),
        "average_precision": interval_by_key(
            found.average_precision,
            lambda times: float(average_precision_score(test.is_bad, score, sample_weight=weighted(times))),
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
    learner: Learner, folds: tuple[Fold, ...], names: tuple[str, ...], alerts: Alerts | None, *, seed: int
) -> tuple[tuple[Floats, Figures], ...]:
    """Log odds and figures of every fold, each fitted on its own training rows alone."""
    found = []
    for fold in folds:
        [score] = scores(learner, fold.train, [fold.test.table], names, seed=seed)
        found.append((score, figures(fold.test, score, alerts)))
    return tuple(found)
