"""The close of days through random lives: what is posted as accrued is what the lines themselves have accrued."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import psycopg
from hypothesis import HealthCheck, given, settings
from tests.books import OPENED_ON, Books
from tests.conftest import copied_database
from tests.laws.test_line_laws import Teller, stories
from tests.lives import LINE_ID, Life

from tallystick.ledger.transfer import Address
from tallystick.operations.close_day import close_day
from tallystick.operations.lines import Recorded
from tallystick.operations.standing import line_today
from tallystick.servicing import facts
from tallystick.servicing.accrued import accrued
from tallystick.servicing.accruing import minor_from_micro
from tallystick.storage.embedded import Running
from tallystick.storage.ledger import shared_balance


@contextmanager
def of_its_own(server: Running, template: str) -> Iterator[psycopg.Connection]:
    """A migrated database for one life: a close commits, so no transaction can take it back."""
    with copied_database(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def closed(books: Books, *, today: date) -> int:
    """Close the day before, and hold what was posted against the line; gives what is accrued."""
    connection, closed_on = books.connection, today - timedelta(days=1)
    list(close_day(connection, closed_on, act=books.act_of(today)))
    line = line_today(connection, LINE_ID, act=books.act_of(today))
    assert line is not None
    own_minor = minor_from_micro(accrued(line).accrued_micro)
    balance = shared_balance(connection, Address("accrued_interest", 1), currency="CNY")
    assert balance.debit_minor - balance.credit_minor == own_minor
    kept = connection.execute(
        "SELECT coalesce(sum(accrued_minor[1]), 0)::bigint FROM accrual_figures WHERE closed_on = %s", [closed_on]
    ).fetchone()
    assert kept == (own_minor,)
    day = connection.execute("SELECT accrued_minor FROM accrual_days WHERE closed_on = %s", [closed_on]).fetchone()
    assert day == (own_minor,)
    return own_minor


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories)
def test_what_is_posted_as_accrued_is_what_the_line_has_accrued(
    server: Running, template_database: str, story: list[tuple[str, int, int, int]]
) -> None:
    """Bought, paid late and early, refunded, eased, in care, undone; then charged off, and paid after that."""
    with of_its_own(server, template_database) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(LINE_ID, 1)
        life = Life(product=books.product).open(OPENED_ON)
        teller, today = Teller(life), OPENED_ON
        for kind, days, amount_minor, late in story:
            today += timedelta(days=days)
            life.sleep_until(today)
            if days:
                closed(books, today=today)
            on = max(OPENED_ON, today - timedelta(days=late))
            fact = teller.fact(kind, amount_minor, on)
            if fact is not None:
                life.act(fact, today=today, on=on)
                books.act(LINE_ID, fact, today, on=on, approved_by="officer")
        for days in (1, 30, 200):
            today += timedelta(days=days)
            closed(books, today=today)
        gone = books.act(LINE_ID, facts.ChargedOff(reason="180 days past due"), today, approved_by="officer")
        if isinstance(gone, Recorded):
            today += timedelta(days=1)
            assert closed(books, today=today) == 0, "what is charged off accrues nothing"
            assert isinstance(books.pay(LINE_ID, 9_000_000, 500, today), Recorded)
        today += timedelta(days=1)
        closed(books, today=today)
