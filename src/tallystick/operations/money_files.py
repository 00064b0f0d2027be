"""What every money file comes to: rows booked by outcome, rows known before, and rows that are not booked."""

from pathlib import Path

from msgspec import Struct

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
