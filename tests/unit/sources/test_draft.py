"""A draft parses whatever the table holds, fits the table it was made from, and asks what nobody can guess."""

import pyarrow as pa
import pytest

from tallystick.sources.draft import draft_mapping
from tallystick.sources.guess import group_months, guess_fields
from tallystick.sources.mapping import check_mapping, parse_mapping


def guessed(*names: str) -> dict[str, tuple[str, ...]]:
    return {guess.field.name: guess.series.columns for guess in guess_fields(names)}


TAIWAN = (
    "ID", "LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", "PAY_0", "PAY_2", "PAY_3",
    "BILL_AMT1", "BILL_AMT2", "PAY_AMT1", "PAY_AMT2", "default_payment_next_month",
)  # fmt: skip


def test_the_taiwan_names_are_all_understood() -> None:
    assert guessed(*TAIWAN) == {
        "line_id": ("ID",),
        "credit_limit": ("LIMIT_BAL",),
        "age": ("AGE",),
        "education": ("EDUCATION",),
        "marital_status": ("MARRIAGE",),
        "sex": ("SEX",),
        "outcome": ("default_payment_next_month",),
        "balance": ("BILL_AMT1", "BILL_AMT2"),
        "paid": ("PAY_AMT1", "PAY_AMT2"),
        "repayment": ("PAY_0", "PAY_2", "PAY_3"),
    }


def test_chinese_names_are_understood() -> None:
    assert guessed(
        "客户号", "授信额度", "年龄", "年收入", "账单金额1", "账单金额2", "逾期天数1", "逾期天数2", "违约"
    ) == {
        "line_id": ("客户号",),
        "credit_limit": ("授信额度",),
        "income_month": ("年收入",),
        "age": ("年龄",),
        "outcome": ("违约",),
        "balance": ("账单金额1", "账单金额2"),
        "months_past_due": ("逾期天数1", "逾期天数2"),
    }


@pytest.mark.parametrize("name", ["average_spread", "sexagenarian", "paid_flag_id_x2y3", "strategy", "wage"])
def test_short_hints_are_not_found_inside_words(name: str) -> None:
    assert not {"age", "sex"} & set(guessed(name))


def test_camel_case_is_words() -> None:
    assert guessed("creditLimit", "customerAge") == {"credit_limit": ("creditLimit",), "age": ("customerAge",)}


def test_calendar_months_run_backwards() -> None:
    (series,) = group_months(["bal_202508", "bal_202510", "bal_202509"])
    assert series.columns == ("bal_202510", "bal_202509", "bal_202508")
    assert series.pattern == ""


def test_a_gap_or_a_leading_zero_needs_a_list() -> None:
    assert [series.pattern for series in group_months(["PAY_0", "PAY_2"])] == [""]
    assert [series.pattern for series in group_months(["m01", "m02"])] == [""]
    assert [(series.pattern, series.first) for series in group_months(["m3x", "m4x"])] == [("m{n}x", 3)]


def test_a_draft_fits_the_table_it_was_made_from_but_for_its_questions() -> None:
    table = pa.table(
        {
            "编号": ["x1", "x2", "x3"],
            "授信额度": ["30000", "5000", "800"],
            "性别": ["男", "女", "男"],
            "年收入": [120_000.0, None, 90_000.0],
            "bal_202509": [-5, 3, 2],
            "bal_202508": [1, 2, 3],
            "dpd_1": [0, 31, 0],
            "dpd_2": [0, 0, 0],
            "apr": [0.13, 0.18, 0.24],
            "是否违约": ["否", "是", "否"],
        }
    )
    mapping = parse_mapping(draft_mapping(table, "ours"), name="x")
    assert mapping.name == "ours"
    assert mapping.fields["balance"].columns == ("bal_202509", "bal_202508")
    assert mapping.fields["balance"].negative == "credit_balance"
    assert mapping.fields["sex"].codes == {"男": "male", "女": "female"}
    assert {name: mapping.fields[name].unit for name in ("income_month", "months_past_due", "nominal_rate")} == {
        "income_month": "major_per_year",
        "months_past_due": "days",
        "nominal_rate": "ratio",
    }
    assert [fault.place for fault in check_mapping(mapping, table)] == ["outcome.zh", "outcome.en"]


def test_codes_nobody_can_guess_are_left_as_comments_with_their_counts() -> None:
    text = draft_mapping(pa.table({"id": [1, 2, 3], "limit": [1, 2, 3], "education": [1, 1, 6]}), "ours")
    assert '# [field.education]  # "1": 2, "6": 1' in text
    assert "education" not in parse_mapping(text, name="x").fields


def test_what_is_required_and_not_found_is_asked_for() -> None:
    table = pa.table({"something": [1]})
    faults = check_mapping(parse_mapping(draft_mapping(table, "ours"), name="x"), table)
    assert [fault.place for fault in faults] == ["field.line_id", "field.credit_limit"]


def test_a_draft_tells_no_texts_that_may_be_personal() -> None:
    table = pa.table({"id": ["account-77"], "limit": [1], "name": ["Zhang San"], "渠道": ["secret"]})
    text = draft_mapping(table, "ours")
    assert not any(word in text for word in ("account-77", "Zhang", "secret"))
    assert '"name": 1 different values' in text


@pytest.mark.parametrize(
    "table",
    [
        pa.table({'quo"te\n1': [1], 'quo"te\n2': [2], "del\x7f": ["a"], "sex": ['a"\nb']}),
        pa.table({"id": pa.nulls(2), "limit": pa.nulls(2), "balance1": pa.nulls(2), "outcome": pa.nulls(2)}),
        pa.table({"id": [[1]], "limit": [b"x"], "when": pa.array([0], pa.timestamp("s")), "flag": [True]}),
        pa.table({"id": pa.array([], pa.int64())}),
        pa.table({"id": ["a", "a"], "limit": [1e300, float("inf")], "apr": [None, 0.1]}),
    ],
)
def test_a_draft_of_anything_parses(table: pa.Table) -> None:
    parse_mapping(draft_mapping(table, 'na"me'), name="x")
