"""Folds: stratified, complete, the same for the same positions; outcomes are checked."""

import numpy as np
import pytest

from tallystick.scoring.folds import checked_outcome, derived_seed, stratified_folds, stratified_key_folds, two_outcomes
from tallystick.scoring.model import ColumnFault


def test_goods_and_bads_are_each_dealt_to_within_one_row() -> None:
    is_bad = np.random.default_rng(1).random(1_003) < 0.2
    deal = stratified_folds(is_bad, folds=7, seed=4)
    for which in (True, False):
        assert np.ptp(np.bincount(deal[is_bad == which], minlength=7)) <= 1


def test_the_deal_depends_on_the_seed_and_not_on_order_of_the_file() -> None:
    is_bad = np.arange(1_000) < 200  # a file sorted by outcome
    deal = stratified_folds(is_bad, folds=5, seed=1)
    assert (deal == stratified_folds(is_bad, folds=5, seed=1)).all()
    assert 0.1 < (deal == stratified_folds(is_bad, folds=5, seed=2)).mean() < 0.3
    assert abs(np.corrcoef(np.arange(1_000), deal)[0, 1]) < 0.1


def test_outcomes_other_than_0_and_1_are_refused() -> None:
    with pytest.raises(ColumnFault, match=r"2\.0 at row 1 and neither 0 nor 1 on 2 rows"):
        checked_outcome([0, 2, np.nan], rows=3)
    with pytest.raises(ColumnFault, match="shape"):
        checked_outcome([0, 1], rows=3)
    with pytest.raises(ColumnFault, match="2 goods and 1 bads: at least 2"):
        two_outcomes([0, 0, 1], rows=3, least=2)
    with pytest.raises(ValueError, match="at least 2"):
        stratified_folds(np.array([True, False]), folds=1, seed=0)


def test_derived_seeds_differ_and_fit_31_bits() -> None:
    seeds = {derived_seed(seed, member) for seed in range(30) for member in range(30)}
    assert len(seeds) == 900
    assert min(seeds) >= 0
    assert max(seeds) < 2**31


def test_rows_of_one_key_share_a_fold_and_few_bad_keys_are_dealt_evenly() -> None:
    key = np.repeat(np.arange(90), 3)
    is_bad = np.isin(key, np.arange(0, 90, 9)) & (np.arange(270) % 3 == 1)
    dealt = stratified_key_folds(is_bad, key, folds=5, seed=3)
    assert all(len(set(dealt[key == one])) == 1 for one in range(90))
    assert [int(is_bad[dealt == fold].sum()) for fold in range(5)] == [2] * 5
