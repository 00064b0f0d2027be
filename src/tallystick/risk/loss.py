"""What a default costs: exposure at default, expected loss, the twelve-month provision and the capital it ties."""

from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.risk.default import conditional_pd

Floats = npt.NDArray[np.float64]

# Basel framework CRE31.14 (qualifying revolving retail) and CRE31.4 (one year in a thousand).
BASEL_CORRELATION: Final = 0.04
BASEL_QUANTILE: Final = 0.999


def conversion_factor(
    *, drawn: npt.ArrayLike, limit: npt.ArrayLike, rise_before_default: float, least: float
) -> Floats:
    """CCF of each line: the share of its undrawn part that is drawn on the way to default.

    A defaulter uses `rise_before_default` more than is drawn now, as far as the limit allows, and never less than
    `least` of what is undrawn. A line without an undrawn part has a CCF of `least`, which then converts nothing.

    >>> conversion_factor(drawn=[0, 4_000, 9_000], limit=10_000, rise_before_default=0.59, least=0.1).round(4).tolist()
    [0.1, 0.3933, 1.0]
    """
    balance = np.asarray(drawn, dtype=np.float64)
    undrawn = np.maximum(np.asarray(limit, dtype=np.float64) - balance, 0.0)
    implied = np.divide(rise_before_default * balance, undrawn, out=np.zeros_like(balance + undrawn), where=undrawn > 0)
    factor: Floats = np.clip(implied, least, 1.0)
    return factor


def exposure_at_default(*, drawn: npt.ArrayLike, limit: npt.ArrayLike, ccf: npt.ArrayLike) -> Floats:
    """Drawn balance plus the share `ccf` of what is still undrawn; a line over its limit has nothing undrawn.

    >>> exposure_at_default(drawn=[4_000, 12_000], limit=[10_000, 10_000], ccf=0.43).tolist()
    [6580.0, 12000.0]
    """
    balance = np.asarray(drawn, dtype=np.float64)
    undrawn = np.maximum(np.asarray(limit, dtype=np.float64) - balance, 0.0)
    exposure: Floats = balance + np.asarray(ccf, dtype=np.float64) * undrawn
    return exposure


def loss_given_default(*, uncured: npt.ArrayLike, cure: npt.ArrayLike) -> Floats:
    """LGD of all defaults where the share `cure` of them pays up and loses nothing, as a share of exposure at default.

    >>> loss_given_default(uncured=[0.89], cure=0.329).round(3).tolist()
    [0.597]
    """
    loss: Floats = np.asarray(uncured, dtype=np.float64) * (1.0 - np.asarray(cure, dtype=np.float64))
    return loss


def expected_loss(*, pd: npt.ArrayLike, lgd: npt.ArrayLike, ead: npt.ArrayLike) -> Floats:
    """PD x LGD x EAD over the horizon of the PD, in the unit of `ead`.

    >>> expected_loss(pd=[0.05], lgd=0.7, ead=[6_580.0]).round(2).tolist()
    [230.3]
    """
    loss: Floats = (
        np.asarray(pd, dtype=np.float64) * np.asarray(lgd, dtype=np.float64) * np.asarray(ead, dtype=np.float64)
    )
    return loss


def twelve_month_provision(
    *, pd: npt.ArrayLike, lgd: npt.ArrayLike, ead: npt.ArrayLike, effective_rate: npt.ArrayLike
) -> Floats:
    """IFRS 9 twelve-month expected credit loss (5.5.5): monthly marginal PDs of a constant hazard, discounted.

    `effective_rate` is per year (1.0 = 100 %); month m is discounted by (1 + rate)^(m/12).

    >>> twelve_month_provision(pd=[0.05], lgd=0.7, ead=[6_580.0], effective_rate=0.18).round(2).tolist()
    [210.94]
    """
    survival = 1.0 - np.asarray(pd, dtype=np.float64)
    growth = 1.0 + np.asarray(effective_rate, dtype=np.float64)
    discounted: Floats = np.zeros(np.broadcast(survival, growth).shape)
    for month in range(1, 13):
        marginal = survival ** ((month - 1) / 12.0) - survival ** (month / 12.0)
        discounted = discounted + marginal * growth ** (-month / 12.0)
    provision: Floats = discounted * np.asarray(lgd, dtype=np.float64) * np.asarray(ead, dtype=np.float64)
    return provision


def capital_share(*, pd: npt.ArrayLike, lgd: npt.ArrayLike) -> Floats:
    """Basel capital per unit of EAD for qualifying revolving retail: K = LGD x conditional PD - LGD x PD (CRE31).

    >>> capital_share(pd=[0.01, 0.05], lgd=0.7).round(5).tolist()
    [0.02143, 0.06813]
    """
    probability = np.asarray(pd, dtype=np.float64)
    stressed = conditional_pd(probability, correlation=BASEL_CORRELATION, quantile=BASEL_QUANTILE)
    share: Floats = np.asarray(lgd, dtype=np.float64) * (stressed - probability)
    return share
