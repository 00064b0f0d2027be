"""What a refusal says in words: what is wrong, with its figures, and the way out."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Final

from msgspec import Struct

from tallystick.servicing.refusals import RefusalReason
from tallystick.terms.disclosure import Language

_SEPARATORS: Final[dict[Language, str]] = {"en": ", ", "zh": "、"}


class RefusalText(Struct, frozen=True):
    """One text in both languages, for a refusal that has the figures it names."""

    en: str
    zh: str

    @property
    def figures(self) -> frozenset[str]:
        """The names of the figures that it tells."""
        return placeholders(self.en)


def placeholders(text: str) -> frozenset[str]:
    """The names in a text's braces."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@cache
def refusal_texts() -> dict[RefusalReason, tuple[RefusalText, ...]]:
    """All texts, in the order in which they are tried."""
    source = files("tallystick.web").joinpath("refusal_texts.toml").read_text(encoding="utf-8")
    return {
        RefusalReason(reason): tuple(RefusalText(en=text["en"], zh=text["zh"]) for text in texts)
        for reason, texts in tomllib.loads(source).items()
    }


def text_for(reason: RefusalReason, figures: Mapping[str, Any]) -> RefusalText:
    """The first text of the reason whose figures are all there."""
    return next(text for text in refusal_texts()[reason] if text.figures <= figures.keys())


def in_words(reason: RefusalReason, figures: Mapping[str, Any], *, language: Language) -> str:
    """A refusal in words; `figures` as they are told outside, amounts in minor units.

    >>> in_words(RefusalReason.AVAILABLE_CREDIT_EXCEEDED, {"available_minor": 100_000}, language="en")
    'Only 100,000 minor units are available: take that much or less, or pay back first.'
    """
    text = text_for(reason, figures)
    template = text.zh if language == "zh" else text.en
    return template.format(
        **{name: _figure(name, figures[name], separator=_SEPARATORS[language]) for name in text.figures}
    )


def _figure(name: str, figure: object, *, separator: str) -> str:
    if isinstance(figure, list | tuple):
        return separator.join(map(str, figure))
    return f"{figure:,}" if name.endswith("_minor") else str(figure)
