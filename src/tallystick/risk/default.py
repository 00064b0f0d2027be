"""Probability of default at other horizons and in other weathers: conversion, and the conditional PD of Vasicek."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
PdHorizon = Literal["as_is", "constant_hazard"]


def pd_horizon(text: str) -> PdHorizon:
    """The rule of that name, as a file has it; raises `ValueError` for another."""
    for rule in get_args(PdHorizon):
        if text == rule:
            found: PdHorizon = rule
            return found
    raise ValueError(f"pd_horizon is {text!r}: must be one of {', '.join(get_args(PdHorizon))}")


def twelve_month_pd(pd: npt.ArrayLike, *, horizon_months: int, rule: PdHorizon) -> Floats:
    """The PD over twelve months from one over `horizon_months`.

    `as_is` takes the figure as it stands; `constant_hazard` keeps the monthly hazard: 1 - (1 - pd)^(12/h).

    >>> twelve_month_pd([0.10], horizon_months=6, rule="constant_hazard").round(4).tolist()
    [0.19]
    >>> twelve_month_pd([0.10], horizon_months=6, rule="as_is").tolist()
    [0.1]
    """
    if horizon_months < 1:
        raise ValueError(f"a horizon is at least one month, not {horizon_months}")
    probability = np.asarray(pd, dtype=np.float64)
    if rule == "as_is":
        return probability
    survival: Floats = 1.0 - (1.0 - probability) ** (12.0 / horizon_months)
    return survival


def conditional_pd(pd: npt.ArrayLike, *, correlation: float, quantile: float) -> Floats:
    """PD when the systematic factor stands at its worst `quantile` (Vasicek): N((G(PD) + sqrt(R) G(q)) / sqrt(1 - R)).

    The median year is quantile 0.5. Shape as `pd`; a PD of 0 or 1 stays.

    >>> conditional_pd([0.01, 0.05], correlation=0.04, quantile=0.999).round(6).tolist()
    [0.040621, 0.147324]
    """
    if not (0.0 <= correlation < 1.0 and 0.0 < quantile < 1.0):
        raise ValueError(f"correlation {correlation} must be in [0, 1), quantile {quantile} in (0, 1)")
    threshold = ndtri(np.asarray(pd, dtype=np.float64))
    conditional: Floats = ndtr((threshold + np.sqrt(correlation) * ndtri(quantile)) / np.sqrt(1.0 - correlation))
    return conditional
