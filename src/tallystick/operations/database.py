"""The database as its keeper uses it: made ready, looked at, backed up and restored."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from msgspec import Struct

from tallystick.storage.embedded import Running, embedded_server, ensure_running, keeper_pid, stay_up, stop
from tallystick.storage.migration import (
    Migration,
    SchemaFault,
    applied_numbers,
    known_migrations,
    migrate,
    pending_migrations,
)
from tallystick.storage.place import Place, client_programs, place


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
    """The URL of a server that answers, for the time of the block; whatever its schema is."""
    if where.url is not None:
        _must_answer(where.url)
        yield where.url
        return
    with embedded_server(place(where.data_folder)) as running:
        yield running.url


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
        yield url


def revive(where: Where) -> bool:
    """Start the embedded server again where it died without being stopped; the caller is one of its users.

    A server that was stopped stays so: whoever stopped it meant it.
    """
    at = where.embedded
    if at is None or keeper_pid(at) is not None or not (at.cluster / "postmaster.pid").exists():
        return False
    ensure_running(at)
    return True


def _must_answer(url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as fault:
        raise DatabaseFault(
            f"TALLYSTICK_DATABASE_URL does not answer: {str(fault).strip().splitlines()[0]}; "
            "start that server, or unset the variable to use the embedded one"
        ) from fault


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


def migrate_database(where: Where) -> tuple[Migration, ...]:
    """Apply what is pending; gives what was applied."""
    with reachable_database(where) as url, psycopg.connect(url, autocommit=True) as connection:
        return migrate(connection)


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
        generation = connection.execute("SELECT max(generation) FROM database_generations") if applied else None
        latest = generation.fetchone() if generation else None
        assert row is not None
        embedded = where.embedded
        return Status(
            place=str(embedded.folder) if embedded else connection.info.host,
            server_version=row[0],
            schema_number=max(applied) if applied else None,
            pending=len(known_migrations()) - len(applied),
            size_bytes=row[1],
            generation=latest[0] if latest else 1,
            keeper_pid=keeper_pid(embedded) if embedded else None,
        )


def back_up(where: Where, file: Path) -> int:
    """Write the whole database to a file, consistent as of now, while it is used; gives its size in bytes.

    The file appears when it is whole. Raises `DatabaseFault` where it exists already.
    """
    if file.exists():
        raise DatabaseFault(f"{file} exists: name a new file, a backup is never overwritten")
    part = file.with_name(f"{file.name}.part")
    with ready_database(where) as url:
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={part}", f"--dbname={url}")
    os.replace(part, file)
    return file.stat().st_size


def restore(where: Where, file: Path) -> int:
    """Read a backup into an empty database, as a new generation of it; gives that generation's number.

    Transaction numbers begin anew in a copy, so rows written from now on carry the next generation. Raises
    `DatabaseFault` where the file cannot be read or the database is not empty: nothing is ever restored over books.
    """
    if not file.is_file():
        raise DatabaseFault(f"{file} is no file: give one that `tallystick db backup` wrote")
    with reachable_database(where) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            used = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
            if used is not None and used[0]:
                raise DatabaseFault(
                    "the database is not empty: restore into a new TALLYSTICK_DATA_DIR or a new database"
                )
        _run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={url}", str(file))
        with psycopg.connect(url, autocommit=True) as connection, connection.transaction():
            connection.execute(
                """
                INSERT INTO database_generations (generation, reason)
                SELECT max(generation) + 1, 'restored' FROM database_generations
                """
            )
            row = connection.execute("SELECT stamp_generation()").fetchone()
            assert row is not None
            return int(row[0])


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(client_programs() / program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"},
    )
    if done.returncode:
        raise DatabaseFault(f"{program}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'it failed'}")
