"""Laws of conditions and tables: NumPy and DuckDB agree, coverage agrees with brute force, order is kept."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallystick.strategy.columns import ColumnType, read_columns
from tallystick.strategy.conditions import parse_condition
from tallystick.strategy.coverage import cover
from tallystick.strategy.evaluation import compile_condition
from tallystick.strategy.expressions import Constant, TruthExpression, columns_in
from tallystick.strategy.matching import Matcher
from tallystick.strategy.rendering import render
from tallystick.strategy.tables import TableDeclaration, TableFaults, compile_table

COLUMNS = {
    "x": ColumnType("number"),
    "y": ColumnType("number"),
    "n": ColumnType("whole", lowest=0, highest=3),
    "word": ColumnType("text"),
    "level": ColumnType("text", allowed=("low", "mid", "top")),
    "flag": ColumnType("boolean"),
}
# Every combination of these: whatever a generated condition asks, some case has it.
VALUES: Mapping[str, tuple[Any, ...]] = {
    "x": (None, -1.0, 0.0, 0.5, 1.0, 1.5, 3.0),
    "y": (None, -1.0, 0.0, 0.5, 1.0, 2.0),
    "n": (None, 0, 1, 2, 3),
    "word": (None, "a", "ab", "other"),
    "level": (None, "low", "mid", "top"),
    "flag": (None, True, False),
}
CASES = pa.table(
    {
        name: pa.array(
            [case[place] for case in product(*VALUES.values())],
            type={"text": pa.string(), "boolean": pa.bool_(), "whole": pa.int64()}.get(
                COLUMNS[name].kind, pa.float64()
            ),
        )
        for place, name in enumerate(VALUES)
    }
)
FEW_CASES = CASES.take(np.arange(0, CASES.num_rows, 11))

figures = st.sampled_from(["0", "1", "2", "-1", "0.5", "1.0", "1e0"])
comparators = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
number_columns = st.sampled_from(["x", "y", "n"])


def _numbers() -> st.SearchStrategy[str]:
    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
            st.builds("ABS({})".format, inner),
            st.builds("-({})".format, inner),
            st.builds("COALESCE({}, {})".format, inner, inner),
            st.builds("{}({}, {})".format, st.sampled_from(["LEAST", "GREATEST"]), inner, inner),
        )

    return st.recursive(st.one_of(number_columns, figures), grown, max_leaves=4)


# Constants at which the cases hold every cell: each cut, and a value below, between and above.
cuts = st.sampled_from(["0", "1"])
simple_atoms = st.one_of(
    st.builds("{} {} {}".format, number_columns, comparators, cuts),
    st.builds("{} {} {}".format, cuts, comparators, number_columns),
    st.builds("{} BETWEEN 0 AND {}".format, number_columns, cuts),
    st.builds("{} NOT IN ({}, {})".format, number_columns, cuts, cuts),
    st.builds("word {} '{}'".format, st.sampled_from(["=", "<>"]), st.sampled_from(["a", "ab"])),
    st.just("level IN ('low', 'mid')"),
    st.just("level NOT LIKE '%o%'"),
    st.builds("{} IS {}".format, st.sampled_from([*VALUES]), st.sampled_from(["NULL", "NOT NULL"])),
    st.sampled_from(["flag", "NOT flag", "flag = FALSE", "COALESCE(flag, x > 0)", "TRUE", "FALSE"]),
)
atoms = st.one_of(
    simple_atoms,
    st.builds("{} {} {}".format, _numbers(), comparators, _numbers()),
    st.builds("({}) IS NULL".format, _numbers()),
    st.builds("{} BETWEEN {} AND {}".format, _numbers(), number_columns, number_columns),
    st.builds("word {} '{}'".format, st.sampled_from(["LIKE", "NOT LIKE"]), st.sampled_from(["a%", "_", "%b_"])),
)


def _conditions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} AND {})".format, inner, inner),
            st.builds("({} OR {})".format, inner, inner),
            st.builds("{} AND {} OR {}".format, inner, inner, inner).map("({})".format),
            st.builds("NOT ({})".format, inner),
            st.builds("(({}) = ({}))".format, inner, inner),
            st.builds("(({}) IS NULL)".format, inner),
        )

    return st.recursive(leaves, grown, max_leaves=6)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("given_cases", CASES)
        connection.register("given_few", FEW_CASES)
        connection.execute("CREATE TABLE cases AS SELECT * REPLACE (CAST(n AS DOUBLE) AS n) FROM given_cases")
        connection.execute("CREATE TABLE few AS FROM given_few")
        yield connection


def _parsed(text: str) -> TruthExpression:
    try:
        return parse_condition(text=text, columns=COLUMNS)
    except ValueError:  # generated text compares constants only, or divides by a zero
        assume(False)  # noqa: FBT003
        raise


def _truths(condition: TruthExpression) -> npt.NDArray[np.int8]:
    """1 true, 0 false, -1 unknown."""
    frame = read_columns(columns=CASES, types=COLUMNS)
    compiled = compile_condition(condition)
    with np.errstate(all="ignore"):
        true, false = compiled.true(frame), compiled.false(frame)
    assert true.shape == false.shape == (CASES.num_rows,)
    assert not (true & false).any()
    return np.where(true, 1, np.where(false, 0, -1)).astype(np.int8)


def _asked(engine: duckdb.DuckDBPyConnection, sql: str) -> npt.NDArray[np.int8]:
    answer = engine.sql(f"SELECT COALESCE(CAST(({sql}) AS TINYINT), -1) AS truth FROM cases")
    return np.asarray(answer.to_arrow_table()["truth"].to_numpy())


@settings(max_examples=120, deadline=None)
@given(text=_conditions(atoms))
def test_numpy_and_duckdb_agree_on_every_condition(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    condition = _parsed(text)
    sql = render(expression=condition, dialect="duckdb")
    np.testing.assert_array_equal(_truths(condition), _asked(engine, sql), err_msg=f"{text}\n{sql}")


@settings(max_examples=80, deadline=None)
@given(text=_conditions(st.one_of(simple_atoms, st.sampled_from(["x + y > 0.5", "word LIKE 'a_'"]))))
def test_what_was_typed_means_what_duckdb_reads(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    """The officer's own text, unrendered: the parser reads precedence, NOT and lists as the engine does."""
    np.testing.assert_array_equal(_truths(_parsed(text)), _asked(engine, text), err_msg=text)


def _table_text(conditions: list[str]) -> str:
    rows = [f'r{row},"{condition}",{row},code,文,Text' for row, condition in enumerate(conditions)]
    return "\n".join(["id,when,place,reason,zh,en", *rows, "last,otherwise,99,code,,"])


@settings(max_examples=60, deadline=None)
@given(conditions=st.lists(_conditions(atoms), min_size=1, max_size=4), on_missing=st.sampled_from(["next", "last"]))
def test_a_table_decides_as_its_case_expression(
    engine: duckdb.DuckDBPyConnection, conditions: list[str], on_missing: str
) -> None:
    declaration = TableDeclaration("t", {"place": ColumnType("whole")}, on_missing)
    for text in conditions:
        _parsed(text)
    try:
        table = compile_table(text=_table_text(conditions), file="t.csv", declaration=declaration, columns=COLUMNS)
    except TableFaults as refused:
        assert all(  # noqa: PT017  only such rows may be refused here
            "never reached" in fault.problem or "no case" in fault.problem for fault in refused.faults
        )
        assume(False)  # noqa: FBT003
    sql = table.render_sql(dialect="duckdb", output="place")
    theirs = engine.sql(f"SELECT CAST({sql} AS BIGINT) AS place FROM few").to_arrow_table()["place"]
    np.testing.assert_array_equal(table.decide(FEW_CASES).outputs["place"], theirs.to_numpy(), err_msg=sql)


@settings(max_examples=80, deadline=None)
@given(texts=st.lists(_conditions(simple_atoms), min_size=1, max_size=5), on_missing=st.sampled_from(["next", "last"]))
def test_coverage_agrees_with_trying_every_case(texts: list[str], on_missing: str) -> None:
    """The cases hold every cell of every column that simple conditions can cut."""
    conditions = [*map(_parsed, texts), Constant(value=True)]
    missing_row = len(texts) if on_missing == "last" else None
    frame = read_columns(columns=CASES, types=COLUMNS)
    rows, unknown = Matcher.of(conditions=conditions, missing_row=missing_row).match(frame)
    coverage = cover(conditions=conditions, columns=COLUMNS, missing_row=missing_row)
    assert coverage.exact
    assert {row.row for row in coverage.rows if row.reach == "reached"} == set(rows.tolist())
    for row in coverage.rows:
        if row.example is not None:
            assert row.row in _rows_of_cases_like(dict(row.example), rows)
    assert all(unknown[row] for _, row in coverage.falls_through)


def _rows_of_cases_like(example: dict[str, Any], rows: npt.NDArray[np.int32]) -> set[int]:
    """The rows of all cases in the same cells as the example; their values stand for their cells."""
    like = np.ones(len(rows), dtype=np.bool_)
    for name, value in example.items():
        listed = np.array(CASES[name].to_pylist(), dtype=object)
        if value is None or value in VALUES[name]:
            like &= np.array([cell is None if value is None else cell == value for cell in listed])
    return set(rows[like].tolist())


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(_conditions(atoms), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_one_at_a_time_is_the_same_as_all_at_once(texts: list[str], seed: int) -> None:
    conditions = [*map(_parsed, texts), Constant(value=True)]
    types = {name: COLUMNS[name] for condition in conditions for name in columns_in(condition)}
    matcher = Matcher.of(conditions=conditions, missing_row=None)
    together, _ = matcher.match(read_columns(columns=CASES, types=types))
    for case in np.random.default_rng(seed).integers(0, CASES.num_rows, 5):
        alone, _ = matcher.match(read_columns(columns=CASES.slice(int(case), 1), types=types))
        assert alone.tolist() == [together[case]]
