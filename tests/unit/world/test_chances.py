"""Chance without a state: the same for the same question, uniform, and nobody's depends on anybody else's."""

import numpy as np
import pytest
from scipy.stats import kstest, poisson

from tallystick.world.economy.chances import Chances

WHOM = np.arange(40_000)


def test_a_draw_depends_on_seed_name_person_and_time_only() -> None:
    told = Chances(1).uniform("pay", WHOM, at=9)
    assert np.array_equal(told[17:20], Chances(1).uniform("pay", WHOM[17:20], at=9))
    assert told[17:20].tolist() == [float(Chances(1).uniform("pay", person, at=9)) for person in (17, 18, 19)]
    large = (1 << 62) + 17
    assert Chances(1).uniform("pay", large, at=9) == Chances(1).uniform("pay", np.asarray([large]), at=9)[0]
    for seed, name, at in ((2, "pay", 9), (1, "buy", 9), (1, "pay", 8)):
        other = Chances(seed).uniform(name, WHOM, at=at)
        assert not np.any(told == other)
        assert abs(np.corrcoef(told, other)[0, 1]) < 0.02


@pytest.mark.parametrize("whom", [WHOM, WHOM * 1_000_003, np.int64(5)])
def test_draws_are_uniform_over_persons_and_days(whom: np.ndarray) -> None:
    told = Chances(3).uniform("rain", whom, at=np.arange(40_000) if whom.ndim == 0 else 5)
    assert 0 < told.min() < told.max() < 1
    assert kstest(told, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(told[:-1], told[1:])[0, 1]) < 0.02


def test_normal_counts_and_shares_follow_their_laws() -> None:
    chances = Chances(4)
    assert kstest(chances.normal("taste", WHOM), "norm").pvalue > 0.001
    counts = chances.count("orders", WHOM, mean=np.where(WHOM % 2, 0.0, 1.5))
    assert counts[1::2].max() == 0
    assert abs(counts[::2].mean() - poisson.mean(1.5)) < 0.05
    cities = np.bincount(chances.among("city", WHOM, shares=(0.2, 0.5, 0.3)), minlength=3) / len(WHOM)
    assert np.allclose(cities, (0.2, 0.5, 0.3), atol=0.01)
    likely, likelier = (chances.happens("ill", WHOM, chance=chance) for chance in (0.1, 0.2))
    assert np.all(likelier[likely])


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="choose a whole number from 0 up"):
        Chances(-1)
    with pytest.raises(ValueError, match="luck is -1: choose a whole number from 0 up"):
        Chances(1, luck=-1)


def test_other_luck_is_other_days_for_the_same_people() -> None:
    one, other = Chances(5), Chances(5, luck=1)
    for lasting in ("person/budget", "shop/rank", "stated/income", "bureau/noise", "fraud/orders", "rival/size"):
        assert np.array_equal(one.uniform(lasting, WHOM), other.uniform(lasting, WHOM))
    for befalls in ("order/amount", "bill/unable", "day/orders", "month/work", "payment/twice", "offer/accepts"):
        assert abs(np.corrcoef(one.uniform(befalls, WHOM), other.uniform(befalls, WHOM))[0, 1]) < 0.02
        assert float(one.uniform(befalls, 7)) != float(other.uniform(befalls, 7))


def test_one_draw_alone_is_the_same_as_among_many() -> None:
    chances, whom = Chances(7), np.array([0, 3, 1 << 61, (1 << 61) | 77])
    many = chances.uniform("order/returned", whom, at=5)
    for place, one in enumerate(whom.tolist()):
        for asked in (one, np.int64(one), np.array([one]), np.array([[one]])):
            alone = chances.uniform("order/returned", asked, at=5)
            assert alone.shape == np.shape(asked)
            assert alone.item() == many[place]
