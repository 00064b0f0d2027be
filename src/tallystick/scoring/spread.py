"""How a column was spread and a figure came out, with what chance moves them where rows of one person come together."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import chdtri
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from tallystick.scoring.columns import category_column, numeric_column
from tallystick.scoring.model import Floats, ModelFeature
from tallystick.scoring.stability import BINS, index_of_counts
from tallystick.scoring.validation import auc_influence

Codes = npt.NDArray[np.int64]
Clusters = Sequence[Codes]  # of each entity, which of its keys a row belongs to; rows of one key move together
RARE_SHARE: Final = 0.01  # categories below it share a bin with those never seen
_SURE: Final = 1e6  # degrees of freedom from which F is chi-square


class Moment(msgspec.Struct, frozen=True):
    """A figure of some rows, the variance that chance gives it, and the fourth moment that says how sure that is."""

    rows: int
    value: float
    variance: float
    fourth: float


class Spread(msgspec.Struct, frozen=True):
    """Rows of a column per bin: first those without a value, then by `edges` or `values`, rare and new ones last.

    `covariance` is that of the shares, which is larger than of independent rows where few persons have many rows each.
    """

    name: str
    kind: Literal["numeric", "category"]
    edges: tuple[float, ...]
    values: tuple[str, ...]
    counts: tuple[int, ...]
    covariance: tuple[tuple[float, ...], ...]
    fourth: float

    @property
    def rows(self) -> int:
        """How many rows there were."""
        return sum(self.counts)


def moment_of(parts: Floats, clusters: Clusters = (), *, value: float | None = None) -> Moment:
    """The mean of one figure per row; with `value`, a figure of which `parts` (mean 0) are what each row adds.

    Clusters by several entities: variances added, less those of single rows (Cameron, Gelbach and Miller, 2011).

    >>> one_each = moment_of(np.array([0.0, 0, 1, 1]))
    >>> two_persons = moment_of(np.array([0.0, 0, 1, 1]), [np.array([0, 0, 1, 1])])
    >>> round(one_each.variance, 4), two_persons.variance  # two persons say less than four rows
    (0.0833, 0.25)
    """
    rows = len(parts)
    mean = float(parts.mean())
    told = parts - mean if value is None else parts
    single = _sums(told[:, None], None)
    many = [_sums(told[:, None], codes) for codes in clusters]
    variance, fourth = _together(single, many, np.ones(1), rows)
    return Moment(rows, mean if value is None else value, float(variance[0, 0]), fourth)


def auc_moment(is_bad: npt.NDArray[np.bool_], scores: Floats, clusters: Clusters = ()) -> Moment:
    """AUC with its variance by DeLong's parts, summed per cluster. Source: Obuchowski, Biometrics 53, 1997."""
    value, parts = auc_influence(is_bad, scores)
    return moment_of(parts, clusters, value=value)


def limit_of_difference(one: Moment, other: Moment, *, tail: float) -> float:
    """What the difference of two figures exceeds by chance with this probability, on one side (Student's t)."""
    variance = one.variance + other.variance
    freedom = _freedom(variance, one.fourth + other.fourth)
    return float(t_distribution.isf(tail, freedom)) * float(np.sqrt(variance))


def spread_of_numbers(numbers: Floats, clusters: Clusters = (), *, name: str, bins: int = BINS) -> Spread:
    """A column of numbers, cut at its own quantiles."""
    known = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="higher")) if len(known) else np.empty(0)
    return _spread(
        Spread(name, "numeric", tuple(edges.tolist()), (), (), (), 0.0), numbers_binned(numbers, edges), clusters
    )


def spread_of_column(table: pa.Table, feature: ModelFeature, clusters: Clusters = ()) -> Spread:
    """A feature's column. Raises `ColumnFault` where it is absent or of another type."""
    if feature.kind == "numeric":
        return spread_of_numbers(numeric_column(table, feature.name), clusters, name=feature.name)
    codes, values = category_column(table, feature.name)
    often = np.bincount(codes + 1, minlength=len(values) + 1)[1:] >= RARE_SHARE * len(codes)
    kept = tuple(value for value, enough in zip(values, often, strict=True) if enough)
    empty = Spread(feature.name, "category", (), kept, (), (), 0.0)
    return _spread(empty, _categories_binned(codes, values, kept), clusters)


def spread_like(expected: Spread, table: pa.Table, clusters: Clusters = ()) -> Spread:
    """Another sample of the same column in the same bins. Raises `ColumnFault` as `spread_of_column` does."""
    if expected.kind == "numeric":
        return numbers_like(expected, numeric_column(table, expected.name), clusters)
    codes, values = category_column(table, expected.name)
    return _spread(expected, _categories_binned(codes, values, expected.values), clusters)


def numbers_like(expected: Spread, numbers: Floats, clusters: Clusters = ()) -> Spread:
    """Other numbers in the same bins."""
    return _spread(expected, numbers_binned(numbers, np.asarray(expected.edges)), clusters)


def index_and_limit(expected: Spread, actual: Spread, *, false_alarm: float) -> tuple[float, float]:
    """PSI of two samples, and what it exceeds with this probability where both are of one population.

    PSI is near to the squared differences of shares over the shares; of clustered rows that is a sum of chi-squares
    with weights, taken as one with the same mean and variance (Rao and Scott, Annals of Statistics 12, 1984), and as F
    where few clusters leave the covariance unsure.
    """
    counts = np.asarray(expected.counts), np.asarray(actual.counts)
    index, reached = index_of_counts(*counts)
    shares = (counts[0] + counts[1])[reached] / (expected.rows + actual.rows)
    together = (np.asarray(expected.covariance) + np.asarray(actual.covariance))[np.ix_(reached, reached)]
    weights = together / shares[:, None]
    first, second = float(np.trace(weights)), float((weights * weights.T).sum())
    if first <= 0 or second <= 0:
        return index, 0.0
    freedom, unsure = first**2 / second, _freedom(first, expected.fourth + actual.fourth)
    if unsure >= _SURE:
        return index, second / first * float(chdtri(freedom, false_alarm))
    return index, first * float(f_distribution.isf(false_alarm, freedom, unsure))


def numbers_binned(numbers: Floats, edges: Floats) -> Codes:
    """The bin of each number: 0 without one, then below each edge, a value on an edge being in the bin below."""
    return np.asarray(np.where(np.isnan(numbers), 0, np.searchsorted(edges, numbers, side="left") + 1), dtype=np.int64)


def _categories_binned(codes: Codes, values: Sequence[str], kept: Sequence[str]) -> Codes:
    place = {value: number + 1 for number, value in enumerate(kept)}
    bins = np.array([*(place.get(value, len(kept) + 1) for value in values), 0], dtype=np.int64)
    return bins[codes]


def _spread(like: Spread, place: Codes, clusters: Clusters) -> Spread:
    bins = (len(like.edges) if like.kind == "numeric" else len(like.values)) + 2
    counts = np.bincount(place, minlength=bins)
    shares = counts / len(place)
    flags = np.zeros((len(place), bins))
    flags[np.arange(len(place)), place] = 1.0
    flags -= shares
    over = np.where(shares > 0, 1 / np.maximum(shares, 1e-300), 0.0)
    covariance, fourth = _together(_sums(flags, None), [_sums(flags, codes) for codes in clusters], over, len(place))
    return msgspec.structs.replace(
        like, counts=tuple(counts.tolist()), covariance=tuple(map(tuple, covariance.tolist())), fourth=fourth
    )


def _sums(told: Floats, codes: Codes | None) -> Floats:
    """What each cluster adds, shape (clusters, figures); without codes each row is its own."""
    if codes is None:
        return told
    keys, place = np.unique(codes, return_inverse=True)
    summed = np.empty((len(keys), told.shape[1]))
    for column, figures in enumerate(told.T):
        summed[:, column] = np.bincount(place, weights=figures)
    return summed


def _together(single: Floats, many: list[Floats], over: Floats, rows: int) -> tuple[Floats, float]:
    """Covariance of the mean, and the fourth moment of what clusters add, each squared over `over`."""
    alone, sure = _covariance(single, over, rows)
    if not many:
        return alone, sure
    each = [_covariance(sums, over, rows) for sums in many]
    covariance = sum((one for one, _ in each), start=np.zeros_like(alone)) - (len(each) - 1) * alone
    if np.diagonal(covariance) @ over < np.diagonal(alone) @ over:
        return alone, sure  # rows of one key that are more unlike than chance would have them
    return covariance, sum(fourth for _, fourth in each)


def _covariance(sums: Floats, over: Floats, rows: int) -> tuple[Floats, float]:
    count = len(sums)
    grown = count / max(count - 1, 1) / rows**2
    squares = (sums**2) @ over
    return grown * sums.T @ sums, float((squares**2).sum()) / rows**4


def _freedom(variance: float, fourth: float) -> float:
    """Of a variance that is a sum over clusters: twice its square over its own variance (Satterthwaite, 1946)."""
    return 2 * variance**2 / fourth if fourth > 0 else _SURE
