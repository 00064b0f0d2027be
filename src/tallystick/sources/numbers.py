"""A column of numbers, however a file holds it, as exact whole parts; and exact products of them, rounded once.

Works on whole columns. Money never passes through an inexact product: a value is read as `parts / 10**digits`
and multiplied by a fraction of whole numbers.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Digits behind the point that are kept of floats, decimals and text. A float64 tells them apart up to 9e9.
FRACTION_DIGITS: Final = 6
# Parts and products beyond this are too large for any field; it leaves room to add and double within 64 bits.
LARGEST: Final = 2**61

_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True, slots=True)
class NumberMarks:
    """How numbers are written as text: the mark between thousands ("" for none) and that before the fraction."""

    thousands: str = ""
    decimal: str = "."


PLAIN_MARKS: Final = NumberMarks()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Cells of one column, shape (rows,): each is a number `parts / 10**digits`, or one of three flags is set."""

    parts: Integers
    digits: int
    missing: Flags
    unreadable: Flags
    too_large: Flags

    @property
    def usable(self) -> Flags:
        """Where a cell holds a number that fits."""
        return ~(self.missing | self.unreadable | self.too_large)


def read_numbers(column: pa.ChunkedArray, *, fraction_digits: int = FRACTION_DIGITS,
                 marks: NumberMarks = PLAIN_MARKS) -> Numbers:  # fmt: skip
    """Integers as they are; floats, decimals and text to `fraction_digits`, half to even. Blank text is missing.

    >>> numbers = read_numbers(pa.chunked_array([["12.5", " -3", "", "12a", None]]))
    >>> numbers.parts[:2].tolist(), numbers.digits
    ([12500000, -3000000], 6)
    >>> numbers.missing.tolist(), numbers.unreadable.tolist()
    ([False, False, True, False, True], [False, False, False, True, False])
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_integer(kind):
        return _of_integers(column)
    if pa.types.is_floating(kind):
        return _of_floats(column, unreadable=_none(column), digits=fraction_digits)
    if pa.types.is_decimal(kind):
        return _of_decimals(column, digits=fraction_digits)
    return _of_texts(trimmed(column), digits=fraction_digits, marks=marks)


def rounded_product(parts: Integers, factor: Fraction) -> Integers:
    """parts x factor in whole numbers, half to even; what exceeds `LARGEST` is cut to it.

    33 x 0.5 is 16.5 and goes to 16, 35 x 0.5 is 17.5 and goes to 18:

    >>> rounded_product(np.array([33, 35, -33]), Fraction(1, 2)).tolist()
    [16, 18, -16]
    >>> rounded_product(np.array([10**17]), Fraction(142857143, 10**9)).tolist()
    [14285714300000000]
    """
    top, bottom = factor.numerator, factor.denominator
    is_short = np.abs(parts) <= LARGEST // top if bottom <= LARGEST else np.zeros(len(parts), dtype=np.bool_)
    if is_short.all():
        return parts * top if bottom == 1 else _half_even(parts * top, bottom)
    product = np.empty_like(parts)
    product[is_short] = _half_even(parts[is_short] * top, bottom)
    # Too long for 64 bits on the way: Python's whole numbers have no end, and such rows are few.
    product[~is_short] = [
        max(-LARGEST, min(LARGEST, round(Fraction(part * top, bottom)))) for part in parts[~is_short].tolist()
    ]
    return product


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without blanks around it; empty text is null."""
    texts = pc.utf8_trim_whitespace(as_text(column))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text. Whole floats lose their ".0": that is how codes with gaps often arrive."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        known = pc.drop_null(column)
        whole = pc.and_(pc.is_finite(known), pc.less(pc.abs(known), 2.0**53))
        if pc.all(pc.and_(whole, pc.equal(pc.floor(known), known)), min_count=0).as_py():
            column = column.cast(pa.int64())
    return column.cast(pa.string())


def flags_of(mask: pa.ChunkedArray | pa.Array) -> Flags:
    """An Arrow mask without nulls as NumPy."""
    flags: Flags = np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return flags


def _half_even(product: Integers, bottom: int) -> Integers:
    quotient, rest = np.divmod(product, bottom)
    rounded: Integers = quotient + ((2 * rest > bottom) | ((2 * rest == bottom) & (quotient % 2 == 1)))
    return rounded


def _none(column: pa.ChunkedArray) -> Flags:
    return np.zeros(len(column), dtype=np.bool_)


def _of_integers(column: pa.ChunkedArray) -> Numbers:
    missing = flags_of(pc.is_null(column))
    too_large = _none(column)
    if pa.types.is_uint64(column.type):
        too_large = flags_of(pc.fill_null(pc.greater(column, pa.scalar(LARGEST, pa.uint64())), fill_value=False))
        column = pc.if_else(pa.array(too_large), pa.scalar(0, pa.uint64()), column)
    parts = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    too_large |= (parts > LARGEST) | (parts < -LARGEST)
    return Numbers(np.where(too_large, 0, parts), 0, missing, _none(column), too_large)


def _of_floats(column: pa.ChunkedArray, *, unreadable: Flags, digits: int) -> Numbers:
    floats = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    missing = np.isnan(floats) & ~unreadable
    infinite = np.isinf(floats)
    with np.errstate(over="ignore"):
        scaled = np.rint(np.where(np.isfinite(floats), floats, 0.0) * 10.0**digits)
    too_large = np.abs(scaled) > LARGEST
    parts = np.where(too_large, 0.0, scaled).astype(np.int64)
    return Numbers(parts, digits, missing, unreadable | infinite, too_large)


def _of_decimals(column: pa.ChunkedArray, *, digits: int) -> Numbers:
    bound, kind = LARGEST // 10**digits, column.type
    missing, too_large = flags_of(pc.is_null(column)), _none(column)
    if kind.precision - kind.scale >= len(str(bound)):  # otherwise the type has no room for one
        limit = pa.scalar(Decimal(bound), pa.decimal256(76, max(kind.scale, 0)))
        above = pc.greater(pc.abs(column.cast(pa.decimal256(76, kind.scale))), limit)
        too_large = flags_of(pc.fill_null(above, fill_value=False))
        column = pc.if_else(pa.array(too_large), pa.scalar(None, kind), column)
    wide = column.cast(pa.decimal256(76, max(kind.scale, digits)))
    rounded = pc.round(wide, ndigits=digits, round_mode="half_to_even").cast(pa.decimal256(50, digits))
    parts = pc.multiply(rounded, pa.scalar(10**digits, pa.decimal256(digits + 1, 0))).cast(pa.int64())
    return Numbers(pc.fill_null(parts, 0).to_numpy(), digits, missing, _none(column), too_large)


def _of_texts(texts: pa.ChunkedArray, *, digits: int, marks: NumberMarks) -> Numbers:
    if marks.thousands:
        texts = pc.replace_substring(texts, pattern=marks.thousands, replacement="")
    if marks.decimal != ".":
        texts = pc.replace_substring(texts, pattern=marks.decimal, replacement=".")
    readable = pc.fill_null(pc.match_substring_regex(texts, pattern=_NUMBER), fill_value=True)
    unreadable = ~flags_of(readable)
    if unreadable.any():
        texts = pc.if_else(readable, texts, pa.scalar(None, pa.string()))
    try:
        whole = _of_integers(texts.cast(pa.int64()))
    except pa.ArrowInvalid:
        plain = pc.utf8_ltrim(texts, characters="+")
        return _of_floats(plain.cast(pa.float64()), unreadable=unreadable, digits=digits)
    return Numbers(whole.parts, 0, whole.missing & ~unreadable, unreadable, whole.too_large)
