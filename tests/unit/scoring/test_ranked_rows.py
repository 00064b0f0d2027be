"""What is counted anew for each draw is what scikit-learn finds by sorting each time."""

import math

import numpy as np
import pytest

from tallystick.scoring.ranked_rows import ranked_rows


@pytest.mark.parametrize("seed", range(8))
def test_both_figures_are_those_of_weighted_rows(seed: int) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    chance = np.random.Generator(np.random.PCG64(seed))
    outcome = np.append(chance.random(200) < 0.1, [True, False])
    score = np.round(chance.random(202) + 0.3 * outcome, 1 + seed % 3)
    times = np.append(chance.integers(0, 3, 200), [1, 1])
    rows = ranked_rows(outcome, score)
    assert rows.auc(times) == pytest.approx(roc_auc_score(outcome, score, sample_weight=times), abs=1e-12)
    precision = average_precision_score(outcome, score, sample_weight=times)
    assert rows.average_precision(times) == pytest.approx(precision, abs=1e-12)


def test_a_draw_without_bads_or_goods_has_no_auc() -> None:
    rows = ranked_rows([1, 0, 0], np.array([0.5, 0.4, 0.4]))
    without_bads, without_goods = np.array([0, 1, 2]), np.array([2, 0, 0])
    assert (math.isnan(rows.auc(without_bads)), rows.average_precision(without_bads)) == (True, 0.0)
    assert (math.isnan(rows.auc(without_goods)), rows.average_precision(without_goods)) == (True, 1.0)
