"""The folder of a trained model: its files, and beside them the evidence that its id is not made of."""

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from tallystick.operations.whole_files import PARTIAL, OutputFault, prepare_folder, write_files
from tallystick.scoring.manifest import MANIFEST_FILE

EVIDENCE: Final = "evidence"


@contextmanager
def model_folder(out: Path) -> Iterator[None]:
    """A folder for one model, made where it is not there, for the time of the block; no other run may write it.

    Raises `OutputFault` where it holds anything but a model that may be replaced, cannot be written, or is not free.
    """
    held = {path.name for path in out.iterdir() if not path.name.endswith(PARTIAL)} if out.is_dir() else set()
    if held and MANIFEST_FILE not in held:
        raise OutputFault(f"{out}: holds other files; give an empty folder, or that of a model to replace")
    prepare_folder(out)
    if not os.access(out, os.W_OK):
        raise OutputFault(f"{out}: may not be written; choose another with --out")
    folder = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise OutputFault(
            f"{out}: another run writes this model; wait for its end, or choose another folder"
        ) from error
    finally:
        os.close(folder)


def write_model_folder(out: Path, files: Mapping[str, bytes], evidence: Mapping[str, bytes]) -> None:
    """Replace what a model's folder holds: the model, and the evidence in a folder of its own."""
    replace_model(out, files)
    prepare_folder(out / EVIDENCE)
    told = {**evidence, "libraries.txt": f"{lock_text()}\n".encode()}
    write_files(told.items(), out / EVIDENCE)


def replace_model(out: Path, files: Mapping[str, bytes]) -> None:
    """Write a model's own files in place of all that the folder has.

    The manifest comes first, with the hash of each file: of a run that was killed midway no model can be loaded, and
    the next run may replace what it left.
    """
    for stale in out.iterdir():
        if stale.is_file() and stale.name not in files:
            stale.unlink()
    write_files(sorted(files.items(), key=lambda file: file[0] != MANIFEST_FILE), out)


def lock_text() -> str:
    """The libraries that stand behind a model, each with its version: what is installed of all that we require."""
    found: dict[str, str] = {}
    waiting = ["tallystick"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = version(name)
            waiting += _required(requires(name) or [])
        except PackageNotFoundError:
            continue  # wanted only on another system, or by an extra
    return "\n".join(f"{name}=={found[name]}" for name in sorted(found))


def _required(lines: Iterable[str]) -> list[str]:
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if "extra ==" not in line]
    return [re.sub(r"[-_.]+", "-", name.group()).lower() for name in names if name]
