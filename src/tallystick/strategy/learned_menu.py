"""A menu of limits whose figures are moved from published responses to what the lender's own lines have shown."""

from dataclasses import replace
from typing import Final

import numpy as np

from tallystick.risk.learned_response import Learned, LearnedResponse
from tallystick.strategy.limits import Menu
from tallystick.strategy.lines import Floats, Integers

EARNED: Final = "earned"


def increase_of(menu: Menu) -> Floats:
    """By how much each choice is above the present limit, in minor units; 0 for a decrease; (lines, choices)."""
    limit = menu.choices.limit_minor
    more: Floats = np.maximum(limit - limit[:, :1], 0).astype(np.float64)
    return more


def menu_slopes(menu: Menu, figure: str, *, segment: Integers, segments: int) -> Floats:
    """What a menu says that one unit of increase adds to a figure, per segment: all allowed choices taken together.

    `figure` is one of the menu's measures, or "earned": what is earned before losses. It is the prior that steps are
    held against. A segment without an increase has a slope of 0. Shape (segments,).
    """
    told = menu.profit + menu.measures["expected_loss"] if figure == EARNED else menu.measures[figure]
    is_raise = menu.choices.allowed & (menu.choices.limit_minor > menu.choices.limit_minor[:, :1])

    def summed(values: Floats) -> Floats:
        return _summed(np.where(is_raise, values, 0.0).sum(axis=1), segment, segments)

    more = summed(increase_of(menu))
    return np.asarray(np.divide(summed(told - told[:, :1]), more, out=np.zeros(segments), where=more > 0))


def _summed(values: Floats, segment: Integers, segments: int) -> Floats:
    told: Floats = np.bincount(segment, weights=values, minlength=segments).astype(np.float64)
    return told


def menu_by_earnings(menu: Menu, rate: Floats) -> Menu:
    """The menu whose every unit of increase is expected to earn what a model of the lender's book tells of its line.

    `rate` (lines,) is what a line earns before losses in a year over its limit, as a two-part model learns it
    (`scoring/two_part`). A unit that is added brings less than those that a line has: how much less, steps by chance
    tell. Losses, and what a line is expected to earn at its present limit or at a lower one, stay.

    A line that may go from 10,000 to 15,000 yuan earns 2 % of its limit in a year, so the step 100 before losses of 50:

    >>> from tallystick.strategy.choices import Choices
    >>> limits = np.array([[1_000_000, 1_500_000]])
    >>> menu = Menu(
    ...     cap_minor=5_000_000, choices=Choices(limits, np.ones((1, 2), dtype=np.bool_)),
    ...     profit=np.array([[8_000.0, 9_000.0]]),
    ...     measures={"drawn": np.zeros((1, 2)), "expected_loss": np.array([[6_000.0, 11_000.0]])})
    >>> menu_by_earnings(menu, np.array([0.02])).profit.round(2).tolist()
    [[8000.0, 13000.0]]
    """
    more, loss = increase_of(menu), menu.measures["expected_loss"]
    earned = menu.profit + loss
    told = np.where(more > 0, earned[:, :1] + rate[:, None] * more, earned)
    return replace(menu, profit=told - loss)


def learned_menu(menu: Menu, response: LearnedResponse, *, segment: Integers) -> Menu:
    """The menu with profit, debt and loss of every increase moved by what was learned beyond the prior.

    `segment` (lines,) are those of `response`, whose priors came from such a menu (`menu_slopes`). What a segment's
    lines differ in, and how figures bend, stays as the menu had it; a segment without evidence keeps its figures.

    A line at 10,000 yuan would bring 90 yuan more at 15,000 and 150 at 20,000, as published; in its segment steps have
    shown that it earns 0.1 fen more per yuan of limit and loses 1 fen more, which is 45 and 90 yuan less in all:

    >>> from tallystick.risk.learned_response import Slopes
    >>> from tallystick.strategy.choices import Choices
    >>> def learned(prior: float, mean: float) -> Learned:
    ...     seen = Slopes(np.array([mean]), np.array([0.001]), np.array([9_000]))
    ...     return Learned(np.array([mean]), np.array([0.001]), seen, np.array([prior]), 0.0)
    >>> limits = np.array([[1_000_000, 1_500_000, 2_000_000]])
    >>> menu = Menu(
    ...     cap_minor=5_000_000, choices=Choices(limits, np.ones((1, 3), dtype=np.bool_)),
    ...     profit=np.array([[0.0, 9_000.0, 15_000.0]]),
    ...     measures={"drawn": np.zeros((1, 3)), "expected_loss": np.zeros((1, 3))})
    >>> response = LearnedResponse(
    ...     drawn=learned(0.2, 0.2), default=learned(0.05, 0.05), lost=learned(0.01, 0.02),
    ...     earned=learned(0.026, 0.027))
    >>> told = learned_menu(menu, response, segment=np.array([0]))
    >>> told.profit.round(2).tolist(), told.measures["expected_loss"].round(2).tolist()
    ([[0.0, 4500.0, 6000.0]], [[0.0, 5000.0, 10000.0]])
    """
    more = increase_of(menu)

    def moved(figures: Floats, learned: Learned) -> Floats:
        return np.asarray(figures + (learned.mean - learned.prior)[segment][:, None] * more)

    measures = {
        **menu.measures,
        "drawn": moved(menu.measures["drawn"], response.drawn),
        "expected_loss": moved(menu.measures["expected_loss"], response.lost),
    }
    more_lost = measures["expected_loss"] - menu.measures["expected_loss"]
    return replace(menu, profit=moved(menu.profit, response.earned) - more_lost, measures=measures)
