"""What steps taught moves a menu by segment and by the size of each increase, and nothing else."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tallystick.risk.learned_response import Belief, Learned, LearnedResponse, Slopes, shrunk
from tallystick.strategy.choices import LimitRules
from tallystick.strategy.economics import Economics
from tallystick.strategy.learned_menu import increase_of, learned_menu, menu_by_rates, menu_slopes
from tallystick.strategy.limits import Menu, limit_menu, plan_limits
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Infeasible
from tallystick.strategy.prices import price_grades

OneLine = Callable[..., Lines]
Floats = npt.NDArray[np.float64]

RULES = LimitRules(100_000, 300_000, 1_000_000, 2_000_000, 3_000_000, 20_000_000)
SEGMENTS = 2


@pytest.fixture
def menu(many_lines: Lines, economics: Economics) -> Menu:
    """Published responses."""
    prices = price_grades(economics, legal_cap_ppm=240_000)
    return limit_menu(many_lines, cap_minor=5_000_000, rules=RULES, economics=economics, prices=prices)


def learned(prior: Floats, slope: Floats, standard_error: Floats) -> Learned:
    """What evidence of this kind makes of a prior that is hardly believed."""
    slopes = Slopes(slope, standard_error, np.full(SEGMENTS, 1_000))
    return shrunk(slopes, Belief(prior, common_sd=1.0, own_sd_most=10.0))


def taught(menu: Menu, segment: npt.NDArray[np.int64], *, earned: list[float], error: list[float]) -> LearnedResponse:
    """A response of which it was seen so well what it earns; nothing was seen of the rest."""
    unseen = {
        name: learned(menu_slopes(menu, name, segment=segment, segments=SEGMENTS), np.zeros(2), np.full(2, np.inf))
        for name in ("drawn", "expected_loss", "earned")
    }
    seen = learned(unseen["earned"].prior, np.asarray(earned), np.asarray(error))
    return LearnedResponse(
        drawn=unseen["drawn"], default=unseen["drawn"], lost=unseen["expected_loss"], earned=seen
    )  # fmt: skip


def test_each_increase_is_moved_by_its_size_and_the_rest_stays(menu: Menu, many_lines: Lines) -> None:
    segment = (many_lines.grade >= 3).astype(np.int64)
    response = taught(menu, segment, earned=[0.05, 0.0], error=[1e-6, np.inf])
    told = learned_menu(menu, response, segment=segment)
    assert menu_slopes(told, "earned", segment=segment, segments=SEGMENTS)[0] == pytest.approx(0.05, abs=1e-4)
    more = np.maximum(menu.choices.limit_minor - menu.choices.limit_minor[:, :1], 0)
    strong = segment == 0
    shift = 0.05 - response.earned.prior[0]
    moved = (told.profit - menu.profit)[strong]
    assert moved == pytest.approx(shift * more[strong], rel=1e-3, abs=1e-6)
    assert (moved[more[strong] == 0] == 0).all()
    assert told.measures["drawn"].tolist() == menu.measures["drawn"].tolist()
    assert told.measures["limit"].tolist() == menu.measures["limit"].tolist()


def test_limits_follow_what_was_learned(menu: Menu, many_lines: Lines) -> None:
    segment = (many_lines.grade >= 3).astype(np.int64)

    def raised(profit: float) -> npt.NDArray[np.bool_]:
        response = taught(menu, segment, earned=[profit, profit], error=[1e-6, 1e-6])
        told = learned_menu(menu, response, segment=segment)
        plan = plan_limits(many_lines, told, caps=[], rules=RULES, tolerance=1e-6)
        assert not isinstance(plan, Infeasible)
        return plan.limit_minor > many_lines.limit_minor

    can = (menu.choices.allowed & (menu.choices.limit_minor > menu.choices.limit_minor[:, :1])).any(axis=1)
    assert raised(0.5)[can].all()
    assert not raised(-0.5).any()


def test_a_slope_is_that_of_all_increases_together(menu: Menu, many_lines: Lines) -> None:
    everybody = np.zeros(len(many_lines), dtype=np.int64)
    rises = menu.choices.allowed & (menu.choices.limit_minor > menu.choices.limit_minor[:, :1])
    more = (menu.choices.limit_minor - menu.choices.limit_minor[:, :1])[rises].sum()
    added = (menu.measures["drawn"] - menu.measures["drawn"][:, :1])[rises].sum()
    slopes = menu_slopes(menu, "drawn", segment=everybody, segments=2)
    assert slopes.tolist() == pytest.approx([added / more, 0.0])


def test_by_rates_increases_bring_what_models_tell_and_all_else_stays(menu: Menu) -> None:
    lost, earned = np.linspace(0.0, 0.1, len(menu.profit)), np.linspace(0.2, 0.0, len(menu.profit))
    told, more = menu_by_rates(menu, earned=earned, lost=lost), increase_of(menu)
    is_raise = more > 0
    for figures, rate in (
        (told.measures["expected_loss"], lost),
        (told.profit + told.measures["expected_loss"], earned),
    ):
        assert (figures - figures[:, :1])[is_raise] == pytest.approx((rate[:, None] * more)[is_raise])
    assert told.profit[~is_raise] == pytest.approx(menu.profit[~is_raise])
    assert told.measures["expected_loss"][~is_raise].tolist() == menu.measures["expected_loss"][~is_raise].tolist()
    assert told.measures["drawn"] is menu.measures["drawn"]
