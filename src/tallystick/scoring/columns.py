"""Columns as the arrays that models read: numbers with NaN for missing, categories as codes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.scoring.model import ColumnFault, Columns, Floats, ModelFeature

Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
MISSING_CODE = -1
EXACT_INTEGER_LIMIT = 2**53  # float64 holds every whole number up to here, and not beyond


def row_count(columns: Columns) -> int:
    """How many rows columns have. Raises `ColumnFault` where arrays are not all of one length."""
    if isinstance(columns, pa.Table):
        return int(columns.num_rows)
    lengths = {len(values): name for name, values in columns.items()}
    if len(lengths) > 1:
        told = ", ".join(f"{name} has {rows:,}" for rows, name in sorted(lengths.items()))
        raise ColumnFault(f"columns differ in their number of rows: {told}")
    return next(iter(lengths), 0)


def column_names(columns: Columns) -> tuple[str, ...]:
    """The names of columns, in order."""
    return tuple(columns.column_names if isinstance(columns, pa.Table) else columns)


def numeric_column(columns: Columns, name: str) -> Floats:
    """The numbers of a column as float64, shape (rows,); null, None and NaN are all NaN, "missing".

    Raises `ColumnFault` when the column is absent, not numeric, or holds whole numbers beyond 2**53.

    >>> numeric_column(pa.table({"age_years": [31, None]}), "age_years")
    array([31., nan])
    """
    given = None if isinstance(columns, pa.Table) else columns.get(name)
    if type(given) is np.ndarray and given.dtype.kind in "biuf":
        return _native_numbers(given, name)  # without Arrow, whose every call costs more than a small batch
    if type(given) is np.ndarray and is_wholly_missing(given):
        return np.full(len(given), np.nan)
    column = _column(columns, name)
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ColumnFault(f"column {name} is {kind}: a numeric feature needs whole numbers or floats; cast it")
    if kind in {pa.int64(), pa.uint64()}:
        _refuse_inexact(column, name)
    numbers = column.to_numpy()
    return np.asarray(numbers, dtype=np.float64)


def category_column(columns: Columns, name: str) -> tuple[Codes, tuple[str, ...]]:
    """The categories of a column: a code per row, shape (rows,), and the values that the codes index.

    Missing is code -1. The values are sorted, so that the order of the rows does not change the codes.
    Whole numbers and booleans count as their text ("1", "true"). Raises `ColumnFault` when the column is
    absent or of another type.

    >>> category_column(pa.table({"segment": ["web", None, "app"]}), "segment")
    (array([ 1, -1,  0]), ('app', 'web'))
    """
    column = _column(columns, name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not _is_category(kind):
        raise ColumnFault(f"column {name} is {kind}: a category needs text, whole numbers or booleans; cast it")
    if pa.types.is_dictionary(column.type):
        column = column.cast(kind)
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    values = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(values)
    codes = np.append(np.argsort(order), MISSING_CODE)  # the extra place is where -1 points
    rows = pc.fill_null(encoded.indices, MISSING_CODE).to_numpy(zero_copy_only=False)
    return codes[rows], tuple(values[order])


def is_wholly_missing(values: npt.NDArray[Any]) -> bool:
    """Whether an array holds None and nothing else, so that nothing tells what it would have been.

    >>> is_wholly_missing(np.array([None, None])), is_wholly_missing(np.array([None, 7]))
    (True, False)
    """
    return values.dtype == object and all(value is None for value in values.tolist())


def missing_cells(columns: Columns, feature: ModelFeature) -> Flags:
    """Where a feature is not known, shape (rows,). Raises `ColumnFault` as reading it does."""
    if feature.kind == "category":
        return np.equal(category_column(columns, feature.name)[0], MISSING_CODE)
    return np.isnan(numeric_column(columns, feature.name))


def _native_numbers(values: npt.NDArray[Any], name: str) -> Floats:
    whole = values.dtype.kind in "iu" and values.size
    if whole and (values.max() > EXACT_INTEGER_LIMIT or values.min() < -EXACT_INTEGER_LIMIT):
        raise _inexact(name)
    return values.astype(np.float64, copy=False)


def _column(columns: Columns, name: str) -> pa.ChunkedArray:
    if isinstance(columns, pa.Table):
        places = columns.schema.get_all_field_indices(name)
        if len(places) == 1:
            return columns.column(places[0])
        if places:
            raise ColumnFault(f"column {name} occurs {len(places)} times: keep one")
    elif name in columns:
        return _as_arrow(columns[name], name)
    have = ", ".join(column_names(columns)[:20]) or "none"
    raise ColumnFault(f"column {name} is absent: add it to the table (it has: {have})")


def _as_arrow(values: npt.NDArray[Any], name: str) -> pa.ChunkedArray:
    try:
        return pa.chunked_array([pa.array(values, from_pandas=True)])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ColumnFault(f"column {name} holds values of several types ({error}): convert it before") from error


def _is_category(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


def _refuse_inexact(column: pa.ChunkedArray, name: str) -> None:
    extremes = pc.min_max(column).as_py()
    if any(abs(extreme or 0) > EXACT_INTEGER_LIMIT for extreme in extremes.values()):
        raise _inexact(name)


def _inexact(name: str) -> ColumnFault:
    return ColumnFault(f"column {name} holds whole numbers beyond 2**53, which floats would round: scale it")
