"""Whether a model still meets what it learned from: features, scores, outcomes, first payments, each with its limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.special import ndtri
from scipy.stats import hypergeom

from tallystick.scoring.folds import Flags
from tallystick.scoring.model import Floats, ModelFeature
from tallystick.scoring.stability import FALSE_ALARM, population_stability, stability_of_columns
from tallystick.scoring.validation import auc_with_error

CheckKind = Literal["feature", "score", "calibration", "performance", "first_payment", "early"]
LEAST_OF_EACH = 30  # goods and bads from which a difference of means is near enough to normal


@dataclass(frozen=True, slots=True)
class Watched:
    """One sample: what the model reads, and what is known of its lines, each of shape (lines,).

    `pd` comes from models that did not learn from the line: where the lines are `learned` from, from several of them
    (out of fold), whose scores spread otherwise than the one model's and are not compared with them. `outcome` is 1
    bad, 0 good, NaN before it is due; `vintage` groups lines by when they were opened, "" where unknown;
    `first_payment` is 1 where a first payment was missed, 0 where it was made, NaN where that is not known.
    """

    columns: pa.Table
    pd: Floats | None
    outcome: Floats
    vintage: Sequence[str]
    first_payment: Floats
    learned: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A figure and the limit that it exceeds with probability `false_alarm` at most, where nothing changed."""

    kind: CheckKind
    name: str
    value: float
    limit: float
    lines: int
    expected_lines: int
    false_alarm: float

    @property
    def alarm(self) -> bool:
        """True where chance alone would hardly show so much."""
        return self.value > self.limit


@dataclass(frozen=True, slots=True)
class _Gap:
    """Outcomes of some lines less their PD."""

    name: str
    expected: Floats
    actual: Floats


def watch_checks(
    *, expected: Watched, actual: Watched, features: Sequence[ModelFeature], false_alarm: float = FALSE_ALARM
) -> tuple[Check, ...]:
    """All checks that both samples allow. `false_alarm` holds for all of them together (Bonferroni).

    Features and scores by PSI; outcomes less PD, of all lines and of each vintage, and AUC only over lines whose
    outcome is due in both; first payments missed. Raises `ColumnFault` as `stability_of_columns` does.
    """
    gaps = _gaps(expected, actual)
    scored = expected.pd is not None and actual.pd is not None and not expected.learned
    ranked = bool(gaps)  # the first is of all lines whose outcome is due
    first = [one.first_payment[~np.isnan(one.first_payment)] for one in (expected, actual)]
    paying = min(len(one) for one in first) > 0
    share = false_alarm / max(len(features) + scored + len(gaps) + ranked + paying, 1)
    found = _features(expected, actual, features, share)
    if scored:
        found.append(_score(expected, actual, share))
    found += [_calibration(gap, share) for gap in gaps]
    if ranked:
        found.append(_performance(expected, actual, share))
    if paying:
        found.append(first_payments(first[0] == 1, first[1] == 1, false_alarm=share))
    return tuple(found)


def first_payments(expected: Flags, actual: Flags, *, false_alarm: float) -> Check:
    """Share of first payments missed, against the most that chance allows given how many were missed in both together.

    Exact for any number of lines, and one-sided: fewer are no alarm. Source: Fisher, 1935 (conditional test).

    >>> few, many = np.arange(100) < 5, np.arange(100) < 20
    >>> check = first_payments(few, many, false_alarm=0.01)
    >>> check.value, check.limit, check.alarm  # of 25 missed, 18 may fall on either half
    (0.2, 0.18, True)
    """
    lines, missed = len(expected) + len(actual), int(expected.sum() + actual.sum())
    most = int(hypergeom.isf(false_alarm, lines, missed, len(actual)))
    return Check(
        "first_payment", "missed", float(actual.mean()), most / len(actual), len(actual), len(expected), false_alarm
    )


def _features(expected: Watched, actual: Watched, features: Sequence[ModelFeature], share: float) -> list[Check]:
    lines, expected_lines = actual.columns.num_rows, expected.columns.num_rows
    told = stability_of_columns(
        expected=expected.columns, actual=actual.columns, features=features, false_alarm=share * len(features)
    )
    return [Check("feature", one.name, one.psi, one.limit, lines, expected_lines, share) for one in told]


def _score(expected: Watched, actual: Watched, share: float) -> Check:
    assert expected.pd is not None
    assert actual.pd is not None
    one = population_stability(expected.pd, actual.pd, name="pd", false_alarm=share)
    return Check("score", one.name, one.psi, one.limit, len(actual.pd), len(expected.pd), share)


def _gaps(expected: Watched, actual: Watched) -> list[_Gap]:
    """All lines whose outcome is due, then each vintage of the sample at hand, where both kinds are many enough."""
    if expected.pd is None or actual.pd is None:
        return []
    reference = _due(expected)
    vintage = np.asarray(actual.vintage, dtype=object)
    groups = [("all", np.ones(len(vintage), dtype=np.bool_))]
    groups += [(str(name), vintage == name) for name in sorted({*actual.vintage} - {""})]
    found = []
    for name, rows in groups:
        known = rows & _due(actual)
        if _enough(expected.outcome[reference]) and _enough(actual.outcome[known]):
            gap = _Gap(
                name, expected.outcome[reference] - expected.pd[reference], actual.outcome[known] - actual.pd[known]
            )
            found.append(gap)
    return found if found and found[0].name == "all" else []


def _calibration(gap: _Gap, share: float) -> Check:
    """How far bads run from what was predicted, beside how far they ran before: a model's own bias is no drift."""
    spread = gap.expected.var(ddof=1) / len(gap.expected) + gap.actual.var(ddof=1) / len(gap.actual)
    limit = float(ndtri(1 - share / 2) * np.sqrt(spread))
    value = abs(float(gap.actual.mean() - gap.expected.mean()))
    return Check("calibration", gap.name, value, limit, len(gap.actual), len(gap.expected), share)


def _performance(expected: Watched, actual: Watched, share: float) -> Check:
    """How much less well bads are told from goods than before (AUC, DeLong); better is no alarm."""
    assert expected.pd is not None
    assert actual.pd is not None
    then, now = (one.outcome[_due(one)] for one in (expected, actual))
    before, error_before = auc_with_error(then, expected.pd[_due(expected)])
    after, error_after = auc_with_error(now, actual.pd[_due(actual)])
    limit = float(ndtri(1 - share)) * float(np.hypot(error_before or 0.0, error_after or 0.0))
    return Check("performance", "auc_lost", before - after, limit, len(now), len(then), share)


def _due(sample: Watched) -> Flags:
    return ~np.isnan(sample.outcome)


def _enough(outcome: Floats) -> bool:
    bads = int(outcome.sum())
    return min(bads, len(outcome) - bads) >= LEAST_OF_EACH
