"""Books whose law never changes, as files to train on and to watch: a draw per seed, and drifts that can be planted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 90

EVENTS = """
name = "book"
zh = "购买"
en = "purchases"
outcome = "fraud_late"
seed = 3
features = ["amount", "borrower_amount_to_mean_30d", "terminal_fraud_share_14d", "terminal_fraud_count_30d"]

[[definition]]
name = "fraud_late"
zh = "14天内被确认为欺诈"
en = "confirmed as fraud within 14 days"
performance_days = 14
bad = [{ stream = "fraud_label", of = "request", where = "e.is_fraud" }]
confirmed = [{ stream = "fraud_label", of = "request", where = "NOT e.is_fraud" }]

[events]
id = "id"
at = "at"
observe = "purchase"

[events.columns]
borrower_id = "card"
terminal_id = "terminal"
amount_minor = "amount"

[events.streams.purchase.columns]
borrower_id = "card"
terminal_id = "terminal"
amount_minor = "amount"

[events.streams.fraud_label]
delay_days = 3

[events.streams.fraud_label.columns]
borrower_id = "card"
terminal_id = "terminal"
amount_minor = "amount"
is_fraud = "fraud = 1"

[split]
train_from = 2026-02-10
train_days = 14
gap_days = 3
test_days = 14
leave_out_known = "borrower"

[learner]
kind = "lightgbm"
rounds = 10
"""

CASES = """
name = "cases"
zh = "申请"
en = "applications"
outcome = "late"
features = ["income", "late", "channel"]

[table]
id = "id"
bad = "bad = 1"
zh = "逾期"
en = "late"
performance_days = 90

[[table.feature]]
name = "income"
sql = "income"
zh = "收入"
en = "income"

[[table.feature]]
name = "late"
sql = "late"
zh = "逾期次数"
en = "times late"

[[table.feature]]
name = "channel"
sql = "channel"
zh = "渠道"
en = "channel"
kind = "category"

[learner]
kind = "lightgbm"
rounds = 10
"""

AMOUNTS = """
name = "loans"
zh = "回收"
en = "recoveries"

[table]
files = ["loans.csv"]
key = "id"
month = "CAST(begun AS DATE)"

[target]
zh = "回收率"
en = "share recovered"
unit = "share"
unit_zh = "比例"
amount = "CAST(recovered AS DOUBLE)"
of = "CAST(owed AS DOUBLE)"
known = "settled = '1'"
link = "share"

[split]
test_from = 2026-04-01

[feature.mark]
zh = "标记"
en = "a mark"
sql = "CAST(mark AS DOUBLE)"

[feature.owed]
zh = "未还"
en = "owed"
sql = "CAST(owed AS DOUBLE)"

[chance]
kind = "lightgbm"
rounds = 10

[size]
kind = "lightgbm"
rounds = 10
"""


def write_purchases(path: Path, *, seed: int, dearer: float = 1.0, frauds: float = 1.0, days: int = _DAYS) -> Path:
    """Purchases of 600 cards at 80 terminals; a terminal is taken over now and then for ten days.

    From day 60 on amounts are `dearer` times as large, and there are `frauds` times as many frauds that nothing tells.
    """
    draws = np.random.default_rng(seed)
    rows = 100 * days
    moment = np.sort(draws.random(rows)) * days
    card, terminal = draws.integers(0, 600, rows), draws.integers(0, 80, rows)
    usual = draws.lognormal(7.5, 0.5, 600)
    taken = draws.random((80, days + 10)) < 0.012  # each day, whether a terminal is taken over
    lately = np.array([taken[:, max(day - 9, 0) : day + 1].any(axis=1) for day in range(days)])
    late = moment >= 60
    chance = np.where(lately[moment.astype(int), terminal], 0.5, 0.01 * np.where(late, frauds, 1.0))
    fraud = draws.random(rows) < chance
    amount = usual[card] * np.exp(draws.normal(0, 0.4, rows)) * np.where(late, dearer, 1.0)
    at = [_FIRST + timedelta(days=float(one)) for one in moment]
    table = pa.table(
        {
            "id": np.arange(rows), "at": pa.array(at, pa.timestamp("us")), "card": card, "terminal": terminal,
            "amount": amount.astype(np.int64), "fraud": fraud.astype(np.int64),
        }
    )  # fmt: skip
    pq.write_table(table, path)
    return path


def write_cases(path: Path, *, seed: int, rows: int = 1_500, poorer: float = 0.0, worse: float = 0.0) -> Path:
    """Applications, on a fifth of which nobody knows yet what came of them."""
    draws = np.random.default_rng(seed)
    income = draws.normal(size=rows) - poorer
    late = draws.poisson(0.4, rows)
    channel = draws.choice(["app", "web", "shop"], rows, p=[0.6, 0.35, 0.05])
    bad = draws.random(rows) < 1 / (1 + np.exp(1.2 + 0.9 * income - 0.8 * late - worse))
    known = draws.random(rows) < 0.8
    table = pa.table(
        {
            "id": np.arange(rows), "income": income, "late": late, "channel": channel,
            "bad": pa.array(np.where(bad, 1, 0), mask=~known),
        }
    )  # fmt: skip
    pq.write_table(table, path)
    return path


def write_loans(folder: Path, *, seed: int, rows: int = 2_000, less: float = 1.0, larger: float = 1.0) -> Path:
    """Loans in default, begun January to May; on a tenth nobody knows yet what comes."""
    draws = np.random.default_rng(seed)
    mark, owed = draws.random(rows), draws.lognormal(6, 0.5, rows) * larger
    comes = draws.random(rows) < 0.25 + 0.5 * mark
    share = np.where(comes, np.clip((0.1 + 0.5 * mark) * draws.uniform(0.5, 1.4, rows), 0, 1), 0) * less
    table = pa.table(
        {
            "id": np.arange(rows), "begun": [f"2026-0{1 + number % 5}-01" for number in range(rows)], "mark": mark,
            "owed": owed, "recovered": share * owed, "settled": (draws.random(rows) < 0.9).astype(int),
        }
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    pa.csv.write_csv(table, folder / "loans.csv")
    return folder
