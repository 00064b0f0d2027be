"""Which limits a line may be given: grids, guards and the edges of both."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tallystick.strategy.choices import LimitRules, choices_of, highest_increase, limit_grid, lowest_increase
from tallystick.strategy.lines import Lines

OneLine = Callable[..., Lines]

RULES = LimitRules(
    step_minor=100_000,
    lowest_minor=300_000,
    largest_increase_ratio_ppm=1_000_000,
    largest_increase_minor=2_000_000,
    income_multiple_ppm=3_000_000,
    person_cap_minor=20_000_000,
)


def _allowed(line: Lines, *, cap: int, rules: LimitRules = RULES) -> list[int]:
    choices = choices_of(line, grid_minor=limit_grid(cap_minor=cap, rules=rules), rules=rules)
    found: list[int] = choices.limit_minor[0][choices.allowed[0]].tolist()
    return found


@pytest.mark.parametrize(
    ("cap", "grid"),
    [
        (299_999, []),  # not even the lowest limit
        (300_000, [300_000]),
        (499_999, [300_000, 400_000]),
        (500_000, [300_000, 400_000, 500_000]),
    ],
)
def test_the_grid_ends_at_the_last_whole_step_within_the_cap(cap: int, grid: list[int]) -> None:
    assert limit_grid(cap_minor=cap, rules=RULES).tolist() == grid


def test_the_grid_starts_at_a_whole_step_and_the_law_bounds_it() -> None:
    rules = replace(RULES, lowest_minor=250_001, person_cap_minor=450_000)
    assert limit_grid(cap_minor=10_000_000, rules=rules).tolist() == [300_000, 400_000]


def test_each_guard_bounds_an_increase_exactly(one_line: OneLine) -> None:
    assert highest_increase(one_line(limit=500_000), rules=RULES).tolist() == [1_000_000]  # doubled
    assert highest_increase(one_line(limit=5_000_000), rules=RULES).tolist() == [7_000_000]  # 20,000 yuan more
    by_income = one_line(limit=500_000, income=233_333)
    assert highest_increase(by_income, rules=RULES).tolist() == [699_999]
    assert _allowed(by_income, cap=5_000_000) == [500_000, 600_000]
    assert _allowed(one_line(limit=500_000, income=0), cap=5_000_000) == [500_000]


def test_a_line_that_may_only_stay_stays_even_outside_every_bound(one_line: OneLine) -> None:
    assert _allowed(one_line(limit=123_456, drawn=900_000, up=False), cap=1_000_000) == [123_456]
    assert _allowed(one_line(limit=90_000_000), cap=1_000_000) == [90_000_000]
    assert _allowed(one_line(limit=500_000), cap=0) == [500_000]


def test_a_decrease_stops_at_what_is_drawn(one_line: OneLine) -> None:
    risky = one_line(limit=700_000, drawn=450_000, up=False, down=True)
    assert _allowed(risky, cap=5_000_000) == [700_000, 500_000, 600_000]
    assert _allowed(one_line(limit=700_000, drawn=700_000, up=False, down=True), cap=5_000_000) == [700_000]


def test_a_line_drawn_above_the_cap_is_lowered_to_the_step_that_covers_it(one_line: OneLine) -> None:
    risky = one_line(limit=900_000, drawn=610_000, up=False, down=True)
    assert _allowed(risky, cap=400_000) == [900_000, 700_000]
    assert _allowed(replace(risky, may_decrease=np.array([False])), cap=400_000) == [900_000]


def test_an_increase_that_leaves_the_line_over_its_limit_is_no_choice(one_line: OneLine) -> None:
    over = one_line(limit=500_000, drawn=750_000)
    assert _allowed(over, cap=5_000_000) == [500_000, 800_000, 900_000, 1_000_000]
    assert lowest_increase(over, rules=RULES).tolist() == [800_000]


@pytest.mark.parametrize(("limit", "lowest"), [(300_000, 400_000), (399_999, 400_000), (40_000, 300_000)])
def test_the_lowest_increase_is_the_next_step_that_may_be_granted(one_line: OneLine, limit: int, lowest: int) -> None:
    assert lowest_increase(one_line(limit=limit), rules=RULES).tolist() == [lowest]


def test_one_line_has_the_choices_it_has_among_many(one_line: OneLine, many_lines: Lines) -> None:
    grid = limit_grid(cap_minor=5_000_000, rules=RULES)
    together = choices_of(many_lines, grid_minor=grid, rules=RULES)
    alone = choices_of(many_lines.between(7, 8), grid_minor=grid, rules=RULES)
    assert together.allowed[7].tolist() == alone.allowed[0].tolist()
    assert together.limit_minor[7].tolist() == alone.limit_minor[0].tolist()
    none = choices_of(many_lines.between(0, 0), grid_minor=grid, rules=RULES)
    assert none.allowed.shape == (0, grid.size + 2)
