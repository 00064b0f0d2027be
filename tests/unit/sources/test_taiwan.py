"""The built-in mapping on the real file: all 30,000 lines are valid, and the figures are those of the file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest

from tallystick.features.tables import EDUCATION_LEVELS, REPAYMENTS
from tallystick.sources.draft import draft_mapping
from tallystick.sources.files import read_table
from tallystick.sources.mapping import check_mapping, parse_mapping, read_mapping
from tallystick.sources.portfolio import Portfolio, map_portfolio


@pytest.fixture(scope="module")
def file(shared_data: Path) -> Path:
    return shared_data / "uci_taiwan_default" / "uci_taiwan_default.parquet"


@pytest.fixture(scope="module")
def source(file: Path) -> pa.Table:
    return read_table(file).table


@pytest.fixture(scope="module")
def portfolio(source: pa.Table) -> Portfolio:
    return map_portfolio(source, read_mapping("uci-taiwan"))


def test_all_rows_are_valid_and_what_was_adapted_is_counted(portfolio: Portfolio) -> None:
    assert (portfolio.rows_read, portfolio.line.num_rows, portfolio.rejected_rows) == (30_000, 30_000, 0)
    assert portfolio.line_month.num_rows == 180_000
    # Undocumented education 0 (14), 5 (280), 6 (51); marriage 0 (54); 1,930 lines with a credit balance in some month.
    assert {(note.field, note.reason): note.rows for note in portfolio.notes} == {
        ("education", "UNLISTED_AS_MISSING"): 345,
        ("marital_status", "UNLISTED_AS_MISSING"): 54,
        ("balance", "CREDIT_BALANCE"): 1_930,
    }


def test_money_is_that_of_the_file_at_the_stated_rate(portfolio: Portfolio, source: pa.Table) -> None:
    # 1 TWD = 0.244 CNY = 24.4 fen; limits are whole thousands, so their sum converts without rounding.
    limits = pc.sum(source.column("LIMIT_BAL")).as_py()
    assert pc.sum(portfolio.line.column("credit_limit_minor")).as_py() * 10 == limits * 244
    latest = portfolio.line_month.slice(0, 30_000)
    expected = [round(bill * 244 / 10) for bill in source.column("BILL_AMT1").to_pylist()]
    assert latest.column("balance_minor").to_pylist() == expected
    assert set(latest.column("months_ago").to_pylist()) == {0}


def test_repayment_and_months_past_due_follow_the_status(portfolio: Portfolio, source: pa.Table) -> None:
    meaning = {-2: ("no_use", 0), -1: ("full", 0), 0: ("revolving", 0)} | {late: ("late", late) for late in range(1, 9)}
    for month, column in enumerate(("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")):
        rows = portfolio.line_month.slice(month * 30_000, 30_000)
        told = list(zip(rows["repayment"].to_pylist(), rows["months_past_due"].to_pylist(), strict=True))
        assert told == [meaning[status] for status in source.column(column).to_pylist()]
    assert set(REPAYMENTS) == {word for word, _ in meaning.values()}


def test_categories_and_outcome(portfolio: Portfolio, source: pa.Table) -> None:
    line = portfolio.line
    assert pc.sum(line.column("outcome")).as_py() == 6_636
    codes = source.column("EDUCATION").to_pylist()
    levels = dict(enumerate(EDUCATION_LEVELS, start=1))
    assert line.column("education").to_pylist() == [levels.get(code) for code in codes]
    assert pc.sum(pc.equal(line.column("sex"), "female")).as_py() == 18_112
    assert pc.sum(pc.equal(line.column("marital_status"), "single")).as_py() == 15_964


def test_a_csv_of_it_gives_the_same_portfolio(portfolio: Portfolio, source: pa.Table, tmp_path: Path) -> None:
    pyarrow.csv.write_csv(source, tmp_path / "taiwan.csv")
    again = map_portfolio(read_table(tmp_path / "taiwan.csv").table, read_mapping("uci-taiwan"))
    assert again.line.equals(portfolio.line)
    assert again.line_month.equals(portfolio.line_month)


def test_its_draft_asks_only_what_nobody_can_guess(source: pa.Table) -> None:
    text = draft_mapping(source, "ours")
    mapping = parse_mapping(text, name="ours")
    assert [fault.place for fault in check_mapping(mapping, source)] == ["outcome.zh", "outcome.en"]
    wanted = read_mapping("uci-taiwan").fields
    for name in ("line_id", "credit_limit", "age", "outcome", "balance", "paid"):
        assert mapping.fields[name].columns == wanted[name].columns, name
    assert '# [field.education]  # "0": 14, "1": 10,585, "2": 14,030, "3": 4,917, "4": 123, "5": 280, "6": 51' in text
    assert '# columns = ["PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"]' in text
