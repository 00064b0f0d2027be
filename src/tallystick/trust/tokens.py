"""API tokens: shown once, kept only as an Argon2id hash, and found by the public id that they begin with."""

import hashlib
import re
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct

from tallystick.trust.scopes import Mode
from tallystick.units.ids import ID_PATTERN, IdPrefix, decode_id, encode_id

_SECRET_BYTES: Final = 32
_TOKEN: Final = re.compile(f"tallystick_(live|test)_({IdPrefix.API_KEY}_{ID_PATTERN})_([A-Za-z0-9_-]{{43}})")

# OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, two passes, one lane. The secret has 256 bits of chance, so the
# hash need not slow a guesser down more than that; it costs some 20 ms, once per process and token.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class ApiToken(Struct, frozen=True):
    """A token taken apart. It is never shown in a log: its `repr` has no secret."""

    mode: Mode
    api_key_id: int
    secret: str

    def __repr__(self) -> str:
        return f"ApiToken({self.mode}, {encode_id(IdPrefix.API_KEY, self.api_key_id)})"

    def text(self) -> str:
        """The token as its holder keeps it; secret scanners know it by its first word."""
        return f"tallystick_{self.mode}_{encode_id(IdPrefix.API_KEY, self.api_key_id)}_{self.secret}"


def new_token(*, mode: Mode, api_key_id: int) -> ApiToken:
    """A token whose secret nobody has yet."""
    return ApiToken(mode, api_key_id, secrets.token_urlsafe(_SECRET_BYTES))


def parse_token(text: str) -> ApiToken | None:
    """The parts of a token; None for any other text."""
    match = _TOKEN.fullmatch(text)
    return ApiToken(Mode(match[1]), decode_id(IdPrefix.API_KEY, match[2]), match[3]) if match else None


def hash_secret(token: ApiToken) -> str:
    """What is kept of a token: an Argon2id hash with its parameters and a salt of its own."""
    return _HASHER.hash(token.secret)


def is_genuine(token: ApiToken, *, secret_hash: str) -> bool:
    """Whether the token's secret is the one that was hashed. Slow by design."""
    try:
        return _HASHER.verify(secret_hash, token.secret)
    except VerificationError:
        return False


def token_digest(text: str) -> bytes:
    """By what a process remembers a token it has verified, without remembering the token."""
    return hashlib.sha256(text.encode()).digest()
