"""The books as streams, and features on the live tables: what a decision may know, from when it was recorded."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pyarrow as pa
import pytest
from tests.books import OPENED_ON, Books

from tallystick.bootstrap import start_of_day
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import ENTITIES, EVENT_TABLES, REQUEST_SCHEMA
from tallystick.operations.close_day import close_day
from tallystick.operations.lines import Act, Recorded, record
from tallystick.servicing import facts
from tallystick.storage.event_streams import load_stream
from tallystick.storage.features import features_at

NAMES = (
    "line_purchase_count_7d", "line_limit", "line_utilization", "line_payment_sum_30d", "line_refund_share_30d",
)  # fmt: skip


def tick(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


class Life:
    """A line that draws, is refunded, pays late, draws cash and pays again; each act recorded at noon of its day."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection, self.books = connection, Books(connection)
        self.books.add_borrower(1)

    def act(self, fact: facts.AnyFact, day: date, *, on: date | None = None) -> None:
        act = Act(actor="clerk", at=noon(day), today=day, event_ids=self.books.ids)
        assert isinstance(record(self.connection, 7, fact, act=act, on=on), Recorded)

    def until(self, day: date) -> None:
        at = noon(day + timedelta(days=1))
        list(close_day(self.connection, day, act=Act(actor="day", at=at, today=at.date(), event_ids=self.books.ids)))


@pytest.fixture
def life(database_url: str) -> Iterator[Life]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield lived(connection)


def lived(connection: psycopg.Connection) -> Life:
    """A line until the end of its first month."""
    life = Life(connection)
    opening = facts.LineOpened(
        borrower_id=1, contract_hash=life.books.contract_hash, currency="CNY", limit_minor=500_000,
        cash_limit_minor=250_000,
    )  # fmt: skip
    life.act(opening, OPENED_ON)
    bought = facts.Drawdown(draw_id=70, kind=facts.DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5)
    life.act(bought, date(2026, 1, 6))
    life.act(facts.Refunded(refund_id=71, draw_id=70, amount_minor=20_000), date(2026, 1, 8))
    life.act(facts.LimitChanged(limit_minor=400_000, reason="fewer purchases"), date(2026, 1, 9))
    life.until(date(2026, 1, 31))
    return life


def rows(connection: psycopg.Connection, stream: str) -> list[dict[str, object]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM stream_{stream} ORDER BY tick, event_id".encode()).fetchall()


def test_every_stream_has_the_columns_that_are_declared_for_it(connection: psycopg.Connection) -> None:
    told = connection.execute(
        """
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_name LIKE 'stream\\_%%' AND column_name NOT LIKE 'recorded\\_%%' ORDER BY ordinal_position
        """
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in told:
        found.setdefault(table.removeprefix("stream_"), []).append((column, kind))
    declared = {
        name: [(column.name, column.type.sql) for column in table.columns] for name, table in EVENT_TABLES.items()
    }
    assert found == declared


def test_what_windows_read_has_an_index_by_its_key_and_tick(connection: psycopg.Connection) -> None:
    tables = {name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r'")}
    indexed = {
        (name, tuple(columns))
        for name, columns in connection.execute(
            """
            SELECT indrelid::regclass::text, (SELECT array_agg(attname::text ORDER BY place) FROM unnest(indkey)
                WITH ORDINALITY AS key (number, place) JOIN pg_attribute ON attrelid = indrelid AND attnum = number
                WHERE place <= indnkeyatts)
            FROM pg_index
            """
        )
    }
    read = {(one.source, one.entity) for feature in load_as_of_catalog().features for one in feature.aggregates}
    wanted = {
        (f"stream_{source}", (ENTITIES[entity].key, "tick")) for source, entity in read if f"stream_{source}" in tables
    }
    assert len(wanted) == 24
    assert wanted <= indexed


def test_draws_refunds_and_limits_are_told_as_they_were_recorded(life: Life) -> None:
    [draw] = rows(life.connection, "draw")
    assert (draw["tick"], draw["line_id"], draw["borrower_id"]) == (tick(noon(date(2026, 1, 6))), 7, 1)
    assert (draw["merchant_id"], draw["amount_minor"], draw["is_cash"]) == (5, 100_000, False)
    [refund] = rows(life.connection, "refund")
    assert (refund["tick"], refund["merchant_id"], refund["amount_minor"]) == (tick(noon(date(2026, 1, 8))), 5, 20_000)
    changes = rows(life.connection, "line_change")
    told = [(row["tick"], row["limit_minor"], row["drawn_minor"], row["is_limit_change"]) for row in changes[:4]]
    assert told == [
        (tick(noon(OPENED_ON)), 500_000, 0, False),
        (tick(noon(date(2026, 1, 6))), 500_000, 100_000, False),
        (tick(noon(date(2026, 1, 8))), 500_000, 80_000, False),
        (tick(noon(date(2026, 1, 9))), 400_000, 80_000, True),
    ]
    assert {row["opened_on_day"] for row in changes} == {(OPENED_ON - date(1970, 1, 1)).days}


def test_a_statement_is_told_when_its_due_date_is_over_with_what_was_known_as_paid(life: Life) -> None:
    [(due_on, closed_on)] = life.connection.execute("SELECT due_on, closed_on FROM statements").fetchall()
    pay = facts.PaymentReceived(payment_id=80, amount_minor=30_000, channel="bank")
    life.act(pay, closed_on + timedelta(days=2))
    # recorded a day late, though it counts from the due date
    late = facts.PaymentReceived(payment_id=81, amount_minor=50_000, channel="bank")
    life.act(late, due_on + timedelta(days=1), on=due_on)
    [statement] = rows(life.connection, "statement_due")
    assert statement["tick"] == tick(start_of_day(due_on + timedelta(days=1)))
    assert (statement["closing_minor"], statement["paid_minor"]) == (80_000, 30_000)
    assert [row["amount_minor"] for row in rows(life.connection, "payment")] == [30_000, 50_000]


def test_a_time_past_due_is_told_when_it_is_over(life: Life) -> None:
    [(due_on,)] = life.connection.execute("SELECT due_on FROM statements").fetchall()
    life.until(due_on + timedelta(days=10))
    assert rows(life.connection, "past_due_spell") == []
    paid_on = due_on + timedelta(days=12)
    [(owed_minor,)] = life.connection.execute("SELECT drawn_minor FROM lines").fetchall()
    life.act(facts.PaymentReceived(payment_id=80, amount_minor=owed_minor * 2, channel="bank"), paid_on)
    [spell] = rows(life.connection, "past_due_spell")
    assert (spell["line_id"], spell["tick"], spell["days_past_due"]) == (7, tick(noon(paid_on)), 12)


def test_features_on_the_live_tables_see_what_was_recorded_before(life: Life) -> None:
    catalog = load_as_of_catalog()
    features = catalog.named(NAMES)
    at = tick(noon(date(2026, 1, 10)))
    purchases = [
        {"event_id": number, "tick": at - number * 3_600_000_000, "line_id": 7, "amount_minor": 900}
        for number in (1, 2, 3)
    ]
    load_stream(life.connection, "purchase", pa.Table.from_pylist(purchases, schema=EVENT_TABLES["purchase"].schema()))
    asked = [
        {"request_id": 90 + number, "tick": when, "kind": "purchase", "utc_offset_minutes": 480, "line_id": 7}
        for number, when in enumerate((at, tick(noon(date(2026, 1, 8)))))
    ]
    built = features_at(life.connection, pa.Table.from_pylist(asked, schema=REQUEST_SCHEMA), features=features).columns
    assert built.to_pylist() == [
        {  # three purchases, and the other request
            "request_id": 90, "line_purchase_count_7d": 4, "line_limit": 400_000, "line_utilization": 0.2,
            "line_payment_sum_30d": 0, "line_refund_share_30d": 0.2,
        },
        {  # the refund is recorded at this very tick: not known yet
            "request_id": 91, "line_purchase_count_7d": 0, "line_limit": 500_000, "line_utilization": 0.2,
            "line_payment_sum_30d": 0, "line_refund_share_30d": 0.0,
        },
    ]  # fmt: skip
    assert features_at(life.connection, REQUEST_SCHEMA.empty_table(), features=features).columns.num_rows == 0
