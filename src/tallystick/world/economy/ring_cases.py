"""Cases of organized fraud: who is in one and with which ring, what is ordered when, and when it is found out.

A case is one person's, and nobody is in two. Cases are planned for a fixed span whatever the world's length, each from
its own person's draws: a larger world begins with the cases of a smaller one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.people import People
from tallystick.world.economy.rings_parameters import MOST_THINGS, FraudParameters, Kind, RingsParameters
from tallystick.world.economy.shops import Shops

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEVER: Final = -1
OWN: Final = -1  # the borrower's own device, phone or address; no shop of a ring's own
NAMES: Final = (Kind.STOLEN_IDENTITY, Kind.DEVICE_FARM)  # those who never come to the lender by themselves

_YEAR_DAYS: Final = 365
_HOUR_SECONDS: Final = 3_600
_NIGHT_HOURS: Final = (0, 6)
_DAY_HOURS: Final = (9, 24)
_MOST_ORDERS: Final = 256  # of one case
_MOST_PERIODS: Final = 1_024
_MOST_BLOCKS: Final = 2**32


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases that are ever planned, by person; each column of shape (cases,). Days count from the world's begin."""

    person: Integers
    kind: Integers  # a Kind
    ring: Integers
    begins_on: Integers
    seconds: Integers  # of that day
    ends_on: Integers  # the day of the last order
    asks_on: Integers  # asks for a higher limit; NEVER where not
    never_pays_from: Integers  # NEVER where the case pays
    found_out_on: Integers  # NEVER where it is never found out
    confirms: Flags  # passes a second factor
    device: Integers  # number among the rings' own, OWN where it is the borrower's
    phone: Integers
    address: Integers
    shop: Integers  # position of the colluding shop, OWN where there is none
    city: Integers


@dataclass(frozen=True, slots=True)
class Orders:
    """All orders that are ever planned, by day and time; each column of shape (orders,)."""

    number: Integers
    case: Integers  # row of the case
    on: Integers
    seconds: Integers
    rank: Integers  # among the person's orders of that day, from 0
    amount_share: Floats
    is_resold: Flags
    category_uniform: Floats
    shop_uniform: Floats
    claims_on: Integers  # NEVER where it is not disputed
    claim_is_won: Flags


# ---------------------------------------------------------------- who, in which ring, from when


def _persons(chances: Chances, people: People, *, parameters: FraudParameters) -> tuple[Integers, Integers]:
    """Who is in a case, and of which kind; one draw a person, so that nobody is in two."""
    number = np.arange(len(people))
    dishonesty = -people.traits.honesty
    shares = [
        parameters.case_share(kind) * np.exp(each.honesty * dishonesty - each.honesty**2 / 2)
        for kind, each in zip(Kind, parameters.kinds, strict=True)
    ]
    bounds = np.cumsum(shares, axis=0)
    kind = np.sum(chances.uniform("fraud/case", number) >= bounds, axis=0)
    person = np.flatnonzero(kind < len(Kind))
    return person, kind[person].astype(np.int64)


def _ring_numbers(chances: Chances, person: Integers, kind: Integers, *, parameters: FraudParameters) -> Integers:
    """The ring of each case: of its kind, its period, and its stretch of neighboring persons; in any world the same."""
    rings = parameters.rings
    assert rings.periods < _MOST_PERIODS, "checked by the parameters"
    period = (chances.uniform("fraud/period", person) * rings.periods).astype(np.int64)
    per_person = np.array([each.rate for each in parameters.kinds]) / 1_000 * rings.period_days / _YEAR_DAYS
    members = np.array([each.members for each in parameters.kinds])
    stretch = np.ceil(members / np.maximum(per_person, 1e-9)).astype(np.int64)
    block = person // stretch[kind]
    return (kind * _MOST_BLOCKS + block) * _MOST_PERIODS + period


def _begins(
    chances: Chances, people: People, person: Integers, kind: Integers, ring: Integers, *, rings: RingsParameters
) -> Integers:
    """The day of each case: within its ring's spell; of borrowers, not before they may have a line."""
    period = ring % _MOST_PERIODS
    start = period * rings.period_days + chances.uniform("ring/start", ring) * (rings.period_days - rings.spell_days)
    planned = (start + chances.uniform("fraud/begins", person) * rings.spell_days).astype(np.int64)
    after = np.asarray(rings.acts_after_days, dtype=np.int64)[kind]
    may = np.ceil(people.hears_on[person]).astype(np.int64) + after
    return np.where(after > 0, np.maximum(planned, may), planned)


def plan_cases(
    chances: Chances, people: People, shops: Shops, *, cities: int, parameters: FraudParameters
) -> tuple[Cases, Orders]:
    """Every case that is ever planned among these people, and its orders."""
    person, kind = _persons(chances, people, parameters=parameters)
    ring = _ring_numbers(chances, person, kind, parameters=parameters)
    begins_on = _begins(chances, people, person, kind, ring, rings=parameters.rings)
    orders = _orders(chances, person, kind, begins_on, parameters=parameters)
    rings, of_kind = parameters.rings, _of_kind(parameters, kind)
    ends_on, claimed_on = begins_on.copy(), np.full(len(person), NEVER, dtype=np.int64)
    np.maximum.at(ends_on, orders.case, orders.on)
    np.maximum.at(claimed_on, orders.case, orders.claims_on)
    is_unpaid = chances.happens("fraud/unpaid", person, chance=of_kind("unpaid_share"))
    pays_until = np.where(np.isin(kind, (*NAMES, Kind.BUST_OUT)), begins_on, ends_on + 1)
    common, own = chances.normal("ring/found", ring), chances.normal("fraud/found", person)
    spread = np.sqrt(rings.found_together) * common + np.sqrt(1.0 - rings.found_together) * own
    delay = of_kind("found_median_days") * np.exp(of_kind("found_log_sd") * spread)
    is_found = _is_found(chances, person, kind, parameters=parameters)
    found_on = np.maximum(ends_on, claimed_on) + 1 + delay.astype(np.int64)
    things = {
        name: _things(chances, name, person, ring, counts=getattr(rings, name), kind=kind)
        for name in ("devices", "phones", "addresses")
    }
    cases = Cases(
        person=person,
        kind=kind,
        ring=ring,
        begins_on=begins_on,
        seconds=_within(_DAY_HOURS, chances.uniform("fraud/time", person)),
        ends_on=ends_on,
        asks_on=np.where(kind == Kind.BUST_OUT, begins_on - rings.asks_before_days, NEVER),
        never_pays_from=np.where(is_unpaid, pays_until, NEVER),
        found_out_on=np.where(is_found, found_on, NEVER),
        confirms=chances.happens("fraud/confirms", person, chance=of_kind("confirms_share")),
        device=things["devices"],
        phone=things["phones"],
        address=things["addresses"],
        shop=_colluding_shops(chances, shops, kind, ring, crowd_share=rings.collusive_crowd_share),
        city=_cities(chances, people.city[person], kind, ring, cities=cities),
    )
    return cases, orders


def _of_kind(parameters: FraudParameters, kind: Integers) -> Callable[[str], Floats]:
    """A parameter of each one's kind, by name."""
    return lambda name: np.array([float(getattr(each, name)) for each in parameters.kinds])[kind]


def _is_found(chances: Chances, person: Integers, kind: Integers, *, parameters: FraudParameters) -> Flags:
    never = _of_kind(parameters, kind)("never_found_share")
    return ~chances.happens("fraud/never found", person, chance=never)


def _things(
    chances: Chances, name: str, person: Integers, ring: Integers, *, counts: Sequence[float], kind: Integers
) -> Integers:
    """Which of the ring's devices, phones or addresses a case uses."""
    count = np.asarray(counts, dtype=np.int64)[kind]
    place = (chances.uniform(f"fraud/{name}", person) * count).astype(np.int64)
    return np.where(count > 0, ring * MOST_THINGS + place, OWN)


def _colluding_shops(chances: Chances, shops: Shops, kind: Integers, ring: Integers, *, crowd_share: float) -> Integers:
    quiet = np.argsort(shops.crowd, kind="stable")[: max(1, int(crowd_share * len(shops.crowd)))]
    shop = quiet[(chances.uniform("ring/shop", ring) * len(quiet)).astype(np.int64)]
    return np.where(kind == Kind.COLLUSION, shop, OWN)


def _cities(chances: Chances, own: Integers, kind: Integers, ring: Integers, *, cities: int) -> Integers:
    """The ring's city; of a takeover never the victim's, where there is another; of borrowers their own."""
    uniform = chances.uniform("ring/city", ring)
    of_ring = (uniform * cities).astype(np.int64)
    other = (own + 1 + (uniform * (cities - 1)).astype(np.int64)) % cities
    return np.select([np.isin(kind, NAMES), kind == Kind.TAKEOVER], [of_ring, other], own)


# ---------------------------------------------------------------- what is bought, and what is disputed


def _orders(
    chances: Chances, person: Integers, kind: Integers, begins_on: Integers, *, parameters: FraudParameters
) -> Orders:
    """Every order of every case, by day and time. An order's number is the person's, and its place in the case."""
    of_case = _of_kind(parameters, kind)
    count = 1 + chances.count("fraud/orders", person, mean=of_case("orders") - 1.0)
    count = np.minimum(count, _MOST_ORDERS)
    case = np.repeat(np.arange(len(person)), count)
    place = np.arange(len(case)) - np.repeat(np.cumsum(count) - count, count)
    number = person[case] * _MOST_ORDERS + place
    of_kind = _of_kind(parameters, kind[case])

    def uniform(name: str) -> Floats:
        return chances.uniform(f"fraud order/{name}", number)

    is_long = chances.happens("fraud/long", person, chance=of_case("long_share"))
    window = np.where(is_long, of_case("window_days"), 1.0)
    first = begins_on + of_case("first_after_days").astype(np.int64)
    on = first[case] + (uniform("day") * window[case]).astype(np.int64)
    is_night = uniform("night") < of_kind("night_share")
    seconds = np.where(is_night, _within(_NIGHT_HOURS, uniform("time")), _within(_DAY_HOURS, uniform("time")))
    low, high = np.array([each.amount_share for each in parameters.kinds])[kind[case]].T
    # A victim who never notices disputes nothing.
    may_claim = (kind != Kind.TAKEOVER) | _is_found(chances, person, kind, parameters=parameters)
    is_claimed = (uniform("claim") < of_kind("claims_share")) & may_claim[case]
    claim_on = on + 1 + (uniform("claim day") * of_kind("claim_after_days")).astype(np.int64)
    rows = np.lexsort((number, seconds, on))
    return Orders(
        number=number[rows],
        case=case[rows],
        on=on[rows],
        seconds=seconds[rows],
        rank=_ranks(case[rows], on[rows]),
        amount_share=(low + uniform("amount") * (high - low))[rows],
        is_resold=(uniform("resold") < of_kind("resold_share"))[rows],
        category_uniform=uniform("category")[rows],
        shop_uniform=uniform("shop")[rows],
        claims_on=np.where(is_claimed, claim_on, NEVER)[rows],
        claim_is_won=(uniform("won") < of_kind("claim_won_share"))[rows],
    )


def _within(hours: tuple[int, int], uniform: Floats) -> Integers:
    """Seconds of the day, between two hours."""
    begin, end = hours
    return ((begin + uniform * (end - begin)) * _HOUR_SECONDS).astype(np.int64)


def _ranks(case: Integers, on: Integers) -> Integers:
    """The place of each order among those of its case and day, from 0; they are in order of time."""
    rows = np.lexsort((np.arange(len(case)), case, on))
    is_first = np.ones(len(case), dtype=np.bool_)
    is_first[1:] = (np.diff(case[rows]) != 0) | (np.diff(on[rows]) != 0)
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(case)), 0))
    ranks = np.empty(len(case), dtype=np.int64)
    ranks[rows] = np.arange(len(case)) - first
    return ranks
