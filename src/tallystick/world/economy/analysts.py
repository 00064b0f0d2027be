"""The lender's analysts, who judge what waits for a person, and err."""

from collections.abc import Mapping

import pyarrow as pa

from tallystick.world.economy import acts
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.lives import Order, Planned
from tallystick.world.economy.living_parameters import AnalystsParameters

_ANALYSTS = 2


def judgments(
    waiting: pa.Table, orders: Mapping[int, Order], *, chances: Chances, parameters: AnalystsParameters
) -> list[Planned]:
    """What two analysts who share the queue say of each case; a case that is no order is an honest application.

    `waiting` in the columns of `acts.Lender.reviews`, `orders` by their decision.
    """
    planned = []
    for row in waiting.to_pylist():
        review_id, order = row["review_id"], orders.get(row["decision_id"])
        is_bad = order is not None and bool(order.kind)
        share = parameters.passes_fraud_share if is_bad else parameters.stops_honest_share
        errs = bool(chances.happens("review/errs", review_id if order is None else order.order, chance=share))
        passes = is_bad is errs
        act = acts.Judge(
            review_id=review_id,
            passes=passes,
            analyst=f"analyst {review_id % _ANALYSTS + 1}",
            reason="fits what we know of the buyer" if passes else "does not fit what we know of the buyer",
        )
        planned.append(Planned(act=act, order=order))
    return planned
