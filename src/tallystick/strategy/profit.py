"""What a line is expected to draw, earn and lose in twelve months at each limit it could have."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.risk.loss import capital_share, conversion_factor, expected_loss, exposure_at_default
from tallystick.risk.response import drawn_at_limit, pd_at_limit
from tallystick.strategy.economics import Economics
from tallystick.strategy.lines import Floats, Lines
from tallystick.strategy.prices import Price
from tallystick.units.rates import PPM


@dataclass(frozen=True, slots=True)
class LimitFigures:
    """Expected figures at each limit, twelve months ahead; amounts in minor units, unrounded; shape as the limits."""

    pd: Floats
    drawn: Floats
    ead: Floats
    revenue: Floats
    expected_loss: Floats
    capital: Floats
    profit: Floats


def limit_figures(
    lines: Lines, limit_minor: npt.NDArray[np.int64], *, economics: Economics, prices: tuple[Price, ...]
) -> LimitFigures:
    """The figures at `limit_minor`, shape (lines, choices); every offered increase is taken as accepted.

    Revenue: interest at the present rate on the revolving share of what is drawn today, the merchant's fee on the
    rest of it, and the grade's price on the debt that a higher limit adds. Profit: revenue less funds, operations,
    expected loss and the return asked on the capital tied. All of it is an expectation, rounded only when it is
    summed or shown.
    """
    present = lines.limit_minor[:, None]
    by_grade = _GradeColumns.of(lines, economics=economics, prices=prices)
    drawn = drawn_at_limit(
        drawn=lines.drawn_minor[:, None], present_limit=present, limit=limit_minor, propensity=by_grade.propensity
    )
    pd = pd_at_limit(
        pd=lines.pd_ppm[:, None] / PPM,
        present_limit=present,
        limit=limit_minor,
        pd_rise_per_doubling=economics.pd_rise_per_doubling_ppm / PPM,
    )
    lgd = economics.lgd_ppm / PPM
    ccf = conversion_factor(
        drawn=drawn,
        limit=limit_minor,
        rise_before_default=economics.drawn_rise_before_default_ppm / PPM,
        least=economics.ccf_least_ppm / PPM,
    )
    ead = exposure_at_default(drawn=drawn, limit=limit_minor, ccf=ccf)
    loss = expected_loss(pd=pd, lgd=lgd, ead=ead)
    capital = capital_share(pd=pd, lgd=lgd) * ead
    present_drawn = lines.drawn_minor[:, None].astype(np.float64)
    paying = by_grade.revolving_share * present_drawn
    interest = by_grade.present_rate * paying + by_grade.price * (drawn - present_drawn)
    merchant_fee = (economics.merchant_yield_ppm / PPM) * (present_drawn - paying)
    revenue = interest + merchant_fee
    cost = drawn * ((economics.funds_rate_ppm + economics.operations_cost_ppm) / PPM)
    profit = revenue - cost - loss - capital * (economics.capital_cost_ppm / PPM)
    return LimitFigures(
        pd=pd, drawn=drawn, ead=ead, revenue=revenue, expected_loss=loss, capital=capital, profit=profit
    )


@dataclass(frozen=True, slots=True)
class _GradeColumns:
    """What a line takes from its grade, shape (lines, 1); shares and rates with 1.0 = 100 %."""

    propensity: Floats
    revolving_share: Floats
    price: Floats
    present_rate: Floats

    @classmethod
    def of(cls, lines: Lines, *, economics: Economics, prices: tuple[Price, ...]) -> "_GradeColumns":
        def column(figures: list[int]) -> Floats:
            picked: Floats = (np.asarray(figures, dtype=np.float64) / PPM)[lines.grade][:, None]
            return picked

        # A line whose present rate nobody told pays its grade's price, at most what the law allows.
        price = column([min(price.price_ppm, price.legal_cap_ppm) for price in prices])
        told = lines.present_rate_ppm[:, None] / PPM
        return cls(
            propensity=_by_use(
                lines, column([grade.propensity_ppm for grade in economics.grades]), economics=economics
            ),
            revolving_share=column([grade.revolving_share_ppm for grade in economics.grades]),
            price=price,
            present_rate=np.where(np.isnan(told), price, told),
        )


def _by_use(lines: Lines, propensity: Floats, *, economics: Economics) -> Floats:
    """Who uses more of the limit is held back by it more; no unit of limit becomes more than one of debt."""
    factors = economics.propensity_by_use
    if not factors:
        return propensity
    starts = np.asarray([each.from_ppm for each in factors]) / PPM
    use = lines.drawn_minor / np.maximum(lines.limit_minor, 1)
    band = np.searchsorted(starts, np.maximum(use, 0.0), side="right") - 1
    factor = np.asarray([each.factor_ppm for each in factors])[band] / PPM
    return np.asarray(np.minimum(propensity * factor[:, None], 1.0))
