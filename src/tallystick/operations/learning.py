"""Models of a young lender: shipped priors, each updated on what this lender saw, and put into its strategy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import logit

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.outcomes import Outcome
from tallystick.operations.priors import PRIORS, Prior, prior_files
from tallystick.operations.progress import Progress
from tallystick.operations.training_sets import observed
from tallystick.reports.learned_summary import LearnedModel
from tallystick.scoring.alerts import interval_by_key
from tallystick.scoring.folds import Flags
from tallystick.scoring.manifest import FittedModel, load_model, model_files
from tallystick.scoring.model import Floats
from tallystick.scoring.ranked_rows import ranked_rows
from tallystick.scoring.update import CONFIDENCE, Update, shipped_belief, update_prior
from tallystick.scoring.validation import Interval
from tallystick.sources.lender_streams import LenderStreams, read_lender_streams
from tallystick.sources.training_form import TrainingConfig, parse_training, training_text
from tallystick.strategy.model_places import with_model

_RESAMPLES: Final = 200
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Learned:
    """The strategy's files with the updated models in their places, and what each of them learned."""

    files: dict[str, bytes]
    models: tuple[LearnedModel, ...]


def learn_from_streams(streams: Path, *, as_of: date, strategy: Mapping[str, bytes], progress: Progress) -> Learned:
    """Update each prior on what a lender's streams told by the end of the day `as_of`, and put it into a strategy.

    `streams` is a folder as `tallystick world run` leaves in `events`. Same folder, day and strategy: the same bytes.
    Raises `FileFault` and `StreamFaults` for streams that cannot be read or observed, and `StrategyFaults` where the
    strategy has no place for a model.
    """
    progress.step({"zh": "读取事件流", "en": "reading streams"})
    given = read_lender_streams(streams)
    found, models = dict(strategy), []
    for place, prior in enumerate(PRIORS):
        config = parse_training(training_text(prior.config)[0], file=prior.config)
        progress.step({"zh": f"更新：{config.zh}", "en": f"updating: {config.en}"})
        fitted = load_model(prior_files(prior.name))
        cases = _cases(prior, config, fitted, given.before(_end_of(as_of, config)))
        told = cases if cases.bads else cases.none_of_them()
        center = float(logit(fitted.manifest.bads / fitted.manifest.rows))
        update = update_prior(
            told.log_odds, told.is_bad, center=center, belief=shipped_belief(), clusters=told.person
        )  # fmt: skip
        model = _updated(fitted, update, cases, as_of=as_of)
        found = with_model(found, model, name=prior.name, checkpoints=prior.checkpoints, needs=prior.needs)
        models.append(_learned(prior, update, cases))
        progress.advance((place + 1) / len(PRIORS))
    return Learned(found, tuple(models))


@dataclass(frozen=True, slots=True)
class _Cases:
    """The lender's own cases with a known outcome: what the prior tells of each, what came, and whose it is."""

    log_odds: Floats
    is_bad: Flags
    person: npt.NDArray[np.int64]
    streams_sha256: str

    @property
    def bads(self) -> int:
        """How many of them went bad."""
        return int(np.count_nonzero(self.is_bad))

    def none_of_them(self) -> "_Cases":
        """No case at all. Before the first bad the prior stays: of goods alone nobody sees how it ranks."""
        return replace(self, log_odds=self.log_odds[:0], is_bad=self.is_bad[:0], person=self.person[:0])


def _cases(prior: Prior, config: TrainingConfig, fitted: FittedModel, streams: LenderStreams) -> _Cases:
    assert config.streams is not None, "priors are learned from streams"
    raw = streams.observed(config.streams)
    told = observed(config, raw)
    known = np.isin(told.outcome, (Outcome.GOOD, Outcome.BAD))
    requests = raw.requests.filter(pa.array(known))
    names = [feature.name for feature in fitted.model.features]
    table = build_as_of(requests, raw.streams, features=load_as_of_catalog().named(names))
    scored = np.ones(requests.num_rows, dtype=np.bool_)
    for name in prior.needs:
        scored &= pc.is_valid(table[name]).to_numpy(zero_copy_only=False)
    log_odds = fitted.calibration.learned_log_odds(fitted.model.log_odds(table))
    person = np.unique(requests["borrower_id"].to_numpy(), return_inverse=True)[1]
    is_bad = told.outcome[known] == Outcome.BAD
    return _Cases(log_odds[scored], is_bad[scored], person[scored], raw.sha256)


def _end_of(day: date, config: TrainingConfig) -> int:
    """The tick at which a day of the lender ends."""
    assert config.streams is not None, "priors are learned from streams"
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(config.streams.time_zone))
    return int(midnight.timestamp()) * 1_000_000


def _updated(fitted: FittedModel, update: Update, cases: _Cases, *, as_of: date) -> dict[str, bytes]:
    """The prior's folder with the map of its probabilities updated, and in its manifest by what."""
    manifest = replace(
        fitted.manifest,
        settings={
            **fitted.manifest.settings,
            "prior_model": fitted.model_id,
            "updated_as_of": as_of.isoformat(),
            "updated_rows": len(cases.is_bad),
            "updated_bads": cases.bads,
            "updated_shift": update.shift.value,
            "updated_slope": update.slope.value,
            "updated_streams_sha256": cases.streams_sha256,
        },
    )
    return model_files(fitted.model, update.calibrated(fitted.calibration), manifest)


def _learned(prior: Prior, update: Update, cases: _Cases) -> LearnedModel:
    return LearnedModel(
        name=prior.name,
        checkpoint=prior.checkpoints[0],
        rows=len(cases.is_bad),
        bads=cases.bads,
        auc=_auc(cases),
        shift=update.shift,
        slope=update.slope,
        is_distinguishable=update.is_distinguishable,
    )


def _auc(cases: _Cases) -> Interval | None:
    """How well the prior ranks the lender's own cases."""
    if not 0 < cases.bads < len(cases.is_bad):
        return None
    persons, place = np.unique(cases.person, return_inverse=True)
    rows = ranked_rows(cases.is_bad, cases.log_odds)
    return interval_by_key(
        rows.auc(np.ones(len(cases.is_bad), dtype=np.int64)),
        lambda times: rows.auc(times[place]),
        keys=len(persons), seed=_SEED, resamples=_RESAMPLES, confidence=CONFIDENCE,
    )  # fmt: skip
