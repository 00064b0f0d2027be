"""Nights in which limits are reviewed, what became of each line, and wishes to look at one: every statement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.storage.event_feed import Position, present_position
from tallystick.storage.rows import execute_rows, over_rows

# Two nights at once would find prices for one room twice: they take turns.
_LOCK: Final = 0x6C696D6974


class Night(Struct, frozen=True, kw_only=True):
    """One review of the whole book. `prices` (JSON) and `room`, what of each cap is left now, once all is decided."""

    night_id: int
    reviewed_on: date
    release_number: int
    strategy_id: str
    begun_by: str
    begun_at: datetime
    prices: bytes | None = None
    room: list[float] | None = None
    gap_ppm: float | None = None
    finished_at: datetime | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a line that was looked at; `prices` (JSON) is what one asked by day was answered at."""

    decision_id: int
    night_id: int | None
    line_id: int
    borrower_id: int
    trigger: str
    requested_minor: int | None
    limit_minor: int
    target_minor: int
    outcome: str
    reason: str
    held_by: str
    refused_because: str | None = None
    offer_id: int | None = None
    event_id: int | None = None
    prices: str | None = None
    used: list[float] | None = None
    answered_by: str
    answered_at: datetime
    answered_on: date


class Wish(Struct, frozen=True, kw_only=True):
    """A line to be looked at soon; `cause_id` is the payment, income or warning that is the reason."""

    wish_id: int
    line_id: int
    trigger: str
    cause_id: int
    wished_by: str
    wished_at: datetime


_NIGHT: Final = """
    night_id, reviewed_on, release_number, strategy_id, begun_by, begun_at, prices::text, room, gap_ppm, finished_at
"""


@contextmanager
def reviewing_alone(connection: Connection) -> Iterator[None]:
    """Nights take turns; the lock is the session's, and goes with a process that is killed."""
    connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def begin_night(connection: Connection, night: Night) -> Night:
    """Begin the review of a business day by a release, or give the one that was begun before."""
    connection.execute(
        """
        INSERT INTO limit_nights (night_id, reviewed_on, release_number, strategy_id, begun_by, begun_at)
        VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (reviewed_on, release_number) DO NOTHING
        """,
        [night.night_id, night.reviewed_on, night.release_number, night.strategy_id, night.begun_by, night.begun_at],
    )
    row = connection.execute(
        f"SELECT {_NIGHT} FROM limit_nights WHERE reviewed_on = %s AND release_number = %s",
        [night.reviewed_on, night.release_number],
    ).fetchone()
    assert row is not None, "it was written, or there before"
    return _night(row)


def read_night(connection: Connection, night_id: int) -> Night | None:
    """One night."""
    row = connection.execute(f"SELECT {_NIGHT} FROM limit_nights WHERE night_id = %s", [night_id]).fetchone()
    return None if row is None else _night(row)


def nights_on(connection: Connection, day: date) -> list[Night]:
    """The nights of a business day, in the order in which they were begun."""
    rows = connection.execute(f"SELECT {_NIGHT} FROM limit_nights WHERE reviewed_on = %s ORDER BY night_id", [day])
    return [_night(row) for row in rows]


def lock_last_night(connection: Connection, strategy_id: str, *, since: date) -> Night | None:
    """The last night that left prices of this strategy, so that its room is taken by one after the other."""
    row = connection.execute(
        f"""
        SELECT {_NIGHT} FROM limit_nights
        WHERE strategy_id = %s AND reviewed_on >= %s AND prices IS NOT NULL
        ORDER BY reviewed_on DESC, night_id DESC LIMIT 1 FOR UPDATE
        """,
        [strategy_id, since],
    ).fetchone()
    return None if row is None else _night(row)


def _night(row: tuple[Any, ...]) -> Night:
    values = dict(zip(Night.__struct_fields__, row, strict=True))
    values["prices"] = None if values["prices"] is None else values["prices"].encode()
    return Night(**values)


def price_night(connection: Connection, night_id: int, *, prices: bytes, room: Sequence[float], gap_ppm: float) -> None:
    """Keep what a night leaves for the day, once."""
    connection.execute(
        "UPDATE limit_nights SET prices = %s::jsonb, room = %s::double precision[], gap_ppm = %s WHERE night_id = %s",
        [prices.decode(), list(room), gap_ppm, night_id],
    )


def take_room(connection: Connection, night_id: int, *, room: Sequence[float]) -> None:
    """What of each cap is left after an increase that was offered by day."""
    connection.execute(
        "UPDATE limit_nights SET room = %s::double precision[] WHERE night_id = %s", [list(room), night_id]
    )


def finish_night(connection: Connection, night_id: int, *, at: datetime) -> None:
    """All of it is answered."""
    connection.execute("UPDATE limit_nights SET finished_at = %s WHERE night_id = %s", [at, night_id])


def add_night_batch(connection: Connection, night_id: int, *, last_borrower_id: int, batch_id: int | None) -> None:
    """These persons' lines are decided."""
    connection.execute(
        "INSERT INTO limit_night_batches (night_id, last_borrower_id, batch_id) VALUES (%s, %s, %s)",
        [night_id, last_borrower_id, batch_id],
    )


def decided_until(connection: Connection, night_id: int) -> int:
    """The last person whose lines are decided in a night, 0 before the first."""
    row = connection.execute(
        "SELECT coalesce(max(last_borrower_id), 0) FROM limit_night_batches WHERE night_id = %s", [night_id]
    ).fetchone()
    assert row is not None
    return int(row[0])


def batches_of_night(connection: Connection, night_id: int) -> list[int]:
    """The batches of a night that decided a line, in order."""
    rows = connection.execute(
        "SELECT batch_id FROM limit_night_batches WHERE night_id = %s AND batch_id IS NOT NULL ORDER BY 1", [night_id]
    )
    return [batch_id for (batch_id,) in rows]


def traces_of_night(connection: Connection, night_id: int) -> Iterator[bytes]:
    """What every batch of a night was made of, in order; read as it is asked for."""
    for batch_id in batches_of_night(connection, night_id):
        row = connection.execute("SELECT trace FROM decision_traces WHERE batch_id = %s", [batch_id]).fetchone()
        assert row is not None, "a trace is kept for longer than a night takes"
        yield bytes(row[0])


def add_night_figures(connection: Connection, night_id: int, *, figures: bytes, at: datetime) -> None:
    """Keep what a night would do beside its damage limits (JSON); what was kept before stands."""
    connection.execute(
        "INSERT INTO limit_night_figures (night_id, figures, judged_at) VALUES (%s, %s::jsonb, %s) "
        "ON CONFLICT DO NOTHING",
        [night_id, figures.decode(), at],
    )


def night_figures(connection: Connection, night_id: int) -> bytes | None:
    """The same of one night, None where it was not judged."""
    row = connection.execute("SELECT figures::text FROM limit_night_figures WHERE night_id = %s", [night_id]).fetchone()
    return None if row is None else row[0].encode()


def figures_of_last_night(connection: Connection, release_number: int) -> bytes | None:
    """The same of the last night of a release, None where none was judged."""
    row = connection.execute(
        """
        SELECT figures::text FROM limit_night_figures JOIN limit_nights USING (night_id)
        WHERE release_number = %s ORDER BY reviewed_on DESC, night_id DESC LIMIT 1
        """,
        [release_number],
    ).fetchone()
    return None if row is None else row[0].encode()


_ANSWER_COLUMNS: Final = (
    ("decision_id", "bigint"),
    ("night_id", "bigint"),
    ("line_id", "bigint"),
    ("borrower_id", "bigint"),
    ("trigger", "text"),
    ("requested_minor", "bigint"),
    ("limit_minor", "bigint"),
    ("target_minor", "bigint"),
    ("outcome", "text"),
    ("reason", "text"),
    ("held_by", "text"),
    ("refused_because", "text"),
    ("offer_id", "bigint"),
    ("event_id", "bigint"),
    ("answered_by", "text"),
    ("answered_at", "timestamptz"),
    ("answered_on", "date"),
)
_INSERT: Final = over_rows("INSERT INTO limit_answers ({names}) SELECT {names} FROM {fresh}", _ANSWER_COLUMNS)
_ANSWER: Final = ", ".join(Answer.__struct_fields__)


def add_answers(connection: Connection, answers: Sequence[Answer]) -> None:
    """Keep what became of lines by night."""
    rows = [tuple(getattr(answer, name) for name, _ in _ANSWER_COLUMNS) for answer in answers]
    execute_rows(connection, _INSERT, rows)


def add_answer(connection: Connection, answer: Answer) -> None:
    """Keep what became of one line, with what it used of the room."""
    values = msgspec.structs.asdict(answer)
    names = ", ".join(values)
    marks = ", ".join({"used": "%s::double precision[]"}.get(name, "%s") for name in values)
    connection.execute(f"INSERT INTO limit_answers ({names}) VALUES ({marks})".encode(), list(values.values()))


def read_answer(connection: Connection, decision_id: int) -> Answer | None:
    """One answer."""
    row = connection.execute(
        f"SELECT {_ANSWER} FROM limit_answers WHERE decision_id = %s".encode(), [decision_id]
    ).fetchone()
    return None if row is None else _answer(row)


def answers_of_line(
    connection: Connection, line_id: int, *, before_id: int | None, most: int, trigger: str | None = None
) -> list[Answer]:
    """The answers of a line, the newest first; of one trigger where asked."""
    rows = connection.execute(
        f"""
        SELECT {_ANSWER} FROM limit_answers
        WHERE line_id = %s AND decision_id < coalesce(%s, 9223372036854775807) AND (%s::text IS NULL OR trigger = %s)
        ORDER BY decision_id DESC LIMIT %s
        """.encode(),
        [line_id, before_id, trigger, trigger, most],
    )
    return [_answer(row) for row in rows]


def answered_in_night(connection: Connection, night_id: int) -> set[int]:
    """The decisions of a night that were carried out already."""
    rows = connection.execute(
        "SELECT decision_id FROM limit_answers WHERE night_id = %s AND trigger = 'nightly'", [night_id]
    )
    return {decision_id for (decision_id,) in rows}


class AnswerSum(Struct, frozen=True):
    """Lines with one outcome and reason in a night, and by how much their limits change together, minor units."""

    outcome: str
    reason: str
    lines: int
    change_minor: int


def sums_of_night(connection: Connection, night_id: int) -> list[AnswerSum]:
    """What a night did, by outcome and reason."""
    rows = connection.execute(
        """
        SELECT outcome, reason, count(*), sum(target_minor - limit_minor)::bigint FROM limit_answers
        WHERE night_id = %s AND trigger = 'nightly' GROUP BY outcome, reason ORDER BY 1, 3 DESC, 2
        """,
        [night_id],
    )
    return [AnswerSum(*row) for row in rows]


def count_decided(connection: Connection, night_id: int) -> int:
    """How many lines a night decided."""
    row = connection.execute(
        """
        SELECT coalesce(sum(cases), 0) FROM limit_night_batches JOIN decision_batches USING (batch_id)
        WHERE night_id = %s
        """,
        [night_id],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _answer(row: tuple[Any, ...]) -> Answer:
    return Answer(**dict(zip(Answer.__struct_fields__, row, strict=True)))


def add_wish(connection: Connection, wish: Wish) -> bool:
    """Ask that a line is looked at soon; False where the same cause asked before."""
    added = connection.execute(
        """
        INSERT INTO limit_review_wishes (wish_id, line_id, trigger, cause_id, wished_by, wished_at)
        VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (trigger, cause_id) DO NOTHING
        """,
        [wish.wish_id, wish.line_id, wish.trigger, wish.cause_id, wish.wished_by, wish.wished_at],
    )
    return added.rowcount == 1


def has_wishes(connection: Connection) -> bool:
    """Whether any line waits to be looked at."""
    row = connection.execute("SELECT EXISTS (SELECT FROM limit_review_wishes WHERE done_at IS NULL)").fetchone()
    assert row is not None
    return bool(row[0])


def take_wish(connection: Connection, *, after_id: int) -> Wish | None:
    """The oldest wish that waits and that nobody else has taken, locked until the transaction ends."""
    row = connection.execute(
        """
        SELECT wish_id, line_id, trigger, cause_id, wished_by, wished_at FROM limit_review_wishes
        WHERE done_at IS NULL AND wish_id > %s ORDER BY wish_id LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        [after_id],
    ).fetchone()
    return None if row is None else Wish(**dict(zip(Wish.__struct_fields__, row, strict=True)))


def fulfil_wish(connection: Connection, wish_id: int, *, decision_id: int | None, at: datetime) -> None:
    """The line was looked at."""
    connection.execute(
        "UPDATE limit_review_wishes SET done_at = %s, decision_id = %s WHERE wish_id = %s", [at, decision_id, wish_id]
    )


def lock_wish_place(connection: Connection) -> Position:
    """How far the books were read for payments, kept from others until the transaction ends.

    It begins at what is committed when it is first asked for: payments of years ago are no reason to look at anybody.
    """
    begin = present_position(connection)
    connection.execute(
        "INSERT INTO limit_wish_place (generation, xid, event_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [begin.generation, begin.xid, begin.event_id],
    )
    row = connection.execute("SELECT generation, xid, event_id FROM limit_wish_place FOR UPDATE").fetchone()
    assert row is not None
    return Position(*row)


def move_wish_place(connection: Connection, place: Position) -> None:
    """Go on from here next time."""
    connection.execute(
        "UPDATE limit_wish_place SET generation = %s, xid = %s, event_id = %s",
        [place.generation, place.xid, place.event_id],
    )


def add_income(
    connection: Connection,
    income_id: int,
    *,
    borrower_id: int,
    month_minor: int,
    is_proven: bool,
    by: str,
    at: datetime,
) -> None:
    """Keep what a person says, or proves, to earn a month."""
    connection.execute(
        "INSERT INTO borrower_incomes VALUES (%s, %s, %s, %s, %s, %s)",
        [income_id, borrower_id, month_minor, is_proven, by, at],
    )


def add_warning(connection: Connection, warning_id: int, *, line_id: int, level: str, by: str, at: datetime) -> None:
    """Keep the level of early warning that a line has from now on."""
    connection.execute("INSERT INTO line_warnings VALUES (%s, %s, %s, %s, %s)", [warning_id, line_id, level, by, at])
