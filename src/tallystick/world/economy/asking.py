"""What borrowers ask of their lender by themselves, and how they answer what it offers or tells them."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct
from scipy.special import expit

from tallystick.units.rates import PPM
from tallystick.world.economy import acts
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.lives import Lives, Planned
from tallystick.world.economy.living_parameters import LivingParameters
from tallystick.world.economy.people import People

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_STEP_MINOR: Final = 50_000  # one asks for whole 500 yuan


class Asked(Struct, frozen=True):
    """Something that one does in so many days."""

    days: int
    planned: Planned


class Asking:
    """How a world's borrowers deal with their lender, beside buying and paying."""

    def __init__(self, chances: Chances, *, people: People, living: LivingParameters) -> None:
        self._chances, self._people, self._living = chances, people, living

    def of_month(self, lives: Lives, *, month: int, is_gone: Flags) -> list[Asked]:
        """Some ask for more, prove what they earn, or leave; who is gone does nothing."""
        return [
            *self._more(lives, month=month, is_gone=is_gone),
            *self._proofs(lives, month=month, is_gone=is_gone),
            *self._leaving(lives, month=month),
        ]

    def more(self, person: int, lives: Lives, *, days: int) -> Asked:
        """One asks for half as much again as one has."""
        limit = int(lives.limit_minor[person])
        wanted = int(limit * (1 + self._living.limits.ask_more_share)) // _STEP_MINOR * _STEP_MINOR
        act = acts.AskLimit(line_id=int(lives.line_id[person]), limit_minor=max(wanted, limit + _STEP_MINOR))
        return Asked(days, Planned(act=act, person=person))

    def _more(self, lives: Lives, *, month: int, is_gone: Flags) -> list[Asked]:
        limits = self._living.limits
        wants = lives.is_open & (lives.utilization > limits.ask_from_use) & (lives.days_past_due == 0) & lives.is_active
        who = np.flatnonzero(wants & ~is_gone)
        who = who[self._chances.happens("month/asks", who, at=month, chance=limits.ask_chance_month)]
        return [self.more(person, lives, days=1 + person % 20) for person in who.tolist()]

    def _proofs(self, lives: Lives, *, month: int, is_gone: Flags) -> list[Asked]:
        """Who wants more shows what he earns, which is a reason to look at his limit."""
        limits, income = self._living.limits, self._people.traits.income_month_minor
        uses = lives.is_open & (lives.utilization > limits.prove_from_use)
        who = np.flatnonzero(uses & (lives.days_past_due == 0) & ~lives.is_jobless & ~is_gone)
        who = who[self._chances.happens("month/proves", who, at=month, chance=limits.prove_chance_month)]
        return [
            Asked(1 + person % 25, Planned(
                act=acts.ProveIncome(line_id=int(lives.line_id[person]), income_month_minor=int(income[person])),
                person=person,
            ))
            for person in who.tolist()
        ]  # fmt: skip

    def _leaving(self, lives: Lives, *, month: int) -> list[Asked]:
        idle = np.flatnonzero(lives.is_open & (lives.owed_minor == 0) & (lives.drawn_minor == 0) & ~lives.is_active)
        chance = self._living.limits.leave_chance_month
        gone = idle[self._chances.happens("month/leaves", idle, at=month, chance=chance)]
        return [_leaves(person, lives) for person in gone.tolist()]

    def answers(self, offers: pa.Table, lives: Lives, *, today: int, always: Flags) -> list[Asked]:
        """Offers of the night are answered some days later, by those who want them; some accept always."""
        who = lives.person_of(offers["line_id"].to_numpy())
        limits = self._living.limits
        leaning = (
            limits.accept_intercept
            + limits.accept_need * self._people.traits.need[who]
            + limits.accept_used * lives.utilization[who]
        )
        accepts = self._chances.happens("offer/accepts", who, at=today, chance=expit(leaning)) | always[who]
        after = 1 + (self._chances.uniform("offer/after", who, at=today) * 6).astype(np.int64)
        told = zip(who.tolist(), offers["offer_id"].to_pylist(), accepts.tolist(), after.tolist(), strict=True)
        return [
            Asked(days, Planned(act=acts.AnswerLimit(offer_id=offer_id, accepts=does), person=person))
            for person, offer_id, does, days in told
        ]

    def objections(self, notices: pa.Table, lives: Lives, *, today: int, never: Flags) -> list[Asked]:
        """Who is told of a dearer price may not take it: with nothing owed he leaves, otherwise he objects.

        Who needs the credit takes it more often: those who stay at a dearer price are not the average.
        """
        who = lives.person_of(notices["line_id"].to_numpy())
        prices = self._living.prices
        rise = (notices["fee_ppm"].to_numpy() - notices["previous_fee_ppm"].to_numpy()) / PPM
        leaning = prices.object_intercept + prices.object_fee * rise
        leaning += prices.object_need * self._people.traits.need[who]
        objects = self._chances.happens("notice/objects", who, at=today, chance=expit(leaning)) & (rise > 0)
        objects &= lives.is_open[who] & ~never[who]
        owes = (lives.owed_minor > 0) | (lives.drawn_minor > 0)
        return [
            Asked(1 + person % 10, Planned(
                act=acts.ObjectToTerms(line_id=int(lives.line_id[person]), change_id=change_id), person=person
            ))
            if owes[person]
            else _leaves(person, lives)
            for person, change_id in zip(
                who[objects].tolist(), notices["change_id"].to_numpy()[objects].tolist(), strict=True
            )
        ]  # fmt: skip


def _leaves(person: int, lives: Lives) -> Asked:
    return Asked(1, Planned(act=acts.Leave(line_id=int(lives.line_id[person])), person=person))
