"""Real credit lines beside which the simulated ones stand: Taiwan's cards, JD's lines, US card series, LendingClub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Figures = dict[str, float]

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
_LENDING_CLUB_MONTHS: Final = 36
_JDD_MONTHS: Final = (11, 10, 9)


@dataclass(frozen=True, slots=True)
class RevolvingLines:
    """What both simulated lines and UCI Taiwan's have, month 0 first; missing months are NaN."""

    limit: Floats  # (lines,)
    statement: Floats  # (lines, months)
    paid: Floats  # (lines, months - 1): what pays the statement of the month before
    months_past_due: Floats  # (lines, months)
    is_bad: Flags  # (lines,)

    @property
    def utilization(self) -> Floats:
        """Statement over limit, shape (lines, months)."""
        return self.statement / self.limit[:, np.newaxis]

    def of(self, rows: Rows) -> "RevolvingLines":
        """Some of the lines, or some more than once."""
        return RevolvingLines(
            self.limit[rows], self.statement[rows], self.paid[rows], self.months_past_due[rows], self.is_bad[rows]
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
    """Limits in yuan, shape (lines,); the cap is the highest of them."""
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


def uci_lines(data: Path) -> RevolvingLines:
    """The 30,000 card lines of Taiwan in 2005; bad is a default in the month after."""
    table = _read(data, "uci_taiwan_default/uci_taiwan_default.parquet")

    def columns(*names: str) -> Floats:
        return np.column_stack([table[name].to_numpy().astype(np.float64) for name in names])

    return RevolvingLines(
        limit=columns("LIMIT_BAL")[:, 0],
        statement=columns(*(f"BILL_AMT{month}" for month in range(1, 7))),
        paid=columns(*(f"PAY_AMT{month}" for month in range(1, 6))),
        months_past_due=np.maximum(columns("PAY_0", *(f"PAY_{month}" for month in range(2, 7))), 0.0),
        is_bad=columns("default_payment_next_month")[:, 0] == 1,
    )


def jdd_limits(data: Path) -> Floats:
    """Limits of 90,993 JD Baitiao users in yuan."""
    limits: Floats = _read(data, "jdd2017_baitiao/t_user.parquet")["limit_cny_decoded"].to_numpy().round()
    return limits


def jdd_borrowed(data: Path) -> Floats:
    """What they borrowed in November, October and September 2016, as codes that are 0 for nothing; (users, 3)."""
    table = _read(data, "jdd2017_baitiao/derived_user_aggregates_cefanmin.parquet")
    return np.column_stack([table[f"loan_price_sum{month}"].to_numpy() for month in _JDD_MONTHS])


def jdd_drawn_of_limit(data: Path) -> Floats:
    """What those who borrowed in November 2016 borrowed in it, over their limit; shape (borrowers,)."""
    loans = _read(data, "jdd2017_baitiao/t_loan_sum_2016_11.parquet")
    limit = dict(zip(_read(data, "jdd2017_baitiao/t_user.parquet")["uid"].to_pylist(), jdd_limits(data), strict=True))
    of_each = np.asarray([limit[uid] for uid in loans["uid"].to_pylist()])
    return np.asarray(loans["loan_sum_cny_decoded"].to_numpy() / of_each)


def jdd_figures(data: Path) -> Figures:
    """Limits and use."""
    return limit_figures(jdd_limits(data)) | use_figures(jdd_borrowed(data))


def card_delinquency(data: Path) -> tuple[npt.NDArray[np.datetime64], Floats]:
    """US banks' card balances 30 or more days past due, as a share, by quarter from 1991 (FRED DRCCLACBS)."""
    table = _read(data, "macro_fed_scenarios/fred_drcclacbs_card_delinquency.parquet")
    return table["observation_date"].to_numpy(), table["DRCCLACBS"].to_numpy() / 100.0


@dataclass(frozen=True, slots=True)
class Recovered:
    """Loans that were charged off: principal that was lost and what came back of it, shape (loans,)."""

    lost: Floats
    recovered: Floats

    def figures(self) -> Figures:
        """What came back, of the principal lost; and of how many loans something did."""
        return {
            "recovered_share": float(self.recovered.sum() / self.lost.sum()),
            "recovered_something_share": float((self.recovered > 0).mean()),
        }


def lending_club_recovered(data: Path) -> Recovered:
    """LendingClub's 36-month loans of 2015 that were charged off; the principal follows from the installment.

    1,000 at 12 % a year over 36 months are 33.21 a month: 33.21 * (1 - 1.01^-36) / 0.01 = 1,000.
    """
    table = _read(data, "lending_club_2015_outcomes/loans_2015_04_08.parquet")
    lost = table.filter(pa.compute.equal(table["loan_status"], "Charged Off"))
    installment, paid, recovered = (
        lost[name].to_numpy() for name in ("installment", "total_rec_prncp", "recoveries")
    )  # fmt: skip
    month = lost["int_rate"].to_numpy() / 1_200.0
    granted = installment * (1.0 - (1.0 + month) ** -_LENDING_CLUB_MONTHS) / month
    return Recovered(lost=granted - paid, recovered=recovered)


def _read(data: Path, name: str) -> pa.Table:
    path = data / name
    if not path.is_file():
        raise SystemExit(f"real data to stand beside is not here: put it at {path}, or say where it is (--data FOLDER)")
    return pq.read_table(path)
