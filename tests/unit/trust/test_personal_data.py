"""Personal data opens with its person's key, for that person only, and is nowhere to be read otherwise."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.trust.master_key import MasterKey, new_master_key
from tallystick.trust.personal_data import (
    Contact,
    IdentityDocument,
    PersonalData,
    SealFault,
    body_fingerprint,
    contact_number,
    identity_index,
    new_person_key,
    seal,
    seal_secret,
    unseal,
    unseal_secret,
    unwrap_person_key,
    wrap_person_key,
)

CARD = IdentityDocument(kind="resident_identity_card", country="CN", number="11010519491231002X")
PERSON = PersonalData(full_name="王小明", phone="+8613800138000", identity=CARD)
MASTER = MasterKey(bytes(range(32)))


def test_what_is_sealed_opens_again() -> None:
    key = new_person_key()
    wrapped = wrap_person_key(key, borrower_id=7, master_key=MASTER)
    opened = unwrap_person_key(wrapped, borrower_id=7, master_key=MASTER)
    assert unseal(seal(PERSON, borrower_id=7, person_key=key), borrower_id=7, person_key=opened) == PERSON


def test_sealed_bytes_tell_nothing() -> None:
    sealed = seal(PERSON, borrower_id=7, person_key=new_person_key())
    assert not any(word.encode() in sealed for word in ("王小明", "13800138000", "11010519491231002X", "full_name"))


def test_the_same_person_sealed_twice_gives_different_bytes() -> None:
    key = new_person_key()
    assert seal(PERSON, borrower_id=7, person_key=key) != seal(PERSON, borrower_id=7, person_key=key)


def test_sealed_data_moved_to_another_borrower_does_not_open() -> None:
    key = new_person_key()
    with pytest.raises(SealFault, match="personal-data/8"):
        unseal(seal(PERSON, borrower_id=7, person_key=key), borrower_id=8, person_key=key)
    with pytest.raises(SealFault, match="person-key/8"):
        unwrap_person_key(wrap_person_key(key, borrower_id=7, master_key=MASTER), borrower_id=8, master_key=MASTER)


def test_another_master_key_opens_nothing() -> None:
    wrapped = wrap_person_key(new_person_key(), borrower_id=7, master_key=MASTER)
    with pytest.raises(SealFault, match="TALLYSTICK_MASTER_KEY"):
        unwrap_person_key(wrapped, borrower_id=7, master_key=new_master_key())


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_is(place: int, change: int) -> None:
    key = bytes(32)
    sealed = bytearray(seal(PERSON, borrower_id=7, person_key=key))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(SealFault):
        unseal(bytes(sealed), borrower_id=7, person_key=key)


def test_cut_bytes_are_noticed() -> None:
    with pytest.raises(SealFault):
        unseal(b"", borrower_id=7, person_key=bytes(32))


def test_the_same_document_is_found_however_it_is_written() -> None:
    written = IdentityDocument(kind=CARD.kind, country="CN", number="110105 19491231-002x")
    assert identity_index(written, master_key=MASTER) == identity_index(CARD, master_key=MASTER)


@pytest.mark.parametrize(
    "other",
    [
        IdentityDocument(kind="passport", country="CN", number=CARD.number),
        IdentityDocument(kind=CARD.kind, country="HK", number=CARD.number),
        IdentityDocument(kind=CARD.kind, country="CN", number="110105194912310021"),
    ],
)
def test_another_document_has_another_index(other: IdentityDocument) -> None:
    assert identity_index(other, master_key=MASTER) != identity_index(CARD, master_key=MASTER)


def test_an_index_says_nothing_without_the_master_key() -> None:
    assert identity_index(CARD, master_key=new_master_key()) != identity_index(CARD, master_key=MASTER)


def test_no_repr_names_anybody() -> None:
    told = repr(PERSON) + repr(CARD) + str([PERSON])
    assert not any(word in told for word in ("王", "138", "1101"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"full_name": ""},
        {"full_name": "a\nb"},
        {"full_name": "a", "phone": "13800138000"},
        {"full_name": "a", "identity": {"kind": "passport", "country": "cn", "number": "E12345678"}},
        {"full_name": "a", "nickname": "b"},
    ],
)
def test_what_is_no_name_phone_or_document_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, PersonalData)


def test_a_secret_of_ours_opens_only_where_it_belongs() -> None:
    sealed = seal_secret(b"secret", bound_to="endpoint/1", master_key=MASTER)
    assert unseal_secret(sealed, bound_to="endpoint/1", master_key=MASTER) == b"secret"
    with pytest.raises(SealFault):
        unseal_secret(sealed, bound_to="endpoint/2", master_key=MASTER)


def test_a_request_is_known_again_by_its_body_alone() -> None:
    assert body_fingerprint(b"{}", master_key=MASTER) == body_fingerprint(b"{}", master_key=MASTER)
    assert body_fingerprint(b"{ }", master_key=MASTER) != body_fingerprint(b"{}", master_key=MASTER)


def test_a_contact_has_one_number_however_it_is_written() -> None:
    phone = contact_number(Contact.PHONE, "+86 138 0013 8000", master_key=MASTER)
    assert phone == contact_number(Contact.PHONE, "＋8613800138000", master_key=MASTER)
    assert 0 <= phone < 1 << 62
    others = {
        contact_number(Contact.PHONE, "+8613800138001", master_key=MASTER),
        contact_number(Contact.DEVICE, "+8613800138000", master_key=MASTER),
        contact_number(Contact.PHONE, "+8613800138000", master_key=new_master_key()),
    }
    assert phone not in others
    assert len(others) == 3
