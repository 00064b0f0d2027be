"""Ids: 64-bit numbers that rise with time inside, prefixed Crockford base32 text outside."""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from threading import Lock
from typing import Final

# 41 bits of milliseconds (until 2093), 10 bits of the process that made the id, 12 bits of its count within the
# millisecond: 63 bits, so that every id is a positive number to PostgreSQL.
EPOCH_MS: Final = 1_704_067_200_000  # 2024-01-01T00:00:00Z
_NODE_BITS: Final = 10
_COUNT_BITS: Final = 12
NODES: Final = 1 << _NODE_BITS
_COUNTS: Final = 1 << _COUNT_BITS
_LARGEST: Final = (1 << 63) - 1

# https://www.crockford.com/base32.html, in lower case: no i, l, o or u, so that nobody misreads an id over the phone.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)  # two characters at a time
_AS_PYTHON: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_LENGTH: Final = 13
ID_PATTERN: Final = "[0-7][0-9a-hjkmnp-tv-z]{12}"
_IS_ID: Final = re.compile(ID_PATTERN)


class IdPrefix(StrEnum):
    """What a public id names. A prefix is never used for anything else, and never changes."""

    ACCEPTANCE = "acceptance"
    API_KEY = "key"
    AUTHORIZATION = "auth"
    APPLICATION = "application"
    BORROWER = "borrower"
    BUREAU_REPORT = "report"
    CHARGEBACK = "chargeback"
    CREDIT_OFFER = "creditoffer"
    DEBIT = "debit"
    DECISION = "decision"
    DEVICE = "device"
    DRAWDOWN = "draw"
    EVENT = "event"
    FEE = "fee"
    FREEZE = "freeze"
    HOLD = "hold"
    LIMIT_OFFER = "offer"
    LIMIT_REVIEW_WISH = "wish"
    LINE = "line"
    MERCHANT = "merchant"
    PAYMENT = "payment"
    PLAN = "plan"
    PROPOSAL = "proposal"
    REFUND = "refund"
    REQUEST = "request"
    REVIEW = "review"
    SETTLEMENT = "settlement"
    SUSPENSE_ITEM = "item"
    TERMS_CHANGE = "change"
    TEST_CLOCK = "clock"
    TRANSFER = "transfer"
    WEBHOOK_DELIVERY = "delivery"
    WEBHOOK_ENDPOINT = "endpoint"


class IdFault(ValueError):
    """A text is not an id of that kind; the message says what it should look like."""


def id_after(previous: int, *, now_ms: int, node: int) -> int:
    """The next id of a process: later than `previous` even where the clock stood still or went back.

    `now_ms` is the time since 1970, `node` the number of the process, below `NODES`. After 4,096 ids within one
    millisecond the next one is taken from the millisecond to come.

    >>> first = id_after(0, now_ms=EPOCH_MS + 1, node=5)
    >>> first == (1 << 22) + (5 << 12), id_after(first, now_ms=EPOCH_MS, node=5) - first
    (True, 1)
    """
    previous_ms, previous_count = previous >> (_NODE_BITS + _COUNT_BITS), previous % _COUNTS
    since_ms = now_ms - EPOCH_MS
    if since_ms > previous_ms:
        count = 0
    else:
        carry, count = divmod(previous_count + 1, _COUNTS)
        since_ms = previous_ms + carry
    fresh = (since_ms << _NODE_BITS | node) << _COUNT_BITS | count
    assert 0 < fresh <= _LARGEST, "the clock is before 2024 or after 2093"
    return fresh


class IdSource(Iterator[int]):
    """Ids of one process, without end, for any number of threads.

    `node` must be the process's own while it lives; `now_ms` is the clock, milliseconds since 1970.
    """

    def __init__(self, *, node: int, now_ms: Callable[[], int]) -> None:
        if not 0 <= node < NODES:
            raise ValueError(f"node is {node}: give a number from 0 to {NODES - 1}")
        self._node = node
        self._now_ms = now_ms
        self._previous = 0
        self._lock = Lock()

    def __next__(self) -> int:
        """One more id, greater than every one before."""
        with self._lock:
            self._previous = id_after(self._previous, now_ms=self._now_ms(), node=self._node)
            return self._previous


def encode_id(prefix: str, number: int) -> str:
    """The public text of an id: its prefix and 13 characters that sort as the numbers do.

    >>> encode_id("line", 1), encode_id("line", 2**63 - 1)
    ('line_0000000000001', 'line_7zzzzzzzzzzzz')
    """
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"id {number} is not a number from 0 to 2^63 - 1")
    upper = f"{_ALPHABET[number >> 60]}{_PAIRS[number >> 50 & 1023]}{_PAIRS[number >> 40 & 1023]}"
    lower = f"{_PAIRS[number >> 30 & 1023]}{_PAIRS[number >> 20 & 1023]}{_PAIRS[number >> 10 & 1023]}"
    return f"{prefix}_{upper}{lower}{_PAIRS[number & 1023]}"


def decode_id(prefix: str, text: str) -> int:
    """The number of a public id; only the very text that `encode_id` gives is one.

    Raises `IdFault`, naming the kind of id that is wanted.

    >>> decode_id("line", "line_0000000000010")
    32
    >>> decode_id("line", "hold_0000000000010")
    Traceback (most recent call last):
    tallystick.units.ids.IdFault: 'hold_0000000000010' is not an id of this kind: give one that begins with line_
    """
    head, _, tail = text.partition("_")
    if head != prefix:
        raise IdFault(f"{text[:40]!r} is not an id of this kind: give one that begins with {prefix}_")
    if not _IS_ID.fullmatch(tail):
        raise IdFault(f"{text[:40]!r} is not an id: after {prefix}_ stand {_LENGTH} characters of {_ALPHABET}")
    return int(tail.translate(_AS_PYTHON), 32)
