"""Chance without a state: what befalls whom and when is a function of the seed, so two lenders face the same shocks.

A draw is named by what it decides, whom it concerns and when. Nobody's next draw depends on how many others were made:
a world under another policy, or one that was killed and goes on, meets the same luck.
"""

import hashlib
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import poisson

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]

# SplitMix64 (Steele, Lea and Flood 2014): the increment and its finalizer's multipliers.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_64_BITS: Final = (1 << 64) - 1
_53_BITS: Final = 2.0**-53
# How the names of draws begin that befall people from day to day; all others are of who people are, of shops, of what
# a bureau holds, of rings' plans and of other lenders, which last.
_BEFALLS: Final = ("order/", "bill/", "day/", "month/", "payment/", "offer/", "notice/", "review/")


class Chances:
    """The draws of one world. Another `luck` is other days for the same people: what befalls them, not who they are.

    >>> chances = Chances(7)
    >>> both, second = chances.uniform("job", np.array([1, 2]), at=3), chances.uniform("job", np.array([2]), at=3)
    >>> bool(both[1] == second[0]), bool(both[0] == both[1])
    (True, False)
    """

    def __init__(self, seed: int, *, luck: int = 0) -> None:
        for name, number in (("seed", seed), ("luck", luck)):
            if number < 0:
                raise ValueError(f"{name} is {number}: choose a whole number from 0 up")
        self.seed, self.luck = seed, luck

    def uniform(self, name: str, whom: npt.ArrayLike, *, at: npt.ArrayLike = 0) -> Floats:
        """Uniform on (0, 1), one for each of `whom` at `at` (broadcast against each other), whole numbers from 0 up."""
        one, when = np.asarray(whom), np.asarray(at)
        if one.size == when.size == 1:
            drawn = np.asarray(self._one(name, int(one.item()), int(when.item())))
            return drawn.reshape(max(one.shape, when.shape, key=len))
        told: Floats = ((self._words(name, one, when) >> np.uint64(11)).astype(np.float64) + 0.5) * _53_BITS
        return told

    def normal(self, name: str, whom: npt.ArrayLike, *, at: npt.ArrayLike = 0) -> Floats:
        """Standard normal."""
        told: Floats = ndtri(self.uniform(name, whom, at=at))
        return told

    def happens(
        self, name: str, whom: npt.ArrayLike, *, at: npt.ArrayLike = 0, chance: npt.ArrayLike
    ) -> npt.NDArray[np.bool_]:
        """Whether it happens, with that chance: who is likelier to be hit is hit in every world where another is."""
        told: npt.NDArray[np.bool_] = self.uniform(name, whom, at=at) < np.asarray(chance)
        return told

    def count(self, name: str, whom: npt.ArrayLike, *, at: npt.ArrayLike = 0, mean: npt.ArrayLike) -> Integers:
        """How often it happens, by Poisson's law."""
        told: Integers = poisson.ppf(self.uniform(name, whom, at=at), np.asarray(mean)).astype(np.int64)
        return told

    def among(self, name: str, whom: npt.ArrayLike, *, at: npt.ArrayLike = 0, shares: npt.ArrayLike) -> Integers:
        """Which of several, by shares that sum to one."""
        bounds = np.cumsum(np.asarray(shares, dtype=np.float64))[:-1]
        told: Integers = np.searchsorted(bounds, self.uniform(name, whom, at=at), side="right").astype(np.int64)
        return told

    def _one(self, name: str, whom: int, at: int) -> float:
        return ((_word(_start(self.seed, self.luck, name), whom, at) >> 11) + 0.5) * _53_BITS

    def _words(self, name: str, whom: npt.NDArray[Any], at: npt.NDArray[Any]) -> _Words:
        with np.errstate(over="ignore"):
            words: _Words = np.asarray(_start(self.seed, self.luck, name), dtype=np.uint64)
            for told in (whom, at):
                words = _mixed(words ^ told.astype(np.uint64) * _STEP)
        return words


@cache
def _start(seed: int, luck: int, name: str) -> int:
    world = f"{seed}/{luck}" if luck and name.startswith(_BEFALLS) else f"{seed}"
    return int.from_bytes(hashlib.sha256(f"{world}/{name}".encode()).digest()[:8], "little")


def _word(word: int, whom: int, at: int) -> int:
    """The word of one draw, without the machinery of arrays: most are of one order or payment."""
    step, first, second = int(_STEP), int(_FIRST), int(_SECOND)
    for told in (whom, at):
        word = ((word ^ (told * step & _64_BITS)) + step) & _64_BITS
        word = (word ^ (word >> 30)) * first & _64_BITS
        word = (word ^ (word >> 27)) * second & _64_BITS
        word ^= word >> 31
    return word


def _mixed(word: _Words) -> _Words:
    word = word + _STEP
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))
