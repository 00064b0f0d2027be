"""The database as its keeper uses it: made ready, looked at, backed up and restored."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tallystick.storage.embedded import Running, embedded_server, ensure_running, keeper_pid, stay_up, stop, was_killed
from tallystick.storage.leftovers import remove_leftovers
from tallystick.storage.migration import (
    Migration,
    SchemaFault,
    applied_numbers,
    begin_generation,
    generation,
    is_elsewhere,
    known_migrations,
    migrate,
    pending_migrations,
)
from tallystick.storage.place import MAJOR_VERSION, Place, client_programs, place


class DatabaseFault(RuntimeError):
    """The database cannot be used as asked; the message says why and the way out."""


class Where(Struct, frozen=True):
    """A server of one's own, by its URL, or the embedded one of a data folder."""

    url: str | None
    data_folder: Path

    @property
    def embedded(self) -> Place | None:
        """Where the embedded server lives, if it is the one in use."""
        return None if self.url else place(self.data_folder)


@contextmanager
def reachable_database(where: Where) -> Iterator[str]:
    """The URL of a server that answers, for the time of the block; whatever its schema is.

    Raises `DatabaseFault` with the way out where it cannot be used, or ceases to answer within the block.
    """
    with _told_faults():
        if where.url is not None:
            _must_answer(where.url)
            yield where.url
            return
        with embedded_server(place(where.data_folder)) as running:
            yield running.url


# Classes of PostgreSQL's error codes: connections, resources such as disk and memory, operators who intervene.
_CEASED: Final = ("08", "53", "57")


@contextmanager
def _told_faults() -> Iterator[None]:
    """What a database refuses or suffers that an operator can mend, as `DatabaseFault`."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as fault:
        raise DatabaseFault(
            f"TALLYSTICK_DATABASE_URL: {fault.diag.message_primary}; "
            "grant its role what docs/database.md lists, or name the owner of the tables"
        ) from fault
    except psycopg.OperationalError as fault:
        if fault.sqlstate is not None and fault.sqlstate[:2] not in _CEASED:
            raise
        raise DatabaseFault(
            f"the database ceased to answer: {str(fault).strip().splitlines()[0]}; "
            "mend that and run the command again: what was committed stays, all else was not written"
        ) from fault


@contextmanager
def ready_database(where: Where) -> Iterator[str]:
    """The URL of a database with the present schema.

    The embedded one is migrated by itself; one's own only by `tallystick db migrate`, which an operator decides.
    Raises `DatabaseFault` or `SchemaFault` with the way out.
    """
    with reachable_database(where) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            if where.embedded is not None:
                migrate(connection)
            elif pending_migrations(connection):
                raise SchemaFault("the database's schema is older than this Tallystick: run `tallystick db migrate`")
            elif is_elsewhere(connection):
                raise SchemaFault(
                    "the database was copied here from another server, and transaction ids begin anew in a copy: "
                    "run `tallystick db migrate`, which begins its next generation"
                )
        yield url


def discard_left_behind(data_folder: Path) -> None:
    """Discard the embedded books of a data folder that was removed, and the master key with it: nobody can use them.

    Root's books stand apart from their data folder, so that a folder of the same name would find them again. Where
    there is a folder nothing is done.
    """
    if data_folder.exists():
        return
    at = place(data_folder)
    stop(at)
    shutil.rmtree(at.folder, ignore_errors=True)


def revive(where: Where) -> bool:
    """Start the embedded server again where it died without being stopped; the caller is one of its users.

    A server that was stopped stays so: whoever stopped it meant it.
    """
    at = where.embedded
    if at is None or not was_killed(at):
        return False
    ensure_running(at)
    return True


def _must_answer(url: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            unfit = unfit_server(
                version=connection.info.server_version,
                encoding=connection.info.parameter_status("server_encoding") or "",
            )
    except psycopg.OperationalError as fault:
        raise DatabaseFault(
            f"TALLYSTICK_DATABASE_URL does not answer: {str(fault).strip().splitlines()[0]}; "
            "correct it or that server, or unset the variable to use the embedded one"
        ) from fault
    except psycopg.ProgrammingError as fault:
        raise DatabaseFault(  # never quoted: it may hold the password
            "TALLYSTICK_DATABASE_URL cannot be read: give postgresql://user:password@host:port/database, "
            "with %XX for special characters and only parameters that PostgreSQL knows"
        ) from fault
    if unfit is not None:
        raise DatabaseFault(f"TALLYSTICK_DATABASE_URL: {unfit}")


def unfit_server(*, version: int, encoding: str) -> str | None:
    """Why a server cannot hold the books, with the way out; None where it can.

    >>> unfit_server(version=160_004, encoding="UTF8")
    'the server is PostgreSQL 16; Tallystick needs 18 or later'
    """
    major = version // 10_000
    if major < MAJOR_VERSION:
        return f"the server is PostgreSQL {major}; Tallystick needs {MAJOR_VERSION} or later"
    if encoding != "UTF8":
        return f"the database's encoding is {encoding}; create one with ENCODING 'UTF8' TEMPLATE template0"
    return None


def bring_up(where: Where) -> Running:
    """Start the embedded server and have it stay up; its schema is brought up to date."""
    if where.embedded is None:
        raise DatabaseFault("TALLYSTICK_DATABASE_URL names a server of your own: start it by its own means")
    running = stay_up(where.embedded)
    with ready_database(where):
        return running


def bring_down(where: Where) -> bool:
    """Stop the embedded server; False where none ran."""
    if where.embedded is None:
        raise DatabaseFault("TALLYSTICK_DATABASE_URL names a server of your own: stop it by its own means")
    return stop(where.embedded)


class Migrated(Struct, frozen=True):
    """What was applied, and the generation that was begun because the books had been copied here, None for none."""

    applied: tuple[Migration, ...]
    begun_generation: int | None


def migrate_database(where: Where) -> Migrated:
    """Apply what is pending, and begin a generation where the books came from another server."""
    with reachable_database(where) as url, psycopg.connect(url, autocommit=True) as connection:
        before = generation(connection)
        applied = migrate(connection)
        now = generation(connection)
        return Migrated(applied, None if before in {None, now} else now)


class Status(Struct, frozen=True):
    """Where the database is and how it stands; `schema_number` is the last migration applied, None for none."""

    place: str
    server_version: str
    schema_number: int | None
    pending: int
    size_bytes: int
    generation: int
    keeper_pid: int | None


def status(where: Where) -> Status:
    """Look at the database; the embedded server is started for that if it does not run."""
    with reachable_database(where) as url, psycopg.connect(url, autocommit=True) as connection:
        applied = applied_numbers(connection)
        row = connection.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database())"
        ).fetchone()
        assert row is not None
        embedded = where.embedded
        return Status(
            place=str(embedded.folder) if embedded else _told_place(connection),
            server_version=row[0],
            schema_number=max(applied) if applied else None,
            pending=len({migration.number for migration in known_migrations()} - set(applied)),
            size_bytes=row[1],
            generation=generation(connection) or 1,
            keeper_pid=keeper_pid(embedded) if embedded else None,
        )


def _told_place(connection: psycopg.Connection) -> str:
    info = connection.info
    return f"{info.host}:{info.port}/{info.dbname}"


def back_up(where: Where, file: Path) -> int:
    """Write the whole database to a file, consistent as of now, while it is used; gives its size in bytes.

    The file appears when it is whole. Raises `DatabaseFault` where it exists already.
    """
    if file.exists():
        raise DatabaseFault(f"{file} exists: name a new file, a backup is never overwritten")
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        remove_leftovers(file, before=f"{file.name}.", after=".part")
        part.touch(mode=0o600)  # it holds everything that the database holds
        with ready_database(where) as url:
            _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        os.replace(part, file)
    except OSError as fault:
        raise DatabaseFault(f"{file}: {fault.strerror}; name a file in a folder that can be written") from fault
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(where: Where, file: Path) -> int:
    """Read a backup into an empty database, as a new generation of it; gives that generation's number.

    Transaction numbers begin anew in a copy, so rows written from now on carry the next generation. A backup of an
    older version is brought up to this one. Raises `DatabaseFault` where the file cannot be read or the database is
    not empty: nothing is ever restored over books.
    """
    if not file.is_file():
        raise DatabaseFault(f"{file} is no file: give one that `tallystick db backup` wrote")
    if " TABLE DATA " not in (contents := _run("pg_restore", None, "--list", str(file))) or (
        " database_generations " not in contents
    ):
        raise DatabaseFault(f"{file} is a backup of something else: give one that `tallystick db backup` wrote")
    with reachable_database(where) as url, psycopg.connect(url, autocommit=True) as connection:
        _must_be_empty(connection)
        _run("pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file))
        if not applied_numbers(connection):
            raise DatabaseFault(
                "the books were restored into a schema that is not on the search_path: ALTER DATABASE ... SET "
                "search_path as it was where they come from, then `tallystick db migrate`"
            )
        migrate(connection)
        return begin_generation(connection, "restored")


def _must_be_empty(connection: psycopg.Connection) -> None:
    row = connection.execute(
        """
        SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        """
    ).fetchone()
    if row is not None and row[0]:
        raise DatabaseFault("the database is not empty: restore into a new TALLYSTICK_DATA_DIR or a new database")


def _run(program: str, url: str | None, *arguments: str) -> str:
    """What a client of PostgreSQL says."""
    call = client_call(url, environment=os.environ)
    done = subprocess.run(
        [str(client_programs() / program), *call.arguments, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=call.environment,
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"{program}: it failed"]
        raise DatabaseFault(next((line for line in told if "error:" in line), told[-1]))
    return done.stdout


class ClientCall(Struct, frozen=True):
    """How a client of PostgreSQL is called for a database."""

    arguments: tuple[str, ...]
    environment: dict[str, str]


def client_call(url: str | None, *, environment: Mapping[str, str]) -> ClientCall:
    """Arguments without a password, which every user could see, and all that the operator set for PostgreSQL.

    >>> call = client_call("postgresql://clerk:s3cret@db/books", environment={"PGSSLMODE": "require"})
    >>> "s3cret" in call.arguments[0], call.environment["PGPASSWORD"], call.environment["PGSSLMODE"]
    (False, 's3cret', 'require')
    """
    kept = {**environment, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    if url is None:
        return ClientCall((), kept)
    named = conninfo_to_dict(url)
    password = named.pop("password", None)
    if password is not None:
        kept["PGPASSWORD"] = str(password)
    return ClientCall((f"--dbname={make_conninfo('', **named)}",), kept)
