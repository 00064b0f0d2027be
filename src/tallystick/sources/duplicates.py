"""Finds rows that tell of a line which another row tells of already: copies of it, and rows that contradict it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.sources.numbers import Flags, Integers, flags_of


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Masks of shape (rows,): later copies of a row that stays, and all rows of a line that differ among them."""

    copies: Flags
    differing: Flags


def find_duplicates(line_id: pa.ChunkedArray, content: Sequence[pa.ChunkedArray]) -> Duplicates:
    """Of identical rows of a line the first stays; where they differ none does. Rows without an id are left alone.

    >>> ids = pa.chunked_array([["a", "b", "a", "b", "c"]])
    >>> found = find_duplicates(ids, [pa.chunked_array([[1, 2, 1, 3, 1]])])
    >>> found.copies.tolist()
    [False, False, True, False, False]
    >>> found.differing.tolist()
    [False, True, False, True, False]
    """
    copies, differing = np.zeros(len(line_id), dtype=np.bool_), np.zeros(len(line_id), dtype=np.bool_)
    rows, line = _repeated(line_id)
    if rows.size == 0:
        return Duplicates(copies, differing)
    kind = np.column_stack([_codes(cells.take(pa.array(rows))) for cells in content])
    _, first = np.unique(line, return_index=True)  # the first row of each line: `rows` ascend
    differs_from_first = (kind != kind[first[line]]).any(axis=1)
    is_differing_line = np.bincount(line, weights=differs_from_first) > 0
    differing[rows] = is_differing_line[line]
    copies[rows] = ~is_differing_line[line] & (np.arange(rows.size) != first[line])
    return Duplicates(copies, differing)


def _repeated(line_id: pa.ChunkedArray) -> tuple[Integers, Integers]:
    """Rows whose id occurs more than once, ascending, and for each the number of its line among those."""
    known = np.flatnonzero(flags_of(pc.is_valid(line_id)))
    codes = _codes(line_id)[known]
    is_repeated = np.bincount(codes)[codes] > 1 if codes.size else np.zeros(0, dtype=np.bool_)
    _, line = np.unique(codes[is_repeated], return_inverse=True)
    return known[is_repeated], line.astype(np.int64)


def _codes(cells: pa.ChunkedArray) -> Integers:
    """Equal cells have equal numbers; a missing cell has -1."""
    array = cells.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes: Integers = pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes
