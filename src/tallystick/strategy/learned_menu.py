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


def menu_by_rates(menu: Menu, *, earned: Floats, lost: Floats) -> Menu:
    """The menu whose every unit of increase is expected to earn and to lose what models of the lender's book tell.

    Both (lines,): what a line earns before losses, and loses, in a year over its limit, as two-part models learn it
    (`scoring/two_part`). A unit that is added brings less than those that a line has: how much less, steps by chance
    tell. What a line is expected to bring at its present limit, or at a lower one, stays.

    A line may go from 10,000 to 15,000 yuan. Of its limit it is expected to earn 2 % and to lose 0.8 % in a year, so
    the step brings 100 less 40:

    >>> from tallystick.strategy.choices import Choices
    >>> limits = np.array([[1_000_000, 1_500_000]])
    >>> menu = Menu(
    ...     cap_minor=5_000_000, choices=Choices(limits, np.ones((1, 2), dtype=np.bool_)),
    ...     profit=np.array([[8_000.0, 9_000.0]]),
    ...     measures={"drawn": np.zeros((1, 2)), "expected_loss": np.array([[6_000.0, 11_000.0]])})
    >>> told = menu_by_rates(menu, earned=np.array([0.02]), lost=np.array([0.008]))
    >>> told.measures["expected_loss"].round(2).tolist(), told.profit.round(2).tolist()
    ([[6000.0, 10000.0]], [[8000.0, 14000.0]])
    """
    more, before = increase_of(menu), menu.measures["expected_loss"]

    def moved(figures: Floats, rate: Floats) -> Floats:
        return np.asarray(np.where(more > 0, figures[:, :1] + rate[:, None] * more, figures))

    loss = moved(before, lost)
    profit = moved(menu.profit + before, earned) - loss
    return replace(menu, profit=profit, measures={**menu.measures, "expected_loss": loss})


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
