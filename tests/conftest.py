"""What all tests share: where the real data is, and what happens where it is not."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from msgspec.structs import replace

from tallystick.storage.embedded import Running, embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("house", deadline=None)  # how fast a machine is fails no test
settings.load_profile("house")

# Each worker has a core: what would wait in a loop for more threads takes its time from the other worker. No result
# depends on their number. Read when a library is loaded, here and in what is started from here.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

_MEMORY = Path("/dev/shm")  # a file system in memory, where the system has one
_MEMORY_BYTES = 2 * 1024**3  # a worker's server takes some 300 MB while it runs


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

    It stands in memory where it can: a copy of a database takes 0.5 s on a disk and 0.05 s there. What survives a crash
    is proven in `tests/faults`, on disks. What is read in the order of commits waits for every transaction of a server,
    those of other tests as well.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder = (_MEMORY if _has_memory() else Path(tempfile.gettempdir())) / f"tallystick-tests-{os.getuid()}-{worker}"
    at = place(folder)
    if at.owner is not None:  # as root a server stands in a folder of root's, unless it is told another
        at = replace(at, folder=folder)
    with embedded_server(at) as running:
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
    # In memory files are copied at no cost; on a disk each is waited for, and pages that go through the log are not.
    strategy = "FILE_COPY" if _has_memory() else "WAL_LOG"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {strategy}'.encode())
        try:
            yield _with_database(server.url, name)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection to a migrated database of the test's own; the test commits, or does not."""
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()


@cache
def _has_memory() -> bool:
    """Whether there is room in memory for the servers of two workers and more."""
    return _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES


def _with_database(url: str, name: str) -> str:
    return url.replace("/tallystick?", f"/{name}?", 1)


def _drop_left_behind(connection: psycopg.Connection) -> None:
    """Databases of runs that were killed: their names carry a process id that no longer lives."""
    rows = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^(test|template)_[0-9]+'").fetchall()
    for (name,) in rows:
        if not Path(f"/proc/{name.split('_')[1]}").exists():
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
