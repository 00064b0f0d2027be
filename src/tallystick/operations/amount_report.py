"""Everything that a reader must know of a model of an amount, measured on the test that was set apart."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tallystick.operations.model_report import (
    calibration_points,
    effects_of,
    estimate,
    fairness_of,
    gain_points,
    periods_of,
)
from tallystick.reports.amount_summary import (
    AmountContender,
    AmountGroupTold,
    AmountReport,
    AmountRowsTold,
    CuresTold,
)
from tallystick.reports.model_summary import Estimate
from tallystick.reports.summary import Bilingual
from tallystick.risk.loss import loss_given_default
from tallystick.scoring.amount_validation import (
    AmountGroup,
    absolute_error,
    absolute_error_saved,
    calibration_distance,
    explained_share,
    groups_of_amounts,
    mean_interval,
    rank_correlation,
    root_squared_error,
    squared_error_saved,
)
from tallystick.scoring.folds import Flags
from tallystick.scoring.leakage import suspects
from tallystick.scoring.model import Floats
from tallystick.scoring.two_part import Amounts, TwoPart
from tallystick.scoring.validation import auc_interval, brier_interval
from tallystick.sources.amount_form import AmountConfig
from tallystick.sources.amount_rows import AmountRows
from tallystick.units.rates import PPM

OUR_MEAN: Bilingual = {"zh": "两部分模型：平均", "en": "two parts: the mean"}
OUR_MEDIAN: Bilingual = {"zh": "两部分模型：中位数", "en": "two parts: the median"}
NAIVE_MEAN: Bilingual = {"zh": "训练样本的平均", "en": "mean of the training rows"}
NAIVE_MEDIAN: Bilingual = {"zh": "训练样本的中位数", "en": "median of the training rows"}


@dataclass(frozen=True, slots=True)
class AmountTest:
    """Which rows taught and which tested, and what the model said of the latter."""

    train: Flags
    test: Flags
    told: Amounts


@dataclass(frozen=True, slots=True)
class MadeAmount:
    """What a run made of it; `immature` counts rows whose amount is not final, which neither taught nor tested."""

    model: TwoPart
    model_id: str
    figures: dict[str, Estimate]
    hashes: dict[str, str]
    immature: int


def amount_report(config: AmountConfig, rows: AmountRows, test: AmountTest, made: MadeAmount) -> AmountReport:
    """The report of one run."""
    observed, told = rows.amount[test.test], test.told
    groups = groups_of_amounts(observed, told.expected)
    some, table = observed > 0, rows.features.filter(pa.array(test.test))
    months = rows.month[test.test].astype(str) if len(rows.month) else np.empty(0, dtype=str)
    meanings: dict[str, Bilingual] = {name: {"zh": one.zh, "en": one.en} for name, one in config.feature.items()}
    known = {name: labels[test.test] for name, labels in rows.groups.items()}
    # what is predicted high is what is approved: the highest expected amounts, and of those with something the share
    fairness = fairness_of(known, ~some, -told.expected, approve_percent=config.fairness.approve_percent)
    found = suspects(rows.features.filter(pa.array(test.train)), rows.amount[test.train] > 0, config.feature)
    return AmountReport(
        name=config.name,
        title={"zh": config.zh, "en": config.en},
        target={"zh": config.target.zh, "en": config.target.en},
        unit={"zh": config.target.unit_zh, "en": config.target.unit},
        model_id=made.model_id,
        seed=config.seed,
        has_time=config.split.test_from is not None,
        train=_part(rows, test.train),
        test=_part(rows, test.test),
        capped=rows.capped,
        cures=_cures(config, told.expected, exposure=rows.of[test.test]),
        immature=made.immature,
        figures=made.figures,
        contenders=_contenders(config, rows, test),
        gains=gain_points(observed * rows.of[test.test], told.expected * rows.of[test.test]),
        chance_gains=gain_points(some, told.chance),
        chance_calibration=calibration_points(some, told.chance),
        calibration=[_group(one) for one in groups],
        calibration_distance=calibration_distance(groups),
        periods=periods_of(months, some, ranked=told.chance, spread=told.expected, told=told.expected, came=observed),
        effects=effects_of(made.model.chance, table, meanings),
        size_effects=effects_of(made.model.size, table.filter(pa.array(some)), meanings),
        monotone={one.name: one.direction for one in made.model.features if one.direction != "none"},
        size_monotone={one.name: one.direction for one in made.model.size.features if one.direction != "none"},
        suspects={one.name: one.auc for one in found},
        fairness=fairness,
        take_percent=config.fairness.approve_percent,
        promotable=not any(one["refused"] for one in fairness) and not found,
        features=meanings,
        hidden=list(config.table.tells_outcome),
        settings={
            f"{part}.{name}": str(getattr(learner, name))
            for part, learner in (("chance", config.chance), ("size", config.size))
            for name in learner.__struct_fields__
        },
        hashes=made.hashes,
    )


def _cures(config: AmountConfig, recovered: Floats, *, exposure: Floats) -> CuresTold | None:
    """What a default loses by the model alone, and with the published share of those that cure."""
    if config.cures is None:
        return None
    uncured = 1.0 - float(np.average(recovered, weights=exposure))
    return CuresTold(
        share_ppm=config.cures.share_ppm,
        source={"zh": config.cures.zh, "en": config.cures.en},
        uncured_loss=uncured,
        loss=float(loss_given_default(uncured=uncured, cure=config.cures.share_ppm / PPM)),
    )


def amount_figures(config: AmountConfig, rows: AmountRows, test: AmountTest) -> dict[str, Estimate]:
    """Both parts by themselves on the test, and both together."""
    observed, told, seed = rows.amount[test.test], test.told, config.seed
    some = observed > 0
    naive = np.full(len(observed), rows.amount[test.train].mean())
    weighted = rows.of[test.test]
    return {
        "chance_auc": estimate(auc_interval(some, told.chance)),
        "chance_brier": estimate(brier_interval(some, told.chance)),
        "chance_mean": estimate(mean_interval(told.chance)),
        "chance_observed": estimate(mean_interval(some.astype(np.float64))),
        "size_rank_correlation": estimate(rank_correlation(observed[some], told.size[some], seed=seed)),
        "size_mean": estimate(mean_interval(told.size[some])),
        "size_observed": estimate(mean_interval(observed[some])),
        "rank_correlation": estimate(rank_correlation(observed, told.expected, seed=seed)),
        "explained_share": estimate(explained_share(observed, told.expected, naive, seed=seed)),
        "total_over_observed": _total(told.expected * weighted, observed * weighted),
    }


def _contenders(config: AmountConfig, rows: AmountRows, test: AmountTest) -> list[AmountContender]:
    observed, taught = rows.amount[test.test], rows.amount[test.train]
    mean, median = test.told.expected, test.told.quantile(0.5)
    ours: list[tuple[Bilingual, Floats]] = [(OUR_MEAN, mean), (OUR_MEDIAN, median)]
    naive: list[tuple[Bilingual, Floats]] = [
        (NAIVE_MEAN, np.full(len(observed), taught.mean())),
        (NAIVE_MEDIAN, np.full(len(observed), np.median(taught))),
    ]
    for name, one in config.baseline.items():
        # what a baseline cannot say of a row, it takes for nothing
        naive.append(({"zh": one.zh, "en": one.en}, np.nan_to_num(rows.baselines[name][test.test])))

    def contender(name: Bilingual, forecast: Floats) -> AmountContender:
        return AmountContender(
            name=name,
            absolute_error=estimate(absolute_error(observed, forecast)),
            root_squared_error=estimate(root_squared_error(observed, forecast)),
            absolute_saved=None,
            squared_saved=None,
            mean=float(forecast.mean()),
        )

    def held_against_ours(name: Bilingual, forecast: Floats) -> AmountContender:
        told = contender(name, forecast)
        told["absolute_saved"] = estimate(absolute_error_saved(observed, median, forecast))
        told["squared_saved"] = estimate(squared_error_saved(observed, mean, forecast))
        return told

    return [*(contender(*one) for one in ours), *(held_against_ours(*one) for one in naive)]


def _total(expected: Floats, observed: Floats) -> Estimate:
    """Predicted total over what came, with the interval that comes from how uncertain the latter is."""
    came = mean_interval(observed)
    mean = float(expected.mean())
    return Estimate(value=mean / came.value, low=mean / came.high, high=mean / max(came.low, 1e-300))


def _part(rows: AmountRows, part: Flags) -> AmountRowsTold:
    months = rows.month[part] if len(rows.month) else None
    return AmountRowsTold(
        rows=int(np.count_nonzero(part)),
        some=int(np.count_nonzero(rows.amount[part] > 0)),
        mean=float(rows.amount[part].mean()),
        first_month=None if months is None else str(months.min()),
        last_month=None if months is None else str(months.max()),
    )


def _group(one: AmountGroup) -> AmountGroupTold:
    return AmountGroupTold(name=one.name, rows=one.rows, predicted=one.predicted, observed=estimate(one.observed))
