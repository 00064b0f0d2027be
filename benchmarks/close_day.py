"""The close of a day over a million lines, beside a bare insert of as many rows; and payments while it runs.

    python benchmarks/close_day.py [--json] [--lines 1000000] [--seconds 20] [--workers 1]

A tenth of the lines have something due on the day: statements that close (after a month paid, or one left to revolve),
installments of cash that fall due, holds that expire. Half of the others live with a later statement day, half sleep.
Every line is a copy of one of a few hundred lives that were lived through `operations.lines.record`, in all tables.

The limit is one `INSERT ... SELECT` per table of the rows that the close wrote or rewrote, into a copy of the table as
it was without them, with the same indexes, on the same server (fsync on); `empty_insert_seconds` is the same into empty
tables. The close is timed alone, at a tenth of the lines and at all of them. Then the next day with something due
is closed while one client pays, on lines by chance; its payments stand beside the same client's before. At the end
`ledger verify` must find nothing.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from multiprocessing.synchronize import Event as Signal
from pathlib import Path
from typing import Final

import numpy as np
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from lived_lines import AT, CLOSED_ON, FIRST_LINE, LIVES, SEED, copy_lines, keep_all_books, live_lines
from report_line import emit
from tallystick.operations.close_day import close_day
from tallystick.operations.ledger import FIGURE_CHECKS, verify
from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.progress import Silent
from tallystick.servicing import facts
from tallystick.storage.embedded import embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place

LATE_ON = date(2026, 2, 28)  # what was asked for is due, and revolves from the next day
say = Console(stderr=True).print


def main() -> None:
    options = _options()
    with embedded_server(place(Path(tempfile.gettempdir()) / "tallystick-benchmark")) as server:
        with _books(server.url, line_count=options.lines // 10) as url:
            small = _close(url, CLOSED_ON, workers=options.workers)
        with _books(server.url, line_count=options.lines) as url:
            large = _close(url, CLOSED_ON, workers=options.workers)
            rows = _rows_written(url, CLOSED_ON)
            limit_seconds = _bare_insert(url, CLOSED_ON, rows=rows, others="({where}) IS NOT TRUE")
            empty_seconds = _bare_insert(url, CLOSED_ON, rows=rows, others="false")
            quiet, busy, late = _pay_while_closing(
                url, line_count=options.lines, seconds=options.seconds, workers=options.workers
            )
            _books_must_hold(url)
    written = sum(rows.values())
    emit(
        "close_day",
        ours={
            "close_seconds": large.seconds,
            "close_seconds_100k": small.seconds,
            "lines": options.lines,
            "lines_due": large.lines,
            "lines_per_s": large.lines / large.seconds,
            "python_ms_per_line": large.python_seconds / large.lines * 1_000,
            "rows_written": written,
            "rows_per_s": written / large.seconds,
            "late_close_seconds": late.seconds,
            "late_lines_due": late.lines,
            "payment_p50_ms": float(np.percentile(busy, 50)) * 1_000,
            "payment_p99_ms": float(np.percentile(busy, 99)) * 1_000,
            "payments": len(busy),
        },
        peer={
            "insert_seconds": limit_seconds,
            "empty_insert_seconds": empty_seconds,
            "insert_rows_per_s": written / limit_seconds,
            "quiet_payment_p50_ms": float(np.percentile(quiet, 50)) * 1_000,
            "quiet_payment_p99_ms": float(np.percentile(quiet, 99)) * 1_000,
            "quiet_payments": len(quiet),
        },
        ratio={
            "close_over_limit": large.seconds / limit_seconds,
            "close_over_empty_limit": large.seconds / empty_seconds,
            "payment_p99_over_limit": float(np.percentile(busy, 99) / np.percentile(quiet, 99)),
            "seconds_1m_over_100k": large.seconds / small.seconds,
        },
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines, a tenth of them with something due")
    parser.add_argument("--seconds", type=float, default=20.0, help="of payments before the close they run beside")
    parser.add_argument("--workers", type=int, default=1, help="how many move lines side by side")
    return parser.parse_args()


@contextmanager
def _books(server_url: str, *, line_count: int) -> Iterator[str]:
    """A fresh database with so many lines, dropped at the end."""
    name = sql.Identifier("benchmark_close_day")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        url = make_conninfo(server_url, dbname="benchmark_close_day")
        try:
            with psycopg.connect(url, autocommit=True) as fresh:
                migrate(fresh)
                begun = time.monotonic()
                live_lines(fresh)
                copy_lines(fresh, copies=max(line_count // LIVES, 1))
                say(f"{line_count:,} lines made in {time.monotonic() - begun:.0f} s")
            yield url
        finally:
            connection.execute(drop)


@dataclass(frozen=True, slots=True)
class Closed:
    """How long the close of a day took, and how many lines it moved."""

    seconds: float
    lines: int
    python_seconds: float


def _close(url: str, closed_on: date, *, workers: int) -> Closed:
    with psycopg.connect(url, autocommit=True) as connection, ExitStack() as opened:
        connection.execute("CHECKPOINT")
        beside = [
            opened.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(workers if workers > 1 else 0)
        ]
        act = Act(actor="close", at=AT, today=closed_on + timedelta(days=1), event_ids=count(1 << 50))
        begun, worked = time.monotonic(), time.process_time()
        moved = sum(close_day(connection, closed_on, act=act, workers=beside))
        seconds, python_seconds = time.monotonic() - begun, time.process_time() - worked
    say(f"{closed_on}: {moved:,} lines closed in {seconds:.1f} s, {moved / seconds:,.0f} lines/s")
    return Closed(seconds, moved, python_seconds)


# The rows of the close: those it recorded, and those it wrote anew where they stood.
_WRITTEN: Final = {
    "events": "booked_on = %(day)s AND actor = 'close'",
    "statements": "closed_on = %(day)s",
    "checkpoints": "effective_on = %(day)s",
    "line_history": "(line_id, revision) IN (SELECT line_id, revision FROM lines WHERE as_of = %(day)s + 1)",
    "transfers": "booked_on = %(day)s",
    "lines": "as_of = %(day)s + 1",
    "line_balances": """(line_id, number) IN (
        SELECT debit_owner, debit_number FROM transfers WHERE booked_on = %(day)s
        UNION SELECT credit_owner, credit_number FROM transfers WHERE booked_on = %(day)s)""",
    "shared_deltas": "true",
    "accrual_figures": "closed_on = %(day)s",
    "accrual_days": "closed_on = %(day)s",
}


def _rows_written(url: str, closed_on: date) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        rows = {
            table: connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", {"day": closed_on}).fetchone()
            for table, where in _WRITTEN.items()
        }
    return {table: found[0] for table, found in rows.items() if found is not None}


def _bare_insert(url: str, closed_on: date, *, rows: dict[str, int], others: str) -> float:
    """Seconds for the same rows, one INSERT and one commit a table, into copies that hold the `others` already."""
    seconds = 0.0
    with psycopg.connect(url, autocommit=True) as connection:
        for table, where in _WRITTEN.items():
            day = {"day": closed_on}
            connection.execute(f"CREATE TEMPORARY TABLE chosen AS SELECT * FROM {table} WHERE {where}", day)
            connection.execute(f"CREATE TABLE copy_of_{table} (LIKE {table} INCLUDING ALL)")
            into_copy = f"INSERT INTO copy_of_{table} OVERRIDING SYSTEM VALUE SELECT * FROM"
            connection.execute(f"{into_copy} {table} WHERE {others.format(where=where)}", day)
            connection.execute(f"VACUUM ANALYZE copy_of_{table}")
            connection.execute("CHECKPOINT")
            begun = time.monotonic()
            inserted = connection.execute(f"{into_copy} chosen").rowcount
            seconds += time.monotonic() - begun
            if inserted != rows[table]:
                raise SystemExit(f"{table}: {inserted} rows inserted, {rows[table]} written by the close")
            connection.execute("DROP TABLE chosen")
            connection.execute(f"DROP TABLE copy_of_{table}")
    say(f"{sum(rows.values()):,} rows inserted bare in {seconds:.1f} s: {rows}")
    return seconds


def _pay_while_closing(
    url: str, *, line_count: int, seconds: float, workers: int
) -> tuple[list[float], list[float], Closed]:
    """One client's payments before and during a close, each timed on its own, and that close."""
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    quiet = _paying(context, url, line_count, stop, results, number=1)
    time.sleep(seconds)
    stop.set()
    before: list[float] = results.get()
    quiet.join()
    stop.clear()
    busy = _paying(context, url, line_count, stop, results, number=2)
    late = _close(url, LATE_ON, workers=workers)
    stop.set()
    during: list[float] = results.get()
    busy.join()
    return before, during, late


def _paying(
    context: multiprocessing.context.SpawnContext,
    url: str,
    line_count: int,
    stop: Signal,
    results: "multiprocessing.Queue[list[float]]",
    *,
    number: int,
) -> multiprocessing.context.SpawnProcess:
    ready = context.Event()
    client = context.Process(target=_pay, args=(url, line_count, ready, stop, results, number))
    client.start()
    ready.wait()
    return client


def _pay(
    url: str,
    line_count: int,
    ready: Signal,
    stop: Signal,
    results: "multiprocessing.Queue[list[float]]",
    number: int,
) -> None:
    """Pay until told to stop: seconds of each payment, commit included; the first ones warm up and do not count."""
    chance = np.random.default_rng([SEED, number])
    ids = count((number + 1) << 52)
    act = Act(actor="gateway", at=AT, today=LATE_ON + timedelta(days=1), event_ids=ids)
    taken: list[float] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for place_in_row in count():
            if place_in_row == 50:
                ready.set()
            if stop.is_set():
                break
            line_id = FIRST_LINE + int(chance.integers(0, line_count))
            paid = facts.PaymentReceived(
                payment_id=next(ids), amount_minor=int(chance.integers(100, 50_000)), channel="bank"
            )
            begun = time.monotonic()
            with connection.transaction():
                recorded = record(connection, line_id, paid, act=act)
            if place_in_row >= 50:
                taken.append(time.monotonic() - begun)
            if not isinstance(recorded, Recorded):
                raise SystemExit(f"a payment was refused: {recorded}")
    results.put(taken)


def _books_must_hold(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        keep_all_books(connection)
        proof = verify(connection, progress=Silent(), figure_checks=FIGURE_CHECKS)
    if not proof.is_sound:
        raise SystemExit(f"the books do not hold: {proof.findings}")


if __name__ == "__main__":
    main()
