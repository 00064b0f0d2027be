"""AUC and average precision of rows that are drawn again and again: put in order once, counted anew for each draw."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.scoring.folds import Flags, checked_outcome
from tallystick.scoring.model import Floats

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RankedRows:
    """Rows by falling score: `order` their places, `ends` the last place of each score, `is_bad` in that order."""

    order: Counts
    ends: Counts
    is_bad: Flags

    def auc(self, times: Counts) -> float:
        """Chance that a bad scores above a good, ties half, each row there as often as `times` says; NaN without both.

        Of the four rows the second is drawn twice, and the pair of equal scores counts half: 5.5 of 6 pairs.

        >>> round(ranked_rows([0, 1, 1, 0], np.array([0.1, 0.4, 0.2, 0.2])).auc(np.array([1, 2, 1, 1])), 4)
        0.9167
        """
        bads, goods = self._above(times)
        pairs = bads[-1] * goods[-1]
        if not pairs:
            return float("nan")
        return float(np.sum(np.diff(goods) * (bads[1:] + bads[:-1])) / (2 * pairs))

    def average_precision(self, times: Counts) -> float:
        """The share of bads among the rows down to each score, averaged over the bads found there; 0 without any."""
        bads, goods = self._above(times)
        if not bads[-1]:
            return 0.0
        found = np.diff(bads)
        looked_at = np.maximum(bads[1:] + goods[1:], 1)  # nobody drawn so far: nothing is found there either
        return float(np.sum(found * (bads[1:] / looked_at)) / bads[-1])

    def _above(self, times: Counts) -> tuple[Counts, Counts]:
        """How many bads and goods score at least each score, from none on."""
        drawn = times[self.order]
        bads = np.cumsum(drawn * self.is_bad)[self.ends]
        everybody = np.cumsum(drawn)[self.ends]
        return np.concatenate(([0], bads)), np.concatenate(([0], everybody - bads))


def ranked_rows(outcome: npt.ArrayLike, score: Floats) -> RankedRows:
    """The rows in order; arrays have shape (rows,)."""
    is_bad = checked_outcome(outcome, rows=len(score))
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    return RankedRows(order, ends, is_bad[order])
