"""Files that are whole or absent, never half: written beside their place and moved there."""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

# How a file ends that is not whole yet, or never will be.
PARTIAL: Final = ".partial"


class OutputFault(ValueError):
    """An output cannot be written; the message tells the way out."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write for the time of the block: a killed run leaves the old file or the new one.

    What a killed run leaves beside it is hidden, and the next run writes over it. Raises `OutputFault` where it cannot
    be written, or another run writes it at this moment.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with _alone(partial, path=path) as content:
            try:
                yield content
                content.flush()
                os.replace(partial, path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OutputFault(f"{path}: cannot be written ({error.strerror}); check the folder and its space") from error


def refuse_unwritable(path: Path) -> None:
    """Raise `OutputFault` where a file could not be put, before anything is computed for it."""
    if path.is_dir():
        raise OutputFault(f"{path}: is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise OutputFault(f"{path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputFault(f"{path}: the folder may not be written; choose another")


def _alone(partial: Path, *, path: Path) -> BinaryIO:
    """The file, empty and locked: nobody else writes it until it is closed."""
    content = os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o666), "wb")
    try:
        fcntl.flock(content, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The other run may have put the file in its place between the opening and the lock.
        if not partial.exists() or not os.path.samestat(os.fstat(content.fileno()), partial.stat()):
            raise BlockingIOError
        content.truncate()
    except BlockingIOError as error:
        content.close()
        raise OutputFault(f"{path}: another run writes it at this moment; wait for its end") from error
    return content


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows as UTF-8 CSV under a header, streamed; the same rows give the same bytes. Raises `OutputFault`."""
    with whole_file(path) as content:
        text = io.TextIOWrapper(content, encoding="utf-8", newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
        text.detach()  # which flushes; the file stays open, and so locked, until it is in its place


def prepare_folder(out: Path) -> None:
    """Make the output folder before anything is computed; raises `OutputFault` where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFault(f"{out}: cannot be made a folder ({error.strerror}); choose another with --out") from error


def write_bytes(content: bytes, path: Path) -> None:
    """One file, whole or absent."""
    with whole_file(path) as file:
        file.write(content)


def write_files(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    """Several files into one folder."""
    for name, content in files:
        write_bytes(content, folder / name)
