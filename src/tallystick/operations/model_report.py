"""Everything that a reader must know of a trained model, measured on the test that was set apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
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
    MovedBaseRate,
    Period,
    Rows,
)
from tallystick.reports.summary import Bilingual, CalibrationPoint
from tallystick.scoring.boosted import Boosted
from tallystick.scoring.calibration import Calibration
from tallystick.scoring.columns import numeric_column
from tallystick.scoring.fairness import approved_rows, group_outcomes
from tallystick.scoring.folds import Flags
from tallystick.scoring.gains import effect_curve, gains
from tallystick.scoring.leakage import suspects
from tallystick.scoring.model import Floats
from tallystick.scoring.stability import population_stability
from tallystick.scoring.validation import Interval, auc, reliability
from tallystick.sources.training_form import TrainingConfig
from tallystick.units.rates import PPM

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
    fairness = fairness_of(fold.test.groups, fold.test.is_bad, pd, approve_percent=config.fairness.approve_percent)
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
        gains=gain_points(fold.test.is_bad, score),
        calibration=calibration_points(fold.test.is_bad, pd),
        periods=[] if fold.window is None else _periods(fold.test, score, pd),
        effects=effects_of(model, fold.test.table, _meanings(config)),
        monotone={one.name: one.direction for one in model.features if one.direction != "none"},
        suspects={one.name: one.auc for one in found},
        fairness=fairness,
        promotable=not any(one["refused"] for one in fairness) and not found,
        settings={key: value for key, value in _settings(config).items() if isinstance(value, int | float | str)},
        hashes=trained.hashes,
        reads_what_credit_may_not=config.table is None
        and not all(load_as_of_catalog().by_name[name].credit_use for name in config.features),
        base_rate=_base_rate(config, fold.train),
        limits=[{"zh": limit.zh, "en": limit.en} for limit in config.limit],
    )


def _base_rate(config: TrainingConfig, train: Part) -> MovedBaseRate | None:
    stated = config.base_rate
    if stated is None:
        return None
    assert stated.bad_ppm is not None, "counted where it was not stated"
    return MovedBaseRate(
        learned_share=float(train.is_bad.mean()),
        stated_share=stated.bad_ppm / PPM,
        source={"zh": stated.zh, "en": stated.en},
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


def gain_points(amount: npt.ArrayLike, score: Floats) -> list[GainPoint]:
    """How much of all that is looked for the highest scores hold: bads, or an amount per row."""
    return [
        GainPoint(share=one.share, bads_share=one.bads_share, lift=one.lift)
        for one in gains(np.asarray(amount, dtype=np.float64), score)
    ]


def calibration_points(is_bad: Flags, pd: Floats) -> list[CalibrationPoint]:
    """Groups of like predictions, each beside what happened."""
    return [
        CalibrationPoint(
            pd_mean=point.pd_mean,
            bad_share=point.bad_share,
            bad_share_low=point.bad_share_low,
            bad_share_high=point.bad_share_high,
            lines=point.lines,
        )
        for point in reliability(is_bad, pd, groups=20)
    ]


def _periods(test: Part, score: Floats, pd: Floats) -> list[Period]:
    """By month, by day where the test lies within one; each beside the rest of the test, scored by the same model."""
    days = np.array([_on(int(tick)) for tick in np.unique(test.day) * DAY_TICKS])
    names = days[np.unique(test.day, return_inverse=True)[1]]
    if len({name[:7] for name in days}) > 1 and len(days) > 31:
        names = np.array([name[:7] for name in names])
    return periods_of(names, test.is_bad, ranked=score, spread=score, told=pd, came=test.is_bad.astype(np.float64))


def periods_of(
    names: npt.NDArray[np.str_], happened: Flags, *, ranked: Floats, spread: Floats, told: Floats, came: Floats
) -> list[Period]:
    """Each period by itself: what was `told` on average beside what `came`, how well `ranked` tells on what rows it
    happened, and whether the `spread` is that of the other rows."""
    found = []
    for name in np.unique(names):
        rows = names == name
        count, some = int(rows.sum()), int(happened[rows].sum())
        rest = spread[~rows] if not rows.all() else spread[rows]
        shift = population_stability(rest, spread[rows], name=str(name))
        found.append(
            Period(
                name=str(name),
                rows=count,
                bads=some,
                pd_mean=float(told[rows].mean()),
                bad_share=float(came[rows].mean()),
                auc=auc(happened[rows], ranked[rows]) if 0 < some < count else None,
                psi=shift.psi,
                psi_limit=shift.limit,
            )
        )
    return found


def _meanings(config: TrainingConfig) -> dict[str, Bilingual]:
    catalog = load_as_of_catalog().by_name
    own = {one.name: one for one in config.table.feature} if config.table is not None else {}
    known = {name: own.get(name) or catalog[name] for name in config.features}
    return {name: {"zh": one.zh, "en": one.en} for name, one in known.items()}


def effects_of(model: Boosted, rows: pa.Table, meanings: Mapping[str, Bilingual]) -> list[Effect]:
    """What each feature does to the score, on evenly spaced rows of the test, the strongest first."""
    step = max(rows.num_rows // _EFFECT_ROWS, 1)
    table = rows.take(pa.array(np.arange(0, rows.num_rows, step)))
    parts = model.contributions(table)
    found = []
    for place, feature in enumerate(model.features):
        numbers = numeric_column(table, feature.name) if feature.kind == "numeric" else np.empty(0)
        curve = effect_curve(numbers, parts[:, place])
        found.append(
            Effect(
                feature=feature.name,
                meaning=meanings[feature.name],
                strength=float(np.abs(parts[:, place]).mean()),
                direction=feature.direction,
                curve=[EffectPoint(value=value, log_odds=log_odds) for value, log_odds in curve],
            )
        )
    return sorted(found, key=lambda effect: (-effect["strength"], effect["feature"]))[:_EFFECTS_SHOWN]


def fairness_of(
    known: Mapping[str, npt.NDArray[np.object_]], is_bad: Flags, pd: Floats, *, approve_percent: int
) -> list[Fairness]:
    """Every attribute that is known of somebody, its groups beside each other at one cut-off."""
    approved = approved_rows(pd, approve_percent=approve_percent)
    found = []
    for attribute, groups in known.items():
        outcomes = group_outcomes(groups, approved, is_bad)
        if len(outcomes) < 2:
            continue
        told = [
            GroupFairness(
                group=_GROUP_NAMES.get(one.group, {"zh": one.group, "en": one.group}),
                rows=one.rows,
                approved_share=one.approved_share,
                impact_ratio=estimate(one.impact_ratio),
                opportunity_gap=estimate(one.opportunity_gap),
                refused=one.refused,
            )
            for one in outcomes
        ]
        refused = any(one.refused for one in outcomes)
        found.append(Fairness(attribute=ATTRIBUTES[attribute], groups=told, refused=refused))
    return found


_GROUP_NAMES: dict[str, Bilingual] = {
    "female": {"zh": "女", "en": "female"},
    "male": {"zh": "男", "en": "male"},
    "<30": {"zh": "不满 30 岁", "en": "below 30"},
    "30-44": {"zh": "30–44 岁", "en": "30–44"},
    "45-59": {"zh": "45–59 岁", "en": "45–59"},
    "60+": {"zh": "60 岁及以上", "en": "60 and over"},
}
ATTRIBUTES: dict[str, Bilingual] = {
    "sex": {"zh": "性别", "en": "sex"},
    "age_band": {"zh": "年龄段", "en": "age band"},
}


def estimate(interval: Interval) -> Estimate:
    """A figure with its ends, as the report keeps it."""
    return Estimate(value=interval.value, low=interval.low, high=interval.high)
