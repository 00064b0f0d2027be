"""The orders of a day: honest people's by their habits, rings' by their plans, each with what becomes of its parcel."""

from datetime import date
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from tallystick.world.economy import acts
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.contacts import Contacts, ring_address, ring_device, ring_phone
from tallystick.world.economy.deliveries import Deliveries, Fate, shipping_days
from tallystick.world.economy.information_parameters import DeliveriesParameters
from tallystick.world.economy.lives import Lives, Order, Planned, day_number
from tallystick.world.economy.living_parameters import SeasonsParameters
from tallystick.world.economy.people import People
from tallystick.world.economy.ring_cases import NEVER, OWN
from tallystick.world.economy.rings import LinesOfPeople, RingPurchases, Rings
from tallystick.world.economy.rings_parameters import Kind
from tallystick.world.economy.seasons import lift
from tallystick.world.economy.shopping import Orders, Shopping
from tallystick.world.economy.shops import CATEGORIES, Shops

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_HOUR_SECONDS: Final = 3_600


def ring_order_number(number: int) -> int:
    """The number of a ring's order among all of the world: apart from honest ones."""
    return _OF_RINGS | number


_OF_RINGS: Final = 1 << 61


class Ordering:
    """Who orders what, in a world."""

    def __init__(  # noqa: PLR0913 - what an order is made of
        self,
        chances: Chances,
        *,
        people: People,
        shops: Shops,
        shopping: Shopping,
        contacts: Contacts,
        rings: Rings,
        seasons: SeasonsParameters,
        deliveries: DeliveriesParameters,
        begins: int,
    ) -> None:
        self._chances, self._people, self._shops, self._shopping = chances, people, shops, shopping
        self._contacts, self._rings, self._seasons = contacts, rings, seasons
        self._deliveries, self._begins = deliveries, begins

    def wishes(self, lives: Lives, *, day: date, barred: Flags) -> Orders:
        """What honest people want on a day; who is barred wants nothing."""
        return self._shopping.orders(lives, day=day_number(day), lift=lift(day, self._seasons), barred=barred)

    def orders(self, wishes: Orders, lives: Lives, *, day: date) -> list[tuple[float, Planned]]:
        """These, and what rings order, each with its hour; by the hour."""
        today = day_number(day)
        view = LinesOfPeople(line_id=lives.line_id, available_minor=lives.available_minor, is_open=lives.is_open)
        ring = self._rings.purchases_on(today - self._begins, view)
        parcels = self._parcels(wishes.number, wishes.person, wishes.shop, day=day)
        told = [
            (float(hour), self._order(wishes, parcels, place, lives=lives, today=today))
            for place, hour in enumerate(wishes.hour)
        ]
        parcels = self._parcels(_OF_RINGS | ring.number, ring.person, ring.shop, day=day)
        told += [
            (float(seconds / _HOUR_SECONDS), self._ring_order(ring, parcels, place, today=today))
            for place, seconds in enumerate(ring.seconds)
        ]
        return sorted(told, key=itemgetter(0))

    def _parcels(self, number: Integers, person: Integers, shop: Integers, *, day: date) -> Deliveries:
        return shipping_days(
            self._chances,
            number,
            shops=self._shops,
            shop=shop,
            buyer_city=self._people.city[person],
            ordered_on=np.full(len(number), day_number(day)),
            lift=lift(day, self._seasons),
            parameters=self._deliveries,
        )

    def _order(self, orders: Orders, parcels: Deliveries, place: int, *, lives: Lives, today: int) -> Planned:
        person, shop = int(orders.person[place]), int(orders.shop[place])
        latitude, longitude = self._shopping.places[int(orders.city[place])].tolist()
        tells = bool(orders.tells_place[place])
        act = acts.Buy(
            order=int(orders.number[place]),
            line_id=int(lives.line_id[person]),
            amount_minor=int(orders.amount_minor[place]),
            merchant_id=int(self._shops.merchant_id[shop]),
            category=CATEGORIES[int(orders.category[place])].name,
            device=self._contacts.device(person, today=today),
            phone=self._contacts.phone(person),
            address=self._contacts.address(person),
            latitude_udeg=latitude if tells else None,
            longitude_udeg=longitude if tells else None,
            confirms=bool(orders.confirms[place]),
        )
        return Planned(act=act, person=person, order=_ordered(act, parcels, place, person=person))

    def _ring_order(self, ring: RingPurchases, parcels: Deliveries, place: int, *, today: int) -> Planned:
        person, found_on = int(ring.person[place]), int(ring.found_out_on[place])
        latitude, longitude = self._shopping.places[int(ring.city[place])].tolist()
        device, phone, address = (int(told[place]) for told in (ring.device, ring.phone, ring.address))
        act = acts.Buy(
            order=_OF_RINGS | int(ring.number[place]),
            line_id=int(ring.line_id[place]),
            amount_minor=int(ring.amount_minor[place]),
            merchant_id=int(self._shops.merchant_id[ring.shop[place]]),
            category=CATEGORIES[int(ring.category[place])].name,
            device=self._contacts.device(person, today=today) if device == OWN else ring_device(device),
            phone=self._contacts.phone(person) if phone == OWN else ring_phone(phone),
            address=self._contacts.address(person) if address == OWN else ring_address(address),
            latitude_udeg=latitude,
            longitude_udeg=longitude,
            confirms=bool(ring.confirms[place]),
        )
        order = replace(
            _ordered(act, parcels, place, person=person),
            fate=int(parcels.fate[place] if ring.has_goods[place] else Fate.FAKE),
            kind=Kind(ring.kind[place]).name.lower(),
            found_on=None if found_on == NEVER else self._begins + found_on,
        )
        return Planned(act=act, person=person, order=order)


def _ordered(act: acts.Buy, parcels: Deliveries, place: int, *, person: int) -> Order:
    """A purchase as the world remembers it, with what becomes of its parcel."""
    return Order(
        order=act.order,
        person=person,
        amount_minor=act.amount_minor,
        category=act.category,
        ships_on=int(parcels.shipped_on[place]),
        promised_on=int(parcels.promised_on[place]),
        arrives_on=int(parcels.arrives_on[place]),
        fate=int(parcels.fate[place]),
    )
