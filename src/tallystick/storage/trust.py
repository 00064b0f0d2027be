"""Keys, sealed personal data and what an installation is: every statement about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection
from psycopg.errors import UniqueViolation


class Installation(Struct, frozen=True):
    """What a database is for, `live` or `test`, and by which master key its secrets were sealed."""

    mode: str
    master_key_fingerprint: str


def installation(connection: Connection) -> Installation | None:
    """What was decided when the first key was made; None before that."""
    row = connection.execute("SELECT mode, master_key_fingerprint FROM installation").fetchone()
    return None if row is None else Installation(*row)


def begin_installation(connection: Connection, begun: Installation, *, begun_at: datetime) -> Installation:
    """Decide what the database is for, unless that was decided before; gives what holds."""
    connection.execute(
        """
        INSERT INTO installation (mode, master_key_fingerprint, begun_at) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        [begun.mode, begun.master_key_fingerprint, begun_at],
    )
    held = installation(connection)
    assert held is not None
    return held


def write_master_key_fingerprint(connection: Connection, fingerprint: str) -> None:
    """Every secret has been sealed anew with another master key."""
    connection.execute("UPDATE installation SET master_key_fingerprint = %s", [fingerprint])


def take_id_node(connection: Connection) -> int:
    """A number for a process that makes ids, which none of the last 1,023 took."""
    row = connection.execute("SELECT nextval('id_nodes')").fetchone()
    assert row is not None
    return int(row[0])


class ApiKeyRow(Struct, frozen=True):
    """An API key as it is stored; the token itself is nowhere."""

    api_key_id: int
    holder: str
    mode: str
    scopes: list[str]
    secret_hash: str
    requests_per_s: int
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


_KEY_COLUMNS: Final = (
    "api_key_id, holder, mode, scopes, secret_hash, requests_per_s, made_by, made_at, expires_at, revoked_at"
)


def add_api_key(connection: Connection, key: ApiKeyRow) -> None:
    """Write a new key."""
    connection.execute(
        f"INSERT INTO api_keys ({_KEY_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [getattr(key, field) for field in ApiKeyRow.__struct_fields__],
    )


def read_api_key(connection: Connection, api_key_id: int) -> ApiKeyRow | None:
    """A key, whether it still holds or not."""
    row = connection.execute(f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE api_key_id = %s", [api_key_id]).fetchone()
    return None if row is None else ApiKeyRow(*row)


def api_keys(connection: Connection, *, before_id: int | None, most: int) -> list[ApiKeyRow]:
    """Keys, the newest first, those older than `before_id`."""
    rows = connection.execute(
        f"""
        SELECT {_KEY_COLUMNS} FROM api_keys WHERE %s::bigint IS NULL OR api_key_id < %s
        ORDER BY api_key_id DESC LIMIT %s
        """,
        [before_id, before_id, most],
    )
    return [ApiKeyRow(*row) for row in rows]


def revoke_api_key(connection: Connection, api_key_id: int, *, revoked_at: datetime, revoked_by: str) -> bool:
    """End a key; False where it had ended or there is none."""
    revoked = connection.execute(
        "UPDATE api_keys SET revoked_at = %s, revoked_by = %s WHERE api_key_id = %s AND revoked_at IS NULL",
        [revoked_at, revoked_by, api_key_id],
    )
    return revoked.rowcount == 1


class PersonalRecord(Struct, frozen=True):
    """Sealed personal data of one borrower; without `wrapped_key` the person was erased."""

    borrower_id: int
    wrapped_key: bytes | None
    sealed: bytes | None
    identity_index: bytes | None
    erased_at: datetime | None = None


class IdentityTaken(ValueError):
    """The identity document is another borrower's; the error carries which."""

    def __init__(self, borrower_id: int) -> None:
        super().__init__("identity: this document is another borrower's; use that borrower")
        self.borrower_id = borrower_id


def write_personal_record(connection: Connection, record: PersonalRecord, *, written_at: datetime) -> None:
    """Keep sealed personal data, in place of what was kept for the borrower before.

    Raises `IdentityTaken` where another borrower has the same document.
    """
    try:
        with connection.transaction():
            connection.execute(
                """
                INSERT INTO personal_records (borrower_id, wrapped_key, sealed, identity_index, written_at)
                VALUES (%(borrower_id)s, %(wrapped_key)s, %(sealed)s, %(identity_index)s, %(written_at)s)
                ON CONFLICT (borrower_id) DO UPDATE
                SET wrapped_key = excluded.wrapped_key, sealed = excluded.sealed,
                    identity_index = excluded.identity_index, written_at = excluded.written_at
                """,
                {
                    "borrower_id": record.borrower_id,
                    "wrapped_key": record.wrapped_key,
                    "sealed": record.sealed,
                    "identity_index": record.identity_index,
                    "written_at": written_at,
                },
            )
    except UniqueViolation as fault:
        assert record.identity_index is not None
        owner = borrower_of_identity(connection, record.identity_index)
        assert owner is not None, "the document was erased in the same instant; the request can be repeated"
        raise IdentityTaken(owner) from fault


def read_personal_record(connection: Connection, borrower_id: int) -> PersonalRecord | None:
    """What is kept of a person; a record without a key where the person was erased, None where none was given."""
    row = connection.execute(
        """
        SELECT borrower_id, wrapped_key, sealed, identity_index, erased_at FROM personal_records
        WHERE borrower_id = %s
        """,
        [borrower_id],
    ).fetchone()
    return None if row is None else PersonalRecord(*row)


def lock_personal_record(connection: Connection, borrower_id: int) -> PersonalRecord | None:
    """As `read_personal_record`, kept from other writers until the transaction ends."""
    row = connection.execute(
        """
        SELECT borrower_id, wrapped_key, sealed, identity_index, erased_at FROM personal_records
        WHERE borrower_id = %s FOR UPDATE
        """,
        [borrower_id],
    ).fetchone()
    return None if row is None else PersonalRecord(*row)


def borrower_of_identity(connection: Connection, identity_index: bytes) -> int | None:
    """The borrower with that document."""
    row = connection.execute(
        "SELECT borrower_id FROM personal_records WHERE identity_index = %s", [identity_index]
    ).fetchone()
    return None if row is None else int(row[0])


def erase_personal_record(connection: Connection, borrower_id: int, *, erased_at: datetime, erased_by: str) -> bool:
    """Delete the person's key and everything sealed with it; False where nothing was kept."""
    erased = connection.execute(
        """
        UPDATE personal_records
        SET wrapped_key = NULL, sealed = NULL, identity_index = NULL, erased_at = %s, erased_by = %s
        WHERE borrower_id = %s AND erased_at IS NULL
        """,
        [erased_at, erased_by, borrower_id],
    )
    return erased.rowcount == 1


def lock_personal_records(connection: Connection, *, after_id: int, most: int) -> list[PersonalRecord]:
    """Persons who were not erased, by borrower, `most` at a time, kept from other writers."""
    rows = connection.execute(
        """
        SELECT borrower_id, wrapped_key, sealed, identity_index, erased_at FROM personal_records
        WHERE borrower_id > %s AND wrapped_key IS NOT NULL ORDER BY borrower_id LIMIT %s FOR UPDATE
        """,
        [after_id, most],
    )
    return [PersonalRecord(*row) for row in rows]


def write_rewrapped(connection: Connection, records: Sequence[PersonalRecord]) -> None:
    """Write persons' keys as another master key wraps them, and the index of their document under it."""
    connection.execute(
        """
        UPDATE personal_records AS present SET wrapped_key = fresh.wrapped_key, identity_index = fresh.identity_index
        FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS fresh (borrower_id, wrapped_key, identity_index)
        WHERE present.borrower_id = fresh.borrower_id
        """,
        [
            [record.borrower_id for record in records],
            [record.wrapped_key for record in records],
            [record.identity_index for record in records],
        ],
    )


def note_personal_data_read(
    connection: Connection, borrower_id: int, *, actor: str, request_id: str, read_at: datetime
) -> None:
    """Keep who looked."""
    connection.execute(
        "INSERT INTO personal_data_reads (borrower_id, actor, request_id, read_at) VALUES (%s, %s, %s, %s)",
        [borrower_id, actor, request_id, read_at],
    )


class PersonalDataRead(Struct, frozen=True):
    """Somebody looked at a borrower's personal data."""

    read_id: int
    actor: str
    request_id: str
    read_at: datetime


def personal_data_reads(
    connection: Connection, borrower_id: int, *, before_id: int | None, most: int
) -> list[PersonalDataRead]:
    """Who looked at a borrower's personal data, the latest first, those before `before_id`."""
    rows = connection.execute(
        """
        SELECT read_id, actor, request_id, read_at FROM personal_data_reads
        WHERE borrower_id = %s AND (%s::bigint IS NULL OR read_id < %s) ORDER BY read_id DESC LIMIT %s
        """,
        [borrower_id, before_id, before_id, most],
    )
    return [PersonalDataRead(*row) for row in rows]
