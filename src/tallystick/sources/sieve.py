"""Gathers which rows are refused and what was noted while fields are converted, and tells it as a table and counts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.sources.conversion import Converted
from tallystick.sources.declaration import MappedField
from tallystick.sources.numbers import Flags, Integers
from tallystick.sources.reasons import REJECT_TEXTS, NoteReason, RejectReason

REJECTS: Final = pa.schema(
    [
        pa.field("source_row", pa.int64(), nullable=False),  # counted from 1
        pa.field("line_id", pa.string()),
        pa.field("field", pa.string(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("value", pa.string()),  # as the file has it
        pa.field("reason", pa.string(), nullable=False),
        pa.field("zh", pa.string(), nullable=False),
        pa.field("en", pa.string(), nullable=False),
    ]
)

# Ways in which a value comes to be missing; a required one is then refused.
_MISSING: Final = (NoteReason.MISSING, NoteReason.UNLISTED_AS_MISSING, NoteReason.NEGATIVE_AS_MISSING)


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How many rows one field refused, or noted, for one reason."""

    field: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """Rows refused for one reason at one column."""

    field: str
    column: str
    reason: RejectReason
    rows: Integers  # ascending


@dataclass(slots=True)
class Sieve:
    """A table on its way through a mapping. `refused` has shape (rows,) and grows."""

    table: pa.Table
    refused: Flags
    _entries: list[_Entry] = field(default_factory=list)
    _notes: dict[tuple[str, NoteReason], Flags] = field(default_factory=dict)

    @classmethod
    def over(cls, table: pa.Table) -> "Sieve":
        """A sieve that has refused nothing yet."""
        return cls(table=table, refused=np.zeros(table.num_rows, dtype=np.bool_))

    def refuse(self, name: str, column: str, reason: RejectReason, rows: Flags) -> None:
        """Refuse these rows for this reason."""
        if rows.any():
            self.refused |= rows
            self._entries.append(_Entry(name, column, reason, np.flatnonzero(rows)))

    def take(self, mapped: MappedField, column: str, converted: Converted) -> pa.Array:
        """The values, after their refusals and notes were gathered."""
        for reason, rows in converted.refused.items():
            self.refuse(mapped.field.name, column, reason, rows)
        for noted, rows in converted.noted.items():
            if mapped.field.required and noted in _MISSING:
                self.refuse(mapped.field.name, column, RejectReason.MISSING_REQUIRED, rows)
            if rows.any():
                key = (mapped.field.name, noted)
                self._notes[key] = self._notes[key] | rows if key in self._notes else rows
        return converted.values

    def rejected(self) -> tuple[FieldCount, ...]:
        """Refused rows by field and reason; a row counts once, however many months of a field are wrong."""
        masks: dict[tuple[str, RejectReason], Flags] = {}
        for entry in self._entries:
            mask = masks.setdefault((entry.field, entry.reason), np.zeros_like(self.refused))
            mask[entry.rows] = True
        return tuple(FieldCount(name, reason.value, int(mask.sum())) for (name, reason), mask in masks.items())

    def notes(self) -> tuple[FieldCount, ...]:
        """Valid rows in which a value was missing or adapted, by field and reason."""
        counts = (
            FieldCount(name, reason.value, int((rows & ~self.refused).sum()))
            for (name, reason), rows in self._notes.items()
        )
        return tuple(count for count in counts if count.rows)

    def rejects(self, line_id: pa.Array | pa.ChunkedArray) -> pa.Table:
        """A row per refused row, column and reason (`REJECTS`), in the order of the file, then of the mapping."""
        parts = [self._reject_rows(entry, line_id) for entry in self._entries]
        if not parts:
            return REJECTS.empty_table()
        order = np.argsort(np.concatenate([entry.rows for entry in self._entries]), kind="stable")
        return pa.concat_tables(parts).take(pa.array(order)).combine_chunks()

    def _reject_rows(self, entry: _Entry, line_id: pa.Array | pa.ChunkedArray) -> pa.Table:
        rows = pa.array(entry.rows)
        values = self.table.column(entry.column).take(rows)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        texts = (entry.field, entry.column, None, entry.reason.value, *REJECT_TEXTS[entry.reason])
        repeated: Iterable[pa.Array | pa.ChunkedArray] = (
            values.cast(pa.string()) if text is None else pa.repeat(text, len(rows)) for text in texts
        )
        return pa.table([pc.add(rows, 1), line_id.take(rows), *repeated], schema=REJECTS)
