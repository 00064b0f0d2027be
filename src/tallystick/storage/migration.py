"""Numbered SQL files, applied once each and in order, however many processes start at the same time."""

import hashlib
import re
from importlib.resources import files
from typing import Final

from msgspec import Struct
from psycopg import Connection, sql

# One number for all of Tallystick: whoever holds this advisory lock migrates, the others wait and find it done.
_LOCK: Final = 0x7A11_5710
_FILE: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Migration(Struct, frozen=True):
    """One file: its number, its name and what it says."""

    number: int
    name: str
    statements: str

    @property
    def sha256(self) -> str:
        """The fingerprint by which a changed file is found."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


class SchemaFault(RuntimeError):
    """The database and this version of Tallystick do not fit; the message names the migration and the way out."""


def known_migrations() -> tuple[Migration, ...]:
    """The migrations that ship, by number. Raises `SchemaFault` where a number is given twice."""
    found: list[Migration] = []
    for entry in files("tallystick.storage").joinpath("migrations").iterdir():
        match = _FILE.fullmatch(entry.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in found]
    if len(set(numbers)) != len(numbers):
        raise SchemaFault(f"migrations: a number is given twice in {numbers}; number each file once")
    return tuple(found)


def applied_numbers(connection: Connection) -> dict[int, str]:
    """The fingerprints of what was applied, by number; empty for a new database."""
    exists = connection.execute("SELECT to_regclass('schema_migrations')").fetchone()
    if exists is None or exists[0] is None:
        return {}
    return dict(connection.execute("SELECT number, sha256 FROM schema_migrations").fetchall())


def pending_migrations(connection: Connection, *, known: tuple[Migration, ...] | None = None) -> tuple[Migration, ...]:
    """What is still to be applied.

    Raises `SchemaFault` where a newer Tallystick has been here, or an applied file has changed since.
    """
    known = known_migrations() if known is None else known
    applied = applied_numbers(connection)
    by_number = {migration.number: migration for migration in known}
    newer = sorted(set(applied) - set(by_number))
    if newer:
        raise SchemaFault(
            f"the database has migration {newer[-1]:04d}, which this version does not know: "
            "a newer Tallystick wrote it; use that version, or restore a backup made before"
        )
    for number, sha256 in sorted(applied.items()):
        if by_number[number].sha256 != sha256:
            raise SchemaFault(
                f"migration {number:04d}_{by_number[number].name} was applied with another content; "
                "put the file back as it was and write a new one"
            )
    return tuple(migration for migration in known if migration.number not in applied)


def is_elsewhere(connection: Connection) -> bool:
    """Whether the database was copied into another server since its generation began: its order must begin anew."""
    if not _has_evidence(connection):
        return False
    row = connection.execute("SELECT is_elsewhere()").fetchone()
    return row is not None and bool(row[0])


def generation(connection: Connection) -> int | None:
    """The generation that rows are written in now; None for a database without a schema."""
    if not applied_numbers(connection):
        return None
    row = connection.execute("SELECT max(generation) FROM database_generations").fetchone()
    assert row is not None
    return int(row[0])


def begin_generation(connection: Connection, because: str) -> int:
    """Rows written from now on come after all that are there, though transaction ids begin anew; gives its number."""
    row = connection.execute("SELECT begin_generation(%s)", [because]).fetchone()
    assert row is not None
    return int(row[0])


def _has_evidence(connection: Connection) -> bool:
    """Whether migration 0020 is applied; one that brings up a version before knows nothing of it."""
    row = connection.execute("SELECT to_regprocedure('begin_generation(text)') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])


def migrate(connection: Connection, *, known: tuple[Migration, ...] | None = None) -> tuple[Migration, ...]:
    """Apply what is pending, each file in a transaction of its own; gives what was applied.

    `connection` must be in autocommit. Two processes at once apply everything once.
    """
    assert connection.autocommit, "each migration commits by itself"
    connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        pending = pending_migrations(connection, known=known)
        for migration in pending:
            with connection.transaction():
                connection.execute(sql.SQL(migration.statements))
                connection.execute(
                    "INSERT INTO schema_migrations (number, name, sha256) VALUES (%s, %s, %s)",
                    [migration.number, migration.name, migration.sha256],
                )
                connection.execute("SELECT stamp_generation()")
                if _has_evidence(connection):
                    connection.execute("SELECT keep_always()")
        if is_elsewhere(connection):
            begin_generation(connection, "found in another server")
        return pending
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
