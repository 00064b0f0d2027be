"""Whether two samples are drawn from the same book: PSI, with an alarm limit that knows how large they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import chdtri

from tallystick.scoring.columns import category_column, numeric_column
from tallystick.scoring.model import Floats, ModelFeature

BINS = 10
FALSE_ALARM = 0.01
_PART = 0.5  # added to every count, so that a bin that one sample does not reach stays finite


@dataclass(frozen=True, slots=True)
class Stability:
    """The population stability index of one column and the limit it exceeds by chance this often: `false_alarm`."""

    name: str
    psi: float
    limit: float
    false_alarm: float
    bins: int

    @property
    def alarm(self) -> bool:
        """True where chance alone would hardly show so large a shift."""
        return self.psi > self.limit


def population_stability(
    expected: Floats, actual: Floats, *, name: str, bins: int = BINS, false_alarm: float = FALSE_ALARM
) -> Stability:
    """PSI of numbers or scores, cut at the quantiles of the expected sample; missing (NaN) is a bin of its own."""
    if bins < 2:
        raise ValueError(f"bins is {bins}: a shift needs at least 2")
    known = expected[~np.isnan(expected)]
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="higher")) if len(known) else np.empty(0)
    counts = [_numeric_counts(sample, edges) for sample in (expected, actual)]
    return _of_counts(counts[0], counts[1], name=name, false_alarm=false_alarm)


def category_stability(
    expected: npt.NDArray[np.int64], actual: npt.NDArray[np.int64], *, name: str, false_alarm: float = FALSE_ALARM
) -> Stability:
    """PSI of category codes that both samples share, each a bin of its own; missing is -1."""
    categories = int(max(expected.max(initial=-1), actual.max(initial=-1))) + 2
    counts = [np.bincount(sample + 1, minlength=categories) for sample in (expected, actual)]
    return _of_counts(counts[0], counts[1], name=name, false_alarm=false_alarm)


def stability_of_columns(
    *, expected: pa.Table, actual: pa.Table, features: Sequence[ModelFeature], false_alarm: float = FALSE_ALARM
) -> tuple[Stability, ...]:
    """PSI of each feature. `false_alarm` holds for the features together: each gets an equal share (Bonferroni).

    Raises `ColumnFault` when a column is absent or of another type.
    """
    share = false_alarm / max(len(features), 1)
    return tuple(_of_feature(expected, actual, feature, share) for feature in features)


def psi_limit(*, expected_rows: int, actual_rows: int, bins: int, false_alarm: float) -> float:
    """What PSI exceeds with probability `false_alarm` although nothing shifted: chi-square(bins - 1) x (1/n + 1/m).

    Source: Yurdakul and Naranjo, J. Risk Model Validation 14(4), 2020. With ten bins and 1 %, two samples of 1,000
    give 21.67 x 0.002, far below the customary 0.1; two of 200 give more than it:

    >>> [round(psi_limit(expected_rows=n, actual_rows=n, bins=10, false_alarm=0.01), 4) for n in (1_000, 200)]
    [0.0433, 0.2167]
    """
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm is {false_alarm}: must be between 0 and 1")
    if min(expected_rows, actual_rows) < 1:
        raise ValueError(f"samples of {expected_rows:,} and {actual_rows:,} rows: neither may be empty")
    return float(chdtri(bins - 1, false_alarm)) * (1 / expected_rows + 1 / actual_rows) if bins > 1 else 0.0


def _of_feature(expected: pa.Table, actual: pa.Table, feature: ModelFeature, false_alarm: float) -> Stability:
    name = feature.name
    if feature.kind == "numeric":
        numbers = numeric_column(expected, name), numeric_column(actual, name)
        return population_stability(*numbers, name=name, false_alarm=false_alarm)
    codes, values = category_column(expected, name)
    actual_codes, actual_values = category_column(actual, name)
    places = {value: place for place, value in enumerate(sorted({*values, *actual_values}))}
    shared = [
        np.array([*(places[value] for value in own), -1], dtype=np.int64)[sample]
        for sample, own in ((codes, values), (actual_codes, actual_values))
    ]
    return category_stability(shared[0], shared[1], name=name, false_alarm=false_alarm)


def _numeric_counts(sample: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """Rows per bin: the missing ones first, then below each edge, a value on an edge being in the bin below."""
    place = np.searchsorted(edges, sample, side="left") + 1
    return np.bincount(np.where(np.isnan(sample), 0, place), minlength=len(edges) + 2)


def _of_counts(
    expected: npt.NDArray[np.int64], actual: npt.NDArray[np.int64], *, name: str, false_alarm: float
) -> Stability:
    psi, reached = index_of_counts(expected, actual)
    bins = int(np.count_nonzero(reached))
    limit = psi_limit(
        expected_rows=int(expected.sum()), actual_rows=int(actual.sum()), bins=bins, false_alarm=false_alarm
    )
    return Stability(name=name, psi=psi, limit=limit, false_alarm=false_alarm, bins=bins)


def index_of_counts(
    expected: npt.NDArray[np.int64], actual: npt.NDArray[np.int64]
) -> tuple[float, npt.NDArray[np.bool_]]:
    """PSI of rows per bin, and which bins either sample reaches; the others are none.

    >>> index, _ = index_of_counts(np.array([500, 500, 0]), np.array([400, 600, 0]))
    >>> round(index, 3)
    0.04
    """
    reached = (expected + actual) > 0
    bins = int(np.count_nonzero(reached))
    share, actual_share = ((counts[reached] + _PART) / (counts.sum() + _PART * bins) for counts in (expected, actual))
    return float(((actual_share - share) * np.log(actual_share / share)).sum()), reached
