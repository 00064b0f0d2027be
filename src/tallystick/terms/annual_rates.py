"""The three annual rates of one credit from one list of dated flows: US nominal, EU effective, China by IRR."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

import msgspec

from tallystick.terms.rate_equation import NoAnnualRate, PlacedFlow, RateFault, exact_decimals, period_rate
from tallystick.terms.unit_periods import SeriesDay, UnitPeriod, series_days, unit_period_of, unit_spans, year_fractions

_MONTHS_A_YEAR: Final = 12
_DECIMALS: Final = 15


class DatedFlow(msgspec.Struct, frozen=True):
    """Money on a day, in minor units: negative where the borrower receives it, positive where the borrower pays."""

    on: date
    paid_minor: int


class IrrRates(msgspec.Struct, frozen=True):
    """Rates per year, 1 = 100 %, from one internal rate of return per period."""

    simple: Decimal  # the period's rate times the periods of a year, as China shows it
    effective: Decimal  # the same compounded


class AnnualRates(msgspec.Struct, frozen=True):
    """What one credit costs per year, 1 = 100 %, as each law wants it told."""

    us_nominal: Decimal
    eu_effective: Decimal
    cn: IrrRates


def annual_rates(flows: Sequence[DatedFlow]) -> AnnualRates:
    """All three from the same flows. Raises `NoAnnualRate`, naming why there is none.

    12,000 yuan in 12 installments with a fee of 0.6 % a month on the original principal, "7.2 % a year":

    >>> advance = DatedFlow(on=date(2026, 1, 10), paid_minor=-12_000_00)
    >>> payments = [DatedFlow(on=date(2026 + month // 12, month % 12 + 1, 10), paid_minor=1_072_00)
    ...             for month in range(1, 13)]
    >>> rates = annual_rates([advance, *payments])
    >>> published_percent(rates.cn.simple, decimals=2), published_percent(rates.cn.effective, decimals=2)
    (Decimal('13.03'), Decimal('13.84'))
    >>> published_percent(rates.us_nominal, decimals=2), published_percent(rates.eu_effective, decimals=1)
    (Decimal('13.03'), Decimal('13.8'))
    """
    return AnnualRates(us_nominal=us_nominal_rate(flows), eu_effective=eu_effective_rate(flows), cn=cn_irr_rates(flows))


def us_nominal_rate(flows: Sequence[DatedFlow], *, unit_period: UnitPeriod | None = None) -> Decimal:
    """Reg Z Appendix J, actuarial: the rate per unit period times the unit periods of a year, 1 = 100 %.

    The unit period is found by (b)(4) unless one is given; an odd part of a period earns simple interest. Source:
    12 CFR 1026 Appendix J (b)(8); the example is (c)(1)(v), a long first period of weekly payments.

    >>> from datetime import timedelta
    >>> payments = [DatedFlow(on=date(1978, 4, 21) + timedelta(weeks=week), paid_minor=17_60) for week in range(30)]
    >>> rate = us_nominal_rate([DatedFlow(on=date(1978, 3, 20), paid_minor=-500_00), *payments])
    >>> published_percent(rate, decimals=2)
    Decimal('14.96')
    """
    start_on, days = _term(flows)
    unit_period = unit_period or unit_period_of(start_on=start_on, days=days)
    spans = unit_spans(start_on=start_on, days=days, unit_period=unit_period)
    placed = [
        PlacedFlow(periods=Fraction(span.periods), odd_period=span.odd_period, paid_minor=flow.paid_minor)
        for flow, span in zip(flows, spans, strict=True)
    ]
    return _per_year(period_rate(placed), periods_per_year=unit_period.periods_per_year())


def eu_effective_rate(flows: Sequence[DatedFlow]) -> Decimal:
    """The annual percentage rate of charge, effective, 1 = 100 %.

    Source: directive 2008/48/EC Annex I, kept by directive (EU) 2023/2225 Annex III.

    >>> advance = DatedFlow(on=date(2026, 1, 1), paid_minor=-1_000_00)
    >>> payment = DatedFlow(on=date(2027, 7, 1), paid_minor=1_200_00)
    >>> published_percent(eu_effective_rate([advance, payment]), decimals=1)
    Decimal('12.9')
    """
    return effective_rate(_placed_in_years(flows))


def effective_rate(flows: Sequence[PlacedFlow]) -> Decimal:
    """The effective rate of flows whose places are years, 1 = 100 %.

    >>> flows = [PlacedFlow(periods=Fraction(0), paid_minor=-950), PlacedFlow(periods=Fraction(3, 2), paid_minor=1200)]
    >>> published_percent(effective_rate(flows), decimals=2)
    Decimal('16.85')
    """
    return irr_rates(flows, periods_per_year=1).effective


def cn_irr_rates(flows: Sequence[DatedFlow]) -> IrrRates:
    """The monthly internal rate of return times 12, and compounded; odd days count as parts of an equal month.

    Source: People's Bank of China announcement 2021 No. 3 with its worked examples: all costs over the principal
    actually received, flow by flow.
    """
    months = [
        PlacedFlow(periods=flow.periods * _MONTHS_A_YEAR, paid_minor=flow.paid_minor)
        for flow in _placed_in_years(flows)
    ]
    return irr_rates(months, periods_per_year=_MONTHS_A_YEAR)


def irr_rates(flows: Sequence[PlacedFlow], *, periods_per_year: int) -> IrrRates:
    """Both annual rates of flows that are placed in periods.

    >>> advance = PlacedFlow(periods=Fraction(0), paid_minor=-12_000)
    >>> rates = irr_rates([advance, *(PlacedFlow(periods=Fraction(k), paid_minor=1_072) for k in range(1, 13))],
    ...                   periods_per_year=12)
    >>> published_percent(rates.simple, decimals=4), published_percent(rates.effective, decimals=4)
    (Decimal('13.0342'), Decimal('13.8418'))
    """
    rate = period_rate(flows)
    with exact_decimals():
        effective = round((1 + rate) ** periods_per_year - 1, _DECIMALS)
    return IrrRates(simple=_per_year(rate, periods_per_year=Fraction(periods_per_year)), effective=effective)


def published_percent(rate: Decimal, *, decimals: int) -> Decimal:
    """A rate, 1 = 100 %, as the percentage that is printed: rounded once, a half upward.

    >>> published_percent(Decimal("0.09685"), decimals=2), published_percent(Decimal("0.125"), decimals=0)
    (Decimal('9.69'), Decimal('13'))
    """
    with exact_decimals():
        return (rate * 100).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _per_year(rate: Decimal, *, periods_per_year: Fraction) -> Decimal:
    with exact_decimals():
        return round(rate * periods_per_year.numerator / periods_per_year.denominator, _DECIMALS)


def _placed_in_years(flows: Sequence[DatedFlow]) -> list[PlacedFlow]:
    start_on, days = _term(flows)
    years = year_fractions(start_on=start_on, days=days)
    return [PlacedFlow(periods=place, paid_minor=flow.paid_minor) for flow, place in zip(flows, years, strict=True)]


def _term(flows: Sequence[DatedFlow]) -> tuple[date, list[SeriesDay]]:
    """The day of the first advance, and for every flow its day: a term begins with money received."""
    received = [flow.on for flow in flows if flow.paid_minor < 0]
    paid = [flow.on for flow in flows if flow.paid_minor >= 0]
    if not received:
        raise NoAnnualRate(RateFault.ONE_SIGN if flows else RateFault.NO_FLOWS)
    start_on = min(received)
    if any(flow.on < start_on for flow in flows):
        raise NoAnnualRate(RateFault.BEGINS_WITH_PAYMENT)
    if all(flow.on == start_on for flow in flows):
        raise NoAnnualRate(RateFault.ONE_DAY)
    advances = iter(series_days(start_on=start_on, dates=received))
    payments = iter(series_days(start_on=start_on, dates=paid))
    return start_on, [next(advances if flow.paid_minor < 0 else payments) for flow in flows]
