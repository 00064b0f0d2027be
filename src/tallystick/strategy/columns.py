"""The columns that conditions read: their declared types, and the check of real columns against them."""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.columns import is_wholly_missing
from tallystick.scoring.model import ColumnFault, Columns

ColumnKind = Literal["number", "whole", "text", "boolean"]
Cells = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

# Conditions compute in float64, which holds every whole number up to here exactly: 90 trillion yuan in fen.
LARGEST_WHOLE = 2**53 - 1
_MISSING_CODE = -1
# Up to so many cases, texts and truths are read one by one: a micro-batch of purchases.
_CASES_READ_DIRECTLY = 256


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a catalogued column may hold. `lowest` and `highest` are inclusive; no `allowed` means any text.

    A column that breaks its type is refused when it is read, so what was proven about a table holds.
    """

    kind: ColumnKind
    allowed: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    may_be_missing: bool = True

    @property
    def is_numeric(self) -> bool:
        """Whole numbers and others compare and compute alike."""
        return self.kind in ("number", "whole")

    def bounds(self) -> tuple[float, float]:
        """The inclusive range of a numeric column."""
        widest = float(LARGEST_WHOLE) if self.kind == "whole" else float(np.finfo(np.float64).max)
        lowest = -widest if self.lowest is None else max(float(self.lowest), -widest)
        highest = widest if self.highest is None else min(float(self.highest), widest)
        return lowest, highest


@dataclass(frozen=True, slots=True)
class Frame:
    """Checked columns in the form that compiled conditions read; every array has shape (rows,).

    Numbers are float64 with NaN for missing; booleans int8 with 1, 0 and -1 for missing; text is int32 codes
    into the column's vocabulary with -1 for missing.
    """

    rows: int
    cells: Mapping[str, Cells]
    vocabularies: Mapping[str, tuple[str, ...]]
    with_missing: frozenset[str]
    lookups: dict[Hashable, Mask] = field(default_factory=dict)

    def part(self, *, where: slice | Mask, names: Collection[str]) -> "Frame":
        """The same columns for some rows only; vocabularies and what was looked up in them are shared."""
        cells = {name: self.cells[name][where] for name in names}
        rows = len(next(iter(cells.values()))) if cells else int(np.arange(self.rows)[where].size)
        return Frame(rows, cells, self.vocabularies, self.with_missing, self.lookups)

    def lookup(self, *, key: Hashable, column: str, holds: Callable[[str], bool]) -> Mask:
        """Whether each word of a column's vocabulary passes a test; the last entry, False, is for missing."""
        known = self.lookups.get(key)
        if known is None:
            known = np.array([*map(holds, self.vocabularies[column]), False], dtype=np.bool_)
            self.lookups[key] = known
        return known

    def value(self, *, name: str, row: int) -> float | str | bool | None:
        """One cell as a plain Python value, None when missing."""
        cell = self.cells[name][row]
        if name in self.vocabularies:
            return None if cell < 0 else self.vocabularies[name][cell]
        if self.cells[name].dtype == np.int8:
            return None if cell < 0 else bool(cell)
        return None if np.isnan(cell) else float(cell)


@dataclass(frozen=True, slots=True)
class _Read:
    cells: Cells
    has_missing: bool
    vocabulary: tuple[str, ...] | None = None


def nearest(*, name: str, among: Collection[str]) -> str:
    """A hint for a misspelled name: `; the nearest is ...`, or nothing."""
    close = get_close_matches(name, list(among), n=1, cutoff=0.6)
    return f"; the nearest is `{close[0]}`" if close else ""


def read_columns(*, columns: Columns, types: Mapping[str, ColumnType]) -> Frame:
    """Check the columns named in `types` and bring them into the form that conditions read.

    Others are ignored. In NumPy arrays NaN (numbers) or None (text, booleans) is missing; in Arrow, null or
    NaN. Raises `ColumnFault` with every column that is absent, of another length or type, or out of range.
    """
    rows = _row_count(columns)
    names = columns.column_names if isinstance(columns, pa.Table) else columns
    read: dict[str, _Read] = {}
    faults: list[str] = []
    for name, column_type in types.items():
        if name not in names:
            faults.append(f"column `{name}` is absent{nearest(name=name, among=names)}")
            continue
        try:
            read[name] = _read(columns[name], rows=rows, column_type=column_type)
        except ColumnFault as fault:
            faults.append(f"column `{name}` {fault}")
    if faults:
        raise ColumnFault("; ".join(faults))
    return Frame(
        rows=rows,
        cells={name: column.cells for name, column in read.items()},
        vocabularies={name: c.vocabulary for name, c in read.items() if c.vocabulary is not None},
        with_missing=frozenset(name for name, column in read.items() if column.has_missing),
    )


@dataclass(frozen=True, slots=True)
class SmallBatchReader:
    """Reads the same columns again and again, for micro-batches: all numbers are checked together, in a few calls.

    Whatever does not pass at once is read by `read_columns`, which says what is wrong with it.
    """

    types: Mapping[str, ColumnType]
    _numbers: tuple[str, ...]
    _lowest: npt.NDArray[np.float64]
    _highest: npt.NDArray[np.float64]
    _whole: Mask
    _never_missing: Mask
    _others: Mapping[str, ColumnType]

    @classmethod
    def of(cls, types: Mapping[str, ColumnType]) -> "SmallBatchReader":
        """A reader of columns of these types."""
        numbers = tuple(name for name, column_type in types.items() if column_type.is_numeric)
        bounds = np.array([types[name].bounds() for name in numbers]).reshape(-1, 2)
        return cls(
            types=types,
            _numbers=numbers,
            _lowest=bounds[:, 0],
            _highest=bounds[:, 1],
            _whole=np.array([types[name].kind == "whole" for name in numbers], dtype=np.bool_),
            _never_missing=np.array([not types[name].may_be_missing for name in numbers], dtype=np.bool_),
            _others={name: column_type for name, column_type in types.items() if not column_type.is_numeric},
        )

    def read(self, columns: Columns) -> Frame:
        """The checked columns, as `read_columns` gives them. Raises `ColumnFault` as it does."""
        if isinstance(columns, pa.Table) or not self._numbers or not all(map(columns.__contains__, self.types)):
            return read_columns(columns=columns, types=self.types)
        given = [_known_missing(columns[name]) for name in self._numbers]
        rows = len(given[0])
        are_numbers = all(isinstance(each, np.ndarray) and each.dtype.kind in "iuf" for each in given)
        if not (are_numbers and 0 < rows <= _CASES_READ_DIRECTLY and all(len(each) == rows for each in given)):
            return read_columns(columns=columns, types=self.types)
        numbers = np.array(given, dtype=np.float64)
        missing = np.asarray(np.isnan(numbers).any(axis=1))
        low, high = np.fmin.reduce(numbers, axis=1), np.fmax.reduce(numbers, axis=1)
        broken = (low < self._lowest) | (high > self._highest) | (missing & self._never_missing)
        if (broken | (self._whole & (np.floor(numbers) < numbers).any(axis=1))).any():
            return read_columns(columns=columns, types=self.types)
        rest = read_columns(columns={self._numbers[0]: numbers[0], **columns}, types=self._others)
        with_missing = rest.with_missing.union(
            name for name, lacks in zip(self._numbers, missing, strict=True) if lacks
        )
        return Frame(
            rows, {**rest.cells, **dict(zip(self._numbers, numbers, strict=True))}, rest.vocabularies, with_missing
        )


def _known_missing(values: Any) -> Any:
    """Numbers that nobody knows, of any case, as numbers; everything else as it is."""
    return np.full(len(values), np.nan) if isinstance(values, np.ndarray) and is_wholly_missing(values) else values


def _row_count(columns: Columns) -> int:
    if isinstance(columns, pa.Table):
        return int(columns.num_rows)
    for column in columns.values():
        return len(column)
    raise ColumnFault("no columns are given, so the number of cases is unknown; pass at least one column")


def _read(values: Any, *, rows: int, column_type: ColumnType) -> _Read:
    if len(values) != rows:
        raise ColumnFault(f"has {len(values):,} cells where the first column has {rows:,}")
    if isinstance(values, np.ma.MaskedArray):
        raise ColumnFault("is a masked array; fill it with NaN or pass an Arrow column with nulls")
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return _read_native(values, column_type=column_type)
    if isinstance(values, np.ndarray) and len(values) <= _CASES_READ_DIRECTLY:
        read = _read_few(values.tolist(), column_type=column_type)
        if read is not None:
            return read
    array = _as_arrow(values)
    if pa.types.is_null(array.type):
        array = array.cast({"text": pa.string(), "boolean": pa.bool_()}.get(column_type.kind, pa.float64()))
    if column_type.kind == "text":
        return _read_text(array, column_type=column_type)
    if pa.types.is_boolean(array.type) and column_type.kind == "boolean":
        return _read_boolean(array.cast(pa.int8()).fill_null(_MISSING_CODE).to_numpy(), column_type=column_type)
    if column_type.is_numeric and (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return _read_number(array.to_numpy(), column_type=column_type)
    raise ColumnFault(f"is {array.type} where {column_type.kind} is declared; convert it before")


def _read_native(values: npt.NDArray[Any], *, column_type: ColumnType) -> _Read:
    if column_type.kind == "boolean" and values.dtype.kind == "b":
        return _read_boolean(values.astype(np.int8), column_type=column_type)
    if column_type.is_numeric and values.dtype.kind != "b":
        return _read_number(values, column_type=column_type)
    raise ColumnFault(f"is {values.dtype} where {column_type.kind} is declared; convert it before")


def _read_few(values: list[Any], *, column_type: ColumnType) -> _Read | None:
    """Texts or truths of a small batch, read without Arrow, whose every call costs more than they do.

    None where they are anything else: Arrow then says what they are.
    """
    kinds = set(map(type, values))
    if column_type.kind == "boolean" and kinds <= {bool, type(None)}:
        truths = [_MISSING_CODE if value is None else value for value in values]
        return _read_boolean(np.array(truths, dtype=np.int8), column_type=column_type)
    if column_type.kind == "text" and kinds <= {str, type(None)}:
        places: dict[str, int] = {}
        found = [_MISSING_CODE if value is None else places.setdefault(value, len(places)) for value in values]
        codes = np.array(found, dtype=np.int32)
        return _checked_text(codes, tuple(places), has_missing=type(None) in kinds, column_type=column_type)
    return None


def _as_arrow(values: Any) -> pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, pa.Array):
        return pa.chunked_array([values])
    try:
        return pa.chunked_array([pa.array(values, from_pandas=True)])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ColumnFault(f"holds values of several types ({error}); convert it before") from error


def _read_number(values: npt.NDArray[Any], *, column_type: ColumnType) -> _Read:
    if len(values) == 0:
        return _Read(values.astype(np.float64), has_missing=False)
    # min and max carry a NaN, so two passes answer both questions: is anything missing, is all in range
    low, high = values.min(), values.max()
    has_missing = bool(low != low)  # noqa: PLR0124  NaN alone differs from itself
    if has_missing:
        _refuse_missing(column_type)
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    lowest, highest = column_type.bounds()
    if low < lowest or high > highest:
        outside = low if low < lowest else high
        row = int(np.flatnonzero(values == outside)[0])
        raise ColumnFault(f"holds {outside} at row {row}, outside its declared range {lowest:g} to {highest:g}")
    numbers = values.astype(np.float64, copy=False)
    if column_type.kind == "whole" and values.dtype.kind == "f":
        _refuse_fractions(numbers)
    return _Read(numbers, has_missing)


def _refuse_fractions(numbers: npt.NDArray[np.float64]) -> None:
    broken = np.flatnonzero(np.floor(numbers) < numbers)
    if broken.size:
        row = int(broken[0])
        raise ColumnFault(f"is declared whole and holds {numbers[row]} at row {row}")


def _read_boolean(codes: npt.NDArray[np.int8], *, column_type: ColumnType) -> _Read:
    has_missing = bool((codes < 0).any())
    if has_missing:
        _refuse_missing(column_type)
    return _Read(codes, has_missing)


def _read_text(array: pa.ChunkedArray, *, column_type: ColumnType) -> _Read:
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise ColumnFault(f"is {array.type} where text is declared; convert it before")
    has_missing = array.null_count > 0
    encoded = array.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(_MISSING_CODE) if has_missing else encoded.indices
    vocabulary = tuple(encoded.dictionary.to_pylist())
    return _checked_text(codes.to_numpy(), vocabulary, has_missing=has_missing, column_type=column_type)


def _checked_text(codes: Cells, vocabulary: tuple[str, ...], *, has_missing: bool, column_type: ColumnType) -> _Read:
    if has_missing:
        _refuse_missing(column_type)
    strange = sorted(set(vocabulary) - set(column_type.allowed)) if column_type.allowed else []
    if strange:
        raise ColumnFault(f"holds {strange[0]!r}, which is none of {', '.join(column_type.allowed)}")
    return _Read(codes, has_missing, vocabulary)


def _refuse_missing(column_type: ColumnType) -> None:
    if not column_type.may_be_missing:
        raise ColumnFault("is declared never missing and has missing cells")
