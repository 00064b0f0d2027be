"""API keys as the database holds them, for tests that need one to exist."""

from datetime import UTC, datetime
from typing import Final

from tallystick.storage.trust import ApiKeyRow

NOW: Final = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY: Final = ApiKeyRow(
    api_key_id=1,
    holder="checkout",
    mode="test",
    scopes=["lines:read"],
    secret_hash="$argon2id$v=19$…",
    requests_per_s=100,
    made_by="operator",
    made_at=NOW,
    expires_at=None,
    revoked_at=None,
)
