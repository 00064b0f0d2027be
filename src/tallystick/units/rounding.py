"""The one rounding of an exact amount to whole units, by a rule with a name."""

from enum import StrEnum
from fractions import Fraction


class Rounding(StrEnum):
    """How an exact amount becomes whole units. `up` and `down` are away from zero and towards it."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


def whole(exact: Fraction, rounding: Rounding) -> int:
    """The exact amount in whole units.

    >>> [whole(Fraction(5, 2), rounding) for rounding in Rounding]
    [2, 3, 3, 2]
    >>> [whole(Fraction(-5, 2), rounding) for rounding in Rounding]
    [-2, -3, -3, -2]
    """
    if rounding is Rounding.HALF_EVEN:
        return round(exact)
    sign = 1 if exact >= 0 else -1
    quotient, remainder = divmod(abs(exact.numerator), exact.denominator)
    match rounding:
        case Rounding.HALF_UP:
            return sign * (quotient + (2 * remainder >= exact.denominator))
        case Rounding.UP:
            return sign * (quotient + (remainder > 0))
        case Rounding.DOWN:
            return sign * quotient


def multiple(exact: Fraction, *, of: int, rounding: Rounding) -> int:
    """The exact amount as a multiple of so many units; whole units where that would leave nothing of something.

    >>> multiple(Fraction(17_012, 10), of=100, rounding=Rounding.HALF_EVEN)
    1700
    >>> multiple(Fraction(49), of=100, rounding=Rounding.HALF_EVEN)
    49
    """
    found = whole(exact / of, rounding) * of
    return found or whole(exact, rounding)
