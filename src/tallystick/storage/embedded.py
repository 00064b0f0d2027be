"""The PostgreSQL that Tallystick brings along: made on first use, shared by all processes, gone with the last one."""

import contextlib
import errno
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO, cast

import psycopg
from msgspec import Struct

from tallystick.storage import keeper
from tallystick.storage.leftovers import remove_leftovers
from tallystick.storage.place import MAJOR_VERSION, EmbeddedFault, Place, prepare

_START_SECONDS: Final = 600.0  # after a crash under load, gigabytes of log are gone through first
_ORPHAN_SECONDS: Final = 5.0
_NOBODY_LISTENS: Final = ("No such file or directory", "Connection refused")


class Running(Struct, frozen=True):
    """A server in use: how to reach it, and the process that keeps it."""

    url: str
    keeper_pid: int | None


@contextmanager
def embedded_server(at: Place) -> Iterator[Running]:
    """Use the embedded server for the time of the block; it is made, started and shared as needed.

    Raises `EmbeddedFault` with the way out where it cannot be used.
    """
    prepare(at)
    with _users_lock(at):
        yield ensure_running(at)


def ensure_running(at: Place) -> Running:
    """Start the server where it does not run; the caller holds the users' lock, so that it stays.

    Two processes at once start one server; where its keeper was killed, the next to ask starts another.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        kept_by = keeper_pid(at)
        if kept_by is not None and _answers(at) and keeper_pid(at) == kept_by:  # killed meanwhile: its last answer
            return Running(url=at.url, keeper_pid=kept_by)
        started = False
        with _start_lock(at):
            if keeper_pid(at) is None:
                if _orphan_lives_on(at, deadline=deadline):
                    return Running(url=at.url, keeper_pid=None)
                _check_version(at)
                _make_cluster(at)
                _start_keeper(at)
                started = True
        came_up = _wait_until_it_answers(at, deadline=deadline)
        if started and not came_up:
            raise EmbeddedFault(f"the embedded PostgreSQL stopped while it started; {_last_words(at)}")
    raise EmbeddedFault(f"the embedded PostgreSQL did not start within {_START_SECONDS:.0f} s; {_last_words(at)}")


def stay_up(at: Place) -> Running:
    """Start the server and have it stay without users, until `stop`."""
    with embedded_server(at) as running, _own_file(at.folder / "stay", "a"):
        return running


def stop(at: Place) -> bool:
    """Ask the keeper to stop the server, whoever uses it; False where none runs."""
    (at.folder / "stay").unlink(missing_ok=True)
    pid = keeper_pid(at)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    while keeper_pid(at) == pid:  # whoever needs the server next may start another one at once
        time.sleep(0.05)
    return True


def was_killed(at: Place) -> bool:
    """Whether the server ended without having been stopped: its keeper left its number behind, or could not."""
    lock_file = at.folder / "keeper.lock"
    return lock_file.exists() and keeper_pid(at) is None and lock_file.stat().st_size > 0


def keeper_pid(at: Place) -> int | None:
    """The process that keeps the server: the one that holds the lock, so a number left behind never misleads."""
    lock_file = at.folder / "keeper.lock"
    if not lock_file.is_symlink() and not lock_file.exists():
        return None
    with _own_file(lock_file, "r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            written = lock.read().strip()
            return int(written) if written.isdigit() else None
    return None


def _own_file(path: Path, mode: str) -> TextIO:
    """A file of the data folder. Raises `EmbeddedFault` for a link in its place, or where the disk refuses."""
    try:
        return cast("TextIO", open(path, mode, encoding="utf-8", errors="replace", opener=keeper.never_a_link))
    except OSError as fault:
        if fault.errno == errno.ELOOP:
            raise EmbeddedFault(
                f"{path} is a link, put there by somebody else: look where it leads, and remove it"
            ) from fault
        raise EmbeddedFault(f"{path}: {fault.strerror}; give it back to the user who runs Tallystick") from fault


@contextmanager
def _users_lock(at: Place) -> Iterator[None]:
    with _own_file(at.folder / "users.lock", "a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield


@contextmanager
def _start_lock(at: Place) -> Iterator[None]:
    with _own_file(at.folder / "start.lock", "a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        yield


def _answers(at: Place) -> bool:
    try:
        with psycopg.connect(at.url, connect_timeout=2):
            return True
    except psycopg.OperationalError as fault:
        if "does not exist" in str(fault) and 'database "tallystick"' in str(fault):
            _create_database(at)
            return True
        return False


def _orphan_lives_on(at: Place, *, deadline: float) -> bool:
    """Whether a server whose keeper was killed still serves; on Linux it dies with its keeper, but not at once.

    Whoever took its last answers for a server that runs would be cut off a moment later, and a second server cannot
    start before the first is gone: one that refuses everybody because it shuts down is waited for.
    """
    serves_until = time.monotonic() + _ORPHAN_SECONDS
    while time.monotonic() < deadline:
        try:
            psycopg.connect(at.url, connect_timeout=2).close()
        except psycopg.OperationalError as fault:
            if any(sign in str(fault) for sign in _NOBODY_LISTENS):
                return False
        else:
            if time.monotonic() > serves_until:
                return True
        time.sleep(0.02)
    raise EmbeddedFault(f"the PostgreSQL of a killed process does not end; {_last_words(at)}")


def _create_database(at: Place) -> None:
    """Make the database in a new cluster; another process may have made it at the same instant."""
    made_meanwhile = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
    url = at.url.replace("/tallystick?", "/postgres?", 1)
    with psycopg.connect(url, autocommit=True) as connection, contextlib.suppress(*made_meanwhile):
        connection.execute("CREATE DATABASE tallystick")


def _check_version(at: Place) -> None:
    """A cluster of another major version cannot be opened: say so before PostgreSQL does in its log."""
    version_file = at.cluster / "PG_VERSION"
    if not version_file.exists():
        return
    with _own_file(version_file, "r") as told:
        found = told.read(16).strip()
    if found != str(MAJOR_VERSION):
        raise EmbeddedFault(
            f"{at.cluster} was made by PostgreSQL {found}, and this is {MAJOR_VERSION}: install the Tallystick that "
            f"made it, run `tallystick db backup FILE` there, move {at.cluster} away, and `tallystick db restore FILE`"
        )


def _make_cluster(at: Place) -> None:
    """Make the cluster beside its place and move it there as a whole: a killed first start leaves nothing half made."""
    remove_leftovers(at.cluster, before="making-", after="")
    if (at.cluster / "PG_VERSION").exists():
        return
    beside = at.folder / f"making-{os.getpid()}"
    command = [
        *(str(at.programs / "bin" / "initdb"), "--pgdata", str(beside), "--username", "tallystick"),
        *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums", "--no-instructions"),
    ]
    owner = pwd.getpwnam(at.owner) if at.owner else None
    beside.mkdir(mode=0o700)
    if owner is not None:
        os.chown(beside, owner.pw_uid, owner.pw_gid)
    made = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=at.folder,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
        env={"LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"},
    )
    if made.returncode:
        raise EmbeddedFault(f"a new database could not be made in {at.folder}: {made.stderr.strip()[-500:]}")
    beside.rename(at.cluster)


def _start_keeper(at: Place) -> None:
    with _own_file(at.log, "a") as log:
        subprocess.run(
            [
                *(sys.executable, "-I", str(keeper.__file__)),
                *(str(at.folder), str(at.cluster), str(at.programs), str(at.socket_folder), at.owner or ""),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=True,
            cwd=at.folder,
        )
    deadline = time.monotonic() + 5
    while keeper_pid(at) is None and time.monotonic() < deadline:
        time.sleep(0.01)


def _wait_until_it_answers(at: Place, *, deadline: float) -> bool:
    """Wait for the server; False as soon as nobody keeps it, as when another process had just begun to stop it."""
    while time.monotonic() < deadline:
        if _answers(at):
            return True
        if keeper_pid(at) is None:
            return _answers(at)
        time.sleep(0.02)
    return False


def _last_words(at: Place) -> str:
    if not at.log.exists():
        return "it wrote no log"
    with _own_file(at.log, "r") as log:
        lines = log.read().splitlines()[-6:]
    return f"the end of {at.log}:\n  " + "\n  ".join(lines)
