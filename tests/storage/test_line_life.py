"""A line's life in a real PostgreSQL: what is written is what servicing computed, and the database refuses the rest."""

import threading
from datetime import date, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from tests.books import OPENED_ON, Books
from tests.laws.audits import as_of, folded_from_zero, told_by
from tests.laws.test_line_laws import Teller, stories
from tests.lives import LINE_ID, Life

from tallystick.operations.lines import Recorded
from tallystick.servicing import facts
from tallystick.servicing.owed import owed_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import lines
from tallystick.storage.ledger_reading import line_balances
from tallystick.storage.line_results import line_results


@pytest.fixture
def books(connection: psycopg.Connection) -> Books:
    books = Books(connection)
    books.add_borrower(1)
    books.open_line(7, 1)
    return books


def test_a_late_payment_corrects_the_past_and_its_return_brings_it_back(books: Books) -> None:
    books.buy(7, 11, 100_000, date(2026, 1, 6))
    before = books.act(7, facts.LineFrozen(reason="to look at it"), date(2026, 3, 2))
    assert isinstance(before, Recorded)
    late = books.pay(7, 31, 100_000, date(2026, 3, 2), on=date(2026, 1, 20))
    assert isinstance(late, Recorded)
    assert sum(owed_minor(late.line, day=date(2026, 3, 2)).values()) == 0
    assert {transfer.effective_on for transfer in late.transfers} == {date(2026, 1, 20)}
    returned = books.act(
        7,
        facts.PaymentReturned(payment_id=31, event_id=late.event.event_id, reason="insufficient funds"),
        date(2026, 3, 3),
    )
    assert isinstance(returned, Recorded)
    assert owed_minor(returned.line, day=date(2026, 3, 2)) == owed_minor(before.line, day=date(2026, 3, 2))


def test_a_statement_stays_as_it_was_told(books: Books, connection: psycopg.Connection) -> None:
    books.buy(7, 11, 100_000, date(2026, 1, 6))
    books.pay(7, 31, 1, date(2026, 2, 1))
    told = connection.execute("SELECT closing_minor, figures FROM statements WHERE number = 1").fetchone()
    books.pay(7, 32, 40_000, date(2026, 2, 2), on=date(2026, 1, 10))
    assert connection.execute("SELECT closing_minor, figures FROM statements WHERE number = 1").fetchone() == told
    books.pay(7, 33, 1, date(2026, 2, 25))
    second = connection.execute("SELECT figures FROM statements WHERE number = 2").fetchone()
    assert second is not None
    assert second[0]["opening_minor"] == 100_000
    assert second[0]["adjustments_minor"] == -40_000  # learned after the first statement was told


def test_what_a_line_brought_between_two_days_is_told_as_the_books_stand_now(books: Books) -> None:
    """100,000 from the 6th on; 40,000 of it were paid on the 10th, as is learned a month later."""
    books.buy(7, 11, 100_000, date(2026, 1, 6))

    def brought(until: date) -> tuple[int, int, int]:
        [told] = line_results(books.connection, until=until).to_pylist()
        return told["earned_minor"], told["lost_minor"], told["principal_minor_days"]

    discount, nothing_lost, lent = brought(date(2026, 1, 9))
    assert (nothing_lost, lent) == (0, 4 * 100_000)
    books.pay(7, 32, 40_000, date(2026, 2, 2), on=date(2026, 1, 10))
    assert brought(date(2026, 1, 12)) == (discount, 0, 4 * 100_000 + 3 * 60_000)
    books.pay(7, 33, 1, date(2026, 7, 1))  # by then the rest is in default, and all that is owed on it is lost
    earned, lost, _ = brought(date(2026, 7, 1))
    assert lost == 60_000 - 1 + earned - discount
    assert earned > discount


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'somebody else'",
        "DELETE FROM transfers",
        "UPDATE line_history SET drawn_minor = 0",
        "DELETE FROM statements",
        "TRUNCATE contracts CASCADE",
    ],
)
def test_what_was_written_once_cannot_be_changed(books: Books, statement: str) -> None:
    books.buy(7, 11, 100_000, date(2026, 1, 6))
    books.pay(7, 31, 1, date(2026, 2, 1))
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        books.connection.execute(statement)


def test_the_same_person_cannot_ask_and_approve(books: Books) -> None:
    books.act(7, facts.FeeCharged(charge_id=1, amount_minor=500, reason="card copy"), date(2026, 1, 6))
    waiver = facts.Waived(component="fee", amount_minor=500, reason="goodwill")
    refused = books.act(7, waiver, date(2026, 1, 6), actor="ann", approved_by="ann")
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.SECOND_PERSON_MISSING
    with pytest.raises(psycopg.errors.CheckViolation, match="a_second_person_approves"):
        books.connection.execute(
            """
            INSERT INTO events (line_id, event_id, effective_on, rank, kind, fact, booked_on, recorded_at, actor,
                                approved_by)
            VALUES (7, 99, '2026-01-06', 8, 'waived', '{}', '2026-01-06', now(), 'ann', 'ann')
            """
        )


def test_the_database_refuses_a_draw_beyond_the_limit(books: Books) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="stays_within_the_limit"):
        books.connection.execute(
            """
            INSERT INTO line_history (line_id, revision, step, effective_on, recorded_at, cause, condition,
                                      limit_minor, drawn_minor, held_minor, credit_minor)
            VALUES (7, 99, 0, '2026-01-06', now(), 'drawdown', 'open', 1000, 900, 101, 0)
            """
        )


def test_what_was_held_is_drawn_though_it_passes_the_limit(books: Books) -> None:
    books.open_line(8, 1, limit_minor=100_000)
    held = facts.HoldPlaced(hold_id=51, amount_minor=100_000, expires_on=date(2026, 2, 1), merchant_id=1)
    assert isinstance(books.act(8, held, date(2026, 1, 6)), Recorded)
    lowered = books.act(8, facts.LimitChanged(limit_minor=60_000, reason="risk"), date(2026, 1, 7))
    assert isinstance(lowered, Recorded)
    drawn = facts.Drawdown(draw_id=52, kind=facts.DrawKind.PURCHASE, amount_minor=102_000, merchant_id=1, hold_id=51)
    captured = books.act(8, drawn, date(2026, 1, 8))
    assert isinstance(captured, Recorded)
    with books.connection.cursor() as cursor:
        told = "SELECT cause, drawn_minor, held_minor, limit_minor FROM line_history WHERE line_id = 8"
        assert cursor.execute(f"{told} ORDER BY revision DESC, step DESC LIMIT 1").fetchone() == (
            "capture", 102_000, 0, 60_000,
        )  # fmt: skip
    more = books.act(
        8,
        facts.HoldPlaced(hold_id=53, amount_minor=1, expires_on=date(2026, 2, 1), merchant_id=1),
        date(2026, 1, 8),
    )
    assert isinstance(more, Refusal)


@pytest.mark.parametrize("first", ["draw", "hold"])
def test_two_lines_of_one_person_never_both_take_the_last_yuan(database_url: str, first: str) -> None:
    with psycopg.connect(database_url) as connection:
        books = Books(connection)
        books.add_borrower(1, joint_cap_minor=600_000)
        for line_id in (7, 8):
            books.open_line(line_id, 1, limit_minor=300_000)
        connection.execute("UPDATE borrowers SET joint_cap_minor = 300000")
        connection.commit()
    answers: list[Recorded | Refusal] = []
    ready = threading.Barrier(2)

    def draw(line_id: int) -> None:
        with psycopg.connect(database_url) as connection:
            own = Books(connection)
            own.ids = iter(range(line_id * 1000, line_id * 1000 + 100))
            held = facts.HoldPlaced(hold_id=70, amount_minor=200_000, expires_on=date(2026, 1, 20), merchant_id=5)
            ready.wait()
            if first == "hold" and line_id == 7:
                answers.append(own.act(line_id, held, date(2026, 1, 6)))
            else:
                answers.append(own.buy(line_id, line_id * 10, 200_000, date(2026, 1, 6)))
            connection.commit()

    threads = [threading.Thread(target=draw, args=[line_id]) for line_id in (7, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(answer, Recorded) for answer in answers) == [False, True]
    refused = next(answer for answer in answers if isinstance(answer, Refusal))
    assert refused.reason is RefusalReason.JOINT_CAP_EXCEEDED
    assert refused.figures["joint_available_minor"] == 100_000


def test_a_blocked_person_draws_on_no_line(books: Books, connection: psycopg.Connection) -> None:
    connection.execute("UPDATE borrowers SET blocked_because = 'reported identity theft'")
    refused = books.buy(7, 11, 1_000, date(2026, 1, 6))
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.BORROWER_BLOCKED
    assert isinstance(books.pay(7, 31, 1_000, date(2026, 1, 6)), Recorded)


def test_the_id_of_a_draw_leads_to_its_line(books: Books, connection: psycopg.Connection) -> None:
    books.buy(7, 11, 1_000, date(2026, 1, 6))
    assert lines.line_of(connection, 11, kind="draw") == 7
    assert lines.line_of(connection, 11, kind="plan") is None


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories)
def test_a_life_in_the_database_is_the_life_in_memory(
    database_url: str, story: list[tuple[str, int, int, int]]
) -> None:
    """The same random acts, once with lists and once with tables: same answers, same line, same books, same history."""
    with psycopg.connect(database_url) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(LINE_ID, 1)
        life = Life(product=books.product).open(OPENED_ON)
        teller = Teller(life)
        today = OPENED_ON
        for kind, days, amount_minor, late in story:
            today += timedelta(days=days)
            life.sleep_until(today)
            on = max(OPENED_ON, today - timedelta(days=late))
            fact = teller.fact(kind, amount_minor, on)
            if fact is None:
                continue
            in_memory = life.act(fact, today=today, on=on)
            in_tables = books.act(LINE_ID, fact, today, on=on, approved_by="officer")
            assert isinstance(in_memory, Refusal) == isinstance(in_tables, Refusal), (in_memory, in_tables)
        at_last = facts.PaymentReceived(payment_id=1, amount_minor=1, channel="bank")  # both are written as of today
        assert isinstance(books.act(LINE_ID, at_last, today), Recorded)
        assert not isinstance(life.act(at_last, today=today), Refusal)
        stored = lines.read_line(connection, LINE_ID)
        assert stored is not None
        assert life.line is not None
        assert stored.line == life.line
        told = {
            balance.address: balance.debit_minor - balance.credit_minor
            for balance in line_balances(connection, LINE_ID)
        }
        own = {address: minor for address, minor in life.balances().items() if address.owner_id == LINE_ID}
        assert {key: minor for key, minor in told.items() if minor} == {key: m for key, m in own.items() if m}
        rows = connection.execute(
            """
            SELECT effective_on, condition, limit_minor, drawn_minor, held_minor, credit_minor, oldest_unpaid_due_on,
                   statement_closing_minor, statement_minimum_minor
            FROM line_history WHERE line_id = %s ORDER BY revision, step
            """,
            [LINE_ID],
        ).fetchall()
        told_rows = {effective_on: figures for effective_on, *figures in rows}
        rebuilt = told_by(folded_from_zero(life).history)
        for passed in range((today - OPENED_ON).days + 1):
            day = OPENED_ON + timedelta(days=passed)
            in_force = told_rows[max(known for known in told_rows if known <= day)]
            assert in_force == [*as_of(rebuilt, day).figures], day
        connection.rollback()
