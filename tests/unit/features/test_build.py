"""Every feature of two small histories against a pencil, and the same bytes whatever the threads."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pytest

from tallystick.features.build import build_features, feature_sql
from tallystick.features.catalog import load_catalog
from tallystick.features.tables import LINE, LINE_MONTH

CATALOG = load_catalog()
# A line of 10,000 with income 4,000: rising balance, one month without payment, late for the last three months.
LATE: Mapping[str, Sequence[object]] = {
    "balance_minor": [7_000, 6_000, 5_000, 4_000, 0, -500],
    "paid_minor": [0, 700, 600, 0, 100, 50],
    "spent_minor": [None, 900, None, None, None, None],
    "months_past_due": [3, 2, 1, 0, 0, 0],
    "repayment": ["late", "late", "late", "full", "no_use", "revolving"],
}
LATE_BY_HAND: Mapping[str, object] = {
    "credit_limit": 10_000, "age_years": 40, "education": "university", "months_on_book": 30, "income_month": 4_000,
    "limit_to_income": 2.5, "balance_to_income": 1.75, "sex": "female", "marital_status": "single", "segment": "south",
    "utilization_m0": 0.7, "utilization_m1": 0.6, "utilization_m2": 0.5, "utilization_m3": 0.4, "utilization_m4": 0.0,
    "utilization_m5": -0.05, "utilization_mean_3m": 0.6, "utilization_mean_6m": 21_500 / 60_000,
    "utilization_max_6m": 0.7, "utilization_min_6m": -0.05, "utilization_trend_6m": (6_000 - 3_500 / 3) / 10_000,
    "utilization_change_1m": 0.1, "undrawn": 3_000,
    "balance_m0": 7_000, "balance_m1": 6_000, "balance_m2": 5_000, "balance_m3": 4_000, "balance_m4": 0,
    "balance_m5": -500,
    # purchases: told for month 1, otherwise what the balances and payments imply
    "spent_to_limit_m0": 0.10, "spent_to_limit_m1": 0.09, "spent_to_limit_m2": 0.16, "spent_to_limit_m3": 0.40,
    "spent_to_limit_m4": 0.06,
    # the balance before month 3 is 0 and before month 4 a credit of 500: nothing to pay, so no ratio
    "payment_ratio_m0": 0.0, "payment_ratio_m1": 0.14, "payment_ratio_m2": 0.15, "payment_ratio_m3": None,
    "payment_ratio_m4": None, "payment_ratio_3m": 1_300 / 15_000, "payment_ratio_5m": 1_400 / 15_000,
    "paid_to_limit_m0": 0.0, "paid_to_limit_m1": 0.07, "paid_to_limit_m2": 0.06, "paid_to_limit_m3": 0.0,
    "paid_to_limit_m4": 0.01, "paid_to_limit_m5": 0.005, "paid_to_limit_3m": 0.13, "paid_to_limit_6m": 0.145,
    "paid_m0": 0, "paid_m1": 700, "paid_m2": 600, "paid_m3": 0, "paid_m4": 100, "paid_m5": 50,
    "paid_min_6m": 0, "paid_max_6m": 700, "paid_sum_6m": 1_450, "paid_nothing_months_6m": 2, "paid_nothing_streak": 1,
    "full_payment_months_6m": 1, "revolving_months_6m": 1, "no_use_months_6m": 1, "repayment_m0": "late",
    "repayment_pattern_2m": "late3 after late2",
    "months_past_due_m0": 3, "months_past_due_m1": 2, "months_past_due_m2": 1, "months_past_due_m3": 0,
    "months_past_due_m4": 0, "months_past_due_m5": 0, "months_past_due_max_3m": 3, "months_past_due_max_6m": 3,
    "months_past_due_sum_3m": 6, "months_past_due_sum_6m": 6, "months_past_due_weighted_6m": 6 * 3 + 5 * 2 + 4 * 1,
    "late_months_6m": 3, "late_twice_months_6m": 2, "late_streak": 3, "months_since_late": 0,
    "months_since_late_twice": 0,
}  # fmt: skip
# The same line with only the latest month and the one three months ago, of which the payment is not known.
GAPS: Mapping[str, Sequence[object]] = {
    "months_ago": [0, 3],
    "balance_minor": [7, 500],
    "paid_minor": [100, None],
    "months_past_due": [None, 5],
    "repayment": [None, "late"],
}
GAPS_BY_HAND: Mapping[str, object] = {
    "utilization_m0": 3.5, "utilization_m1": None, "utilization_mean_3m": 3.5, "utilization_mean_6m": 507 / 4,
    "utilization_trend_6m": (7 - 500) / 2, "utilization_change_1m": None, "spent_to_limit_m0": None,
    "payment_ratio_m0": None, "payment_ratio_3m": None, "paid_nothing_months_6m": 0, "paid_nothing_streak": 0,
    "paid_m3": None, "months_past_due_m0": None, "months_past_due_max_3m": None, "months_past_due_max_6m": 5,
    "months_past_due_sum_6m": 5, "months_past_due_weighted_6m": 15, "late_months_6m": 1, "late_streak": 1,
    "months_since_late": 3, "repayment_m0": None, "repayment_pattern_2m": None, "full_payment_months_6m": 0,
    "income_month": None, "limit_to_income": None, "balance_to_income": None,
}  # fmt: skip


def _table(schema: pa.Schema, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    return pa.table([pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema)


def _line(limit: int, **columns: object) -> Mapping[str, object]:
    return {
        "position": 0, "source_row": 1, "line_id": "line_0", "currency": "CNY", "credit_limit_minor": limit, **columns,
    }  # fmt: skip


def _month_rows(columns: Mapping[str, Sequence[object]], *, position: int = 0) -> list[Mapping[str, object]]:
    ago = columns.get("months_ago", range(6))
    return [
        {"position": position, **dict(zip(columns, values, strict=True)), "months_ago": month}
        for month, values in zip(ago, zip(*columns.values(), strict=True), strict=True)
    ]


def test_every_feature_of_a_line_that_falls_behind_is_the_figure_of_a_pencil() -> None:
    line = _line(
        10_000, income_month_minor=4_000, age_years=40, months_on_book=30, education="university", sex="female",
        marital_status="single", segment="south",
    )  # fmt: skip
    built = build_features(
        _table(LINE, [line]), _table(LINE_MONTH, _month_rows(LATE)), features=CATALOG.features
    ).to_pylist()[0]
    assert {name for name in built if name != "position"} == set(LATE_BY_HAND)  # no feature goes unchecked
    assert {name: built[name] for name in LATE_BY_HAND} == pytest.approx(dict(LATE_BY_HAND))


def test_months_and_figures_that_are_missing_are_missing_and_the_rest_is_counted() -> None:
    built = build_features(
        _table(LINE, [_line(2)]), _table(LINE_MONTH, _month_rows(GAPS)), features=CATALOG.features
    ).to_pylist()[0]
    assert {name: built[name] for name in GAPS_BY_HAND} == pytest.approx(dict(GAPS_BY_HAND))


def test_history_beyond_six_months_changes_nothing() -> None:
    older = [{"position": 0, "months_ago": 6, "balance_minor": 10**9, "paid_minor": 10**9, "months_past_due": 9,
              "repayment": "late"}]  # fmt: skip
    rows = _month_rows(LATE)
    short, long = (
        build_features(_table(LINE, [_line(10_000)]), _table(LINE_MONTH, each), features=CATALOG.features)
        for each in (rows, rows + older)
    )
    assert short.equals(long)


def test_an_income_of_nothing_gives_no_ratio() -> None:
    line = _table(LINE, [_line(10_000, income_month_minor=0)])
    built = build_features(line, _table(LINE_MONTH, _month_rows(LATE)), features=CATALOG.features)
    assert built.column("limit_to_income").to_pylist() == [None]
    assert built.column("income_month").to_pylist() == [0.0]


def test_threads_do_not_change_a_byte() -> None:
    lines = 5_000
    line = _table(LINE, [
        {**_line(1_000 + place * 7), "position": place, "line_id": str(place)} for place in range(lines)
    ])  # fmt: skip
    months = _table(LINE_MONTH, [
        {"position": place, "months_ago": ago, "balance_minor": place * (7 - ago), "paid_minor": place % 13,
         "months_past_due": (place + ago) % 3, "repayment": "late"}
        for ago in range(6) for place in range(lines)
    ])  # fmt: skip
    answers = []
    for threads in (1, 2):
        with duckdb.connect(":memory:", config={"threads": threads}) as engine:
            engine.register("line", line)
            engine.register("line_month", months)
            answers.append(engine.sql(feature_sql(CATALOG.features, dialect="duckdb")).to_arrow_table())
    assert answers[0].equals(answers[1])
    assert answers[0].column("position").to_pylist() == list(range(lines))
    assert build_features(line, months, features=CATALOG.features).equals(answers[0])


def test_only_the_aggregates_that_are_read_are_computed() -> None:
    text = feature_sql(CATALOG.named(["utilization_m0"]), dialect="duckdb")
    assert "balance_m0" in text
    assert "balance_m1" not in text
    assert "paid" not in text


def test_a_column_that_is_absent_or_of_the_wrong_type_is_named_with_all_others() -> None:
    line = _table(LINE, [_line(1_000)]).drop_columns(["segment"])
    line = line.set_column(0, "position", pa.array([0.0]))
    with pytest.raises(TypeError, match=r"line\.position: must be int64; line\.segment: must be string"):
        build_features(line, LINE_MONTH.empty_table(), features=CATALOG.features)
    with pytest.raises(TypeError, match=r"line_month\.repayment: must be string"):
        build_features(
            _table(LINE, [_line(1_000)]), LINE_MONTH.empty_table().drop_columns(["repayment"]),
            features=CATALOG.features,
        )  # fmt: skip


def test_categories_come_out_as_text_and_figures_as_doubles() -> None:
    built = build_features(_table(LINE, [_line(1_000)]), LINE_MONTH.empty_table(), features=CATALOG.features)
    for feature in CATALOG.features:
        expected = pa.float64() if feature.kind == "numeric" else pa.string()
        assert built.schema.field(feature.name).type == expected, feature.name
