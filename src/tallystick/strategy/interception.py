"""What a strategy stopped of purchases whose truth is known: frauds, good customers, money; and review capacity."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.strategy.expected_profit import observed_profit
from tallystick.strategy.purchase_economics import PurchaseEconomics

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

_APPROVED = "approve"


@dataclass(frozen=True, slots=True)
class Interception:
    """Counts of purchases and of customers, amounts in minor units.

    A purchase is stopped where it does not go through in the end. A good customer is stopped where a good purchase of
    theirs is. `saved_minor` is what came of all purchases less what would have come had each been approved, by the
    economics of the strategy, reviews paid: below zero, it would have been better to stop nothing.
    """

    purchases: int
    reviewed: int
    frauds: int
    frauds_stopped: int
    fraud_minor: int
    fraud_stopped_minor: int
    good: int
    good_stopped: int
    good_stopped_minor: int
    good_customers: int
    good_customers_stopped: int
    saved_minor: int


def intercepted(
    outcome: Texts,
    *,
    went_through: Flags,
    is_fraud: Flags,
    amount_minor: Wholes,
    customer: Wholes,
    economics: PurchaseEconomics,
) -> Interception:
    """Sum up purchases as decided, shape (cases,); `went_through` says what was made of each in the end.

    Three purchases of 1,000.00. One is fraud and declined, which saves the 90 % of it that would not have come back.
    A good one was looked at for 20.00 and made, another good one was declined and does not earn its 13.90:

    >>> from tallystick.strategy.policy import standard_strategy_files
    >>> from tallystick.strategy.purchase_economics import ECONOMICS_FILE, read_purchase_economics
    >>> economics = read_purchase_economics(standard_strategy_files()[ECONOMICS_FILE])
    >>> found = intercepted(np.array(["decline", "review", "decline"], dtype=object),
    ...     went_through=np.array([False, True, False]), is_fraud=np.array([True, False, False]),
    ...     amount_minor=np.array([100_000] * 3), customer=np.array([7, 7, 8]), economics=economics)
    >>> found.frauds_stopped, found.good_stopped, found.good_customers, found.good_customers_stopped
    (1, 1, 2, 1)
    >>> found.saved_minor == 90_000 - 2_000 - 1_390
    True
    """
    stopped, good = ~went_through, ~is_fraud
    all_approved = np.full(len(outcome), _APPROVED, dtype=object)
    came, would_have = (
        observed_profit(
            decided, went_through=through, is_fraud=is_fraud, amount_minor=amount_minor, economics=economics
        )
        for decided, through in ((outcome, went_through), (all_approved, np.ones(len(outcome), dtype=np.bool_)))
    )
    return Interception(
        purchases=len(outcome),
        reviewed=_count(outcome == "review"),
        frauds=_count(is_fraud),
        frauds_stopped=_count(is_fraud & stopped),
        fraud_minor=int(amount_minor[is_fraud].sum()),
        fraud_stopped_minor=int(amount_minor[is_fraud & stopped].sum()),
        good=_count(good),
        good_stopped=_count(good & stopped),
        good_stopped_minor=int(amount_minor[good & stopped].sum()),
        good_customers=len(np.unique(customer[good])),
        good_customers_stopped=len(np.unique(customer[good & stopped])),
        saved_minor=round(math.fsum(came - would_have)),
    )


def review_from_ppm(score_ppm: Floats, *, days: int, per_day: int) -> int:
    """The lowest score from which on no more than `per_day` cases a day come to review.

    `score_ppm` are the scores of all cases of some days that any threshold could send there. Equal scores go together.
    Six cases in two days:

    >>> scores = np.array([10.0, 700.0, 600.0, 600.0, 40.0, 50.0])
    >>> [review_from_ppm(scores, days=2, per_day=per_day) for per_day in (1, 2, 3)]
    [601, 50, 0]
    """
    falling = np.sort(score_ppm)[::-1]
    most = per_day * days
    if len(falling) <= most:
        return 0
    return int(falling[most]) + 1 if falling[most - 1] == falling[most] else int(falling[most - 1])


def _count(flags: npt.NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(flags))
