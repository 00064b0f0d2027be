"""Every row goes on or is refused with all of its reasons; each kind of bad input has its own clear outcome."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tallystick.features.tables import LINE, LINE_MONTH
from tallystick.sources.mapping import MappingFaults, parse_mapping
from tallystick.sources.portfolio import Portfolio, PortfolioFault, map_portfolio

Tables = Callable[..., pa.Table]


def mapped(table: pa.Table, text: str) -> Portfolio:
    portfolio = map_portfolio(table, parse_mapping(text, name="ours"))
    assert portfolio.line.num_rows + portfolio.rejected_rows == portfolio.rows_read == table.num_rows
    assert portfolio.line.schema == LINE
    assert portfolio.line_month.schema == LINE_MONTH
    kept = portfolio.line.column("source_row").to_pylist()
    refused = portfolio.rejects.column("source_row").to_pylist()
    assert sorted({*kept, *refused}) == list(range(1, table.num_rows + 1))
    assert not {*kept} & {*refused}
    return portfolio


def refusals(portfolio: Portfolio) -> list[tuple[int, str, str | None, str]]:
    return [(row["source_row"], row["field"], row["value"], row["reason"]) for row in portfolio.rejects.to_pylist()]


def notes(portfolio: Portfolio) -> dict[tuple[str, str], int]:
    return {(count.field, count.reason): count.rows for count in portfolio.notes}


def months(portfolio: Portfolio, column: str) -> dict[tuple[int, int], Any]:
    return {(row["position"], row["months_ago"]): row[column] for row in portfolio.line_month.to_pylist()}


def test_good_rows_all_go_on(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(), mapping_text)
    first = portfolio.line.to_pylist()[0]
    assert first | {"income_month_minor": None, "segment": None} == first
    assert (first["position"], first["source_row"], first["line_id"], first["currency"]) == (0, 1, "a", "CNY")
    assert (first["credit_limit_minor"], first["age_years"], first["education"]) == (3_000_000, 30, "postgraduate")
    assert portfolio.line.column("outcome").to_pylist() == [0, 1, 0, 0]
    assert months(portfolio, "balance_minor")[0, 0] == 10_050
    assert months(portfolio, "months_past_due")[3, 1] == 2
    assert portfolio.months == 2
    assert portfolio.fields >= {"line_id", "currency", "balance_minor", "months_past_due", "outcome"}
    assert "paid_minor" not in portfolio.fields
    assert (portfolio.rejects.num_rows, portfolio.reject_counts, portfolio.notes) == (0, (), ())


def test_a_refused_row_closes_the_gap_in_positions(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(limit=[1, None, 3, 4]), mapping_text)
    assert portfolio.line.column("position").to_pylist() == [0, 1, 2]
    assert portfolio.line.column("source_row").to_pylist() == [1, 3, 4]
    assert months(portfolio, "balance_minor")[1, 0] == 2_025


def test_missing_required_values_are_refused_missing_others_stay_null(mapping_text: str, table_with: Tables) -> None:
    table = table_with(id=["a", "", "c", "d"], limit=[1, 2, None, 4], age=[None, 1_000, 50, None])
    portfolio = mapped(table, mapping_text)
    assert refusals(portfolio) == [
        (2, "line_id", "", "MISSING_REQUIRED"),
        (2, "age", "1000", "OUT_OF_RANGE"),
        (3, "credit_limit", None, "MISSING_REQUIRED"),
    ]
    assert portfolio.line.column("age_years").to_pylist() == [None, None]
    assert notes(portfolio)["age", "MISSING"] == 2


def test_text_among_numbers_is_refused_and_shown(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(age=["30", "40岁", " 50 ", ""]), mapping_text)
    assert refusals(portfolio) == [(2, "age", "40岁", "NOT_A_NUMBER")]
    assert portfolio.rejects.column("zh").to_pylist() == ["不是数字"]
    assert portfolio.rejects.column("en").to_pylist() == ["not a number"]
    assert portfolio.line.column("age_years").to_pylist() == [30, 50, None]


def test_an_unreadable_limit_has_one_reason_not_two(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(limit=["?", "2", "3", "4"]), mapping_text)
    assert refusals(portfolio) == [(1, "credit_limit", "?", "NOT_A_NUMBER")]


def test_ranges_and_wholeness(mapping_text: str, table_with: Tables) -> None:
    table = pa.concat_tables([table_with(), table_with(id=["e", "f", "g", "h"])], promote_options="permissive")
    spoiled = {
        "limit": [0, 1e12, 1e300, 4, 5, 6, 7, 8],
        "age": [30, 40, 50, 30.5, 13, 30, 30, 30],
        "late0": [0] * 5 + [700, 0, 0],
    }
    for name, values in spoiled.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    assert refusals(mapped(table, mapping_text)) == [
        (1, "credit_limit", "0", "OUT_OF_RANGE"),
        (2, "credit_limit", "1e+12", "OUT_OF_RANGE"),
        (3, "credit_limit", "1e+300", "OUT_OF_RANGE"),
        (4, "age", "30.5", "NOT_WHOLE"),
        (5, "age", "13", "OUT_OF_RANGE"),
        (6, "months_past_due", "700", "OUT_OF_RANGE"),
    ]


def test_a_row_shows_all_of_its_reasons_and_counts_once_per_field(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(limit=[-1, 2, 3, 4], late0=[-1, 0, 0, 0], late1=[-2, 0, 0, 0]), mapping_text)
    assert refusals(portfolio) == [
        (1, "credit_limit", "-1", "NEGATIVE"),
        (1, "months_past_due", "-1", "NEGATIVE"),
        (1, "months_past_due", "-2", "NEGATIVE"),
    ]
    assert portfolio.rejects.column("column").to_pylist() == ["limit", "late0", "late1"]
    assert {(count.field, count.rows) for count in portfolio.reject_counts} == {
        ("credit_limit", 1),
        ("months_past_due", 1),
    }
    assert portfolio.rejected_rows == 1


@pytest.mark.parametrize(
    ("choice", "value", "note"),
    [
        ("credit_balance", -550, "CREDIT_BALANCE"),
        ("zero", 0, "NEGATIVE_AS_ZERO"),
        ("missing", None, "NEGATIVE_AS_MISSING"),
    ],
)
def test_negative_balances_are_taken_as_declared(
    mapping_text: str, table_with: Tables, choice: str, value: int | None, note: str
) -> None:
    text = mapping_text.replace("count = 2\n", f'count = 2\nnegative = "{choice}"\n')
    portfolio = mapped(table_with(bal0=[-5.5, 0, 0, -1], bal1=[-1, 0, -1, 0]), text)
    assert portfolio.rejected_rows == 0
    assert months(portfolio, "balance_minor")[0, 0] == value
    assert notes(portfolio)["balance", note] == 3, "rows, not cells"


def test_negative_balances_nobody_declared_are_refused(mapping_text: str, table_with: Tables) -> None:
    assert refusals(mapped(table_with(bal0=[-5.5, 0, 0, 0]), mapping_text)) == [(1, "balance", "-5.5", "NEGATIVE")]


def test_a_negative_value_has_one_outcome(mapping_text: str, table_with: Tables) -> None:
    assert refusals(mapped(table_with(age=[-1.5, 40, 50, 60]), mapping_text)) == [(1, "age", "-1.5", "NEGATIVE")]
    lenient = mapping_text.replace('column = "age"', 'column = "age"\nnegative = "missing"')
    portfolio = mapped(table_with(age=[-1.5, 40, 50, 60]), lenient)
    assert portfolio.line.column("age_years").to_pylist() == [None, 40, 50, 60]
    assert notes(portfolio) == {("age", "NEGATIVE_AS_MISSING"): 1}


def test_a_fraction_of_what_is_missing_is_not_noted(mapping_text: str, table_with: Tables) -> None:
    text = mapping_text.replace("count = 2\n", 'count = 2\nnegative = "missing"\n')
    assert notes(mapped(table_with(bal0=[-1.005, 0, 0, 0]), text)) == {("balance", "NEGATIVE_AS_MISSING"): 1}


def test_notes_are_of_valid_rows_only(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(limit=[-1, 2, 3, 4], age=[None, None, 50, 60]), mapping_text)
    assert notes(portfolio) == {("age", "MISSING"): 1}


def test_special_values_become_what_they_stand_for(mapping_text: str, table_with: Tables) -> None:
    text = mapping_text.replace('"late1"]\n', '"late1"]\nspecial = { "-1" = 0, "99" = "missing", "0.5" = 1 }\n')
    portfolio = mapped(table_with(late0=[-1, 99, 3, 0]), text)
    assert [months(portfolio, "months_past_due")[line, 0] for line in range(4)] == [0, None, 3, 0]
    assert notes(portfolio)["months_past_due", "MISSING"] == 1


def test_undocumented_codes_are_refused_or_missing_as_declared(mapping_text: str, table_with: Tables) -> None:
    table = table_with(school=[1, 9, None, 2])
    assert refusals(mapped(table, mapping_text)) == [(2, "education", "9", "UNLISTED_CODE")]
    lenient = mapping_text.replace('"university" }', '"university" }\nunlisted = "missing"')
    portfolio = mapped(table, lenient)
    assert portfolio.line.column("education").to_pylist() == ["postgraduate", None, None, "university"]
    assert notes(portfolio) == {("education", "UNLISTED_AS_MISSING"): 1, ("education", "MISSING"): 1}


def test_codes_may_mean_missing(mapping_text: str, table_with: Tables) -> None:
    text = mapping_text.replace('2 = "university" }', '2 = "university", 9 = "missing" }')
    assert mapped(table_with(school=[1, 9, 1, 2]), text).line.column("education").to_pylist()[1] is None


def test_codes_with_gaps_that_arrive_as_floats_are_the_same_codes(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(school=[1.0, None, 2.0, 2.0]), mapping_text)
    assert portfolio.line.column("education").to_pylist() == ["postgraduate", None, "university", "university"]


def test_of_identical_copies_the_first_stays(mapping_text: str, table_with: Tables) -> None:
    table = pa.concat_tables([table_with(), table_with().slice(1, 1), table_with().slice(1, 1)])
    portfolio = mapped(table, mapping_text)
    assert portfolio.line.num_rows == 4
    assert refusals(portfolio) == [(5, "line_id", "b", "DUPLICATE_LINE"), (6, "line_id", "b", "DUPLICATE_LINE")]


def test_of_rows_that_differ_none_stays(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(id=["a", "b", "c", " b"]), mapping_text)
    assert refusals(portfolio) == [(2, "line_id", "b", "DUPLICATES_DIFFER"), (4, "line_id", " b", "DUPLICATES_DIFFER")]
    assert portfolio.line.column("line_id").to_pylist() == ["a", "c"]


def test_copies_are_told_by_the_columns_that_are_mapped(mapping_text: str, table_with: Tables) -> None:
    table = pa.concat_tables([table_with(), table_with().slice(0, 1)])
    table = table.append_column("exported_at", pa.array(range(5)))
    assert [reason for *_, reason in refusals(mapped(table, mapping_text))] == ["DUPLICATE_LINE"]


CURRENCIES = """
[field.currency]
column = "ccy"
codes = { "人民币" = "CNY" }

[rate.USD]
value = "7.1"
source = "stated by the test"

[rate.JPY]
value = "0.05"
source = "stated by the test"
"""


def test_mixed_currencies_are_converted_each_by_its_rate(mapping_text: str, table_with: Tables) -> None:
    table = table_with(ccy=["CNY", "USD", "JPY", "人民币"], limit=[100, 100, 1000, 7], bal0=[1, 1, 1.5, 1])
    portfolio = mapped(table, mapping_text + CURRENCIES)
    assert portfolio.line.column("credit_limit_minor").to_pylist() == [10_000, 71_000, 5_000, 700]
    assert set(portfolio.line.column("currency").to_pylist()) == {"CNY"}
    # 1.5 yen are no amount in yen; 1.5 yuan would be one.
    assert notes(portfolio) == {("balance", "FRACTION_ROUNDED"): 1}


def test_a_currency_without_rate_is_refused_for_that_alone(mapping_text: str, table_with: Tables) -> None:
    table = table_with(ccy=["CNY", "EUR", None, "CNY"], limit=[1, -1, 0, 1])
    portfolio = mapped(table, mapping_text + CURRENCIES)
    assert refusals(portfolio) == [
        (2, "currency", "EUR", "CURRENCY_WITHOUT_RATE"),
        (3, "currency", None, "MISSING_REQUIRED"),
    ]


def test_money_of_another_currency_is_exact(mapping_text: str, table_with: Tables) -> None:
    text = f'source_currency = "TWD"\n{mapping_text}\n[rate.TWD]\nvalue = "0.244"\nsource = "x"\n'
    table = table_with(bal0=pa.array([Decimal("0.25"), Decimal("12345.67"), None, Decimal(5)], pa.decimal128(18, 2)))
    portfolio = mapped(table, text)
    # 0.25 TWD = 6.1 fen; 12,345.67 TWD = 301,234.348 fen; 30,000 TWD = 7,320 yuan
    assert [months(portfolio, "balance_minor")[line, 0] for line in (0, 1, 3)] == [6, 301_234, 122]
    assert portfolio.line.column("credit_limit_minor").to_pylist()[0] == 732_000


def test_a_scale_multiplies_all_money_of_a_line(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(), f'limit_scale = "0.5"\n{mapping_text}')
    assert portfolio.line.column("credit_limit_minor").to_pylist()[0] == 1_500_000
    assert months(portfolio, "balance_minor")[0, 0] == 5_025


def test_fractions_of_a_minor_unit_are_rounded_and_noted(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(bal0=[0.125, 0.135, 1.0, 2.5]), mapping_text)
    assert [months(portfolio, "balance_minor")[line, 0] for line in range(4)] == [12, 14, 100, 250]
    assert notes(portfolio)["balance", "FRACTION_ROUNDED"] == 2


def test_units_of_time_income_and_price(mapping_text: str, table_with: Tables) -> None:
    text = mapping_text.replace('unit = "months"', 'unit = "days"') + (
        '[field.income_month]\ncolumn = "income"\nunit = "major_per_year"\n'
        '[field.months_on_book]\ncolumn = "mob"\nunit = "years"\n'
        '[field.nominal_rate]\ncolumn = "apr"\nunit = "ratio"\n'
    )
    table = table_with(
        late0=[0, 1, 30, 31], late1=[60, 61, 720, 17_999], income=[120_000, 1, 0, None], mob=[2.5, 1, 0, 3],
        apr=[0.13035, 0.1303505, 0.0, 0.24],
    )  # fmt: skip
    portfolio = mapped(table, text)
    assert [months(portfolio, "months_past_due")[line, 0] for line in range(4)] == [0, 1, 1, 2]
    assert [months(portfolio, "months_past_due")[line, 1] for line in range(4)] == [2, 3, 24, 600]
    assert portfolio.line.column("income_month_minor").to_pylist() == [1_000_000, 8, 0, None]
    assert portfolio.line.column("months_on_book").to_pylist() == [30, 12, 0, 36]
    assert portfolio.line.column("nominal_rate_ppm").to_pylist() == [130_350, 130_350, 0, 240_000]


def test_grouped_numbers_are_read_when_declared(mapping_text: str, table_with: Tables) -> None:
    table = table_with(limit=["30,000", "50,000.00", "1,000", "8"])
    portfolio = mapped(table, f'numbers = {{ thousands = "," }}\n{mapping_text}')
    assert portfolio.line.column("credit_limit_minor").to_pylist() == [3_000_000, 5_000_000, 100_000, 800]
    assert len(refusals(mapped(table, mapping_text))) == 3


def test_months_of_which_nothing_is_known_have_no_row(mapping_text: str, table_with: Tables) -> None:
    portfolio = mapped(table_with(bal1=[None, 1, 1, 1], late1=[None, None, 0, 0]), mapping_text)
    assert (0, 1) not in months(portfolio, "balance_minor")
    assert months(portfolio, "months_past_due")[1, 1] is None
    assert portfolio.line_month.num_rows == 7


def test_no_valid_row_is_a_fault_that_counts_the_reasons(mapping_text: str, table_with: Tables) -> None:
    with pytest.raises(PortfolioFault, match=r"none of 4 rows is valid \(credit_limit: NEGATIVE on 4\)"):
        map_portfolio(table_with(limit=[-1, -2, -3, -4]), parse_mapping(mapping_text, name="ours"))


def test_a_table_without_rows_is_a_fault(mapping_text: str, table_with: Tables) -> None:
    with pytest.raises(PortfolioFault, match="none of 0 rows"):
        map_portfolio(table_with().slice(0, 0), parse_mapping(mapping_text, name="ours"))


def test_a_mapping_that_does_not_fit_is_a_fault_of_the_mapping(mapping_text: str, table_with: Tables) -> None:
    with pytest.raises(MappingFaults, match="column 'limit' is not in the file"):
        map_portfolio(table_with().drop_columns(["limit"]), parse_mapping(mapping_text, name="ours"))
