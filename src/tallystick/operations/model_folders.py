"""The folder of a trained model: its files, and beside them the evidence that its id is not made of."""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from tallystick.operations.outputs import prepare_folder, write_files
from tallystick.operations.whole_files import OutputFault

EVIDENCE: Final = "evidence"


def refuse_foreign(out: Path) -> None:
    """Raise `OutputFault` where a folder holds anything but a model that may be replaced."""
    if out.is_dir() and any(out.iterdir()) and not (out / "manifest.json").is_file():
        raise OutputFault(f"{out}: holds other files; give an empty folder, or that of a model to replace")


def write_model_folder(out: Path, files: Mapping[str, bytes], evidence: Mapping[str, bytes]) -> None:
    """Replace what a model's folder holds: the model, and the evidence in a folder of its own."""
    for stale in out.iterdir():
        if stale.is_file() and stale.name not in files:
            stale.unlink()
    write_files(files.items(), out)
    prepare_folder(out / EVIDENCE)
    told = {**evidence, "libraries.txt": f"{lock_text()}\n".encode()}
    write_files(told.items(), out / EVIDENCE)


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
