"""Simulated portfolio beside real data: how fast it is made, how like real lines it is, how well a model can do.

`uv run python benchmarks/world_portfolio.py [--json] [--lines N] [--seed S] [--data FOLDER] [--chart FILE.svg]`
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from comparison_chart import Panel, limit_shares, past_due_shares, side_by_side, utilization_shares
from real_credit import (
    DATA,
    Figures,
    Flags,
    Floats,
    RevolvingLines,
    jdd_figures,
    jdd_limits,
    limit_figures,
    line_figures,
    uci_lines,
    use_figures,
)
from report_line import emit
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio, simulate_portfolio

HISTORY = standard_parameters().lender.history_months


def main() -> None:
    arguments = read_arguments()
    started = time.perf_counter()
    portfolio = simulate_portfolio(lines=arguments.lines, seed=arguments.seed, parameters=standard_parameters())
    seconds = time.perf_counter() - started
    clean = clean_lines(portfolio)
    ours, uci = simulated_lines(portfolio, clean), uci_lines(arguments.data)
    same_for_both = line_figures(ours) | limit_figures(ours.limit) | use_figures(spending(portfolio, clean))
    real = line_figures(uci) | jdd_figures(arguments.data)
    made = {"lines": float(arguments.lines), "simulate_seconds": seconds, **model_figures(portfolio, clean, ours)}
    ratio = {f"{name}_to_real": same_for_both[name] / figure for name, figure in real.items()}
    emit("world_portfolio", made | same_for_both, real, ratio, as_json=arguments.json)
    if arguments.chart:
        arguments.chart.write_text(chart(ours=ours, uci=uci, jdd_limit=jdd_limits(arguments.data)), encoding="utf-8")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--chart", type=Path, help="also draw the comparison, as SVG")
    return parser.parse_args()


def clean_lines(portfolio: SimulatedPortfolio) -> Flags:
    """Rows of the export that are no second copy and have no dirty field, shape (rows,)."""
    dirt_of = dict(zip(portfolio.truth["line_id"].to_pylist(), portfolio.truth["dirt"].to_pylist(), strict=True))
    return np.array([dirt_of[line_id] is None for line_id in portfolio.observed["line_id"].to_pylist()])


def months_of(table: pa.Table, name: str, *, rows: Flags, months: int) -> Floats:
    """Columns `name_m0..` as floats, shape (rows, months)."""
    columns = [table[f"{name}_m{month}"].to_numpy().astype(np.float64)[rows] for month in range(months)]
    return np.column_stack(columns)


def simulated_lines(portfolio: SimulatedPortfolio, clean: Flags) -> RevolvingLines:
    observed = portfolio.observed
    return RevolvingLines(
        limit=observed["credit_limit_minor"].to_numpy()[clean] / 100.0,
        statement=months_of(observed, "balance_minor", rows=clean, months=6) / 100.0,
        paid=months_of(observed, "paid_minor", rows=clean, months=5) / 100.0,
        months_past_due=months_of(observed, "months_past_due", rows=clean, months=6),
        is_bad=observed["outcome"].to_numpy()[clean] == 1,
    )


def spending(portfolio: SimulatedPortfolio, clean: Flags) -> Floats:
    return months_of(portfolio.observed, "spent_minor", rows=clean, months=3)


def model_figures(portfolio: SimulatedPortfolio, clean: Flags, lines: RevolvingLines) -> Figures:
    """AUC of LightGBM, fitted on half of the lines and judged on the other, beside that of the true PD."""
    import lightgbm
    from sklearn.metrics import roc_auc_score

    columns = model_columns(portfolio.observed, clean)
    pd_of = dict(zip(portfolio.truth["line_id"].to_pylist(), portfolio.truth["pd_12m"].to_pylist(), strict=True))
    ids = np.asarray(portfolio.observed["line_id"].to_pylist())[clean]
    true_pd = np.array([pd_of[line_id] for line_id in ids])
    is_judged = np.arange(len(ids)) % 2 == 1
    settings = {
        "objective": "binary", "learning_rate": 0.03, "num_leaves": 15, "min_child_samples": 60, "seed": 1,
        "feature_fraction": 0.4, "lambda_l2": 5.0, "num_threads": 1, "deterministic": True, "verbose": -1,
    }  # fmt: skip
    training = lightgbm.Dataset(columns[~is_judged], label=lines.is_bad[~is_judged])
    predicted = lightgbm.train(settings, training, num_boost_round=250).predict(columns[is_judged])
    bad = lines.is_bad[is_judged]
    deciles = np.array_split(np.argsort(predicted), 10)
    return {
        "model_auc": float(roc_auc_score(bad, predicted)),
        "true_pd_auc": float(roc_auc_score(bad, true_pd[is_judged])),
        "bad_share_of_best_tenth": float(bad[deciles[0]].mean()),
        "bad_share_of_worst_tenth": float(bad[deciles[-1]].mean()),
    }


def model_columns(observed: pa.Table, rows: Flags) -> Floats:
    """What a lender would derive from the export, roughly: levels, ratios and counts; shape (rows, columns)."""
    limit = observed["credit_limit_minor"].to_numpy()[rows][:, np.newaxis]
    balance, paid, spent, past_due = (
        months_of(observed, name, rows=rows, months=HISTORY)
        for name in ("balance_minor", "paid_minor", "spent_minor", "months_past_due")
    )
    income = observed["income_month_minor"].to_numpy()[rows].astype(np.float64)[:, np.newaxis]
    utilization = balance / limit
    paid_ratio = paid[:, :-1] / np.where(balance[:, 1:] > 0, balance[:, 1:], np.nan)
    return np.column_stack([
        limit, income, observed["months_on_book"].to_numpy()[rows], observed["nominal_rate_ppm"].to_numpy()[rows],
        utilization, paid_ratio, spent / limit, past_due, balance[:, :1] / income,
        (past_due > 0).sum(axis=1), (paid_ratio >= 1.0).sum(axis=1), np.nan_to_num(utilization).mean(axis=1),
    ])  # fmt: skip


def chart(*, ours: RevolvingLines, uci: RevolvingLines, jdd_limit: Floats) -> str:
    """Three comparisons side by side, as SVG text."""
    drawn: str = side_by_side(
        [
            Panel("Utilization (balance / limit)", "UCI Taiwan", utilization_shares(ours), utilization_shares(uci)),
            Panel("Months past due", "UCI Taiwan", past_due_shares(ours), past_due_shares(uci)),
            Panel("Limit / highest limit", "JDD Baitiao", limit_shares(ours.limit), limit_shares(jdd_limit)),
        ]
    )
    return drawn


if __name__ == "__main__":
    main()
