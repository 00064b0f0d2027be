"""Who a borrower is: sealed on arrival, opened only for somebody whose name is noted, erased for good on request."""

import msgspec
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.storage import applications, borrowers, delivery, trust
from tallystick.storage.trust import IdentityTaken, PersonalRecord
from tallystick.trust.master_key import MasterKey
from tallystick.trust.personal_data import (
    PersonalData,
    identity_index,
    new_person_key,
    seal,
    seal_secret,
    unseal,
    unseal_secret,
    unwrap_person_key,
    wrap_person_key,
)
from tallystick.trust.refusals import TrustReason, TrustRefusal
from tallystick.units.ids import IdPrefix, encode_id

_PERSONS_AT_ONCE = 1_000


def write_personal_data(
    connection: Connection, borrower_id: int, person: PersonalData, *, master_key: MasterKey, act: Act
) -> TrustRefusal | None:
    """Keep what names a borrower, in place of what was kept before. A person who was erased stays erased."""
    if borrowers.lock_borrower(connection, borrower_id) is None:
        return _unknown_borrower()
    kept = trust.lock_personal_record(connection, borrower_id)
    if kept is not None and kept.wrapped_key is None:
        return _erased(kept)
    if kept is None or kept.wrapped_key is None:
        person_key = new_person_key()
    else:
        person_key = unwrap_person_key(kept.wrapped_key, borrower_id=borrower_id, master_key=master_key)
    record = PersonalRecord(
        borrower_id=borrower_id,
        wrapped_key=wrap_person_key(person_key, borrower_id=borrower_id, master_key=master_key),
        sealed=seal(person, borrower_id=borrower_id, person_key=person_key),
        identity_index=identity_index(person.identity, master_key=master_key) if person.identity else None,
    )
    try:
        trust.write_personal_record(connection, record, written_at=act.at)
    except IdentityTaken as taken:
        return TrustRefusal(
            TrustReason.IDENTITY_TAKEN,
            "personal_data.identity",
            "this document is another borrower's: the legal limit is per person, so use that borrower",
            {"borrower_id": encode_id(IdPrefix.BORROWER, taken.borrower_id)},
        )
    return None


def read_personal_data(
    connection: Connection, borrower_id: int, *, master_key: MasterKey, request_id: str, act: Act
) -> PersonalData | TrustRefusal:
    """What names a borrower; that it was read, and by whom, is kept in the same transaction."""
    kept = trust.read_personal_record(connection, borrower_id)
    if kept is None:
        return TrustRefusal(TrustReason.PERSON_UNKNOWN, "borrower_id", "no personal data was given for this borrower")
    if kept.wrapped_key is None or kept.sealed is None:
        return _erased(kept)
    trust.note_personal_data_read(connection, borrower_id, actor=act.actor, request_id=request_id, read_at=act.at)
    person_key = unwrap_person_key(kept.wrapped_key, borrower_id=borrower_id, master_key=master_key)
    return unseal(kept.sealed, borrower_id=borrower_id, person_key=person_key)


def erase_person(connection: Connection, borrower_id: int, *, act: Act) -> TrustRefusal | None:
    """Delete the person's key and all that was sealed with it. Borrower, lines and books stay as they are.

    Erasing twice is no fault. A backup made before holds the wrapped key until the backup itself is deleted.
    """
    kept = trust.lock_personal_record(connection, borrower_id)
    if kept is None:
        return TrustRefusal(TrustReason.PERSON_UNKNOWN, "borrower_id", "no personal data was given for this borrower")
    trust.erase_personal_record(connection, borrower_id, erased_at=act.at, erased_by=act.actor)
    applications.forget_stated(connection, borrower_id)
    return None


def rewrap_secrets(connection: Connection, *, old: MasterKey, new: MasterKey) -> int:
    """Seal every person's key and every signing secret with another master key; gives how many persons.

    One transaction: until it commits, the old key holds for all, afterwards the new one. Raises `SealFault` where the
    old key is not the one in use.
    """
    after_id = persons = 0
    while records := trust.lock_personal_records(connection, after_id=after_id, most=_PERSONS_AT_ONCE):
        trust.write_rewrapped(connection, [_rewrapped(record, old=old, new=new) for record in records])
        persons += len(records)
        after_id = records[-1].borrower_id
    for secret in delivery.lock_secrets(connection):
        plain = unseal_secret(secret.sealed, bound_to=secret.bound_to, master_key=old)
        resealed = seal_secret(plain, bound_to=secret.bound_to, master_key=new)
        delivery.write_resealed(connection, msgspec.structs.replace(secret, sealed=resealed))
    trust.write_master_key_fingerprint(connection, new.fingerprint)
    return persons


def _rewrapped(record: PersonalRecord, *, old: MasterKey, new: MasterKey) -> PersonalRecord:
    """The same person under another master key. The index changes too, for it is keyed."""
    assert record.wrapped_key is not None
    assert record.sealed is not None
    person_key = unwrap_person_key(record.wrapped_key, borrower_id=record.borrower_id, master_key=old)
    person = unseal(record.sealed, borrower_id=record.borrower_id, person_key=person_key)
    return msgspec.structs.replace(
        record,
        wrapped_key=wrap_person_key(person_key, borrower_id=record.borrower_id, master_key=new),
        identity_index=identity_index(person.identity, master_key=new) if person.identity else None,
    )


def _unknown_borrower() -> TrustRefusal:
    return TrustRefusal(TrustReason.BORROWER_UNKNOWN, "borrower_id", "add the borrower first")


def _erased(kept: PersonalRecord) -> TrustRefusal:
    return TrustRefusal(
        TrustReason.PERSON_ERASED,
        "borrower_id",
        "a person who was erased stays erased; add another borrower if the person comes back",
        {"erased_at": kept.erased_at},
    )
