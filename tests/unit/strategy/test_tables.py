"""Decision tables: the spreadsheet form, first match wins, missing values, every fault shown at once."""

import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from tallystick.scoring.model import ColumnFault
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.tables import (
    DecisionTable,
    TableDeclaration,
    TableFaults,
    compile_table,
    read_declaration,
)

COLUMNS = {
    "months_past_due": ColumnType("whole", lowest=0, highest=24),
    "pd_ppm": ColumnType("whole", lowest=0, highest=1_000_000),
    "utilization": ColumnType("number"),
    "segment": ColumnType("text", allowed=("student", "worker")),
    "is_vip": ColumnType("boolean"),
}
ALLOWED = ColumnType("text", allowed=("allowed", "refused"))
DECLARATION = TableDeclaration("eligibility", {"increase": ALLOWED, "decrease": ALLOWED})
HEADER = "id,when,months_past_due,increase,decrease,reason,zh,en"
LATE = "late,,>= 1,refused,allowed,past_due,逾期,Past due"
RISKY = '"risky","pd_ppm > 150000 AND utilization > 0.9",,refused,allowed,high_risk,风险高,High risk'
FINE = "fine,otherwise,,allowed,refused,good_standing,良好,Good standing"


def table(*rows: str, header: str = HEADER, declaration: TableDeclaration = DECLARATION) -> DecisionTable:
    text = "\n".join([header, *rows])
    return compile_table(text=text, file="e.csv", declaration=declaration, columns=COLUMNS)


def faults(*rows: str, header: str = HEADER, declaration: TableDeclaration = DECLARATION) -> list[str]:
    with pytest.raises(TableFaults) as refused:
        table(*rows, header=header, declaration=declaration)
    assert all(fault.way_out for fault in refused.value.faults)
    return str(refused.value).splitlines()[1:]


def cases(**columns: list[Any]) -> dict[str, Any]:
    return {name: np.array(cells) for name, cells in columns.items()}


def test_the_first_row_that_is_true_decides() -> None:
    decisions = table(LATE, RISKY, FINE).decide(
        cases(months_past_due=[2, 0, 0], pd_ppm=[200_000, 200_000, 5], utilization=[0.95, 0.95, 0.95])
    )
    assert decisions.row.tolist() == [0, 1, 2]
    assert decisions.row.dtype == np.int32
    assert decisions.outputs["increase"].tolist() == ["refused", "refused", "allowed"]
    assert decisions.outputs["decrease"].tolist() == ["allowed", "allowed", "refused"]
    assert decisions.reason.tolist() == ["past_due", "high_risk", "good_standing"]
    assert decisions.unknown.tolist() == [0, 0, 0]


def test_a_missing_value_does_not_match_and_is_counted() -> None:
    decisions = table(LATE, RISKY, FINE).decide(
        cases(months_past_due=[np.nan, 0, 3], pd_ppm=[5, np.nan, np.nan], utilization=[0.95, 0.95, 0.95])
    )
    assert decisions.row.tolist() == [2, 2, 0]
    assert decisions.unknown.tolist() == [1, 1, 0]  # the third case was decided before it met the second row


def test_on_missing_names_the_row_that_decides() -> None:
    unscored = "unscored,missing,,refused,refused,no_score,无评分,No score"
    declaration = TableDeclaration("eligibility", DECLARATION.outputs, on_missing="unscored")
    decisions = table(LATE, RISKY, unscored, FINE, declaration=declaration).decide(
        cases(months_past_due=[np.nan, 0, 3, 0], pd_ppm=[5, np.nan, np.nan, 5], utilization=[0.95] * 4)
    )
    assert decisions.reason.tolist() == ["no_score", "no_score", "past_due", "good_standing"]
    assert decisions.unknown.tolist() == [1, 1, 0, 0]


def test_a_condition_that_is_false_whatever_is_missing_is_not_unknown() -> None:
    decisions = table(RISKY, FINE).decide(cases(pd_ppm=[5], utilization=[np.nan]))
    assert decisions.unknown.tolist() == [0, 0]


def test_arrow_and_numpy_give_the_same() -> None:
    given = table(LATE, RISKY, FINE)
    columns = {"months_past_due": [0, None, 2], "pd_ppm": [200_000, 1, None], "utilization": [0.95, None, 1.0]}
    from_arrow = given.decide(pa.table(columns))
    from_numpy = given.decide({name: np.array(cells, dtype=np.float64) for name, cells in columns.items()})
    assert from_arrow.row.tolist() == from_numpy.row.tolist() == [1, 2, 0]


def test_no_cases_give_no_decisions() -> None:
    decisions = table(LATE, FINE).decide(cases(months_past_due=[]))
    assert decisions.row.shape == decisions.outputs["increase"].shape == (0,)


def test_many_cases_decide_as_each_alone() -> None:
    """More than are asked at once, and enough decided early that the open ones are gathered."""
    given = table(LATE, RISKY, "vip,\"is_vip OR segment = 'student'\",,allowed,refused,vip,贵,Vip", FINE)
    generator = np.random.default_rng(7)
    count = 70_001
    columns = pa.table(
        {
            "months_past_due": pa.array(generator.integers(0, 3, count), mask=generator.random(count) < 0.1),
            "pd_ppm": pa.array(generator.integers(0, 300_000, count), mask=generator.random(count) < 0.1),
            "utilization": generator.random(count) * 1.2,
            "segment": generator.choice(["student", "worker"], count),
            "is_vip": pa.array(generator.random(count) < 0.1, mask=generator.random(count) < 0.1),
        }
    )
    together = given.decide(columns)
    in_hundreds = [given.decide(columns.slice(start, 100)) for start in range(0, count, 100)]
    assert together.row.tolist() == np.concatenate([part.row for part in in_hundreds]).tolist()
    assert together.unknown.tolist() == np.sum([part.unknown for part in in_hundreds], axis=0).tolist()
    assert set(together.row.tolist()) == {0, 1, 2, 3}
    sql = given.render_sql(dialect="duckdb", output="id")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("columns", columns)
        theirs = connection.sql(f"SELECT {sql} AS id FROM columns").to_arrow_table()["id"].to_pylist()
    assert [given.rows[row].id for row in together.row] == theirs


def test_the_sql_of_a_table_with_a_row_for_the_missing() -> None:
    declaration = TableDeclaration("eligibility", DECLARATION.outputs, on_missing="fine")
    sql = table(LATE, FINE, declaration=declaration).render_sql(dialect="duckdb", output="increase")
    assert sql == (
        "CASE WHEN (CAST(months_past_due AS DOUBLE) >= CAST(1.0 AS DOUBLE)) IS NULL THEN 'allowed' "
        "WHEN CAST(months_past_due AS DOUBLE) >= CAST(1.0 AS DOUBLE) THEN 'refused' ELSE 'allowed' END"
    )


def test_the_trace_shows_what_each_row_read() -> None:
    columns = cases(months_past_due=[5, 0], pd_ppm=[1, np.nan], utilization=[0.5, 0.95])
    steps = table(LATE, RISKY, FINE).trace(columns, index=1)
    assert [(step.row_id, step.truth) for step in steps] == [("late", False), ("risky", None), ("fine", True)]
    assert steps[0].when == "months_past_due >= 1"
    assert steps[1].read == {"pd_ppm": None, "utilization": 0.95}
    (only,) = table(LATE, RISKY, FINE).trace(columns, index=0)
    assert (only.row_id, only.read, only.truth) == ("late", {"months_past_due": 5.0}, True)


def test_the_trace_ends_where_the_missing_decide() -> None:
    declaration = TableDeclaration("eligibility", DECLARATION.outputs, on_missing="fine")
    steps = table(LATE, RISKY, FINE, declaration=declaration).trace(
        cases(months_past_due=[np.nan], pd_ppm=[1], utilization=[0.5]), index=0
    )
    assert [(step.row_id, step.truth) for step in steps] == [("late", None), ("fine", True)]


def test_a_trace_beyond_the_cases_is_refused() -> None:
    with pytest.raises(IndexError, match="case 1 of 1"):
        table(LATE, FINE).trace(cases(months_past_due=[1]), index=1)


def test_a_table_says_what_it_reads_and_which_reasons_it_gives() -> None:
    given = table(LATE, RISKY, FINE)
    assert given.columns_read == ("months_past_due", "pd_ppm", "utilization")
    assert given.reasons["past_due"] == ("逾期", "Past due")
    assert given.coverage.exact


@pytest.mark.parametrize(
    ("cell", "condition"),
    [
        (">= 1", "months_past_due >= 1"),
        ("2", "months_past_due = 2"),
        ("BETWEEN 1 AND 2", "months_past_due BETWEEN 1 AND 2"),
        ('"IN (1, 2)"', "months_past_due IN (1, 2)"),
        ("is not null", "months_past_due is not null"),
    ],
)
def test_a_cell_under_a_column_is_a_test_of_it(cell: str, condition: str) -> None:
    given = table(f"late,,{cell},refused,allowed,past_due,逾期,Past due", FINE)
    assert given.rows[0].when == condition


def test_a_plain_word_under_a_text_column_must_be_equal() -> None:
    header = "id,segment,increase,decrease,reason,zh,en"
    rows = ("a,student,refused,refused,x,文,Text", "b,'worker',allowed,refused,x,,", "c,-,allowed,allowed,x,,")
    given = table(*rows, header=header)
    assert given.rows[0].when == "segment = 'student'"
    assert given.decide(cases(segment=["worker", "student", None])).row.tolist() == [1, 0, 2]


def test_all_tests_of_a_row_must_hold() -> None:
    row = "late,pd_ppm > 5 OR utilization > 1,>= 1,refused,allowed,past_due,逾期,Past due"
    columns = cases(months_past_due=[0, 1], pd_ppm=[6, 6], utilization=[0.0, 0.0])
    assert table(row, FINE).decide(columns).row.tolist() == [1, 0]


def test_a_sheet_as_spreadsheet_programs_save_it() -> None:
    text = "\ufeff" + "\r\n".join(
        [HEADER, LATE, ",,,,,,,", '"fine", TRUE ,,allowed,refused,ok,"良,好","Good\r\nstanding"', ""]
    )
    given = compile_table(text=text, file="e.csv", declaration=DECLARATION, columns=COLUMNS)
    assert [row.place for row in given.rows] == [2, 4]
    assert given.reasons["ok"] == ("良,好", "Good\r\nstanding")


def test_outputs_have_their_types() -> None:
    declaration = TableDeclaration(
        "t",
        {
            "step": ColumnType("whole"),
            "share": ColumnType("number"),
            "stop": ColumnType("boolean"),
            "code": ColumnType("text"),
        },
    )
    header = "id,when,step,share,stop,code,reason,zh,en"
    rows = ("a,is_vip,20000,0.5,TRUE,x,r,文,Text", "b,otherwise,0,1,false,y,r,,")
    outputs = table(*rows, header=header, declaration=declaration).decide(cases(is_vip=[True, False])).outputs
    assert [outputs[name].dtype for name in ("step", "share", "stop")] == [np.int64, np.float64, np.bool_]
    assert {name: values.tolist() for name, values in outputs.items()} == {
        "step": [20000, 0],
        "share": [0.5, 1.0],
        "stop": [True, False],
        "code": ["x", "y"],
    }


def test_all_faults_are_shown_at_once_with_their_rows() -> None:
    shown = faults(
        "late,months_pst_due >= 1,,refused,allowed,past_due,逾期,Past due",
        "late,segment > 5,,refusd,allowed,past_due,逾期,Late",
        "worse,pd_ppm > 5,,allowed,refused,good,,Good",
    )
    assert shown == [
        "  e.csv, row 2, when: unknown column `months_pst_due`; the nearest is `months_past_due`; "
        "use a column of the catalog or add it there.",
        "  e.csv, row 3, when: `segment > 5` compares text with a number; compare it with text in single quotes.",
        "  e.csv, row 3, increase: 'refusd' is no value of it; the nearest is `refused`; use allowed, refused.",
        "  e.csv, row 4, when: the last row does not take every case; end with a row `otherwise`.",
        "  e.csv, row 3, id: row 2 has the id 'late' too; rename one.",
        "  e.csv, row 3, en: reason 'past_due' has another text on row 2; use one text, or another code.",
        "  e.csv, row 4, zh: reason 'good' has no text; write what the borrower is told.",
    ]


def test_an_unreachable_row_is_refused_with_who_took_its_cases() -> None:
    (shown,) = faults(LATE, "later,,>= 3,refused,allowed,past_due,,", FINE)
    assert shown == (
        "  e.csv, row 3, when: row later is never reached: late (row 2) took every case before it; "
        "move it up, narrow those above it, or remove it."
    )


def test_a_condition_that_nothing_meets_is_refused() -> None:
    (shown,) = faults(LATE, "x,pd_ppm > 2000000,,refused,allowed,past_due,,", FINE)
    assert "row 3, when: no case can meet this condition" in shown


def test_otherwise_above_other_rows_is_refused() -> None:
    (shown,) = faults(FINE, LATE, FINE.replace("fine", "end").replace("good_standing", "x"))
    assert "row 3, when: row late is never reached: fine (row 2) took every case" in shown


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "e.csv: the table has no rows"),
        ([LATE], "row 2, when: the last row does not take every case"),
        (["late,,,refused,allowed,r,文,T", FINE], "row 2, when: the condition is empty"),
        ([LATE, "x,missing,,refused,allowed,past_due,,", FINE], 'declare on_missing = "x"'),
        ([LATE.replace("late", ""), FINE], "row 2, id: the cell is empty"),
        ([LATE.replace("past_due", "past due"), FINE], "row 2, reason: 'past due' is no code"),
        ([LATE.replace("allowed", ""), FINE], "row 2, decrease: the cell is empty"),
        ([LATE + ",extra", FINE], "row 2: 9 cells under 8 headings"),
        ([LATE.replace(">= 1", ">= one"), FINE], "row 2, months_past_due: unknown column `one`"),
        ([LATE.replace("late", '"late'), FINE], "this is not CSV"),
    ],
)
def test_refused_rows(rows: list[str], expected: str) -> None:
    assert any(expected in shown for shown in faults(*rows)), faults(*rows)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER.replace("increase", "incraese"), "row 1, incraese: unknown heading; the nearest is `increase`"),
        (HEADER.replace("increase", "incraese"), "row 1, increase: this heading is absent"),
        (HEADER.replace(",zh", ""), "row 1, zh: this heading is absent"),
        (HEADER + ",en", "row 1, en: this heading appears twice"),
        (HEADER.replace(",", ";"), "save the sheet as CSV (comma delimited)"),
        ("id,increase,decrease,reason,zh,en", "row 1, when: no column holds conditions"),
        ("", "e.csv: the file is empty"),
    ],
)
def test_refused_headers(header: str, expected: str) -> None:
    rows = (LATE, FINE) if header else ()
    assert any(expected in shown for shown in faults(*rows, header=header))


@pytest.mark.parametrize(
    ("cell", "kind", "expected"),
    [
        ("1,5", ColumnType("number"), "9 cells"),
        ("1.5", ColumnType("whole"), "'1.5' is not whole; write a whole number such as 25"),
        ("20 000", ColumnType("whole"), "'20 000' is not whole"),
        ("", ColumnType("number"), "'' is not number"),
        ("nan", ColumnType("number"), "'nan' is not number"),
        ("inf", ColumnType("number"), "'inf' is not number"),
        ("-1", ColumnType("whole", lowest=0, highest=9), "-1 is out of range; use 0 to 9"),
        ("yes", ColumnType("boolean"), "'yes' is not boolean; write TRUE or FALSE"),
        ("", ColumnType("text"), "the cell is empty"),
    ],
)
def test_refused_outputs(cell: str, kind: ColumnType, expected: str) -> None:
    declaration = TableDeclaration("t", {"out": kind})
    rows = (f"a,is_vip,{cell},r,文,T,,", f"b,otherwise,{cell},r,,,,")
    shown = faults(*rows, header="id,when,out,reason,zh,en", declaration=declaration)
    assert any("row 2" in fault and expected in fault for fault in shown), shown


def test_on_missing_must_name_a_row() -> None:
    declaration = TableDeclaration("eligibility", DECLARATION.outputs, on_missing="lat")
    (shown,) = faults(LATE, FINE, declaration=declaration)
    assert shown == "  e.csv, on_missing: no row has the id 'lat'; the nearest is `late`; name a row, or use `next`."


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({}, "declares no outputs"),
        ({"when": ALLOWED}, "output `when` has the name of a fixed heading"),
    ],
)
def test_a_declaration_that_cannot_hold(outputs: dict[str, ColumnType], expected: str) -> None:
    shown = faults(LATE, FINE, declaration=TableDeclaration("t", outputs))
    assert any(expected in fault for fault in shown)


def test_a_bad_column_is_refused_when_it_is_read() -> None:
    with pytest.raises(ColumnFault, match="`months_past_due` holds 25 at row 1, outside"):
        table(LATE, FINE).decide(cases(months_past_due=[0, 25]))


def test_a_declaration_is_read_from_toml() -> None:
    declaration = read_declaration(
        file="t.toml",
        text='name = "t"\non_missing = "x"\n[outputs.step]\ntype = "whole"\nlowest = 0\nhighest = 9\n',
    )
    assert declaration == TableDeclaration(
        "t", {"step": ColumnType("whole", lowest=0, highest=9, may_be_missing=False)}, "x"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = ", "this is not TOML"),
        ("[outputs.a]\ntype = 'text'", "name: the table has no name"),
        ("name = 't'\nonmissing = 'x'", "onmissing: unknown key; the nearest is `on_missing`"),
        ("name = 't'\n[outputs.a]\ntype = 'txt'", "outputs.a.type: 'txt' is no type"),
        (
            "name = 't'\n[outputs.a]\ntype = 'text'\nallow = ['x']",
            "outputs.a.allow: unknown key; the nearest is `allowed`",
        ),
        ("name = 't'\noutputs = 3", "outputs: this is no section"),
        ("name = 't'\n[outputs]\na = 'text'", "outputs.a: this is no section"),
        ("name = 't'\n[outputs.a]\ntype = 'whole'\nlowest = 'x'", "outputs.a.lowest: 'x' is no number"),
        ("name = 't'\n[outputs.a]\ntype = 'text'\nallowed = 'xyz'", "outputs.a.allowed: this is no list of texts"),
    ],
)
def test_refused_declarations(text: str, expected: str) -> None:
    with pytest.raises(TableFaults) as refused:
        read_declaration(text=text, file="t.toml")
    assert expected in str(refused.value)


# The guide's own example, so that it stays true.

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "decision-tables.md"


def guide_block(language: str, *, number: int = 0) -> str:
    return str(re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)[number])


def guide_table(rows: str) -> DecisionTable:
    declaration = read_declaration(text=guide_block("toml"), file="eligibility.toml")
    return compile_table(text=rows, file="eligibility.csv", declaration=declaration, columns=COLUMNS)


def test_the_table_of_the_guide_compiles() -> None:
    assert guide_table(guide_block("csv")).coverage.falls_through == (
        ("months_past_due", 0),
        ("months_past_due", 1),
        ("utilization", 2),
    )


def test_the_faults_of_the_guide_are_what_is_shown() -> None:
    rows = guide_block("csv")
    broken = rows.replace(",>= 1,", ",> 'one',").replace("0.9,,refused", "0.9,,refusd")
    header, late_long, late, *others = rows.splitlines()
    texts = ",该账户已逾期三个月以上,The line is three or more months past due"
    assert texts in late_long
    for number, wrong in enumerate((broken, "\n".join([header, late, late_long, *others]))):
        with pytest.raises(TableFaults) as refused:
            guide_table(wrong)
        assert str(refused.value) + "\n" == guide_block("text", number=number)
