"""What all tests share: where the real data is, and what happens where it is not."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from tallystick.storage.embedded import Running, embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("house", deadline=None)  # how fast a machine is fails no test
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data beside the project; skips where it is absent, unless CI requires it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        message = f"real data is not here: put the data folder at {folder}"
        if os.environ.get("TALLYSTICK_REQUIRE_DATA") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """The embedded PostgreSQL, kept for later runs; each worker has its own.

    It does not wait for the disk: a copy of a database took 0.9 s with it and takes 0.2 s. What survives a crash is
    proven in `tests/faults`, on servers as they ship. What is read in the order of commits waits for every transaction
    of a server, those of other tests as well.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder = Path(tempfile.gettempdir()) / f"tallystick-tests-{os.getuid()}-{worker}"
    with embedded_server(place(folder)) as running:
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture(scope="session")
def template_database(server: Running) -> Iterator[str]:
    """A database with every migration applied, to be copied for each test of this worker."""
    name = f"template_{os.getpid()}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        _drop_left_behind(connection)
        connection.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(_with_database(server.url, name), autocommit=True) as fresh:
            migrate(fresh)
        yield name
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(server: Running, template_database: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with copied_database(server, template_database) as url:
        yield url


@contextmanager
def copied_database(server: Running, template: str) -> Iterator[str]:
    """The URL of a copy of a database, dropped at the end."""
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        yield _with_database(server.url, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection to a migrated database of the test's own; the test commits, or does not."""
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()


def _with_database(url: str, name: str) -> str:
    return url.replace("/tallystick?", f"/{name}?", 1)


def _drop_left_behind(connection: psycopg.Connection) -> None:
    """Databases of runs that were killed: their names carry a process id that no longer lives."""
    rows = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^(test|template)_[0-9]+'").fetchall()
    for (name,) in rows:
        if not Path(f"/proc/{name.split('_')[1]}").exists():
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
