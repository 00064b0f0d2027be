"""Tokens that a process has verified, remembered so that Argon2 runs once per token and not once per request."""

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

Found = TypeVar("Found")


class RememberedTokens(Generic[Found]):
    """A bounded memory of answers by token digest, each good for `seconds`; the time is an argument of every question.

    A key that is revoked by another process is refused here at most `seconds` later; by this process, at once.
    """

    def __init__(self, *, seconds: float, most: int = 10_000) -> None:
        self._seconds = seconds
        self._most = most
        self._answers: OrderedDict[bytes, tuple[float, Found]] = OrderedDict()
        self._lock = Lock()

    def recall(self, digest: bytes, *, now_s: float) -> Found | None:
        """What was found for that token less than `seconds` ago, or else None."""
        with self._lock:
            known = self._answers.get(digest)
        return known[1] if known is not None and now_s - known[0] < self._seconds else None

    def stale(self, digest: bytes) -> Found | None:
        """What was once found for that token: its secret is right, what it may do can have changed since."""
        with self._lock:
            known = self._answers.get(digest)
        return None if known is None else known[1]

    def remember(self, digest: bytes, found: Found, *, now_s: float) -> None:
        """Keep an answer; the oldest is forgotten where there are too many."""
        with self._lock:
            self._answers[digest] = (now_s, found)
            self._answers.move_to_end(digest)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)

    def forget_all(self) -> None:
        """Ask the database again for every token: some key has changed."""
        with self._lock:
            self._answers.clear()
