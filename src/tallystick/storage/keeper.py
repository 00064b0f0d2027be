"""The process that keeps the embedded PostgreSQL: it starts the server, waits while anybody uses it, and stops it.

Run as `python keeper.py FOLDER CLUSTER PROGRAMS SOCKET_FOLDER OWNER`, with nothing of Tallystick imported, so that it
starts at once. The server is its child and dies with it, even when it is killed; whoever uses the server holds a
shared lock on `users.lock`, which the system lets go when that process ends in whatever way.
"""

import ctypes
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

_IDLE_SECONDS = 2.0
# What safety and speed need; everything else is as PostgreSQL ships it. Reached over the socket of its folder only.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What a container may use; the system tells the memory of the whole machine.
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MB = 1 << 20
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Keep the server until nobody uses it or a signal asks to stop; 0, or 3 where another keeper is at work."""
    folder, cluster, programs, socket_folder = (Path(argument) for argument in arguments[:4])
    owner = arguments[4] or None
    with open(folder / "keeper.lock", "a", encoding="ascii", opener=never_a_link) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 3
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: stopping.append(received))
        server = _start(cluster, programs=programs, socket_folder=socket_folder, owner=owner)
        while server.poll() is None and not stopping and _in_use(folder):
            time.sleep(0.2)
        ended = _stop(server)
        if ended == 0:
            lock.truncate(0)  # stopped and meant so: a number that stays behind says that this process was killed
        return ended


def never_a_link(path: str, flags: int) -> int:
    """Open a file of the data folder, for its owner only; a link that somebody put in its place is not followed."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _start(cluster: Path, *, programs: Path, socket_folder: Path, owner: str | None) -> "subprocess.Popen[bytes]":
    """The server in the foreground, as the unprivileged owner where there is one, dying with this process."""
    person = pwd.getpwnam(owner) if owner else None
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def die_with_keeper() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)

    settings = {
        **_SETTINGS,
        "shared_buffers": f"{shared_buffers_mb()}MB",
        "max_wal_size": f"{most_wal_mb(_free_bytes(cluster))}MB",
    }
    return subprocess.Popen(
        [
            programs / "bin" / "postgres",
            *("-D", str(cluster)),
            *("-k", str(socket_folder)),
            *(part for name, setting in settings.items() for part in ("-c", f"{name}={setting}")),
        ],
        stdin=subprocess.DEVNULL,
        user=person.pw_uid if person else None,
        group=person.pw_gid if person else None,
        extra_groups=[] if person else None,
        preexec_fn=die_with_keeper,  # noqa: PLW1509  this process has one thread
        cwd=cluster,
        env={"LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"},
    )


def shared_buffers_mb(limits: tuple[Path, ...] = _CONTAINER_LIMITS) -> int:
    """A quarter of the memory, as PostgreSQL's manual begins with: from 128 MB to 4 GB, used as it is read into."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in limits:
        told = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
        memory = min(memory, int(told)) if told.isdigit() else memory
    return min(max(memory // 4 // _MB, 128), 4_096)


def most_wal_mb(free_bytes: int) -> int:
    """A quarter of the free disk, from 1 to 16 GB: how long the log may become before a checkpoint comes out of turn.

    After a checkpoint each page that is touched is written into the log as a whole. A line's pages are all over the
    disk, so under load that is most of the log: one that is full within a minute has hardly anything else in it.
    """
    return min(max(free_bytes // 4 // _MB, 1_024), 16_384)


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _in_use(folder: Path) -> bool:
    """Whether it was told to stay, or any process holds `users.lock`, now or within the idle time."""
    if (folder / "stay").exists():
        return True
    deadline = time.monotonic() + _IDLE_SECONDS
    with open(folder / "users.lock", "a", encoding="ascii", opener=never_a_link) as users:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(0.1)
    return False


def _stop(server: "subprocess.Popen[bytes]") -> int:
    """A fast shutdown: clients are cut off, everything committed is on disk, the next start needs no recovery."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
    return server.wait()


if __name__ == "__main__":
    if os.fork() == 0:  # the one who starts it waits for this process only, not for as long as the server is kept
        sys.exit(main(sys.argv[1:]))
