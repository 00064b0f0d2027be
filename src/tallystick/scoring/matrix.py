"""The matrix that boosted trees read: one float64 column per feature, with the coding that training fixed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from tallystick.scoring.columns import category_column, numeric_column, row_count
from tallystick.scoring.folds import Flags
from tallystick.scoring.model import ColumnFault, Columns, Direction, Floats, ModelFeature


@dataclass(frozen=True, slots=True)
class CodedFeature:
    """A feature with what training fixed for it.

    `categories` index the codes of a category; one that training never saw counts as missing. `stand_in` is set
    where training saw no missing value, so that the trees learned nothing about one: a missing value then counts
    as the training median (or the most frequent category), instead of what the library would take it for (zero).
    """

    feature: ModelFeature
    categories: tuple[str, ...] = ()
    stand_in: float | None = None


def fit_coding(*, table: pa.Table, is_bad: Flags, features: Sequence[ModelFeature]) -> tuple[CodedFeature, ...]:
    """Fix categories, stand-ins and directions on the training rows.

    Direction "auto" becomes the sign of the rank correlation with the outcome ("none" if that is zero). Raises
    `ColumnFault` naming every column that is absent, of another type or infinite somewhere.
    """
    if not features or len({feature.name for feature in features}) < len(features):
        raise ValueError("features must be at least one, each named once")
    coded: list[CodedFeature] = []
    faults: list[str] = []
    for feature in features:
        try:
            coded.append(_fit_category(table, feature) if feature.kind == "category" else _fit(table, feature, is_bad))
        except ColumnFault as fault:
            faults.append(str(fault))
    if faults:
        raise ColumnFault("; ".join(faults))
    return tuple(coded)


def matrix_of(*, columns: Columns, coded: Sequence[CodedFeature]) -> Floats:
    """The features of some columns, shape (rows, features), NaN for missing. Raises `ColumnFault` naming all faults.

    Checks and stand-ins are one pass over the whole matrix: for one row, a call per column would be most of the time.
    """
    matrix = np.empty((row_count(columns), len(coded)))
    faults: list[str] = []
    for place, one in enumerate(coded):
        try:
            is_category = one.feature.kind == "category"
            matrix[:, place] = _codes(columns, one) if is_category else numeric_column(columns, one.feature.name)
        except ColumnFault as fault:
            matrix[:, place] = np.nan
            faults.append(str(fault))
    infinite = np.isinf(matrix)
    if infinite.any():
        faults += [
            _infinite(coded[place].feature.name, infinite[:, place])
            for place in np.flatnonzero(infinite.any(axis=0)).tolist()
        ]
    if faults:
        raise ColumnFault("; ".join(faults))
    stand_ins = np.array([np.nan if one.stand_in is None else one.stand_in for one in coded])
    np.copyto(matrix, stand_ins, where=np.isnan(matrix))
    return matrix


def _fit(table: pa.Table, feature: ModelFeature, is_bad: Flags) -> CodedFeature:
    numbers = numeric_column(table, feature.name)
    if np.isinf(numbers).any():
        raise ColumnFault(_infinite(feature.name, np.isinf(numbers)))
    known = ~np.isnan(numbers)
    stand_in = float(np.median(numbers)) if known.all() else None
    if feature.direction == "auto":
        feature = replace(feature, direction=_direction(numbers[known], is_bad[known]))
    return CodedFeature(feature=feature, stand_in=stand_in)


def _direction(numbers: Floats, is_bad: Flags) -> Direction:
    if not len(numbers):
        return "none"
    from scipy.stats import rankdata  # half a second to import, which reading a model need not wait for

    ranks = rankdata(numbers)
    moved = float(ranks[is_bad].sum() - is_bad.sum() * (len(numbers) + 1) / 2)
    return "up" if moved > 0 else "down" if moved < 0 else "none"


def _fit_category(table: pa.Table, feature: ModelFeature) -> CodedFeature:
    codes, values = category_column(table, feature.name)
    counts = np.bincount(codes + 1, minlength=len(values) + 1)
    stand_in = None if counts[0] else float(np.argmax(counts[1:]))
    plain = replace(feature, direction="none")  # categories have no order, so no direction
    return CodedFeature(feature=plain, categories=values, stand_in=stand_in)


def _codes(columns: Columns, coded: CodedFeature) -> Floats:
    codes, values = category_column(columns, coded.feature.name)
    place_of = {category: float(place) for place, category in enumerate(coded.categories)}
    places = np.array([*(place_of.get(value, np.nan) for value in values), np.nan])  # code -1 is the last place
    return places[codes]


def _infinite(name: str, infinite: Flags) -> str:
    row = int(np.flatnonzero(infinite)[0])
    return f"column {name} is infinite at row {row}: make it null, or bound it where it is derived"
