"""One source column becomes one field: parsed, converted exactly, and every cell that cannot be is named.

All of it works on whole columns; a cell is valid, missing, or has one reason why its row is refused.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.sources.fields import MONEY_HIGHEST
from tallystick.sources.mapping import MappedField
from tallystick.units.money import MINOR_DIGITS
from tallystick.units.rates import PPM

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Fractions of a source unit are kept to this many parts: 4 digits behind the point.
_FINENESS: Final = 10_000
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DAYS_PER_MONTH: Final = 30


class RejectReason(StrEnum):
    """Why a row is refused, in order of precedence. Never reused."""

    MISSING_REQUIRED = "MISSING_REQUIRED"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NOT_WHOLE = "NOT_WHOLE"
    NEGATIVE = "NEGATIVE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNLISTED_CODE = "UNLISTED_CODE"
    CURRENCY_WITHOUT_RATE = "CURRENCY_WITHOUT_RATE"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    DUPLICATES_DIFFER = "DUPLICATES_DIFFER"


REJECT_TEXTS: Final[dict[RejectReason, tuple[str, str]]] = {
    RejectReason.MISSING_REQUIRED: ("必填字段缺失", "a required value is missing"),
    RejectReason.NOT_A_NUMBER: ("不是数字", "not a number"),
    RejectReason.NOT_WHOLE: ("应为整数", "not a whole number"),
    RejectReason.NEGATIVE: ("不应为负", "negative where it cannot be"),
    RejectReason.OUT_OF_RANGE: ("超出合理范围", "outside what the field can hold"),
    RejectReason.UNLISTED_CODE: ("未登记的代码", "a code that the mapping does not list"),
    RejectReason.CURRENCY_WITHOUT_RATE: ("币种没有汇率", "a currency without an exchange rate"),
    RejectReason.DUPLICATE_LINE: ("重复行", "a copy of an earlier row"),
    RejectReason.DUPLICATES_DIFFER: (
        "同一编号的行内容不一致",
        "rows of one line that differ: nobody can say which is right",
    ),
}


class NoteReason(StrEnum):
    """What was done to a value of a row that stays."""

    UNLISTED_AS_MISSING = "UNLISTED_AS_MISSING"
    NEGATIVE_AS_MISSING = "NEGATIVE_AS_MISSING"
    NEGATIVE_AS_ZERO = "NEGATIVE_AS_ZERO"
    CREDIT_BALANCE = "CREDIT_BALANCE"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Converted:
    """A field's cells: `values` (Arrow, null where missing), cells refused by reason, and what was noted, as masks."""

    values: pa.Array
    refused: dict[RejectReason, Flags]
    noted: dict[NoteReason, Flags]


def convert_text(column: pa.ChunkedArray) -> pa.Array:
    """Text as it stands, without blanks around it; an empty text is missing."""
    texts = pc.utf8_trim_whitespace(_as_text(column))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def convert_category(column: pa.ChunkedArray, mapped: MappedField) -> Converted:
    """Codes to the values they stand for; unlisted ones are refused or, if the mapping says so, missing."""
    texts = convert_text(column)
    codes = pa.array(list(mapped.codes))
    place = pc.index_in(texts, value_set=codes)
    values = pc.take(pa.array(list(mapped.codes.values()), pa.string()), place)
    unlisted = _flags(pc.and_(pc.is_valid(texts), pc.is_null(place)))
    if mapped.unlisted == "missing":
        return Converted(values, {}, {NoteReason.UNLISTED_AS_MISSING: unlisted})
    return Converted(values, {RejectReason.UNLISTED_CODE: unlisted}, {})


def convert_number(column: pa.ChunkedArray, mapped: MappedField, *, factor: Fraction | npt.NDArray[np.int64],
                   factors: tuple[Fraction, ...] = ()) -> Converted:  # fmt: skip
    """Numbers times an exact factor, rounded once to whole units, half to even.

    `factor` is one for all rows, or an index into `factors` per row (mixed currencies).
    """
    parts, missing, bad = _parts_of(column)
    refused: dict[RejectReason, Flags] = {RejectReason.NOT_A_NUMBER: bad}
    noted: dict[NoteReason, Flags] = {}
    usable = ~missing & ~bad
    negative = usable & (parts < 0)
    if mapped.negative == "reject":
        refused[RejectReason.NEGATIVE] = negative
    elif mapped.negative == "zero":
        parts = np.where(negative, 0, parts)
    elif mapped.negative == "missing":
        missing = missing | negative
        noted[NoteReason.NEGATIVE_AS_MISSING] = negative
    elif mapped.negative == "credit_balance":
        noted[NoteReason.CREDIT_BALANCE] = negative
    if mapped.field.kind == "whole" and mapped.unit != "days":
        refused[RejectReason.NOT_WHOLE] = usable & (parts % _FINENESS != 0)
    if isinstance(factor, Fraction):
        whole = _times(parts, factor)
    else:
        whole = np.zeros_like(parts)
        for index, each in enumerate(factors):
            rows = factor == index
            whole[rows] = _times(parts[rows], each)
    lowest = mapped.field.lowest if mapped.field.lowest is not None else -MONEY_HIGHEST
    highest = mapped.field.highest if mapped.field.highest is not None else MONEY_HIGHEST
    outside = usable & ~missing & ((whole < lowest) | (whole > highest))
    refused[RejectReason.OUT_OF_RANGE] = outside & ~refused.get(RejectReason.NEGATIVE, np.zeros_like(outside))
    return Converted(pa.array(whole, pa.int64(), mask=missing | bad), refused, noted)


def money_factor(
    mapped: MappedField, *, currency: str, rate: Decimal, source_currency: str, scale: Decimal
) -> Fraction:
    """Minor units of the portfolio's currency per source unit, exact.

    Minor units of 1 TWD at 0.244 CNY are 24.4:

    >>> from tallystick.sources.fields import FIELDS
    >>> mapped = MappedField(FIELDS["balance"], ("BILL",), "major", "reject", {}, "reject")
    >>> money_factor(mapped, currency="CNY", rate=Decimal("0.244"), source_currency="TWD", scale=Decimal(1))
    Fraction(122, 5)
    """
    factor = Fraction(rate) * Fraction(scale) * 10 ** MINOR_DIGITS[currency]
    if mapped.unit.startswith("minor"):
        factor /= 10 ** MINOR_DIGITS[source_currency]
    per_year = mapped.unit.endswith("_per_year")
    return Fraction(factor, 12) if per_year else Fraction(factor)


def plain_factor(mapped: MappedField) -> Fraction:
    """The field's own unit per source unit: ppm per percent, months per year."""
    return {"percent": Fraction(PPM, 100), "ratio": Fraction(PPM), "years": Fraction(12)}.get(
        mapped.unit if mapped.field.name != "age" else "", Fraction(1)
    )


def days_to_months(values: pa.Array) -> pa.Array:
    """Days past due to started months: 1 to 30 days are one month past due, 31 to 60 two.

    >>> days_to_months(pa.array([0, 1, 30, 31, None])).to_pylist()
    [0, 1, 1, 2, None]
    """
    shifted = pc.add(values, _DAYS_PER_MONTH - 1)
    return pc.cast(pc.floor(pc.divide(pc.cast(shifted, pa.float64()), float(_DAYS_PER_MONTH))), pa.int64())


def _times(parts: Integers, factor: Fraction) -> Integers:
    """parts / _FINENESS x factor, rounded half to even, in whole numbers throughout."""
    exact = factor / _FINENESS
    top, bottom = exact.numerator, exact.denominator
    # Beyond this the product would not fit 64 bits; such an amount is out of range for any field.
    largest = (2**62) // max(top, 1)
    clipped = np.clip(parts, -largest, largest)
    quotient, rest = np.divmod(clipped * top, bottom)
    up = (2 * rest > bottom) | ((2 * rest == bottom) & (quotient % 2 == 1))
    return np.asarray(quotient + up, dtype=np.int64)


def _parts_of(column: pa.ChunkedArray) -> tuple[Integers, Flags, Flags]:
    """Cells as whole parts of `_FINENESS`, with masks of the missing and of those that are no number."""
    kind = column.type
    if pa.types.is_integer(kind):
        missing = _flags(pc.is_null(column))
        whole = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
        bound = (2**62) // _FINENESS
        return np.clip(whole, -bound, bound) * _FINENESS, missing, np.zeros(len(whole), dtype=np.bool_)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _parts_of_floats(column.cast(pa.float64()), bad=np.zeros(len(column), dtype=np.bool_))
    texts = convert_text(column)
    is_number = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), fill_value=True)
    numbers = pc.cast(pc.if_else(is_number, texts, pa.scalar(None, pa.string())), pa.float64())
    return _parts_of_floats(numbers, bad=~_flags(is_number))


def _parts_of_floats(numbers: pa.ChunkedArray | pa.Array, *, bad: Flags) -> tuple[Integers, Flags, Flags]:
    floats = pc.fill_null(numbers, float("nan")).to_numpy(zero_copy_only=False)
    missing = np.isnan(floats) & ~bad
    infinite = np.isinf(floats)
    largest = float(2**62)
    parts = np.rint(np.clip(np.where(np.isfinite(floats), floats, 0.0) * _FINENESS, -largest, largest))
    return parts.astype(np.int64), missing, bad | infinite


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_floating(column.type):
        # 1.0 and 1 are the same code; a float column is how missing whole numbers often arrive.
        floats = column.to_numpy(zero_copy_only=False)
        if np.array_equal(floats[~np.isnan(floats)], np.rint(floats[~np.isnan(floats)])):
            whole = pa.array(np.nan_to_num(floats).astype(np.int64), mask=np.isnan(floats))
            return pa.chunked_array([whole.cast(pa.string())])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def _flags(mask: pa.ChunkedArray | pa.Array) -> Flags:
    flags: Flags = np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return flags
