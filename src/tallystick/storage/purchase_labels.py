"""Who confirmed that a purchase was fraud, or good: every statement."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection


class PurchaseLabel(Struct, frozen=True, kw_only=True):
    """What a purchase turned out to be; `event_id` is the label's row in the stream that features read."""

    decision_id: int
    event_id: int
    is_fraud: bool
    reason: str
    actor: str
    recorded_at: datetime


_COLUMNS: Final = "decision_id, event_id, is_fraud, reason, actor, recorded_at"


def add_label(connection: Connection, label: PurchaseLabel) -> bool:
    """Write a label; False where the purchase has one."""
    added = connection.execute(
        f"INSERT INTO purchase_labels ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [label.decision_id, label.event_id, label.is_fraud, label.reason, label.actor, label.recorded_at],
    )
    return added.rowcount == 1


def read_label(connection: Connection, decision_id: int) -> PurchaseLabel | None:
    """The label of a purchase."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM purchase_labels WHERE decision_id = %s", [decision_id]).fetchone()
    return None if row is None else PurchaseLabel(**dict(zip(_COLUMNS.split(", "), row, strict=True)))
