"""Features by hand: each figure of a tiny line is one that a pencil gives."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
import sqlglot

from tallystick.features.build import build_features, feature_sql
from tallystick.features.catalog import CatalogFaults, Feature, load_catalog, read_catalog
from tallystick.features.tables import LINE, LINE_MONTH

CREDIT_FIELDS = frozenset(LINE.names) | frozenset(LINE_MONTH.names)


def _line(*limits: int, **columns: Sequence[object]) -> pa.Table:
    count = len(limits)
    given: dict[str, Sequence[object]] = {
        "position": range(count),
        "source_row": range(1, count + 1),
        "line_id": [f"line_{place}" for place in range(count)],
        "currency": ["CNY"] * count,
        "credit_limit_minor": limits,
        **columns,
    }
    arrays = [pa.array(list(given.get(field.name, [None] * count)), field.type) for field in LINE]
    return pa.table(arrays, schema=LINE)


def _months(*rows: Mapping[str, object]) -> pa.Table:
    arrays = [pa.array([row.get(field.name) for row in rows], field.type) for field in LINE_MONTH]
    return pa.table(arrays, schema=LINE_MONTH)


def _history(balances: Sequence[int | None], paid: Sequence[int | None], late: Sequence[int]) -> pa.Table:
    return _months(*(
        {"position": 0, "months_ago": ago, "balance_minor": balance, "paid_minor": pay, "months_past_due": due,
         "repayment": "late" if due else "revolving"}
        for ago, (balance, pay, due) in enumerate(zip(balances, paid, late, strict=True))
    ))  # fmt: skip


def _value(table: pa.Table, name: str, row: int = 0) -> object:
    return table.column(name)[row].as_py()


ALL = load_catalog().features


def test_a_line_of_six_months_gives_the_figures_of_a_pencil() -> None:
    months = _history([700, 600, 500, 400, 0, -50], [100, 70, 60, 0, 10, 0], [0, 1, 2, 0, 0, 0])
    built = build_features(_line(1_000), months, features=ALL)
    expected = {
        "utilization_m0": 0.7,
        "utilization_m5": -0.05,
        "utilization_mean_3m": 0.6,
        "utilization_mean_6m": (700 + 600 + 500 + 400 + 0 - 50) / 6_000,
        "utilization_max_6m": 0.7,
        "utilization_min_6m": -0.05,
        "utilization_change_1m": 0.1,
        "undrawn": 300.0,
        "payment_ratio_m0": 100 / 600,
        "payment_ratio_m1": 70 / 500,
        "payment_ratio_3m": 230 / 1_500,
        "paid_to_limit_3m": 0.23,
        "paid_min_6m": 0.0,
        "paid_nothing_months_6m": 2.0,
        "paid_nothing_streak": 0.0,
        "months_past_due_max_6m": 2.0,
        "months_past_due_sum_6m": 3.0,
        "months_past_due_weighted_6m": 5.0 * 1 + 4.0 * 2,
        "late_months_6m": 2.0,
        "late_twice_months_6m": 1.0,
        "late_streak": 0.0,
        "months_since_late": 1.0,
        "months_since_late_twice": 2.0,
        "spent_to_limit_m0": (700 - 600 + 100) / 1_000,
        "revolving_months_6m": 4.0,
        "repayment_pattern_2m": "revolving0 after late1",
    }
    assert {name: _value(built, name) for name in expected} == pytest.approx(expected)


def test_a_ratio_over_nothing_is_missing_and_not_zero() -> None:
    built = build_features(_line(1_000), _history([700, 0, -50], [100, 70, 60], [0, 0, 0]), features=ALL)
    assert _value(built, "payment_ratio_m0") is None  # nothing was owed the month before
    assert _value(built, "payment_ratio_m1") is None  # a credit balance is nothing owed
    assert _value(built, "payment_ratio_m4") is None  # no such month
    assert _value(built, "limit_to_income") is None  # income is not known
    assert _value(built, "months_past_due_m4") is None


def test_a_pattern_of_months_past_due_that_nobody_told_is_missing() -> None:
    months = _months(
        {"position": 0, "months_ago": 0, "repayment": "full"},
        {"position": 0, "months_ago": 1, "repayment": "full", "months_past_due": 0},
    )
    assert _value(build_features(_line(1_000), months, features=ALL), "repayment_pattern_2m") is None


def test_a_line_without_any_month_keeps_its_row() -> None:
    months = _months({"position": 1, "months_ago": 0, "balance_minor": 7})
    built = build_features(_line(1_000, 2), months, features=ALL)
    assert built.column("position").to_pylist() == [0, 1]
    assert _value(built, "utilization_m0") is None
    assert _value(built, "late_months_6m") is None
    assert _value(built, "utilization_m0", row=1) == 3.5  # 7 / 2, not 3


def test_never_paid_and_never_late_count_as_the_whole_window() -> None:
    built = build_features(_line(1_000), _history([9] * 6, [0] * 6, [0] * 6), features=ALL)
    assert _value(built, "paid_nothing_streak") == 6.0
    assert _value(built, "months_since_late") == 6.0
    late = build_features(_line(1_000), _history([9] * 6, [0] * 6, [1] * 6), features=ALL)
    assert _value(late, "late_streak") == 6.0


def test_a_short_history_is_not_taken_for_a_long_good_one() -> None:
    built = build_features(_line(1_000), _history([9, 9], [0, 0], [0, 0]), features=ALL)
    assert _value(built, "months_since_late") == 2.0
    assert _value(built, "months_since_late_twice") == 2.0
    assert _value(built, "paid_nothing_streak") == 2.0


def test_a_payment_ratio_pairs_each_payment_with_the_balance_it_pays() -> None:
    months = _history([500, 400, None, 200], [100, None, 50, 7], [0, 0, 0, 0])
    built = build_features(_line(1_000), months, features=ALL)
    # Known pairs: 100 of 400, and 50 of 200; the payment on the unknown balance and the unpaid 7 belong to none.
    assert _value(built, "payment_ratio_3m") == 150 / 600


def test_repeated_lines_and_months_are_refused() -> None:
    twice = pa.concat_tables([_line(1_000), _line(1_000)])
    with pytest.raises(ValueError, match=r"line\.position: 1 rows repeat another"):
        build_features(twice, LINE_MONTH.empty_table(), features=ALL)
    month = _months({"position": 0, "months_ago": 0, "balance_minor": 1})
    with pytest.raises(ValueError, match="line_month: position, month: 1 rows repeat another"):
        build_features(_line(1_000), pa.concat_tables([month, month]), features=ALL)
    with pytest.raises(ValueError, match="below zero"):
        build_features(_line(1_000), _months({"position": 0, "months_ago": -1}), features=ALL)


def test_one_line_alone_is_the_line_among_many_and_an_empty_book_has_no_rows() -> None:
    generator = np.random.default_rng(3)
    lines = 500
    line = _line(*(generator.integers(1, 9, lines) * 1_000).tolist())
    months = pa.concat_tables(
        _months(*(
            {"position": place, "months_ago": ago, "balance_minor": int(generator.integers(-50, 5_000)),
             "paid_minor": int(generator.integers(0, 900)), "months_past_due": int(generator.integers(0, 3)),
             "repayment": "late"}
            for place in range(lines)
        ))
        for ago in range(6)
    )  # fmt: skip
    together = build_features(line, months, features=ALL)
    alone = build_features(
        line.slice(77, 1), months.filter(pa.compute.equal(months.column("position"), 77)), features=ALL
    )
    assert alone.to_pylist() == together.slice(77, 1).to_pylist()
    assert together.equals(build_features(line, months.take(pa.array(range(lines * 6))[::-1]), features=ALL))
    assert build_features(LINE.empty_table(), LINE_MONTH.empty_table(), features=ALL).num_rows == 0


def test_a_column_of_the_wrong_type_is_named() -> None:
    with pytest.raises(TypeError, match=r"line\.credit_limit_minor: must be int64"):
        build_features(
            _line(1_000).set_column(4, "credit_limit_minor", pa.array([1.0])), LINE_MONTH.empty_table(), features=ALL
        )


def test_protected_attributes_are_never_selected_and_missing_fields_leave_features_out() -> None:
    selected = {feature.name for feature in load_catalog().select(CREDIT_FIELDS, months=6)}
    assert selected.isdisjoint({"sex", "marital_status", "segment"})
    assert {"utilization_m5", "income_month", "late_streak"} <= selected
    few = {feature.name for feature in load_catalog().select({"credit_limit_minor", "balance_minor"}, months=2)}
    assert "utilization_m1" in few
    assert few.isdisjoint({"utilization_m2", "payment_ratio_m0", "age_years"})


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "spark"])
def test_the_query_renders_and_parses_in_every_dialect(dialect: str) -> None:
    text = feature_sql(ALL, dialect=dialect)
    assert len(sqlglot.parse_one(text, read=dialect).selects) == len(ALL) + 1


@pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.name)
def test_every_feature_says_what_it_means_in_both_languages(feature: Feature) -> None:
    assert feature.zh
    assert feature.en
    assert "{k" not in feature.name + feature.zh + feature.en + feature.sql
    if feature.credit_use:
        assert feature.reason in load_catalog().reasons


def test_a_bad_catalog_is_refused_with_all_of_its_faults() -> None:
    text = """
[[aggregate]]
name = "total"
sql = "SUM(m.balanse_minor)"
[[feature]]
name = "x"
zh = "甲"
en = ""
kind = "numerical"
aggregate = "sum"
direction = "up"
reason = "NOWHERE"
requires = ["balance"]
sql = "a.totl / l.credit_limit_minor"
[[feature]]
name = "x"
zh = "甲"
en = "x"
kind = "numeric"
aggregate = "sum"
direction = "none"
reason = "NOWHERE"
sql = "((a.total"
"""
    with pytest.raises(CatalogFaults) as caught:
        read_catalog(text)
    told = "\n".join(caught.value.faults)
    for part in (
        "m.balanse_minor is no column",
        "feature x: en: missing",
        "kind: must be one of numeric, category, not 'numerical'",
        "a.totl is no column",
        "reason: NOWHERE has no texts",
        "requires: 'balance' is no source field",
        "feature x: given twice",
        "not an SQL expression",
    ):
        assert part in told
