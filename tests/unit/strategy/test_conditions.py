"""Conditions: what they mean for missing values, and every kind of text that is refused."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tallystick.scoring.model import ColumnFault
from tallystick.strategy.columns import LARGEST_WHOLE, ColumnType, read_columns
from tallystick.strategy.conditions import ConditionFaults, parse_condition
from tallystick.strategy.evaluation import compile_condition
from tallystick.strategy.expressions import columns_in

COLUMNS = {
    "pd_ppm": ColumnType("whole", lowest=0, highest=1_000_000),
    "income_minor": ColumnType("whole"),
    "utilization_ratio": ColumnType("number"),
    "segment": ColumnType("text", allowed=("student", "worker")),
    "city": ColumnType("text"),
    "is_employed": ColumnType("boolean"),
}


def truths(text: str, **columns: list[Any]) -> list[bool | None]:
    condition = parse_condition(text=text, columns=COLUMNS)
    types = {name: COLUMNS[name] for name in columns_in(condition)}
    frame = read_columns(columns={name: np.array(cells) for name, cells in columns.items()}, types=types)
    compiled = compile_condition(condition)
    with np.errstate(all="ignore"):
        pairs = zip(compiled.true(frame).tolist(), compiled.false(frame).tolist(), strict=True)
        return [True if true else False if false else None for true, false in pairs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pd_ppm > 10", [True, False, None]),
        ("NOT pd_ppm > 10", [False, True, None]),
        ("pd_ppm <> 10", [True, False, None]),
        ("10 < pd_ppm", [True, False, None]),
        ("pd_ppm IS NULL", [False, False, True]),
        ("pd_ppm IS NOT NULL", [True, True, False]),
        ("(pd_ppm > 10) IS NULL", [False, False, True]),
        ("pd_ppm > 10 OR TRUE", [True, True, True]),
        ("pd_ppm > 10 AND FALSE", [False, False, False]),
        ("pd_ppm > 10 AND TRUE", [True, False, None]),
        ("pd_ppm BETWEEN 10 AND 20", [True, True, None]),
        ("pd_ppm NOT BETWEEN 11 AND 20", [False, True, None]),
        ("pd_ppm IN (10, 30)", [False, True, None]),
        ("pd_ppm NOT IN (10, 30)", [True, False, None]),
        ("pd_ppm / 2 = 7.5", [True, False, None]),
        ("-pd_ppm < -10", [True, False, None]),
        ("ABS(pd_ppm - 20) < 6", [True, False, None]),
        ("COALESCE(pd_ppm, 99) = 99", [False, False, True]),
        ("LEAST(pd_ppm, 12) = 12", [True, False, None]),
        ("GREATEST(pd_ppm, 12) = 15", [True, False, None]),
        ("pd_ppm > 2 * 5", [True, False, None]),
    ],
)
def test_three_values(text: str, expected: list[bool | None]) -> None:
    assert truths(text, pd_ppm=[15.0, 10.0, np.nan]) == expected


def test_seven_halves_is_three_and_a_half() -> None:
    assert truths("income_minor / 2 = 3.5", income_minor=[7, 6]) == [True, False]


def test_a_division_by_zero_is_missing() -> None:
    cells = {"income_minor": [5, 0, 5], "pd_ppm": [0, 0, 2]}
    assert truths("income_minor / pd_ppm > 1", **cells) == [None, None, True]
    assert truths("(income_minor / pd_ppm) IS NULL", **cells) == [True, True, False]


def test_text_is_tested_and_missing_text_is_unknown() -> None:
    city = ["shop42", "shop", None, "50% off"]
    assert truths("city LIKE 'shop_%'", city=city) == [True, False, None, False]
    assert truths("city NOT LIKE 'shop%'", city=city) == [False, False, None, True]
    assert truths("city IN ('shop', 'x')", city=city) == [False, True, None, False]
    assert truths("city <> 'shop'", city=city) == [True, False, None, True]
    assert truths("city IS NULL", city=city) == [False, False, True, False]


def test_a_pattern_that_no_allowed_value_fits_is_false_and_never_true() -> None:
    assert truths("segment LIKE 'x%'", segment=["student", None]) == [False, None]


def test_truths_stand_alone_and_compare() -> None:
    is_employed = [True, False, None]
    assert truths("is_employed", is_employed=is_employed) == [True, False, None]
    assert truths("is_employed = FALSE", is_employed=is_employed) == [False, True, None]
    assert truths("COALESCE(is_employed, TRUE)", is_employed=is_employed) == [True, False, True]
    assert truths("is_employed <> (pd_ppm > 5)", is_employed=is_employed, pd_ppm=[9, 9, 9]) == [
        False,
        True,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "problem", "way_out"),
    [
        ("pd_pmm > 5", "unknown column `pd_pmm`; the nearest is `pd_ppm`", "catalog"),
        ('segment = "student"', "unknown column `student`", "single quotes: 'student'"),
        ("lines.pd_ppm > 5", "names a table", "only the column, `pd_ppm`"),
        ("segment > 5", "text with a number", "single quotes"),
        ("segment = 5", "compares text with a number", "single quotes"),
        ("pd_ppm = 'high'", "compares a number with text", "without quotes"),
        ("is_employed = 1", "compares a truth with a number", "alone or with NOT"),
        ("city < 'm'", "orders text", "LIKE"),
        ("city = segment", "two text columns", "listed values"),
        ("segment = 'studnet'", "never 'studnet'; the nearest is `student`", "student, worker"),
        ("segment IN ('student', 'x')", "never 'x'", "student, worker"),
        ("pd_ppm IN (1, 'x')", "mixes types", "list numbers"),
        ("pd_ppm", "is a number, not a condition", "compare it"),
        ("pd_ppm AND is_employed", "`pd_ppm` is a number, not a condition", "compare it"),
        ("is_employed + 1 > 2", "is a truth where a number is needed", "numeric column"),
        ("1 < pd_ppm < 5", "a truth with a number", "BETWEEN"),
        ("1 < 2", "constants only", "compare a column"),
        ("ABS(5) > LEAST(1, 2)", "constants only", "compare a column"),
        ("COALESCE(1, 2) IS NULL", "about a constant", "column"),
        ("pd_ppm = NULL", "NULL is no value", "IS NULL"),
        ("pd_ppm IS TRUE", "uses IS", "IS NULL"),
        ("pd_ppm BETWEEN 5 AND 1", "holds nothing", "smaller bound first"),
        ("pd_ppm BETWEEN SYMMETRIC 5 AND 1", "uses Between", "conditions know"),
        ("pd_ppm / 0 > 1", "divides by zero", "another number"),
        ("pd_ppm > 1e308 * 10", "too large", "1e308"),
        ("pd_ppm > 1e999", "too large", "1e308"),
        ("pd_ppm // 2 > 1", "uses IntDiv", "conditions know"),
        ("pd_ppm % 2 = 0", "uses Mod", "conditions know"),
        ("LOG(pd_ppm) > 1", "which conditions do not have", "conditions know"),
        ("median_of(pd_ppm) > 1", "uses MEDIAN_OF", "conditions know"),
        ("CAST(pd_ppm AS INT) > 1", "uses CAST", "conditions know"),
        ("CASE WHEN is_employed THEN TRUE END", "uses CASE", "conditions know"),
        ("pd_ppm IN (SELECT 1)", "uses In", "conditions know"),
        ("city ILIKE 'x%'", "uses ILike", "conditions know"),
        ("city LIKE 'a!%' ESCAPE '!'", "uses Escape", "conditions know"),
        ("city LIKE 'a\\%'", "escapes in a pattern", "list the values"),
        ("COALESCE(city, 'x') = 'x'", "COALESCE takes numbers or truths", "IS NULL OR"),
        ("COALESCE(pd_ppm, is_employed) > 1", "mixes numbers and truths", "one type"),
        ("pd_ppm > 5 is_employed", "uses Alias", "conditions know"),
        ("pd_ppm > 5; DROP TABLE lines", "not one condition", "without semicolons"),
        ("pd_ppm > 5 -- AND is_employed", "holds a comment", "remove the comment"),
        ("pd_ppm > 5--3", "holds a comment", "space between two minus signs"),
        ("pd_ppm >", "cannot be read near `>`", "one condition"),
        ("city = 'x", "a quote is open", "one condition"),
        ("pd_ppm ＞ 5", "cannot be read", "type ＞ as plain"),
        ("city = ‘x’", "unknown column `‘x’`", "type ‘ ’ as plain"),
        ("", "not one condition", "one condition"),
    ],
)
def test_refused_by_name_with_the_way_out(text: str, problem: str, way_out: str) -> None:
    with pytest.raises(ConditionFaults) as refused:
        parse_condition(text=text, columns=COLUMNS)
    assert any(problem in fault.problem and way_out in fault.way_out for fault in refused.value.faults), (
        refused.value.faults
    )


def test_all_faults_of_a_condition_are_shown_at_once() -> None:
    with pytest.raises(ConditionFaults) as refused:
        parse_condition(text="pd_pmm > 5 AND segment > 5 OR LOG(pd_ppm) > 1", columns=COLUMNS)
    assert len(refused.value.faults) == 3


@pytest.mark.parametrize(
    ("cells", "kind", "problem"),
    [
        (np.array(["a"], dtype=object), ColumnType("whole"), "is string where whole"),
        (np.array([1, "a"], dtype=object), ColumnType("text"), "several types"),
        (np.array([1]), ColumnType("text"), "is int64 where text"),
        (np.array([1]), ColumnType("boolean"), "is int64 where boolean"),
        (np.array([True]), ColumnType("number"), "is bool where number"),
        (np.array([1.5]), ColumnType("whole"), "declared whole and holds 1.5 at row 0"),
        (np.array([3, -1]), ColumnType("whole", lowest=0), "holds -1 at row 1, outside"),
        (np.array([np.nan, np.inf]), ColumnType("number"), "holds inf at row 1, outside"),
        (np.array([LARGEST_WHOLE + 1]), ColumnType("whole"), "outside its declared range"),
        (np.array([1.0, np.nan]), ColumnType("number", may_be_missing=False), "never missing"),
        (np.array([True, None]), ColumnType("boolean", may_be_missing=False), "never missing"),
        (np.array(["x", None]), ColumnType("text", may_be_missing=False), "never missing"),
        (np.array(["z"], dtype=object), ColumnType("text", allowed=("x",)), "holds 'z', which is none of x"),
        (np.ma.masked_array([1.0], mask=[True]), ColumnType("number"), "masked array"),
        (pa.chunked_array([pa.array([1], pa.decimal128(5, 2))]), ColumnType("number"), "is decimal128"),
    ],
)
def test_a_column_that_breaks_its_type_is_refused(cells: Any, kind: ColumnType, problem: str) -> None:
    with pytest.raises(ColumnFault, match="column `c`") as refused:
        read_columns(columns={"c": cells}, types={"c": kind})
    assert problem in str(refused.value)


def test_every_bad_column_is_named_at_once() -> None:
    types = {"a": ColumnType("whole"), "pd_ppm": ColumnType("whole"), "c": ColumnType("number")}
    columns = {"pd_pm": np.array([1]), "a": np.array([1.5]), "c": np.array([1.0, 2.0])}
    with pytest.raises(ColumnFault) as refused:
        read_columns(columns=columns, types=types)
    message = str(refused.value)
    assert "`pd_ppm` is absent; the nearest is `pd_pm`" in message
    assert "holds 1.5" in message
    assert "has 2 cells where the first column has 1" in message


def test_no_columns_at_all_is_refused() -> None:
    with pytest.raises(ColumnFault, match="number of cases is unknown"):
        read_columns(columns={}, types={})


@pytest.mark.parametrize(
    "cells",
    [
        np.array([1, None], dtype=object),
        np.array([1.0, np.nan], dtype=np.float32),
        pa.chunked_array([[1], [None]]),
        pa.chunked_array([pa.array([1, None], pa.uint8())]),
        pa.chunked_array([pa.array([1.0, np.nan])]),
    ],
)
def test_numbers_are_read_alike_from_every_form(cells: Any) -> None:
    frame = read_columns(columns={"c": cells}, types={"c": ColumnType("whole")})
    assert [frame.value(name="c", row=row) for row in range(2)] == [1.0, None]
    assert frame.with_missing == {"c"}


@pytest.mark.parametrize(
    "cells",
    [
        np.array(["x", None], dtype=object),
        pa.chunked_array([pa.array(["x", None], pa.large_string())]),
        pa.chunked_array([pa.array(["x", None]).dictionary_encode()]),
        pa.chunked_array([["x"], pa.array([None], pa.string())]),
    ],
)
def test_text_is_read_alike_from_every_form(cells: Any) -> None:
    frame = read_columns(columns={"c": cells}, types={"c": ColumnType("text")})
    assert [frame.value(name="c", row=row) for row in range(2)] == ["x", None]


def test_a_column_of_nulls_fits_every_kind() -> None:
    for kind in ("number", "whole", "text", "boolean"):
        frame = read_columns(columns={"c": pa.chunked_array([pa.nulls(2)])}, types={"c": ColumnType(kind)})
        assert [frame.value(name="c", row=row) for row in range(2)] == [None, None]
