"""What other lenders newly lend: offered by risk and season, taken by need, paid back by months; nobody here is told.

A rival's loan does not ask what this lender does: it is the same in every world of a seed. What it does to a borrower
is to be owed, asked for every month, and at hand when something is bought.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.living_parameters import LivingParameters
from tallystick.world.economy.people import People

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MONTH_DAYS: Final = 30.4375
_RECENT_MONTHS: Final = 3  # those whose inquiries a bureau counts
_YEAR_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Lent:
    """What other lenders newly lent and is not paid back, in columns of shape (people asked for,); minor units."""

    lines: Integers
    recent: Integers  # those of the last three months
    granted_minor: Integers
    owed_minor: Integers
    month_minor: Integers  # asked for every month


class Rivals:
    """Other lenders of a world, from `begins_on`; limits that they had granted before grow by `growth_month`."""

    def __init__(self, chances: Chances, *, people: People, living: LivingParameters, begins_on: date) -> None:
        self._chances, self._people = chances, people
        self._parameters, self._seasons = living.rivals, living.seasons
        self.begins_on, self.growth_month = begins_on, living.shopping.elsewhere_growth_month
        self._months: list[Integers] = []  # what was taken in each month, of shape (people,); 0 for nothing

    def lent(self, who: Integers, *, day: npt.ArrayLike) -> Lent:
        """What these people owe on a day of new loans; one day for all or one for each, counted from the beginning.

        Before the world's begin nothing is new.
        """
        month = np.broadcast_to(np.floor(np.asarray(day, dtype=np.float64) / MONTH_DAYS).astype(np.int64), who.shape)
        lasts = self._parameters.lasts_months
        first = max(0, int(month.min(initial=0)) - lasts + 1)
        taken_in = np.arange(first, int(month.max(initial=-1)) + 1)
        if not len(taken_in):
            return Lent(*(np.zeros(who.shape, dtype=np.int64) for _ in Lent.__slots__))
        taken = np.stack([self._taken(number)[who] for number in taken_in.tolist()])
        age = month - taken_in[:, None]
        granted = np.where((age >= 0) & (age < lasts), taken, 0)
        return Lent(
            lines=np.count_nonzero(granted, axis=0),
            recent=np.count_nonzero(np.where(age < _RECENT_MONTHS, granted, 0), axis=0),
            granted_minor=granted.sum(axis=0),
            owed_minor=(granted * (lasts - age) // lasts).sum(axis=0),
            month_minor=(granted // lasts).sum(axis=0),
        )

    def _taken(self, month: int) -> Integers:
        """What everybody took in a month; worked out once."""
        while len(self._months) <= month:
            self._months.append(self._loans(len(self._months)))
        return self._months[month]

    def _loans(self, month: int) -> Integers:
        """Lenders look for good risks, and most where much is bought; who needs money takes what is offered."""
        told, traits, number = self._parameters, self._people.traits, np.arange(len(self._people))
        season = self._seasons.month[(self.begins_on.month - 1 + month) % _YEAR_MONTHS] ** told.offer_season
        safer = logit(told.offer_risk_at) - logit(self._people.risk)
        offered = np.minimum(told.offer_chance_month * season * np.exp(told.offer_risk_log * safer), 1.0)
        takes = expit(told.take_intercept + told.take_need * traits.need)
        spread = np.exp(told.size_log_sd * self._chances.normal("rival/size", number, at=month))
        is_taken = self._happens("offers", month, offered) & self._happens("taken", month, takes)
        size = traits.income_month_minor * told.size_months * spread
        return np.asarray(np.where(is_taken, np.maximum(size, 1), 0).astype(np.int64))

    def _happens(self, what: str, month: int, chance: Floats) -> npt.NDArray[np.bool_]:
        return self._chances.happens(f"rival/{what}", np.arange(len(self._people)), at=month, chance=chance)
