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
    return whole_ratio(exact.numerator, exact.denominator, rounding)


def whole_ratio(numerator: int, denominator: int, rounding: Rounding) -> int:
    """The ratio of two whole numbers, the second above zero, in whole units; it need not be in lowest terms.

    >>> [whole_ratio(10, 4, rounding) for rounding in Rounding]
    [2, 3, 3, 2]
    """
    quotient, remainder = divmod(abs(numerator), denominator)
    match rounding:
        case Rounding.HALF_EVEN:
            quotient += 2 * remainder > denominator or (2 * remainder == denominator and quotient % 2 == 1)
        case Rounding.HALF_UP:
            quotient += 2 * remainder >= denominator
        case Rounding.UP:
            quotient += remainder > 0
        case Rounding.DOWN:
            pass
    return quotient if numerator >= 0 else -quotient


def multiple(exact: Fraction, *, of: int, rounding: Rounding) -> int:
    """The exact amount as a multiple of so many units; whole units where that would leave nothing of something.

    >>> multiple(Fraction(17_012, 10), of=100, rounding=Rounding.HALF_EVEN)
    1700
    >>> multiple(Fraction(49), of=100, rounding=Rounding.HALF_EVEN)
    49
    """
    found = whole(exact / of, rounding) * of
    return found or whole(exact, rounding)
