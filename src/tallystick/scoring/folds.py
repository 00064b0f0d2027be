"""Outcomes checked, and rows dealt into folds: the same deal for the same rows, whatever else changes."""

import numpy as np
import numpy.typing as npt

from tallystick.scoring.model import ColumnFault

Flags = npt.NDArray[np.bool_]
Folds = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def checked_outcome(outcome: npt.ArrayLike, *, rows: int) -> Flags:
    """The outcome as True for bad, shape (rows,). Raises `ColumnFault` unless it is 0 or 1 on every row.

    >>> checked_outcome([0, 1, 1], rows=3)
    array([False,  True,  True])
    """
    values = np.asarray(outcome)
    if values.shape != (rows,):
        raise ColumnFault(f"the outcome has shape {values.shape} where the table has {rows:,} rows: give one per row")
    if values.dtype.kind == "b":
        return values
    numbers = values.astype(np.float64)
    strange = np.flatnonzero(~((numbers == 0) | (numbers == 1)))
    if strange.size:
        row = int(strange[0])
        raise ColumnFault(
            f"the outcome is {numbers[row]} at row {row} and neither 0 nor 1 on {strange.size:,} rows: "
            "leave out rows whose outcome is unknown"
        )
    return np.asarray(numbers == 1)


def two_outcomes(outcome: npt.ArrayLike, *, rows: int, least: int) -> Flags:
    """As `checked_outcome`; raises `ColumnFault` too where goods or bads number fewer than `least`."""
    is_bad = checked_outcome(outcome, rows=rows)
    bads = int(np.count_nonzero(is_bad))
    if min(bads, rows - bads) < least:
        raise ColumnFault(f"{rows - bads:,} goods and {bads:,} bads: at least {least:,} of each are needed")
    return is_bad


def stratified_folds(is_bad: Flags, *, folds: int, seed: int) -> Folds:
    """The fold of each row, 0..folds-1, shape (rows,); goods and bads are each dealt evenly, to within one row.

    A row's place in the deal is a hash of its position and the seed, so no generator's version is involved.

    >>> stratified_folds(np.array([True, False, False, True, False, False]), folds=2, seed=7).tolist()
    [0, 1, 1, 1, 0, 0]
    """
    if folds < 2:
        raise ValueError(f"folds is {folds}: at least 2 are needed, or no row is left out")
    keys = _mixed(np.arange(len(is_bad), dtype=np.uint64), seed)
    dealt = np.empty(len(is_bad), dtype=np.int64)
    for which in (True, False):
        rows = np.flatnonzero(is_bad == which)
        order = rows[np.argsort(keys[rows], kind="stable")]
        dealt[order] = np.arange(len(order)) % folds
    return dealt


def stratified_key_folds(is_bad: Flags, key: npt.NDArray[np.int64], *, folds: int, seed: int) -> Folds:
    """The fold of each row where all rows of one key share it; keys that ever went bad and the others are dealt evenly.

    >>> stratified_key_folds(np.array([False, True, False, False]), np.array([7, 7, 8, 9]), folds=2, seed=7).tolist()
    [0, 0, 1, 0]
    """
    keys, place = np.unique(key, return_inverse=True)
    went_bad = np.zeros(len(keys), dtype=np.bool_)
    np.logical_or.at(went_bad, place, is_bad)
    return stratified_folds(went_bad, folds=folds, seed=seed)[place]


def derived_seed(seed: int, member: int) -> int:
    """A seed below 2**31 for one member of a family, unrelated to its neighbors'."""
    return int(_mixed(np.array([member], dtype=np.uint64), seed)[0] >> np.uint64(33))


def _mixed(positions: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """SplitMix64 of position and seed: bijective per seed, so keys never tie. Source: Steele et al., OOPSLA 2014."""
    offset = np.array([seed % 2**64], dtype=np.uint64)
    for _ in range(2):
        offset = _finished(offset + _GOLDEN)
    return _finished(positions * _GOLDEN + offset)


def _finished(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
