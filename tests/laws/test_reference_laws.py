"""Rows of one population against a model's reference: alarms are as rare as stated, clusters of rows or none."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from tallystick.scoring.model import ModelFeature
from tallystick.scoring.reference import (
    Reference,
    Told,
    reference_checks,
    reference_from_json,
    reference_json,
    reference_of,
)
from tallystick.scoring.spread import RARE_SHARE, auc_moment, moment_of, spread_of_column
from tallystick.scoring.validation import auc_with_error

FEATURES = (
    ModelFeature("amount", "numeric"),
    ModelFeature("usual", "numeric"),
    ModelFeature("frauds", "numeric"),
    ModelFeature("channel", "category"),
)


def sample(draws: np.random.Generator, *, rows: int, cards: int, terminals: int) -> tuple[pa.Table, Told]:
    """Purchases of cards with habits at terminals of which a few are taken over."""
    card, terminal = draws.integers(0, cards, rows), draws.integers(0, terminals, rows)
    usual, taken = draws.lognormal(3, 0.6, cards), draws.random(terminals) < 0.03
    frauds = np.where(taken[terminal], draws.poisson(3, rows), 0).astype(float)
    channel = draws.choice([f"c{number}" for number in range(30)], rows, p=_ZIPF)
    log_odds = -3 + 3 * (frauds > 0)
    outcome = (draws.random(rows) < expit(log_odds + 0.8 * taken[terminal])).astype(float)
    pd = expit(log_odds)
    table = pa.table(
        {"amount": usual[card] * np.exp(draws.normal(0, 0.5, rows)), "usual": usual[card], "frauds": frauds,
         "channel": channel}
    )  # fmt: skip
    clusters = [card.astype(np.int64), terminal.astype(np.int64)]
    periods = draws.choice(["one", "two"], rows).tolist()
    early = (draws.random(rows) < 0.3 * outcome).astype(float)
    return table, Told({"pd": pd}, outcome, pd, {"all": (pd, outcome)}, early, periods, clusters)


_ZIPF = 1 / np.arange(1, 31)
_ZIPF /= _ZIPF.sum()


def reference(draws: np.random.Generator, **size: int) -> Reference:
    """Of a sample learned from and one that proved the model."""
    table, told = sample(draws, **size)
    return reference_of(table, FEATURES, sample(draws, **size)[1], clusters=told.clusters)


@pytest.mark.parametrize(("rows", "cards", "terminals"), [(2_000, 300, 200), (1_000, 400, 60), (1_500, 40_000, 40_000)])
def test_a_watch_of_clustered_rows_alarms_at_most_as_often_as_it_says(rows: int, cards: int, terminals: int) -> None:
    draws, trials, alarms = np.random.default_rng(rows), 80, 0
    for _ in range(trials):
        kept = reference(draws, rows=rows, cards=cards, terminals=terminals)
        table, told = sample(draws, rows=rows, cards=cards, terminals=terminals)
        alarms += any(one.alarm for one in reference_checks(kept, table, told, false_alarm=0.05))
    # of 80 watches 4 may alarm; 9 is nearly three standard deviations of that binomial above
    assert alarms <= 9


def test_taken_for_independent_the_same_rows_alarm_in_most_watches() -> None:
    draws = np.random.default_rng(1)
    alarms = 0
    for _ in range(20):
        alone = [sample(draws, rows=3_000, cards=300, terminals=200) for _ in range(3)]
        told = [replace(one, clusters=()) for _, one in alone]
        kept = reference_of(alone[0][0], FEATURES, told[1])
        alarms += any(one.alarm for one in reference_checks(kept, alone[2][0], told[2], false_alarm=0.05))
    assert alarms >= 15


def test_a_reference_survives_its_file_and_a_shift_is_found() -> None:
    draws = np.random.default_rng(2)
    kept = reference(draws, rows=6_000, cards=2_000, terminals=500)
    assert reference_from_json(reference_json(kept)) == kept
    table, told = sample(draws, rows=6_000, cards=2_000, terminals=500)
    dearer = table.set_column(0, "amount", pa.array(table.column("amount").to_numpy() * 1.5))
    wrong = replace(told, means={"all": (told.means["all"][0] * 0.3, told.outcome)})
    found = {(one.kind, one.name) for one in reference_checks(kept, dearer, wrong) if one.alarm}
    assert {("feature", "amount"), ("calibration", "all")} <= found
    assert ("feature", "usual") not in found


def test_of_rows_that_are_each_somebodys_own_the_figures_are_the_usual_ones() -> None:
    draws = np.random.default_rng(3)
    score, bad = draws.normal(size=400), draws.random(400) < 0.3
    value, error = auc_with_error(bad, score)
    assert error is not None
    assert auc_moment(bad, score).value == value
    assert auc_moment(bad, score).variance == pytest.approx(error**2, rel=0.01)
    assert moment_of(score).variance == pytest.approx(score.var(ddof=1) / 400)
    own = moment_of(score, [np.arange(400)])
    assert (own.variance, own.fourth) == pytest.approx((moment_of(score).variance, moment_of(score).fourth))


def test_rare_categories_share_a_bin_with_those_never_seen() -> None:
    names = ["often"] * 197 + ["rare"] * 1 + [None] * 2
    spread = spread_of_column(pa.table({"c": names}), ModelFeature("c", "category"))
    assert spread.values == ("often",)
    assert spread.counts == (2, 197, 1)
    assert RARE_SHARE > 1 / 200
