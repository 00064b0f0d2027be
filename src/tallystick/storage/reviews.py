"""What waits for a person, and what was done about it: every statement of the review queue."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows

# The outcome of a review whose hold was given back before anybody judged it.
WITHDRAWN: Final = "withdrawn"


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


def lines_that_wait(connection: Connection, line_ids: Sequence[int], *, checkpoint: str) -> set[int]:
    """Those of the lines of which a case at a checkpoint is in the queue already."""
    rows = connection.execute(
        "SELECT line_id FROM reviews WHERE outcome IS NULL AND line_id = ANY(%s::bigint[]) AND checkpoint = %s",
        [list(line_ids), checkpoint],
    )
    return {line_id for (line_id,) in rows}


def read_review(connection: Connection, review_id: int, *, lock: bool = False) -> Review | None:
    """One review; with `lock`, kept from others until the transaction ends."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM reviews WHERE review_id = %s {'FOR UPDATE' if lock else ''}".encode(), [review_id]
    ).fetchone()
    return None if row is None else _review(row)


def lock_free_review(connection: Connection, review_id: int) -> Review | None:
    """One review, kept from others until the transaction ends; None where another transaction has it."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM reviews WHERE review_id = %s FOR UPDATE SKIP LOCKED", [review_id]
    ).fetchone()
    return None if row is None else _review(row)


_FREE: Final = """
    outcome IS NULL AND (assigned_to IS NULL OR assigned_at <= %(lapsed_at)s)
    AND (proposed_by IS NULL OR is_another_person(proposed_by, %(by)s))
    AND (%(checkpoint)s::text IS NULL OR checkpoint = %(checkpoint)s)
"""
_TAKE: Final = f"""
    UPDATE reviews SET assigned_to = %(by)s, assigned_at = %(at)s WHERE review_id = (
        SELECT review_id FROM reviews WHERE {_FREE}
        ORDER BY priority, due_at, review_id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING {_SELECTED}
"""


def take_next_review(
    connection: Connection, *, by: str, at: datetime, lapsed_at: datetime, checkpoint: str | None
) -> Review | None:
    """Assign the first that waits and nobody has, or had since before `lapsed_at`; None where there is none.

    What others are taking is passed over. Who proposed an approval does not get the same case to second.
    """
    asked = {"by": by, "at": at, "lapsed_at": lapsed_at, "checkpoint": checkpoint}
    row = connection.execute(_TAKE, asked).fetchone()
    return None if row is None else _review(row)


def assign_review(connection: Connection, review_id: int, *, to: str | None, at: datetime | None) -> None:
    """Say who has an open review; None gives it back to the queue."""
    connection.execute(
        "UPDATE reviews SET assigned_to = %s, assigned_at = %s WHERE review_id = %s", [to, at, review_id]
    )


def propose_outcome(connection: Connection, review_id: int, outcome: str, *, by: str) -> None:
    """Write what the first of two would answer; the second one finds the case in the queue."""
    connection.execute(
        """
        UPDATE reviews SET proposed_outcome = %s, proposed_by = %s, assigned_to = NULL, assigned_at = NULL
        WHERE review_id = %s
        """,
        [outcome, by, review_id],
    )


def close_review(connection: Connection, review_id: int, outcome: str, *, by: str, at: datetime) -> None:
    """Close an open review. Raises `CheckViolation` where an approval needs two and there is one."""
    connection.execute(
        "UPDATE reviews SET outcome = %s, closed_by = %s, closed_at = %s WHERE review_id = %s",
        [outcome, by, at, review_id],
    )


def open_review_of_hold(connection: Connection, hold_id: int) -> int | None:
    """The review that a hold waits for; once there is none, there will never be one."""
    row = connection.execute(
        "SELECT review_id FROM reviews WHERE hold_id = %s AND outcome IS NULL", [hold_id]
    ).fetchone()
    return None if row is None else int(row[0])


class ReviewState(StrEnum):
    """Whether a review waits or was closed."""

    OPEN = "open"
    CLOSED = "closed"


class Wanted(Struct, frozen=True, kw_only=True):
    """Which reviews to list; None asks for all. `overdue_at` asks for those whose deadline was over then."""

    state: ReviewState = ReviewState.OPEN
    checkpoint: str | None = None
    assigned_to: str | None = None
    borrower_id: int | None = None
    overdue_at: datetime | None = None


_QUEUE: Final = """
    (%(after)s::bigint IS NULL OR (priority, due_at, review_id) > (
        SELECT priority, due_at, review_id FROM reviews WHERE review_id = %(after)s
    )) AND outcome IS NULL
"""
_CLOSED: Final = "(%(after)s::bigint IS NULL OR review_id < %(after)s) AND outcome IS NOT NULL"
_WANTED: Final = """
    (%(checkpoint)s::text IS NULL OR checkpoint = %(checkpoint)s)
    AND (%(assigned_to)s::text IS NULL OR assigned_to = %(assigned_to)s)
    AND (%(borrower_id)s::bigint IS NULL OR borrower_id = %(borrower_id)s)
    AND (%(overdue_at)s::timestamptz IS NULL OR due_at <= %(overdue_at)s)
"""


def list_reviews(connection: Connection, wanted: Wanted, *, after: int | None, most: int) -> list[Review]:
    """Open ones as the queue stands, by priority and then deadline; closed ones, the newest first."""
    place, order = _QUEUE, "priority, due_at, review_id"
    if wanted.state is ReviewState.CLOSED:
        place, order = _CLOSED, "review_id DESC"
    rows = connection.execute(
        f"SELECT {_SELECTED} FROM reviews WHERE {place} AND {_WANTED} ORDER BY {order} LIMIT %(most)s".encode(),
        {
            "after": after,
            "most": most,
            "checkpoint": wanted.checkpoint,
            "assigned_to": wanted.assigned_to,
            "borrower_id": wanted.borrower_id,
            "overdue_at": wanted.overdue_at,
        },
    )
    return [_review(row) for row in rows]


def overdue_reviews(
    connection: Connection, *, at: datetime, checkpoints: Collection[str], most: int
) -> list[tuple[int, int | None]]:
    """Open reviews whose deadline is over, and their lines, the longest overdue first."""
    return connection.execute(
        """
        SELECT review_id, line_id FROM reviews
        WHERE outcome IS NULL AND due_at <= %s AND checkpoint = ANY(%s::text[])
        ORDER BY due_at, review_id LIMIT %s
        """,
        [at, list(checkpoints), most],
    ).fetchall()


_OF_FROZEN: Final = """
    SELECT review_id, line_id FROM reviews JOIN freezes ON {subject} AND lifted_at IS NULL
    WHERE outcome IS NULL AND checkpoint = ANY(%(checkpoints)s::text[])
      AND (%(freeze_id)s::bigint IS NULL OR freeze_id = %(freeze_id)s)
"""
_OF_FROZEN_LINE: Final = _OF_FROZEN.format(subject="subject = 'line' AND subject_id = line_id")
_OF_FROZEN_DEVICE: Final = _OF_FROZEN.format(subject="subject = 'device' AND subject_id = device_id")


def reviews_of_frozen(
    connection: Connection, *, checkpoints: Collection[str], freeze_id: int | None, most: int
) -> list[tuple[int, int | None]]:
    """Open reviews, and their lines, whose line or device is frozen: by one freeze, or by any. By line."""
    return connection.execute(
        f"({_OF_FROZEN_LINE}) UNION ({_OF_FROZEN_DEVICE}) ORDER BY line_id, review_id LIMIT %(most)s".encode(),
        {"checkpoints": list(checkpoints), "freeze_id": freeze_id, "most": most},
    ).fetchall()


class ActKind(StrEnum):
    """What was done about a review."""

    ASSIGNED = "assigned"
    RELEASED = "released"
    PROPOSED = "proposed"
    JUDGED = "judged"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class ReviewAct(Struct, frozen=True, kw_only=True):
    """One step of a review, as it was taken."""

    review_id: int
    act_id: int
    kind: ActKind
    outcome: str | None
    reason: str
    actor: str
    acted_at: datetime


_ACT_COLUMNS: Final = "review_id, act_id, kind, outcome, reason, actor, acted_at"


def add_act(connection: Connection, act: ReviewAct) -> None:
    """Append a step."""
    connection.execute(
        f"INSERT INTO review_acts ({_ACT_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [act.review_id, act.act_id, str(act.kind), act.outcome, act.reason, act.actor, act.acted_at],
    )


def acts_of(connection: Connection, review_id: int) -> list[ReviewAct]:
    """The steps of a review, the first one first."""
    rows = connection.execute(
        f"SELECT {_ACT_COLUMNS} FROM review_acts WHERE review_id = %s ORDER BY acted_at, act_id", [review_id]
    )
    names = _ACT_COLUMNS.split(", ")
    return [
        ReviewAct(**(told | {"kind": ActKind(told["kind"])}))
        for told in (dict(zip(names, row, strict=True)) for row in rows)
    ]


def _review(row: tuple[Any, ...]) -> Review:
    return Review(**dict(zip(_NAMES, row, strict=True)))
