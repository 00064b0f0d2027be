"""A server of one's own: what cannot be used is refused with the way out, before anything is written."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.commands import command

from tallystick.operations.database import (
    DatabaseFault,
    Migrated,
    Where,
    back_up,
    migrate_database,
    ready_database,
    restore,
    status,
    unfit_server,
)
from tallystick.storage.embedded import Running
from tallystick.storage.migration import SchemaFault, known_migrations, migrate
from tallystick.storage.place import client_programs


@pytest.fixture
def owned(server: Running, database_url: str) -> Iterator[psycopg.Connection]:
    """The server's superuser; databases and roles named like the test's own are dropped afterwards."""
    name = _name(database_url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection
        for (made,) in connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{name}\\_%"]
        ).fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made)))


def _name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def _created(owned: psycopg.Connection, database_url: str, ending: str, options: str = "") -> str:
    """Another database of the test, by its URL."""
    name = f"{_name(database_url)}_{ending}"
    owned.execute(sql.SQL("CREATE DATABASE {} " + options).format(sql.Identifier(name)))
    return database_url.replace(f"/{_name(database_url)}?", f"/{name}?", 1)


def test_a_database_that_ceases_to_answer_is_told_and_not_a_traceback(database_url: str, tmp_path: Path) -> None:
    where = Where(url=database_url, data_folder=tmp_path)
    with (
        pytest.raises(DatabaseFault, match=r"ceased to answer: terminating connection .*run the command again"),
        ready_database(where) as url,
        psycopg.connect(url) as connection,
    ):
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_defect_of_ours_keeps_its_name(database_url: str, tmp_path: Path) -> None:
    where = Where(url=database_url, data_folder=tmp_path)
    with (
        pytest.raises(psycopg.errors.UndefinedTable),
        ready_database(where) as url,
        psycopg.connect(url) as connection,
    ):
        connection.execute("SELECT * FROM no_such_table")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://127.0.0.1:1/books", "does not answer: connection failed"),
        ("postgresql://no-such-host.invalid/books", "does not answer: failed to resolve host"),
        ("postgresql://clerk:p w@127.0.0.1/books", "cannot be read: give postgresql://"),
        ("postgresql:///books?colour=red", "cannot be read: give postgresql://"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_its_password(tmp_path: Path, url: str, told: str) -> None:
    with pytest.raises(DatabaseFault, match=told) as refused:
        status(Where(url=url, data_folder=tmp_path))
    assert "p w" not in str(refused.value)


def test_a_database_that_does_not_exist_is_named(database_url: str, tmp_path: Path) -> None:
    url = database_url.replace(_name(database_url), "no_such_database")
    with pytest.raises(DatabaseFault, match='database "no_such_database" does not exist'):
        status(Where(url=url, data_folder=tmp_path))


def test_a_database_that_cannot_hold_chinese_is_refused(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    url = _created(owned, database_url, "latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(DatabaseFault, match="encoding is LATIN1; create one with ENCODING 'UTF8'"):
        migrate_database(Where(url=url, data_folder=tmp_path))


def test_a_server_of_an_older_version_is_refused() -> None:
    assert unfit_server(version=180_000, encoding="UTF8") is None
    assert unfit_server(version=190_001, encoding="UTF8") is None
    assert unfit_server(version=170_010, encoding="UTF8") == "the server is PostgreSQL 17; Tallystick needs 18 or later"


def test_a_role_without_rights_is_told_where_they_are_listed(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    role = sql.Identifier(f"stranger_{_name(database_url)}")
    owned.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    try:
        where = Where(url=_as_role(database_url, role), data_folder=tmp_path)
        with pytest.raises(DatabaseFault, match=r"permission denied for table schema_migrations; grant its role"):
            status(where)
    finally:
        owned.execute(sql.SQL("DROP ROLE {}").format(role))


def _as_role(url: str, role: sql.Identifier) -> str:
    """The same database for another role."""
    return url.replace("user=tallystick", f"user={role.as_string()[1:-1]}")


def test_a_copy_in_another_server_begins_a_generation_before_it_is_written(database_url: str, tmp_path: Path) -> None:
    """Copied by other means than `db restore`: the identifier of the cluster is another one."""
    where = Where(url=database_url, data_folder=tmp_path)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE database_generations DISABLE TRIGGER USER")
        connection.execute("UPDATE database_generations SET system_identifier = 1")
        with pytest.raises(SchemaFault, match=r"copied here from another server.*db migrate"), ready_database(where):
            pass
        assert migrate_database(where) == Migrated(applied=(), begun_generation=2)
        assert status(where).generation == 2
        with ready_database(where):
            pass
        assert migrate_database(where) == Migrated(applied=(), begun_generation=None)
        assert status(where).generation == 2


@pytest.mark.parametrize(
    ("language", "begun", "nothing"),
    [
        ("en", "copied here from another server: generation 2 begins", "nothing to migrate"),
        ("zh", "开始第 2 代", "无需迁移"),
    ],
)
def test_a_generation_that_migrate_begins_is_told(database_url: str, language: str, begun: str, nothing: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE database_generations DISABLE TRIGGER USER")
        connection.execute("UPDATE database_generations SET system_identifier = 1")
    told = [command("db", "migrate", url=database_url, language=language).told() for _ in range(2)]
    assert (begun in told[0], nothing in told[0]) == (True, False)
    assert (begun in told[1], nothing in told[1]) == (False, True)


def test_the_schema_of_before_learns_which_server_it_is_in(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    url = _created(owned, database_url, "before")
    with psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, known=tuple(each for each in known_migrations() if each.number < 20))
    migrate_database(Where(url=url, data_folder=tmp_path))
    assert status(Where(url=url, data_folder=tmp_path)).generation == 1


def test_a_backup_of_an_older_version_is_restored_and_brought_up_to_date(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    old, new = _created(owned, database_url, "old"), _created(owned, database_url, "new")
    with psycopg.connect(old, autocommit=True) as connection:
        migrate(connection, known=tuple(each for each in known_migrations() if each.number < 20))
    file = tmp_path / "old.backup"
    _dumped(old, file)
    assert restore(Where(url=new, data_folder=tmp_path), file) == 2
    found = status(Where(url=new, data_folder=tmp_path))
    assert (found.schema_number, found.pending) == (known_migrations()[-1].number, 0)


def _dumped(url: str, file: Path) -> None:
    program = [str(client_programs() / "pg_dump"), "--format=custom", f"--file={file}", f"--dbname={url}"]
    subprocess.run(program, check=True)


def test_what_is_no_backup_of_ours_is_refused_and_leaves_the_database_empty(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    strange, empty = _created(owned, database_url, "strange"), _created(owned, database_url, "empty")
    with psycopg.connect(strange, autocommit=True) as connection:
        connection.execute("CREATE TABLE recipes (name text)")
    where = Where(url=empty, data_folder=tmp_path)
    whole = tmp_path / "books.backup"
    back_up(Where(url=database_url, data_folder=tmp_path), whole)
    (tmp_path / "cut.backup").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    (tmp_path / "text.backup").write_text("no backup")
    _dumped(strange, tmp_path / "strange.backup")
    for file, told in (
        ("cut.backup", "could not read"),
        ("text.backup", "does not appear to be a valid archive"),
        ("strange.backup", "is a backup of something else"),
        ("none.backup", "is no file"),
    ):
        with pytest.raises(DatabaseFault, match=told):
            restore(where, tmp_path / file)
    assert status(where).schema_number is None
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_nothing_is_restored_over_tables_of_any_schema(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    back_up(Where(url=database_url, data_folder=tmp_path), tmp_path / "books.backup")
    used = _created(owned, database_url, "used")
    with psycopg.connect(used, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute("CREATE TABLE elsewhere.recipes (name text)")
    with pytest.raises(DatabaseFault, match="not empty"):
        restore(Where(url=used, data_folder=tmp_path), tmp_path / "books.backup")


def test_what_a_killed_backup_left_is_removed_by_the_next_one_to_the_same_file(
    database_url: str, tmp_path: Path
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    left, living, other, alike = (
        tmp_path / name
        for name in (
            f"books.backup.{gone.pid}.part",
            f"books.backup.{os.getppid()}.part",
            f"other.backup.{gone.pid}.part",
            f"books.backup.x{gone.pid}.part",
        )
    )
    for each in (left, living, other, alike):
        each.write_text("half")
    back_up(Where(url=database_url, data_folder=tmp_path), tmp_path / "books.backup")
    assert {path.name for path in tmp_path.iterdir()} == {"books.backup", living.name, other.name, alike.name}


def test_a_backup_is_read_by_its_owner_only_and_one_that_failed_leaves_no_file(
    owned: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    where = Where(url=database_url, data_folder=tmp_path)
    back_up(where, tmp_path / "books.backup")
    assert (tmp_path / "books.backup").stat().st_mode & 0o077 == 0
    with pytest.raises(DatabaseFault, match="exists: name a new file"):
        back_up(where, tmp_path / "books.backup")
    with pytest.raises(DatabaseFault, match="name a file in a folder that can be written"):
        back_up(where, tmp_path / "no folder" / "books.backup")
    role = sql.Identifier(f"reader_{_name(database_url)}")
    owned.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT SELECT ON schema_migrations, database_generations TO {}").format(role))
        with pytest.raises(DatabaseFault, match=r"^pg_dump: error: .*permission denied"):
            back_up(Where(url=_as_role(database_url, role), data_folder=tmp_path), tmp_path / "late.backup")
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
    owned.execute(sql.SQL("DROP ROLE {}").format(role))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["books.backup"]


def test_status_of_ones_own_server_says_which_database(database_url: str) -> None:
    status = command("db", "status", url=database_url, columns=60).told()
    assert status.splitlines()[0].split()[1].endswith(f":5432/{_name(database_url)}")
