"""The simulated portfolio that the tests of the world look at."""

import pytest

from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio, simulate_portfolio


@pytest.fixture(scope="session")
def portfolio() -> SimulatedPortfolio:
    """Twenty thousand lines of the standard world."""
    return simulate_portfolio(lines=20_000, seed=11, parameters=standard_parameters())
