"""From decided lines to prices: a lower one holds at once, a higher one after the notice that the contract promises.

What a table calls lower must cost less a year, and what it calls higher more: the product's prices say whether.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.strategy.checkpoint import Decisions
from tallystick.terms.legality import worst_corner
from tallystick.terms.offering import own_prices
from tallystick.terms.product import OfferKind, Product
from tallystick.units.rates import PPM

Texts = npt.NDArray[np.object_]


class PriceReason(StrEnum):
    """Why a line's price is to be what it is. Never reused."""

    LOWERED_AT_ONCE = "LOWERED_AT_ONCE"
    RAISED_AFTER_NOTICE = "RAISED_AFTER_NOTICE"
    KEPT_BY_RULES = "KEPT_BY_RULES"
    COOLING = "COOLING"
    NO_LOWER_PRICE = "NO_LOWER_PRICE"
    NO_HIGHER_PRICE = "NO_HIGHER_PRICE"


# Chinese, English.
PRICE_REASON_TEXTS: Final[Mapping[PriceReason, tuple[str, str]]] = {
    PriceReason.LOWERED_AT_ONCE: ("降价，立即生效", "lower, at once"),
    PriceReason.RAISED_AFTER_NOTICE: ("涨价，告知期满后生效", "higher, once the notice is over"),
    PriceReason.KEPT_BY_RULES: ("不符合调价条件", "no reason to change it"),
    PriceReason.COOLING: ("上次调价后冷却期未满", "the price changed too lately"),
    PriceReason.NO_LOWER_PRICE: ("没有更低的价格", "no lower price is sold"),
    PriceReason.NO_HIGHER_PRICE: ("没有更高的价格", "no higher price is sold"),
}


@dataclass(frozen=True, slots=True)
class PriceTargets:
    """The price code that each line is to have, and why: `PriceReason`s; shape (lines,)."""

    price_code: Texts
    reason: Texts


def price_targets(
    decided: Decisions,
    *,
    present_price_code: Texts,
    days_since_price_change: npt.NDArray[np.float64],
    yearly_ppm: Mapping[str, int],
) -> PriceTargets:
    """The prices of lines as `reprice` decided them.

    `yearly_ppm` is what each price costs a year at most (`yearly_prices`); a code that is not among them, because it is
    no longer sold, is left by nobody. `days_since_price_change` is NaN where it never changed.
    """
    told = np.asarray(decided.outputs["price_code"], dtype=object)
    now, then = (np.array([yearly_ppm.get(code, -1) for code in codes]) for codes in (present_price_code, told))
    known = (now >= 0) & (then >= 0)
    cooling = days_since_price_change < decided.outputs["cooling_days"]
    lower, higher = decided.outcome == "lower", decided.outcome == "raise"
    conditions = {
        PriceReason.KEPT_BY_RULES: ~lower & ~higher,
        PriceReason.COOLING: cooling,
        PriceReason.LOWERED_AT_ONCE: lower & known & (then < now),
        PriceReason.RAISED_AFTER_NOTICE: higher & known & (then > now),
        PriceReason.NO_LOWER_PRICE: lower,
    }
    codes = [reason.value for reason in conditions]
    reason = np.select(list(conditions.values()), codes, default=PriceReason.NO_HIGHER_PRICE.value).astype(object)
    moves = np.isin(reason.astype(str), (PriceReason.LOWERED_AT_ONCE, PriceReason.RAISED_AFTER_NOTICE))
    return PriceTargets(price_code=np.where(moves, told, present_price_code).astype(object), reason=reason)


def yearly_prices(product: Product, *, on: date) -> dict[str, int]:
    """What each of the borrower's own prices of order installments costs a year at most, simple, in ppm.

    What a merchant pays for is a price of his, not one that a line could have. 0.6 % of the principal a month costs
    most where the first payment comes soonest after the draw:

    >>> from tallystick.terms.catalog import shipped_products
    >>> yearly_prices(shipped_products()["baitiao"], on=date(2026, 11, 23))
    {'standard': 166938}
    """
    sold = product.order_installments
    dearest: dict[str, int] = {}
    for price in own_prices(sold) if sold else ():
        corner = worst_corner(product, offer=OfferKind.ORDER_INSTALLMENTS, price=price, on=on)
        dearest[price.code] = max(dearest.get(price.code, 0), round(corner.simple_rate * PPM))
    return dearest
