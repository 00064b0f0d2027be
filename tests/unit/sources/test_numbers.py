"""Numbers are read exactly from every type that a file may hold, and multiplied without loss."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from tallystick.sources.numbers import LARGEST, NumberMarks, as_text, read_numbers, rounded_product, trimmed


def column(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def test_integers_need_no_fraction() -> None:
    numbers = read_numbers(column([3, None, -7]))
    assert numbers.digits == 0
    assert numbers.parts.tolist() == [3, 0, -7]
    assert numbers.missing.tolist() == [False, True, False]


def test_floats_keep_the_decimal_that_was_meant() -> None:
    # 1.005 is stored as 1.00499999999999989..., which would round to 1.00.
    numbers = read_numbers(column([1.005, float("nan"), float("inf"), 1e300]))
    assert numbers.parts[0] == 1_005_000
    assert numbers.missing.tolist() == [False, True, False, False]
    assert numbers.unreadable.tolist() == [False, False, True, False]
    assert numbers.too_large.tolist() == [False, False, False, True]


@pytest.mark.parametrize("kind", [pa.decimal128(38, 2), pa.decimal128(20, 9), pa.decimal256(60, 2)])
def test_decimals_are_exact_beyond_what_a_float_can_tell(kind: pa.DataType) -> None:
    numbers = read_numbers(column([Decimal("10000000007.01"), None], kind))
    assert numbers.parts[0] == 10_000_000_007_010_000
    assert numbers.missing.tolist() == [False, True]


def test_decimals_too_large_for_any_field_are_flagged_not_wrapped() -> None:
    numbers = read_numbers(column([Decimal("9" * 30), Decimal(1)], pa.decimal128(38, 2)))
    assert numbers.too_large.tolist() == [True, False]


def test_large_unsigned_integers_are_flagged_not_wrapped() -> None:
    numbers = read_numbers(column([2**64 - 1, 5, None], pa.uint64()))
    assert numbers.too_large.tolist() == [True, False, False]
    assert numbers.parts[1] == 5


@pytest.mark.parametrize(
    ("text", "parts"),
    [("12", 12_000_000), (" 12.5 ", 12_500_000), ("+3.", 3_000_000), ("-.5", -500_000), ("1e3", 10**9)],
)
def test_text_is_read_as_a_person_writes_numbers(text: str, parts: int) -> None:
    numbers = read_numbers(column([text, "0.1"]))
    assert numbers.parts[0] == parts


@pytest.mark.parametrize("text", ["12岁", "0x10", "nan", "inf", "1,000", "--1", "1 2", "."])
def test_text_that_is_no_number_is_named_not_guessed(text: str) -> None:
    numbers = read_numbers(column([text, "7"]))
    assert numbers.unreadable.tolist() == [True, False]
    assert numbers.usable.tolist() == [False, True]


def test_blank_text_is_missing() -> None:
    numbers = read_numbers(column(["", "  ", None, "1"]))
    assert numbers.missing.tolist() == [True, True, True, False]


def test_declared_marks_read_grouped_numbers() -> None:
    assert read_numbers(column(["12,000.5"]), marks=NumberMarks(thousands=",")).parts[0] == 12_000_500_000
    european = NumberMarks(thousands=".", decimal=",")
    assert read_numbers(column(["12.000,5"]), marks=european).parts[0] == 12_000_500_000


def test_a_dictionary_column_is_read_like_its_values() -> None:
    cells = pa.chunked_array([pa.array(["5", "x", "5"]).dictionary_encode()])
    assert read_numbers(cells).unreadable.tolist() == [False, True, False]


def test_products_too_long_for_64_bits_stay_exact() -> None:
    parts = np.array([10**15 + 1, -(10**15 + 1), 3], dtype=np.int64)
    factor = Fraction(142_857_143, 10**9)
    assert rounded_product(parts, factor).tolist() == [round(Fraction(part) * factor) for part in parts.tolist()]


def test_products_beyond_any_field_are_cut_not_wrapped() -> None:
    assert rounded_product(np.array([LARGEST]), Fraction(1000)).tolist() == [LARGEST]


def test_whole_floats_are_told_without_their_point() -> None:
    assert as_text(column([1.0, None, 2.0])).to_pylist() == ["1", None, "2"]
    assert as_text(column([1.5, 2.0])).to_pylist() == ["1.5", "2"]


def test_trimmed_text_that_is_empty_is_null() -> None:
    assert trimmed(column([" a ", " ", None])).to_pylist() == ["a", None, None]
