"""Shops by category and city: what is sold for how much, and how crowded each one is."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.living_parameters import ShopsParameters

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Category:
    """What a shop sells: its share of orders, and the median of an order as a share of a day's income."""

    name: str
    orders_share: float
    amount_days: float
    is_resold: bool  # goods that fraud turns into money


# Shares and sizes are ours: groceries and clothes are bought often and small, phones seldom and large.
CATEGORIES: Final = (
    Category("groceries", 0.26, 0.35, is_resold=False),
    Category("clothes", 0.22, 0.80, is_resold=False),
    Category("household", 0.15, 0.90, is_resold=False),
    Category("beauty", 0.11, 0.80, is_resold=False),
    Category("books", 0.07, 0.35, is_resold=False),
    Category("phones", 0.035, 12.0, is_resold=True),
    Category("computers", 0.02, 16.0, is_resold=True),
    Category("appliances", 0.045, 7.0, is_resold=False),
    Category("top_up", 0.06, 0.45, is_resold=True),
    Category("travel", 0.03, 5.0, is_resold=False),
)
_FIRST_MERCHANT: Final = 1


@dataclass(frozen=True, slots=True)
class Shops:
    """All shops, in columns of shape (shops,); `merchant_id` counts from 1."""

    merchant_id: Integers
    category: Integers  # index into CATEGORIES
    city: Integers
    crowd: Floats  # weight among the shops of its category

    def of_category(self, category: int) -> Integers:
        """Positions of the shops that sell it."""
        return np.flatnonzero(self.category == category)


def open_shops(chances: Chances, *, shops: ShopsParameters, cities: int) -> Shops:
    """The shops of a world: every category has one at least, and their crowds follow Zipf's law."""
    number = np.arange(shops.merchants)
    shares = [each.orders_share for each in CATEGORIES]
    category = chances.among("shop/category", number, shares=np.asarray(shares) / sum(shares))
    category[: len(CATEGORIES)] = np.arange(len(CATEGORIES))
    rank = np.argsort(np.argsort(chances.uniform("shop/rank", number))) + 1
    return Shops(
        merchant_id=number + _FIRST_MERCHANT,
        category=category,
        city=(chances.uniform("shop/city", number) * cities).astype(np.int64),
        crowd=rank.astype(np.float64) ** -shops.zipf,
    )


def chosen_shops(shops: Shops, *, category: Integers, uniform: Floats) -> Integers:
    """Where each order is placed: positions in `shops`, by the crowds of its category; shape (orders,)."""
    chosen = np.empty(len(category), dtype=np.int64)
    for index in np.unique(category):
        sold_by = shops.of_category(int(index))
        bounds = np.cumsum(shops.crowd[sold_by])
        asked = category == index
        chosen[asked] = sold_by[np.searchsorted(bounds, uniform[asked] * bounds[-1], side="right")]
    return chosen
