"""What a decision could see: by commit, not by tick; and a batch computed again sees what it saw."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg
import pyarrow as pa
import pytest
from tests.books import OPENED_ON, Books
from tests.parity.answers import FEATURES, by_duckdb, given
from tests.storage.test_time_tiles import rolled

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import EVENT_TABLES, HOUR_TICKS, REQUEST_SCHEMA
from tallystick.features.visible_set import VisibleSet
from tallystick.operations.close_day import close_day
from tallystick.operations.lines import Act, Recorded, record
from tallystick.servicing import facts
from tallystick.storage.event_streams import load_stream
from tallystick.storage.features import FeaturesSeen, features_at

HOUR = 460_000 * HOUR_TICKS
COUNTS = ("merchant_purchase_count_1d", "line_purchase_count_1d", "line_distinct_merchant_1d")


@pytest.fixture
def books(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@contextmanager
def another(books: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A transaction beside, rolled back where the test does not commit it."""
    with psycopg.connect(f"{books.info.dsn}") as connection:
        yield connection
        connection.rollback()


def bought(connection: psycopg.Connection, number: int, tick: int, *, stream: str = "purchase") -> None:
    row = {"event_id": number, "tick": tick, "line_id": 7, "merchant_id": 5, "amount_minor": 100}
    if stream == "purchase_outcome":
        row["is_declined"] = True
    load_stream(connection, stream, pa.Table.from_pylist([row], schema=EVENT_TABLES[stream].schema()))


def asked(*requests: tuple[int, int], kind: str = "purchase") -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"request_id": number, "tick": tick, "kind": kind, "utc_offset_minutes": 0, "line_id": 7, "merchant_id": 5}
            for number, tick in requests
        ],
        schema=REQUEST_SCHEMA,
    )


def seen_by(
    connection: psycopg.Connection,
    requests: pa.Table,
    *,
    names: tuple[str, ...] = COUNTS,
    seen: VisibleSet | None = None,
) -> FeaturesSeen:
    return features_at(connection, requests, features=load_as_of_catalog().named(names), seen=seen)


def told(built: FeaturesSeen) -> list[tuple[object, ...]]:
    return [tuple(row.values())[1:] for row in built.columns.to_pylist()]


def test_what_commits_late_is_not_seen_however_early_its_tick(books: psycopg.Connection) -> None:
    request = asked((900, HOUR + 10))
    bought(books, 1, HOUR + 1)
    with another(books) as slow:
        bought(slow, 2, HOUR + 2)
        bought(books, 3, HOUR + 3)  # begun after the slow one, and over before it
        live = seen_by(books, request)
        slow.commit()
    assert told(live) == [(2, 2, 1)]
    after = seen_by(books, request)
    assert told(after) == [(3, 3, 1)]
    for again in (live, after):
        assert seen_by(books, request, seen=again.seen) == again


def test_a_later_statement_of_one_transaction_sees_more_and_says_so(books: psycopg.Connection) -> None:
    """Under READ COMMITTED each statement has a snapshot of its own: what is recorded is that of the features."""
    request = asked((900, HOUR + 10))
    with another(books) as reader:
        first = seen_by(reader, request)
        bought(books, 1, HOUR + 1)
        second = seen_by(reader, request)
    assert (told(first), told(second)) == ([(0, 0, 0)], [(1, 1, 1)])
    assert told(seen_by(books, request, seen=first.seen)) == [(0, 0, 0)]
    assert told(seen_by(books, request, seen=second.seen)) == [(1, 1, 1)]


def test_what_the_reading_transaction_writes_is_not_seen_before_nor_afterwards(books: psycopg.Connection) -> None:
    request = asked((900, HOUR + 10))
    with another(books) as writer:
        bought(writer, 1, HOUR + 1)
        bought(books, 2, HOUR + 2)  # a higher transaction id, committed: the snapshot's end lies after the writer's
        live = seen_by(writer, request)
        bought(writer, 3, HOUR + 3)
        writer.commit()
    assert told(live) == [(1, 1, 1)]
    assert told(seen_by(books, request, seen=live.seen)) == [(1, 1, 1)]
    assert told(seen_by(books, request)) == [(3, 3, 1)]


def test_a_later_request_sees_the_earlier_ones_and_never_their_outcomes(books: psycopg.Connection) -> None:
    names = (*COUNTS, "line_declined_share_1d")
    batch = asked((11, HOUR + 10), (12, HOUR + 20))
    with another(books) as writer:
        live = seen_by(writer, batch, names=names)
        for number, tick in ((11, HOUR + 10), (12, HOUR + 20)):
            bought(writer, number, tick)
            bought(writer, number + 100, tick + 1, stream="purchase_outcome")
        writer.commit()
    assert told(live) == [(0, 0, 0, None), (1, 1, 1, None)]
    assert told(seen_by(books, batch, names=names, seen=live.seen)) == told(live)
    assert told(seen_by(books, asked((13, HOUR + 30)), names=names)) == [(2, 2, 1, 1.0)]


def test_a_tile_of_what_was_not_visible_is_not_used(books: psycopg.Connection) -> None:
    request = asked((900, HOUR + 60 * HOUR_TICKS))
    names = ("merchant_purchase_count_7d", "merchant_purchase_count_90d")
    for number in range(40):
        bought(books, number, HOUR + number * HOUR_TICKS)
    rolled(books, HOUR + 50 * HOUR_TICKS)
    with another(books) as slow:
        bought(slow, 100, HOUR + 30 * HOUR_TICKS + 5)
        live = seen_by(books, request, names=names)
        slow.commit()
    rolled(books, HOUR + 51 * HOUR_TICKS)
    assert told(live) == [(40, 40)]
    assert told(seen_by(books, request, names=names)) == [(41, 41)]
    assert told(seen_by(books, request, names=names, seen=live.seen)) == [(40, 40)]


def test_a_tile_of_the_running_hour_tells_nobody_what_came_into_it_later(books: psycopg.Connection) -> None:
    minute = HOUR_TICKS // 60
    request = asked((900, HOUR + 31 * minute))
    names = ("merchant_purchase_count_1h", "merchant_purchase_count_90d")
    for number in range(30):
        bought(books, number, HOUR + number * minute)
    rolled(books, HOUR + 10 * minute)
    with another(books) as slow:
        bought(slow, 100, HOUR + 20 * minute + 5)
        live = seen_by(books, request, names=names)
        slow.commit()
    for until in (15, 30, 90):
        rolled(books, HOUR + until * minute)
        assert told(live) == told(seen_by(books, request, names=names, seen=live.seen)) == [(30, 30)]
        assert told(seen_by(books, request, names=names)) == [(31, 31)]


def test_a_tile_of_what_was_visible_is_used_again(books: psycopg.Connection) -> None:
    request = asked((900, HOUR + 60 * HOUR_TICKS))
    for number in range(40):
        bought(books, number, HOUR + number * HOUR_TICKS)
    rolled(books, HOUR + 50 * HOUR_TICKS)
    live = seen_by(books, request, names=("merchant_purchase_count_90d",))
    books.execute("UPDATE tiles_purchase SET row_count = row_count + 1 WHERE hours = 24 AND entity = 'merchant'")
    assert told(seen_by(books, request, names=("merchant_purchase_count_90d",), seen=live.seen)) > told(live)


def test_what_a_restored_copy_adds_was_not_visible_before(books: psycopg.Connection) -> None:
    """Transaction ids begin anew in a copy: the same number means another transaction."""
    request = asked((900, HOUR + 10))
    bought(books, 1, HOUR + 1)
    live = seen_by(books, request)
    books.execute("SELECT begin_generation('a test')")
    bought(books, 2, HOUR + 2)
    copy = seen_by(books, request)
    assert (live.seen.generation, copy.seen.generation) == (1, 2)
    assert told(seen_by(books, request, seen=live.seen)) == [(1, 1, 1)]
    early = VisibleSet(2, "3:3:")  # a copy whose ids are lower than those of the rows that it came with
    assert told(seen_by(books, request, seen=early)) == [(1, 1, 1)]
    assert told(seen_by(books, request, seen=copy.seen)) == [(2, 2, 1)]


def test_own_ids_are_told_from_those_of_an_earlier_generation(books: psycopg.Connection) -> None:
    with another(books) as writer:
        [(xid,)] = writer.execute("SELECT pg_current_xact_id()::text::bigint").fetchall()
        books.execute("SELECT begin_generation('a test')")
        books.execute(
            """
            INSERT INTO stream_purchase (event_id, tick, line_id, merchant_id, recorded_generation, recorded_xid)
            VALUES (1, %s, 7, 5, 1, %s)
            """,
            [HOUR + 1, xid],
        )
        assert told(seen_by(writer, asked((900, HOUR + 10)))) == [(1, 1, 1)]


def test_a_set_means_what_postgresql_means(books: psycopg.Connection) -> None:
    for snapshot in ("10:10:", "10:14:", "10:14:10,12", "9:20:9,10,11,19"):
        shown = VisibleSet(1, snapshot)
        for xid in range(5, 25):
            [(meant,)] = books.execute(
                "SELECT pg_visible_in_snapshot(%s::text::xid8, %s::pg_snapshot)", [xid, snapshot]
            ).fetchall()
            assert shown.shows(generation=1, xid=xid) is meant


@pytest.mark.parametrize("snapshot", ["", "10", "10:9:", "10:14:10,", "10:14:a", "10:14:10 "])
def test_a_text_that_is_no_snapshot_is_refused(snapshot: str) -> None:
    with pytest.raises(ValueError, match="is none; PostgreSQL writes one as"):
        VisibleSet(1, snapshot)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_feature_is_computed_again_as_it_was_seen(books: psycopg.Connection, seed: int) -> None:
    """Of the nasty rows the live tables have those that commit before the batch, and all others come after it."""
    tables = {name: table for name, table in given(seed).streams.items() if name in LIVE}
    features = tuple(one for one in FEATURES if set(one.sources) <= LIVE)
    for name, table in tables.items():
        load_stream(books, name, table)
    live = features_at(books, given(seed).requests, features=features)
    meant = by_duckdb(seed).select(live.columns.schema.names)
    assert [name for name in meant.schema.names if not live.columns[name].equals(meant[name])] == []
    for name, table in tables.items():
        ids = pa.array([number + 1_000_000 for number in table["event_id"].to_pylist()])
        load_stream(books, name, table.set_column(0, table.schema.field(0), ids))
    rolled(books, 500_000 * HOUR_TICKS)
    now = features_at(books, given(seed).requests, features=features)
    assert not now.columns.equals(live.columns)
    assert features_at(books, given(seed).requests, features=features, seen=live.seen) == live


LIVE = {"purchase", "purchase_outcome", "fraud_label", "application", "bureau_report"}


# The views over the books.


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def tick(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


class Life:
    """A line that draws 1,000 yuan and has a statement; each act at noon of its day."""

    def __init__(self, books: psycopg.Connection) -> None:
        self.books = Books(books)
        self.books.add_borrower(1)
        opening = facts.LineOpened(
            borrower_id=1, contract_hash=self.books.contract_hash, currency="CNY", limit_minor=500_000,
            cash_limit_minor=250_000,
        )  # fmt: skip
        self.act(books, opening, OPENED_ON)
        bought = facts.Drawdown(draw_id=70, kind=facts.DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5)
        self.act(books, bought, date(2026, 1, 6))

    def act(self, connection: psycopg.Connection, fact: facts.AnyFact, day: date, *, on: date | None = None) -> None:
        act = Act(actor="clerk", at=noon(day), today=day, event_ids=self.books.ids)
        assert isinstance(record(connection, 7, fact, act=act, on=on), Recorded)

    def until(self, connection: psycopg.Connection, day: date) -> None:
        at = noon(day + timedelta(days=1))
        act = Act(actor="day", at=at, today=at.date(), event_ids=self.books.ids)
        list(close_day(connection, day, act=act))


def of_line(day: date) -> pa.Table:
    return asked((900, tick(noon(day)) + 1), kind="review")


BOOKS = {"draw", "refund", "payment", "statement_due", "line_change", "past_due_spell"}
OF_BOOKS = tuple(one.name for one in FEATURES if one.sources and set(one.sources) <= BOOKS)


def test_acts_that_commit_late_are_not_seen_in_the_books(books: psycopg.Connection) -> None:
    """Each act in turn is recorded at its noon and committed after the decision of the next day."""
    life = Life(books)
    life.until(books, date(2026, 1, 20))
    [(due_on, closing_minor)] = books.execute("SELECT due_on, closing_minor FROM statements").fetchall()
    acts: tuple[facts.AnyFact, ...] = (
        facts.Drawdown(draw_id=72, kind=facts.DrawKind.PURCHASE, amount_minor=10_000, merchant_id=5),
        facts.Refunded(refund_id=73, draw_id=70, amount_minor=5_000),
        facts.LimitChanged(limit_minor=400_000, reason="fewer purchases"),
        facts.PaymentReceived(payment_id=74, amount_minor=3_000, channel="bank"),
        facts.PaymentReceived(payment_id=75, amount_minor=2 * closing_minor, channel="bank"),
    )
    days = [*(date(2026, 1, 22 + number) for number in range(4)), due_on + timedelta(days=9)]
    changed: set[str] = set()
    for fact, day in zip(acts, days, strict=True):
        life.until(books, day - timedelta(days=1))
        request = of_line(day + timedelta(days=1))
        before = seen_by(books, request, names=OF_BOOKS)
        with another(books) as slow:
            slow.execute("SELECT 1")  # what is recorded is a part of this transaction
            life.act(slow, fact, day)
            live = seen_by(books, request, names=OF_BOOKS)
            slow.commit()
        now = seen_by(books, request, names=OF_BOOKS)
        assert live.columns == before.columns
        assert seen_by(books, request, names=OF_BOOKS, seen=live.seen) == live
        assert seen_by(books, request, names=OF_BOOKS, seen=now.seen) == now
        changed |= {name for name in OF_BOOKS if now.columns[name] != live.columns[name]}
    assert {
        "line_payment_count_30d", "line_limit", "line_utilization", "line_refund_share_30d", "line_past_due_count_400d",

    } <= changed  # fmt: skip


def test_what_was_paid_on_a_statement_is_what_was_visible_of_it(books: psycopg.Connection) -> None:
    """A payment of the last minute commits after the due date is over, and after a decision of the day that follows."""
    life = Life(books)
    life.until(books, date(2026, 1, 31))
    [(due_on, closing_minor)] = books.execute("SELECT due_on, closing_minor FROM statements").fetchall()
    half = closing_minor // 2
    life.act(books, facts.PaymentReceived(payment_id=80, amount_minor=half, channel="bank"), due_on - timedelta(days=1))
    request = of_line(due_on + timedelta(days=1))
    names = ("line_payment_ratio_90d", "line_payment_count_30d")
    with another(books) as slow:
        slow.execute("SELECT 1")
        life.act(slow, facts.PaymentReceived(payment_id=81, amount_minor=half, channel="bank"), due_on)
        live = seen_by(books, request, names=names)
        assert told(seen_by(slow, request, names=names)) == told(live)  # its own transaction no more than others
        slow.commit()
    assert told(live) == [(half / closing_minor, 1)]
    assert told(seen_by(books, request, names=names)) == [(2 * half / closing_minor, 2)]
    assert told(seen_by(books, request, names=names, seen=live.seen)) == told(live)
