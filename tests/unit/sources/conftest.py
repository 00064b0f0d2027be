"""A small portfolio of four good lines, and its mapping as text: tests spoil one thing at a time."""

from collections.abc import Callable

import pyarrow as pa
import pytest

MAPPING = """
currency = "CNY"

[outcome]
horizon_months = 12
pd_horizon = "as_is"
zh = "逾期90天"
en = "90 days past due"

[field.line_id]
column = "id"

[field.credit_limit]
column = "limit"
unit = "major"

[field.age]
column = "age"

[field.education]
column = "school"
codes = { 1 = "postgraduate", 2 = "university" }

[field.balance]
pattern = "bal{n}"
count = 2
unit = "major"

[field.months_past_due]
columns = ["late0", "late1"]
unit = "months"

[field.outcome]
column = "bad"
codes = { 0 = "good", 1 = "bad" }
"""


@pytest.fixture
def mapping_text() -> str:
    return MAPPING


@pytest.fixture
def table_with() -> Callable[..., pa.Table]:
    def build(**columns: object) -> pa.Table:
        good: dict[str, object] = {
            "id": ["a", "b", "c", "d"],
            "limit": [30_000, 50_000, 1_000, 8_000],
            "age": [30, 40, 50, 60],
            "school": [1, 2, 1, 2],
            "bal0": [100.5, 0.0, 20.25, 3.0],
            "bal1": [1, 2, 3, 4],
            "late0": [0, 1, 0, 0],
            "late1": [0, 0, 0, 2],
            "bad": [0, 1, 0, 0],
        }
        return pa.table(good | columns)

    return build
