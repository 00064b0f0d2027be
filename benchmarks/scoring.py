"""How many rows per second a scorecard, LightGBM and a decision table judge, beside the library's bare predict.

    python benchmarks/scoring.py [--json] [--rows 1000000]

Ours starts from an Arrow table and does everything that production does: checks the columns, reads missing values,
scores. The peer starts from what it reads fastest, prepared beforehand: for the scorecard a hand-written NumPy loop
(searchsorted, take, add), for LightGBM the same booster's `predict` on a float64 matrix, for the decision table a
hand-written `np.select`. Both must give the same answers. `ratio` is the peer's median seconds over ours. The data is
made up, from a seed.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from report_line import emit
from tallystick.scoring.boosted import Boosted, BoostedSettings, fit_boosted
from tallystick.scoring.matrix import matrix_of
from tallystick.scoring.model import ModelFeature
from tallystick.scoring.scorecard import Scorecard, ScorecardSettings, fit_scorecard
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.tables import DecisionTable, TableDeclaration, compile_table

SEED = 20_260_101
FEATURES = 20
TRAINING_ROWS = 20_000
BATCHES = (1, 64, 4_096)
SECONDS_PER_CASE = 0.5
THREADS_FROM_ROWS = 2_048
REPEATS_MIN, REPEATS_MAX = 3, 300

Floats = npt.NDArray[np.float64]
Answers = npt.NDArray[Any]
Call = Callable[[], Answers]


@dataclass(frozen=True, slots=True)
class Contest:
    """One kind of judgment: ours on a table, and the peer, prepared for the same table's rows, to be called."""

    kind: str
    ours: Callable[[pa.Table], Answers]
    prepared_peer: Callable[[pa.Table], Call]


def main() -> None:
    options = _options()
    portfolio = _portfolio(max(options.rows, TRAINING_ROWS))
    training = portfolio.slice(0, TRAINING_ROWS)
    contests = (_scorecard_contest(training), _lightgbm_contest(training), _table_contest())
    ours, peer = {}, {}
    for contest in contests:
        for batch in (*BATCHES, options.rows):
            seconds = _seconds(contest, portfolio.slice(0, batch))
            key = f"rows_per_s_{contest.kind}_{batch}"
            ours[key], peer[key] = (batch / one for one in seconds)
    ratio = {key: ours[key] / peer[key] for key in ours}
    emit("scoring", ours=ours, peer=peer, ratio=ratio, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the largest batch (more than 4,096)")
    options = parser.parse_args()
    if options.rows <= max(BATCHES):
        parser.error(f"--rows {options.rows}: the largest batch must be above {max(BATCHES):,}")
    return options


def _portfolio(rows: int) -> pa.Table:
    """Ratios, every fifth with missing values, and the columns that the decision table reads."""
    draws = np.random.default_rng(SEED)
    columns: dict[str, Any] = {}
    for place in range(FEATURES):
        missing = draws.random(rows) < 0.05 if place % 5 == 0 else None
        columns[f"x{place}"] = pa.array(draws.random(rows), mask=missing)
    columns["pd_ppm"] = draws.integers(1_000, 400_000, rows)
    columns["months_past_due"] = pa.array(draws.poisson(0.3, rows), mask=draws.random(rows) < 0.02)
    return pa.table(columns)


def _features() -> list[ModelFeature]:
    return [ModelFeature(f"x{place}", "numeric", "up" if place % 2 else "none") for place in range(FEATURES)]


def _outcome(training: pa.Table) -> Floats:
    matrix = np.column_stack([np.nan_to_num(training[f"x{place}"].to_numpy(), nan=0.5) for place in range(FEATURES)])
    log_odds = -4.0 + matrix @ np.linspace(0.0, 0.6, FEATURES)
    draws = np.random.default_rng(SEED + 1)
    return (draws.random(len(matrix)) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)


def _scorecard_contest(training: pa.Table) -> Contest:
    card = fit_scorecard(training, _outcome(training), _features(), ScorecardSettings(), seed=SEED)

    def prepared(batch: pa.Table) -> Call:
        columns = [batch[feature.name].to_numpy() for feature in card.features]
        return lambda: _bare_scorecard(card, columns)

    return Contest("scorecard", card.log_odds, prepared)


def _bare_scorecard(card: Scorecard, columns: list[Floats]) -> Floats:
    total = np.full(len(columns[0]), card.intercept)
    for feature, column in zip(card.scored, columns, strict=True):
        place = np.searchsorted(feature.bins.edges, column, side="right")  # NaN sorts last: into the missing bin
        total += np.array(feature.log_odds)[place + np.isnan(column)]
    return total


def _lightgbm_contest(training: pa.Table) -> Contest:
    settings = BoostedSettings(learning_rate=0.05, ensemble_seeds=1, rounds_max=200)
    model = fit_boosted(training, _outcome(training), _features(), settings, seed=SEED)

    booster = lightgbm.Booster(model_str=model.trees.decode())
    return Contest("lightgbm", model.log_odds, lambda batch: _lightgbm_call(booster, model, batch))


def _lightgbm_call(booster: Any, model: Boosted, batch: pa.Table) -> Call:
    matrix = matrix_of(columns=batch, coded=model.coded)
    # a few rows are faster without waking threads: the peer gets what suits it, as ours does
    threads = {"num_threads": 1} if len(matrix) < THREADS_FROM_ROWS else {}
    return lambda: np.asarray(booster.predict(matrix, raw_score=True, **threads))


def _table_contest() -> Contest:
    table = _decision_table()
    return Contest("decision_table", lambda batch: table.decide(batch).outputs["grade"], _table_call)


def _decision_table() -> DecisionTable:
    text = """id,when,grade,reason,zh,en
late,months_past_due >= 1,E,past_due,有逾期,Past due
unknown,months_past_due IS NULL,D,unknown_standing,状态未知,Standing unknown
best,pd_ppm < 20000 AND x1 < 0.9,A,low_risk,风险低,Low risk
good,pd_ppm < 80000,B,some_risk,风险一般,Some risk
fair,pd_ppm < 200000 OR x0 < 0.1,C,more_risk,风险较高,More risk
rest,otherwise,D,high_risk,风险高,High risk
"""
    ratio = ColumnType("number", lowest=0.0, highest=1.0)
    return compile_table(
        text=text,
        file="grades.csv",
        declaration=TableDeclaration("grades", {"grade": ColumnType("text", allowed=tuple("ABCDE"))}),
        columns={
            "months_past_due": ColumnType("whole", lowest=0, highest=24),
            "pd_ppm": ColumnType("whole", lowest=0, highest=1_000_000),
            "x0": ratio,
            "x1": ratio,
        },
    )


def _table_call(batch: pa.Table) -> Call:
    months, pd, x0, x1 = (
        batch[name].to_numpy().astype(np.float64) for name in ("months_past_due", "pd_ppm", "x0", "x1")
    )
    grades = np.array(["E", "D", "A", "B", "C"], dtype=object)
    return lambda: np.select(
        [months >= 1, np.isnan(months), (pd < 20_000) & (x1 < 0.9), pd < 80_000, (pd < 200_000) | (x0 < 0.1)],
        list(grades),
        default="D",
    )


def _seconds(contest: Contest, batch: pa.Table) -> tuple[float, float]:
    """Median seconds per call of ours and of the peer, called in turn, after both gave the same answers."""
    peer = contest.prepared_peer(batch)
    first = time.perf_counter()
    answers, peer_answers = contest.ours(batch), peer()
    both = time.perf_counter() - first
    if not _same(answers, peer_answers):
        raise RuntimeError(f"{contest.kind}: ours and the peer differ on {batch.num_rows:,} rows")
    repeats = int(min(max(SECONDS_PER_CASE / both, REPEATS_MIN), REPEATS_MAX))
    measured = [(_timed(lambda: contest.ours(batch)), _timed(peer)) for _ in range(repeats)]
    return median(one for one, _ in measured), median(other for _, other in measured)


def _same(answers: Answers, others: Answers) -> bool:
    if answers.dtype == object:
        return bool((answers == others).all())
    return bool(np.allclose(answers, others, rtol=0, atol=1e-9))


def _timed(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
