"""The simulated portfolio and the people and shops that the tests of the world look at."""

from datetime import date

import pytest

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.living_parameters import standard_living
from tallystick.world.economy.people import People, cities_of, draw_people
from tallystick.world.economy.shops import Shops, open_shops
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio, simulate_portfolio


@pytest.fixture(scope="session")
def portfolio() -> SimulatedPortfolio:
    """Twenty thousand lines of the standard world."""
    return simulate_portfolio(lines=20_000, seed=11, parameters=standard_parameters())


@pytest.fixture(scope="session")
def people() -> People:
    """Twenty thousand people of the standard world."""
    return draw_people(
        Chances(5), count=20_000, begins_on=date(2026, 1, 1), living=standard_living(), world=standard_parameters()
    )


@pytest.fixture(scope="session")
def shops() -> Shops:
    """The shops of the standard world."""
    living = standard_living()
    return open_shops(Chances(5), shops=living.shops, cities=cities_of(living))
