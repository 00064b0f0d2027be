"""What a model's folder keeps of the rows that it learned from and was proven on, and later rows held against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from tallystick.scoring.folds import Flags
from tallystick.scoring.manifest import REFERENCE_FILE, ModelFilesFault
from tallystick.scoring.model import Floats, ModelFeature
from tallystick.scoring.spread import (
    Clusters,
    Moment,
    Spread,
    auc_moment,
    index_and_limit,
    limit_of_difference,
    moment_of,
    numbers_like,
    spread_like,
    spread_of_column,
    spread_of_numbers,
)
from tallystick.scoring.stability import FALSE_ALARM
from tallystick.scoring.watch import LEAST_OF_EACH, Check, CheckKind


class Figure(msgspec.Struct, frozen=True):
    """One figure of rows whose outcome is known. `few` counts those of the rarer outcome; `period` may be empty."""

    kind: CheckKind
    name: str
    moment: Moment
    few: int
    period: str = ""


class Reference(msgspec.Struct, frozen=True):
    """Features of the rows learned from, scores and figures of those it was proven on, and how rows were observed.

    `until_tick` is where the proof ended and `period_ticks` how long it was, 0 without time; `back_ticks` is how far
    before a row its file reached, at least; `early_days` is the part of the outcome's window
    in which early signs count.
    """

    features: tuple[Spread, ...]
    scores: tuple[Spread, ...]
    figures: tuple[Figure, ...]
    until_tick: int = 0
    period_ticks: int = 0
    learned_ticks: int = 0
    back_ticks: int = 0
    early_days: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of some rows and what became of it: `outcome` is 1 or 0, NaN before it is known.

    `scores` are those whose spread is watched; `means` are what was told beside what came of it, NaN before that is
    known; `ranked` is the score that ranks the outcome. `period` groups rows, "" where they are in none.
    """

    scores: Mapping[str, Floats]
    outcome: Floats
    ranked: Floats
    means: Mapping[str, tuple[Floats, Floats]]
    early: Floats
    period: Sequence[str] = ()
    clusters: Clusters = ()


def reference_of(
    table: pa.Table, features: Sequence[ModelFeature], told: Told, *, clusters: Clusters = ()
) -> Reference:
    """The reference of rows learned from (`table`, with its `clusters`) and of rows that proved the model (`told`)."""
    return Reference(
        features=tuple(spread_of_column(table, feature, clusters) for feature in features),
        scores=tuple(spread_of_numbers(one, told.clusters, name=name) for name, one in told.scores.items()),
        figures=tuple(one for one in _figures(told) if not one.period),
    )


def reference_checks(
    reference: Reference, table: pa.Table, told: Told, *, false_alarm: float = FALSE_ALARM
) -> tuple[Check, ...]:
    """Rows at hand against the reference: all checks that both allow. `false_alarm` holds for all of them together.

    Raises `ColumnFault` for a feature that is absent or of another type.
    """
    spreads: list[tuple[CheckKind, Spread, Spread]] = [
        ("feature", one, spread_like(one, table, told.clusters)) for one in reference.features
    ]
    spreads += [("score", one, numbers_like(one, told.scores[one.name], told.clusters)) for one in reference.scores]
    before = {(one.kind, one.name): one for one in reference.figures}
    figures = [
        (before[one.kind, one.name], one)
        for one in _figures(told)
        if (one.kind, one.name) in before and min(one.few, before[one.kind, one.name].few) >= LEAST_OF_EACH
    ]
    share = false_alarm / max(len(spreads) + len(figures), 1)
    found = []
    for kind, expected, actual in spreads:
        index, limit = index_and_limit(expected, actual, false_alarm=share)
        found.append(Check(kind, expected.name, index, limit, actual.rows, expected.rows, share))
    return (*found, *(_figure_check(then, now, share) for then, now in figures))


def reference_json(reference: Reference) -> bytes:
    """The file in the model's folder. Same arguments, same bytes."""
    return msgspec.json.format(msgspec.json.encode(reference), indent=0) + b"\n"


def reference_from_json(text: bytes) -> Reference:
    """What `reference_json` wrote; raises `ModelFilesFault` for anything else."""
    try:
        return msgspec.json.decode(text, type=Reference)
    except msgspec.DecodeError as error:
        raise ModelFilesFault(f"{REFERENCE_FILE} cannot be read ({error}): restore the model folder") from error


def _figure_check(then: Figure, now: Figure, share: float) -> Check:
    """Drift of what came from what was told is two-sided; less ranking and more early signs are one-sided."""
    moved = now.moment.value - then.moment.value
    if now.kind == "calibration":
        value, tail = abs(moved), share / 2
    else:
        value, tail = (-moved if now.kind == "performance" else moved), share
    name = f"{now.name} {now.period}" if now.period else now.name
    limit = limit_of_difference(then.moment, now.moment, tail=tail)
    return Check(now.kind, name, value, limit, now.moment.rows, then.moment.rows, share)


def _figures(told: Told) -> list[Figure]:
    """All figures of all rows, then calibration by period, each where both outcomes occur."""
    periods = np.asarray(told.period, dtype=object)
    groups: list[tuple[str, Flags]] = [("", np.ones(len(told.outcome), dtype=np.bool_))]
    names = sorted({*told.period} - {""})
    groups += [(name, np.asarray(periods == name)) for name in names if len(names) > 1]
    found = []
    for period, rows in groups:
        known = rows & ~np.isnan(told.outcome)
        few = _few(told.outcome[known])
        if not few:
            continue
        for name, (expected, came) in told.means.items():
            inside = known & ~np.isnan(came)
            if inside.any():
                moment = moment_of((came - expected)[inside], _of(told.clusters, inside))
                found.append(Figure("calibration", name, moment, few, period))
        if not period:
            ranked = auc_moment(told.outcome[known] == 1, told.ranked[known], _of(told.clusters, known))
            found.append(Figure("performance", "auc_lost", ranked, few))
    signs = ~np.isnan(told.early)
    if signs.any() and _few(told.early[signs]):
        moment = moment_of(told.early[signs], _of(told.clusters, signs))
        found.append(Figure("early", "signs", moment, _few(told.early[signs])))
    return found


def _few(outcome: Floats) -> int:
    bads = int(outcome.sum())
    return min(bads, len(outcome) - bads)


def _of(clusters: Clusters, rows: Flags) -> Clusters:
    return [codes[rows] for codes in clusters]
