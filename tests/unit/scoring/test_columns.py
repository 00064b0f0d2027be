"""Arrow columns become numbers with NaN and category codes, or a fault that says the way out."""

import numpy as np
import pyarrow as pa
import pytest

from tallystick.scoring.columns import category_column, numeric_column
from tallystick.scoring.model import ColumnFault


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, 3], pa.int8()),
        pa.array([1.0, float("nan"), 3.0]),
        pa.array([1.0, None, 3.0], pa.float32()),
        pa.chunked_array([[1], [None, 3]], pa.int64()),
        pa.array(["1", None, "3"]).cast(pa.decimal128(5, 2)),
    ],
)
def test_every_numeric_type_becomes_float64_with_nan(column: pa.ChunkedArray) -> None:
    numbers = numeric_column(pa.table({"x": column}), "x")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, [1.0, np.nan, 3.0])


def test_booleans_count_and_a_null_column_is_all_missing() -> None:
    table = pa.table({"flag": [True, None, False], "void": pa.nulls(3)})
    np.testing.assert_array_equal(numeric_column(table, "flag"), [1.0, np.nan, 0.0])
    assert np.isnan(numeric_column(table, "void")).all()
    assert category_column(table, "void")[0].tolist() == [-1, -1, -1]


def test_numeric_faults_name_the_column_and_the_way_out() -> None:
    table = pa.table({"text": ["1"], "big": [2**53 + 1]})
    with pytest.raises(ColumnFault, match=r"column text is string.*cast it"):
        numeric_column(table, "text")
    with pytest.raises(ColumnFault, match=r"column big .*2\*\*53"):
        numeric_column(table, "big")
    with pytest.raises(ColumnFault, match=r"column absent is absent.*it has: text, big"):
        numeric_column(table, "absent")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(ColumnFault, match="x occurs 2 times"):
        numeric_column(twice, "x")


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["b", None, "a", "b"]),
        pa.array(["b", None, "a", "b"]).dictionary_encode(),
        pa.chunked_array([pa.array(["b", None]).dictionary_encode(), pa.array(["a", "b"]).dictionary_encode()]),
        pa.array(["b", None, "a", "b"], pa.large_string()),
    ],
)
def test_categories_are_sorted_codes_however_they_are_stored(column: pa.ChunkedArray) -> None:
    codes, values = category_column(pa.table({"c": column}), "c")
    assert values == ("a", "b")
    assert codes.tolist() == [1, -1, 0, 1]


def test_whole_numbers_are_categories_and_floats_are_not() -> None:
    assert category_column(pa.table({"c": [2, 1, None]}), "c")[1] == ("1", "2")
    with pytest.raises(ColumnFault, match=r"column c is double"):
        category_column(pa.table({"c": [1.5]}), "c")
