"""What waits for a person, and what was done about it: every statement of the review queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows


class Review(Struct, frozen=True, kw_only=True):
    """A case that a person looks at; its id is that of the decision which said so."""

    review_id: int
    checkpoint: str
    borrower_id: int | None
    line_id: int | None
    amount_minor: int | None
    device_id: int | None
    hold_id: int | None
    priority: int
    due_at: datetime
    needs_two: bool
    timeout_outcome: str
    opened_at: datetime
    assigned_to: str | None = None
    assigned_at: datetime | None = None
    proposed_outcome: str | None = None
    proposed_by: str | None = None
    outcome: str | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None


_COLUMNS: Final = (
    ("review_id", "bigint"),
    ("checkpoint", "text"),
    ("borrower_id", "bigint"),
    ("line_id", "bigint"),
    ("amount_minor", "bigint"),
    ("device_id", "bigint"),
    ("hold_id", "bigint"),
    ("priority", "smallint"),
    ("due_at", "timestamptz"),
    ("needs_two", "boolean"),
    ("timeout_outcome", "text"),
    ("opened_at", "timestamptz"),
)
_LATER: Final = ("assigned_to", "assigned_at", "proposed_outcome", "proposed_by", "outcome", "closed_by", "closed_at")
_NAMES: Final = (*(name for name, _ in _COLUMNS), *_LATER)
_SELECTED: Final = ", ".join(_NAMES)
_INSERT: Final = over_rows("INSERT INTO reviews ({names}) SELECT {names} FROM {fresh}", _COLUMNS)


def open_reviews(connection: Connection, reviews: Sequence[Review]) -> None:
    """Put cases into the queue."""
    execute_rows(connection, _INSERT, [tuple(getattr(review, name) for name, _ in _COLUMNS) for review in reviews])


def read_review(connection: Connection, review_id: int, *, lock: bool = False) -> Review | None:
    """One review; with `lock`, kept from others until the transaction ends."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM reviews WHERE review_id = %s {'FOR UPDATE' if lock else ''}".encode(), [review_id]
    ).fetchone()
    return None if row is None else _review(row)


def _review(row: tuple[Any, ...]) -> Review:
    return Review(**dict(zip(_NAMES, row, strict=True)))
