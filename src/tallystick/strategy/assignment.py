"""Chance that can be told again: who gets which strategy, and which cases are decided otherwise on purpose.

Nothing here draws a random number. A place among a million is read off a hash of a salt and an id, so that the same
id has the same place on every machine and in every replay, and ids under two salts have places that say nothing of
each other.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.units.rates import PPM

Places = npt.NDArray[np.int64]
Key = int | str
CHAMPION: Final = "champion"


def place_ppm(key: Key, *, salt: str) -> int:
    """The place of an id among a million, 0 to 999,999: BLAKE2b of the id's text, keyed by the salt, scaled down.

    Its 64 bits are scaled, not divided with a rest, so that every place is as likely as any other to within 1e-13.

    >>> place_ppm(4711, salt="2026-11"), place_ppm(4711, salt="2026-12")
    (409800, 236598)
    """
    digest = hashlib.blake2b(str(key).encode(), digest_size=8, key=_salt_key(salt)).digest()
    return int.from_bytes(digest, "big") * PPM >> 64


def places_ppm(keys: Iterable[Key], *, salt: str) -> Places:
    """The places of many ids, shape (ids,)."""
    return np.fromiter((place_ppm(key, salt=salt) for key in keys), dtype=np.int64)


def _salt_key(salt: str) -> bytes:
    return hashlib.blake2b(salt.encode(), digest_size=32).digest()


@dataclass(frozen=True, slots=True)
class Challenger:
    """A strategy that a share of the borrowers gets in place of the champion."""

    name: str
    share_ppm: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Champion and challengers. Each challenger has the places after those of the one before; the champion the rest.

    So a last challenger whose share grows takes borrowers from the champion alone, and gives back only its own.
    """

    salt: str
    challengers: tuple[Challenger, ...]

    def __post_init__(self) -> None:
        shares = [challenger.share_ppm for challenger in self.challengers]
        names = [CHAMPION, *(challenger.name for challenger in self.challengers)]
        if min(shares, default=0) < 0 or sum(shares) > PPM:
            raise ValueError(f"the challengers' shares {shares} must each be from 0, and at most {PPM} ppm together")
        if len(set(names)) < len(names):
            raise ValueError(f"the names {names} must differ")

    def assign(self, borrower_ids: Sequence[Key]) -> npt.NDArray[np.object_]:
        """The name of each borrower's strategy, shape (borrowers,).

        >>> tenth = Assignment(salt="2026-11", challengers=(Challenger("cautious", 100_000),))
        >>> tenth.assign([4711, 4712, 4713, 4714]).tolist()
        ['champion', 'champion', 'champion', 'cautious']
        """
        ends = np.cumsum([challenger.share_ppm for challenger in self.challengers], dtype=np.int64)
        names = np.array([*(challenger.name for challenger in self.challengers), CHAMPION], dtype=object)
        chosen: npt.NDArray[np.object_] = names[
            np.searchsorted(ends, places_ppm(borrower_ids, salt=self.salt), side="right")
        ]
        return chosen
