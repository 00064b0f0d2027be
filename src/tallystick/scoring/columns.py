"""Arrow columns as the arrays that models read: numbers with NaN for missing, categories as codes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.scoring.model import ColumnFault, Floats

Codes = npt.NDArray[np.int64]
MISSING_CODE = -1
EXACT_INTEGER_LIMIT = 2**53  # float64 holds every whole number up to here, and not beyond


def numeric_column(table: pa.Table, name: str) -> Floats:
    """The numbers of a column as float64, shape (rows,); null and NaN are both NaN, "missing".

    Raises `ColumnFault` when the column is absent, not numeric, or holds whole numbers beyond 2**53.

    >>> numeric_column(pa.table({"age_years": [31, None]}), "age_years")
    array([31., nan])
    """
    column = _column(table, name)
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


def category_column(table: pa.Table, name: str) -> tuple[Codes, tuple[str, ...]]:
    """The categories of a column: a code per row, shape (rows,), and the values that the codes index.

    Missing is code -1. The values are sorted, so that the order of the rows does not change the codes.
    Whole numbers and booleans count as their text ("1", "true"). Raises `ColumnFault` when the column is
    absent or of another type.

    >>> category_column(pa.table({"segment": ["web", None, "app"]}), "segment")
    (array([ 1, -1,  0]), ('app', 'web'))
    """
    column = _column(table, name)
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


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    places = table.schema.get_all_field_indices(name)
    if len(places) == 1:
        return table.column(places[0])
    if places:
        raise ColumnFault(f"column {name} occurs {len(places)} times: keep one")
    have = ", ".join(table.column_names[:20]) or "none"
    raise ColumnFault(f"column {name} is absent: add it to the table (it has: {have})")


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
        raise ColumnFault(f"column {name} holds whole numbers beyond 2**53, which floats would round: scale it")
