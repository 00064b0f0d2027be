"""Files that are whole or absent, never half: written beside their place and moved there."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class OutputFault(ValueError):
    """An output cannot be written; the message tells the way out."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write for the time of the block: a killed run leaves the old file or the new one.

    Raises `OutputFault` where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as content:
            yield content
        os.replace(partial, path)
    except OSError as error:
        raise OutputFault(f"{path}: cannot be written ({error.strerror}); check the folder and its space") from error


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows as UTF-8 CSV under a header, streamed; the same rows give the same bytes. Raises `OutputFault`."""
    with whole_file(path) as content, io.TextIOWrapper(content, encoding="utf-8", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
