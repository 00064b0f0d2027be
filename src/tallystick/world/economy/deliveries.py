"""What becomes of orders on their way: when they are shipped and arrive, and which arrive late, broken or never."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.information_parameters import DeliveriesParameters
from tallystick.world.economy.shops import CATEGORIES, Shops

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NEVER: Final = -1
# Sold without a parcel: it is there on the same day.
_WITHOUT_PARCEL: Final = np.array([each.name in ("top_up", "travel") for each in CATEGORIES])


class Fate(IntEnum):
    """What became of an order, as its buyer saw it. `deliveries` gives the first four; `FAKE` had no goods at all."""

    WELL = 0
    LATE = 1
    BROKEN = 2
    LOST = 3
    REFUNDED = 4
    FAKE = 5


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Orders on their way, each column of shape (orders,). Days are those by which `ordered_on` counts."""

    shipped_on: Integers
    promised_on: Integers
    arrives_on: Integers  # NEVER where it is lost
    fate: Integers  # a Fate


def shipping_days(
    chances: Chances,
    order: Integers,
    *,
    shops: Shops,
    shop: Integers,
    buyer_city: Integers,
    ordered_on: Integers,
    lift: npt.ArrayLike,
    parameters: DeliveriesParameters,
) -> Deliveries:
    """When orders are shipped and arrive. All columns have shape (orders,); `shop` are positions in `shops`.

    `order` names each one among all of the world; `lift` is how busy the day is beside an ordinary one
    (`seasons.lift`), one for all or one for each.
    """
    is_far = (shops.city[shop] != buyer_city).astype(np.int64)
    has_parcel = ~_WITHOUT_PARCEL[shops.category[shop]]
    slow = np.exp(parameters.packing_shop_log_sd * chances.normal("shop/slow", shop))
    packing = -np.log(chances.uniform("order/packing", order)) * parameters.packing_days * slow
    packing *= np.asarray(lift, dtype=np.float64) ** parameters.packing_lift
    transit = np.asarray(parameters.transit_days)[is_far]
    transit = transit * np.exp(parameters.transit_log_sd * chances.normal("order/transit", order))
    shipped = np.floor(packing).astype(np.int64) * has_parcel
    arrives = np.ceil(packing + transit).astype(np.int64) * has_parcel
    promised = np.asarray(parameters.promised_days, dtype=np.int64)[is_far] * has_parcel
    spread = parameters.broken_shop_log_sd
    careless = np.exp(spread * chances.normal("shop/careless", shop) - spread**2 / 2)
    is_broken = chances.happens("order/broken", order, chance=parameters.broken_share * careless)
    is_lost = chances.happens("order/lost", order, chance=parameters.lost_share) & has_parcel
    fate = np.select([is_lost, is_broken, arrives > promised], [Fate.LOST, Fate.BROKEN, Fate.LATE], Fate.WELL)
    return Deliveries(
        shipped_on=ordered_on + shipped,
        promised_on=ordered_on + promised,
        arrives_on=np.where(is_lost, NEVER, ordered_on + arrives),
        fate=fate.astype(np.int64),
    )
