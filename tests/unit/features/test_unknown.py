"""What is not known stays unknown: gaps in a history are neither zero nor a good sign."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest

from tallystick.features.build import build_features
from tallystick.features.catalog import load_catalog
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
