"""A request that comes twice is run once, however close the two come."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from tests.callers import KEY, NOW

from tallystick.storage import idempotency, trust
from tallystick.storage.idempotency import Answer, InProgress, RequestKey

REQUEST = RequestKey(api_key_id=1, route="POST /v1/lines/line_0000000000001/payments", idempotency_key="a")
ANSWER = Answer(body_fingerprint=b"f" * 32, answer_code=201, answer_body=b"{}")


def test_an_answer_is_given_as_it_was_recorded(connection: Connection) -> None:
    trust.add_api_key(connection, KEY)
    assert idempotency.claim(connection, REQUEST) is None
    idempotency.commit_with_answer(connection, REQUEST, ANSWER, recorded_at=NOW)
    assert idempotency.claim(connection, REQUEST) == ANSWER


@pytest.mark.parametrize(
    "other",
    [
        RequestKey(2, REQUEST.route, "a"),
        RequestKey(1, "POST /v1/lines/line_0000000000002/payments", "a"),
        RequestKey(1, REQUEST.route, "b"),
    ],
    ids=["another caller", "another line", "another key"],
)
def test_another_request_has_no_answer_yet(connection: Connection, other: RequestKey) -> None:
    trust.add_api_key(connection, KEY)
    idempotency.commit_with_answer(connection, REQUEST, ANSWER, recorded_at=NOW)
    assert idempotency.claim(connection, other) is None
    assert other.lock != REQUEST.lock


def test_while_one_runs_a_request_the_other_may_not(connection: Connection, database_url: str) -> None:
    trust.add_api_key(connection, KEY)
    connection.commit()
    with psycopg.connect(database_url) as other:
        assert idempotency.claim(connection, REQUEST) is None
        assert idempotency.claim(other, REQUEST) == InProgress()
        idempotency.commit_with_answer(connection, REQUEST, ANSWER, recorded_at=NOW)
        assert idempotency.claim(other, REQUEST) == ANSWER


def test_a_write_whose_answer_cannot_be_kept_is_not_kept_either(connection: Connection) -> None:
    trust.add_api_key(connection, KEY)
    idempotency.commit_with_answer(connection, REQUEST, ANSWER, recorded_at=NOW)
    connection.execute("CREATE TABLE written ()")
    with pytest.raises(psycopg.errors.UniqueViolation):
        idempotency.commit_with_answer(connection, REQUEST, ANSWER, recorded_at=NOW)
    connection.rollback()
    assert connection.execute("SELECT to_regclass('written')").fetchone() == (None,)


def test_a_write_and_its_answer_are_committed_together(connection: Connection, database_url: str) -> None:
    trust.add_api_key(connection, KEY)
    idempotency.commit_with_answer(connection, REQUEST, ANSWER, recorded_at=NOW)
    connection.rollback()
    with psycopg.connect(database_url) as other:
        assert trust.read_api_key(other, KEY.api_key_id) is not None
        assert idempotency.claim(other, REQUEST) == ANSWER


def test_old_answers_are_forgotten_a_part_at_a_time(connection: Connection) -> None:
    trust.add_api_key(connection, KEY)
    for number in range(5):
        key = RequestKey(1, REQUEST.route, str(number))
        idempotency.commit_with_answer(connection, key, ANSWER, recorded_at=NOW + timedelta(days=number))
    assert idempotency.forget_answers(connection, before=NOW + timedelta(days=3), most=2) == 2
    assert idempotency.forget_answers(connection, before=NOW + timedelta(days=3), most=2) == 1
    kept = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    assert connection.execute("SELECT min(recorded_at) FROM idempotency_records").fetchone() == (kept,)
