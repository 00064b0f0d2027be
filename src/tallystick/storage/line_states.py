"""A line's state as it is kept: MessagePack packed by LZ4, beside what earlier versions wrote unpacked.

A line with plans comes to some three kilobytes. PostgreSQL packs a row that long by itself, and took 0.1 ms for it with
every update; this takes a tenth of that, and the row is short enough to be left alone.
"""

import struct
from typing import Final

import msgspec
import pyarrow as pa

from tallystick.servicing.line import Line

# No MessagePack map begins so: a state that does is packed. Its length before, which LZ4 has to be told, follows.
_PACKED: Final = b"\x01"
_LENGTH: Final = struct.Struct("<I")
_START: Final = len(_PACKED) + _LENGTH.size
_LZ4: Final = pa.Codec("lz4_raw")
_LINE: Final = msgspec.msgpack.Decoder(Line)


def packed(line: Line) -> bytes:
    """A line's state as it is written."""
    return packed_bytes(msgspec.msgpack.encode(line))


def packed_bytes(state: bytes) -> bytes:
    """A state in MessagePack as it is written.

    >>> packed_bytes(bytes(9_000)).startswith(b"\\x01"), len(packed_bytes(bytes(9_000))) < 100
    (True, True)
    """
    told: bytes = _LZ4.compress(state, asbytes=True)
    return _PACKED + _LENGTH.pack(len(state)) + told


def unpacked(kept: bytes) -> bytes:
    """The MessagePack of a state, whichever version wrote it.

    >>> unpacked(packed_bytes(b"\\x81\\xa1x\\x01")), unpacked(b"\\x81\\xa1x\\x01")
    (b'\\x81\\xa1x\\x01', b'\\x81\\xa1x\\x01')
    """
    if not kept.startswith(_PACKED):
        return kept
    (length,) = _LENGTH.unpack_from(kept, len(_PACKED))
    told: bytes = _LZ4.decompress(kept[_START:], length, asbytes=True)
    return told


def line_in(kept: bytes) -> Line:
    """The line of a state."""
    return _LINE.decode(unpacked(kept))
