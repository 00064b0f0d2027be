"""Answers that are given again: one record per write, in the write's own transaction."""

import hashlib
from datetime import datetime

from msgspec import Struct
from psycopg import Connection


class RequestKey(Struct, frozen=True):
    """What makes two requests the same: who asks, for what (the path with its ids), and the key the caller chose."""

    api_key_id: int
    route: str
    idempotency_key: str

    @property
    def lock(self) -> int:
        """The advisory lock of the request: 64 bits of a hash. Two requests that share it by chance only wait."""
        plain = f"{self.api_key_id}\n{self.route}\n{self.idempotency_key}".encode()
        return int.from_bytes(hashlib.sha256(plain).digest()[:8], "big", signed=True)


class Answer(Struct, frozen=True):
    """An answer as it was given: its HTTP code and its bytes, and by what body it was asked for."""

    body_fingerprint: bytes
    answer_code: int
    answer_body: bytes


class InProgress(Struct, frozen=True):
    """Another transaction is answering the same request right now."""


def claim(connection: Connection, key: RequestKey) -> Answer | InProgress | None:
    """Be the one who answers this request until the transaction ends (None), or learn what was answered before.

    A transaction that begins here begins in the same round trip.
    """
    with connection.pipeline():
        claiming = connection.execute(
            "SELECT claimed, fingerprint, code, body FROM claim_request(%s, %s, %s, %s)",
            [key.lock, key.api_key_id, key.route, key.idempotency_key],
        )
    row = claiming.fetchone()
    assert row is not None
    claimed, *answer = row
    if not claimed:
        return InProgress()
    return None if answer[0] is None else Answer(*answer)


def commit_with_answer(connection: Connection, key: RequestKey, answer: Answer, *, recorded_at: datetime) -> None:
    """Keep an answer with what it did, and commit, in one round trip: both are kept, or neither."""
    with connection.pipeline():
        connection.execute(
            """
            INSERT INTO idempotency_records (api_key_id, route, idempotency_key, body_fingerprint, answer_code,
                                             answer_body, recorded_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            """,
            [
                key.api_key_id,
                key.route,
                key.idempotency_key,
                answer.body_fingerprint,
                answer.answer_code,
                answer.answer_body,
                recorded_at,
            ],
        )
        connection.commit()


def forget_answers(connection: Connection, *, before: datetime, most: int) -> int:
    """Drop up to `most` answers recorded before that instant; gives how many. A key is free again afterwards."""
    dropped = connection.execute(
        """
        DELETE FROM idempotency_records WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM idempotency_records WHERE recorded_at < %s LIMIT %s
        ))
        """,
        [before, most],
    )
    return dropped.rowcount
