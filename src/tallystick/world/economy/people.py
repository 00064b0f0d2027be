"""The people of the world: traits that no lender sees, homes, devices, and what they want of a credit line."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tallystick.world.borrowers import CITY_TIERS, Borrowers, draw_borrowers, free_income_share
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.living_parameters import LivingParameters
from tallystick.world.parameters import WorldParameters
from tallystick.world.streams import Streams

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_YEAR_DAYS: Final = 365.25


@dataclass(frozen=True, slots=True)
class People:
    """Everybody, in columns of shape (people,); a person's number is the place in them.

    What is here never changes; what changes from day to day is in `lives.Lives`.
    """

    traits: Borrowers
    digital: Floats  # habit of buying online; standard normal
    is_female: Flags
    household: Integers  # number of the first person of it
    shares_device: Flags  # with the first person of the household
    city: Integers
    born_on: Integers  # days since 1970
    hears_on: Floats  # days after the world's begin on which one would apply
    free_income_minor: Floats  # a month, with work
    risk: Floats  # the true yearly chance of going bad at an ordinary line, by traits alone
    debt_share_of_limit: Floats  # of each unit of limit, what one comes to owe beyond one's own budget
    borrows_elsewhere: Flags
    has_automatic_payment: Flags

    def __len__(self) -> int:
        """How many there are."""
        return len(self.digital)


def cities_of(living: LivingParameters) -> int:
    """How many cities there are in all."""
    return int(sum(living.people.cities))


def draw_people(
    chances: Chances, *, count: int, begins_on: date, living: LivingParameters, world: WorldParameters
) -> People:
    """So many people; a larger world begins with the smaller one.

    Raises `ValueError` for fewer than one.
    """
    if count < 1:
        raise ValueError(f"borrowers is {count}: a world has at least one")
    number = np.arange(count)
    streams = Streams(seed=chances.seed, block=0, count=count)
    traits = draw_borrowers(streams=streams, parameters=world.borrowers, behavior=world.behavior)
    digital = chances.normal("person/digital", number) * living.people.digital_sd
    household, shares_device = _households(chances, number, living=living)
    free = free_income_share(
        income=traits.income_month_minor,
        dependents=traits.dependents,
        debt_service_share=traits.debt_service_share,
        behavior=world.behavior,
    )
    risk = _risk(traits, world=world)
    rate = np.exp(living.arriving.need_log * traits.need + living.arriving.digital_log * digital)
    waits = -np.log(chances.uniform("person/hears", number)) / rate
    age_days = (traits.age_years + chances.uniform("person/birthday", number)) * _YEAR_DAYS
    return People(
        traits=traits,
        digital=digital,
        is_female=chances.happens("person/sex", number, chance=living.people.female_share),
        household=household,
        shares_device=shares_device,
        city=_cities(chances, household, traits.city_tier[household], living=living),
        born_on=(begins_on.toordinal() - date(1970, 1, 1).toordinal() - age_days).astype(np.int64),
        hears_on=waits * living.arriving.half_life_days / np.log(2),
        free_income_minor=traits.income_month_minor * free,
        risk=risk,
        debt_share_of_limit=_debt_share(chances, number, risk, living=living),
        borrows_elsewhere=chances.happens(
            "person/elsewhere", number, chance=expit(logit(living.shopping.card_elsewhere_share) + traits.need / 2)
        ),
        has_automatic_payment=chances.happens(
            "person/automatic", number, chance=expit(logit(living.paying.automatic_share) + traits.patience / 2)
        ),
    )


def _households(chances: Chances, number: Integers, *, living: LivingParameters) -> tuple[Integers, Flags]:
    """Who lives with the person before; the number of the first one is the household's."""
    moves_in = chances.happens("person/household", number, chance=living.people.household_share)
    moves_in[0] = False
    household = np.maximum.accumulate(np.where(moves_in, 0, number))
    shares = moves_in & chances.happens("person/shared device", number, chance=living.people.shared_device_share)
    return household, shares


def _cities(chances: Chances, household: Integers, tier: Integers, *, living: LivingParameters) -> Integers:
    """One city for a household, of its tier."""
    counts = np.asarray(living.people.cities, dtype=np.int64)
    assert len(counts) == len(CITY_TIERS), "checked by the parameters"
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return first[tier] + (chances.uniform("household/city", household) * counts[tier]).astype(np.int64)


def _risk(traits: Borrowers, *, world: WorldParameters) -> Floats:
    """The yearly chance of going bad by traits alone, at two fifths of use and with work."""
    weights = world.outcome
    return np.asarray(
        expit(
            weights.intercept
            + weights.honesty * traits.honesty
            + weights.patience * traits.patience
            + weights.thrift * traits.thrift
            + weights.income_log * traits.income_log
            + weights.debt_service * traits.debt_service_share
            + weights.utilization * 0.4
        )
    )


def _debt_share(chances: Chances, number: Integers, risk: Floats, *, living: LivingParameters) -> Floats:
    shopping = living.shopping
    known = np.interp(logit(risk), logit(np.asarray(shopping.debt_share_of_limit_pd)), shopping.debt_share_of_limit)
    told = known * np.exp(shopping.debt_log_sd * chances.normal("person/debt", number))
    return np.asarray(np.clip(told, 0.0, 0.95))
