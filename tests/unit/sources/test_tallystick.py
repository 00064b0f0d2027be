"""The built-in mapping of the simulated portfolio refuses exactly the rows that the simulation spoiled."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tallystick.operations.mapping import check_mapping_file
from tallystick.sources.draft import draft_mapping
from tallystick.sources.files import read_table
from tallystick.sources.mapping import check_mapping, parse_mapping, read_mapping
from tallystick.sources.portfolio import Portfolio, map_portfolio
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio, simulate_portfolio

REASONS = {
    "duplicate": "DUPLICATE_LINE",
    "limit_missing": "MISSING_REQUIRED",
    "limit_negative": "NEGATIVE",
    "education_code": "UNLISTED_CODE",
    "text_in_number": "NOT_A_NUMBER",
}


@pytest.fixture(scope="module")
def simulated() -> SimulatedPortfolio:
    standard = standard_parameters()
    dirty = replace(standard.export, **{f"{dirt}_share": 0.02 for dirt in REASONS})
    return simulate_portfolio(lines=1_000, seed=5, parameters=replace(standard, export=dirty))


@pytest.fixture(scope="module")
def file(simulated: SimulatedPortfolio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tallystick") / "portfolio.parquet"
    pq.write_table(simulated.observed, path)
    return path


@pytest.fixture(scope="module")
def portfolio(file: Path) -> Portfolio:
    return map_portfolio(read_table(file).table, read_mapping("tallystick"))


def dirt_of(simulated: SimulatedPortfolio) -> Mapping[str, str | None]:
    truth = simulated.truth
    return dict(zip(truth.column("line_id").to_pylist(), truth.column("dirt").to_pylist(), strict=True))


def test_exactly_the_spoiled_rows_are_refused_each_for_its_reason(
    simulated: SimulatedPortfolio, portfolio: Portfolio
) -> None:
    dirt = dirt_of(simulated)
    refused = portfolio.rejects.select(["line_id", "reason"]).to_pylist()
    found = [(row["line_id"], row["reason"]) for row in refused]
    expected = [(line, REASONS[kind]) for line, kind in dirt.items() if kind]
    assert sorted(found) == sorted(expected)
    assert {reason for _, reason in found} == set(REASONS.values())
    # A line that was exported twice stays once.
    stays = {line for line, kind in dirt.items() if kind in (None, "duplicate")}
    assert set(portfolio.line.column("line_id").to_pylist()) == stays
    assert portfolio.rows_read == portfolio.line.num_rows + portfolio.rejected_rows == simulated.observed.num_rows


def test_what_goes_on_is_what_was_exported(simulated: SimulatedPortfolio, portfolio: Portfolio) -> None:
    exported = simulated.observed.take(pc.subtract(portfolio.line.column("source_row"), 1))
    for column in ("credit_limit_minor", "income_month_minor", "nominal_rate_ppm", "months_on_book", "outcome"):
        assert portfolio.line.column(column).to_pylist() == exported.column(column).to_pylist(), column
    for month in (0, 11):
        rows = portfolio.line_month.filter(pc.equal(portfolio.line_month.column("months_ago"), month))
        given = exported.take(rows.column("position"))
        assert rows.num_rows == portfolio.line.num_rows - exported.column(f"repayment_m{month}").null_count
        for column in ("balance_minor", "paid_minor", "spent_minor", "months_past_due", "repayment"):
            assert rows.column(column).to_pylist() == given.column(f"{column}_m{month}").to_pylist(), (column, month)
    assert portfolio.months == 12


def test_a_csv_of_it_gives_the_same_portfolio(
    simulated: SimulatedPortfolio, portfolio: Portfolio, tmp_path: Path
) -> None:
    pyarrow.csv.write_csv(simulated.observed, tmp_path / "portfolio.csv")
    again = map_portfolio(read_table(tmp_path / "portfolio.csv").table, read_mapping("tallystick"))
    assert again.line.equals(portfolio.line)
    assert again.line_month.equals(portfolio.line_month)
    assert again.rejects.equals(portfolio.rejects)


def test_a_check_finds_nothing_that_the_mapping_leaves_open(file: Path) -> None:
    assert check_mapping_file(mapping="tallystick", data=file) == ()


def test_its_draft_reads_the_same_figures_once_its_questions_are_answered(
    simulated: SimulatedPortfolio, portfolio: Portfolio
) -> None:
    clean = simulated.observed.filter(pc.not_equal(pc.fill_null(simulated.observed.column("education"), ""), "5"))
    text = draft_mapping(clean, "ours")
    mapping = parse_mapping(text, name="ours")
    assert [fault.place for fault in check_mapping(mapping, clean)] == ["outcome.zh", "outcome.en"]
    answered = parse_mapping(text.replace('"? ', '"'), name="ours")
    drafted, built_in = map_portfolio(clean, answered), map_portfolio(clean, read_mapping("tallystick"))
    assert drafted.line.equals(built_in.line)
    assert drafted.line_month.equals(built_in.line_month)
    assert set(answered.fields) == set(read_mapping("tallystick").fields)


def test_a_file_of_text_alone_drafts_the_same_fields(simulated: SimulatedPortfolio) -> None:
    observed = simulated.observed
    texts = pa.table({name: observed.column(name).cast(pa.string()) for name in observed.column_names})
    assert draft_mapping(texts, "ours") == draft_mapping(observed, "ours")
