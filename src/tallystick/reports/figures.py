"""Figures as text: money, shares and counts, as each language writes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from tallystick.units.money import MINOR_DIGITS, minor_per_major
from tallystick.units.rates import PPM

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

ABSENT: Final = "–"
_MINUS: Final = "\N{MINUS SIGN}"

# Powers of ten of the major unit that have a name, the largest first.
_UNITS: Final[dict[Language, tuple[tuple[int, str], ...]]] = {
    "zh": ((8, "亿"), (4, "万"), (0, "")),
    "en": ((9, "bn"), (6, "m"), (3, "k"), (0, "")),
}
_CHINESE_NAMES: Final = {
    "CNY": "元", "TWD": "新台币元", "HKD": "港元", "JPY": "日元", "USD": "美元", "EUR": "欧元", "GBP": "英镑",
}  # fmt: skip


def count_text(count: int) -> str:
    """A whole number with its thousands apart.

    >>> count_text(1234567), count_text(-12)
    ('1,234,567', '−12')
    """
    return f"{count:,}".replace("-", _MINUS)


def count_change_text(change: int) -> str:
    """A change of a whole number, with its sign.

    >>> count_change_text(1200), count_change_text(-3), count_change_text(0)
    ('+1,200', '−3', '0')
    """
    return _signed(change, count_text(abs(change)))


def ratio_text(ratio: float | None, *, digits: int = 3) -> str:
    """A plain ratio such as an AUC; a missing one is a dash.

    >>> ratio_text(0.78149), ratio_text(None)
    ('0.781', '–')
    """
    return ABSENT if ratio is None else _tidy_zero(f"{ratio:,.{digits}f}")


def percent_text(share: float | None, *, digits: int = 1) -> str:
    """A share, 1 = 100 %, as a percentage; a missing one is a dash.

    >>> percent_text(0.2212), percent_text(-0.051, digits=0), percent_text(None)
    ('22.1%', '−5%', '–')
    """
    return ABSENT if share is None else _tidy_zero(f"{share * 100:,.{digits}f}") + "%"


def ppm_text(share_ppm: int, *, digits: int = 2) -> str:
    """A share in ppm as a percentage.

    >>> ppm_text(130_593), ppm_text(240_000, digits=0)
    ('13.06%', '24%')
    """
    return percent_text(share_ppm / PPM, digits=digits)


def percent_change_text(after: int, before: int) -> str:
    """How far `after` lies from `before`, in percent of the size of `before`; from zero no percentage exists.

    >>> percent_change_text(103, 100), percent_change_text(-50, -100), percent_change_text(7, 0)
    ('+3.0%', '+50.0%', '–')
    """
    if not before:
        return ABSENT if after else "0%"
    change = (after - before) / abs(before)
    return _signed(after - before, percent_text(abs(change), digits=1)) if after != before else "0%"


def money_exact_text(amount_minor: int, *, currency: str) -> str:
    """An amount to its last digit; the decimals only where they are not zero.

    >>> money_exact_text(3_000_000, currency="CNY"), money_exact_text(-1250, currency="CNY")
    ('30,000', '−12.50')
    """
    major, minor = divmod(abs(amount_minor), minor_per_major(currency))
    decimals = f".{minor:0{MINOR_DIGITS[currency]}d}" if minor else ""
    return (_MINUS if amount_minor < 0 else "") + f"{major:,}{decimals}"


def money_text(amount_minor: int, *, currency: str, language: Language) -> str:
    """An amount to three digits or more, in the units that a reader of the language thinks in, without currency.

    >>> money_text(12_345_678_900, currency="CNY", language="zh")
    '1.23 亿'
    >>> money_text(3_456_000_000, currency="CNY", language="zh")
    '3,456 万'
    >>> money_text(12_345_678_900, currency="CNY", language="en"), money_text(-87_600, currency="CNY", language="en")
    ('123 m', '−876')
    >>> money_text(9_999_999_999, currency="CNY", language="zh")  # rounds up into the next unit
    '1.00 亿'
    """
    major = Decimal(abs(amount_minor)) / minor_per_major(currency)
    units = _UNITS[language]
    place = next((place for place, (exponent, _) in enumerate(units) if major.scaleb(-exponent) >= 1), len(units) - 1)
    exponent, unit = units[place]
    number = _three_digits(major.scaleb(-exponent)) if exponent else major.quantize(Decimal(1))
    if place and number.scaleb(exponent - units[place - 1][0]) >= 1:
        number, unit = Decimal("1.00"), units[place - 1][1]
    sign = _MINUS if amount_minor < 0 and number else ""
    return f"{sign}{number:,f} {unit}".rstrip()


def money_change_text(change_minor: int, *, currency: str, language: Language) -> str:
    """A change of an amount, with its sign.

    >>> money_change_text(150_000_000, currency="CNY", language="en")
    '+1.50 m'
    """
    return _signed(change_minor, money_text(abs(change_minor), currency=currency, language=language))


def with_currency(text: str, *, currency: str, language: Language) -> str:
    """The text of an amount together with its currency, as prose writes it.

    >>> with_currency("1.23 亿", currency="CNY", language="zh"), with_currency("12.3 m", currency="CNY", language="en")
    ('1.23 亿元', 'CNY 12.3 m')
    >>> with_currency("30,000", currency="CNY", language="zh"), with_currency("5 万", currency="KWD", language="zh")
    ('30,000 元', '5 万 KWD')
    """
    if language == "en":
        return f"{currency} {text}"
    name = currency_text(currency, language=language)
    close = text.endswith(("亿", "万")) and name in _CHINESE_NAMES.values()
    return f"{text}{name}" if close else f"{text} {name}"


def currency_text(currency: str, *, language: Language) -> str:
    """The name of a currency: its ISO code, in Chinese its name where it has a usual one.

    >>> currency_text("CNY", language="zh"), currency_text("CNY", language="en"), currency_text("KWD", language="zh")
    ('元', 'CNY', 'KWD')
    """
    return _CHINESE_NAMES.get(currency, currency) if language == "zh" else currency


@dataclass(frozen=True, slots=True)
class MoneyScale:
    """One unit for all amounts of a table or an axis, so that they can be compared by eye."""

    minor_per_unit: int
    digits: int
    unit: str

    def text(self, amount_minor: int) -> str:
        """The amount in this unit, the unit left out."""
        return _tidy_zero(f"{Decimal(amount_minor) / self.minor_per_unit:,.{self.digits}f}")

    def change_text(self, change_minor: int) -> str:
        """The change in this unit, with its sign."""
        return _signed(change_minor, self.text(abs(change_minor)))

    def number(self, amount_minor: int) -> float:
        """The amount in this unit, to be drawn."""
        return amount_minor / self.minor_per_unit


def table_scale(amounts_minor: Iterable[int], *, currency: str, language: Language) -> MoneyScale:
    """The unit in which the largest amount has at least three digits before the point: a table stays exact.

    >>> scale = table_scale([81_000_000_000, 123_456_789], currency="CNY", language="zh")
    >>> scale.unit, scale.text(81_000_000_000), scale.text(123_456_789)
    ('万元', '81,000', '123')
    """
    return _scale(amounts_minor, currency=currency, language=language, least=100)


def axis_scale(amounts_minor: Iterable[int], *, currency: str, language: Language) -> MoneyScale:
    """The unit in which the largest amount has at least one digit before the point: an axis stays short.

    >>> axis_scale([81_000_000_000], currency="CNY", language="zh").unit
    '亿元'
    """
    return _scale(amounts_minor, currency=currency, language=language, least=1)


def _scale(amounts_minor: Iterable[int], *, currency: str, language: Language, least: int) -> MoneyScale:
    largest = max((abs(amount) for amount in amounts_minor), default=0)
    per_major = minor_per_major(currency)
    fitting = [unit for unit in _UNITS[language] if largest >= least * per_major * 10 ** unit[0]]
    exponent, unit = fitting[0] if fitting else _UNITS[language][-1]
    minor_per_unit = per_major * 10**exponent
    name = with_currency(unit, currency=currency, language=language).strip()
    digits = 0 if not exponent or largest >= 1000 * minor_per_unit else 1 if largest >= 10 * minor_per_unit else 2
    return MoneyScale(minor_per_unit, digits, name)


def _three_digits(number: Decimal) -> Decimal:
    """Round to three digits, the whole part never shortened; twice, for 9.996 becomes 10.00 and then 10.0."""
    for _ in range(2):
        number = number.quantize(Decimal(1).scaleb(-max(2 - max(number.adjusted(), 0), 0)))
    return number


def _signed(change: float, size: str) -> str:
    if not change:
        return "0"
    return f"{_MINUS if change < 0 else '+'}{size}"


def _tidy_zero(text: str) -> str:
    """A true minus sign, and none before a zero."""
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.,") else _MINUS + text[1:]
    return text
