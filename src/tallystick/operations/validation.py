"""How well the model that judged a portfolio ranks and how true its PDs are: whole, and per segment."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.operations.loading import LoadedPortfolio
from tallystick.reports.summary import Bilingual, CalibrationPoint, Metric
from tallystick.scoring.columns import category_column, numeric_column
from tallystick.scoring.model import Floats
from tallystick.scoring.validation import Interval, Performance, measure, reliability
from tallystick.units.money import minor_per_major

_AGE_EDGES = (30, 45)
_SEGMENTS_MOST = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """Some of the lines, by a property that a reader knows."""

    text: Bilingual
    rows: npt.NDArray[np.bool_]


def segments_of(loaded: LoadedPortfolio, *, cap_minor: int) -> tuple[Segment, ...]:
    """All lines; those at or below and above a limit; by age; by the lender's own segment, where there are few."""
    line = loaded.portfolio.line
    limit = line.column("credit_limit_minor").to_numpy()
    major = f"{cap_minor // minor_per_major(loaded.mapping.currency):,}"
    segments = [
        Segment({"zh": "全部", "en": "all lines"}, np.ones(limit.size, dtype=np.bool_)),
        Segment({"zh": f"额度不超过 {major}", "en": f"limit up to {major}"}, limit <= cap_minor),
        Segment({"zh": f"额度高于 {major}", "en": f"limit above {major}"}, limit > cap_minor),
    ]
    age = numeric_column(line, "age_years")
    young, old = _AGE_EDGES
    segments += [
        Segment({"zh": f"{young} 岁以下", "en": f"age below {young}"}, age < young),
        Segment({"zh": f"{young} 至 {old - 1} 岁", "en": f"age {young} to {old - 1}"}, (age >= young) & (age < old)),
        Segment({"zh": f"{old} 岁及以上", "en": f"age {old} and over"}, age >= old),
    ]
    codes, names = category_column(line, "segment")
    if len(names) <= _SEGMENTS_MOST:
        segments += [
            Segment({"zh": f"客群 {name}", "en": f"segment {name}"}, codes == code) for code, name in enumerate(names)
        ]
    return tuple(segment for segment in segments if segment.rows.any())


def metrics_of(loaded: LoadedPortfolio, pd: Floats, *, segments: tuple[Segment, ...], seed: int) -> list[Metric]:
    """The figures of each segment, over lines whose outcome is known."""
    outcome = loaded.outcome()
    known = ~np.isnan(outcome)
    found = []
    for place, segment in enumerate(segments):
        rows = segment.rows & known
        if rows.any():
            found.append(_metric(segment.text, measure(outcome[rows], pd[rows], seed=seed + place)))
    return found


def calibration_of(loaded: LoadedPortfolio, pd: Floats) -> list[CalibrationPoint]:
    """Groups of lines by predicted PD against what happened; empty where no outcome is known."""
    outcome = loaded.outcome()
    known = ~np.isnan(outcome)
    if not known.any():
        return []
    return [
        {
            "pd_mean": point.pd_mean,
            "bad_share": point.bad_share,
            "bad_share_low": point.bad_share_low,
            "bad_share_high": point.bad_share_high,
            "lines": point.lines,
        }
        for point in reliability(outcome[known], pd[known])
    ]


def _metric(text: Bilingual, found: Performance) -> Metric:
    auc, ks = _ends(found.auc), _ends(found.ks)
    return {
        "segment": text,
        "lines": found.lines,
        "bads": found.bads,
        "auc": auc[0],
        "auc_low": auc[1],
        "auc_high": auc[2],
        "ks": ks[0],
        "ks_low": ks[1],
        "ks_high": ks[2],
        "brier": found.brier.value,
        "brier_low": found.brier.low,
        "brier_high": found.brier.high,
        "calibration_error": found.calibration_error.value,
        "calibration_error_low": found.calibration_error.low,
        "calibration_error_high": found.calibration_error.high,
    }


def _ends(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if interval is None else (interval.value, interval.low, interval.high)
