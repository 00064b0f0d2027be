"""How bills are paid: in full, in part, late, or not; what banks do wrong; and who comes back from arrears."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tallystick.units.rates import PPM
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.information import elsewhere
from tallystick.world.economy.information_parameters import InformationParameters
from tallystick.world.economy.lives import Lives
from tallystick.world.economy.living_parameters import LivingParameters
from tallystick.world.economy.people import People
from tallystick.world.economy.plan import REMINDED_WITHIN
from tallystick.world.economy.rivals import Rivals
from tallystick.world.parameters import WorldParameters

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MONTH_DAYS: Final = 28
_YEAR_DAYS: Final = 365
NOT_SOLD: Final = -1
_LEAST_MINOR: Final = 100  # nobody sends less than a yuan


@dataclass(frozen=True, slots=True)
class Bills:
    """Statements of a day, in columns of shape (bills,); amounts in minor units, `due_on` in days since 1970.

    `daily_rate_ppm` is what a day costs of what is not paid in full, `fee_ppm` what each installment would of a bill
    that is put into installments, `NOT_SOLD` where none is.
    """

    person: Integers
    number: Integers
    closing_minor: Integers
    minimum_minor: Integers
    due_on: Integers
    daily_rate_ppm: Integers
    fee_ppm: Integers


@dataclass(frozen=True, slots=True)
class Payments:
    """What is paid of bills: shape (bills,); 0 minor units where nothing is. `on` in days since 1970."""

    amount_minor: Integers
    on: Integers
    is_converted: Flags  # what is left is put into installments
    is_unable: Flags  # truth: not paid because there was no money, or no will


class Paying:
    """How a world's people pay."""

    def __init__(
        self,
        chances: Chances,
        *,
        people: People,
        living: LivingParameters,
        information: InformationParameters,
        world: WorldParameters,
        rivals: Rivals,
        begins: int,
        reminder_days: Sequence[int],
    ) -> None:
        self._chances, self._people, self._living, self._begins = chances, people, living, begins
        self._information, self._rivals, self._reminder_days = information, rivals, reminder_days
        self._kept = world.borrowers.job_loss_income_share

    def pay(self, bills: Bills, lives: Lives, *, today: int) -> Payments:
        """What each bill leads to, decided on the morning after it closed."""
        who, paying = bills.person, self._living.paying
        number = who * 4_096 + (today - self._begins) // 7
        free = self._free(lives, who, today=today)
        closing, minimum = np.maximum(bills.closing_minor, 0), np.maximum(bills.minimum_minor, 0)
        is_unable = self._chances.happens(
            "bill/unable", number, chance=self._late_chance(lives, who, free, minimum, today)
        )
        is_unable &= lives.days_past_due[who] == 0  # who is behind already is asked by `come_back`
        is_full = self._chances.happens("bill/full", number, chance=self._full_chance(bills, free, closing))
        asks_more = self._chances.uniform("bill/more", number)
        only_minimum = asks_more < paying.minimum_chance
        more = self._chances.uniform("bill/share", number) ** paying.above_minimum_power
        part = minimum + np.where(only_minimum, 0, (closing - minimum) * more)
        amount = np.where(is_full, closing, np.minimum(part, closing))
        forgets = is_unable & self._chances.happens("bill/forgets", number, chance=paying.forget_share)
        partly = is_unable & self._chances.happens("bill/partly", number, chance=paying.partial_share)
        share = self._chances.uniform("bill/part", number)
        amount = np.where(is_unable & ~forgets, np.where(partly, minimum * share, 0), amount)
        amount = np.where(lives.days_past_due[who] > 0, 0, amount)
        converts = ~is_full & ~is_unable & (closing > 3 * minimum)
        converts &= (bills.fee_ppm != NOT_SOLD) & self._chances.happens(
            "bill/converts", number, chance=self._convert_chance(bills.fee_ppm)
        )
        amount = np.where(converts, minimum, amount)
        return Payments(
            amount_minor=np.where(amount < _LEAST_MINOR, 0, np.minimum(np.ceil(amount), closing)).astype(np.int64),
            on=self._days(number, who, bills.due_on, today=today, forgets=forgets),
            is_converted=converts,
            is_unable=is_unable & ~forgets,
        )

    def _free(self, lives: Lives, who: Integers, *, today: int) -> Floats:
        """What is left of a month's income after what one lives on, and what other lenders ask for."""
        kept = np.where(lives.is_jobless[who], self._kept, 1.0)
        asked = self._rivals.lent(who, day=today - self._begins).month_minor
        return np.asarray(np.maximum(self._people.free_income_minor[who] * kept - asked, 1.0))

    def _late_chance(self, lives: Lives, who: Integers, free: Floats, due: Integers, today: int) -> Floats:
        paying, traits = self._living.paying, self._people.traits
        income = traits.income_month_minor[who]
        leverage = (lives.owed_minor[who] + self.owed_elsewhere_minor(who, today=today)) / (12 * income)
        leaning = (
            paying.late_intercept
            + paying.late_honesty * traits.honesty[who]
            + paying.late_patience * traits.patience[who]
            + paying.late_liquidity * np.log(free / np.maximum(due, _LEAST_MINOR)).clip(-3, 3)
            + paying.late_jobless * lives.is_jobless[who]
            + paying.late_leverage * leverage
        )
        return np.asarray(np.where(due > 0, expit(leaning), 0.0))

    def owed_elsewhere_minor(self, who: Integers, *, today: int) -> Integers:
        """What is owed to other lenders; it grows with what they offer."""
        return elsewhere(
            self._chances,
            self._people,
            who,
            day=today - self._begins,
            parameters=self._information.bureau,
            rivals=self._rivals,
        ).drawn_minor

    def _full_chance(self, bills: Bills, free: Floats, closing: Integers) -> Floats:
        """The dearer it is to owe, the more pay in full."""
        paying, traits, who = self._living.paying, self._people.traits, bills.person
        dearer = (bills.daily_rate_ppm - self._living.prices.usual_daily_rate_ppm) * _YEAR_DAYS / PPM
        leaning = (
            paying.full_intercept
            + paying.full_patience * traits.patience[who]
            + paying.full_thrift * traits.thrift[who]
            + paying.full_liquidity * np.log(free / np.maximum(closing, _LEAST_MINOR)).clip(-3, 3)
            + paying.full_price * dearer
        )
        return np.asarray(expit(leaning))

    def _convert_chance(self, fee_ppm: Integers) -> Floats:
        """Installments of a bill are chosen by their price as those of an order are."""
        dearer = (fee_ppm - self._living.prices.usual_fee_ppm) / PPM
        leaning = logit(self._living.paying.convert_chance) + self._living.shopping.installments_price * dearer
        return np.asarray(expit(leaning))

    def _days(self, number: Integers, who: Integers, due_on: Integers, *, today: int, forgets: Flags) -> Integers:
        """By itself on the due day; by hand some days before; by the forgetful when reminded or when they recall it."""
        paying = self._living.paying
        spread = self._chances.uniform("bill/day", number)
        early = self._chances.happens("bill/early", number, chance=paying.early_share)
        by_hand = np.where(early, today + np.floor(spread * np.maximum(due_on - today, 1)), due_on - 1)
        in_time = np.where(self._people.has_automatic_payment[who], due_on, np.maximum(by_hand, today))
        late = due_on + 1 + np.floor(spread * paying.forget_days)
        for days in sorted(self._reminder_days):
            at = days + REMINDED_WITHIN
            hears = self._chances.happens("bill/hears", number, at=at, chance=paying.remind_heard_share)
            late = np.where(hears & (due_on + days >= today), np.minimum(late, due_on + days), late)
        return np.where(forgets, late, in_time).astype(np.int64)

    def windfalls(self, lives: Lives, *, month: int, today: int) -> tuple[Integers, Integers, Integers]:
        """Who comes into money and pays what is owed from it, as far as it goes: (who, minor units, day).

        Asked once a month, of those who are not behind.
        """
        paying = self._living.paying
        owes = np.flatnonzero(lives.is_open & (lives.drawn_minor > 0) & (lives.days_past_due == 0))
        who = owes[self._chances.happens("month/windfall", owes, at=month, chance=paying.windfall_chance_month)]
        spread = np.exp(paying.windfall_log_sd * self._chances.normal("month/windfall size", who, at=month))
        money = self._people.traits.income_month_minor[who] * paying.windfall_months * spread
        amount = np.minimum(lives.drawn_minor[who], money).astype(np.int64)
        day = today + (self._chances.uniform("month/windfall on", who, at=month) * _MONTH_DAYS).astype(np.int64)
        return who, amount, day

    def come_back(self, lives: Lives, *, month: int, today: int) -> tuple[Integers, Integers, Integers]:
        """Who pays all that was asked for and is past due, or something after being given up: (who, minor units, day).

        Asked once a month.
        """
        paying = self._living.paying
        behind = np.flatnonzero((lives.days_past_due > 0) & lives.is_open & (lives.due_minor > 0))
        bucket = np.minimum(lives.days_past_due[behind] // 30, len(paying.cure_chance_month) - 1)
        chance = np.asarray(paying.cure_chance_month)[bucket]
        chance = np.where(lives.is_jobless[behind], chance * paying.cure_without_work, chance)
        leaning = np.exp(paying.cure_honesty_log * self._people.traits.honesty[behind])
        cured = behind[self._chances.happens("month/cures", behind, at=month, chance=np.minimum(chance * leaning, 1))]
        gone = np.flatnonzero(lives.is_charged_off & (lives.owed_minor > 0))
        some = gone[self._chances.happens("month/recovers", gone, at=month, chance=paying.recovery_chance_month)]
        who = np.concatenate([cured, some])
        amount = np.concatenate(
            [lives.due_minor[cured], np.ceil(lives.owed_minor[some] * paying.recovery_share).astype(np.int64)]
        )
        day = today + (self._chances.uniform("month/comes on", who, at=month) * _MONTH_DAYS).astype(np.int64)
        return who, amount, day


def as_rings_pay(paid: Payments, bills: Bills, *, is_gone: Flags, behaves_well: Flags) -> Payments:
    """Payments with those of people in rings: who will bust out later pays all in time, and who is gone nothing."""
    amount = np.where(behaves_well, np.maximum(bills.closing_minor, 0), paid.amount_minor)
    return Payments(
        amount_minor=np.where(is_gone, 0, amount).astype(np.int64),
        on=np.where(behaves_well, np.minimum(paid.on, bills.due_on), paid.on),
        is_converted=paid.is_converted & ~behaves_well & ~is_gone,
        is_unable=(paid.is_unable & ~behaves_well) | is_gone,
    )
