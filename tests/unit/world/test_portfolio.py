"""One seed gives one portfolio, of the size asked for, as risky and as full as it claims to be."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from tallystick.world import portfolio as portfolio_module
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio, TooFewSurvivors, simulate_portfolio


def parquet_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def simulate(lines: int, seed: int = 5) -> SimulatedPortfolio:
    return simulate_portfolio(lines=lines, seed=seed, parameters=standard_parameters())


def test_same_seed_gives_the_same_bytes() -> None:
    first, second = simulate(2_000), simulate(2_000)
    assert parquet_bytes(first.observed) == parquet_bytes(second.observed)
    assert parquet_bytes(first.truth) == parquet_bytes(second.truth)


def test_seeds_differ() -> None:
    first, second = simulate(1_000, seed=5), simulate(1_000, seed=6)
    assert first.truth["thrift"].to_pylist() != second.truth["thrift"].to_pylist()
    assert first.truth["outcome"].to_pylist() != second.truth["outcome"].to_pylist()


@pytest.mark.parametrize("block", [512, 65_536])
def test_a_larger_portfolio_begins_with_the_smaller_one(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portfolio_module, "BLOCK", block)  # small blocks: also across their borders
    small, large = simulate(700), simulate(1_900)
    assert large.truth.slice(0, 700).equals(small.truth)
    assert large.observed.slice(0, small.observed.num_rows).equals(small.observed)
    assert large.truth["line_id"].to_pylist() == [f"line_{number:08d}" for number in range(1, 1_901)]


def test_blocks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portfolio_module, "BLOCK", 512)
    thrift = simulate(1_500).truth["thrift"].to_numpy()
    assert len(np.unique(thrift)) == 1_500


def test_one_line() -> None:
    single = simulate(1)
    assert single.truth.num_rows == 1
    assert single.observed["line_id"].to_pylist() == ["line_00000001"]


def test_impossible_requests_are_refused_all_at_once() -> None:
    with pytest.raises(ValueError, match=r"lines is 0: a portfolio has at least one line; seed is -1: choose"):
        simulate_portfolio(lines=0, seed=-1, parameters=standard_parameters())


def test_a_world_in_which_nobody_pays_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portfolio_module, "BLOCK", 4_096)
    usual = standard_parameters()
    nobody_pays = replace(
        usual,
        lender=replace(usual.lender, months_on_book_log_mean=4.0, months_on_book_log_sd=0.0),
        behavior=replace(usual.behavior, late_intercept=10.0, active_share_intercept=10.0),
    )
    with pytest.raises(TooFewSurvivors, match=r"of 4096 candidates \d+ were .* lower behavior\.late_intercept"):
        simulate_portfolio(lines=3_000, seed=1, parameters=nobody_pays)


def test_changing_one_chance_moves_no_other() -> None:
    usual = standard_parameters()
    silent = replace(usual, export=replace(usual.export, income_missing_share=1.0))
    first, second = simulate(300), simulate_portfolio(lines=300, seed=5, parameters=silent)
    assert second.observed["income_month_minor"].null_count == second.observed.num_rows
    assert second.truth.equals(first.truth)
    others = [name for name in first.observed.column_names if name != "income_month_minor"]
    assert second.observed.select(others).equals(first.observed.select(others))


def test_six_months_of_history() -> None:
    parameters = standard_parameters()
    short = replace(parameters, lender=replace(parameters.lender, history_months=6))
    columns = simulate_portfolio(lines=50, seed=5, parameters=short).observed.column_names
    assert "balance_minor_m5" in columns
    assert "balance_minor_m6" not in columns


def test_the_portfolio_is_as_risky_as_it_says(portfolio: SimulatedPortfolio) -> None:
    outcome = portfolio.truth["outcome"].to_numpy()
    pd = portfolio.truth["pd_12m"].to_numpy()
    standard_error = np.sqrt((pd * (1.0 - pd)).sum()) / len(pd)
    assert 0.06 < outcome.mean() < 0.09
    assert abs(outcome.mean() - pd.mean()) < 4.0 * standard_error
    assert np.quantile(pd, 0.15) < 0.01
    assert np.quantile(pd, 0.95) > 0.25
    assert 0.84 < roc_auc_score(outcome, pd) < 0.88  # no model can be better than this, and none need be perfect


def test_the_truth_is_calibrated_by_decile(portfolio: SimulatedPortfolio) -> None:
    outcome = portfolio.truth["outcome"].to_numpy()
    pd = portfolio.truth["pd_12m"].to_numpy()
    for group in np.array_split(np.argsort(pd), 10):
        standard_error = np.sqrt((pd[group] * (1.0 - pd[group])).sum()) / len(group)
        assert abs(outcome[group].mean() - pd[group].mean()) < 4.0 * standard_error


def test_a_visible_mass_stands_at_the_present_cap(portfolio: SimulatedPortfolio) -> None:
    limit = portfolio.truth["credit_limit_minor"].to_numpy()
    assert limit.max() == 3_000_000
    assert limit.min() >= 50_000
    assert (limit % 50_000 == 0).all()
    assert 0.15 < (limit == 3_000_000).mean() < 0.30
    assert 1_200_000 <= np.median(limit) <= 1_800_000


def test_the_weak_spend_a_new_limit_and_the_strong_do_not(portfolio: SimulatedPortfolio) -> None:
    pd = portfolio.truth["pd_12m"].to_numpy()
    propensity = portfolio.truth["propensity"].to_numpy()
    assert propensity[pd < 0.004].mean() < 0.03
    assert 0.50 < propensity[pd > 0.25].mean() < 0.60
    assert propensity.max() <= 1.0
    for share in ("lgd", "ccf"):
        values = portfolio.truth[share].to_numpy()
        assert 0.0 < values.min() < values.max() < 1.0
