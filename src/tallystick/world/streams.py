"""Named random streams: each kind of chance draws from its own, so that adding one moves no other."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one block of candidates: `count` draws each, from a seed, a block number and the stream's name.

    A stream's first draws are the same whatever `count` is, so a larger world begins with the smaller one.
    A name may be drawn once: a second draw would repeat the same numbers.
    """

    seed: int
    block: int
    count: int
    _drawn: set[str] = field(default_factory=set)

    def uniform(self, name: str) -> Floats:
        """Uniform on [0, 1), shape (count,)."""
        return self._generator(name).random(self.count)

    def normal(self, name: str) -> Floats:
        """Standard normal, shape (count,)."""
        return self._generator(name).standard_normal(self.count)

    def _generator(self, name: str) -> np.random.Generator:
        if name in self._drawn:
            raise ValueError(f"stream {name!r} was drawn already; give the second draw a name of its own")
        self._drawn.add(name)
        digest = hashlib.sha256(name.encode()).digest()[:16]
        words = tuple(int(word) for word in np.frombuffer(digest, dtype="<u4"))
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(*words, self.block))))
