"""Webhook signatures after the Standard Webhooks specification 1.0: any library of theirs verifies ours."""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_SECRET_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_SECRET_BYTES: Final = 32
TOLERANCE_S: Final = 300


class SignatureFault(StrEnum):
    """Why a delivery is not to be believed, in the order in which it is checked."""

    HEADER_MISSING = "header_missing"
    TIMESTAMP_UNREADABLE = "timestamp_unreadable"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    SIGNATURE_WRONG = "signature_wrong"


def new_signing_secret() -> bytes:
    """The secret of one endpoint."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as its receiver keeps it.

    >>> secret_text(bytes(24))
    'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def parse_secret(text: str) -> bytes:
    """The secret from its text. Raises `ValueError` without repeating it."""
    try:
        return base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError as fault:
        raise ValueError(f"a signing secret is {_SECRET_PREFIX} and base64; copy it again as it was shown") from fault


def signature_headers(body: bytes, *, message_id: str, sent_at_s: int, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a delivery, with one signature for each secret that is valid now.

    While a secret is being rotated there are two, and a receiver that knows either one accepts the delivery.
    """
    signatures = (_signature(body, message_id=message_id, sent_at_s=sent_at_s, secret=secret) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": " ".join(f"{_VERSION},{signature}" for signature in signatures),
    }


def signature_fault(
    body: bytes, *, headers: Mapping[str, str], secrets: Sequence[bytes], now_s: int, tolerance_s: int = TOLERANCE_S
) -> SignatureFault | None:
    """Why a received delivery is not to be believed; None where it is genuine and fresh.

    `headers` have lower-case names. The time is compared so that a recorded delivery cannot be played again later;
    receivers also remember `webhook-id`.
    """
    message_id = headers.get("webhook-id")
    stated, given = headers.get("webhook-timestamp"), headers.get("webhook-signature")
    if message_id is None or stated is None or given is None:
        return SignatureFault.HEADER_MISSING
    if not (stated.isascii() and stated.isdigit() and len(stated) < 16):
        return SignatureFault.TIMESTAMP_UNREADABLE
    sent_at_s = int(stated)
    if sent_at_s < now_s - tolerance_s:
        return SignatureFault.TIMESTAMP_TOO_OLD
    if sent_at_s > now_s + tolerance_s:
        return SignatureFault.TIMESTAMP_IN_FUTURE
    known = [
        f"{_VERSION},{_signature(body, message_id=message_id, sent_at_s=sent_at_s, secret=secret)}".encode()
        for secret in secrets
    ]
    offered = [one.encode() for one in given.split(" ")]
    genuine = [hmac.compare_digest(ours, theirs) for ours in known for theirs in offered]
    return None if any(genuine) else SignatureFault.SIGNATURE_WRONG


def _signature(body: bytes, *, message_id: str, sent_at_s: int, secret: bytes) -> str:
    signed = f"{message_id}.{sent_at_s}.".encode() + body
    return base64.b64encode(hmac.digest(secret, signed, sha256)).decode()
