"""Organized fraud as a plan: who does what on which day, whatever the lender answers, and when it is found out.

The plan is a function of the seed, the people and the shops. Its amounts alone wait for what a line has left. A case
is one person's: a name that a ring applies in, a victim, a straw buyer. Nobody is in two. A larger world begins with
the cases of a smaller one, and a longer one with those of a shorter one; their shops and cities are the same where the
worlds have the same shops and cities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.storage.applications import Stated
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.people import People
from tallystick.world.economy.ring_cases import NAMES, NEVER, OWN, Cases, Orders, plan_cases
from tallystick.world.economy.rings_parameters import FraudParameters, Kind, RingsParameters
from tallystick.world.economy.shops import CATEGORIES, Shops, chosen_shops

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SMALL_ORDER_MINOR: Final = 100_000  # below 1,000 yuan there are no phones and computers
_LARGE_DAYS: Final = 5.0  # large goods cost days of income
_WHOLE_MINOR: Final = 100


@dataclass(frozen=True, slots=True)
class LinesOfPeople:
    """What rings learn of lines: each column of shape (people,); a person without a line has 0, 0 and False."""

    line_id: Integers
    available_minor: Integers
    is_open: Flags


@dataclass(frozen=True, slots=True)
class RingApplications:
    """Applications of rings on a day, by time; each column of shape (applications,). Their names accept every offer.

    Devices, phones and addresses are numbers of the rings' own: no honest person has one of them.
    """

    person: Integers
    kind: Integers
    ring: Integers
    seconds: Integers  # of the day
    device: Integers
    phone: Integers
    address: Integers
    city: Integers


@dataclass(frozen=True, slots=True)
class RingPurchases:
    """Purchases of rings on a day, by time; each column of shape (purchases,). A line may have several on a day."""

    number: Integers  # names the purchase for good: `claims_on` tells of it again
    person: Integers
    line_id: Integers
    kind: Integers
    ring: Integers
    seconds: Integers  # of the day
    amount_minor: Integers
    shop: Integers  # position in the shops
    category: Integers  # place in shops.CATEGORIES
    city: Integers  # where the device says it is
    device: Integers  # OWN: the borrower's
    phone: Integers
    address: Integers
    confirms: Flags  # passes a second factor
    has_goods: Flags  # False: nothing is ever sent, and its review is fake
    found_out_on: Integers  # the day of its label, after its own; NEVER where none comes


@dataclass(frozen=True, slots=True)
class RingClaims:
    """Disputes raised on a day, each column of shape (claims,); of purchases that may not have gone through."""

    number: Integers  # of the purchase
    person: Integers
    is_false: Flags  # the goods came, or the buyer bought them; otherwise a victim speaks
    is_won: Flags  # the dispute is decided for the buyer


@dataclass(frozen=True, slots=True)
class Rings:
    """The plan. `plan_rings` makes it; a day's acts are looked up."""

    people: int
    days: int
    cases: Cases
    orders: Orders
    shops: Shops
    parameters: FraudParameters

    def names_only(self) -> Flags:
        """Who never applies, shops or pays by himself, because a ring uses his name; shape (people,)."""
        return self._marked(np.isin(self.cases.kind, NAMES))

    def behaves_well(self, day: int) -> Flags:
        """Who pays all in time and takes every limit on that day, to bust out later; shape (people,)."""
        return self._marked((self.cases.kind == Kind.BUST_OUT) & (day < self.cases.begins_on))

    def never_pays(self, day: int) -> Flags:
        """Who pays nothing from that day on, and buys nothing but what the ring does; shape (people,)."""
        return self._marked((self.cases.never_pays_from != NEVER) & (self.cases.never_pays_from <= day))

    def limit_requests_on(self, day: int) -> Integers:
        """Persons who ask for more on that day, to bust out later."""
        asking: Integers = self.cases.person[self.cases.asks_on == day]
        return asking

    def applications_on(self, day: int) -> RingApplications:
        """Applications that rings make on that day."""
        told = self.cases
        rows = np.flatnonzero(np.isin(told.kind, NAMES) & (told.begins_on == day))
        rows = rows[np.argsort(told.seconds[rows], kind="stable")]
        return RingApplications(
            person=told.person[rows],
            kind=told.kind[rows],
            ring=told.ring[rows],
            seconds=told.seconds[rows],
            device=told.device[rows],
            phone=told.phone[rows],
            address=told.address[rows],
            city=told.city[rows],
        )

    def purchases_on(self, day: int, lines: LinesOfPeople) -> RingPurchases:
        """Purchases that rings try on that day on lines that are open, as large as what the lines have left.

        Each takes its share of what the ones before it on that day would leave, were they all approved.
        """
        rows = self._orders_on(day)
        case = self.orders.case[rows]
        person = self.cases.person[case]
        amount = self._amounts(rows, person, lines)
        bought = lines.is_open[person] & (amount >= self.parameters.rings.least_order_minor)
        rows, case, person, amount = rows[bought], case[bought], person[bought], amount[bought]
        shop = self._shops(rows, amount)
        told = self.cases
        return RingPurchases(
            number=self.orders.number[rows],
            person=person,
            line_id=lines.line_id[person],
            kind=told.kind[case],
            ring=told.ring[case],
            seconds=self.orders.seconds[rows],
            amount_minor=amount,
            shop=shop,
            category=self.shops.category[shop],
            city=told.city[case],
            device=told.device[case],
            phone=told.phone[case],
            address=told.address[case],
            confirms=told.confirms[case],
            has_goods=told.kind[case] != Kind.COLLUSION,
            found_out_on=told.found_out_on[case],
        )

    def claims_on(self, day: int) -> RingClaims:
        """Disputes that are raised on that day, if their purchases went through."""
        rows = np.flatnonzero(self.orders.claims_on == day)
        case = self.orders.case[rows]
        return RingClaims(
            number=self.orders.number[rows],
            person=self.cases.person[case],
            is_false=self.cases.kind[case] != Kind.TAKEOVER,
            is_won=self.orders.claim_is_won[rows],
        )

    def truth(self) -> pa.Table:
        """All cases that begin within the world's days: what nobody knows until it is found out, null where never."""
        begun = self.cases.begins_on < self.days
        told = self.cases

        def numbers(column: Integers) -> pa.Array:
            return pa.array(column[begun], mask=column[begun] == NEVER)

        return pa.table(
            {
                "kind": pa.array([Kind(kind).name.lower() for kind in told.kind[begun]], type=pa.string()),
                "person": pa.array(told.person[begun]),
                "ring": pa.array(told.ring[begun]),
                "from_day": pa.array(told.begins_on[begun]),
                "until_day": pa.array(told.ends_on[begun]),
                "never_pays_from_day": numbers(told.never_pays_from),
                "found_out_day": numbers(told.found_out_on),
                "device": numbers(told.device),
                "phone": numbers(told.phone),
                "address": numbers(told.address),
                "shop": numbers(told.shop),
            }
        )

    def _marked(self, is_marked: Flags) -> Flags:
        marked = np.zeros(self.people, dtype=np.bool_)
        marked[self.cases.person[is_marked]] = True
        return marked

    def _orders_on(self, day: int) -> Integers:
        first, last = np.searchsorted(self.orders.on, [day, day + 1])
        return np.arange(first, last)

    def _amounts(self, rows: Integers, person: Integers, lines: LinesOfPeople) -> Integers:
        left = lines.available_minor.copy()
        amount = np.zeros(len(rows), dtype=np.int64)
        rank = self.orders.rank[rows]
        for turn in range(int(rank.max(initial=-1)) + 1):
            now = np.flatnonzero(rank == turn)  # a person is here once at most
            share = self.orders.amount_share[rows[now]]
            amount[now] = (left[person[now]] * share / _WHOLE_MINOR).astype(np.int64) * _WHOLE_MINOR
            left[person[now]] -= amount[now]
        return amount

    def _shops(self, rows: Integers, amount: Integers) -> Integers:
        """The colluding shop, or one that sells what is wanted for such an amount."""
        category = _categories(self.orders.category_uniform[rows], self.orders.is_resold[rows], amount=amount)
        shop = chosen_shops(self.shops, category=category, uniform=self.orders.shop_uniform[rows])
        own = self.cases.shop[self.orders.case[rows]]
        return np.where(own == OWN, shop, own)


def plan_rings(
    chances: Chances, people: People, shops: Shops, *, days: int, cities: int, parameters: FraudParameters
) -> Rings:
    """All organized fraud among these people and shops, in a world of so many days and cities.

    Raises `ValueError` where a world has no day or no city.
    """
    for name, count in (("days", days), ("cities", cities)):
        if count < 1:
            raise ValueError(f"{name} is {count}: a world has at least one")
    cases, orders = plan_cases(chances, people, shops, cities=cities, parameters=parameters)
    return Rings(people=len(people), days=days, cases=cases, orders=orders, shops=shops, parameters=parameters)


def forged(
    chances: Chances, told: Sequence[Stated], applications: RingApplications, *, rings: RingsParameters
) -> list[Stated]:
    """What rings state in place of what the persons would have stated themselves: more income, all papers in order.

    Of stolen identities, some do not pass the checks. `told` is in the order of the applications.
    """
    person = applications.person
    is_stolen = applications.kind == Kind.STOLEN_IDENTITY
    has_face = ~is_stolen | chances.happens("ring/face", person, chance=rings.face_passes_share)
    has_papers = ~is_stolen | chances.happens("ring/papers", person, chance=rings.papers_pass_share)
    return [
        msgspec.structs.replace(
            each,
            income_month_minor=None
            if each.income_month_minor is None
            else int(each.income_month_minor * rings.income_factor),
            employment="employed",
            is_student=False,
            identity_is_verified=bool(papers),
            face_is_matched=bool(face),
            phone_is_verified=True,
            bank_account_is_verified=bool(papers),
            documents_are_complete=True,
            bureau_consent_is_given=True,
        )
        for each, face, papers in zip(told, has_face, has_papers, strict=True)
    ]


def _categories(uniform: Floats, is_resold: Flags, *, amount: Integers) -> Integers:
    """What is bought: goods that are resold, large ones for large amounts; or anything, as honest people do."""
    resold = np.array([each.is_resold for each in CATEGORIES])
    is_large = np.array([each.amount_days >= _LARGE_DAYS for each in CATEGORIES])
    weights = np.array([each.orders_share for each in CATEGORIES])
    chosen = [
        _drawn(uniform, np.where(mask, weights, 0.0)) for mask in (resold & is_large, resold & ~is_large, weights > 0)
    ]
    return np.where(is_resold, np.where(amount >= _SMALL_ORDER_MINOR, chosen[0], chosen[1]), chosen[2])


def _drawn(uniform: Floats, weights: Floats) -> Integers:
    bounds = np.cumsum(weights)
    drawn: Integers = np.searchsorted(bounds, uniform * bounds[-1], side="right").astype(np.int64)
    return drawn
