"""The equation behind every annual rate: what was received and what is paid are worth the same today."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

# Digits to calculate with; a rate may have thirty before the point and is kept to eighteen after it.
_CALCULATED_DIGITS: Final = 60
_KEPT_DECIMALS: Final = 18
# Rates per period at which the worth is looked at for a change of sign, walking outward from zero: up to what a cent
# that turns into a fortune within a day comes to in a year, and down to the loss of nearly everything.
_STEPS_UP: Final = np.concatenate(([0.0], np.geomspace(1e-5, 1e30, 1000)))
_STEPS_DOWN: Final = np.concatenate(([0.0], -np.geomspace(1e-5, 0.999, 200)))
_STEPS_AT_ONCE: Final = 125  # the first ones reach 2 % per period, where most rates are


_Rates: TypeAlias = npt.NDArray[np.float64]


class RateFault(StrEnum):
    """Why flows have no annual rate, in order of precedence."""

    NO_FLOWS = "no_flows"
    ONE_SIGN = "one_sign"
    BEGINS_WITH_PAYMENT = "begins_with_payment"
    ONE_DAY = "one_day"
    NO_ROOT = "no_root"


class NoAnnualRate(ValueError):
    """The flows have no annual rate; `fault` says why, the message says the way out."""

    def __init__(self, fault: RateFault) -> None:
        super().__init__(_WAYS_OUT[fault])
        self.fault = fault


_WAYS_OUT: Final = {
    RateFault.NO_FLOWS: "flows: none has an amount; give what was received (negative) and what is paid (positive)",
    RateFault.ONE_SIGN: "flows: all are of one sign; a rate needs money received (negative) and money paid (positive)",
    RateFault.BEGINS_WITH_PAYMENT: (
        "flows: the borrower pays before anything is received; net that payment from the first advance"
    ),
    RateFault.ONE_DAY: "flows: all are on the day of the first advance; a rate needs time to pass",
    RateFault.NO_ROOT: (
        "flows: no rate per period above -99.9 % makes what is received and what is paid worth the same; "
        "check the amounts and their signs"
    ),
}


class PlacedFlow(msgspec.Struct, frozen=True):
    """One flow and its place, counted in periods from the first advance.

    `periods` compound; `odd_period` is a part of one more period that earns simple interest (Reg Z Appendix J only).
    `paid_minor` is negative where the borrower receives.
    """

    periods: Fraction
    paid_minor: int
    odd_period: Fraction = Fraction(0)


@contextmanager
def exact_decimals() -> Iterator[None]:
    """Decimal arithmetic with digits enough for any rate."""
    with localcontext() as context:
        context.prec = _CALCULATED_DIGITS
        yield


def period_rate(flows: Iterable[PlacedFlow]) -> Decimal:
    """The rate per period, 1 = 100 %, at which all flows are worth nothing together; to eighteen decimals.

    Several rates can solve flows that change sign more than once: the least one of zero or above counts, and only
    where there is none the negative one nearest to zero. Raises `NoAnnualRate`.

    >>> advance = PlacedFlow(periods=Fraction(0), paid_minor=-12_000_00)
    >>> payments = [PlacedFlow(periods=Fraction(month), paid_minor=1_072_00) for month in range(1, 13)]
    >>> round(period_rate([advance, *payments]) * 12, 6)
    Decimal('0.130342')
    """
    merged = _checked(flows)
    periods = np.array([float(flow.periods) for flow in merged])
    odd_periods = np.array([float(flow.odd_period) for flow in merged])
    paid = np.array([float(flow.paid_minor) for flow in merged])

    def worths(rates: _Rates) -> _Rates:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # far beyond any sign that counts
            each = rates[:, None]
            return np.asarray((paid / ((1.0 + odd_periods * each) * (1.0 + each) ** periods)).sum(axis=1))

    def worth(rate: float) -> float:
        return float(worths(np.array([rate]))[0])

    low, high = _bracket(worths)
    if low == high:
        return _sharpened(merged, rate=low, slope=_slope(worth, low))
    from scipy.optimize import brentq  # a fifth of a second to import, which `tallystick --help` need not wait for

    rate = float(brentq(worth, low, high, xtol=1e-15, rtol=1e-14, maxiter=300))
    return _sharpened(merged, rate=rate, slope=_slope(worth, rate))


def _checked(flows: Iterable[PlacedFlow]) -> tuple[PlacedFlow, ...]:
    """The flows in order of time, those at one place added up."""
    totals: dict[tuple[Fraction, Fraction], int] = {}
    for flow in flows:
        place = (flow.periods, flow.odd_period)
        totals[place] = totals.get(place, 0) + flow.paid_minor
    merged = tuple(
        PlacedFlow(periods=periods, paid_minor=paid_minor, odd_period=odd_period)
        for (periods, odd_period), paid_minor in sorted(totals.items(), key=lambda item: sum(item[0]))
        if paid_minor
    )
    if not merged:
        raise NoAnnualRate(RateFault.NO_FLOWS)
    if len({flow.paid_minor > 0 for flow in merged}) == 1:
        raise NoAnnualRate(RateFault.ONE_SIGN)
    if merged[0].paid_minor > 0:
        raise NoAnnualRate(RateFault.BEGINS_WITH_PAYMENT)
    return merged


def _bracket(worths: Callable[[_Rates], _Rates]) -> tuple[float, float]:
    for steps in (_STEPS_UP, _STEPS_DOWN):
        found = _sign_change(worths, steps)
        if found is not None:
            return found
    raise NoAnnualRate(RateFault.NO_ROOT)


def _sign_change(worths: Callable[[_Rates], _Rates], steps: _Rates) -> tuple[float, float] | None:
    for begins in range(0, len(steps) - 1, _STEPS_AT_ONCE):
        some = steps[begins : begins + _STEPS_AT_ONCE + 1]
        signs = np.sign(worths(some))
        if signs[0] == 0.0:
            return float(some[0]), float(some[0])
        [changes] = np.nonzero(signs[:-1] * signs[1:] <= 0.0)
        if len(changes):
            return float(some[changes[0]]), float(some[changes[0] + 1])
    return None


def _slope(worth: Callable[[float], float], rate: float) -> float:
    width = 1e-6 * (1.0 + rate)
    return (worth(rate + width) - worth(rate - width)) / (2 * width)


def _sharpened(flows: Sequence[PlacedFlow], *, rate: float, slope: float) -> Decimal:
    """The root beyond what doubles hold, so that a digit is published by exact rounding and not by chance."""
    with exact_decimals():
        exact = Decimal(rate)
        if slope:
            for _ in range(2):
                exact -= _worth_exactly(flows, rate=exact) / Decimal(slope)
        return round(exact, _KEPT_DECIMALS)


def _worth_exactly(flows: Sequence[PlacedFlow], *, rate: Decimal) -> Decimal:
    growth = 1 + rate
    total = Decimal(0)
    over_parts: dict[Fraction, Decimal] = {}  # a broken power is dear, and the payments of a plan share few of them
    for flow in flows:
        whole, part = divmod(flow.periods, 1)
        if part not in over_parts:
            over_parts[part] = growth ** _decimal(part)
        total += flow.paid_minor / ((1 + _decimal(flow.odd_period) * rate) * growth**whole * over_parts[part])
    return total


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)
