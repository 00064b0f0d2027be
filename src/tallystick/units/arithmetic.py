"""Exact arithmetic, or arithmetic that keeps so many significant digits at each step, as other systems count."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

Number = Fraction | Decimal


class Arithmetic:
    """Products and quotients, exact where `significant_digits` is None.

    Half a cent is where the two differ: 937.50 at 1 % a month is 9.375, and over 31 equal days, with 19 digits kept,
    a trifle less.

    >>> exact, kept = Arithmetic(None), Arithmetic(19)
    >>> month = (93_750, Decimal("0.01"))
    >>> exact.product(exact.quotient(exact.product(*month), 31), 31)
    Fraction(1875, 2)
    >>> kept.product(kept.quotient(kept.product(*month), 31), 31)
    Decimal('937.4999999999999999')
    """

    def __init__(self, significant_digits: int | None) -> None:
        self._context = None
        if significant_digits is not None:
            self._context = Context(prec=significant_digits, rounding=ROUND_HALF_EVEN)
            self._last_place = Decimal(1).scaleb(-significant_digits)

    def number(self, value: int | Number) -> Number:
        """A value in the form that this arithmetic works with."""
        if self._context is None:
            return Fraction(value)
        if isinstance(value, Fraction):
            return self._context.divide(Decimal(value.numerator), Decimal(value.denominator))
        return Decimal(value)

    def product(self, first: int | Number, second: int | Number) -> Number:
        """The product of two values."""
        if self._context is None:
            return Fraction(first) * Fraction(second)
        return self._context.multiply(self._decimal(first), self._decimal(second))

    def quotient(self, first: int | Number, second: int | Number) -> Number:
        """The quotient of two values."""
        if self._context is None:
            return Fraction(first) / Fraction(second)
        return self._context.divide(self._decimal(first), self._decimal(second))

    def one_and(self, value: Number) -> Number:
        """One more than a value."""
        if self._context is None:
            return 1 + Fraction(value)
        return self._context.add(Decimal(1), self._decimal(value))

    def at_last_place(self, value: Number) -> Number:
        """The value with no more decimal places than significant digits are kept."""
        if self._context is None:
            return value
        return self._decimal(value).quantize(self._last_place, rounding=ROUND_HALF_EVEN)

    def _decimal(self, value: int | Number) -> Decimal:
        found = self.number(value)
        assert isinstance(found, Decimal), "this arithmetic keeps digits, so its numbers are decimal"
        return found
