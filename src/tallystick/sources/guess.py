"""Guesses from the names of a file's columns which field each one is, and which are one field month by month."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.sources.fields import FIELDS, KnownField

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[一-鿿]+")
_ONE_NUMBER: Final = re.compile(r"(\D*)(\d+)(\D*)")
_EARLIEST_YEAR_MONTH: Final = 190_001
# A Latin hint this long is also found inside a word; a shorter one would find "age" in "average".
_LONG_HINT: Final = 5
# A Chinese character says as much as this many letters.
_CHINESE_WEIGHT: Final = 3


@dataclass(frozen=True, slots=True)
class Series:
    """Columns whose names differ in one number only, the presumed latest month first; or a column on its own."""

    columns: tuple[str, ...]
    words: str  # the name without its number
    pattern: str = ""  # with {n}, where the columns are all of first .. first + count - 1
    first: int = 0


@dataclass(frozen=True, slots=True)
class Guess:
    """A field and the columns that may be it."""

    field: KnownField
    series: Series


def guess_fields(names: Sequence[str]) -> tuple[Guess, ...]:
    """Each column is guessed to be one field at most, and each field is guessed once, in the order of `FIELDS`.

    >>> [(guess.field.name, guess.series.columns) for guess in guess_fields(["ID", "LIMIT_BAL", "BILL_AMT1"])]
    [('line_id', ('ID',)), ('credit_limit', ('LIMIT_BAL',)), ('balance', ('BILL_AMT1',))]
    >>> [(guess.field.name, guess.series.pattern) for guess in guess_fields(["账单余额_0", "账单余额_1"])]
    [('balance', '账单余额_{n}')]
    """
    order = {name: place for place, name in enumerate(FIELDS)}
    likely = sorted(
        (-score, order[field.name], place, field, series)
        for place, series in enumerate(group_months(names))
        for field in FIELDS.values()
        if (field.monthly or len(series.columns) == 1) and (score := _likeness(series.words, field.hints))
    )
    taken: set[str] = set()
    found: dict[str, Guess] = {}
    for *_, field, series in likely:
        if field.name not in found and not taken.intersection(series.columns):
            found[field.name] = Guess(field, series)
            taken.update(series.columns)
    return tuple(found[name] for name in FIELDS if name in found)


def group_months(names: Iterable[str]) -> tuple[Series, ...]:
    """Put columns together whose names differ in their only number, in the order in which they first occur."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in names:
        match = _ONE_NUMBER.fullmatch(name)
        key, number = ((match[1], match[3]), match[2]) if match and match[1] + match[3] else ((name, ""), "")
        groups.setdefault(key, []).append((number, name))
    return tuple(_series(prefix, suffix, members) for (prefix, suffix), members in groups.items())


def _series(prefix: str, suffix: str, members: list[tuple[str, str]]) -> Series:
    words = f"{prefix} {suffix}"
    if len(members) == 1:
        return Series(columns=(members[0][1],), words=words)
    numbers = {name: int(number or 0) for number, name in members}
    # Numbers are months ago, so the smallest is the latest; a calendar month is the later the larger it is.
    is_calendar = min(numbers.values()) >= _EARLIEST_YEAR_MONTH
    columns = tuple(sorted(numbers, key=lambda name: -numbers[name] if is_calendar else numbers[name]))
    first = numbers[columns[0]]
    pattern = f"{prefix}{{n}}{suffix}"
    is_regular = columns == tuple(pattern.replace("{n}", str(first + month)) for month in range(len(columns)))
    return Series(columns=columns, words=words, pattern=pattern if is_regular else "", first=first)


def _likeness(words: str, hints: Iterable[str]) -> int:
    return max((_weight(hint) for hint in hints if _is_in(hint, words)), default=0)


def _weight(hint: str) -> int:
    return len(hint) if hint.isascii() else len(hint) * _CHINESE_WEIGHT


def _is_in(hint: str, words: str) -> bool:
    if not hint.isascii():
        return hint in words
    said = [word.lower() for word in _WORD.findall(words)]
    wanted = hint.split("_")
    if any(said[place : place + len(wanted)] == wanted for place in range(len(said))):
        return True
    return len(hint) >= _LONG_HINT and hint.replace("_", "") in "".join(said)
