"""How often a caller may ask: one token bucket per key and process; the time is an argument."""

import math
from threading import Lock

from msgspec import Struct

_BURST_S = 2
_MOST_BUCKETS = 10_000


class _Bucket(Struct):
    tokens: float
    filled_at_s: float


class RateLimits:
    """Buckets that fill at a caller's pace and hold two seconds of it."""

    def __init__(self) -> None:
        self._buckets: dict[int | str, _Bucket] = {}
        self._lock = Lock()

    def wait_s(self, key: int | str, *, per_s: float, now_s: float) -> int:
        """Take one token: 0 where there was one, or else after how many whole seconds there will be."""
        most = max(1.0, per_s * _BURST_S)
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                if len(self._buckets) >= _MOST_BUCKETS:
                    self._buckets.clear()
                bucket = self._buckets[key] = _Bucket(tokens=most, filled_at_s=now_s)
            bucket.tokens = min(most, bucket.tokens + max(0.0, now_s - bucket.filled_at_s) * per_s)
            bucket.filled_at_s = now_s
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return 0
            return math.ceil((1 - bucket.tokens) / per_s)
