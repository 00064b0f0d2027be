"""Many transfers of one kind as columns: what a nightly job over a million lines posts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.ledger.transfer import Address, Transfer

Whole = npt.NDArray[np.int64]

_COLUMNS: Final = ("debit_owner_ids", "credit_owner_ids", "amounts_minor", "line_ids", "event_ids")
# PostgreSQL's binary COPY: signature, flags and extension; a row is its number of fields, then length and big-endian
# bytes of each; -1 for a number of fields ends it.
_HEAD: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TAIL: Final = b"\xff\xff"
_ROW: Final = np.dtype(
    [("fields", ">i2"), *((name, [("size", ">i4"), ("number", ">i8")]) for name in _COLUMNS)], align=False
)
_ROWS_PER_PART: Final = 65_536


@dataclass(frozen=True, slots=True)
class TransferColumns:
    """Row by row, `amounts_minor` leaves the credit account of its owner and enters the debit account of its owner.

    All columns are int64 and of one length. Raises `ValueError` naming the column for what no ledger could hold.
    """

    debit_code: str
    credit_code: str
    currency: str
    effective_on: date
    kind: str
    debit_owner_ids: Whole
    credit_owner_ids: Whole
    amounts_minor: Whole
    line_ids: Whole
    event_ids: Whole

    def __post_init__(self) -> None:
        for name in _COLUMNS:
            column = getattr(self, name)
            if column.dtype != np.int64 or column.shape != self.amounts_minor.shape or column.ndim != 1:
                raise ValueError(
                    f"{name}: {column.dtype} of shape {column.shape}; give int64, one for each of amounts_minor"
                )
        if len(self) and self.amounts_minor.min() <= 0:
            raise ValueError(f"amounts_minor: lowest is {self.amounts_minor.min()}; a transfer moves more than zero")
        if len(self):
            self.transfer(0)  # what is common to all rows is checked as one transfer is

    def __len__(self) -> int:
        return len(self.amounts_minor)

    def transfer(self, row: int) -> Transfer:
        """One row as a transfer."""
        return Transfer(
            debit=Address(self.debit_code, int(self.debit_owner_ids[row])),
            credit=Address(self.credit_code, int(self.credit_owner_ids[row])),
            amount_minor=int(self.amounts_minor[row]),
            currency=self.currency,
            effective_on=self.effective_on,
            kind=self.kind,
            line_id=int(self.line_ids[row]),
            event_id=int(self.event_ids[row]),
        )

    def binary_rows(self) -> Iterator[bytes]:
        """The columns in PostgreSQL's binary COPY format, in parts: owners, amount, line, event."""
        yield _HEAD
        for start in range(0, len(self), _ROWS_PER_PART):
            part = slice(start, start + _ROWS_PER_PART)
            rows = np.empty(len(self.amounts_minor[part]), dtype=_ROW)
            rows["fields"] = len(_COLUMNS)
            for name in _COLUMNS:
                rows[name]["size"] = 8
                rows[name]["number"] = getattr(self, name)[part]
            yield rows.tobytes()
        yield _TAIL
