"""Recall of fraud while labels come: plain where all are known, and right on frauds whose delays are cut off."""

from typing import Any

import numpy as np
import pytest

from tallystick.scoring.fraud_recall import linked_cases, recall_of_all, recall_of_found
from tallystick.scoring.validation import Interval

WITHIN_DAYS = 120


def frauds(seed: int, cases: int) -> dict[str, Any]:
    """Cases of some frauds each, all of a case caught or none: two fifths are, and are found three times as soon."""
    chance = np.random.default_rng(seed)
    size = chance.integers(1, 6, cases)
    case = np.repeat(np.arange(cases), size)
    caught = np.repeat(chance.random(cases) < 0.4, size)
    delay = (chance.lognormal(np.log(np.where(caught, 20.0, 60.0)), 0.6)).astype(np.int64)
    age = np.repeat(chance.integers(30, 150, cases), size)
    return {"is_caught": caught, "delay_days": delay, "age_days": age, "case": case}


def known(told: dict[str, Any]) -> dict[str, Any]:
    """Those that were found out by now."""
    return {name: column[told["delay_days"] <= told["age_days"]] for name, column in told.items()}


def true_recall() -> float:
    """Of very many frauds, the share caught of those found in time, young or not."""
    told = frauds(1, 100_000)
    return float(told["is_caught"][told["delay_days"] <= WITHIN_DAYS].mean())


def test_where_every_fraud_is_old_it_is_the_plain_share() -> None:
    """Old enough, each counts once; one that was found out too late does not."""
    told = recall_of_found(
        [True, False, False, True, True], delay_days=[1, 2, 3, 4, 200], age_days=[300] * 5, case=range(5),
        within_days=WITHIN_DAYS,
    )  # fmt: skip
    assert told.value == pytest.approx(0.5)
    assert 0.0 < told.low < 0.5 < told.high < 1.0


def test_what_is_missed_and_slow_to_be_found_is_not_forgotten() -> None:
    """The share among what is known says too much; told by the delays it is right."""
    told, truth = known(frauds(2, 8_000)), true_recall()
    value = recall_of_found(**told, within_days=WITHIN_DAYS).value
    plain = float(told["is_caught"][told["delay_days"] <= WITHIN_DAYS].mean())
    assert plain - truth > 0.03
    assert value == pytest.approx(truth, abs=0.02)


def test_intervals_of_few_cases_hold_the_truth_as_often_as_they_say() -> None:
    """Of 100 lenders with 40 cases each, nine tenths; a binomial error of 0.03, taken three times and a half."""
    truth = true_recall()
    told = [recall_of_found(**known(frauds(seed, 40)), within_days=WITHIN_DAYS, confidence=0.9) for seed in range(100)]
    assert float(np.mean([each.low <= truth <= each.high for each in told])) == pytest.approx(0.9, abs=0.105)


def test_frauds_of_one_case_tell_less_than_as_many_cases() -> None:
    """The interval is of cases, not of frauds."""
    told = known(frauds(3, 60))
    together = recall_of_found(**told, within_days=WITHIN_DAYS)
    apart = recall_of_found(**told | {"case": np.arange(len(told["case"]))}, within_days=WITHIN_DAYS)
    assert together.value == apart.value
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_links_reach_over_others_and_an_unknown_one_links_nothing() -> None:
    """A device links two borrowers, and an address one of them to a third; the same word of another kind does not."""
    assert linked_cases([1, 2, 3, 4], ["d", "d", None, None], [None, "x", "x", "d"]).tolist() == [0, 0, 0, 1]
    with pytest.raises(ValueError, match="links"):
        linked_cases([1, 2], ["d"])


def test_one_case_tells_nothing_and_none_missed_is_no_certainty() -> None:
    """Ends where the jackknife has nothing to go by."""
    alone = recall_of_found([True, False], delay_days=[1, 1], age_days=[200, 200], case=[7, 7], within_days=WITHIN_DAYS)
    assert alone == Interval(0.5, 0.0, 1.0)
    all_caught = recall_of_found([True] * 9, delay_days=[1] * 9, age_days=[200] * 9, case=range(9), within_days=9)
    assert all_caught.value == all_caught.high == 1.0
    assert 0.5 < all_caught.low < 0.8


def test_what_nobody_ever_finds_makes_bounds() -> None:
    """All of it missed, or all of it caught."""
    assert recall_of_all(Interval(0.5, 0.4, 0.6), never_found_share=0.0) == (0.4, 0.6)
    assert recall_of_all(Interval(0.5, 0.4, 0.6), never_found_share=1.0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="never_found_share"):
        recall_of_all(Interval(0.5, 0.4, 0.6), never_found_share=1.5)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"case": [1]}, "case"),
        ({"delay_days": [5, 10]}, "delay_days"),
        ({"delay_days": [-1, 1]}, "delay_days"),
        ({"within_days": 0}, "within"),
    ],
)
def test_what_cannot_be_is_named(wrong: dict[str, object], field: str) -> None:
    """The message names what is wrong."""
    right: dict[str, object] = {
        "is_caught": [True, False], "delay_days": [1, 2], "age_days": [9, 9], "case": [1, 2], "within_days": 9,
    }  # fmt: skip
    with pytest.raises(ValueError, match=field):
        recall_of_found(**(right | wrong))  # type: ignore[arg-type]
