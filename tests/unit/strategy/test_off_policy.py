"""The value of a strategy that did not decide: intervals that cover, methods that agree where they must."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest
from tests.checkpoints import USUAL, compiled, standard_checkpoint, standard_files

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.granted_terms import chances_at_terms, granted_ways, limits_at_terms, place_at_terms
from tallystick.strategy.off_policy import DecisionLog, Estimate, OffPolicySettings, OffPolicyValue, off_policy_value

Floats = npt.NDArray[np.float64]
SETTINGS = OffPolicySettings(confidence=0.9, resamples=200, seed=3)
REPLICATIONS = 300

# A world of four kinds of cases and three outcomes: what an outcome brings on average, and who decides how.
BRINGS = np.array([[10.0, 4.0, 0.0], [2.0, 3.0, 0.0], [-8.0, -1.0, 0.0], [-30.0, -4.0, 0.0]])
OLD = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.1, 0.2, 0.7]])
NEW = np.array([[1.0, 0.0, 0.0], [0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
TRUTH = float(SHARES @ (NEW * BRINGS).sum(axis=1))
TRUTH_OLD = float(SHARES @ (OLD * BRINGS).sum(axis=1))


@dataclass(frozen=True)
class World:
    """A log of three cases for each of some borrowers, who have something of their own in all that comes of them."""

    log: DecisionLog
    kind: npt.NDArray[np.int64]


def _world(seed: int, *, borrowers: int = 250, old: Floats = OLD) -> World:
    generator = np.random.default_rng([17, seed])
    cases = 3 * borrowers
    kind = generator.choice(4, cases, p=SHARES)
    outcome = (generator.random(cases)[:, None] > old[kind].cumsum(axis=1)).sum(axis=1)
    borrower = np.arange(cases) // 3
    own = generator.normal(0.0, 3.0, borrowers)[borrower]
    brought = BRINGS[kind, outcome] + np.where(outcome < 2, own + generator.normal(0.0, 4.0, cases), 0.0)
    log = DecisionLog(
        outcome=outcome,
        probability_ppm=np.round(old[kind, outcome] * 1e6),
        chances=old[kind],
        reward_minor=brought,
        is_mature=np.ones(cases, dtype=np.bool_),
        least_minor=np.full((cases, 3), -100.0) * [1.0, 1.0, 0.0],
        most_minor=np.full((cases, 3), 100.0) * [1.0, 1.0, 0.0],
        borrower=borrower,
    )
    return World(log, kind)


@pytest.fixture(scope="module")
def replications() -> list[dict[str, Estimate]]:
    """Estimates on many logs; DR with a good reward model, and as `wrong` with one that has it backwards."""
    told = []
    for seed in range(REPLICATIONS):
        world = _world(seed)
        good = off_policy_value(world.log, NEW[world.kind], predicted_minor=BRINGS[world.kind] + 0.5, settings=SETTINGS)
        wrong = off_policy_value(
            world.log, NEW[world.kind], predicted_minor=-BRINGS[world.kind], settings=replace(SETTINGS, resamples=2)
        )
        told.append({each.method: each for each in good.estimates} | {"wrong": wrong.estimates[2]})
    return told


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_nine_of_ten_intervals_cover_the_truth(replications: list[dict[str, Estimate]], method: str) -> None:
    for what, truth in (("value", TRUTH), ("change", TRUTH - TRUTH_OLD)):
        for kind in ("normal", "bootstrap"):
            ends = [getattr(getattr(each[method], what), kind) for each in replications]
            covered = sum(low <= truth <= high for low, high in ends)
            assert binomtest(covered, REPLICATIONS, 0.9).pvalue > 0.01, (what, kind, covered)


def _values(replications: list[dict[str, Estimate]], method: str) -> Floats:
    return np.array([each[method].value.low_minor for each in replications])


def test_ips_and_dr_are_unbiased_also_where_the_reward_model_is_wrong(
    replications: list[dict[str, Estimate]],
) -> None:
    for method in ("ips", "wrong", "dr"):
        values = _values(replications, method)
        assert values.mean() == pytest.approx(TRUTH, abs=4 * values.std() / REPLICATIONS**0.5), method


def test_a_good_reward_model_takes_variance_away_and_a_wrong_one_adds_it(
    replications: list[dict[str, Estimate]],
) -> None:
    ips, dr, wrong = (_values(replications, method).var() for method in ("ips", "dr", "wrong"))
    assert dr < 0.75 * ips
    assert wrong > ips


def test_what_chance_never_gave_is_bounded_and_the_bounds_hold_the_truth() -> None:
    """The best kind was never reviewed, the worst never approved: anything from -100 to 100 could have come of it."""
    old = np.array([[0.9, 0.0, 0.1], [0.5, 0.3, 0.2], [0.0, 0.3, 0.7], [0.0, 0.0, 1.0]])
    new = np.array([[0.5, 0.5, 0.0], [0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.2, 0.0, 0.8]])
    truth = float(SHARES @ (new * BRINGS).sum(axis=1))
    known = float(SHARES @ (new * BRINGS * (old > 0)).sum(axis=1))
    held, middles = 0, []
    for seed in range(100):
        world = _world(seed, old=old)
        value = off_policy_value(
            world.log, new[world.kind], predicted_minor=BRINGS[world.kind], settings=replace(SETTINGS, resamples=2)
        )
        share = (world.kind == 0).mean() * 0.5 + (world.kind == 3).mean() * 0.2
        assert value.unsupported_share == pytest.approx(share)
        assert value.open_share == pytest.approx(share)
        assert value.open_cases == np.isin(world.kind, [0, 3]).sum()
        for estimate in value.estimates:
            assert estimate.value.high_minor - estimate.value.low_minor == pytest.approx(200.0 * share)
        held += all(each.value.normal[0] <= truth <= each.value.normal[1] for each in value.estimates)
        middles.append([(each.value.low_minor + each.value.high_minor) / 2 for each in value.estimates])
    assert held == 100  # the bounds are far wider than chance
    # halfway between -100 and 100 stands what is known: what the supported outcomes bring
    mean, error = np.mean(middles, axis=0), np.std(middles, axis=0) / 10
    assert (np.abs(mean - known) < 4 * error).all(), (mean, known, error)


def test_a_decline_that_chance_never_gave_is_known_to_bring_nothing() -> None:
    certain = np.array([[1.0, 0.0, 0.0]] * 4)
    world = _world(1, old=certain)
    value = off_policy_value(world.log, np.array([[0.0, 0.0, 1.0]] * 4)[world.kind], settings=SETTINGS)
    assert (value.unsupported_share, value.open_share, value.effective_cases) == (1.0, 0.0, 0.0)
    for estimate in value.estimates:
        assert (estimate.value.low_minor, estimate.value.high_minor) == (0.0, 0.0)
        assert estimate.change.low_minor == -value.observed_minor


def test_a_strategy_against_itself_is_worth_what_was_seen_and_changes_nothing() -> None:
    world = _world(2)
    value = off_policy_value(world.log, world.log.chances, predicted_minor=-BRINGS[world.kind], settings=SETTINGS)
    assert len(value.estimates) == 3
    for estimate in value.estimates:
        assert (estimate.change.low_minor, estimate.change.high_minor) == (0.0, 0.0)
        assert estimate.change.bootstrap == pytest.approx((0.0, 0.0), abs=1e-12)
        assert estimate.change.normal == pytest.approx((0.0, 0.0), abs=1e-12)
    assert value.estimates[0].value.low_minor == value.observed_minor == pytest.approx(world.log.reward_minor.mean())
    assert value.effective_cases == pytest.approx(value.cases)
    assert value.mean_weight == 1.0


def _in_order(log: DecisionLog, places: npt.NDArray[Any]) -> DecisionLog:
    return DecisionLog(*(getattr(log, name)[places] for name in DecisionLog.__dataclass_fields__))


def _flat(value: OffPolicyValue) -> list[float]:
    told = [value.observed_minor, value.effective_cases, value.mean_weight]
    for each in value.estimates:
        for part in (each.value, each.change):
            told += [part.low_minor, part.high_minor, *part.normal, *part.bootstrap]
    return told


def test_the_order_of_cases_does_not_matter_and_a_borrowers_copies_tell_nothing_new() -> None:
    world = _world(3)
    predicted = BRINGS[world.kind]
    value = off_policy_value(world.log, NEW[world.kind], predicted_minor=predicted, settings=SETTINGS)
    cases = np.arange(len(world.kind))
    for places in (np.random.default_rng(1).permutation(cases), np.concatenate([cases, cases])):
        again = off_policy_value(
            _in_order(world.log, places), NEW[world.kind][places], predicted_minor=predicted[places], settings=SETTINGS
        )
        one, other = _flat(value), _flat(again)
        if len(places) > len(cases):  # twice the cases, as sure as before
            assert other[1] == pytest.approx(2 * one[1])
            one[1] = other[1]
        assert other == pytest.approx(one)


def test_a_weight_is_cut_to_the_most_and_that_is_told() -> None:
    world = _world(4)
    free = off_policy_value(world.log, NEW[world.kind], settings=SETTINGS)
    cut = off_policy_value(world.log, NEW[world.kind], settings=replace(SETTINGS, most_weight=1.4))
    assert (free.clipped_cases, free.clipped_share) == (0, 0.0)
    assert free.largest_weight == pytest.approx(5 / 3)
    assert cut.largest_weight == 1.4
    weights = NEW[world.kind, world.log.outcome] / OLD[world.kind, world.log.outcome]
    assert cut.clipped_cases == (weights > 1.4).sum() > 0
    assert cut.clipped_share == pytest.approx(1 - np.minimum(weights, 1.4).sum() / weights.sum())
    assert cut.estimates[0].value.low_minor == pytest.approx((np.minimum(weights, 1.4) * world.log.reward_minor).mean())


def test_young_cases_stand_apart_and_are_not_read() -> None:
    world = _world(5)
    young = np.arange(len(world.kind)) % 4 == 0
    reward = np.where(young, np.nan, world.log.reward_minor)
    log = replace(world.log, reward_minor=reward, is_mature=~young)
    value = off_policy_value(log, NEW[world.kind], settings=SETTINGS)
    assert (value.cases, value.immature) == ((~young).sum(), young.sum())
    old_only = off_policy_value(_in_order(log, ~young), NEW[world.kind][~young], settings=SETTINGS)
    assert _flat(value) == _flat(old_only)


def test_cases_without_a_prediction_say_what_ips_says() -> None:
    world = _world(6)
    value = off_policy_value(
        world.log, NEW[world.kind], predicted_minor=np.full((len(world.kind), 3), np.nan), settings=SETTINGS
    )
    ips, _, dr = value.estimates
    assert value.unpredicted == len(world.kind)
    assert dr.value == ips.value


def _rare_losses(seed: int) -> DecisionLog:
    """Eighty cases, approved by half: one in twenty loses what thirty earn."""
    chance = np.random.default_rng([31, seed])
    cases = 80
    outcome = chance.integers(0, 2, cases)
    brought = np.where(outcome == 1, 0.0, np.where(chance.random(cases) < 0.05, -30.0, 1.0))
    even, nothing = np.full((cases, 2), 0.5), np.zeros((cases, 2))
    return DecisionLog(
        outcome, np.full(cases, 5e5), even, brought, np.ones(cases, np.bool_), nothing, nothing, np.arange(cases)
    )


def test_a_short_log_without_its_rare_losses_is_not_surer_than_what_is_known_of_them() -> None:
    """Two losses are expected among the approved: the log's own spread covers too seldom, the told one as it says."""
    always = np.tile([1.0, 0.0], (80, 1))
    predicted, spread = always * (0.95 - 1.5), always * 31.0 * np.sqrt(0.05 * 0.95)
    settings = replace(SETTINGS, resamples=2)
    held = {
        told: sum(
            value.normal[0] <= 0.95 - 1.5 <= value.normal[1]
            for value in (
                off_policy_value(
                    _rare_losses(seed), always, predicted_minor=predicted, spread_minor=given, settings=settings
                ).estimates[2].value
                for seed in range(REPLICATIONS)
            )
        )
        for told, given in (("log", None), ("elsewhere", spread))
    }  # fmt: skip
    assert binomtest(held["log"], REPLICATIONS, 0.9).pvalue < 1e-4
    assert held["log"] < 0.85 * REPLICATIONS
    assert binomtest(held["elsewhere"], REPLICATIONS, 0.9).pvalue > 0.001


def test_a_told_spread_changes_no_estimate_and_counts_for_the_change_by_what_is_decided_otherwise() -> None:
    """A strategy against itself: its value is uncertain as told, its change is not."""
    world = _world(5)
    settings, predicted = replace(SETTINGS, resamples=2), BRINGS[world.kind]
    told = [
        off_policy_value(
            world.log, OLD[world.kind], predicted_minor=predicted, spread_minor=spread, settings=settings
        ).estimates[2]
        for spread in (None, np.full(predicted.shape, 50.0))
    ]
    assert told[0].value.low_minor == told[1].value.low_minor
    assert np.diff(told[1].value.normal) > 3 * np.diff(told[0].value.normal)
    assert told[1].change.normal == pytest.approx((0.0, 0.0), abs=1e-9)


def test_a_spread_about_no_prediction_is_refused() -> None:
    """The message tells the way out."""
    world = _world(6)
    predicted = BRINGS[world.kind].copy()
    predicted[0] = np.nan
    with pytest.raises(ValueError, match="1 cases have no prediction"):
        off_policy_value(world.log, OLD[world.kind], predicted_minor=predicted, spread_minor=np.ones(predicted.shape))


def test_one_borrower_has_no_interval() -> None:
    world = _world(8)
    value = off_policy_value(
        replace(world.log, borrower=np.zeros(len(world.kind), dtype=np.int64)), NEW[world.kind], settings=SETTINGS
    )
    assert value.borrowers == 1
    assert np.isnan([*value.estimates[0].value.normal, *value.estimates[1].change.bootstrap]).all()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"probability_ppm": np.full(750, 400_000.0)}, "recorded probabilities are not those of the strategy"),
        ({"is_mature": np.zeros(750, dtype=np.bool_)}, "no case is mature"),
        ({"reward_minor": np.full(750, np.nan)}, "750 mature cases have no reward"),
        ({"chances": np.full((750, 3), 0.3)}, "the log's chances are no probabilities that sum to 1 on 750 cases"),
        ({"borrower": np.arange(7)}, r"borrower has shape \(7,\) where there are 750 cases"),
        ({"least_minor": np.zeros((750, 2))}, "least_minor have shape"),
    ],
)
def test_a_log_that_does_not_hold_together_is_refused(changes: dict[str, Any], fault: str) -> None:
    world = _world(9)
    with pytest.raises(ValueError, match=fault):
        off_policy_value(replace(world.log, **changes), NEW[world.kind])


LOST, EARNED = -0.7, 0.045  # of the limit, on a line that fails, and on one that does not
PD_F, PD_C = 130_000.0, 30_000.0


def _apply(**changes: tuple[str, str]) -> Checkpoint:
    """The standard strategy at apply with texts of its files changed, and without its own randomized share."""
    files = standard_files()
    form = files["apply/checkpoint.toml"].decode()
    start = form.index("randomized = {")
    files["apply/checkpoint.toml"] = (form[:start] + form[form.index("\n", start) + 1 :]).encode()
    for name, (old, new) in changes.items():
        file = f"apply/{name}.csv" if f"apply/{name}.csv" in files else "apply/checkpoint.toml"
        assert files[file].count(old.encode()) == 1, old
        files[file] = files[file].replace(old.encode(), new.encode())
    return compiled(CheckpointName.APPLY, files)


def _valued(old: Checkpoint, new: Checkpoint, *, count: int = 20_000) -> OffPolicyValue:
    """What `new` would have been worth on applications of which `old` decided half in grade F, half in C."""
    columns = {
        name: np.array([USUAL[CheckpointName.APPLY][name]] * count, dtype=np.float64 if kind.is_numeric else object)
        for name, kind in old.case_types.items()
    }
    columns["pd_ppm"] = np.where(np.arange(count) % 2 == 0, PD_F, PD_C)
    decided = old.decide(columns, request_ids=np.arange(count).tolist())
    tested = granted_ways(new, columns)
    outcome = np.array([old.outcomes.index(each) for each in decided.outcome])
    limit = decided.outputs["limit_minor"]
    place = place_at_terms(outcome, limit, decided.outputs["price_code"], tested=tested)
    chances = chances_at_terms(granted_ways(old, columns), tested=tested)
    bad = np.random.default_rng(2).random(count) < columns["pd_ppm"] / 1e6
    limits = limits_at_terms(tested) * (np.arange(chances.shape[1]) % len(old.outcomes) == 0)
    log = DecisionLog(
        outcome=place,
        probability_ppm=chances[np.arange(count), place] * 1e6,
        chances=chances,
        reward_minor=np.where(outcome == 0, np.where(bad, LOST, EARNED) * limit, 0.0),
        is_mature=np.ones(count, dtype=np.bool_),
        least_minor=LOST * limits,
        most_minor=EARNED * limits,
        borrower=np.arange(count),
    )
    return off_policy_value(log, chances_at_terms(tested, tested=tested), settings=SETTINGS)


def _brings(pd_ppm: float, limit_minor: int) -> float:
    return (pd_ppm / 1e6 * LOST + (1 - pd_ppm / 1e6) * EARNED) * limit_minor


# Grade F goes on, where the cut-off declines it.
GOES_ON = ("grade_f,grade = 'F',decline", "grade_f,grade = 'F',continue")


def test_the_randomized_share_of_the_standard_strategy_tells_what_the_cut_off_costs() -> None:
    """One in a hundred of grade F was let through; a strategy that lets all of them through is valued from these."""
    value = _valued(standard_checkpoint(CheckpointName.APPLY), _apply(cut_off=GOES_ON))
    truth = 0.5 * _brings(PD_F, 200_000) + 0.5 * _brings(PD_C, 800_000)
    assert (value.open_share, value.unsupported_share) == (0.0, 0.0)  # F has its limit in the table, decided or not
    assert value.largest_weight == pytest.approx(100.0)
    for estimate in value.estimates:
        low, high = estimate.value.normal
        assert low <= truth <= high
        assert high - low < 12_000  # where nothing had been let through, the bounds alone would be 74,500 apart


# A chance that gives another limit, and one that gives another grade and with it another limit and another outcome.
LIMIT_DRAWN = (
    '"first_limit.csv"',
    '"first_limit.csv"\nrandomized = { rows = ["cd_middle"], to = "rest", share_ppm = 300_000, salt = "s" }',
)
GRADE_DRAWN = ('"grade.csv"', '"grade.csv"\nrandomized = { rows = ["f"], to = "e", share_ppm = 300_000, salt = "s" }')
SMALL_FOR_C = (",800000,LIMIT_CD_MIDDLE", ",100000,LIMIT_CD_MIDDLE")
F_IS_E = ("f,pd_ppm < 160000,F,GRADE_F", "f,pd_ppm < 160000,E,GRADE_F")


@pytest.mark.parametrize(
    ("drawn", "always", "truth"),
    [
        (LIMIT_DRAWN, {"first_limit": SMALL_FOR_C}, 0.5 * _brings(PD_C, 100_000)),
        (GRADE_DRAWN, {"grade": F_IS_E}, 0.5 * _brings(PD_F, 500_000) + 0.5 * _brings(PD_C, 800_000)),
    ],
)  # fmt: skip
def test_terms_that_chance_gave_now_and_then_tell_what_they_would_bring(
    drawn: tuple[str, str], always: dict[str, tuple[str, str]], truth: float
) -> None:
    old = _apply(checkpoint=drawn)
    value = _valued(old, _apply(**always))
    assert value.unsupported_share == 0.0
    assert value.mean_weight == pytest.approx(1.0, abs=0.05)
    assert value.largest_weight == pytest.approx(1 / 0.3)
    for estimate in value.estimates:
        assert estimate.value.normal[0] <= truth <= estimate.value.normal[1]
    itself = _valued(old, old, count=1_000)
    assert (itself.unsupported_share, itself.largest_weight) == (0.0, 1.0)
    assert [(each.change.low_minor, each.change.high_minor) for each in itself.estimates] == [(0.0, 0.0)] * 2


def test_a_limit_that_chance_never_gave_is_bounded() -> None:
    value = _valued(_apply(), _apply(first_limit=SMALL_FOR_C), count=1_000)
    assert (value.unsupported_share, value.open_share) == (0.5, 0.5)
    ips = value.estimates[0].value
    assert [ips.low_minor, ips.high_minor] == pytest.approx([0.5 * LOST * 100_000, 0.5 * EARNED * 100_000])
