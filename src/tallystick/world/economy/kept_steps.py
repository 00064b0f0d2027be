"""What the world has asked for and was answered, kept beside the books in a schema of its own: each step is done once.

The answers of a step are written in the transaction that does it. A step that comes again is answered from here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
import pyarrow as pa
from msgspec import Struct
from psycopg import Connection

from tallystick.units.ids import id_after
from tallystick.world.economy.acts import Answer, AnyAct, Step

_TABLES: Final = """
    CREATE SCHEMA IF NOT EXISTS world;
    CREATE TABLE IF NOT EXISTS world.steps (
        day        date NOT NULL,
        number     integer NOT NULL,
        digest     bytea NOT NULL,     -- of the instant and the acts, by which a step is told from another one
        applicants bytea NOT NULL,     -- who applies in it, once persons and reports are written
        answers    bytea,              -- null until the acts are done
        last_id    bigint NOT NULL,    -- the last id that it gave
        PRIMARY KEY (day, number)
    );
    CREATE TABLE IF NOT EXISTS world.told (
        day        date NOT NULL,
        what       text NOT NULL,
        rows       bytea NOT NULL,     -- a table, as Arrow's IPC stream
        PRIMARY KEY (day, what)
    );
    CREATE TABLE IF NOT EXISTS world.nights (
        day      date NOT NULL,
        kind     text NOT NULL,
        attempts smallint NOT NULL,    -- those that were killed before
        last_id  bigint,               -- null until it is done
        PRIMARY KEY (day, kind)
    );
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ANSWERS: Final = msgspec.msgpack.Decoder(tuple[Answer, ...])


class Applicant(Struct, frozen=True):
    """Who applies: the person as the lender numbers them, and the report that was noted before."""

    borrower_id: int
    report_id: int | None


_APPLICANTS: Final = msgspec.msgpack.Decoder(tuple[Applicant, ...])


class KeptStep(Struct, frozen=True):
    """A step that came before; `answers` None: it was killed after its persons and reports were written."""

    digest: bytes
    applicants: tuple[Applicant, ...]
    answers: tuple[Answer, ...] | None
    last_id: int


class WorldTimeFault(ValueError):
    """The world's time does not go on; the message tells what it has to be."""


class MomentIds(Iterator[int]):
    """Ids of one moment of the world: a function of its instant, greater than those of every moment before.

    `attempt` tells apart the ids of what was killed and is done again, `after` is where it goes on.

    >>> ids = MomentIds(datetime(2026, 1, 5, tzinfo=UTC))
    >>> next(ids) < next(ids), next(MomentIds(datetime(2026, 1, 5, tzinfo=UTC))) == ids.last - 1
    (True, True)
    """

    def __init__(self, at: datetime, *, attempt: int = 0, after: int = 0) -> None:
        self._now_ms = (at - _EPOCH) // timedelta(milliseconds=1)
        self._attempt = attempt
        self.last = after

    def __next__(self) -> int:
        """One more id."""
        self.last = id_after(self.last, now_ms=self._now_ms, node=self._attempt)
        return self.last

    def must_follow(self, last_id: int, *, what: str) -> None:
        """Raises `WorldTimeFault` where an id of a moment before may be as great as one of these."""
        if id_after(0, now_ms=self._now_ms, node=0) <= last_id:
            raise WorldTimeFault(f"at: {what} is not later than what was done before; give a later instant")


def digest_of(step: Step, acts: Sequence[AnyAct]) -> bytes:
    """By what a step is told from another one of the same number."""
    return hashlib.sha256(msgspec.msgpack.encode((step.at, acts))).digest()


def make_tables(connection: Connection) -> None:
    """Make the tables where they are not there yet."""
    with connection.transaction():
        connection.execute(_TABLES)


def read_step(connection: Connection, step: Step) -> KeptStep | None:
    """A step that came before."""
    row = connection.execute(
        "SELECT digest, applicants, answers, last_id FROM world.steps WHERE day = %s AND number = %s",
        [step.day, step.number],
    ).fetchone()
    if row is None:
        return None
    answers = None if row[2] is None else _ANSWERS.decode(row[2])
    return KeptStep(row[0], _APPLICANTS.decode(row[1]), answers, row[3])


def write_step(connection: Connection, step: Step, kept: KeptStep) -> None:
    """Keep a step, or what it has come to."""
    connection.execute(
        """
        INSERT INTO world.steps (day, number, digest, applicants, answers, last_id) VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (day, number) DO UPDATE SET answers = excluded.answers, last_id = excluded.last_id
        """,
        [
            step.day, step.number, kept.digest, msgspec.msgpack.encode(kept.applicants),
            None if kept.answers is None else msgspec.msgpack.encode(kept.answers), kept.last_id,
        ],
    )  # fmt: skip


def read_told(connection: Connection, day: date, what: str) -> pa.Table | None:
    """A table that was told before."""
    query = "SELECT rows FROM world.told WHERE day = %s AND what = %s"
    row = connection.execute(query, [day, what]).fetchone()
    return None if row is None else pa.ipc.open_stream(row[0]).read_all()


def write_told(connection: Connection, day: date, what: str, told: pa.Table) -> None:
    """Keep a table as it is told."""
    rows = pa.BufferOutputStream()
    with pa.ipc.new_stream(rows, told.schema) as stream:
        stream.write_table(told)
    connection.execute(
        "INSERT INTO world.told (day, what, rows) VALUES (%s, %s, %b)", [day, what, rows.getvalue().to_pybytes()]
    )


def last_id(connection: Connection) -> int:
    """The last id that the world gave, 0 before the first."""
    row = connection.execute(
        "SELECT greatest((SELECT max(last_id) FROM world.steps), (SELECT max(last_id) FROM world.nights), 0)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def last_day(connection: Connection) -> date | None:
    """The day that the world has come to, None before the first."""
    row = connection.execute(
        "SELECT greatest((SELECT max(day) FROM world.steps), (SELECT max(day) FROM world.nights))"
    ).fetchone()
    return None if row is None else row[0]


def is_done(connection: Connection, day: date, kind: str) -> bool:
    """Whether a night's work of a kind was done."""
    row = connection.execute(
        "SELECT FROM world.nights WHERE day = %s AND kind = %s AND last_id IS NOT NULL", [day, kind]
    ).fetchone()
    return row is not None


def begin_night(connection: Connection, day: date, kind: str) -> int:
    """Begin a night's work, or go on with one that was killed; gives how often that was."""
    row = connection.execute(
        """
        INSERT INTO world.nights AS night (day, kind, attempts) VALUES (%s, %s, 0)
        ON CONFLICT (day, kind) DO UPDATE SET attempts = night.attempts + 1 RETURNING attempts
        """,
        [day, kind],
    ).fetchone()
    assert row is not None
    return int(row[0])


def finish_night(connection: Connection, day: date, kind: str, *, last: int) -> None:
    """A night's work is done; `last` is the last id that it gave."""
    connection.execute("UPDATE world.nights SET last_id = %s WHERE day = %s AND kind = %s", [last, day, kind])


def forget_before(connection: Connection, day: date) -> None:
    """Forget the steps and nights of days before one: nobody asks for them again."""
    with connection.pipeline():
        connection.execute("DELETE FROM world.steps WHERE day < %s", [day])
        connection.execute("DELETE FROM world.nights WHERE day < %s", [day])
        connection.execute("DELETE FROM world.told WHERE day < %s", [day])
