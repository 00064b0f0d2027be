"""Keys are only ever revoked, persons are erased for good, and the database says both by itself."""

from datetime import timedelta

import psycopg
import pytest
from tests.callers import KEY, NOW

from tallystick.storage import trust
from tallystick.storage.borrowers import Borrower, add_borrower
from tallystick.storage.trust import IdentityTaken, Installation, PersonalRecord


def with_borrowers(connection: psycopg.Connection, *borrower_ids: int) -> None:
    for borrower_id in borrower_ids:
        assert add_borrower(
            connection, Borrower(borrower_id, f"ref-{borrower_id}", "CN", "CNY", 20_000_000, None, {}, NOW)
        )


def record(borrower_id: int, *, index: bytes | None) -> PersonalRecord:
    return PersonalRecord(borrower_id, wrapped_key=b"wrapped", sealed=b"sealed", identity_index=index)


def test_a_database_is_for_one_mode_for_ever(connection: psycopg.Connection) -> None:
    first, second = Installation("test", "aa"), Installation("live", "bb")
    assert trust.installation(connection) is None
    assert trust.begin_installation(connection, first, begun_at=NOW) == first
    assert trust.begin_installation(connection, second, begun_at=NOW) == first


def test_processes_take_numbers_that_differ(connection: psycopg.Connection) -> None:
    assert len({trust.take_id_node(connection) for _ in range(1_024)}) == 1_024
    assert trust.take_id_node(connection) == 0


def test_a_key_is_read_as_it_was_written(connection: psycopg.Connection) -> None:
    trust.add_api_key(connection, KEY)
    assert trust.read_api_key(connection, 1) == KEY
    assert trust.read_api_key(connection, 2) is None
    assert trust.api_keys(connection, before_id=None, most=10) == [KEY]
    assert trust.api_keys(connection, before_id=1, most=10) == []


def test_a_key_is_revoked_once(connection: psycopg.Connection) -> None:
    trust.add_api_key(connection, KEY)
    assert trust.revoke_api_key(connection, 1, revoked_at=NOW, revoked_by="operator")
    assert not trust.revoke_api_key(connection, 1, revoked_at=NOW + timedelta(days=1), revoked_by="another")
    found = trust.read_api_key(connection, 1)
    assert found is not None
    assert found.revoked_at == NOW


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET scopes = '{lines:write}'",
        "UPDATE api_keys SET holder = 'another'",
        "UPDATE api_keys SET expires_at = NULL",
        "UPDATE api_keys SET revoked_at = NULL, revoked_by = NULL",
        "DELETE FROM api_keys",
        "TRUNCATE api_keys CASCADE",
    ],
)
def test_the_database_refuses_to_change_a_key(connection: psycopg.Connection, statement: str) -> None:
    trust.add_api_key(connection, KEY)
    connection.execute("UPDATE api_keys SET revoked_at = now(), revoked_by = 'operator'")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        connection.execute(statement.encode())


def test_a_document_belongs_to_one_borrower(connection: psycopg.Connection) -> None:
    with_borrowers(connection, 1, 2, 3)
    trust.write_personal_record(connection, record(1, index=b"i" * 32), written_at=NOW)
    with pytest.raises(IdentityTaken) as taken:
        trust.write_personal_record(connection, record(2, index=b"i" * 32), written_at=NOW)
    assert taken.value.borrower_id == 1
    trust.write_personal_record(connection, record(2, index=None), written_at=NOW)
    trust.write_personal_record(connection, record(3, index=None), written_at=NOW)
    assert trust.borrower_of_identity(connection, b"i" * 32) == 1


def test_an_erased_person_leaves_no_key_and_no_trace_of_the_document(connection: psycopg.Connection) -> None:
    with_borrowers(connection, 1)
    trust.write_personal_record(connection, record(1, index=b"i" * 32), written_at=NOW)
    assert trust.erase_personal_record(connection, 1, erased_at=NOW, erased_by="operator")
    assert not trust.erase_personal_record(connection, 1, erased_at=NOW, erased_by="operator")
    assert trust.read_personal_record(connection, 1) == PersonalRecord(1, None, None, None, NOW)
    assert trust.borrower_of_identity(connection, b"i" * 32) is None


def test_the_database_refuses_a_person_erased_by_half(connection: psycopg.Connection) -> None:
    with_borrowers(connection, 1)
    trust.write_personal_record(connection, record(1, index=None), written_at=NOW)
    with pytest.raises(psycopg.errors.CheckViolation, match="erased_or_whole"):
        connection.execute("UPDATE personal_records SET wrapped_key = NULL")
