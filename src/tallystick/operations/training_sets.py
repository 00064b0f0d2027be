"""From raw events to rows to learn from: observations, what was known at each, what became of it, and the windows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit, logit

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import DAY_TICKS, ENTITIES
from tallystick.features.outcome_build import build_outcomes
from tallystick.features.outcomes import Outcome
from tallystick.operations.progress import Progress
from tallystick.scoring.calibration import base_rate_shift
from tallystick.scoring.folds import Flags, stratified_folds, stratified_key_folds
from tallystick.scoring.time_splits import Ticks, Window, known_bad_before, last_share
from tallystick.sources.lender_streams import read_lender_streams
from tallystick.sources.raw_events import RawEvents, read_raw_events
from tallystick.sources.raw_tables import RawTable, age_bands
from tallystick.sources.training_form import BaseRate, SplitForm, TrainingConfig
from tallystick.units.rates import PPM

_DEALT = 100
_LEAST_KEYS = 20


class TrainingFault(ValueError):
    """There is nothing to learn from, or nothing to test on; the message tells the counts and the way out."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one window: their features, which went bad, their ticks and cards; what was left apart, counted."""

    table: pa.Table
    is_bad: Flags
    tick: Ticks
    key: Ticks
    apart: Mapping[str, int]
    groups: Mapping[str, npt.NDArray[np.object_]]

    @property
    def day(self) -> Ticks:
        """The day of each row, counted from 1970."""
        return self.tick // DAY_TICKS


@dataclass(frozen=True, slots=True)
class Fold:
    """One window with what it teaches and what tests it; without a window no time is known."""

    window: Window | None
    train: Part
    test: Part


def windows_of(split: SplitForm, tick: Ticks) -> tuple[Window, ...]:
    """The window that is reported, then the earlier ones, latest first."""
    if split.train_from is None or split.train_days is None or split.test_days is None:
        return (last_share(tick, test_percent=split.test_percent),)
    first = int(datetime.combine(split.train_from, time(), tzinfo=UTC).timestamp()) * 1_000_000
    until = first + split.train_days * DAY_TICKS
    tested = until + split.gap_days * DAY_TICKS
    window = Window(first, until, tested, tested + split.test_days * DAY_TICKS)
    # The latest earlier fold ends where the training does: of what came after, nothing was known when the test began.
    ends_known, step = split.gap_days + split.test_days, split.test_days
    earlier = [window.earlier((ends_known + step * back) * DAY_TICKS) for back in range(split.earlier_folds)]
    return (window, *earlier)


def read_dated(data: Path, config: TrainingConfig, *, file: str) -> RawEvents:
    """Requests and streams of a configuration's source: a raw file through its mapping, or a lender's own streams.

    Raises `FileFault` and `FormFaults`.
    """
    if config.streams is not None:
        return read_lender_streams(data).observed(config.streams)
    assert config.events is not None, "a configuration has one source"
    return read_raw_events(data, source=config.events, rule=config.rule, file=file)


def counted_base_rate(config: TrainingConfig, raw: RawEvents, *, learned: float) -> BaseRate | None:
    """The base rate that a configuration states; where it names a later outcome, counted.

    Of the observations whose outcomes are known by both definitions, the odds of the later one over those of the one
    learned say how far the odds of the rows learned from, of which a share of `learned` was bad, have to be moved.
    Raises `TrainingFault` where there are no goods or bads to count.
    """
    stated = config.base_rate
    if stated is None or stated.outcome is None or stated.bad_ppm is not None:
        return stated
    told = [
        build_outcomes(raw.requests, raw.streams, rule=rule, known_until_tick=raw.known_until_tick)["outcome"].to_numpy(
            zero_copy_only=False
        )
        for rule in (config.rule, config.rule_named(stated.outcome))
    ]
    both = (told[0] != Outcome.IMMATURE) & (told[1] != Outcome.IMMATURE)
    early, late = (float((each[both] == Outcome.BAD).mean()) if both.any() else 0.0 for each in told)
    if not (0.0 < early < 1.0 and 0.0 < late < 1.0):
        raise TrainingFault(
            f"base_rate.outcome: of {np.count_nonzero(both):,} observations whose {stated.outcome} is known "
            f"{early:.2%} were bad by {config.outcome} and {late:.2%} by it: give more time, or bad_ppm"
        )
    moved = expit(logit(learned) + base_rate_shift(learned=early, stated=late))
    return msgspec.structs.replace(stated, bad_ppm=round(float(moved) * PPM))


def build_folds(config: TrainingConfig, raw: RawEvents, *, progress: Progress) -> tuple[Fold, ...]:
    """The window that is reported and the earlier ones, each row with its features as of its own instant.

    Raises `TrainingFault` where a window teaches or tests nothing, and `StreamFaults` as the builders do.
    """
    progress.step({"zh": "确定结果", "en": f"telling outcomes: {config.outcome}"})
    rows = observed(config, raw)
    if config.split.deal_by is not None:
        known = np.isin(rows.outcome, (Outcome.GOOD, Outcome.BAD))
        return (_dealt_keys(config, rows, known, _features(config, raw, known, progress=progress)),)
    tick, windows = rows.tick, windows_of(config.split, rows.tick)
    asked = np.zeros(len(tick), dtype=np.bool_)
    for window in windows:
        asked |= window.in_training(tick) | window.tests(tick)
    built = _features(config, raw, asked, progress=progress)
    place = np.cumsum(asked) - 1
    return tuple(_fold(config, rows, built, place, window) for window in windows)


def _features(config: TrainingConfig, raw: RawEvents, asked: Flags, *, progress: Progress) -> pa.Table:
    features = load_as_of_catalog().named(config.all_features)
    count = int(np.count_nonzero(asked))
    progress.step(
        {
            "zh": f"计算 {len(features)} 个特征 × {count:,} 行",
            "en": f"computing {len(features)} features for {count:,} rows",
        }
    )
    return build_as_of(raw.requests.filter(pa.array(asked)), raw.streams, features=features)


def deal_folds(config: TrainingConfig, raw: RawTable) -> tuple[Fold, ...]:
    """One fold of rows that nobody dated: so many in a hundred are the test, dealt by the seed, goods and bads alike.

    Raises `TrainingFault` where goods or bads are too few to be dealt.
    """
    known = np.flatnonzero(np.isin(raw.outcome, (Outcome.GOOD, Outcome.BAD)))
    is_bad = raw.outcome[known] == Outcome.BAD
    bads = int(np.count_nonzero(is_bad))
    if min(bads, len(known) - bads) < 2 * _DEALT:
        raise TrainingFault(f"table: {len(known) - bads:,} goods and {bads:,} bads: give at least {2 * _DEALT} of each")
    tested = stratified_folds(is_bad, folds=_DEALT, seed=config.seed) < config.split.test_percent

    def part(rows: Ticks) -> Part:
        groups = {name: labels[known[rows]] for name, labels in raw.groups.items()}
        apart = {"indeterminate": len(raw.outcome) - len(known)}
        nowhen = np.zeros(len(rows), dtype=np.int64)
        return Part(raw.features.take(pa.array(known[rows])), is_bad[rows], nowhen, known[rows], apart, groups)

    return (Fold(None, part(np.flatnonzero(~tested)), part(np.flatnonzero(tested))),)


@dataclass(frozen=True, slots=True)
class Observed:
    """Every observation: its tick, its key, what became of it and when that was known."""

    tick: Ticks
    key: Ticks
    outcome: npt.NDArray[np.object_]
    known_at: Ticks
    groups: Mapping[str, npt.NDArray[np.object_]]


def observed(config: TrainingConfig, raw: RawEvents) -> Observed:
    """Every request of the file in order of the ids, by the outcome of the configuration."""
    told = build_outcomes(raw.requests, raw.streams, rule=config.rule, known_until_tick=raw.known_until_tick)
    return Observed(
        tick=_numbers(raw.requests, "tick"),
        key=_keys(config, raw.requests),
        outcome=told["outcome"].to_numpy(zero_copy_only=False),
        known_at=_numbers(told, "known_at_tick"),
        groups=_groups(raw.requests),
    )


def left_out(config: TrainingConfig, rows: Observed, window: Window) -> Flags:
    """Rows of a test window that are no part of the test: their key was known bad when their day began."""
    if config.split.leave_out_known is None:
        return np.zeros(len(rows.tick), dtype=np.bool_)
    return known_bad_before(
        day=rows.tick // DAY_TICKS, day_ticks=DAY_TICKS, key=rows.key, is_bad=rows.outcome == Outcome.BAD,
        tick=rows.tick, known_at=rows.known_at, window=window,
    )  # fmt: skip


def _groups(requests: pa.Table) -> dict[str, npt.NDArray[np.object_]]:
    """What fairness looks at, where it is known of anybody: sex, and age bands at the request."""
    found: dict[str, npt.NDArray[np.object_]] = {}
    if requests.column("sex").null_count < requests.num_rows:
        found["sex"] = np.array(requests.column("sex").to_pylist(), dtype=object)
    if requests.column("born_on_day").null_count < requests.num_rows:
        born = requests.column("born_on_day").cast(pa.float64()).to_numpy()
        found["age_band"] = age_bands((_numbers(requests, "tick") / DAY_TICKS - born) / 365.25)
    return found


def _fold(config: TrainingConfig, rows: Observed, built: pa.Table, place: Ticks, window: Window) -> Fold:
    told = np.isin(rows.outcome, (Outcome.GOOD, Outcome.BAD))
    is_bad = rows.outcome == Outcome.BAD
    inside, tested = window.in_training(rows.tick), window.tests(rows.tick)
    teaches = window.trains(rows.tick, rows.known_at)
    blocked = left_out(config, rows, window)

    def part(kept: Flags, apart: dict[str, Flags]) -> Part:
        found = np.flatnonzero(kept)
        counts = {name: int(np.count_nonzero(flags)) for name, flags in apart.items()}
        groups = {name: labels[found] for name, labels in rows.groups.items()}
        table = built.take(pa.array(place[found]))
        return Part(table, is_bad[found], rows.tick[found], rows.key[found], counts, groups)

    unclear, immature = rows.outcome == Outcome.INDETERMINATE, rows.outcome == Outcome.IMMATURE
    train = part(
        teaches & told, {"indeterminate": teaches & unclear, "immature": (inside & ~teaches) | (teaches & immature)}
    )
    test = part(
        tested & told & ~blocked,
        {"indeterminate": tested & unclear, "immature": tested & immature, "known_bad": blocked & told},
    )
    for name, one in (("train", train), ("test", test)):
        bads = int(np.count_nonzero(one.is_bad))
        if not 0 < bads < len(one.is_bad):
            raise TrainingFault(
                f"split: the {name} window holds {len(one.is_bad):,} known outcomes, {bads:,} of them bad (apart: "
                f"{', '.join(f'{count:,} {why}' for why, count in one.apart.items())}); both kinds are needed: "
                "move the dates"
            )
    return Fold(window, train, test)


def _dealt_keys(config: TrainingConfig, rows: Observed, known: Flags, built: pa.Table) -> Fold:
    """Keys dealt by the seed, those that ever went bad and the others alike, each with all its known rows."""
    is_bad = rows.outcome[known] == Outcome.BAD
    key = rows.key[known]
    keys, bads = len(np.unique(key)), len(np.unique(key[is_bad]))
    if min(bads, keys - bads) < _LEAST_KEYS:
        raise TrainingFault(
            f"split.deal_by: {keys - bads:,} keys that stayed good and {bads:,} that went bad: give at least "
            f"{_LEAST_KEYS} of each"
        )
    # As few folds as make the share, or the few bads would all lie in the first of a hundred.
    parts = math.gcd(_DEALT, config.split.test_percent)
    dealt = stratified_key_folds(is_bad, key, folds=_DEALT // parts, seed=config.seed)
    tested = dealt < config.split.test_percent // parts
    apart = {
        name: int(np.count_nonzero(rows.outcome == told))
        for name, told in (("indeterminate", Outcome.INDETERMINATE), ("immature", Outcome.IMMATURE))
    }

    def part(chosen: Flags) -> Part:
        groups = {name: labels[known][chosen] for name, labels in rows.groups.items()}
        return Part(
            built.filter(pa.array(chosen)), is_bad[chosen], rows.tick[known][chosen], key[chosen], apart, groups
        )

    return Fold(None, part(~tested), part(tested))


def _keys(config: TrainingConfig, requests: pa.Table) -> Ticks:
    """The key that alerts and exclusions are about; each row its own where there are none."""
    split, alerts = config.split, config.alerts
    entity = split.deal_by or split.leave_out_known or (alerts.entity if alerts else None)
    return _numbers(requests, "request_id" if entity is None else ENTITIES[entity].key)


def _numbers(table: pa.Table, name: str) -> Ticks:
    column = table.column(name)
    if column.null_count:
        raise TrainingFault(f"{name}: null on {column.null_count:,} requests; map it, or choose another entity")
    return np.asarray(column.to_numpy(), dtype=np.int64)
