"""Who confirmed that a purchase was fraud, or good, and who corrected that: every statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows


class PurchaseLabel(Struct, frozen=True, kw_only=True):
    """What a purchase turned out to be; `event_id` is the label's row in the stream that features read.

    `corrects_event_id` is the label that was wrong, None of a purchase's first one.
    """

    decision_id: int
    event_id: int
    is_fraud: bool
    reason: str
    actor: str
    recorded_at: datetime
    corrects_event_id: int | None = None


_COLUMNS: Final = (
    ("decision_id", "bigint"),
    ("event_id", "bigint"),
    ("is_fraud", "boolean"),
    ("reason", "text"),
    ("actor", "text"),
    ("recorded_at", "timestamptz"),
    ("corrects_event_id", "bigint"),
)
_NAMES: Final = tuple(name for name, _ in _COLUMNS)
_INSERT: Final = over_rows(
    "INSERT INTO purchase_labels ({names}) SELECT {names} FROM {fresh} ON CONFLICT DO NOTHING RETURNING decision_id",
    _COLUMNS,
)


def add_labels(connection: Connection, labels: Sequence[PurchaseLabel]) -> set[int]:
    """Write labels; gives the purchases that got theirs: others have one that is not corrected, or was meanwhile."""
    added = execute_rows(connection, _INSERT, [tuple(getattr(label, name) for name in _NAMES) for label in labels])
    return set() if added is None else {decision_id for (decision_id,) in added}


def labels_of(connection: Connection, decision_id: int) -> list[PurchaseLabel]:
    """The labels of a purchase, the one that counts first, then those that it corrected."""
    rows = connection.execute(
        f"SELECT {', '.join(_NAMES)} FROM purchase_labels WHERE decision_id = %s ORDER BY event_id DESC".encode(),
        [decision_id],
    )
    return [PurchaseLabel(**dict(zip(_NAMES, row, strict=True))) for row in rows]
