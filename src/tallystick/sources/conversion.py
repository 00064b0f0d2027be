"""One source column becomes one field: read, converted exactly, and every cell that cannot be is named.

All of it works on whole columns; a cell is valid, missing, or has one reason why its row is refused.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.sources.declaration import MappedField
from tallystick.sources.fields import MONEY_HIGHEST
from tallystick.sources.numbers import (
    FRACTION_DIGITS,
    LARGEST,
    PLAIN_MARKS,
    Flags,
    Integers,
    NumberMarks,
    Numbers,
    flags_of,
    read_numbers,
    rounded_product,
    trimmed,
)
from tallystick.sources.reasons import NoteReason, RejectReason
from tallystick.units.money import MINOR_DIGITS
from tallystick.units.rates import PPM

_DAYS_PER_MONTH: Final = 30
# A ratio is told in millionths: three more digits show a value that lies between two of them.
_RATIO_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Converted:
    """A field's cells: `values` (Arrow, null where missing), and masks of cells refused and noted, by reason."""

    values: pa.Array
    refused: dict[RejectReason, Flags]
    noted: dict[NoteReason, Flags]

    def judged_where(self, rows: Flags) -> "Converted":
        """The same, with refusals and notes only in these rows."""
        return Converted(
            values=self.values,
            refused={reason: mask & rows for reason, mask in self.refused.items()},
            noted={reason: mask & rows for reason, mask in self.noted.items()},
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """How a source number becomes the field's own whole unit: times `factor`.

    `digits` behind the point are what its unit can have (2 for yuan); None where any fraction has a meaning.
    """

    factor: Fraction
    digits: int | None


def money_scale(unit: str, *, currency: str, source_currency: str, rate: Decimal, limit_scale: Decimal) -> Scale:
    """From a source unit of money to minor units of the portfolio's currency, exact.

    One New Taiwan dollar at 0.244 yuan is 24.4 fen:

    >>> money_scale("major", currency="CNY", source_currency="TWD", rate=Decimal("0.244"), limit_scale=Decimal(1))
    Scale(factor=Fraction(122, 5), digits=2)
    """
    factor = Fraction(rate) * Fraction(limit_scale) * 10 ** MINOR_DIGITS[currency]
    if unit.startswith("minor"):
        factor /= 10 ** MINOR_DIGITS[source_currency]
    if unit.endswith("_per_year"):
        factor /= 12
    return Scale(factor=factor, digits=0 if unit.startswith("minor") else MINOR_DIGITS[source_currency])


def plain_scale(mapped: MappedField) -> Scale:
    """From a source unit to the field's own: ppm per percent, months per year; days are counted up to months."""
    match mapped.unit:
        case "percent":
            return Scale(Fraction(PPM, 100), 4)
        case "ratio":
            return Scale(Fraction(PPM), 6)
        case "years" if mapped.field.target != "age_years":
            return Scale(Fraction(12), None)
        case "days":
            return Scale(Fraction(1, _DAYS_PER_MONTH), 0)
        case _:
            return Scale(Fraction(1), 0)


def convert_text(column: pa.ChunkedArray) -> Converted:
    """Text as it stands, without blanks around it; an empty text is missing."""
    texts = trimmed(column)
    return Converted(texts, {}, {NoteReason.MISSING: flags_of(pc.is_null(texts))})


def convert_category(column: pa.ChunkedArray, mapped: MappedField) -> Converted:
    """Codes to the values they stand for; unlisted ones are refused or, if the mapping says so, missing."""
    texts = trimmed(column)
    place = pc.index_in(texts, value_set=pa.array(list(mapped.codes), pa.string()))
    values = pc.take(pa.array(list(mapped.codes.values()), pa.string()), place)
    unlisted = flags_of(pc.and_(pc.is_valid(texts), pc.is_null(place)))
    noted = {NoteReason.MISSING: flags_of(pc.is_null(values)) & ~unlisted}
    if mapped.unlisted == "missing":
        return Converted(values, {}, noted | {NoteReason.UNLISTED_AS_MISSING: unlisted})
    return Converted(values, {RejectReason.UNLISTED_CODE: unlisted}, noted)


def convert_number(column: pa.ChunkedArray, mapped: MappedField, *, scale: Scale,
                   marks: NumberMarks = PLAIN_MARKS) -> Converted:  # fmt: skip
    """Numbers in the field's own whole unit, rounded once, half to even.

    12,345 New Taiwan dollars at 0.244 are 301,218 fen; 0.25 fen of a yuan amount are rounded and noted:

    >>> from tallystick.sources.fields import FIELDS
    >>> balance = MappedField(FIELDS["balance"], ("BILL",), "major", "credit_balance")
    >>> taiwan = Scale(Fraction(122, 5), 2)
    >>> convert_number(pa.chunked_array([[12345, -5, None]]), balance, scale=taiwan).values.to_pylist()
    [301218, -122, None]
    >>> yuan = convert_number(pa.chunked_array([[0.0125, 1.5]]), balance, scale=Scale(Fraction(100), 2))
    >>> yuan.values.to_pylist(), yuan.noted[NoteReason.FRACTION_ROUNDED].tolist()
    ([1, 150], [True, False])
    """
    digits = _RATIO_DIGITS if mapped.unit == "ratio" else FRACTION_DIGITS
    numbers = _without_special(read_numbers(column, fraction_digits=digits, marks=marks), mapped)
    negative = numbers.usable & (numbers.parts < 0)
    refused = {RejectReason.NOT_A_NUMBER: numbers.unreadable, **_refused_negative(mapped, negative)}
    noted = {NoteReason.MISSING: numbers.missing, **_noted_negative(mapped, negative)}
    parts, missing = numbers.parts, numbers.missing
    if mapped.negative == "zero":
        parts = np.where(negative, 0, parts)
    elif mapped.negative == "missing":
        missing = missing | negative
    is_finer = numbers.usable & ~missing & _is_finer(parts, numbers.digits, than=scale.digits)
    if mapped.field.kind == "whole":
        refused[RejectReason.NOT_WHOLE] = is_finer & ~negative
    else:
        noted[NoteReason.FRACTION_ROUNDED] = is_finer
    whole = _scaled(parts, scale.factor / 10**numbers.digits, unit=mapped.unit)
    is_judged = ~missing & ~refused.get(RejectReason.NEGATIVE, np.zeros_like(missing))
    refused[RejectReason.OUT_OF_RANGE] = is_judged & (numbers.too_large | (numbers.usable & _outside(mapped, whole)))
    return Converted(pa.array(whole, pa.int64(), mask=missing | ~numbers.usable), refused, noted)


def _without_special(numbers: Numbers, mapped: MappedField) -> Numbers:
    """Numbers that stand for something else become it: -2 = no use becomes 0 months, -999 becomes missing."""
    parts, missing = numbers.parts, numbers.missing
    usable = numbers.usable
    for source, meant in mapped.special.items():
        key = Fraction(source) * 10**numbers.digits
        if key.denominator != 1 or abs(key) > LARGEST:
            continue  # such a value does not occur in this column
        rows = usable & (numbers.parts == int(key))
        if meant is None:
            missing = missing | rows
        else:
            parts = np.where(rows, int(Fraction(meant) * 10**numbers.digits), parts)
    return Numbers(parts, numbers.digits, missing, numbers.unreadable, numbers.too_large)


def _refused_negative(mapped: MappedField, negative: Flags) -> dict[RejectReason, Flags]:
    return {RejectReason.NEGATIVE: negative} if mapped.negative in (None, "reject") else {}


def _noted_negative(mapped: MappedField, negative: Flags) -> dict[NoteReason, Flags]:
    match mapped.negative:
        case "zero":
            return {NoteReason.NEGATIVE_AS_ZERO: negative}
        case "missing":
            return {NoteReason.NEGATIVE_AS_MISSING: negative}
        case "credit_balance":
            return {NoteReason.CREDIT_BALANCE: negative}
        case _:
            return {}


def _is_finer(parts: Integers, digits: int, *, than: int | None) -> Flags:
    if than is None or digits <= than:
        return np.zeros(len(parts), dtype=np.bool_)
    finer: Flags = parts % 10 ** (digits - than) != 0
    return finer


def _scaled(parts: Integers, factor: Fraction, *, unit: str) -> Integers:
    if unit == "days":
        # A month past due is started on its first day: 1 to 30 days are one month, 31 to 60 two.
        return -(-parts * factor.numerator // factor.denominator)
    return rounded_product(parts, factor)


def _outside(mapped: MappedField, whole: Integers) -> Flags:
    lowest = mapped.field.lowest if mapped.field.lowest is not None else -MONEY_HIGHEST
    highest = mapped.field.highest if mapped.field.highest is not None else MONEY_HIGHEST
    outside: Flags = (whole < lowest) | (whole > highest)
    return outside
