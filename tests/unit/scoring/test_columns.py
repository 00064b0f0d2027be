"""Columns become numbers with NaN and category codes, or a fault that says the way out."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from tallystick.scoring.columns import category_column, missing_cells, numeric_column, row_count
from tallystick.scoring.model import ColumnFault, ModelFeature


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


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, np.nan, 0.0]),
        np.array([1.0, np.nan, 0.0], dtype=np.float32),
        np.array([1, None, 0], dtype=object),
        np.array([True, None, False], dtype=object),
        np.ma.MaskedArray([1, 7, 0], mask=[False, True, False]),
    ],
)
def test_an_array_reads_as_the_arrow_column_of_its_values(values: npt.NDArray[Any]) -> None:
    np.testing.assert_array_equal(numeric_column({"x": values}, "x"), [1.0, np.nan, 0.0])
    assert missing_cells({"x": values}, ModelFeature("x", "numeric")).tolist() == [False, True, False]


def test_arrays_of_whole_numbers_truths_and_texts() -> None:
    columns = {"n": np.array([-3, 2**53]), "b": np.array([True, False]), "c": np.array(["b", None], dtype=object)}
    assert numeric_column(columns, "n").tolist() == [-3.0, 2.0**53]
    assert numeric_column(columns, "b").tolist() == [1.0, 0.0]
    assert category_column(columns, "c")[0].tolist() == [0, -1]
    assert missing_cells(columns, ModelFeature("c", "category")).tolist() == [False, True]


def test_faults_of_arrays_name_the_column_and_the_way_out() -> None:
    columns = {"big": np.array([0, 2**53 + 1]), "low": np.array([0, -(2**53) - 1]), "mixed": np.array(["a", 1], object)}
    for name in ("big", "low"):
        with pytest.raises(ColumnFault, match=rf"column {name} .*2\*\*53"):
            numeric_column(columns, name)
    with pytest.raises(ColumnFault, match="column mixed holds values of several types"):
        numeric_column(columns, "mixed")
    with pytest.raises(ColumnFault, match=r"column absent is absent.*it has: big, low, mixed"):
        numeric_column(columns, "absent")
    with pytest.raises(ColumnFault, match=r"differ in their number of rows: y has 1, x has 2"):
        row_count({"x": np.ones(2), "y": np.ones(1)})


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
