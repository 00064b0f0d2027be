"""Shares and rates as whole parts per million: the only form in which rules, prices and books see them."""

from typing import Final

import numpy as np
import numpy.typing as npt

PPM: Final = 1_000_000

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def to_ppm(share: npt.ArrayLike) -> Integers:
    """Round shares (1.0 = the whole) to whole ppm, half to even, once.

    Raises `ValueError` where a share is not finite: a missing share has no ppm.

    >>> to_ppm([0.0125, 0.24]).tolist()
    [12500, 240000]
    """
    shares = np.asarray(share, dtype=np.float64)
    if not np.isfinite(shares).all():
        raise ValueError("a share that is missing or infinite cannot be rounded to ppm; treat it before")
    return np.rint(shares * PPM).astype(np.int64)


def from_ppm(ppm: npt.ArrayLike) -> Floats:
    """Shares (1.0 = the whole) from ppm.

    >>> from_ppm([240_000]).tolist()
    [0.24]
    """
    return np.asarray(ppm, dtype=np.float64) / PPM
