"""What a ranking is worth: the share of all bads in the riskiest part, and what each feature does to the score."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.scoring.folds import Flags
from tallystick.scoring.model import Floats

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Gain:
    """Of the riskiest `share` of rows: the share of all bads in it; lift is how many times the average that is."""

    share: float
    bads_share: float

    @property
    def lift(self) -> float:
        """Times the average share of bads."""
        return self.bads_share / self.share


def gains(is_bad: Flags | Floats, scores: Floats) -> tuple[Gain, ...]:
    """Gains at usual shares; among equal scores bads count as spread evenly. Of an amount per row: shares of its sum.

    >>> found = gains(np.array([1, 0, 1, 0], dtype=bool), np.array([4, 3, 2, 1.0]))
    >>> [(gain.share, gain.bads_share) for gain in found][-6:]
    [(0.5, 0.5), (0.6, 0.7), (0.7, 0.9), (0.8, 1.0), (0.9, 1.0), (1.0, 1.0)]
    """
    values, place = np.unique(-scores, return_inverse=True)
    rows, bads = np.bincount(place, minlength=len(values)), np.bincount(place, weights=is_bad, minlength=len(values))
    reached, found = np.append(0, np.cumsum(rows)), np.append(0.0, np.cumsum(bads))
    at = np.interp(np.array(SHARES) * len(scores), reached, found) / bads.sum()
    return tuple(Gain(share, round(float(one), 12)) for share, one in zip(SHARES, at, strict=True))


def effect_curve(values: Floats, contributions: Floats, *, points: int = 12) -> tuple[tuple[float, float], ...]:
    """Mean value and mean contribution of equally large groups of known values: how the score answers to a feature.

    >>> effect_curve(np.array([1.0, 2, 3, 4, np.nan]), np.array([-1.0, -1, 1, 1, 9]), points=2)
    ((1.5, -1.0), (3.5, 1.0))
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return ()
    order = known[np.argsort(values[known], kind="stable")]
    # equal values stay together: the group of the first of them takes all
    first = np.searchsorted(values[order], values[order], side="left")
    group = first * points // len(order)
    _, place = np.unique(group, return_inverse=True)
    rows: npt.NDArray[np.int64] = np.bincount(place)
    middle = np.bincount(place, weights=values[order]) / rows
    moved = np.bincount(place, weights=contributions[order]) / rows
    return tuple(zip(middle.tolist(), moved.tolist(), strict=True))
