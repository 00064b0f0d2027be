"""Damage limits judged: how soon gross damage is seen, how seldom chance is taken for it, and what is not said."""

from functools import partial
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from tallystick.strategy.damage import NO_DECISIONS, Arm, Beside, Finding, Measure, Tally, findings, passed, tally_of
from tallystick.strategy.damage_limits import kept_damage_limits, read_damage_limits, shipped_damage_limits
from tallystick.strategy.economics import StrategyFaults

LIMITS = shipped_damage_limits()
REPLICATIONS = 400
# A champion that approves 85 %, declines 10 % and has 5 % looked at.
USUAL = (0.85, 0.10, 0.05)


class Traffic:
    """Purchases of borrowers who buy once mostly, of lognormal amounts (median 150.00, mean 308.17), in replications.

    Amounts of one borrower are alike; a borrower's purchases are decided alike.
    """

    def __init__(self, chance: np.random.Generator, shares: tuple[float, float, float], *, times: float = 1.0) -> None:
        self._chance, self._shares, self._times = chance, shares, times

    def counts(self, borrowers: int) -> dict[str, npt.NDArray[np.float64]]:
        """Per replication and borrower."""
        shape = (REPLICATIONS, borrowers)
        decisions = self._chance.geometric(0.7, shape).astype(np.float64)
        outcome = self._chance.choice(3, shape, p=self._shares)
        amounts = self._times * 15_000 * np.exp(1.2 * self._chance.standard_normal(shape))
        return {
            "decisions": decisions,
            "approved": decisions * (outcome == 0),
            "declined": decisions * (outcome == 1),
            "granted_minor": decisions * amounts * (outcome == 0),
        }


def first(counts: dict[str, npt.NDArray[np.float64]], borrowers: int) -> Tally:
    """The tally of those who came first."""
    return tally_of(**{name: figures[:, :borrowers] for name, figures in counts.items()})


def beyond(now: Tally, before: Tally) -> npt.NDArray[np.bool_]:
    """Which replications pass any limit."""
    arm = Arm(strategy_id="b", on_trial=True, now=now, beside=((Beside.CHAMPION, before),))
    found = [each.is_beyond for each in findings(arm, limits=LIMITS, of=LIMITS.authorize)]
    return np.asarray(np.any(found, axis=0))


@pytest.mark.parametrize("champion", [USUAL, (0.6, 0.25, 0.15), (0.97, 0.02, 0.01)])
def test_a_good_release_is_hardly_ever_undone_by_chance(champion: tuple[float, float, float]) -> None:
    """Looked at 40 times in an hour of 2,000 borrowers, beside as many or ten times as many of the champion's."""
    chance = np.random.default_rng(20261128)
    alarms = []
    for beside in (500, 2_000):
        counts, before = Traffic(chance, champion).counts(2_000), Traffic(chance, champion).counts(beside)
        looks = [beyond(first(counts, 50 * look), first(before, beside)) for look in range(1, 41)]
        alarms.append(np.any(looks, axis=0).mean())
    assert alarms == [0.0, 0.0]  # at most 0.75 % at 95 % confidence: 3 / 400


def test_what_stands_just_at_a_limit_is_hardly_ever_undone() -> None:
    """Twice the declines and no more, 40 looks: the guard is what it says, also for what is nearly damage."""
    chance = np.random.default_rng(7)
    counts = Traffic(chance, (0.75, 0.20, 0.05)).counts(2_000)
    before = first(Traffic(chance, USUAL).counts(2_000), 2_000)
    looks = [beyond(first(counts, 50 * look), before) for look in range(1, 41)]
    assert np.any(looks, axis=0).mean() <= 0.01


@pytest.mark.parametrize(
    ("bad", "times", "borrowers"),
    [
        ((0.0, 1.0, 0.0), 1.0, 80),
        ((0.0, 0.0, 1.0), 1.0, 80),
        ((1.0, 0.0, 0.0), 1.0, 450),
        (USUAL, 10.0, 600),
    ],
    ids=["declines all", "reviews all", "approves all", "ten times the amounts"],
)
def test_a_bad_release_is_undone_soon(bad: tuple[float, float, float], times: float, borrowers: int) -> None:
    """So many borrowers tell in 99 of 100 replications, beside 2,000 of the champion's."""
    chance = np.random.default_rng(11)
    before = first(Traffic(chance, USUAL).counts(2_000), 2_000)
    now = first(Traffic(chance, bad, times=times).counts(borrowers), borrowers)
    assert beyond(now, before).mean() >= 0.99


def test_one_borrower_who_tries_all_day_is_no_damage() -> None:
    """A thousand declines of one card beside sixty purchases of others are one opinion more, not a thousand."""
    ones = np.ones(60)
    usual = partial(tally_of, granted_minor=100 * ones)
    before = usual(decisions=ones, approved=ones, declined=0 * ones)
    tries = np.append(ones, 1_000.0)
    now = tally_of(
        decisions=tries,
        approved=np.append(ones, 0.0),
        declined=np.append(0 * ones, 1_000.0),
        granted_minor=np.append(100 * ones, 0.0),
    )
    assert now.share(Measure.DECLINES) > 0.9
    assert not beyond(now, before).any()
    assert beyond(usual(decisions=ones, approved=0 * ones, declined=ones), before).any()


def finding(beside: Beside, *, least: float, is_enough: bool = True) -> Finding:
    """Declines beside something, at most a half."""
    return Finding(
        strategy_id="b",
        measure=Measure.DECLINES,
        beside=beside,
        now=0.7,
        least=least,
        before=0.2,
        most=0.5,
        decisions=100,
        decisions_before=100,
        is_enough=is_enough,
        on_trial=True,
    )


def test_a_limit_is_passed_beside_everything_that_says_something() -> None:
    hour, days = finding(Beside.HOUR_BEFORE, least=0.6), finding(Beside.DAYS_BEFORE, least=0.6)
    assert passed([hour, days]) == (hour, days)
    assert passed([hour, finding(Beside.DAYS_BEFORE, least=0.4)]) == ()
    assert passed([hour, finding(Beside.DAYS_BEFORE, least=0.4, is_enough=False)]) == (hour,)
    assert passed([finding(Beside.HOUR_BEFORE, least=0.6, is_enough=False)]) == ()


def test_beside_nothing_nothing_is_said() -> None:
    ones = np.ones(100)
    now = tally_of(decisions=ones, approved=0 * ones, declined=ones, granted_minor=0 * ones)
    assert not beyond(now, NO_DECISIONS).any()
    assert not beyond(NO_DECISIONS, now).any()


def test_more_decisions_bring_the_least_nearer() -> None:
    def least(borrowers: int) -> float:
        ones = np.ones(borrowers)
        now = tally_of(decisions=ones, approved=ones, declined=0 * ones, granted_minor=ones)
        arm = Arm(strategy_id="b", on_trial=True, now=now, beside=((Beside.CHAMPION, now),))
        return float(next(findings(arm, limits=LIMITS, of=LIMITS.authorize)).least)

    assert all(fewer < more for fewer, more in pairwise([least(50), least(100), least(1_000)]))


def test_a_file_of_limits_is_refused_with_every_fault() -> None:
    """No release goes unwatched: ratios and the guard have bounds of their own."""
    text = "trial_hours = 0\nstandard_errors = 40\nleast = 3\n"
    with pytest.raises(StrategyFaults) as refused:
        read_damage_limits(text, file="mine.toml")
    told = "\n".join(refused.value.faults)
    for name in (
        "trial_hours",
        "standard_errors",
        "least",
        "least_decisions",
        "authorize",
        "apply",
        "review_limit",
        "review_limit_by_night",
    ):
        assert f"mine.toml: {name}:" in told


def test_limits_come_back_from_json_as_they_were_and_those_that_were_not_given_as_they_ship() -> None:
    own = msgspec.structs.replace(LIMITS, trial_hours=5)
    assert kept_damage_limits(msgspec.json.encode(own).decode()) == own != LIMITS
    given = msgspec.to_builtins(LIMITS)
    del given["review_limit"], given["review_limit_by_night"], given["authorize"]["granted"]["more_minor"]
    assert kept_damage_limits(msgspec.json.encode(given).decode()) == LIMITS


def raised(lines: int, *, by_minor: float, of: int = 1_000) -> Tally:
    """A night that raises so many of the lines, each of another borrower."""
    rises = (np.arange(of) < lines).astype(np.float64)
    return tally_of(decisions=np.ones(of), approved=rises, declined=1 - rises, granted_minor=by_minor * rises)


@pytest.mark.parametrize(
    ("now", "before", "beyond"),
    [
        (raised(120, by_minor=300_000), raised(0, by_minor=0), set()),  # within so many points and so much more
        (raised(1_000, by_minor=40_000), raised(20, by_minor=40_000), {Measure.RAISES}),
        (raised(100, by_minor=2_000_000), raised(100, by_minor=400_000), {Measure.GRANTED}),
        (raised(900, by_minor=900_000), raised(50, by_minor=900_000), {Measure.RAISES, Measure.GRANTED}),
        (raised(50, by_minor=900_000), raised(900, by_minor=900_000), set()),  # that fewer rise harms nobody's book
    ],
)
def test_a_night_is_held_to_what_would_be_raised_otherwise(now: Tally, before: Tally, beyond: set[Measure]) -> None:
    arm = Arm(strategy_id="b", on_trial=True, now=now, beside=((Beside.SAME_LINES, before),))
    found = list(findings(arm, limits=LIMITS, of=LIMITS.review_limit_by_night))
    assert [each.measure for each in found] == [Measure.RAISES, Measure.DECREASES, Measure.REVIEWS, Measure.GRANTED]
    assert {each.measure for each in found if each.is_beyond} == beyond
