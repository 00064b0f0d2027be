"""Names, phones and identity numbers, sealed with a key per person: without that key they are noise, in backups too."""

import hmac
import secrets
import unicodedata
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from tallystick.trust.master_key import KEY_BYTES, MasterKey

_NONCE_BYTES: Final = 12

Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["CN"])]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class IdentityDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """What proves who somebody is: the kind of document, who issued it, and its number as printed."""

    kind: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$", examples=["resident_identity_card"])]
    country: Country
    number: Annotated[str, Meta(min_length=3, max_length=40, pattern=r"^[0-9A-Za-z .()/-]+$")]

    def __repr__(self) -> str:
        return f"IdentityDocument({self.kind}, {self.country}, …)"


class PersonalData(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that names a person. Its `repr` tells nothing, so that no log and no traceback does."""

    full_name: Line
    phone: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164")] | None = None
    identity: IdentityDocument | None = None

    def __repr__(self) -> str:
        return "PersonalData(…)"


class SealFault(ValueError):
    """What was sealed does not open: another master key, another person, or changed bytes."""


def new_person_key() -> bytes:
    """The key of one person: 32 bytes that only ever leave a process wrapped."""
    return secrets.token_bytes(KEY_BYTES)


def wrap_person_key(person_key: bytes, *, borrower_id: int, master_key: MasterKey) -> bytes:
    """The person's key as it is stored. Deleting these bytes erases the person, wherever the sealed data has got to."""
    return _encrypted(master_key.derived("person-keys"), person_key, bound_to=f"person-key/{borrower_id}")


def unwrap_person_key(wrapped: bytes, *, borrower_id: int, master_key: MasterKey) -> bytes:
    """The person's key from what is stored. Raises `SealFault`."""
    return _decrypted(master_key.derived("person-keys"), wrapped, bound_to=f"person-key/{borrower_id}")


def seal(person: PersonalData, *, borrower_id: int, person_key: bytes) -> bytes:
    """Personal data as it is stored: AES-256-GCM under the person's own key, bound to that borrower's id."""
    return _encrypted(person_key, msgspec.json.encode(person), bound_to=f"personal-data/{borrower_id}")


def unseal(sealed: bytes, *, borrower_id: int, person_key: bytes) -> PersonalData:
    """Personal data from what is stored. Raises `SealFault`."""
    plain = _decrypted(person_key, sealed, bound_to=f"personal-data/{borrower_id}")
    return msgspec.json.decode(plain, type=PersonalData)


def identity_index(identity: IdentityDocument, *, master_key: MasterKey) -> bytes:
    """By what the same document is found again without being readable: 32 bytes of HMAC-SHA256.

    Spaces, hyphens and the case of letters do not make another document. Without the master key nobody can try all
    numbers: a plain hash of eighteen digits would be no secret.
    """
    letters = unicodedata.normalize("NFKC", identity.number).upper()
    number = "".join(character for character in letters if character.isalnum())
    plain = f"{identity.country}/{identity.kind}/{number}".encode()
    return hmac.digest(master_key.derived("identity-index"), plain, sha256)


class Contact(StrEnum):
    """What people share, and by which they are found again: each kind has numbers of its own."""

    DEVICE = "device"
    PHONE = "phone"
    ADDRESS = "address"


def contact_number(kind: Contact, text: str, *, master_key: MasterKey) -> int:
    """The number that stands for a device, phone or address in streams and decisions: 62 bits of HMAC-SHA256.

    Case, width and blanks make no other one. Nobody without the master key can go back from the number, or try out
    whose it is; among a hundred million of a kind some thousandth of a pair is expected to meet by chance.
    """
    plain = f"{kind}/{''.join(unicodedata.normalize('NFKC', text).casefold().split())}".encode()
    return int.from_bytes(hmac.digest(master_key.derived("contact-numbers"), plain, sha256)[:8], "big") >> 2


def body_fingerprint(body: bytes, *, master_key: MasterKey) -> bytes:
    """By what a repeated request is known. Keyed, because a body may hold personal data that is easy to guess."""
    return hmac.digest(master_key.derived("request-bodies"), body, sha256)


def seal_secret(secret: bytes, *, bound_to: str, master_key: MasterKey) -> bytes:
    """A secret of ours that must be read again, such as one that webhooks are signed with."""
    return _encrypted(master_key.derived("secrets"), secret, bound_to=bound_to)


def unseal_secret(sealed: bytes, *, bound_to: str, master_key: MasterKey) -> bytes:
    """The secret from what is stored. Raises `SealFault`."""
    return _decrypted(master_key.derived("secrets"), sealed, bound_to=bound_to)


def _encrypted(key: bytes, plain: bytes, *, bound_to: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def _decrypted(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError) as fault:
        raise SealFault(
            f"{bound_to} does not open with this master key; use the one it was sealed with (TALLYSTICK_MASTER_KEY)"
        ) from fault
