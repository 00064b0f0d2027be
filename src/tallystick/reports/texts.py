"""Everything the reports say, in Chinese and in English, side by side in one file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tallystick.reports.figures import Language
from tallystick.reports.summary import Bilingual


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts in one language; called with a key and the values of its placeholders.

    >>> texts_in("en")("scenario.capped", cap="50,000")
    'Cap 50,000'
    """

    language: Language
    entries: Mapping[str, str]

    def __call__(self, key: str, /, **values: str) -> str:
        """The text of `key`; `KeyError` names a key or a placeholder that does not exist."""
        return self.entries[key].format(**values)

    def join(self, parts: list[str]) -> str:
        """Several names as one enumeration.

        >>> texts_in("zh").join(["A", "B"]), texts_in("en").join(["A", "B", "C"])
        ('A、B', 'A, B and C')
        """
        if self.language == "zh":
            return "、".join(parts)
        return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)

    def sentences(self, parts: list[str]) -> str:
        """Several sentences as one paragraph; Chinese sentences need no space between them."""
        return ("" if self.language == "zh" else " ").join(parts)


@cache
def read_texts() -> dict[str, Bilingual]:
    """Every text by its key `section.name`, in both languages."""
    source = files("tallystick.reports").joinpath("texts.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(source)
    return {
        f"{section}.{name}": Bilingual(zh=text["zh"], en=text["en"])
        for section, entries in sections.items()
        for name, text in entries.items()
    }


@cache
def texts_in(language: Language) -> Texts:
    """All texts in one language."""
    return Texts(language, {key: text[language] for key, text in read_texts().items()})
