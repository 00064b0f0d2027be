"""The lender's analysts, who judge what waits for a person, and err."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tallystick.world.economy import acts
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.lives import Lives, Planned
from tallystick.world.economy.living_parameters import AnalystsParameters

_ANALYSTS = 2


def judgments(
    waiting: pa.Table, lives: Lives, *, today: int, chances: Chances, parameters: AnalystsParameters
) -> list[Planned]:
    """What two analysts who share the queue say of each case; a case that is no order is an honest application.

    `waiting` in the columns of `acts.Lender.reviews`. Whether they err hangs on the order, or on the person and the
    day: never on a lender's ids.
    """
    planned = []
    for row in waiting.to_pylist():
        review_id, order = row["review_id"], lives.waiting.get(row["decision_id"])
        person = order.person if order is not None else _person(row, lives)
        is_bad = order is not None and bool(order.kind)
        share = parameters.passes_fraud_share if is_bad else parameters.stops_honest_share
        whom, at = (person, today) if order is None else (order.order, 0)
        errs = bool(chances.happens("review/errs", whom, at=at, chance=share))
        passes = is_bad is errs
        act = acts.Judge(
            review_id=review_id,
            passes=passes,
            analyst=f"analyst {person % _ANALYSTS + 1}",
            reason="fits what we know of the buyer" if passes else "does not fit what we know of the buyer",
        )
        planned.append(Planned(act=act, person=person, order=order))
    return planned


def _person(row: Mapping[str, Any], lives: Lives) -> int:
    """Whose limit it is, or who applied."""
    if row["line_id"] is not None:
        return int(lives.person_of(np.asarray([row["line_id"]]))[0])
    return int(np.flatnonzero(lives.application_id == row["decision_id"])[0])
