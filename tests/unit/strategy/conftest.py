"""Lines to decide on: one as a test describes it, and many of all kinds."""

from collections.abc import Callable

import numpy as np
import pytest

from tallystick.strategy.economics import Economics, read_economics
from tallystick.strategy.lines import Lines
from tallystick.strategy.policy import standard_strategy_files


@pytest.fixture(scope="session")
def economics() -> Economics:
    """The economics of the standard strategy."""
    return read_economics(standard_strategy_files()["economics.toml"])


@pytest.fixture(scope="session")
def one_line() -> Callable[..., Lines]:
    """Makes one line: 10,000 yuan, of grade D, nothing drawn, free to rise, unless told otherwise."""

    def line(
        *, limit: int = 1_000_000, drawn: int = 0, pd: int = 53_000, grade: int = 3, income: float = np.nan,
        rate: float = np.nan, up: bool = True, down: bool = False,
    ) -> Lines:  # fmt: skip
        return Lines(
            limit_minor=np.array([limit]),
            drawn_minor=np.array([drawn]),
            pd_ppm=np.array([pd]),
            grade=np.array([grade]),
            income_month_minor=np.array([income], dtype=np.float64),
            present_rate_ppm=np.array([rate], dtype=np.float64),
            may_increase=np.array([up]),
            may_decrease=np.array([down]),
        )

    return line


@pytest.fixture(scope="session")
def many_lines(economics: Economics) -> Lines:
    """Two hundred lines of every grade, with and without income and present rate, some over their limit."""
    generator = np.random.default_rng(11)
    count = 200
    grade = generator.integers(0, len(economics.grades), count)
    limit = generator.integers(2, 60, count) * 100_000
    return Lines(
        limit_minor=limit,
        drawn_minor=(limit * generator.uniform(0, 1.1, count)).astype(np.int64),
        pd_ppm=np.array([each.pd_ppm for each in economics.grades])[grade],
        grade=grade,
        income_month_minor=np.where(generator.random(count) < 0.5, np.nan, 900_000.0),
        present_rate_ppm=np.where(generator.random(count) < 0.5, np.nan, 180_000.0),
        may_increase=grade < 5,
        may_decrease=grade == 7,
    )
