"""How a borrower answers to a limit: what of an increase becomes debt, and what it does to the PD."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def drawn_at_limit(
    *, drawn: npt.ArrayLike, present_limit: npt.ArrayLike, limit: npt.ArrayLike, propensity: npt.ArrayLike
) -> Floats:
    """Expected drawn balance at another limit: `propensity` of each unit of increase becomes debt.

    A decrease pays nothing back by itself: the drawn balance stays, for a limit never goes below it.

    >>> drawn_at_limit(drawn=8_000, present_limit=30_000, limit=[20_000, 30_000, 50_000], propensity=0.2).tolist()
    [8000.0, 8000.0, 12000.0]
    """
    increase = np.maximum(np.asarray(limit, dtype=np.float64) - np.asarray(present_limit, dtype=np.float64), 0.0)
    expected: Floats = np.asarray(drawn, dtype=np.float64) + np.asarray(propensity, dtype=np.float64) * increase
    return expected


def pd_at_limit(
    *,
    pd: npt.ArrayLike,
    present_limit: npt.ArrayLike,
    limit: npt.ArrayLike,
    pd_rise_per_doubling: npt.ArrayLike,
) -> Floats:
    """PD at another limit: the odds grow by `pd_rise_per_doubling` with each doubling; a decrease leaves them.

    Odds, not PD, are scaled, so that the answer stays a probability; a PD of 0 or 1 stays.

    >>> pd_at_limit(pd=0.05, present_limit=10_000, limit=[5_000, 20_000], pd_rise_per_doubling=0.1).round(5).tolist()
    [0.05, 0.05473]
    """
    ratio = np.asarray(limit, dtype=np.float64) / np.asarray(present_limit, dtype=np.float64)
    doublings = np.log2(np.maximum(ratio, 1.0))
    probability = np.asarray(pd, dtype=np.float64)
    bad = probability * (1.0 + np.asarray(pd_rise_per_doubling, dtype=np.float64)) ** doublings
    # odds / (1 + odds) without dividing by 1 - PD, which is nothing where default is certain.
    raised: Floats = bad / (bad + (1.0 - probability))
    return raised
