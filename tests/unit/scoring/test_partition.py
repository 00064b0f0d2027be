"""The dynamic program finds what trying every partition finds."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from tallystick.scoring.partition import (
    Counts,
    Partition,
    PartitionRules,
    Population,
    Trend,
    best_partition,
    information_values,
    weight_of_evidence,
)

RULES = PartitionRules(bins_max=4, rows_min=20, bads_min=1, goods_min=1, penalty=0.0, objective="information_value")


def brute_force(goods: Counts, bads: Counts, population: Population, rules: PartitionRules, trend: Trend) -> float:
    best = -np.inf
    scale = population.goods * population.bads / (2 * (population.goods + population.bads))
    for count in range(1, rules.bins_max + 1):
        for inner in combinations(range(1, len(goods)), count - 1):
            starts = [0, *inner]
            g, b = np.add.reduceat(goods, starts), np.add.reduceat(bads, starts)
            if (g + b < rules.rows_min).any() or (b < rules.bads_min).any() or (g < rules.goods_min).any():
                continue
            woe = weight_of_evidence(g, b, population)
            steps = [high - low for low, high in pairwise(woe)]
            if trend == "rising" and any(step > 0 for step in steps):
                continue
            if trend == "falling" and any(step < 0 for step in steps):
                continue
            best = max(best, scale * information_values(g, b, population).sum() - rules.penalty * count)
    return best


@pytest.mark.parametrize("trend", ["rising", "falling", "free"])
@pytest.mark.parametrize("seed", range(6))
def test_no_partition_is_better(trend: Trend, seed: int) -> None:
    draw = np.random.default_rng(seed)
    goods, bads = draw.integers(0, 40, 9), draw.integers(0, 12, 9)
    population = Population(goods=int(goods.sum()), bads=int(bads.sum()), smoothing_rows=2.0)
    found = best_partition(goods=goods, bads=bads, population=population, rules=RULES, trend=trend)
    assert found.worth == pytest.approx(brute_force(goods, bads, population, RULES, trend))
    g, b = np.add.reduceat(goods, found.starts), np.add.reduceat(bads, found.starts)
    assert (g + b).min() >= RULES.rows_min


def test_likelihood_gain_is_the_difference_of_log_likelihoods() -> None:
    goods, bads = np.array([90, 40]), np.array([10, 60])
    rules = PartitionRules(bins_max=2, rows_min=1, bads_min=1, goods_min=1, penalty=0.0, objective="likelihood")
    found = best_partition(goods=goods, bads=bads, population=Population(130, 70, 1.0), rules=rules, trend="free")
    parts = goods @ np.log(goods / 100) + bads @ np.log(bads / 100)
    whole = 130 * np.log(130 / 200) + 70 * np.log(70 / 200)
    assert found.starts == (0, 1)
    assert found.worth == pytest.approx(parts - whole)


def test_a_penalty_above_the_gain_keeps_one_bin() -> None:
    goods, bads = np.array([60, 55]), np.array([40, 45])
    population = Population(115, 85, 1.0)
    for penalty, starts in ((0.0, (0, 1)), (5.0, (0,))):
        rules = PartitionRules(4, 1, 1, 1, penalty, "likelihood")
        found = best_partition(goods=goods, bads=bads, population=population, rules=rules, trend="free")
        assert found.starts == starts


def test_rules_that_nothing_keeps_leave_one_bin() -> None:
    rules = PartitionRules(4, 10_000, 1, 1, 0.0, "likelihood")
    found = best_partition(
        goods=np.array([5, 5]), bads=np.array([1, 2]), population=Population(10, 3, 1.0), rules=rules, trend="free"
    )
    assert found == Partition(starts=(0,), worth=float("-inf"))


def test_smoothing_keeps_pure_bins_finite_and_empty_bins_neutral() -> None:
    woe = weight_of_evidence(np.array([0, 50, 0]), np.array([50, 0, 0]), Population(800, 200, 10.0))
    assert np.isfinite(woe).all()
    assert woe[0] < 0 < woe[1]
    assert woe[2] == 0.0
