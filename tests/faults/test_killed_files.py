"""Money files and the close of a day killed at any moment, and run again: all of it once, nothing by half."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.books import OPENED_ON, Books

from tallystick.operations.debits import give_mandate
from tallystick.operations.lines import Recorded
from tallystick.operations.settlement import register
from tallystick.servicing import facts
from tallystick.servicing.direct_debit import Pays
from tallystick.units.ids import IdPrefix, encode_id

LINES = 30
BOUGHT_ON = OPENED_ON + timedelta(days=1)
DUE_ON = date(2026, 1, 28)


@dataclass
class Counter:
    """A lender's books, and commands run in processes of their own, which are killed."""

    url: str
    folder: Path
    connection: psycopg.Connection

    def started(self, *words: str) -> subprocess.Popen[bytes]:
        """A command that runs by itself."""
        environment = {**os.environ, "TALLYSTICK_DATABASE_URL": self.url, "TALLYSTICK_LANGUAGE": "en"}
        return subprocess.Popen(
            [sys.executable, "-m", "tallystick", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def killed(self, *words: str, when: Callable[[], bool]) -> bool:
        """Run a command, and kill it as soon as something is so; False where it was done before."""
        process = self.started(*words)
        while process.poll() is None:
            if when():
                process.send_signal(signal.SIGKILL)
            time.sleep(0.002)
        told, _ = process.communicate()
        assert process.returncode in {0, -signal.SIGKILL}, told.decode()
        return process.returncode != 0

    def done(self, *words: str) -> str:
        """Run a command to its end."""
        process = self.started(*words)
        told, _ = process.communicate()
        assert process.returncode == 0, told.decode()
        return told.decode()

    def number(self, query: str) -> int:
        """A figure of the database."""
        row = self.connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def reaches(self, query: str, least: int) -> Callable[[], bool]:
        """Whether a figure of the database has come so far."""
        return lambda: self.number(query) >= least


def passed(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed from now on."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


@pytest.fixture
def counter(database_url: str, tmp_path: Path) -> Iterator[Counter]:
    """Lines that owe 500 yuan each to one merchant, with a mandate each."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        act = books.act_of(BOUGHT_ON)
        register(connection, 5, reference="shop-5", hold_days=0, least_payout_minor=1, act=act)
        for line_id in range(1, LINES + 1):
            books.add_borrower(line_id)
            books.open_line(line_id, line_id)
            bought = facts.Drawdown(
                draw_id=1_000 + line_id, kind=facts.DrawKind.PURCHASE, amount_minor=50_000, merchant_id=5
            )
            assert isinstance(books.act(line_id, bought, BOUGHT_ON), Recorded)
            give_mandate(connection, line_id, reference=f"m-{line_id}", pays=Pays.ALL_DUE, given_on=OPENED_ON, act=act)
        yield Counter(database_url, tmp_path, connection)


def test_a_statement_whose_import_is_killed_again_and_again_is_booked_once(counter: Counter) -> None:
    rows = 900
    path = counter.folder / "statement.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("reference,value_on,amount,currency,line\n")
        for number in range(rows):
            line = encode_id(IdPrefix.LINE, 1 + number % LINES) if number % 3 else ""
            file.write(f"b-{number},2026-01-10,{1 + number % 7}.00,CNY,{line}\n")
    booked = "SELECT count(*) FROM money_rows"
    for least in (1, 300, 600):
        assert counter.killed("money", "import", str(path), "--channel", "bank", when=counter.reaches(booked, least))
    assert 0 < counter.number(booked) < rows
    counter.done("money", "import", str(path), "--channel", "bank")
    assert counter.number(booked) == rows
    assert (
        counter.number("SELECT count(*) FROM payments") + counter.number("SELECT count(*) FROM suspense_items") == rows
    )
    assert counter.number("SELECT count(*) FROM payments JOIN events USING (line_id, event_id)") == rows * 2 // 3
    counter.done("ledger", "verify")


def test_debits_and_their_answers_killed_anywhere_ask_once_and_are_booked_once(counter: Counter) -> None:
    instructions, answers = counter.folder / "instructions.csv", counter.folder / "answers.csv"
    run = ("debits", "run", "--on", DUE_ON.isoformat(), "--out", str(instructions))
    asked = "SELECT count(*) FROM debits"
    for seconds in (0.4, 0.7, 1.0):
        counter.killed(*run, when=passed(seconds))
        assert counter.number(asked) in {0, LINES}, "a run is whole or has not been"
    counter.done(*run)
    assert counter.number(asked) == LINES
    with instructions.open(encoding="utf-8") as file:
        told = [row["debit"] for row in csv.DictReader(file)]
    assert len(set(told)) == LINES
    text = "".join(f"{debit},paid,{DUE_ON},\n" for debit in told)
    answers.write_text("debit,outcome,answered_on,code\n" + text, encoding="utf-8")
    paid = "SELECT count(*) FROM payments"
    for least in (1, LINES // 2):
        assert counter.killed("debits", "results", str(answers), when=counter.reaches(paid, least))
    counter.done("debits", "results", str(answers))
    assert counter.number(paid) == LINES
    assert counter.number("SELECT sum(amount_minor) FROM payments") == LINES * 50_000
    counter.done("ledger", "verify")


def test_a_settlement_killed_anywhere_pays_once(counter: Counter) -> None:
    out = counter.folder / "settlement.csv"
    run = ("settle", "run", "--on", DUE_ON.isoformat(), "--out", str(out))
    for seconds in (0.4, 0.7, 1.0):
        counter.killed(*run, when=passed(seconds))
    counter.done(*run)
    with out.open(encoding="utf-8") as file:
        (settled,) = csv.DictReader(file)
    assert (settled["orders"], settled["paid"]) == (str(LINES), f"{LINES * 500}.00")
    assert counter.number("SELECT count(*) FROM settled_transfers") == LINES
    assert counter.number("SELECT count(*) FROM transfers WHERE kind = 'payout'") == 1
    counter.done("ledger", "verify")


def test_a_close_of_a_day_killed_anywhere_closes_it_once(counter: Counter) -> None:
    closes = "SELECT count(*) FROM close_days WHERE finished_at IS NOT NULL"
    begun = counter.reaches("SELECT count(*) FROM close_days", 1)
    assert counter.killed("close-day", "2026-11-20", when=begun)
    assert counter.number(closes) == 0, "it was killed in the middle"
    for seconds in (0.9, 1.2, 1.5):
        counter.killed("close-day", "2026-11-20", when=passed(seconds))
        assert counter.number("SELECT count(*) FROM accrual_days") == counter.number(closes), "an accrual is whole"
    counter.done("close-day", "2026-11-20")
    counter.done("close-day", "2026-11-20")
    assert counter.number(closes) == 1
    statements = counter.number("SELECT count(*) FROM statements")
    assert statements == counter.number(
        "SELECT count(*) FROM (SELECT DISTINCT line_id, number FROM statements) AS told"
    )
    assert statements == LINES * 11, "one on the 19th of each month"
    posted = counter.number("SELECT posted_minor FROM accrual_days")
    assert posted == counter.number("SELECT sum(amount_minor) FROM transfers WHERE kind = 'accrual'") > 0
    counter.done("ledger", "verify")
