"""Rows as a watch sees them: those that a model learned from and was proven on, and later ones observed alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import WINDOW_TICKS, load_as_of_catalog
from tallystick.features.event_tables import ENTITIES
from tallystick.features.outcome_build import build_outcomes
from tallystick.features.outcomes import Outcome, OutcomeRule
from tallystick.operations.training_sets import Fold, Observed, left_out, observed
from tallystick.scoring.boosted import Boosted
from tallystick.scoring.calibration import Calibration
from tallystick.scoring.folds import Flags
from tallystick.scoring.model import Floats
from tallystick.scoring.reference import Reference, Told, reference_of
from tallystick.scoring.spread import Clusters
from tallystick.scoring.time_splits import Ticks, Window
from tallystick.scoring.watch import LEAST_OF_EACH
from tallystick.sources.raw_events import RawEvents
from tallystick.sources.training_form import TrainingConfig

_EARLY_PARTS = (8, 4, 2)  # of the outcome's window, the shortest first


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with their features and what became of them: 1 bad, 0 good, NaN where that is not known or not clear.

    `early` is 1 where a sign of bad was told in the first days, 0 where none was, NaN before those days are over.
    `period` names the stretch of time a row is in; of `clusters`, each says which key of an entity a row belongs to.
    """

    table: pa.Table
    outcome: Floats
    early: Floats
    period: Sequence[str]
    clusters: Clusters


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows learned from, those that proved the model, and how they were observed."""

    learned: Rows
    proved: Rows
    window: Window | None = None
    back_ticks: int = 0
    early_days: int = 0


def outcome_reference(model: Boosted, calibration: Calibration, seen: Seen) -> Reference:
    """What the model's folder keeps of them."""
    told = told_outcomes(seen.proved, calibration.pd(model.log_odds(seen.proved.table)))
    kept = reference_of(seen.learned.table, model.features, told, clusters=seen.learned.clusters)
    if seen.window is None:
        return kept
    window = seen.window
    return msgspec.structs.replace(
        kept,
        until_tick=window.test_until,
        period_ticks=window.test_until - window.test_from,
        learned_ticks=window.test_from - window.train_from,
        back_ticks=seen.back_ticks,
        early_days=seen.early_days,
    )


def told_outcomes(rows: Rows, pd: Floats) -> Told:
    """Rows with the PD that was told of them."""
    return Told(
        scores={"pd": pd}, outcome=rows.outcome, ranked=pd, means={"all": (pd, rows.outcome)}, early=rows.early,
        period=rows.period, clusters=rows.clusters,
    )  # fmt: skip


def seen_cases(fold: Fold) -> Seen:
    """Cases that were dealt, not parted by time: nothing of them is told early, and rows of one key go together."""
    train, test = (
        Rows(part.table, part.is_bad.astype(np.float64), np.full(len(part.is_bad), np.nan), (), (part.key,))
        for part in (fold.train, fold.test)
    )
    return Seen(train, test)


def seen_events(config: TrainingConfig, raw: RawEvents, window: Window) -> Seen:
    """Requests of the window learned from, by the rules of the test, and those of the test, whatever became of them."""
    everything = observed(config, raw)
    proof = window.test_from - window.train_from
    taught = Window(window.train_from - proof, window.train_from, window.train_from, window.train_until)
    early_days = _early_days(config.rule, raw, window.tests(everything.tick))
    learned, proved = (event_rows(config, raw, everything, [one], early_days=early_days) for one in (taught, window))
    longest = max(
        (WINDOW_TICKS[name] for one in load_as_of_catalog().named(config.features) for name in one.windows), default=0
    )
    back = min(longest, window.train_from - raw.first_tick)
    return Seen(learned, proved, window, back, early_days)


def event_rows(
    config: TrainingConfig, raw: RawEvents, everything: Observed, windows: Sequence[Window], *, early_days: int
) -> Rows:
    """The rows that the windows test, each window's by the rule of `leave_out_known`, with features as of each."""
    period = np.full(len(everything.tick), "", dtype=object)
    kept = np.zeros(len(period), dtype=np.bool_)
    for window in windows:
        inside = window.tests(everything.tick) & ~left_out(config, everything, window)
        period[inside] = datetime.fromtimestamp(window.test_from / 1_000_000, UTC).date().isoformat()
        kept |= inside
    requests = raw.requests.filter(pa.array(kept))
    table = build_as_of(requests, raw.streams, features=load_as_of_catalog().named(config.features))
    return Rows(
        table=table,
        outcome=known_outcomes(everything.outcome[kept]),
        early=_early(config.rule, raw, requests, early_days),
        period=period[kept].tolist(),
        clusters=_clusters(config, requests),
    )


def known_outcomes(told: npt.NDArray[np.object_]) -> Floats:
    """1 bad, 0 good, NaN where that is not known or not clear."""
    return np.select([told == Outcome.BAD, told == Outcome.GOOD], [1.0, 0.0], np.nan)


def windows_since(since: int, until: int, *, period_ticks: int, learned_ticks: int) -> tuple[Window, ...]:
    """Stretches as long as the one that proved the model, each with as much before it as that had; the last may end
    early.

    >>> [(one.test_from, one.test_until) for one in windows_since(10, 25, period_ticks=7, learned_ticks=5)]
    [(10, 17), (17, 24), (24, 26)]
    """
    return tuple(
        Window(start - learned_ticks, start, start, min(start + period_ticks, until + 1))
        for start in range(since, until + 1, period_ticks)
    )


def _early_days(rule: OutcomeRule, raw: RawEvents, tested: Flags) -> int:
    """The shortest part of the window in which signs of enough bads were told; 0 where nothing is told earlier."""
    requests = raw.requests.filter(pa.array(tested))
    for part in _EARLY_PARTS:
        days = rule.performance_days // part
        signs = _early(rule, raw, requests, days)
        if np.count_nonzero(signs == 1) >= LEAST_OF_EACH:
            return days
    return 0


def _early(rule: OutcomeRule, raw: RawEvents, requests: pa.Table, days: int) -> Floats:
    """Signs of bad in the first days: the outcome's own conditions, and those that make it unclear, told so soon."""
    if not days or not requests.num_rows:
        return np.full(requests.num_rows, np.nan)
    signs = (*rule.bad, *rule.indeterminate)
    sooner = msgspec.structs.replace(rule, performance_days=days, bad=signs, indeterminate=(), confirmed=())
    told = build_outcomes(requests, raw.streams, rule=sooner, known_until_tick=raw.known_until_tick)
    outcome = told["outcome"].to_numpy(zero_copy_only=False)
    return np.where(outcome == Outcome.IMMATURE, np.nan, (outcome == Outcome.BAD).astype(np.float64))


def _clusters(config: TrainingConfig, requests: pa.Table) -> list[Ticks]:
    """Which borrower, terminal and so on each row belongs to, for every entity that a feature is about."""
    names = {name for one in load_as_of_catalog().named(config.features) for name in one.entities}
    found = []
    for name in (name for name in ENTITIES if name in names):
        column = requests.column(ENTITIES[name].key)
        if column.null_count == requests.num_rows:
            continue
        codes = column.combine_chunks().dictionary_encode().indices
        own = pa.array(np.arange(requests.num_rows) + requests.num_rows)
        _, place = np.unique(pc.if_else(codes.is_valid(), codes.cast(pa.int64()), own), return_inverse=True)
        found.append(np.asarray(place, dtype=np.int64))
    return found
