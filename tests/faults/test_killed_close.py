"""PostgreSQL killed in the middle of the close of a day: it is told, and the same command again closes it once."""

import os
import signal
import subprocess
import time
from datetime import timedelta

import psycopg
from tests.books import OPENED_ON, Books
from tests.faults.test_killed_servers import COMMAND, Installation, installation  # noqa: F401 - a fixture

from tallystick.operations.lines import Recorded

LINES = 40
CLOSED_ON = "2026-11-20"
STATEMENTS_A_LINE = 11  # on the 19th of each month since January


def number(connection: psycopg.Connection, query: str) -> int:
    """A figure of the database."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0] or 0)


def killed_while_closing(at: Installation, connection: psycopg.Connection) -> subprocess.CompletedProcess[str]:
    """Begin to close, kill the postmaster once it has begun, and wait for what the command says."""
    postmaster = int((at.at.cluster / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
    closing = subprocess.Popen(
        [*COMMAND, "close-day", CLOSED_ON],
        env=at.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while closing.poll() is None and number(connection, "SELECT count(*) FROM close_days") == 0:
        time.sleep(0.002)
    os.kill(postmaster, signal.SIGKILL)
    told, fault = closing.communicate(timeout=60)
    return subprocess.CompletedProcess(closing.args, closing.returncode, told, fault)


def test_a_close_goes_on_after_postgresql_was_killed(installation: Installation) -> None:  # noqa: F811
    url = installation.run("db", "up").removeprefix("✓ ")
    with psycopg.connect(url, autocommit=True) as connection:
        books = Books(connection)
        for line_id in range(1, LINES + 1):
            books.add_borrower(line_id)
            books.open_line(line_id, line_id)
            assert isinstance(books.buy(line_id, 1_000 + line_id, 100_000, OPENED_ON + timedelta(days=1)), Recorded)
        killed = killed_while_closing(installation, connection)
    assert killed.returncode == 2, killed.stdout + killed.stderr
    assert "the database ceased to answer" in killed.stderr
    assert "Traceback" not in killed.stderr
    assert f"{LINES} lines moved" in installation.run("close-day", CLOSED_ON)
    assert "0 lines moved" in installation.run("close-day", CLOSED_ON)
    with psycopg.connect(url, autocommit=True) as connection:
        assert number(connection, "SELECT count(*) FROM statements") == LINES * STATEMENTS_A_LINE
        assert number(connection, "SELECT count(*) FROM close_days WHERE finished_at IS NOT NULL") == 1
        assert number(connection, "SELECT count(*) FROM transfers WHERE kind = 'accrual'") == 1
    installation.run("ledger", "verify")
