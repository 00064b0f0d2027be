"""The year and the economy: how much is bought on a day, and how easily work is lost in a month."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from tallystick.world.economy.living_parameters import SeasonsParameters
from tallystick.world.economy.plan import Climate

_SATURDAY: Final = 5
_QUARTER_MONTHS: Final = 3


def lift(day: date, seasons: SeasonsParameters) -> float:
    """How much more is ordered on a day than on an ordinary weekday.

    >>> from tallystick.world.economy.living_parameters import standard_living
    >>> round(lift(date(2026, 11, 11), standard_living().seasons), 2)
    3.75
    """
    told = seasons.month[day.month - 1]
    if day.timetuple().tm_yday in seasons.festival_days:
        told *= seasons.festival_lift
    if day.weekday() >= _SATURDAY:
        told *= seasons.weekend_lift
    return told


def unemployment(
    months: int, *, climate: Climate, seasons: SeasonsParameters, begins: int = 0, rise: Sequence[float] = ()
) -> float:
    """The rate of unemployment so many months after the world began; a recession begins at month `begins`.

    `rise` is how far it then stands above the base, by quarter (`scenarios.recession_rise`); none: the shipped path.

    >>> from tallystick.world.economy.living_parameters import standard_living
    >>> seasons = standard_living().seasons
    >>> round(unemployment(9, climate=Climate.RECESSION, seasons=seasons), 3)
    0.094
    """
    if climate is Climate.BASE or months < begins:
        return seasons.unemployment_base
    path = rise or seasons.recession_rise
    quarters = np.arange(len(path)) * _QUARTER_MONTHS
    return seasons.unemployment_base + float(np.interp(months - begins, quarters, path))


def job_loss_factor(rate: float, seasons: SeasonsParameters) -> float:
    """By what the monthly chance of losing work is multiplied at a rate of unemployment.

    >>> from tallystick.world.economy.living_parameters import standard_living
    >>> round(job_loss_factor(0.09, standard_living().seasons), 2)
    1.9
    """
    return float(np.exp(seasons.job_loss_per_point * 100 * (rate - seasons.unemployment_base)))


def job_found_factor(rate: float, seasons: SeasonsParameters) -> float:
    """By what the monthly chance of finding work again is multiplied at a rate of unemployment.

    >>> from tallystick.world.economy.living_parameters import standard_living
    >>> round(job_found_factor(0.10, standard_living().seasons), 2)
    0.55
    """
    return float(np.exp(-seasons.job_found_per_point * 100 * (rate - seasons.unemployment_base)))
