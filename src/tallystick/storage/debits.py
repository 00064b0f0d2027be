"""Mandates, instructions to banks and their answers: every statement about direct debits."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.servicing.direct_debit import LastTry
from tallystick.servicing.line import Line
from tallystick.storage.line_states import line_in

_LOCK: Final = 0x7A11_5713


class Mandate(Struct, frozen=True):
    """A borrower's leave to debit for a line; `reference` is the bank's id of it."""

    mandate_id: int
    line_id: int
    reference: str
    pays: str
    given_on: date
    ended_on: date | None = None


class Candidate(Struct, frozen=True):
    """A line with a mandate that may owe something, as it is stored, and the latest try for it."""

    line: Line
    mandate: Mandate
    last: LastTry | None


class Debit(Struct, frozen=True):
    """One instruction to the bank; minor units."""

    debit_id: int
    run_on: date
    line_id: int
    mandate_id: int
    mandate_reference: str
    due_on: date
    attempt: int
    amount_minor: int
    currency: str


class Answer(Struct, frozen=True):
    """What the bank said of an instruction; `event_id` is what it became on the line."""

    debit_id: int
    outcome: str
    code: str | None
    answered_on: date
    event_id: int | None


def hold_debiting(connection: Connection) -> None:
    """Runs and imports of answers take turns until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def add_mandate(connection: Connection, mandate: Mandate, *, given_at: datetime, given_by: str) -> None:
    """Keep a mandate; the bank's reference is known once."""
    connection.execute(
        """
        INSERT INTO mandates (mandate_id, line_id, reference, pays, given_on, given_at, given_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [
            mandate.mandate_id, mandate.line_id, mandate.reference, mandate.pays, mandate.given_on, given_at, given_by,
        ],
    )  # fmt: skip


def end_mandate(
    connection: Connection, mandate_id: int, *, reason: str, ended_on: date, ended_at: datetime, ended_by: str
) -> bool:
    """Keep that a mandate is over; False where it was before."""
    ended = connection.execute(
        """
        INSERT INTO mandate_ends (mandate_id, reason, ended_on, ended_at, ended_by)
        VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [mandate_id, reason, ended_on, ended_at, ended_by],
    )
    return ended.rowcount == 1


_MANDATE: Final = "mandate_id, line_id, reference, pays, given_on, ended_on"


def living_mandate(connection: Connection, line_id: int) -> Mandate | None:
    """The mandate that holds for a line."""
    row = connection.execute(
        f"""
        SELECT {_MANDATE} FROM mandates LEFT JOIN mandate_ends USING (mandate_id)
        WHERE line_id = %s AND ended_on IS NULL ORDER BY mandate_id DESC LIMIT 1
        """,
        [line_id],
    ).fetchone()
    return None if row is None else Mandate(*row)


def mandate_of_reference(connection: Connection, reference: str) -> Mandate | None:
    """A mandate by the bank's id of it, living or over."""
    row = connection.execute(
        f"SELECT {_MANDATE} FROM mandates LEFT JOIN mandate_ends USING (mandate_id) WHERE reference = %s", [reference]
    ).fetchone()
    return None if row is None else Mandate(*row)


def has_run(connection: Connection, run_on: date) -> bool:
    """Whether instructions were made for that day."""
    return connection.execute("SELECT FROM debit_runs WHERE run_on = %s", [run_on]).fetchone() is not None


def last_run_on(connection: Connection) -> date | None:
    """The latest day for which instructions were made."""
    row = connection.execute("SELECT max(run_on) FROM debit_runs").fetchone()
    return None if row is None else row[0]


# Lines on which time changes something by the day after, or that are past due.
_MAY_OWE: Final = "test_clock_id IS NULL AND (next_due_on <= %(run_on)s + 1 OR oldest_unpaid_due_on IS NOT NULL)"


def most_candidates(connection: Connection, *, run_on: date) -> int:
    """How many lines a run looks at, at most: some have no mandate."""
    row = connection.execute(f"SELECT count(*) FROM lines WHERE {_MAY_OWE}".encode(), {"run_on": run_on}).fetchone()
    assert row is not None
    return int(row[0])


def candidates(connection: Connection, *, run_on: date, after_line_id: int, most: int) -> list[Candidate]:
    """Those of them with a living mandate, by id."""
    rows = connection.execute(
        f"""
        SELECT lines.state, mandate_id, lines.line_id, mandates.reference, pays, given_on,
               last.due_on, last.attempt, last.outcome IS NOT NULL, last.code
        FROM lines
        JOIN LATERAL (
            SELECT * FROM mandates WHERE mandates.line_id = lines.line_id AND given_on <= %(run_on)s
              AND NOT EXISTS (SELECT FROM mandate_ends WHERE mandate_ends.mandate_id = mandates.mandate_id)
            ORDER BY mandate_id DESC LIMIT 1
        ) AS mandates ON true
        LEFT JOIN LATERAL (
            SELECT due_on, attempt, answer.outcome, answer.code FROM debits
            LEFT JOIN LATERAL (
                SELECT outcome, code FROM debit_answers WHERE debit_answers.debit_id = debits.debit_id
                ORDER BY is_return DESC LIMIT 1
            ) AS answer ON true
            WHERE debits.line_id = lines.line_id ORDER BY due_on DESC, attempt DESC LIMIT 1
        ) AS last ON true
        WHERE lines.line_id > %(after)s AND {_MAY_OWE}
        ORDER BY lines.line_id LIMIT %(most)s
        """.encode(),
        {"run_on": run_on, "after": after_line_id, "most": most},
    )
    return [
        Candidate(
            line=line_in(state),
            mandate=Mandate(mandate_id, line_id, reference, pays, given_on),
            last=None if due_on is None else LastTry(due_on, attempt, is_answered, code),
        )
        for state, mandate_id, line_id, reference, pays, given_on, due_on, attempt, is_answered, code in rows
    ]


def add_run(connection: Connection, *, run_on: date, run_at: datetime, run_by: str) -> None:
    """Keep that instructions were made for a day."""
    connection.execute("INSERT INTO debit_runs (run_on, run_at, run_by) VALUES (%s, %s, %s)", [run_on, run_at, run_by])


def add_debits(connection: Connection, debits: Sequence[Debit]) -> None:
    """Keep instructions."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO debits (debit_id, run_on, line_id, mandate_id, due_on, attempt, amount_minor, currency)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    each.debit_id, each.run_on, each.line_id, each.mandate_id, each.due_on, each.attempt,
                    each.amount_minor, each.currency,
                )
                for each in debits
            ],
        )  # fmt: skip


_DEBIT: Final = """
    SELECT debit_id, run_on, debits.line_id, mandate_id, reference, due_on, attempt, amount_minor, currency
    FROM debits JOIN mandates USING (mandate_id)
"""


def of_run(connection: Connection, run_on: date) -> list[Debit]:
    """The instructions of a day, by line."""
    rows = connection.execute(f"{_DEBIT} WHERE run_on = %s ORDER BY debits.line_id", [run_on])
    return [Debit(*row) for row in rows]


def debit(connection: Connection, debit_id: int) -> Debit | None:
    """One instruction."""
    row = connection.execute(f"{_DEBIT} WHERE debit_id = %s", [debit_id]).fetchone()
    return None if row is None else Debit(*row)


def unanswered(connection: Connection) -> list[Debit]:
    """Instructions that the bank has not answered, oldest first."""
    rows = connection.execute(
        f"""
        {_DEBIT} WHERE NOT EXISTS (SELECT FROM debit_answers WHERE debit_answers.debit_id = debits.debit_id)
        ORDER BY run_on, debits.line_id
        """
    )
    return [Debit(*row) for row in rows]


def answers(connection: Connection, debit_id: int) -> dict[str, Answer]:
    """What the bank answered, paid or failed, and whether it came back later, by outcome."""
    rows = connection.execute(
        "SELECT debit_id, outcome, code, answered_on, event_id FROM debit_answers WHERE debit_id = %s", [debit_id]
    )
    return {row[1]: Answer(*row) for row in rows}


def add_answer(connection: Connection, answer: Answer, *, recorded_at: datetime, recorded_by: str) -> None:
    """Keep an answer; each instruction has one, and at most one return."""
    connection.execute(
        """
        INSERT INTO debit_answers (debit_id, is_return, outcome, code, answered_on, event_id, recorded_at, recorded_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            answer.debit_id, answer.outcome == "returned", answer.outcome, answer.code, answer.answered_on,
            answer.event_id, recorded_at, recorded_by,
        ],
    )  # fmt: skip
