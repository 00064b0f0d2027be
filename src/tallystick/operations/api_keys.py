"""Keys of the API: made and shown once, verified once per process, revoked for good."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from threading import Semaphore
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.storage import trust
from tallystick.storage.trust import ApiKeyRow, Installation
from tallystick.trust.master_key import MasterKey, MasterKeyFault
from tallystick.trust.refusals import TrustReason, TrustRefusal
from tallystick.trust.remembered import RememberedTokens
from tallystick.trust.scopes import Mode, Scope
from tallystick.trust.tokens import hash_secret, is_genuine, new_token, parse_token, token_digest

REQUESTS_PER_S: Final = 100
_REMEMBERED_S: Final = 10.0
# An Argon2 run takes 19 MiB and some 20 ms of a processor: a flood of wrong tokens may cost no more than two at once.
_RUNS_AT_ONCE: Final = 2


class Caller(Struct, frozen=True):
    """Who asks: the key, its holder (the actor of what is recorded), and what it may do."""

    api_key_id: int
    holder: str
    mode: Mode
    scopes: frozenset[Scope]
    requests_per_s: int


class NotACaller(StrEnum):
    """Why a token opens nothing."""

    TOKEN_UNREADABLE = "token_unreadable"
    TOKEN_UNKNOWN = "token_unknown"
    TOKEN_REVOKED = "token_revoked"
    TOKEN_EXPIRED = "token_expired"


class KeyRequest(Struct, frozen=True, kw_only=True):
    """A key to be made: whose it is, what it may do, and until when."""

    holder: str
    mode: Mode
    scopes: tuple[Scope, ...]
    requests_per_s: int = REQUESTS_PER_S
    expires_at: datetime | None = None


class MadeKey(Struct, frozen=True):
    """A new key and its token, which is told this once."""

    key: ApiKeyRow
    token: str

    def __repr__(self) -> str:
        return f"MadeKey({self.key!r}, …)"


def begin_installation(connection: Connection, *, mode: Mode, master_key: MasterKey, at: datetime) -> Mode:
    """Decide what this database is for, or learn what was decided; and that the master key is the right one.

    Raises `MasterKeyFault` where secrets in the database were sealed with another key.
    """
    begun = trust.begin_installation(connection, Installation(mode, master_key.fingerprint), begun_at=at)
    must_be_sealed_with(connection, master_key)
    return Mode(begun.mode)


def must_be_sealed_with(connection: Connection, master_key: MasterKey) -> None:
    """Raises `MasterKeyFault` where the database's secrets were sealed with another master key."""
    begun = trust.installation(connection)
    if begun is not None and begun.master_key_fingerprint != master_key.fingerprint:
        raise MasterKeyFault(
            f"this database was sealed with master key {begun.master_key_fingerprint}, the one given is "
            f"{master_key.fingerprint}: set TALLYSTICK_MASTER_KEY to the right one, or put its file back"
        )


def make_api_key(
    connection: Connection, request: KeyRequest, *, granted_by: frozenset[Scope], master_key: MasterKey, act: Act
) -> MadeKey | TrustRefusal:
    """A new key; its token is in the answer and nowhere else. Nobody grants a scope that is not theirs."""
    beyond = sorted(set(request.scopes) - granted_by)
    if beyond:
        return TrustRefusal(
            TrustReason.SCOPE_NOT_YOURS, "scopes", "ask for scopes that your own key has", {"scopes": beyond}
        )
    if request.expires_at is not None and request.expires_at <= act.at:
        return TrustRefusal(TrustReason.EXPIRY_PAST, "expires_at", "give an instant that is still to come")
    mode = begin_installation(connection, mode=request.mode, master_key=master_key, at=act.at)
    if mode is not request.mode:
        return TrustRefusal(
            TrustReason.MODE_DIFFERS,
            "mode",
            f"this database is for {mode} keys; use another database for {request.mode} ones (TALLYSTICK_DATA_DIR)",
        )
    token = new_token(mode=mode, api_key_id=next(act.event_ids))
    key = ApiKeyRow(
        api_key_id=token.api_key_id,
        holder=request.holder,
        mode=mode,
        scopes=sorted(set(request.scopes)),
        secret_hash=hash_secret(token),
        requests_per_s=request.requests_per_s,
        made_by=act.actor,
        made_at=act.at,
        expires_at=request.expires_at,
        revoked_at=None,
    )
    trust.add_api_key(connection, key)
    return MadeKey(key, token.text())


def revoke_api_key(connection: Connection, api_key_id: int, *, act: Act) -> ApiKeyRow | TrustRefusal:
    """End a key for good; one that has ended is given as it is, so that revoking twice is no fault."""
    trust.revoke_api_key(connection, api_key_id, revoked_at=act.at, revoked_by=act.actor)
    key = trust.read_api_key(connection, api_key_id)
    return unknown_api_key() if key is None else key


def unknown_api_key() -> TrustRefusal:
    """There is no key of that id."""
    return TrustRefusal(TrustReason.API_KEY_UNKNOWN, "api_key_id", "list the keys to find its id")


def api_keys(connection: Connection, *, before_id: int | None = None, most: int = 100) -> Sequence[ApiKeyRow]:
    """Keys, the newest first."""
    return trust.api_keys(connection, before_id=before_id, most=most)


class _Verified(Struct, frozen=True):
    """A caller, the hash the token was verified against, and when the key ends by itself."""

    caller: Caller
    secret_hash: str
    expires_at: datetime | None


class Callers:
    """The callers that this process knows. Argon2 runs once per token; permissions are read again every ten seconds."""

    def __init__(self) -> None:
        self._verified = RememberedTokens[_Verified](seconds=_REMEMBERED_S)
        self._running = Semaphore(_RUNS_AT_ONCE)

    def known(self, token_text: str, *, at: datetime) -> Caller | None:
        """The caller of a token that was verified in the last ten seconds, without asking the database."""
        found = self._verified.recall(token_digest(token_text), now_s=at.timestamp())
        if found is None or (found.expires_at is not None and found.expires_at <= at):
            return None
        return found.caller

    def identify(self, connection: Connection, token_text: str, *, at: datetime) -> Caller | NotACaller:
        """The caller of a token, by the database. Slow where the token was never seen before."""
        token = parse_token(token_text)
        if token is None:
            return NotACaller.TOKEN_UNREADABLE
        key = trust.read_api_key(connection, token.api_key_id)
        if key is None or key.mode != token.mode:
            return NotACaller.TOKEN_UNKNOWN
        digest = token_digest(token_text)
        before = self._verified.stale(digest)
        if before is None or before.secret_hash != key.secret_hash:
            with self._running:
                if not is_genuine(token, secret_hash=key.secret_hash):
                    return NotACaller.TOKEN_UNKNOWN
        if key.revoked_at is not None:
            return NotACaller.TOKEN_REVOKED
        if key.expires_at is not None and key.expires_at <= at:
            return NotACaller.TOKEN_EXPIRED
        caller = Caller(
            api_key_id=key.api_key_id,
            holder=key.holder,
            mode=Mode(key.mode),
            scopes=frozenset(Scope(scope) for scope in key.scopes),
            requests_per_s=key.requests_per_s,
        )
        self._verified.remember(digest, _Verified(caller, key.secret_hash, key.expires_at), now_s=at.timestamp())
        return caller

    def forget(self) -> None:
        """Some key was revoked here: ask the database again for every token."""
        self._verified.forget_all()
