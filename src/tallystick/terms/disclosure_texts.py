"""The texts of disclosures by language, and figures as they stand inside sentences."""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from msgspec import Struct

from tallystick.terms.disclosure import Language
from tallystick.units.money import MINOR_DIGITS, minor_per_major
from tallystick.units.rates import PPM

LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
# Not from the calendar module, whose names follow the locale of the machine.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_CHINESE_CURRENCIES: Final = {"CNY": "元", "TWD": "新台币元", "HKD": "港元", "USD": "美元", "EUR": "欧元"}


class DisclosureTexts(Struct, frozen=True):
    """All texts in one language; called with a key and the values of its placeholders."""

    language: Language
    entries: Mapping[str, str]

    def __call__(self, key: str, /, **values: str) -> str:
        """The text of `section.name`; `KeyError` names a key or a placeholder that does not exist."""
        return self.entries[key].format(**values)

    def listed(self, parts: list[str]) -> str:
        """Several names as one enumeration."""
        return ("、" if self.language == "zh" else ", ").join(parts)


def form_version() -> int:
    """The version of the form; raised whenever a text changes."""
    version = _document()["form_version"]
    assert isinstance(version, int)
    return version


@cache
def texts_in(language: Language) -> DisclosureTexts:
    """All texts in one language.

    >>> texts_in("en")("rate.effective", effective="13.84")
    '13.84% compounded (effective)'
    """
    sections = {name: entries for name, entries in _document().items() if isinstance(entries, dict)}
    return DisclosureTexts(
        language,
        {
            f"{section}.{name}": text[language]
            for section, entries in sections.items()
            for name, text in entries.items()
        },
    )


def money_words(amount_minor: int, *, currency: str, language: Language) -> str:
    """An amount to its last digit, with its currency.

    >>> money_words(107_200, currency="CNY", language="zh"), money_words(107_200, currency="CNY", language="en")
    ('1,072.00 元', 'CNY 1,072.00')
    """
    figure = money_figure(amount_minor, currency=currency)
    if language == "zh":
        return f"{figure} {currency_words(currency, language=language)}"
    return f"{currency} {figure}"


def currency_words(currency: str, *, language: Language) -> str:
    """The name of a currency: its ISO code, in Chinese its usual name.

    >>> currency_words("CNY", language="zh"), currency_words("CNY", language="en")
    ('元', 'CNY')
    """
    return _CHINESE_CURRENCIES.get(currency, currency) if language == "zh" else currency


def money_figure(amount_minor: int, *, currency: str) -> str:
    """An amount with all its digits, without its currency.

    >>> money_figure(107_200, currency="CNY"), money_figure(5_000, currency="JPY")
    ('1,072.00', '5,000')
    """
    return f"{Decimal(amount_minor) / minor_per_major(currency):,.{MINOR_DIGITS[currency]}f}"


def share_words(share_ppm: int | Decimal) -> str:
    """A share in ppm as a percentage without idle zeros; the sign is in the text.

    >>> share_words(6_000), share_words(500), share_words(180_000)
    ('0.6', '0.05', '18')
    """
    return f"{(Decimal(share_ppm) * 100 / PPM).normalize():f}"


def day_words(day: date, *, language: Language) -> str:
    """A date as the language writes it.

    >>> day_words(date(2026, 11, 3), language="zh"), day_words(date(2026, 11, 3), language="en")
    ('2026年11月3日', '3 November 2026')
    """
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("tallystick.terms").joinpath("disclosure_texts.toml").read_text(encoding="utf-8"))
