"""The one secret of an installation: every other key is wrapped by it or derived from it. It is in no backup."""

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_FILE_NAME: Final = "master.key"
_OTHERS: Final = 0o077


class MasterKeyFault(ValueError):
    """The master key cannot be used; the message says why and the way out, and never shows the key."""


class MasterKey:
    """32 secret bytes. Nothing is encrypted with them directly: each purpose has a key derived for it alone."""

    __slots__ = ("_derived", "_secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise MasterKeyFault(f"a master key has {KEY_BYTES} bytes, not {len(secret)}; make one with `keys master`")
        self._secret = secret
        self._derived: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"MasterKey({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """Names the key without telling it: 16 hexadecimal characters."""
        return self.derived("fingerprint")[:8].hex()

    def derived(self, purpose: str) -> bytes:
        """The 32 bytes for one purpose (HKDF-SHA256, RFC 5869); knowing them tells nothing of the others."""
        known = self._derived.get(purpose)
        if known is None:
            info = f"tallystick/{purpose}/1".encode()
            known = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._secret)
            self._derived[purpose] = known
        return known

    def text(self) -> str:
        """The key as it stands in the environment or in its file."""
        return base64.urlsafe_b64encode(self._secret).decode()


def new_master_key() -> MasterKey:
    """A key that nobody has yet."""
    return MasterKey(secrets.token_bytes(KEY_BYTES))


def parse_master_key(text: str) -> MasterKey:
    """The key from base64url text. Raises `MasterKeyFault` without repeating the text."""
    try:
        secret = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except ValueError as fault:
        raise MasterKeyFault("a master key is 44 characters of base64url; make one with `keys master`") from fault
    return MasterKey(secret)


def master_key_file(folder: Path) -> MasterKey:
    """The key kept in a data folder, made there when there is none; only its owner may read the file.

    Raises `MasterKeyFault` where others may read it: then it is no secret any more.
    """
    path = folder / _FILE_NAME
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, new_master_key().text())
    if path.stat().st_mode & _OTHERS:
        raise MasterKeyFault(f"{path} can be read by others: chmod 600 {path}, and consider the key known")
    return parse_master_key(path.read_text(encoding="ascii"))


def _write_once(path: Path, text: str) -> None:
    """Write a whole file that only its owner reads, or leave the one that another process wrote meanwhile."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)  # unlike a rename, a link never replaces what is there
    finally:
        beside.unlink()
