"""How much fraud was stopped, by the truth, and how many good purchases were stopped with it."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.reports.demonstration_summary import Estimate, FraudStopped
from tallystick.scoring.validation import wilson_interval
from tallystick.world.demonstration.results import is_fraudulent, went_through

Flags = npt.NDArray[np.bool_]


def fraud_stopped(purchases: pa.Table, judged: pa.Table, *, suspected: Collection[int]) -> FraudStopped:
    """Sum up the truth's tables purchases and acts; `suspected` are the decisions that a fraud rule spoke against.

    Of two frauds one is declined on suspicion, and so is one of two good purchases:

    >>> purchases = pa.table({"decision_id": [1, 2, 3, 4], "kind": ["takeover", "takeover", "", ""],
    ...     "amount_minor": [500, 300, 40, 60], "outcome": ["decline", "approve", "decline", "approve"]})
    >>> told = fraud_stopped(purchases, _NOBODY_JUDGED, suspected={1, 3})
    >>> told.stopped_minor, told.suspected, told.recall.value, told.precision.value
    (500, 2, 0.5, 0.5)
    """
    is_fraud, made = is_fraudulent(purchases), went_through(purchases, judged)
    amount = purchases["amount_minor"].to_numpy()
    on_suspicion = ~made & np.isin(purchases["decision_id"].to_numpy(), list(suspected))
    return FraudStopped(
        frauds=int(is_fraud.sum()),
        stopped=int((is_fraud & ~made).sum()),
        fraud_minor=int(amount[is_fraud].sum()),
        stopped_minor=int(amount[is_fraud & ~made].sum()),
        suspected=int(on_suspicion.sum()),
        recall=_share(is_fraud & ~made, is_fraud),
        precision=_share(on_suspicion & is_fraud, on_suspicion),
    )


_NOBODY_JUDGED = pa.table({"act": pa.array([], pa.string()), "number": pa.array([], pa.int64()),
                           "outcome": pa.array([], pa.string())})  # fmt: skip


def _share(some: Flags, every: Flags) -> Estimate:
    return share_of(int(some.sum()), int(every.sum()))


def share_of(some: int, every: int) -> Estimate:
    """A share with its 95 % interval (Wilson); of nothing there is none.

    >>> share_of(0, 0)
    Estimate(value=None, low=None, high=None)
    """
    if not every:
        return Estimate(None)
    low, high = wilson_interval(some, every)
    return Estimate(some / every, float(low), float(high))
