"""When to stop asking a database that does not answer, and when to try it again; the time is an argument."""

import math


class Breaker:
    """Opens after so many batches in a row have failed; then one at a time is let through, to see whether it is back.

    Every batch carries the era in which it began. What it tells of an earlier era is old news and changes nothing.

    >>> breaker = Breaker(failures_most=2, cool_down_s=1.0)
    >>> for _ in range(2):
    ...     breaker.failed(breaker.begin(now_s=10.0), now_s=10.0)
    >>> breaker.wait_s(now_s=10.25)
    0.75
    >>> probe = breaker.begin(now_s=11.0)
    >>> breaker.begin(now_s=11.0) is None
    True
    >>> breaker.succeeded(probe)
    >>> breaker.wait_s(now_s=11.0)
    0.0
    """

    def __init__(self, *, failures_most: int = 5, cool_down_s: float = 1.0) -> None:
        assert failures_most >= 1
        self._failures_most = failures_most
        self._cool_down_s = cool_down_s
        self._failures = 0
        self._open_until_s = -math.inf
        self._is_open = False
        self._is_probing = False
        self._era = 0

    @property
    def is_open(self) -> bool:
        """Whether the database counts as away."""
        return self._is_open

    def wait_s(self, *, now_s: float) -> float:
        """In how many seconds it is worth asking; 0 where it is now."""
        if not self._is_open:
            return 0.0
        return self._cool_down_s if self._is_probing else max(0.0, self._open_until_s - now_s)

    def begin(self, *, now_s: float) -> int | None:
        """The era of a batch that begins now; None where none may."""
        if self._is_open:
            if self.wait_s(now_s=now_s) > 0:
                return None
            self._is_probing = True
            self._era += 1
        return self._era

    def succeeded(self, era: int | None) -> None:
        """The database answered a batch."""
        if era == self._era:
            self._failures = 0
            self._is_open = self._is_probing = False

    def failed(self, era: int | None, *, now_s: float) -> None:
        """The database did not."""
        if era != self._era:
            return
        self._failures += 1
        if self._is_probing or self._failures >= self._failures_most:
            self._is_open = True
            self._is_probing = False
            self._open_until_s = now_s + self._cool_down_s
            self._failures = 0
            self._era += 1
