"""What people order: how often, what, for how much, from where; how it is paid; and what becomes of it.

Two forces make an order: one's own budget, which no lender changes, and the debt that one comes to owe when there is
room for it, a share of the limit that is almost nothing for the strong and more than half for the weak.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tallystick.units.rates import PPM
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.deliveries import NEVER, Fate
from tallystick.world.economy.lives import Lives, Order
from tallystick.world.economy.living_parameters import LivingParameters
from tallystick.world.economy.people import People, cities_of
from tallystick.world.economy.shops import CATEGORIES, Shops, chosen_shops
from tallystick.world.parameters import WorldParameters

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Orders of a person and a day: more than so many in one are not made.
MOST_A_DAY: Final = 6
_MONTH_DAYS: Final = 30.4
_TERMS: Final = (3, 6, 12, 24)
_DEGREE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders of one day, in columns of shape (orders,). `number` names each in the world, whoever lends."""

    number: Integers
    person: Integers
    hour: Floats  # of the day
    category: Integers
    shop: Integers  # position in Shops
    amount_minor: Integers
    city: Integers
    tells_place: Flags
    confirms: Flags

    def only(self, which: npt.NDArray[np.bool_]) -> "Orders":
        """Some of them."""
        return Orders(**{name: getattr(self, name)[which] for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What comes back of an order that was shipped: a share, 0 for nothing, and on which day since 1970.

    `is_forced`: a dispute was decided for the buyer. `fate` is how the buyer looks at it in the end.
    """

    share: float
    on: int
    is_forced: bool
    fate: Fate


class Shopping:
    """The habits of a world's people, worked out once; then the orders of each day."""

    def __init__(
        self, chances: Chances, *, people: People, shops: Shops, living: LivingParameters, world: WorldParameters
    ) -> None:
        self._chances, self._people, self._shops, self._living = chances, people, shops, living
        shopping, number = living.shopping, np.arange(len(people))
        traits = people.traits
        self.orders_month: Floats = shopping.orders_month * np.exp(
            shopping.orders_digital_log * people.digital + shopping.orders_taste_log * traits.taste
        )
        self._lost_income_minor: Floats = traits.income_month_minor * (1.0 - world.borrowers.job_loss_income_share)
        shares = np.asarray([each.orders_share for each in CATEGORIES])
        self._shares = shares / shares.sum()
        self._days = np.asarray([each.amount_days for each in CATEGORIES])
        # So many days' incomes as a month's orders come to on average make the budget.
        mean_days = float(self._shares @ self._days) * np.exp(shopping.amount_log_sd**2 / 2) * shopping.orders_month
        lasting = np.exp(shopping.budget_log_sd * chances.normal("person/budget", number))
        self._day_minor: Floats = (
            traits.income_month_minor / 30 * lasting * (shopping.budget_share * 30 / mean_days)
        )  # fmt: skip
        self.active_chance: Floats = expit(
            shopping.active_intercept + shopping.active_need * traits.need + shopping.active_taste * traits.taste
        )
        latitude, longitude = (chances.uniform(f"city/{which}", np.arange(cities_of(living))) for which in "ab")
        self.places: Integers = (np.stack([22 + 20 * latitude, 100 + 22 * longitude], axis=1) * _DEGREE).astype(
            np.int64
        )

    def habits(self, lives: Lives, *, month: int) -> Flags:
        """Who uses the line in a month: some keep to the last month's habit, the others decide anew."""
        number = np.arange(len(self._people))
        keeps = self._chances.happens("month/keeps", number, at=month, chance=self._living.shopping.active_stays)
        anew = self._chances.happens("month/active", number, at=month, chance=self.active_chance)
        return np.asarray(np.where(keeps & (month > 0), lives.is_active, anew))

    def orders(self, lives: Lives, *, day: int, lift: float, barred: Flags) -> Orders:
        """What is ordered on a day (days since 1970) by whoever has an open line and room on it, and is not barred."""
        may = (
            lives.is_open & lives.is_active & ~lives.is_frozen & (lives.days_past_due == 0) & ~lives.has_left & ~barred
        )
        buyers = np.flatnonzero(may & (lives.available_minor > 0))
        mean = self.orders_month[buyers] * lift / _MONTH_DAYS
        count = np.minimum(self._chances.count("day/orders", buyers, at=day, mean=mean), MOST_A_DAY)
        person = np.repeat(buyers, count)
        place = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
        return self._made(lives, person, number=order_numbers(day, person, place))

    def _made(self, lives: Lives, person: Integers, *, number: Integers) -> Orders:
        chances, shopping = self._chances, self._living.shopping
        category = chances.among("order/category", number, shares=self._shares)
        shop = chosen_shops(self._shops, category=category, uniform=chances.uniform("order/shop", number))
        spread = np.exp(shopping.amount_log_sd * chances.normal("order/amount", number))
        own = self._day_minor[person] * self._days[category] * spread
        amount = np.maximum(own + self._wanted(lives, person), shopping.amount_least_minor)
        travels = chances.happens("order/travels", number, chance=shopping.other_city_share)
        elsewhere = (chances.uniform("order/city", number) * len(self.places)).astype(np.int64)
        orders = Orders(
            number=number,
            person=person,
            hour=self._hours(number),
            category=category,
            shop=shop,
            amount_minor=np.round(amount / 10).astype(np.int64) * 10,
            city=np.where(travels, elsewhere, self._people.city[person]),
            tells_place=chances.happens("order/place", number, chance=shopping.place_known_share),
            confirms=chances.happens("order/confirms", number, chance=shopping.confirms_share),
        )
        tries = chances.happens("order/tries", number, chance=shopping.tries_anyway_share)
        beside = self._living.rivals.wallet_share * lives.rival_lines[person]
        is_elsewhere = chances.happens("order/elsewhere", number, chance=beside / (1.0 + beside))
        return orders.only(((orders.amount_minor <= lives.available_minor[person]) | tries) & ~is_elsewhere)

    def _wanted(self, lives: Lives, person: Integers) -> Floats:
        """What one adds to an order: towards the debt that one wants at this limit, and for income that is lost."""
        shopping, people = self._living.shopping, self._people
        room = people.debt_share_of_limit[person] * lives.limit_minor[person] - lives.drawn_minor[person]
        lost = lives.is_jobless[person] * self._lost_income_minor[person]
        a_month = shopping.debt_pace_month * np.maximum(room, 0.0) + shopping.debt_share_of_lost_income * lost
        return np.asarray(a_month / np.maximum(self.orders_month[person], 1.0))

    def _hours(self, number: Integers) -> Floats:
        """By night, over the day, or in the evening."""
        shopping, chances = self._living.shopping, self._chances
        rest = 1.0 - shopping.night_share - shopping.evening_share
        part = chances.among("order/part", number, shares=(shopping.night_share, rest, shopping.evening_share))
        within = chances.uniform("order/hour", number)
        begins, lasts = np.asarray([0.0, 7.0, 18.0]), np.asarray([7.0, 11.0, 5.0])
        return np.asarray(begins[part] + lasts[part] * within)

    def given_back(self, order: Order, *, shipped_on: int) -> GivenBack:
        """Of what is lost or broken everything; of other orders what is returned, or won in a dispute."""
        shopping, chances, number, fate = self._living.shopping, self._chances, order.order, Fate(order.fate)
        arrives_on = shipped_on + shopping.lost_after_days if order.arrives_on == NEVER else order.arrives_on
        on = arrives_on + 1 + int(chances.uniform("order/returns on", number) * shopping.refund_days)
        if fate in (Fate.BROKEN, Fate.LOST):
            return GivenBack(1.0, on, is_forced=False, fate=fate)
        if chances.happens("order/returned", number, chance=shopping.refund_chance):
            if chances.happens("order/whole", number, chance=shopping.refund_whole_share):
                return GivenBack(1.0, on, is_forced=False, fate=Fate.REFUNDED)
            least, most = shopping.refund_part_share
            share = least + (most - least) * float(chances.uniform("order/part back", number))
            return GivenBack(share, on, is_forced=False, fate=fate)
        is_won = chances.happens("order/disputed", number, chance=shopping.dispute_chance) and chances.happens(
            "order/won", number, chance=shopping.dispute_won_share
        )
        return GivenBack(float(is_won), on + shopping.dispute_days, is_forced=bool(is_won), fate=fate)

    def installments(self, person: int, number: int, *, amount_minor: int, most: int, fee_ppm: int) -> int:
        """In how many installments one order is paid, 0 for next month; `most` are offered, at a fee per period."""
        terms = [each for each in _TERMS if each <= most]
        if not terms:
            return 0
        shopping, traits = self._living.shopping, self._people.traits
        tenth = traits.income_month_minor[person] / 10
        leaning = (
            shopping.installments_intercept
            + shopping.installments_amount * np.log(amount_minor / tenth)
            + shopping.installments_patience * traits.patience[person]
            + shopping.installments_price * fee_ppm / PPM
        )
        if not self._chances.happens("order/installments", number, chance=expit(leaning)):
            return 0
        # The larger the order, the longer: a tenth of the income a month, as near as the offer comes.
        wanted = amount_minor / tenth
        return next((each for each in terms if each >= wanted), terms[-1])


def order_numbers(day: int, person: Integers, place: Integers) -> Integers:
    """One number for each order of the world: day, person and its place in the person's day."""
    return np.asarray((np.int64(day) << 40) | (person << 8) | place)
