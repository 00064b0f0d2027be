"""Laws of the limit review: what must hold of every line's target, whatever the book and the portfolio caps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.limit_reviews import decided, random_book, standard_strategy

from tallystick.strategy.limit_targets import NightReview, answer_at_prices, review_book
from tallystick.strategy.policy import Strategy
from tallystick.strategy.prices import price_grades
from tallystick.strategy.profit import limit_figures
from tallystick.strategy.reviewed_lines import ReviewedLines, TargetReason

LINES = 300
MOST_MINOR = 20_000_000
# Bounds over today's: drawn and expected loss in ppm of today's, the weak grades' share in ppm above today's.
TIGHT = ((1_002_000, 1_100_000, 20_000), (1_000_500, 1_000_000, 0), (1_150_000, 900_000, 50), (990_000, 1_000, 0))


def _strategy(bounds: tuple[int, int, int]) -> Strategy:
    strategy = standard_strategy()
    caps = tuple(replace(rule, bound=bound) for rule, bound in zip(strategy.caps, bounds, strict=True))
    return replace(strategy, caps=caps)


def _used(reviewed: ReviewedLines, limit_minor: np.ndarray, strategy: Strategy) -> np.ndarray:
    """What a book uses of each cap at some limits, worked out anew: whole minor units, a share as inside less share."""
    prices = price_grades(strategy.economics, legal_cap_ppm=strategy.price_cap.bound)
    figures = limit_figures(reviewed.lines, limit_minor[:, None], economics=strategy.economics, prices=prices)
    drawn, loss = np.rint(figures.drawn[:, 0]), np.rint(figures.expected_loss[:, 0])
    today = np.rint(
        limit_figures(
            reviewed.lines, reviewed.lines.limit_minor[:, None], economics=strategy.economics, prices=prices
        ).drawn[:, 0]
    )  # fmt: skip
    weak = np.isin(reviewed.grade.astype(str), ["E", "F", "G", "H"])
    share = round(today[weak].sum() / today.sum() * 1e6) + strategy.caps[2].bound
    return np.array([drawn.sum(), loss.sum(), drawn[weak].sum() - share / 1e6 * drawn.sum()])


def _check_lines(
    reviewed: ReviewedLines, night: NightReview, person: np.ndarray, columns: dict[str, np.ndarray]
) -> None:
    target, present = night.targets.target_minor, reviewed.lines.limit_minor
    rose, fell = target > present, target < present
    assert (target >= np.minimum(present, columns["drawn_minor"] + columns["held_minor"])).all()
    assert (reviewed.outcome[rose] == "increase").all()
    assert (target[rose] >= (columns["drawn_minor"] + columns["held_minor"])[rose]).all()
    assert (target[rose] <= reviewed.most_minor[rose]).all()
    assert (target[rose | fell] % 100_000 == 0).all()
    asked = columns["requested_minor"]
    assert ((target <= asked) | np.isnan(asked))[rose].all()
    since = columns["days_since_increase"]
    rest = np.where(np.isin(columns["trigger"].astype(str), ["income_proof", "borrower_request"]), 90, 180)
    assert ((since >= rest) | np.isnan(since))[rose].all()
    assert (reviewed.outcome[fell] == "decrease").all()
    assert (target[fell] >= reviewed.least_minor[fell]).all()
    # As long as nobody takes a decrease to be done already: no person has more than the law allows.
    of_person = np.bincount(person, weights=np.maximum(target, present).astype(np.float64))[person]
    assert (of_person <= MOST_MINOR)[rose].all()
    assert ((night.targets.reason == TargetReason.INCREASE_OFFERED) == rose).all()
    assert ((night.targets.reason == TargetReason.DECREASED_FOR_RISK) == fell).all()
    assert (night.targets.held_by == night.targets.reason)[~rose].all()


@pytest.mark.parametrize("bounds", TIGHT)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_line_and_no_cap_is_passed_and_the_day_answers_as_the_night(bounds: tuple[int, int, int], seed: int) -> None:
    strategy = _strategy(bounds)
    columns, person = random_book(LINES, seed=seed)
    reviewed = decided(columns, strategy=strategy, person=person)
    night = review_book(reviewed, strategy=strategy)
    _check_lines(reviewed, night, person, columns)
    assert night.prices.is_open

    present, base = reviewed.lines.limit_minor, reviewed.base_minor(strategy.limits)
    before, used = _used(reviewed, base, strategy), _used(reviewed, night.targets.target_minor, strategy)
    today = _used(reviewed, present, strategy)
    bound = np.array([round(today[0] * bounds[0] / 1e6), round(today[1] * bounds[1] / 1e6), 0.0])
    room = np.maximum(bound - before, 0.0)
    assert (used - before <= room * 0.9 + 1e-6).all()
    assert [cap.left for cap in night.prices.caps] == pytest.approx(room - (used - before), abs=1e-3)
    assert 0.0 <= night.gap_ppm <= 1e6

    order = np.random.default_rng(seed).permutation(LINES)
    turned = review_book(reviewed.at(order), strategy=strategy)
    assert turned.prices == night.prices
    assert (turned.targets.target_minor == night.targets.target_minor[order]).all()
    assert (turned.targets.held_by == night.targets.held_by[order]).all()

    # With nothing of the caps spent: what these lines use is in the night's figures already.
    unspent = night.prices.with_left([np.inf] * len(night.prices.caps))
    for line in np.flatnonzero(reviewed.lines.may_increase)[:25]:
        one = answer_at_prices(reviewed.at(np.array([line])), unspent, strategy=strategy)
        assert one.target_minor[0] == night.targets.target_minor[line]
        assert one.reason[0] == night.targets.reason[line]
        assert one.held_by[0] == night.targets.held_by[line]
    day = answer_at_prices(reviewed, night.prices, strategy=strategy)
    assert (day.target_minor <= night.targets.target_minor)[night.targets.target_minor > present].all()
