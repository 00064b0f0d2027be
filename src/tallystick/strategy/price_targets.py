"""From decided lines to prices: a lower one holds at once, a higher one after the notice that the contract promises.

What a table calls lower must cost less a year, and what it calls higher more: the product's prices say whether.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tallystick.strategy.case_record import CaseRecord
from tallystick.strategy.checkpoint import Decisions

Texts = npt.NDArray[np.object_]


class PriceReason(StrEnum):
    """Why a line's price is to be what it is. Never reused."""

    LOWERED_AT_ONCE = "LOWERED_AT_ONCE"
    LOWERED_AFTER_NOTICE = "LOWERED_AFTER_NOTICE"
    RAISED_AFTER_NOTICE = "RAISED_AFTER_NOTICE"
    KEPT_BY_RULES = "KEPT_BY_RULES"
    COOLING = "COOLING"
    NO_LOWER_PRICE = "NO_LOWER_PRICE"
    NO_HIGHER_PRICE = "NO_HIGHER_PRICE"
    REFUSED_BY_BOOKS = "REFUSED_BY_BOOKS"


# Chinese, English.
PRICE_REASON_TEXTS: Final[Mapping[PriceReason, tuple[str, str]]] = {
    PriceReason.LOWERED_AT_ONCE: ("降价，立即生效", "lower, at once"),
    PriceReason.LOWERED_AFTER_NOTICE: ("降价但分期期数减少，告知期满后生效", "lower for fewer plans, after the notice"),
    PriceReason.RAISED_AFTER_NOTICE: ("涨价，告知期满后生效", "higher, once the notice is over"),
    PriceReason.KEPT_BY_RULES: ("不符合调价条件", "no reason to change it"),
    PriceReason.COOLING: ("上次调价后冷却期未满", "the price changed too lately"),
    PriceReason.NO_LOWER_PRICE: ("没有更低的价格", "no lower price is sold"),
    PriceReason.NO_HIGHER_PRICE: ("没有更高的价格", "no higher price is sold"),
    PriceReason.REFUSED_BY_BOOKS: ("账簿或法律不允许", "the books or the law do not allow it"),
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

    `yearly_ppm` is what each price costs a year at most (`terms.own_price`); a code that is not among them, because it
    is no longer sold, is left by nobody. `days_since_price_change` is NaN where it never changed.
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


def recorded_prices(record: CaseRecord, places: Sequence[int], *, yearly_ppm: Mapping[str, int]) -> PriceTargets:
    """The prices of some lines of a record, those of one version of a product: the same whenever it is asked for."""

    def column(values: Sequence[Any], dtype: type) -> npt.NDArray[Any]:
        return np.array([values[place] for place in places], dtype=dtype)

    decided = Decisions(
        outcome=column(record.outcome, object),
        decided_by=np.zeros(len(places), dtype=np.int64),
        outputs={
            "price_code": column(record.outputs["price_code"], object),
            "cooling_days": column(record.outputs["cooling_days"], np.int64),
        },
        reasons=((),) * len(places),
        rows={},
        probability_ppm=np.zeros(len(places)),
        is_explored=np.zeros(len(places), dtype=np.bool_),
    )
    days = [record.figures["days_since_price_change"][place] for place in places]
    return price_targets(
        decided,
        present_price_code=column(record.figures["present_price_code"], object),
        days_since_price_change=np.array([np.nan if each is None else each for each in days]),
        yearly_ppm=yearly_ppm,
    )
