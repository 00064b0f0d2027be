"""Card precision against its definition in plain loops, and intervals that draw whole cards."""

import numpy as np
import pytest

from tallystick.scoring.alerts import card_days, card_precision, interval_by_key, resampled


def by_definition(day: list[int], card: list[int], score: list[float], bad: list[int], per_day: int) -> float:
    """Day after day: the cards not found yet, by their highest score, the smaller number first among equals."""
    found: set[int] = set()
    shares = []
    for today in sorted(set(day)):
        rows = [n for n in range(len(day)) if day[n] == today and card[n] not in found]
        highest = {card[n]: max(score[m] for m in rows if card[m] == card[n]) for n in rows}
        looked_at = sorted(highest, key=lambda one: (-highest[one], one))[:per_day]
        hits = {one for one in looked_at if any(bad[n] for n in rows if card[n] == one)}
        found |= hits
        shares.append(len(hits) / per_day)
    return sum(shares) / len(shares)


@pytest.mark.parametrize("seed", range(20))
def test_card_precision_is_what_it_means(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = 300
    day, card = chance.integers(0, 5, rows), chance.integers(0, 40, rows)
    score, bad = chance.integers(0, 9, rows).astype(float), chance.random(rows) < 0.1
    days = card_days(day=day, card=card, score=score, outcome=bad)
    told = by_definition(day.tolist(), card.tolist(), score.tolist(), bad.astype(int).tolist(), 6)
    assert card_precision(days, per_day=6) == pytest.approx(told, abs=1e-12)


def test_every_card_drawn_once_is_the_sample_itself_and_copies_are_found_apart() -> None:
    days = card_days(
        day=np.array([1, 1, 2]), card=np.array([5, 8, 8]), score=np.array([0.5, 0.9, 0.9]), outcome=[0, 1, 1]
    )
    assert card_precision(resampled(days, np.array([1, 1])), per_day=1) == card_precision(days, per_day=1) == 0.5
    thrice = resampled(days, np.array([0, 3]))
    assert len(set(thrice.card.tolist())) == 3
    assert card_precision(thrice, per_day=1) == 1.0


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    bad = np.arange(400) < 100
    found = interval_by_key(0.25, lambda times: float(times @ bad / times.sum()), keys=400, seed=1, resamples=2_000)
    reach = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.low == pytest.approx(0.25 - reach, abs=0.006)
    assert found.high == pytest.approx(0.25 + reach, abs=0.006)
    again = interval_by_key(0.25, lambda times: float(times @ bad / times.sum()), keys=400, seed=1, resamples=2_000)
    assert again == found
