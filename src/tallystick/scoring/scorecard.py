"""Fit a scorecard: bin every feature, regress the outcome on its evidence, scale to points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from tallystick.scoring.binning import BinningSettings, FeatureBins, Flags, fit_feature_bins
from tallystick.scoring.columns import category_column, numeric_column
from tallystick.scoring.model import ColumnFault, Floats, ModelFeature, MonotoneFault
from tallystick.scoring.scorecard_model import (
    DroppedFeature,
    PointsScale,
    Scorecard,
    ScoredFeature,
    scorecard_from_weights,
)
from tallystick.scoring.woe_regression import fit_log_odds

__all__ = [
    "BinningSettings",
    "DroppedFeature",
    "PointsScale",
    "Scorecard",
    "ScorecardSettings",
    "ScoredFeature",
    "fit_scorecard",
    "refuse_broken_directions",
    "scorecard_from_weights",
]

SignRule = Literal["every", "declared"]


@dataclass(frozen=True, slots=True)
class ScorecardSettings:
    """How a scorecard is fitted. Raises `ValueError` naming every setting out of range.

    `l2_penalty` is half the weight of the squared coefficients against the summed log loss. A feature whose IV is
    below `information_value_min` is left out; of two whose evidence correlates above `correlation_max`, the one
    with the lower IV.

    By `sign_rule` "every", no coefficient turns a feature's evidence round: in the score too, a bin that is safer
    on its own is safer. "declared" asks that only of features whose direction is declared "up" or "down"; the
    others may then correct what correlated features say twice, which tells bads from goods better and reads worse.
    """

    binning: BinningSettings = field(default_factory=BinningSettings)
    scale: PointsScale = field(default_factory=PointsScale)
    l2_penalty: float = 1.0
    information_value_min: float = 0.0
    correlation_max: float = 1.0
    sign_rule: SignRule = "declared"

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}: must be finite and at least 0"
            for name in ("l2_penalty", "information_value_min")
            if not 0 <= getattr(self, name) < math.inf
        ]
        if not 0 < self.correlation_max <= 1:
            faults.append(f"correlation_max is {self.correlation_max}: must be above 0 and at most 1 (1 keeps all)")
        if self.sign_rule not in get_args(SignRule):
            faults.append(f"sign_rule is {self.sign_rule}: must be one of {', '.join(get_args(SignRule))}")
        if faults:
            raise ValueError(f"scorecard settings: {'; '.join(faults)}")


def fit_scorecard(
    table: pa.Table,
    target: str | Floats,
    features: Sequence[ModelFeature],
    settings: ScorecardSettings,
    seed: int,
) -> Scorecard:
    """Fit on every row of `table`; `target` is its column, or an array of shape (rows,), of 0 good and 1 bad.
    Declared directions are proven on the fitted bins (`MonotoneFault` otherwise).

    A coefficient that would break the sign rule is held at 0 and its feature dropped, as the scorecard's `dropped`
    tells. `seed` is there because every model's fit takes one: this fit draws nothing.
    Raises `ColumnFault` naming every column at fault: absent, of a wrong type, an outcome that is neither 0 nor 1 or
    is the same everywhere, a feature named twice.
    """
    del seed
    is_bad, bins = _binned(table, target, features, settings.binning)
    evidence = np.column_stack([np.array(part.woe)[part.indices(table)] for part in bins])
    reasons = _left_out(bins, evidence, settings)
    kept = [place for place, part in enumerate(bins) if part.feature.name not in reasons]
    line = fit_log_odds(
        evidence=evidence[:, kept],
        is_bad=is_bad.astype(np.float64),
        bounded=_bounded([bins[place].feature for place in kept], settings.sign_rule),
        l2_penalty=settings.l2_penalty,
    )
    scored = []
    for place, coefficient in zip(kept, line.coefficients.tolist(), strict=True):
        if coefficient == 0.0:
            reasons[bins[place].feature.name] = "other features tell the same: its coefficient would change sign"
        else:
            mean = _exact_mean(bins[place])
            scored.append(ScoredFeature(bins=bins[place], coefficient=coefficient, woe_mean=mean))
    refuse_broken_directions(scored)
    return Scorecard(
        intercept=line.intercept,
        scored=tuple(scored),
        scale=settings.scale,
        dropped=tuple(
            DroppedFeature(name=feature.name, reason=reasons[feature.name])
            for feature in features
            if feature.name in reasons
        ),
    )


def refuse_broken_directions(scored: Sequence[ScoredFeature]) -> None:
    """Raise `MonotoneFault` naming every numeric feature whose ordinary bins go against its declared direction.

    Only "up" and "down" are declared. Missing and special values have no place in the order.
    """
    broken = []
    for each in scored:
        steps = np.diff(each.log_odds[: len(each.bins.edges) + 1])
        direction = each.bins.feature.direction if each.bins.feature.kind == "numeric" else "none"
        if (direction == "up" and (steps < 0).any()) or (direction == "down" and (steps > 0).any()):
            broken.append(f"{each.bins.feature.name} is declared {direction}: its bins are not")
    if broken:
        raise MonotoneFault("; ".join(broken))


def _bounded(features: Sequence[ModelFeature], sign_rule: SignRule) -> Flags:
    declared = [feature.kind == "numeric" and feature.direction in {"up", "down"} for feature in features]
    return np.array(declared, dtype=np.bool_) | (sign_rule == "every")


def _exact_mean(bins: FeatureBins) -> float:
    """Mean WOE of the training rows, from the counts: the order of the rows leaves no trace."""
    counts = [goods + bads for goods, bads in zip(bins.goods, bins.bads, strict=True)]
    return math.fsum(count * woe for count, woe in zip(counts, bins.woe, strict=True)) / sum(counts)


def _binned(
    table: pa.Table, target: str | Floats, features: Sequence[ModelFeature], settings: BinningSettings
) -> tuple[Flags, list[FeatureBins]]:
    """The outcome and the bins of every feature, or one fault that names all that is wrong."""
    names = [feature.name for feature in features]
    faults = [f"feature {name} is named twice: keep one" for name in sorted({n for n in names if names.count(n) > 1})]
    if not features:
        faults.append("no features: name at least one")
    if isinstance(target, str) and target in names:
        faults.append(f"{target} is the target: take it out of the features")
    strangers = sorted(set(settings.special_values) - set(names))
    faults += [f"special_values name {name}, which is no feature: correct the name" for name in strangers]
    is_bad, outcome_faults = _outcome(table, target)
    faults += outcome_faults
    bins: list[FeatureBins] = []
    for feature in features:
        try:
            if outcome_faults:
                _check_column(table, feature)
            else:
                bins.append(fit_feature_bins(table=table, is_bad=is_bad, feature=feature, settings=settings))
        except ColumnFault as fault:
            faults.append(str(fault))
    if faults:
        raise ColumnFault(f"the scorecard cannot be fitted: {'; '.join(faults)}")
    return is_bad, bins


def _outcome(table: pa.Table, target: str | Floats) -> tuple[Flags, list[str]]:
    name = target if isinstance(target, str) else "target"
    try:
        figures = numeric_column(table, target) if isinstance(target, str) else np.asarray(target, dtype=np.float64)
    except ColumnFault as fault:
        return np.zeros(0, dtype=np.bool_), [str(fault)]
    if figures.shape != (table.num_rows,):
        return np.zeros(0, dtype=np.bool_), [f"{name} has shape {figures.shape}: the table has {table.num_rows} rows"]
    wrong = np.flatnonzero((figures != 0) & (figures != 1))
    if len(wrong):
        first = f"first at row {wrong[0] + 1}: {figures[wrong[0]]}"
        return np.zeros(0, dtype=np.bool_), [f"{name}: {len(wrong)} rows are neither 0 nor 1 ({first}): leave them out"]
    is_bad = figures == 1
    if is_bad.all() or not is_bad.any():
        return is_bad, [f"{name}: {is_bad.sum()} of {len(is_bad)} rows are bad: both outcomes must occur"]
    return is_bad, []


def _check_column(table: pa.Table, feature: ModelFeature) -> None:
    read = category_column if feature.kind == "category" else numeric_column
    read(table, feature.name)


def _left_out(bins: Sequence[FeatureBins], evidence: Floats, settings: ScorecardSettings) -> dict[str, str]:
    """Why each feature that does not reach the regression is left out, by name."""
    reasons: dict[str, str] = {}
    for part, column in zip(bins, evidence.T, strict=True):
        if column.min() == column.max():
            reasons[part.feature.name] = "one bin holds every row: it tells nothing apart"
        elif part.information_value < settings.information_value_min:
            reasons[part.feature.name] = f"information value below {settings.information_value_min}"
    if settings.correlation_max < 1:
        rest = [place for place, part in enumerate(bins) if part.feature.name not in reasons]
        reasons |= _correlated([bins[place] for place in rest], evidence[:, rest], settings.correlation_max)
    return reasons


def _correlated(bins: Sequence[FeatureBins], evidence: Floats, correlation_max: float) -> dict[str, str]:
    """From the highest IV down, every feature whose evidence goes along with one that is kept."""
    reasons: dict[str, str] = {}
    correlation = np.atleast_2d(np.corrcoef(evidence, rowvar=False))
    kept: list[int] = []
    for place in sorted(range(len(bins)), key=lambda place: -bins[place].information_value):
        rival = next((other for other in kept if abs(correlation[place, other]) > correlation_max), None)
        if rival is None:
            kept.append(place)
        else:
            told_by = bins[rival].feature.name
            reasons[bins[place].feature.name] = f"correlates with {told_by} above {correlation_max}"
    return reasons
