"""Outputs of runs that were killed, ran beside another, or could not write: whole or absent, and the next run works."""

import subprocess
import sys
from pathlib import Path

import pytest

from tallystick.operations.model_folders import model_folder, write_model_folder
from tallystick.operations.whole_files import OutputFault, refuse_unwritable, whole_file

FILES = {"calibration.json": b"c", "trees.txt": b"t", "manifest.json": b"m"}


# A process that dies when it is about to put a file in its place, the first being 1: as by a kill, without cleaning up.
KILLED = """
import os, sys
from pathlib import Path
from tallystick.operations.model_folders import model_folder, write_model_folder
from tallystick.operations.whole_files import whole_file

real, left = os.replace, int(sys.argv[1])

def replace(source, place):
    global left
    left -= 1
    if not left:
        os._exit(9)
    real(source, place)

os.replace = replace
out = Path(sys.argv[3])
if sys.argv[2] == "file":
    with whole_file(out) as file:
        file.write(b"new and longer")
else:
    with model_folder(out):
        names = ("calibration.json", "trees.txt", "manifest.json")
        write_model_folder(out, dict.fromkeys(names, b"first"), {"report.json": b"first"})
"""


def killed_at(replacement: int, what: str, out: Path) -> int:
    """The exit code of such a process."""
    return subprocess.run([sys.executable, "-c", KILLED, str(replacement), what, str(out)], check=False).returncode


def write_model(out: Path, content: bytes) -> None:
    """A model whose files all hold this."""
    with model_folder(out):
        write_model_folder(out, dict.fromkeys(FILES, content), {"report.json": content})


def test_a_file_of_a_killed_run_is_the_old_one_and_the_next_run_works(tmp_path: Path) -> None:
    path = tmp_path / "特征 1.parquet"

    def write(content: bytes) -> None:
        with whole_file(path) as file:
            file.write(content)

    write(b"old")
    assert killed_at(1, "file", path) == 9
    assert path.read_bytes() == b"old"
    write(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_fails_leaves_nothing_half(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_file(tmp_path / "out") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_write_one_file_at_once(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out") as first:
        first.write(b"first")
        with pytest.raises(OutputFault, match="another run writes it"), whole_file(tmp_path / "out") as second:
            second.write(b"second")
    assert (tmp_path / "out").read_bytes() == b"first"


@pytest.mark.parametrize("replacement", [1, 2, 3, 4, 5])
def test_the_folder_of_a_killed_run_can_be_written_again(tmp_path: Path, replacement: int) -> None:
    out = tmp_path / "model"
    assert killed_at(replacement, "model", out) == 9
    write_model(out, b"second")
    assert {path.read_bytes() for path in out.iterdir() if path.is_file()} == {b"second"}
    assert {path.name for path in out.iterdir()} == {*FILES, "evidence"}
    assert {path.name for path in (out / "evidence").iterdir()} == {"report.json", "libraries.txt"}


def test_a_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "model"
    with model_folder(out):
        with pytest.raises(OutputFault, match="another run writes this model"):
            write_model(out, b"second")
        assert list(out.iterdir()) == []
    write_model(out, b"third")


def test_what_cannot_be_written_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(OutputFault, match="is a folder; give the name of a file"):
        refuse_unwritable(tmp_path)
    with pytest.raises(OutputFault, match="there is no folder"):
        refuse_unwritable(tmp_path / "none" / "out")
    refuse_unwritable(tmp_path / "out")
