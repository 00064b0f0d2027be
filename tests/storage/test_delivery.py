"""Events reach every endpoint once, in order, however many processes send and whenever a transaction commits."""

from datetime import date, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from tests.books import Books
from tests.callers import NOW

from tallystick.storage import delivery, event_feed
from tallystick.storage.delivery import Attempted, ClaimedDelivery, Endpoint, SealedSecret
from tallystick.storage.embedded import Running

DAY = date(2026, 1, 6)


@pytest.fixture
def books(connection: Connection) -> Books:
    """Two lines of two persons, and an endpoint that was there before them."""
    books = Books(connection)
    add_endpoint(connection, 900)
    connection.commit()
    for borrower_id, line_id in ((1, 7), (2, 8)):
        books.add_borrower(borrower_id)
        books.open_line(line_id, borrower_id)
    connection.commit()
    return books


def add_endpoint(connection: Connection, endpoint_id: int, *kinds: str) -> None:
    endpoint = Endpoint(endpoint_id, "https://hooks.example.com/", list(kinds), "", {}, "operator", NOW)
    delivery.add_endpoint(connection, endpoint, position=event_feed.present_position(connection))


def queue_all(connection: Connection) -> None:
    while delivery.queue_deliveries(connection, queued_at=NOW, most=3):
        connection.commit()
    connection.commit()


def claim(connection: Connection, *, now: datetime = NOW, most: int = 10) -> list[ClaimedDelivery]:
    claimed = delivery.claim_deliveries(
        connection, now=now, lease_until=now + timedelta(seconds=60), most=100, most_per_endpoint=most
    )
    connection.commit()
    return claimed


def end(connection: Connection, claimed: ClaimedDelivery, *, fault: str | None, again_at: datetime | None) -> None:
    delivery.record_attempt(connection, Attempted(claimed.delivery_id, NOW, 500 if fault else 200, fault, again_at))
    connection.commit()


def test_every_event_is_queued_once(books: Books, connection: Connection) -> None:
    for number in range(5):
        books.buy(7, 20 + number, 100, DAY)
        connection.commit()
    queue_all(connection)
    queue_all(connection)
    rows = connection.execute("SELECT about_id, event_id FROM webhook_deliveries ORDER BY delivery_id").fetchall()
    events = connection.execute(
        "SELECT line_id, event_id FROM events ORDER BY recorded_generation, recorded_xid, event_id"
    ).fetchall()
    assert rows == events
    assert len(rows) == 7


def test_an_event_of_a_slow_transaction_is_not_missed(books: Books, connection: Connection, database_url: str) -> None:
    queue_all(connection)
    with psycopg.connect(database_url) as slow:
        slow_books = Books(slow, ids=iter(range(5_000, 6_000)))
        slow_books.buy(7, 31, 100, DAY)  # begun first, committed last
        books.buy(8, 32, 100, DAY)
        connection.commit()
        queue_all(connection)
        seen = delivery.deliveries(connection, 900, before_id=None, most=10)
        assert len(seen) == 2, "the quick one waits for the slow one before it"
        slow.commit()
    connection.commit()
    queue_all(connection)
    drawn = delivery.deliveries(connection, 900, before_id=None, most=2)
    assert [row.line_id for row in drawn] == [8, 7]


def test_work_in_another_database_of_the_server_holds_up_no_reader(
    books: Books, connection: Connection, server: Running
) -> None:
    with psycopg.connect(server.url) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        books.buy(7, 21, 100, DAY)
        connection.commit()
        assert len(event_feed.events_after(connection, event_feed.BEGINNING, most=9)) == 3


def test_an_endpoint_hears_of_its_kinds_only(books: Books, connection: Connection) -> None:
    add_endpoint(connection, 901, "payment_received")
    connection.commit()
    books.buy(7, 21, 10_000, DAY)
    books.pay(7, 31, 100, DAY)
    connection.commit()
    queue_all(connection)
    [only] = delivery.deliveries(connection, 901, before_id=None, most=10)
    assert claim_kind(connection, only.delivery_id) == "payment_received"


def claim_kind(connection: Connection, delivery_id: int) -> str:
    row = connection.execute(
        "SELECT kind FROM webhook_deliveries JOIN told_events USING (about_id, event_id) WHERE delivery_id = %s",
        [delivery_id],
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_two_processes_never_send_the_same_delivery(books: Books, connection: Connection, database_url: str) -> None:
    queue_all(connection)
    with psycopg.connect(database_url) as other:
        both = [*claim(connection, most=1), *claim(other, most=10)]
    assert sorted(one.event.about_id for one in both) == [7, 8]
    assert claim(connection) == []


def test_what_a_process_took_and_never_ended_is_sent_by_another(books: Books, connection: Connection) -> None:
    queue_all(connection)
    assert len(claim(connection)) == 2
    assert claim(connection, now=NOW + timedelta(seconds=59)) == []
    assert len(claim(connection, now=NOW + timedelta(seconds=60))) == 2


def test_events_of_one_line_go_out_one_after_another(books: Books, connection: Connection) -> None:
    books.buy(7, 21, 100, DAY)
    connection.commit()
    queue_all(connection)
    first, of_the_other_line = claim(connection)
    assert (first.event.line_id, of_the_other_line.event.line_id) == (7, 8)
    assert claim(connection) == [], "the second event of line 7 waits for the first"
    end(connection, first, fault=None, again_at=None)
    [second] = claim(connection)
    assert (second.event.line_id, second.event.kind) == (7, "drawdown")


def test_an_event_that_failed_lets_the_next_pass(books: Books, connection: Connection) -> None:
    books.buy(7, 21, 100, DAY)
    connection.commit()
    queue_all(connection)
    first, _ = claim(connection)
    end(connection, first, fault="refused", again_at=NOW + timedelta(minutes=1))
    [second] = claim(connection)
    assert second.event.kind == "drawdown"
    [again, *_] = claim(connection, now=NOW + timedelta(minutes=2))
    assert (again.delivery_id, again.attempts) == (first.delivery_id, 1)


def test_a_slow_endpoint_holds_up_no_other(books: Books, connection: Connection) -> None:
    add_endpoint(connection, 899)
    connection.commit()
    for number in range(3):
        books.add_borrower(50 + number)
        books.open_line(50 + number, 50 + number)
    connection.commit()
    queue_all(connection)
    claimed = claim(connection, most=2)
    assert sorted(one.endpoint_id for one in claimed) == [899, 899, 900, 900]


def test_no_more_is_claimed_than_can_be_sent(books: Books, connection: Connection) -> None:
    add_endpoint(connection, 899)
    queue_all(connection)
    until = NOW + timedelta(seconds=60)
    few = delivery.claim_deliveries(connection, now=NOW, lease_until=until, most=1, most_per_endpoint=4)
    assert len(few) == 1
    rest = delivery.claim_deliveries(
        connection, now=NOW, lease_until=until, most=9, most_per_endpoint=4, passing_over=[900]
    )
    assert rest == []


def test_a_delivery_ends_once(books: Books, connection: Connection) -> None:
    queue_all(connection)
    first, second = claim(connection)
    end(connection, first, fault=None, again_at=None)
    end(connection, first, fault="refused", again_at=NOW)
    end(connection, second, fault="refused", again_at=None)
    dead, delivered = delivery.deliveries(connection, 900, before_id=None, most=10)
    assert (delivered.delivered_at, delivered.attempts) == (NOW, 1)
    assert (dead.dead_at, dead.fault) == (NOW, "refused")
    assert delivery.oldest_waiting(connection) is None


def test_what_was_sent_can_be_sent_again(books: Books, connection: Connection) -> None:
    queue_all(connection)
    for claimed in claim(connection):
        end(connection, claimed, fault=None, again_at=None)
    since = connection.execute("SELECT min(recorded_at) FROM events").fetchone()
    assert since is not None
    assert delivery.queue_again(connection, 900, since=since[0], queued_at=NOW, most=10) == 2
    assert delivery.queue_again(connection, 900, since=since[0] + timedelta(days=1), queued_at=NOW, most=10) == 0
    event_id = claimed.event.event_id
    assert not delivery.queue_event(connection, 900, line_id=7, event_id=event_id, queued_at=NOW)
    assert delivery.queue_event(connection, 900, line_id=8, event_id=event_id, queued_at=NOW)
    assert len(delivery.deliveries(connection, 900, before_id=None, most=10)) == 5


def test_a_replay_leaves_out_what_is_still_to_be_heard(books: Books, connection: Connection) -> None:
    since = connection.execute("SELECT min(recorded_at) FROM events").fetchone()
    assert since is not None
    assert delivery.queue_again(connection, 900, since=since[0], queued_at=NOW, most=10) == 0


def test_a_removed_endpoint_gets_nothing_more(books: Books, connection: Connection) -> None:
    queue_all(connection)
    assert delivery.remove_endpoint(connection, 900, removed_at=NOW)
    assert not delivery.remove_endpoint(connection, 900, removed_at=NOW)
    assert claim(connection) == []
    assert delivery.read_endpoint(connection, 900) is None
    assert delivery.endpoints(connection, before_id=None, most=10) == []
    assert {row.fault for row in delivery.deliveries(connection, 900, before_id=None, most=10)} == {"endpoint_removed"}


def test_while_secrets_rotate_two_are_valid(books: Books, connection: Connection) -> None:
    old, new = SealedSecret(900, 1, b"old"), SealedSecret(900, 2, b"new")
    delivery.add_secret(connection, old, made_at=NOW)
    delivery.add_secret(connection, new, made_at=NOW)
    delivery.expire_other_secrets(connection, new, expires_at=NOW + timedelta(hours=24))
    assert delivery.valid_secrets(connection, [900], at=NOW) == [new, old]
    assert delivery.valid_secrets(connection, [900], at=NOW + timedelta(hours=24)) == [new]


def test_a_feed_is_read_in_parts_and_by_line_and_kind(books: Books, connection: Connection) -> None:
    books.buy(7, 21, 100, DAY)
    connection.commit()
    first = event_feed.events_after(connection, event_feed.BEGINNING, most=2)
    rest = event_feed.events_after(connection, first[-1].position, most=10)
    assert [event.kind for event in (*first, *rest)] == ["line_opened", "line_opened", "drawdown"]
    assert [event.kind for event in event_feed.events_after(connection, event_feed.BEGINNING, most=9, line_id=8)] == [
        "line_opened"
    ]
    [drawn] = event_feed.events_after(connection, event_feed.BEGINNING, most=9, kind="drawdown")
    assert drawn.line_id == 7
