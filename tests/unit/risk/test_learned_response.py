"""Known responses are found again from randomized steps, intervals cover, and without evidence the prior stands."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from tallystick.risk.learned_response import (
    Belief,
    Learned,
    Slopes,
    StepFault,
    learn_response,
    randomized_slopes,
    shrunk,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PROPENSITY = np.array([0.05, 0.15, 0.30, 0.50])
RISE = np.log(np.array([1.0, 1.1, 1.3, 1.6]))  # of the odds, per doubling
PD = np.array([0.01, 0.04, 0.10, 0.20])
LOSS = np.array([0.002, 0.006, 0.03, 0.09])  # per unit of limit
SEGMENTS = len(PD)


@dataclass(frozen=True)
class World:
    """Lines whose response is known; the larger the limit, the larger the steps and the more is drawn anyway."""

    segment: Integers
    limit: Floats
    given: Floats
    mean_given: Floats
    mean_doublings: Floats
    drawn_before: Floats
    drawn: Floats
    is_bad: npt.NDArray[np.bool_]
    lost: Floats


def world(seed: int, lines: int) -> World:
    """Each line may be given its limit, half as much again, or twice, and who earns well may be given more often."""
    chance = np.random.default_rng(seed)
    segment = chance.integers(0, SEGMENTS, lines)
    limit: Floats = np.exp(chance.normal(13.5, 0.6, lines)) * (1.0 + segment)
    often = chance.random(lines) < 0.5  # these are raised more often, and draw more whatever happens
    shares = np.where(often[:, None], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1])
    ratio = np.array([1.0, 1.5, 2.0])
    chosen = (chance.random(lines)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    given = limit * ratio[chosen]
    drawn_before = limit * chance.beta(2, 4, lines) * (1 + often)
    drawn = drawn_before + PROPENSITY[segment] * (given - limit) + 0.1 * limit * chance.normal(size=lines)
    odds = np.log(PD[segment] / (1 - PD[segment])) + RISE[segment] * np.log2(given / limit)
    is_bad = chance.random(lines) < 1 / (1 + np.exp(-odds))
    return World(
        segment, limit, given, limit * (shares @ ratio), shares @ np.log2(ratio), drawn_before, drawn, is_bad,
        LOSS[segment] * (given - limit) + 0.2 * limit * often + 0.2 * limit * chance.normal(size=lines),
    )  # fmt: skip


def table(lived: World) -> pa.Table:
    """As a lender would have it."""
    return pa.table({
        "segment": lived.segment, "limit_minor": lived.limit, "given_minor": lived.given,
        "mean_given_minor": lived.mean_given, "mean_doublings": lived.mean_doublings,
        "pd_ppm": np.rint(PD[lived.segment] * 1e6), "drawn_expected_minor": lived.drawn_before,
        "earned_expected_minor": 0.1 * lived.drawn_before, "lost_expected_minor": 0.2 * PD[lived.segment] * lived.limit,
        "drawn_minor": lived.drawn, "is_bad": lived.is_bad, "lost_minor": lived.lost,
        "earned_minor": 0.1 * lived.drawn,
    })  # fmt: skip


def belief(prior: float, common_sd: float) -> Belief:
    """The same for all segments."""
    return Belief(np.full(SEGMENTS, prior), common_sd=common_sd, own_sd_most=2 * common_sd)


BELIEFS = {"drawn": belief(0.2, 0.2), "default": belief(0.05, 0.3), "lost": belief(0.01, 0.05),
           "earned": belief(0.01, 0.05)}  # fmt: skip


def test_known_responses_are_found_again_though_the_strong_are_raised_more_often() -> None:
    response = learn_response(table(world(1, 80_000)), **BELIEFS)
    assert response.drawn.mean == pytest.approx(PROPENSITY, abs=0.01)
    assert response.default.mean == pytest.approx(RISE, abs=0.12)
    assert response.lost.mean == pytest.approx(LOSS, abs=0.012)
    assert response.earned.mean == pytest.approx(0.1 * PROPENSITY, abs=0.002)
    assert response.drawn.segments_differ_by > 0.1
    naive = world(1, 80_000)
    strongest = naive.segment == 0
    by_hand = np.polyfit((naive.given - naive.limit)[strongest], naive.lost[strongest], 1)[0]
    assert by_hand > LOSS[0] + 0.05  # who is raised more often loses more anyway: the step alone misleads


def test_intervals_cover_as_often_as_they_say() -> None:
    drawn, odds = [], []
    for seed in range(120):
        lived = world(100 + seed, 2_000)
        step = lived.given - lived.limit
        slopes = randomized_slopes(
            lived.drawn - lived.drawn_before, step=step, mean_step=lived.mean_given - lived.limit,
            segment=lived.segment, segments=SEGMENTS,
        )  # fmt: skip
        low, high = slopes.interval()
        drawn.append((low <= PROPENSITY) & (high >= PROPENSITY))
        low, high = learn_response(table(lived), **BELIEFS).default.interval()
        odds.append((low <= RISE) & (high >= RISE))
    # 480 intervals of 90 %: three standard deviations are 4.1 points. Shrunk ones cover on average over segments.
    assert 0.859 < np.mean(drawn) < 0.941
    assert np.mean(odds) > 0.859


def test_without_evidence_the_prior_stands_and_with_much_of_it_nothing_of_the_prior_is_left() -> None:
    lived = world(3, 40)
    nobody = table(lived).set_column(2, "given_minor", [lived.mean_given])
    response = learn_response(nobody, **BELIEFS)
    assert response.drawn.mean.tolist() == [0.2] * SEGMENTS
    assert (response.drawn.standard_deviation > 0.2).all()
    assert np.isinf(response.drawn.slopes.standard_error).all()
    large = world(4, 60_000)
    slopes = randomized_slopes(
        large.drawn - large.drawn_before, step=large.given - large.limit, mean_step=large.mean_given - large.limit,
        segment=large.segment, segments=SEGMENTS,
    )  # fmt: skip
    assert shrunk(slopes, belief(0.9, 0.5)).mean == pytest.approx(slopes.estimate, abs=1e-3)


def test_the_less_a_segment_tells_the_more_the_prior_counts() -> None:
    lived = world(5, 20_000)
    few = (lived.segment != 2) | (np.arange(len(lived.segment)) % 40 == 0)
    much, little = (
        learn_response(steps, **BELIEFS).lost for steps in (table(lived), table(lived).filter(pa.array(few)))
    )

    def pulled(learned: Learned) -> Floats:
        return (learned.mean - learned.slopes.estimate) / (learned.prior - learned.slopes.estimate)

    assert pulled(little)[2] > 2 * pulled(much)[2] > 0
    assert little.standard_deviation[2] > 2 * much.standard_deviation[2]
    assert little.standard_deviation[3] == pytest.approx(much.standard_deviation[3], rel=0.05)


def test_what_was_expected_before_takes_blur_away_and_nothing_else() -> None:
    lived = world(7, 20_000)
    steps = table(lived)
    blind = steps.set_column(
        steps.schema.get_field_index("earned_expected_minor"), "earned_expected_minor", [np.zeros(steps.num_rows)]
    )
    told, without = (learn_response(each, **BELIEFS).earned.slopes for each in (steps, blind))
    assert (told.standard_error < 0.7 * without.standard_error).all()
    assert (np.abs(told.estimate - without.estimate) < 4 * without.standard_error).all()


def test_a_segment_in_which_nobody_happened_to_lose_does_not_tell_that_nobody_does() -> None:
    lived = world(8, 4_000)
    steps = table(lived)
    for name in ("lost_minor", "is_bad"):
        steps = steps.set_column(steps.schema.get_field_index(name), name, [np.zeros(steps.num_rows)])
    response = learn_response(steps, **BELIEFS)
    pd, chance = PD[lived.segment], lived.given - lived.mean_given
    noise = np.bincount(lived.segment, weights=(chance * 0.2 * lived.limit) ** 2 * pd * (1 - pd))
    moved = np.bincount(lived.segment, weights=chance * (lived.given - lived.limit))
    assert response.lost.slopes.standard_error == pytest.approx(np.sqrt(noise) / moved, rel=0.1)
    assert (response.default.slopes.standard_error > 0.1).all()


def test_a_belief_in_shares_of_the_prior_moves_all_by_the_same_share() -> None:
    prior = np.array([0.002, 0.01, 0.04])
    seen = Slopes(np.array([0.0, 0.015, 0.0]), np.array([np.inf, 0.0001, np.inf]), np.array([0, 9_000, 0]))
    learned = shrunk(seen, Belief(prior, common_sd=0.5, own_sd_most=0.0, scale=prior))
    assert learned.mean / prior == pytest.approx([1.5, 1.5, 1.5], rel=0.01)
    assert learned.standard_deviation[[0, 2]] / prior[[0, 2]] == pytest.approx([0.01, 0.01], abs=0.005)


def test_what_cannot_be_read_is_named_with_a_way_out() -> None:
    steps = table(world(6, 50))
    with pytest.raises(StepFault, match="no column pd_ppm, is_bad; give segment"):
        learn_response(steps.drop_columns(["pd_ppm", "is_bad"]), **BELIEFS)
    wrong = steps.set_column(0, "segment", [np.full(50, 9)]).set_column(1, "limit_minor", [np.zeros(50)])
    with pytest.raises(StepFault, match=r"segment must be from 0 to 3; limit_minor must be above zero"):
        learn_response(wrong, **BELIEFS)
    empty = steps.set_column(5, "pd_ppm", [pa.nulls(50, pa.float64())])
    with pytest.raises(StepFault, match="pd_ppm has empty cells; leave such lines out"):
        learn_response(empty, **BELIEFS)
