"""Laws of reading a portfolio: money is exact in every type a file may hold, and no row is lost or invented."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.sources.duplicates import find_duplicates
from tallystick.sources.mapping import parse_mapping
from tallystick.sources.numbers import LARGEST, read_numbers, rounded_product
from tallystick.sources.portfolio import PortfolioFault, map_portfolio

CENTS = st.integers(min_value=-(10**11), max_value=10**11)
FACTORS = st.fractions(min_value=Fraction(1, 10**6), max_value=10**6, max_denominator=10**12)

MAPPING = """
currency = "CNY"
[field.line_id]
column = "id"
[field.credit_limit]
column = "limit"
unit = "major"
[field.sex]
column = "sex"
codes = { m = "male", f = "female" }
"""


@given(cents=st.lists(CENTS, min_size=1, max_size=20))
def test_every_type_of_column_reads_the_same_amount(cents: list[int]) -> None:
    amounts = [Decimal(cent) / 100 for cent in cents]
    columns = (
        pa.array(amounts, pa.decimal128(20, 2)),
        pa.array([float(amount) for amount in amounts]),
        pa.array([str(amount) for amount in amounts]),
    )
    for column in columns:
        numbers = read_numbers(pa.chunked_array([column]))
        unit = 10**numbers.digits
        assert [Fraction(part, unit) for part in numbers.parts.tolist()] == [Fraction(cent, 100) for cent in cents]


@given(parts=st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=20), factor=FACTORS)
def test_a_product_is_that_of_exact_fractions(parts: list[int], factor: Fraction) -> None:
    exact = [max(-LARGEST, min(LARGEST, round(Fraction(part) * factor))) for part in parts]
    assert rounded_product(np.array(parts, dtype=np.int64), factor).tolist() == exact


@given(cents=st.lists(st.integers(1, 10**9), min_size=1, max_size=20), rate=st.decimals("0.0001", "9.9999", places=4))
@settings(max_examples=50, deadline=None)
def test_money_of_another_currency_is_rounded_once_half_to_even(cents: list[int], rate: Decimal) -> None:
    text = f'{MAPPING}\n[rate.TWD]\nvalue = "{rate}"\nsource = "law"\n'.replace(
        'currency = "CNY"', 'currency = "CNY"\nsource_currency = "TWD"'
    )
    table = pa.table(
        {
            "id": [str(row) for row in range(len(cents) + 1)],
            "limit": [1_000_000.0, *(cent / 100 for cent in cents)],
            "sex": ["m"] * (len(cents) + 1),
        }
    )
    portfolio = map_portfolio(table, parse_mapping(text, name="law"))
    found = dict(
        zip(portfolio.line["line_id"].to_pylist(), portfolio.line["credit_limit_minor"].to_pylist(), strict=True)
    )
    for row, cent in enumerate(cents, start=1):
        expected = int((cent * rate).quantize(Decimal(1), ROUND_HALF_EVEN))
        assert found.get(str(row), 0) == expected


IDS = st.sampled_from(["a", "b", "c", " a", "", None])
LIMITS = st.sampled_from(["1", "2", "-3", "x", "0", "", None])
SEXES = st.sampled_from(["m", "f", "?", None])


@given(rows=st.lists(st.tuples(IDS, LIMITS, SEXES), min_size=1, max_size=12))
@settings(deadline=None)
def test_every_row_goes_on_or_is_refused_with_a_reason(rows: list[tuple[str | None, ...]]) -> None:
    names = ("id", "limit", "sex")
    table = pa.table(
        {name: pa.array([*column, good], pa.string()) for name, column, good in
         zip(names, zip(*rows, strict=True), ("good", "1", "m"), strict=True)}
    )  # fmt: skip
    try:
        portfolio = map_portfolio(table, parse_mapping(MAPPING, name="law"))
    except PortfolioFault:
        raise AssertionError("the last row is always good") from None
    kept = portfolio.line.column("source_row").to_pylist()
    refused = portfolio.rejects.column("source_row").to_pylist()
    assert sorted([*kept, *set(refused)]) == list(range(1, table.num_rows + 1))
    assert len(set(refused)) == portfolio.rejected_rows
    ids = portfolio.line.column("line_id").to_pylist()
    assert len(set(ids)) == len(ids)


@given(rows=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, 2])), min_size=1, max_size=12))
def test_duplicates_are_those_a_person_would_name(rows: list[tuple[str, int]]) -> None:
    found = find_duplicates(
        pa.chunked_array([[name for name, _ in rows]]), [pa.chunked_array([[value for _, value in rows]])]
    )
    for place, (name, value) in enumerate(rows):
        same_line = [other for each, other in rows if each == name]
        assert found.differing[place] == (len(set(same_line)) > 1)
        is_later_copy = (name, value) in rows[:place]
        assert found.copies[place] == (is_later_copy and len(set(same_line)) == 1)
