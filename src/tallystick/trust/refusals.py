"""Why a request about keys, persons, webhooks or test clocks is refused: named reasons, never reused."""

from enum import StrEnum
from typing import Any

from msgspec import Struct


class TrustReason(StrEnum):
    """The first reason that holds is given."""

    API_KEY_UNKNOWN = "api_key_unknown"
    API_KEY_REVOKED = "api_key_revoked"
    MODE_DIFFERS = "mode_differs"
    SCOPE_NOT_YOURS = "scope_not_yours"
    EXPIRY_PAST = "expiry_past"
    BORROWER_UNKNOWN = "borrower_unknown"
    PERSON_UNKNOWN = "person_unknown"
    PERSON_ERASED = "person_erased"
    IDENTITY_TAKEN = "identity_taken"
    ENDPOINT_UNKNOWN = "endpoint_unknown"
    ENDPOINT_UNREACHABLE = "endpoint_unreachable"
    EVENT_UNKNOWN = "event_unknown"
    KIND_UNKNOWN = "kind_unknown"
    CLOCK_UNKNOWN = "clock_unknown"
    CLOCK_BACKWARDS = "clock_backwards"
    CLOCK_TOO_FAR = "clock_too_far"


class TrustRefusal(Struct, frozen=True):
    """A reason, the field it is about, the way out in words, and the figures that show it."""

    reason: TrustReason
    field: str
    way_out: str
    figures: dict[str, Any] = {}
