"""Who confirmed that a purchase was fraud, or good: every statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows


class PurchaseLabel(Struct, frozen=True, kw_only=True):
    """What a purchase turned out to be; `event_id` is the label's row in the stream that features read."""

    decision_id: int
    event_id: int
    is_fraud: bool
    reason: str
    actor: str
    recorded_at: datetime


_COLUMNS: Final = (
    ("decision_id", "bigint"),
    ("event_id", "bigint"),
    ("is_fraud", "boolean"),
    ("reason", "text"),
    ("actor", "text"),
    ("recorded_at", "timestamptz"),
)
_NAMES: Final = tuple(name for name, _ in _COLUMNS)
_INSERT: Final = over_rows(
    "INSERT INTO purchase_labels ({names}) SELECT {names} FROM {fresh} ON CONFLICT DO NOTHING RETURNING decision_id",
    _COLUMNS,
)


def add_labels(connection: Connection, labels: Sequence[PurchaseLabel]) -> set[int]:
    """Write labels; gives the purchases that got theirs, all others have one."""
    added = execute_rows(connection, _INSERT, [tuple(getattr(label, name) for name in _NAMES) for label in labels])
    return set() if added is None else {decision_id for (decision_id,) in added}


def read_label(connection: Connection, decision_id: int) -> PurchaseLabel | None:
    """The label of a purchase."""
    row = connection.execute(
        f"SELECT {', '.join(_NAMES)} FROM purchase_labels WHERE decision_id = %s".encode(), [decision_id]
    ).fetchone()
    return None if row is None else PurchaseLabel(**dict(zip(_NAMES, row, strict=True)))
