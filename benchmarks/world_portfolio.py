"""Simulated portfolio beside real data: how fast it is made, how like real lines it is, how well a model can do.

`uv run python benchmarks/world_portfolio.py [--json] [--lines N] [--seed S] [--data FOLDER] [--chart FILE.svg]`
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from report_line import emit
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio, simulate_portfolio

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Figures = dict[str, float]

ROOT = Path(__file__).resolve().parents[1]
UTILIZATION_EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
HISTORY = standard_parameters().lender.history_months


@dataclass(frozen=True, slots=True)
class RevolvingLines:
    """What both the simulated lines and UCI Taiwan's have, month 0 first; missing months are NaN."""

    limit: Floats  # (lines,)
    statement: Floats  # (lines, months)
    paid: Floats  # (lines, months - 1): what pays the statement of the month before
    months_past_due: Floats  # (lines, months)
    is_bad: Flags  # (lines,)

    @property
    def utilization(self) -> Floats:
        return self.statement / self.limit[:, np.newaxis]


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
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
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


def uci_lines(data: Path) -> RevolvingLines:
    table = pq.read_table(data / "uci_taiwan_default" / "uci_taiwan_default.parquet")

    def columns(*names: str) -> Floats:
        return np.column_stack([table[name].to_numpy().astype(np.float64) for name in names])

    return RevolvingLines(
        limit=columns("LIMIT_BAL")[:, 0],
        statement=columns(*(f"BILL_AMT{month}" for month in range(1, 7))),
        paid=columns(*(f"PAY_AMT{month}" for month in range(1, 6))),
        months_past_due=np.maximum(columns("PAY_0", *(f"PAY_{month}" for month in range(2, 7))), 0.0),
        is_bad=columns("default_payment_next_month")[:, 0] == 1,
    )


def line_figures(lines: RevolvingLines) -> Figures:
    """Shares of lines, or of statements where the name says so."""
    latest, before = lines.utilization[:, 0], lines.utilization[:, 1]
    past_due = lines.months_past_due
    both = np.isfinite(latest) & np.isfinite(before)
    had_statement = lines.statement[:, 1] > 0
    paid_ratio = lines.paid[had_statement, 0] / lines.statement[had_statement, 1]
    bad = lines.is_bad
    return {
        "bad_share": float(bad.mean()),
        "utilization_mean": float(latest.mean()),
        "utilization_mean_of_lines_with_balance": float(latest[latest > 0].mean()),
        "utilization_under_10_share": float((latest <= 0.1).mean()),
        "utilization_over_90_share": float((latest > 0.9).mean()),
        "utilization_correlation_1_month": float(np.corrcoef(latest[both], before[both])[0, 1]),
        "credit_balance_share": float((latest < 0).mean()),
        "past_due_share": float((past_due[:, 0] >= 1).mean()),
        "past_due_2_share": float((past_due[:, 0] >= 2).mean()),
        "past_due_in_6_months_share": float((np.nan_to_num(past_due).max(axis=1) >= 1).mean()),
        "past_due_again_share": float((past_due[past_due[:, 1] >= 2, 0] >= 2).mean()),
        "statement_paid_in_full_share": float((paid_ratio >= 0.99).mean()),
        "statement_unpaid_share": float((paid_ratio == 0).mean()),
        "bad_ratio_utilization_over_70_to_under_30": float(bad[latest > 0.7].mean() / bad[latest <= 0.3].mean()),
        "bad_ratio_past_due_1_to_0": float(bad[past_due[:, 0] == 1].mean() / bad[past_due[:, 0] == 0].mean()),
        "bad_ratio_past_due_2_to_0": float(bad[past_due[:, 0] == 2].mean() / bad[past_due[:, 0] == 0].mean()),
    }


def limit_figures(limit: Floats) -> Figures:
    return {
        "limit_median_yuan": float(np.median(limit)),
        "limit_mean_yuan": float(limit.mean()),
        "limit_at_cap_share": float((limit == limit.max()).mean()),
        "limit_to_5000_share": float((limit <= 5_000).mean()),
    }


def use_figures(spent: Floats) -> Figures:
    """`spent`: purchases, shape (lines, 3), the latest month first."""
    used = spent > 0
    return {
        "used_in_month_share": float(used[:, 0].mean()),
        "used_in_3_months_share": float(used.any(axis=1).mean()),
        "used_again_next_month_share": float(used[used[:, 1], 0].mean()),
    }


def spending(portfolio: SimulatedPortfolio, clean: Flags) -> Floats:
    return months_of(portfolio.observed, "spent_minor", rows=clean, months=3)


def jdd_limits(data: Path) -> Floats:
    limits: Floats = pq.read_table(data / "jdd2017_baitiao" / "t_user.parquet")["limit_cny_decoded"].to_numpy().round()
    return limits


def jdd_figures(data: Path) -> Figures:
    table = pq.read_table(data / "jdd2017_baitiao" / "derived_user_aggregates_cefanmin.parquet")
    borrowed = np.column_stack([table[f"loan_price_sum{month}"].to_numpy() for month in (11, 10, 9)])
    return limit_figures(jdd_limits(data)) | use_figures(borrowed)


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
    import altair
    import vl_convert

    panels = [
        ("Utilization (balance / limit)", "UCI Taiwan", utilization_shares(ours), utilization_shares(uci)),
        ("Months past due", "UCI Taiwan", past_due_shares(ours), past_due_shares(uci)),
        ("Limit / highest limit", "JDD Baitiao", limit_shares(ours.limit), limit_shares(jdd_limit)),
    ]
    drawn = [
        altair.Chart(altair.Data(values=bars(simulated, real, name=peer)), title=title, width=230, height=190)
        .mark_bar()
        .encode(
            x=altair.X("band:N", sort=None, title=None, axis=altair.Axis(labelAngle=0)),
            xOffset=altair.XOffset("of:N", sort=None),
            y=altair.Y("share:Q", title="share of lines", axis=altair.Axis(format="%")),
            color=altair.Color("of:N", sort=None, title=None, scale=altair.Scale(range=["#0b6e4f", "#c9c4b5"])),
        )
        for title, peer, simulated, real in panels
    ]
    figure = altair.hconcat(*drawn).resolve_scale(color="independent")
    return str(vl_convert.vegalite_to_svg(figure.to_dict()))


def bars(simulated: Mapping[str, float], real: Mapping[str, float], *, name: str) -> list[dict[str, Any]]:
    return [
        {"band": band, "share": share, "of": of}
        for of, shares in (("simulated", simulated), (name, real))
        for band, share in shares.items()
    ]


def utilization_shares(lines: RevolvingLines) -> Figures:
    bands = np.searchsorted(UTILIZATION_EDGES, lines.utilization[:, 0], side="left")
    names = ("0", "≤ 10%", "≤ 30%", "≤ 50%", "≤ 70%", "≤ 90%", "more")
    return {name: float((bands == band).mean()) for band, name in enumerate(names)}


def past_due_shares(lines: RevolvingLines) -> Figures:
    """Without the lines that are current, whose share would hide the others."""
    latest = lines.months_past_due[:, 0]
    return {"1": float((latest == 1).mean()), "2": float((latest == 2).mean()), "3+": float((latest >= 3).mean())}


def limit_shares(limit: Floats) -> Figures:
    part = limit / limit.max()
    edges = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    return {f"≤ {high:.0%}": float(((low < part) & (part <= high)).mean()) for low, high in pairwise(edges)}


if __name__ == "__main__":
    main()
