"""What every money file comes to: rows booked by outcome, rows known before, and rows that are not booked."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.whole_files import write_csv
from tallystick.sources.csv_rows import ROW_FAULT_TEXTS, RejectedRow


class Imported(Struct, frozen=True):
    """What became of a file: rows by outcome, rows booked by an earlier import, and rows that are not booked."""

    booked: dict[str, int]
    known: int
    rejected: tuple[RejectedRow, ...]


def write_rejects(path: Path, imported: Imported) -> None:
    """Write rows that are not booked: line, field, value, reason, and the way out in Chinese and English.

    Raises `OutputFault`.
    """
    rows = ((row.file_line, row.field, row.value, row.fault, *ROW_FAULT_TEXTS[row.fault]) for row in imported.rejected)
    write_csv(path, ("line", "field", "value", "reason", "zh", "en"), rows)


class SoundAnswer(Protocol):
    """A row of a bank's answers that can be booked."""

    @property
    def outcome(self) -> str: ...


Answered = TypeVar("Answered", bound=SoundAnswer)


def book_answers(
    connection: Connection,
    rows: Sequence[Answered | RejectedRow],
    *,
    outcomes: Sequence[str],
    book: Callable[[Answered], bool | RejectedRow],
) -> Generator[float, None, Imported]:
    """Book answers one by one, each in a transaction of its own: `book` gives False for one that is known already.

    Gives how much is done, and returns what became of the rows. `connection` must be in autocommit.
    """
    assert connection.autocommit, "each answer commits by itself"
    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    sound = [row for row in rows if not isinstance(row, RejectedRow)]
    booked = dict.fromkeys(outcomes, 0)
    known = 0
    for done, row in enumerate(sound, start=1):
        with connection.transaction():
            became = book(row)
        if isinstance(became, RejectedRow):
            rejected.append(became)
        elif became:
            booked[row.outcome] += 1
        else:
            known += 1
        yield done / len(sound)
    rejected.sort(key=lambda row: row.file_line)
    return Imported(booked=booked, known=known, rejected=tuple(rejected))
