"""The close of a day in a real PostgreSQL: resumable, beside payments, and posting exactly what changed."""

import threading
from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from tests.books import Books

from tallystick.ledger.proof import Check
from tallystick.ledger.transfer import Address
from tallystick.operations.close_day import DayNotOver, DayPassedOver, close_day, days_to_close
from tallystick.operations.ledger import verify
from tallystick.operations.lines import Recorded
from tallystick.operations.progress import Silent
from tallystick.servicing import facts
from tallystick.servicing.accrued import accrued
from tallystick.servicing.accruing import minor_from_micro
from tallystick.storage import close_days, lines
from tallystick.storage.ledger import shared_balance

STATEMENT_ON = date(2026, 1, 19)
LINES = range(1, 8)


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        for line_id in LINES:
            books.add_borrower(line_id)
            books.open_line(line_id, line_id)
            bought = books.buy(line_id, 100 + line_id, 100_000, date(2026, 1, 6))
            assert isinstance(bought, Recorded)
        yield books


def accrued_minor(books: Books) -> int:
    balance = shared_balance(books.connection, Address("accrued_interest", 1), currency="CNY")
    return balance.debit_minor - balance.credit_minor


def test_a_day_that_is_not_over_is_not_closed(books: Books) -> None:
    with pytest.raises(DayNotOver, match="is not over"):
        list(close_day(books.connection, STATEMENT_ON, act=books.act_of(STATEMENT_ON)))


def test_only_lines_with_something_due_are_touched_and_a_closed_day_stays_closed(books: Books) -> None:
    act = books.act_of(date(2026, 3, 1))
    assert sum(close_day(books.connection, date(2026, 1, 10), act=act)) == 0
    assert sum(close_day(books.connection, STATEMENT_ON, act=act)) == len(LINES)
    assert list(close_day(books.connection, STATEMENT_ON, act=act)) == []
    assert books.connection.execute("SELECT count(*) FROM statements").fetchone() == (len(LINES),)


def test_a_day_before_one_that_is_closed_is_told_and_changes_nothing(books: Books) -> None:
    act = books.act_of(date(2026, 6, 1))
    list(close_day(books.connection, date(2026, 2, 5), act=act))
    before = accrued_minor(books)
    assert before == len(LINES) * 31 * 50
    with pytest.raises(DayPassedOver, match="2026-02-05 is closed, and 2026-01-28 with it"):
        list(close_day(books.connection, date(2026, 1, 28), act=act))
    assert accrued_minor(books) == before
    assert books.connection.execute("SELECT count(*) FROM close_days").fetchone() == (1,)


def test_days_that_were_missed_are_closed_one_by_one(books: Books) -> None:
    assert days_to_close(books.connection, until=STATEMENT_ON) == (STATEMENT_ON,)
    act = books.act_of(date(2026, 6, 1))
    list(close_day(books.connection, date(2026, 1, 28), act=act))
    missed = days_to_close(books.connection, until=date(2026, 1, 31))
    assert missed == (date(2026, 1, 29), date(2026, 1, 30), date(2026, 1, 31))
    for day in missed:
        list(close_day(books.connection, day, act=act))
    # unpaid as 28 January ends: the 23 days since 6 January count, then one more each day
    rows = books.connection.execute("SELECT posted_minor FROM accrual_days ORDER BY closed_on").fetchall()
    assert rows == [(len(LINES) * 50 * days,) for days in (23, 1, 1, 1)]
    assert days_to_close(books.connection, until=date(2026, 1, 31)) == ()


def test_two_closes_at_once_close_once_and_in_turn(books: Books, database_url: str) -> None:
    moved: list[int] = []

    def close(day: date, ids_from: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            own = Books(connection)
            own.ids = iter(range(ids_from, ids_from + 10_000))
            moved.append(sum(close_day(connection, day, act=own.act_of(date(2026, 6, 1)))))

    threads = [threading.Thread(target=close, args=[date(2026, 2, 5), 10_000 * nth]) for nth in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved) == [0, 0, len(LINES)]
    assert accrued_minor(books) == len(LINES) * 31 * 50


def test_a_close_that_was_killed_goes_on_where_it_was(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.operations.close_day.LINES_PER_CHUNK", 3)
    act = books.act_of(date(2026, 3, 1))
    killed = close_day(books.connection, STATEMENT_ON, act=act)
    assert next(killed) == 3
    killed.close()
    assert close_days.last_closed_day(books.connection) is None
    assert sum(close_day(books.connection, STATEMENT_ON, act=act)) == len(LINES) - 3
    assert books.connection.execute("SELECT count(*), count(DISTINCT line_id) FROM statements").fetchone() == (7, 7)
    assert close_days.last_closed_day(books.connection) == STATEMENT_ON


@pytest.fixture
def workers(database_url: str) -> Iterator[list[psycopg.Connection]]:
    with (
        psycopg.connect(database_url, autocommit=True) as one,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        yield [one, other]


def test_workers_side_by_side_move_each_line_once_and_post_the_same(
    books: Books, workers: list[psycopg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.operations.close_day.LINES_PER_CHUNK", 2)
    monkeypatch.setattr("tallystick.operations.close_day.LINES_PER_LOOK", 5)
    act = books.act_of(date(2026, 6, 1))
    assert sorted(close_day(books.connection, STATEMENT_ON, act=act, workers=workers)) == [1, 2, 2, 2]
    assert sum(close_day(books.connection, date(2026, 2, 5), act=act, workers=workers)) == len(LINES)
    assert books.connection.execute("SELECT count(*), count(DISTINCT line_id) FROM statements").fetchone() == (7, 7)
    moved = books.connection.execute("SELECT lines_moved FROM close_days ORDER BY closed_on").fetchall()
    assert moved == [(len(LINES),), (len(LINES),)]
    assert accrued_minor(books) == len(LINES) * 31 * 50
    assert verify(books.connection, progress=Silent()).is_sound


def test_a_close_whose_worker_is_killed_tells_so_and_goes_on_where_it_was(
    books: Books, workers: list[psycopg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.operations.close_day.LINES_PER_CHUNK", 1)
    act = books.act_of(date(2026, 3, 1))
    closing = close_day(books.connection, STATEMENT_ON, act=act, workers=workers)
    assert next(closing) == 1
    books.connection.execute("SELECT pg_terminate_backend(%s)", [workers[0].info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        list(closing)
    assert close_days.last_closed_day(books.connection) is None
    list(close_day(books.connection, STATEMENT_ON, act=act, workers=workers[1:]))
    assert books.connection.execute("SELECT count(*), count(DISTINCT line_id) FROM statements").fetchone() == (7, 7)
    assert close_days.last_closed_day(books.connection) == STATEMENT_ON


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_payment_never_waits_for_the_close_and_catches_its_own_line_up(
    books: Books, database_url: str, workers: list[psycopg.Connection], n_workers: int
) -> None:
    with psycopg.connect(database_url) as counter:
        at_counter = Books(counter)
        at_counter.ids = iter(range(10_000, 11_000))
        paid = at_counter.pay(3, 900, 40_000, date(2026, 1, 20))  # its transaction is open: the line is locked
        assert isinstance(paid, Recorded)
        closing = close_day(
            books.connection, STATEMENT_ON, act=books.act_of(date(2026, 3, 1)), workers=workers[:n_workers]
        )
        assert next(closing) == len(LINES) - 1
        counter.commit()
        assert list(closing) == []
    assert books.connection.execute("SELECT count(*) FROM statements WHERE line_id = 3").fetchone() == (1,)


def test_the_change_of_what_is_accrued_is_posted_and_made_of_the_figures_kept(books: Books) -> None:
    act = books.act_of(date(2026, 6, 1))
    for day in (STATEMENT_ON, date(2026, 1, 28), date(2026, 1, 29), date(2026, 2, 5)):
        list(close_day(books.connection, day, act=act))
        row = books.connection.execute(
            """
            SELECT coalesce(sum(minor), 0)::bigint FROM accrual_figures, unnest(accrued_minor) AS minor
            WHERE closed_on = %s
            """,
            [day],
        ).fetchone()
        assert row == (accrued_minor(books),)
    # what was not paid by 28 January revolves from 6 January on: 31 days until 6 February, 0.05 % of 1,000.00 each
    assert accrued_minor(books) == len(LINES) * 31 * 50


def test_the_columns_accrue_what_the_line_itself_accrues(books: Books) -> None:
    list(close_day(books.connection, STATEMENT_ON, act=books.act_of(date(2026, 6, 1))))
    list(close_day(books.connection, date(2026, 2, 1), act=books.act_of(date(2026, 6, 1))))
    stored = lines.read_line(books.connection, 1)
    assert stored is not None
    own_minor = minor_from_micro(accrued(stored.line).on(date(2026, 2, 1) + timedelta(days=1)))
    row = books.connection.execute(
        "SELECT accrued_minor[1] FROM accrual_figures WHERE closed_on = '2026-02-01' AND line_ids[1] = 1"
    ).fetchone()
    assert row == (own_minor,)


def test_a_hold_ends_as_its_day_begins_with_the_close_of_the_day_before(books: Books) -> None:
    hold = facts.HoldPlaced(hold_id=77, amount_minor=5_000, expires_on=date(2026, 1, 8), merchant_id=5)
    assert isinstance(books.act(1, hold, date(2026, 1, 6)), Recorded)
    assert sum(close_day(books.connection, date(2026, 1, 6), act=books.act_of(date(2026, 3, 1)))) == 0
    assert sum(close_day(books.connection, date(2026, 1, 7), act=books.act_of(date(2026, 3, 1)))) == 1
    assert books.connection.execute("SELECT held_minor FROM lines WHERE line_id = 1").fetchone() == (0,)


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE accrual_days SET accrued_minor = accrued_minor + 1", "sum"),
        ("UPDATE accrual_days SET posted_minor = posted_minor - 1", "posting"),
        ("UPDATE accrual_figures SET accrued_minor[1] = accrued_minor[1] + 1", "figures"),
        ("DELETE FROM accrual_days", "none"),
    ],
)
def test_what_accrued_on_a_closed_day_is_proven_from_its_lines_and_the_transfers(
    books: Books, done: str, found: str
) -> None:
    """Lines that miss their due date bear interest; then somebody changes one of the three figures."""
    for day in (STATEMENT_ON, date(2026, 3, 1)):
        list(close_day(books.connection, day, act=books.act_of(date(2026, 3, 2))))
    sums = books.connection.execute(
        "SELECT accrued_minor, posted_minor FROM accrual_days ORDER BY closed_on DESC LIMIT 1"
    ).fetchone()
    assert sums is not None
    accrued, posted = sums
    assert accrued > 0
    assert posted != 0
    assert verify(books.connection, progress=Silent()).findings == ()
    for table in ("accrual_days", "accrual_figures"):
        books.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    books.connection.execute(done.encode())
    finding = verify(books.connection, progress=Silent()).findings[-1]
    assert (finding.check, finding.subject) == (Check.ACCRUAL, "accrued_interest 1 CNY, 2026-03-01")
    assert (finding.proven, finding.found) == {
        "sum": (f"{accrued:,} / {posted:,}", f"{accrued + 1:,} / {posted:,}"),
        "posting": (f"{accrued:,} / {posted:,}", f"{accrued:,} / {posted - 1:,}"),
        "figures": (f"{accrued + 1:,} / {posted:,}", f"{accrued:,} / {posted:,}"),
        "none": (f"{accrued:,} / {posted:,}", "none"),
    }[found]
