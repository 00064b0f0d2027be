"""Features that know too much: one that separates good from bad almost alone is told, for nothing honest does."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.columns import numeric_column
from tallystick.scoring.folds import Flags, checked_outcome, stratified_folds
from tallystick.scoring.validation import auc

SUSPECT_AUC = 0.95  # single features of honest scorecards stay below 0.8, of fraud models below 0.9


@dataclass(frozen=True, slots=True)
class Suspect:
    """A feature whose single AUC, or that of being missing, is too good."""

    name: str
    auc: float
    by_missing: bool


def suspects(
    table: pa.Table, outcome: npt.ArrayLike, names: Iterable[str], *, limit: float = SUSPECT_AUC
) -> tuple[Suspect, ...]:
    """Features that separate by themselves, in either direction, the worst first.

    >>> suspects(pa.table({"told": [0, 1, 0, 1], "age": [4, 3, 2, 1]}), [0, 1, 0, 1], ["told", "age"])
    (Suspect(name='told', auc=1.0, by_missing=False),)
    """
    is_bad = checked_outcome(outcome, rows=table.num_rows)
    found = []
    for name in names:
        numbers = _numbers(table, name, is_bad)
        missing = np.isnan(numbers)
        absent = _either_way(is_bad, missing.astype(np.float64))
        known = ~missing
        single = _either_way(is_bad[known], numbers[known])
        # what few rows have may separate by chance; all bads must be among them to count
        if known[is_bad].mean() < 0.5:
            single = 0.5
        if max(absent, single) > limit:
            found.append(Suspect(name, max(absent, single), absent > single))
    return tuple(sorted(found, key=lambda suspect: (-suspect.auc, suspect.name)))


def _numbers(table: pa.Table, name: str, is_bad: Flags) -> npt.NDArray[np.float64]:
    """The feature as numbers: of words, the share of bads that each has in the other half of the rows."""
    words = table.column(name)
    if not (pa.types.is_string(words.type) or pa.types.is_large_string(words.type)):
        return numeric_column(table, name)
    known = np.array([word is not None for word in words.to_pylist()])
    place = np.unique(np.array([word or "" for word in words.to_pylist()]), return_inverse=True)[1]
    half = stratified_folds(is_bad, folds=2, seed=0)
    numbers = np.full(len(is_bad), np.nan)
    for fold in (0, 1):
        other, mine = known & (half != fold), known & (half == fold)
        rows = np.bincount(place[other], minlength=len(place))
        bads = np.bincount(place[other], weights=is_bad[other], minlength=len(place))
        numbers[mine] = np.where(rows > 0, bads / np.maximum(rows, 1), np.nan)[place[mine]]
    return numbers


def _either_way(is_bad: npt.NDArray[np.bool_], numbers: npt.NDArray[np.float64]) -> float:
    if is_bad.all() or not is_bad.any():
        return 0.5
    value = auc(is_bad, numbers)
    return max(value, 1 - value)
