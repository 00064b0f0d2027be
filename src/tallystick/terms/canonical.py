"""One text for one value, and its hash: by it a contract, a product and a disclosure are known for ever."""

import hashlib
from typing import Any

import msgspec


def canonical_json(value: Any) -> bytes:
    """Keys in order, no spaces, UTF-8 as it is.

    >>> canonical_json({"en": "line", "days": 9}).decode()
    '{"days":9,"en":"line"}'
    """
    return msgspec.json.encode(value, order="sorted")


def content_hash(value: Any) -> str:
    """The SHA-256 of the canonical JSON, in hexadecimal.

    >>> content_hash({"en": "line", "days": 9})[:16]
    '22380cf289ff586a'
    """
    return hashlib.sha256(canonical_json(value)).hexdigest()
