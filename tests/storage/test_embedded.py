"""The embedded PostgreSQL through everything that can happen to its processes and folders."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tallystick.operations.database import Where, discard_left_behind, revive
from tallystick.storage.embedded import embedded_server, ensure_running, keeper_pid, stay_up, stop
from tallystick.storage.keeper import most_wal_mb, shared_buffers_mb
from tallystick.storage.place import EmbeddedFault, Place, place, prepare


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Place]:
    """A place of the test's own, its path with a space in it."""
    where = place(tmp_path / "data folder")
    yield where
    stop(where)
    shutil.rmtree(where.folder, ignore_errors=True)
    shutil.rmtree(where.socket_folder, ignore_errors=True)


def _ask(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting('fsync')").fetchone()
    assert row is not None
    return str(row[0])


def _kill_keeper(at: Place, pid: int) -> None:
    """Kill it, and wait until it is gone: a signal is sent before it is heard."""
    os.kill(pid, signal.SIGKILL)
    while keeper_pid(at) == pid:
        time.sleep(0.01)


def test_it_starts_answers_and_stops_after_its_last_user(at: Place) -> None:
    with embedded_server(at) as running:
        assert _ask(running.url) == "on"
    deadline = time.monotonic() + 15
    while keeper_pid(at) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert keeper_pid(at) is None
    assert not (at.cluster / "postmaster.pid").exists()


def test_it_keeps_a_quarter_of_what_memory_there_is(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    for told, meant in (("2147483648", 512), ("100000", 128)):
        limit.write_text(told)
        assert shared_buffers_mb((tmp_path / "absent", limit)) == meant
    limit.write_text("max")
    assert 128 <= shared_buffers_mb((limit,)) == shared_buffers_mb(()) <= 4_096


def test_the_log_may_take_a_quarter_of_the_free_disk() -> None:
    free_gb = (0, 2, 20, 500)
    assert [most_wal_mb(free << 30) for free in free_gb] == [1_024, 1_024, 5_120, 16_384]


def test_two_processes_at_once_share_one_server(at: Place, tmp_path: Path) -> None:
    program = (
        "import sys, psycopg\n"
        "from pathlib import Path\n"
        "from tallystick.storage.embedded import embedded_server\n"
        "from tallystick.storage.place import place\n"
        "with embedded_server(place(Path(sys.argv[1]))) as running:\n"
        "    with psycopg.connect(running.url) as connection:\n"
        "        print(running.keeper_pid, connection.execute('SELECT 1').fetchone())\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data folder")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {process.communicate(timeout=60)[0] for process in started}
    assert len(told) == 1
    assert told.pop().endswith("(1,)\n")


def test_when_the_keeper_is_killed_the_server_dies_and_the_next_to_ask_starts_another(at: Place) -> None:
    with embedded_server(at) as running:
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (42)")
        assert running.keeper_pid is not None
        _kill_keeper(at, running.keeper_pid)
        again = ensure_running(at)
        assert again.keeper_pid != running.keeper_pid
        with psycopg.connect(again.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("killed", ["keeper", "postmaster", "both"])
def test_a_server_that_was_killed_is_revived_by_one_of_its_users(at: Place, tmp_path: Path, killed: str) -> None:
    where = Where(url=None, data_folder=tmp_path / "data folder")
    with embedded_server(at) as running:
        assert running.keeper_pid is not None
        assert not revive(where)
        postmaster = int((at.cluster / "postmaster.pid").read_text(encoding="ascii").split()[0])
        if killed != "keeper":
            os.kill(postmaster, signal.SIGKILL)
        if killed != "postmaster":
            os.kill(running.keeper_pid, signal.SIGKILL)
        while keeper_pid(at) is not None or Path(f"/proc/{postmaster}").exists():
            time.sleep(0.01)
        assert revive(where)
        assert _ask(running.url) == "on"


def test_a_server_that_was_stopped_stays_so(at: Place, tmp_path: Path) -> None:
    with embedded_server(at):
        assert stop(at)
        assert not revive(Where(url=None, data_folder=tmp_path / "data folder"))
        assert keeper_pid(at) is None


def test_a_server_that_takes_its_time_to_die_is_waited_for(at: Place) -> None:
    with embedded_server(at) as running:
        assert running.keeper_pid is not None
        slow = int((at.cluster / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(slow, signal.SIGSTOP)  # it hears of its keeper's death, and does nothing about it yet
        _kill_keeper(at, running.keeper_pid)
        waking = threading.Timer(7, os.kill, (slow, signal.SIGCONT))
        waking.start()
        try:
            again = ensure_running(at)
        finally:
            waking.join()
        assert again.keeper_pid not in {None, running.keeper_pid}
        assert _ask(again.url) == "on"


def test_files_left_by_a_killed_process_mislead_nobody(at: Place) -> None:
    with embedded_server(at):
        pass
    stop(at)
    (at.folder / "keeper.lock").write_text(f"{os.getpid()}\n")  # a number that lives, and holds no lock
    (at.cluster / "postmaster.pid").write_text("1\n/nowhere\n0\n5432\n\n\n\n")
    assert keeper_pid(at) is None
    with embedded_server(at) as running:
        assert _ask(running.url) == "on"


def test_it_stays_up_until_it_is_told_to_stop(at: Place) -> None:
    running = stay_up(at)
    time.sleep(3)
    assert keeper_pid(at) == running.keeper_pid
    assert stop(at)
    assert not stop(at)


def test_a_folder_of_another_major_version_is_refused_with_the_way_out(at: Place) -> None:
    with embedded_server(at):
        pass
    stop(at)
    (at.cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedFault, match=r"made by PostgreSQL 16.*db backup"), embedded_server(at):
        pass


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    where = place(deep)
    assert len(os.fsencode(str(where.socket_folder))) < 84
    try:
        with embedded_server(where) as running:
            assert _ask(running.url) == "on"
    finally:
        stop(where)
        shutil.rmtree(where.folder, ignore_errors=True)
        shutil.rmtree(where.socket_folder, ignore_errors=True)


@pytest.mark.parametrize(("owner", "way_out"), [(None, "TALLYSTICK_DATA_DIR"), ("nobody", "another user than root")])
def test_a_folder_that_cannot_be_made_is_refused_with_a_way_out_that_helps(
    tmp_path: Path, owner: str | None, way_out: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "postgresql"
    where = Place(tmp_path / "programs" / "a" / "b" / "c", folder, folder / "run", owner)
    with pytest.raises(EmbeddedFault, match=way_out):
        prepare(where)


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
OWN_FILES = ("server.log", "users.lock", "start.lock", "keeper.lock", "stay")


def _made(at: Place) -> None:
    with embedded_server(at) as running:
        assert _ask(running.url) == "on"
    stop(at)


def test_only_the_cluster_and_the_socket_belong_to_whom_the_server_runs_as(at: Place) -> None:
    with embedded_server(at):
        owners = {path.name: path.stat().st_uid for path in (at.folder, *at.folder.iterdir(), at.socket_folder)}
        served = at.cluster.stat().st_uid
    assert (served == os.geteuid()) == (at.owner is None)
    given = {name for name, uid in owners.items() if uid != os.geteuid()}
    assert given == (set() if at.owner is None else {"cluster", at.socket_folder.name})
    assert stat.S_IMODE(at.folder.stat().st_mode) == (0o700 if at.owner is None else 0o711)
    assert stat.S_IMODE(at.cluster.stat().st_mode) == 0o700
    assert stat.S_IMODE(at.log.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", OWN_FILES[:4])
def test_a_link_in_place_of_a_file_of_ours_is_refused_and_not_followed(at: Place, tmp_path: Path, name: str) -> None:
    _made(at)
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (at.folder / name).unlink()
    (at.folder / name).symlink_to(precious)
    with pytest.raises(EmbeddedFault, match=rf"{name} is .*remove it"), embedded_server(at):
        pass
    assert precious.read_text() == "kept"
    (at.folder / name).unlink()
    _made(at)


def test_a_link_is_not_followed_where_it_came_after_the_folder_was_looked_at(at: Place, tmp_path: Path) -> None:
    prepare(at)
    (tmp_path / "precious").write_text(f"{os.getpid()}\n")
    (at.folder / "keeper.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(EmbeddedFault, match=r"keeper\.lock is a link"):
        keeper_pid(at)
    (at.folder / "keeper.lock").unlink()


@AS_ROOT
@pytest.mark.parametrize("planted", [None, *OWN_FILES])
def test_a_folder_that_nobody_owned_before_is_root_s_again(at: Place, tmp_path: Path, planted: str | None) -> None:
    assert at.owner is not None
    _made(at)
    servant = pwd.getpwnam(at.owner)
    os.chown(at.folder, servant.pw_uid, servant.pw_gid)
    at.folder.chmod(0o700)
    if planted is None:
        _made(at)
        assert (at.folder.stat().st_uid, stat.S_IMODE(at.folder.stat().st_mode)) == (0, 0o711)
        return
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (at.folder / planted).unlink(missing_ok=True)
    (at.folder / planted).hardlink_to(precious)  # no link to be followed, and yet another's file
    with pytest.raises(EmbeddedFault, match=rf"{planted} is not a file of root's own"), embedded_server(at):
        pass
    assert (precious.read_text(), at.folder.stat().st_uid) == ("kept", 0)


@AS_ROOT
def test_a_folder_of_another_user_is_left_alone(at: Place) -> None:
    prepare(at)
    os.chown(at.folder, 12_345, 12_345)
    with pytest.raises(EmbeddedFault, match="belongs to another user"):
        prepare(at)
    assert at.folder.stat().st_uid == 12_345


def test_what_a_killed_first_start_left_is_removed_by_the_next(at: Place) -> None:
    prepare(at)
    gone = subprocess.Popen(["true"])
    gone.wait()
    # In a container every first process has the same number.
    dead, ours, living = (at.folder / f"making-{pid}" for pid in (gone.pid, os.getpid(), os.getppid()))
    for left in (dead, ours, living):
        left.mkdir()
        (left / "PG_VERSION").write_text("18\n")
    _made(at)
    assert {path.name for path in at.folder.glob("making-*")} == {living.name}


def test_books_are_discarded_only_once_their_data_folder_is_gone(at: Place, tmp_path: Path) -> None:
    data = tmp_path / "data folder"
    data.mkdir()
    at.folder.mkdir(parents=True)
    discard_left_behind(data)
    assert at.folder.exists()
    shutil.rmtree(data)
    discard_left_behind(data)
    assert not at.folder.exists()
