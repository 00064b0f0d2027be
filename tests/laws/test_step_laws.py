"""Laws of one step of a line's life: what it tells of the line is what the line itself comes to."""

import os

import pytest
from tests.laws.fates import Fate

from tallystick.servicing.history import standing
from tallystick.terms.plan_terms import Recalculation

LIVES = int(os.environ.get("TALLYSTICK_LIVES", "80"))
PARTS = 4


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_step_ends_with_the_figures_of_its_line(part: int, recalculation: Recalculation) -> None:
    for seed in range(part, LIVES, PARTS):
        fate = Fate(seed, recalculation)
        for _ in fate.acts():
            assert fate.life.stands is not None
            assert fate.life.stands.figures == standing(fate.line).figures, f"life {seed}, {fate.today}"
