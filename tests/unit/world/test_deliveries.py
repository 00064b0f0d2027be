"""Orders on their way: days in order, festivals and distance delay them, and few break or are lost."""

import numpy as np
import numpy.typing as npt

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.deliveries import NEVER, Deliveries, Fate, shipping_days
from tallystick.world.economy.information_parameters import standard_information
from tallystick.world.economy.shops import CATEGORIES, Shops

CHANCES = Chances(5)
DELIVERIES = standard_information().deliveries
ORDERS = np.arange(60_000)


def shipped(
    shops: Shops, order: npt.NDArray[np.int64] = ORDERS, *, lift: float = 1.0, is_far: bool = True
) -> Deliveries:
    shop = order % len(shops.city)
    return shipping_days(
        CHANCES,
        order,
        shops=shops,
        shop=shop,
        buyer_city=shops.city[shop] + is_far,
        ordered_on=order // 500,
        lift=lift,
        parameters=DELIVERIES,
    )


def test_days_are_in_order_and_the_fate_follows_from_them(shops: Shops) -> None:
    told, ordered_on = shipped(shops), ORDERS // 500
    is_lost = told.fate == Fate.LOST
    assert np.array_equal(is_lost, told.arrives_on == NEVER)
    assert np.all(told.shipped_on >= ordered_on)
    assert np.all(told.arrives_on[~is_lost] >= told.shipped_on[~is_lost])
    in_time = told.arrives_on <= told.promised_on
    assert np.all(in_time[told.fate == Fate.WELL])
    assert not np.any(in_time[told.fate == Fate.LATE])
    has_no_parcel = np.isin(shops.category[ORDERS % len(shops.city)], [8, 9])
    assert [CATEGORIES[place].name for place in (8, 9)] == ["top_up", "travel"]
    assert np.all(told.arrives_on[has_no_parcel] == ordered_on[has_no_parcel])


def test_shares_are_near_the_parameters_and_some_shops_are_worse(shops: Shops) -> None:
    told = shipped(shops)
    assert abs(np.mean(told.fate == Fate.LOST) - DELIVERIES.lost_share) < 0.0006
    assert abs(np.mean(told.fate == Fate.BROKEN) - DELIVERIES.broken_share) < 0.002
    assert 0.02 < np.mean(told.fate == Fate.LATE) < 0.15
    broken = np.bincount(ORDERS % len(shops.city), weights=told.fate == Fate.BROKEN)
    assert broken.var() > 1.2 * broken.mean()  # equal, were all shops alike (Poisson)


def test_festivals_and_distance_delay(shops: Shops) -> None:
    ordinary, festival, near = shipped(shops), shipped(shops, lift=3.75), shipped(shops, is_far=False)
    assert np.mean(festival.fate == Fate.LATE) > 1.5 * np.mean(ordinary.fate == Fate.LATE)
    is_there = (ordinary.arrives_on != NEVER) & (near.arrives_on != NEVER)
    assert np.all(near.arrives_on[is_there] <= ordinary.arrives_on[is_there])
    assert near.arrives_on[is_there].sum() < ordinary.arrives_on[is_there].sum()


def test_an_order_travels_alike_whatever_others_are_on_the_way(shops: Shops) -> None:
    some = np.array([3, 40_000, 77])
    assert shipped(shops, some).arrives_on.tolist() == shipped(shops).arrives_on[some].tolist()
    assert len(shipped(shops, ORDERS[:0]).fate) == 0
