"""A small card business on file, with its configuration: terminals that are taken over, told a week later."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

_DAYS = 90
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)

CONFIG = """
name = "small"
zh = "小样本"
en = "a small sample"
outcome = "fraud_7d"
seed = 3
features = ["amount", "terminal_fraud_share_7d", "terminal_fraud_count_30d", "borrower_amount_to_mean_30d"]

[events]
id = "id"
at = "CAST(at AS TIMESTAMP)"
observe = "purchase"
tells_outcome = ["scenario"]

[events.columns]
borrower_id = "card"
terminal_id = "terminal"
amount_minor = "CAST(amount AS BIGINT)"
sex = "sex"

[events.streams.purchase.columns]
borrower_id = "card"
terminal_id = "terminal"
amount_minor = "CAST(amount AS BIGINT)"

[events.streams.fraud_label]
delay_days = 7

[events.streams.fraud_label.columns]
borrower_id = "card"
terminal_id = "terminal"
amount_minor = "CAST(amount AS BIGINT)"
is_fraud = "fraud = '1'"

[split]
train_from = 2026-02-15
train_days = 14
gap_days = 7
test_days = 14
earlier_folds = 1
leave_out_known = "borrower"

[alerts]
entity = "borrower"
per_day = 3

[learner]
kind = "lightgbm"
rounds = 20
members = 2
riskier_up = ["terminal_fraud_count_30d"]

[[compare]]
zh = "逻辑回归"
en = "logistic regression"
features = ["amount", "terminal_fraud_share_7d"]
learner = { kind = "logistic" }

[[published]]
zh = "书中"
en = "the book"
figures = { auc = "0.8" }
source = "nowhere"
"""


def write_events(path: Path, *, seed: int = 1) -> Path:
    """Purchases of 400 cards on 40 terminals over 90 days as CSV; some terminals are taken over for twenty days."""
    chance = random.Random(seed)
    taken = {terminal: chance.randrange(_DAYS - 20) for terminal in range(12)}
    lines = ["id,at,card,terminal,amount,sex,fraud,scenario"]
    moments = sorted(chance.random() * _DAYS for _ in range(6_000))
    for number, moment in enumerate(moments):
        card, terminal = chance.randrange(400), chance.randrange(40)
        fraud = int(0 <= moment - taken.get(terminal, _DAYS) < 20 and chance.random() < 0.7)
        at = (_FIRST + timedelta(days=moment)).strftime("%Y-%m-%d %H:%M:%S")
        amount = chance.randrange(100, 9_000)
        lines.append(f"{number},{at},{card},{terminal},{amount},{'fm'[card % 2]},{fraud},{fraud * 2}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
