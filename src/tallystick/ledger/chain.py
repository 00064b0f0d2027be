"""The chain of seals over committed transfers: a later change to any of them shows, and where.

A transfer's canonical bytes are its fourteen fields, each as a four-byte length and its big-endian bytes or UTF-8 text,
after their number in two bytes: what PostgreSQL calls the binary COPY format of a row, so that a million are read at
the speed of the disk. Dates count from 2000-01-01. Transfers are sealed in the order in which they became visible:
(generation of the database, id of the database transaction, transfer id).

    leaf   = SHA-256(canonical bytes)
    mark   = the first four bytes of a leaf, kept so that the transfer is found and not only its block
    digest = SHA-256(digest of the seal before, chart's SHA-256, seal number, transfer count, every leaf)
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from tallystick.ledger.chart import chart
from tallystick.ledger.transfer import Transfer

MOST_PER_SEAL: Final = 4_096
FIRST_DIGEST: Final = bytes(32)
_MARK_BYTES: Final = 4
_EPOCH: Final = date(2000, 1, 1)
_FIELDS: Final = 14
# The first three fields are the position, after the number of fields and each after its length.
_POSITION: Final = struct.Struct(">4xi4xq4xq")
_POSITION_AT: Final = 2
_SEAL_HEAD: Final = struct.Struct(">qi")
_ANCHOR: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


class Position(NamedTuple):
    """The place of a transfer in the order of visibility; a restored copy of the database begins a generation."""

    generation: int
    xid: int
    transfer_id: int


class Posted(Struct, frozen=True):
    """A transfer as it stands in the books: what was moved, the business day it was booked on, and its place."""

    position: Position
    transfer: Transfer
    booked_on: date


class Seal(Struct, frozen=True):
    """The transfers after the seal before, up to and with `last`; the digest holds all of them and all before."""

    number: int
    last: Position
    transfer_count: int
    chart_sha256: bytes
    marks: bytes
    digest: bytes


class AnchorFault(ValueError):
    """What was given as an anchor is none; the message says its form."""


class Anchor(Struct, frozen=True):
    """A seal as it is remembered outside the books: without one, a chain cut short or made anew looks whole.

    >>> str(Anchor(seal_number=12, digest_hex="9f" * 32))[:12]
    '12:9f9f9f9f9'
    """

    seal_number: int
    digest_hex: str

    def __str__(self) -> str:
        """The form in which it is written down and given back."""
        return f"{self.seal_number}:{self.digest_hex}"


def read_anchor(text: str) -> Anchor:
    """An anchor from its written form. Raises `AnchorFault`."""
    match = _ANCHOR.fullmatch(text.strip().lower())
    if match is None:
        raise AnchorFault(f"anchor {text!r}: give a seal's number, a colon and the 64 hexadecimal digits of its digest")
    return Anchor(int(match[1]), match[2])


def anchor_of(seal: Seal) -> Anchor:
    """How a seal is remembered outside."""
    return Anchor(seal.number, seal.digest.hex())


class Tampering(StrEnum):
    """What was found at the first transfer, or the seal itself, that is not as it was sealed."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    SEAL = "seal"


class ChainFault(Struct, frozen=True):
    """The first place where the chain breaks.

    `transfer_id` is the transfer that was changed or inserted, or the one before a removed one (0: none is before it
    in its seal); None where the seal itself is not what was written, or is gone.
    """

    seal_number: int
    tampering: Tampering
    transfer_id: int | None


def encode(posted: Posted) -> bytes:
    """The canonical bytes of a transfer, as the database gives them too.

    >>> from tallystick.ledger.transfer import Address
    >>> moved = Transfer(debit=Address("cash", 0), credit=Address("credit_balance", 7), amount_minor=500,
    ...     currency="CNY", effective_on=date(2026, 11, 24), kind="payment", line_id=7, event_id=1)
    >>> encode(Posted(Position(1, 800, 12), moved, date(2026, 11, 24)))[:30].hex(" ", 4)
    '000e 00000004 00000001 00000008 00000000 00000320 00000008 00000000'
    """
    transfer, position = posted.transfer, posted.position
    fields = (
        _whole(position.generation, 4),
        _whole(position.xid, 8),
        _whole(position.transfer_id, 8),
        _whole(chart()[transfer.debit.code].number, 2),
        _whole(transfer.debit.owner_id, 8),
        _whole(chart()[transfer.credit.code].number, 2),
        _whole(transfer.credit.owner_id, 8),
        _whole(transfer.amount_minor, 8),
        transfer.currency.encode(),
        _whole((transfer.effective_on - _EPOCH).days, 4),
        _whole((posted.booked_on - _EPOCH).days, 4),
        transfer.kind.encode(),
        _whole(transfer.line_id, 8),
        _whole(transfer.event_id, 8),
    )
    return _whole(_FIELDS, 2) + b"".join(_whole(len(field), 4) + field for field in fields)


def _whole(number: int, size: int) -> bytes:
    return number.to_bytes(size, "big", signed=True)


def position_of(row: bytes) -> Position:
    """The position that canonical bytes begin with."""
    return Position(*_POSITION.unpack_from(row, _POSITION_AT))


def seals_over(
    rows: Iterable[bytes], *, after: Seal | None, chart_sha256: bytes, most: int = MOST_PER_SEAL, last_number: int = 0
) -> Iterator[Seal]:
    """Seal canonical bytes, in their order, in blocks of up to `most`, chained to the seal `after`.

    `last_number` is the last number that was ever given; where seals were removed, the gap stays.
    """
    block: list[bytes] = []
    for row in rows:
        block.append(row)
        if len(block) == most:
            after = _seal(block, after=after, chart_sha256=chart_sha256, last_number=last_number)
            yield after
            block = []
    if block:
        yield _seal(block, after=after, chart_sha256=chart_sha256, last_number=last_number)


def _seal(block: Sequence[bytes], *, after: Seal | None, chart_sha256: bytes, last_number: int) -> Seal:
    number = max(after.number if after else 0, last_number) + 1
    leaves = _leaves(block)
    return Seal(
        number=number,
        last=position_of(block[-1]),
        transfer_count=len(block),
        chart_sha256=chart_sha256,
        marks=_marks(leaves),
        digest=_digest(leaves, number=number, after=after, chart_sha256=chart_sha256),
    )


def _leaves(block: Iterable[bytes]) -> list[bytes]:
    return [hashlib.sha256(row).digest() for row in block]


def _marks(leaves: Iterable[bytes]) -> bytes:
    return b"".join(leaf[:_MARK_BYTES] for leaf in leaves)


def _digest(leaves: Sequence[bytes], *, number: int, after: Seal | None, chart_sha256: bytes) -> bytes:
    head = (after.digest if after else FIRST_DIGEST) + chart_sha256 + _SEAL_HEAD.pack(number, len(leaves))
    return hashlib.sha256(head + b"".join(leaves)).digest()


def fault_of(seal: Seal, rows: Sequence[bytes], *, after: Seal | None) -> ChainFault | None:
    """What is wrong with a seal, given the seal `after` which it stands and the rows now in its place; None if nothing.

    `rows` are the canonical bytes of every transfer between the two, in order.
    """
    expected = after.number + 1 if after else 1
    if seal.number > expected:
        return ChainFault(expected, Tampering.REMOVED, None)
    leaves = _leaves(rows)
    if (
        _digest(leaves, number=seal.number, after=after, chart_sha256=seal.chart_sha256) == seal.digest
        and _marks(leaves) == seal.marks
        and len(rows) == seal.transfer_count
        and position_of(rows[-1]) == seal.last
    ):
        return None
    return _first_fault(seal, rows, found=_marks(leaves))


def _first_fault(seal: Seal, rows: Sequence[bytes], *, found: bytes) -> ChainFault:
    """Compare what is there with what was marked, transfer by transfer, up to the first that differs."""
    sealed, there = _split(seal.marks), _split(found)
    same = 0
    while same < min(len(sealed), len(there)) and sealed[same] == there[same]:
        same += 1
    if same == len(sealed) == len(there):
        return ChainFault(seal.number, Tampering.SEAL, None)
    before_id = position_of(rows[same - 1]).transfer_id if same else 0
    if len(there) < len(sealed):
        return ChainFault(seal.number, Tampering.REMOVED, before_id)
    tampering = Tampering.INSERTED if len(there) > len(sealed) else Tampering.CHANGED
    return ChainFault(seal.number, tampering, position_of(rows[same]).transfer_id)


def _split(marks: bytes) -> list[bytes]:
    return [marks[place : place + _MARK_BYTES] for place in range(0, len(marks), _MARK_BYTES)]
