"""What a borrower is told of a price that was looked at again: what it is to be, from when, and why."""

from datetime import date
from typing import Final

from tallystick.scoring.model import Columns
from tallystick.strategy.case_columns import OUTCOME_TEXTS
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import Explanation, explain_case
from tallystick.strategy.price_targets import PRICE_REASON_TEXTS, PriceReason

_LOWERED: Final = (
    "价格下调，自{}起对新的用款生效",
    "your price is lower from {} on, for what you draw from then on",
)
_RAISED: Final = (
    "价格将上调，自{}起对新的用款生效；在此之前您可以不同意",
    "your price rises from {} on, for what you draw from then on; you may object before that day",
)


def explain_price(
    checkpoint: Checkpoint, columns: Columns, *, reason: PriceReason, binds_on: date | None
) -> Explanation:
    """One line's answer in the borrower's words; `columns` are of that line alone.

    A rise is told with the reasons of the tables and the smallest change that would have helped. A price that stays is
    told with why; `binds_on` is the day from which another one holds.
    """
    if binds_on is None:
        stays = OUTCOME_TEXTS["keep"]
        zh, en = PRICE_REASON_TEXTS[reason]
        return Explanation((stays[0], zh), (stays[1], en))
    if reason in (PriceReason.LOWERED_AT_ONCE, PriceReason.LOWERED_AFTER_NOTICE):
        zh, en = (text.format(binds_on) for text in _LOWERED)
        return Explanation((zh,), (en,))
    told = explain_case(checkpoint, columns, index=0)
    zh, en = (text.format(binds_on) for text in _RAISED)
    return Explanation((zh, *told.zh[1:]), (en, *told.en[1:]))
