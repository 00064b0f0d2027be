"""Everything that a reader must know of a trained model, measured on the test that was set apart."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.training_models import settings_of
from tallystick.operations.training_sets import Fold, Part
from tallystick.reports.model_summary import (
    Contender,
    Effect,
    EffectPoint,
    Estimate,
    Fairness,
    GainPoint,
    GroupFairness,
    ModelReport,
    Period,
    Rows,
)
from tallystick.reports.summary import Bilingual, CalibrationPoint
from tallystick.scoring.boosted import Boosted
from tallystick.scoring.calibration import Calibration
from tallystick.scoring.columns import numeric_column
from tallystick.scoring.fairness import approved_rows, group_outcomes
from tallystick.scoring.gains import effect_curve, gains
from tallystick.scoring.leakage import suspects
from tallystick.scoring.model import Floats
from tallystick.scoring.stability import population_stability
from tallystick.scoring.validation import Interval, auc, reliability
from tallystick.sources.training_form import TrainingConfig

_EFFECT_ROWS = 5_000
_EFFECTS_SHOWN = 24
FIGURES: dict[str, Bilingual] = {
    "auc": {"zh": "AUC", "en": "AUC"},
    "average_precision": {"zh": "平均精度", "en": "average precision"},
    "card_precision": {"zh": "卡片精度", "en": "card precision"},
}


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run made; `score` are log odds of the test."""

    model: Boosted
    calibration: Calibration
    score: Floats
    contenders: list[Contender]
    model_id: str
    hashes: dict[str, str]


def report_of(config: TrainingConfig, folds: tuple[Fold, ...], trained: Trained) -> ModelReport:
    """The report of one run; the first fold is the one that is reported."""
    fold, model, contenders, score = folds[0], trained.model, trained.contenders, trained.score
    pd = trained.calibration.pd(score)
    fairness = fairness_of(fold.test, pd, approve_percent=config.fairness.approve_percent)
    found = suspects(fold.train.table, fold.train.is_bad, [one.name for one in model.features])
    return ModelReport(
        name=config.name,
        title={"zh": config.zh, "en": config.en},
        outcome={"zh": config.told.zh, "en": config.told.en},
        outcome_name=config.outcome,
        performance_days=config.told.performance_days,
        model_id=trained.model_id,
        kind=model.kind,
        seed=config.seed,
        has_time=fold.window is not None,
        train=_rows(fold.train, None if fold.window is None else (fold.window.train_from, fold.window.train_until)),
        test=_rows(fold.test, None if fold.window is None else (fold.window.test_from, fold.window.test_until)),
        figure_names={key: FIGURES[key] for key in contenders[0]["figures"]},
        contenders=contenders,
        published=_published(config),
        earlier_folds=len(folds) - 1,
        gains=[
            GainPoint(share=one.share, bads_share=one.bads_share, lift=one.lift)
            for one in gains(fold.test.is_bad, score)
        ],
        calibration=_calibration(fold.test, pd),
        periods=[] if fold.window is None else _periods(fold.test, score, pd),
        effects=_effects(config, model, fold.test),
        monotone={one.name: one.direction for one in model.features if one.direction != "none"},
        suspects={one.name: one.auc for one in found},
        fairness=fairness,
        promotable=not any(one["refused"] for one in fairness) and not found,
        settings={key: value for key, value in _settings(config).items() if isinstance(value, int | float | str)},
        hashes=trained.hashes,
        reads_what_credit_may_not=config.table is None
        and not all(load_as_of_catalog().by_name[name].credit_use for name in config.features),
    )


def _rows(part: Part, ticks: tuple[int, int] | None) -> Rows:
    return Rows(
        rows=len(part.is_bad),
        bads=int(part.is_bad.sum()),
        apart=dict(part.apart),
        first_on=None if ticks is None else _on(ticks[0]),
        until=None if ticks is None else _on(ticks[1]),
    )


def _on(tick: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=tick)).date().isoformat()


def _settings(config: TrainingConfig) -> dict[str, object]:
    settings = settings_of(config.learner)
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__ if name != "threads"}


def _published(config: TrainingConfig) -> list[Contender]:
    return [
        Contender(
            name={"zh": one.zh, "en": one.en},
            features=None,
            figures={key: Estimate(value=float(text), low=None, high=None) for key, text in one.figures.items()},
            earlier={},
            source=one.source,
        )
        for one in config.published
    ]


def _calibration(test: Part, pd: Floats) -> list[CalibrationPoint]:
    return [
        CalibrationPoint(
            pd_mean=point.pd_mean,
            bad_share=point.bad_share,
            bad_share_low=point.bad_share_low,
            bad_share_high=point.bad_share_high,
            lines=point.lines,
        )
        for point in reliability(test.is_bad, pd, groups=20)
    ]


def _periods(test: Part, score: Floats, pd: Floats) -> list[Period]:
    """By month, by day where the test lies within one; each beside the rest of the test, scored by the same model."""
    days = np.array([_on(int(tick)) for tick in np.unique(test.day) * DAY_TICKS])
    names = days[np.unique(test.day, return_inverse=True)[1]]
    if len({name[:7] for name in days}) > 1 and len(days) > 31:
        names = np.array([name[:7] for name in names])
    found = []
    for name in np.unique(names):
        rows = names == name
        bads = int(test.is_bad[rows].sum())
        rest = score[~rows] if not rows.all() else score[rows]
        shift = population_stability(rest, score[rows], name=str(name))
        found.append(
            Period(
                name=str(name),
                rows=int(rows.sum()),
                bads=bads,
                pd_mean=float(pd[rows].mean()),
                bad_share=bads / int(rows.sum()),
                auc=auc(test.is_bad[rows], score[rows]) if 0 < bads < rows.sum() else None,
                psi=shift.psi,
                psi_limit=shift.limit,
            )
        )
    return found


def _effects(config: TrainingConfig, model: Boosted, test: Part) -> list[Effect]:
    """What each feature does to the score, on evenly spaced rows of the test, the strongest first."""
    step = max(test.table.num_rows // _EFFECT_ROWS, 1)
    table = test.table.take(pa.array(np.arange(0, test.table.num_rows, step)))
    parts = model.contributions(table)
    catalog = load_as_of_catalog().by_name
    own = {one.name: one for one in config.table.feature} if config.table is not None else {}
    found = []
    for place, feature in enumerate(model.features):
        numbers = numeric_column(table, feature.name) if feature.kind == "numeric" else np.empty(0)
        curve = effect_curve(numbers, parts[:, place])
        known = own.get(feature.name) or catalog[feature.name]
        found.append(
            Effect(
                feature=feature.name,
                meaning={"zh": known.zh, "en": known.en},
                strength=float(np.abs(parts[:, place]).mean()),
                direction=feature.direction,
                curve=[EffectPoint(value=value, log_odds=log_odds) for value, log_odds in curve],
            )
        )
    return sorted(found, key=lambda effect: (-effect["strength"], effect["feature"]))[:_EFFECTS_SHOWN]


def fairness_of(test: Part, pd: Floats, *, approve_percent: int) -> list[Fairness]:
    """Every attribute that is known of somebody, its groups beside each other at one cut-off."""
    approved = approved_rows(pd, approve_percent=approve_percent)
    found = []
    for attribute, groups in test.groups.items():
        outcomes = group_outcomes(groups, approved, test.is_bad)
        if len(outcomes) < 2:
            continue
        told = [
            GroupFairness(
                group={"zh": one.group, "en": one.group},
                rows=one.rows,
                approved_share=one.approved_share,
                impact_ratio=_estimate(one.impact_ratio),
                opportunity_gap=_estimate(one.opportunity_gap),
                refused=one.refused,
            )
            for one in outcomes
        ]
        refused = any(one.refused for one in outcomes)
        found.append(Fairness(attribute=ATTRIBUTES[attribute], groups=told, refused=refused))
    return found


ATTRIBUTES: dict[str, Bilingual] = {
    "sex": {"zh": "性别", "en": "sex"},
    "age_band": {"zh": "年龄段", "en": "age band"},
}


def _estimate(interval: Interval) -> Estimate:
    return Estimate(value=interval.value, low=interval.low, high=interval.high)
