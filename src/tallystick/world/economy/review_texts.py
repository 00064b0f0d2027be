"""What buyers write about orders, in Chinese: made of our own words by category and by what became of the order."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.deliveries import Fate
from tallystick.world.economy.information_parameters import ReviewsParameters
from tallystick.world.economy.shops import CATEGORIES

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MOST_SLOTS: Final = 16  # no pattern has more


@dataclass(frozen=True, slots=True)
class ReviewTexts:
    """What was written, each column of shape (texts,); `order` says about which of those asked for."""

    order: Integers
    text: tuple[str, ...]
    is_positive: Flags  # the truth


def review_texts(
    chances: Chances, order: Integers, *, category: Integers, fate: Integers, parameters: ReviewsParameters
) -> ReviewTexts:
    """What is written about these orders, by those of their buyers who write; all of shape (orders,).

    `order` names each one among all of the world, `category` is a place in `shops.CATEGORIES`, `fate` a `Fate`.
    """
    writes = chances.happens("review/written", order, chance=np.asarray(parameters.written_share)[fate])
    if not writes.any():
        return ReviewTexts(order=order[writes], text=(), is_positive=writes[writes])
    order, category, fate = order[writes], category[writes], fate[writes]
    is_positive = chances.happens("review/praise", order, chance=np.asarray(parameters.positive_share)[fate])
    uniform = chances.uniform("review/words", order[:, None], at=np.arange(_MOST_SLOTS))
    words = _words()
    return ReviewTexts(
        order=order,
        text=tuple(
            _text(words, drawn.tolist(), category=CATEGORIES[sold].name, fate=Fate(became), praises=bool(praises))
            for drawn, sold, became, praises in zip(uniform, category, fate, is_positive, strict=True)
        ),
        is_positive=is_positive,
    )


def _text(words: Mapping[str, Any], uniform: list[float], *, category: str, fate: Fate, praises: bool) -> str:
    lists = {**words["words"], **words["category"][category]}
    pattern = _one_of(words["patterns"][fate.name.lower()]["positive" if praises else "negative"], uniform[0])
    return "".join(
        literal + (_one_of(lists[slot], uniform[place]) if slot else "")
        for place, (literal, slot) in enumerate(_parts(pattern), start=1)
    )


def _one_of(texts: list[str], uniform: float) -> str:
    return texts[int(uniform * len(texts))]


@cache
def _parts(pattern: str) -> tuple[tuple[str, str | None], ...]:
    """A pattern as texts, each with the slot that follows it, None at the end."""
    parts = tuple((literal, slot) for literal, slot, _, _ in Formatter().parse(pattern))
    assert len(parts) < _MOST_SLOTS, f"the pattern {pattern} has too many slots"
    return parts


@cache
def _words() -> Mapping[str, Any]:
    return tomllib.loads(files("tallystick.world.economy").joinpath("review_words.toml").read_text(encoding="utf-8"))
