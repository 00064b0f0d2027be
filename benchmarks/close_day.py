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
from datetime import UTC, date, datetime, timedelta
from itertools import count
from multiprocessing.synchronize import Event as Signal
from pathlib import Path
from typing import Final

import numpy as np
import psycopg
from msgspec.structs import replace
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from report_line import emit
from tallystick.operations.close_day import close_day
from tallystick.operations.ledger import FIGURE_CHECKS, keep_books, verify
from tallystick.operations.lines import Act, Recorded, catch_line_up, record
from tallystick.operations.progress import Silent
from tallystick.servicing import facts
from tallystick.storage import borrowers, contracts
from tallystick.storage.embedded import embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place
from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import OfferFault, plan_terms, price_for
from tallystick.terms.product import OfferKind, Product

OPENED_ON = date(2026, 1, 5)
CLOSED_ON = date(2026, 2, 19)  # statements of the second month
LATE_ON = date(2026, 2, 28)  # what they asked for is due, and revolves from the next day
AT = datetime(2026, 1, 5, tzinfo=UTC)
LIVES: Final = 400
SEED = 20_264
# Ids of nine bytes in a stored state, so that a copy can put its own in their place.
FIRST_LINE, FIRST_BORROWER = 1 << 40, 1 << 41
IDS_PER_COPY = 1 << 24
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
                _live(fresh)
                _copy_lives(fresh, copies=max(line_count // LIVES, 1))
                say(f"{line_count:,} lines made in {time.monotonic() - begun:.0f} s")
            yield url
        finally:
            connection.execute(drop)


def _live(connection: psycopg.Connection) -> None:
    """A few hundred different lives up to the morning of the day that is closed."""
    due_that_day = shipped_products()["baitiao"]
    cycle = due_that_day.pay_next_month
    assert cycle is not None
    due_later = replace(due_that_day, id="baitiao-5", ledger_id=99, pay_next_month=replace(cycle, statement_day=5))
    books = _Lives(connection, np.random.default_rng(SEED))
    with connection.transaction():
        for is_due, product in ((True, due_that_day), (False, due_later)):
            books.publish(product)
            for number in range(LIVES):
                if is_due == (number % 10 == 0):
                    books.live(number, is_due=is_due)
    _keep(connection)


def _keep(connection: psycopg.Connection) -> None:
    while any(keep_books(connection)):
        pass


class _Lives:
    """Lives by chance: amounts differ, and so do what was bought, paid and left."""

    def __init__(self, connection: psycopg.Connection, chance: np.random.Generator) -> None:
        self._connection = connection
        self._chance = chance
        self._ids = count(1)

    def publish(self, product: Product) -> None:
        """The lives that follow are lived on this product."""
        contracts.add_product(self._connection, product, published_on=OPENED_ON, published_by="author")
        self._contract_hash = contracts.add_contract(self._connection, product, frozen_at=AT)
        self._product = product

    def live(self, number: int, *, is_due: bool) -> None:
        """A person and a line up to the morning of the day that is closed."""
        self._line_id, borrower_id = FIRST_LINE + number, FIRST_BORROWER + number
        person = borrowers.Borrower(borrower_id, f"person-{number}", "CN", "CNY", 20_000_000, None, {}, AT)
        borrowers.add_borrower(self._connection, person)
        opening = facts.LineOpened(
            borrower_id=borrower_id,
            contract_hash=self._contract_hash,
            currency="CNY",
            limit_minor=3_000_000,
            cash_limit_minor=1_500_000,
        )
        self._act(opening, OPENED_ON)
        kind = number // 10 % 20
        if is_due:
            if kind < 14:
                self._buy_for_two_months(leaves_to_revolve=kind >= 10)
            elif kind < 17:
                self._hold(expires_on=CLOSED_ON + timedelta(days=1))  # it ends as the next day begins
            else:
                self._draw_cash(date(2026, 1, 20))  # its first installment is due as the next day begins
        elif number % 2:
            self._buy_for_two_months(leaves_to_revolve=kind >= 16)
        catch_line_up(self._connection, self._line_id, act=self._act_of(CLOSED_ON - timedelta(days=1)))

    def _act_of(self, today: date) -> Act:
        return Act(actor="clerk", at=AT, today=today, event_ids=self._ids)

    def _act(self, fact: facts.AnyFact, on: date) -> Recorded:
        recorded = record(self._connection, self._line_id, fact, act=self._act_of(on))
        if not isinstance(recorded, Recorded):
            raise SystemExit(f"{fact} was refused: {recorded}")
        return recorded

    def _amount_minor(self, least: int, most: int) -> int:
        return int(self._chance.integers(least, most))

    def _plan(self, offer: OfferKind, price_code: str, *, installments: int, drawn_on: date) -> facts.PlanChoice:
        price = price_for(self._product, offer=offer, price_code=price_code, installments=installments)
        if isinstance(price, OfferFault):
            raise SystemExit(str(price))
        terms = plan_terms(self._product, offer=offer, price=price, installments=installments, drawn_on=drawn_on)
        return facts.PlanChoice(next(self._ids), str(offer), terms)

    def _purchase(self, plan: facts.PlanChoice | None = None) -> facts.Drawdown:
        return facts.Drawdown(
            draw_id=next(self._ids),
            kind=facts.DrawKind.PURCHASE,
            amount_minor=self._amount_minor(10_000, 200_000),
            merchant_id=self._amount_minor(1, 500),
            plan=plan,
        )

    def _buy_for_two_months(self, *, leaves_to_revolve: bool) -> None:
        bought_on = date(2026, 1, 6)
        plan = self._plan(OfferKind.ORDER_INSTALLMENTS, "standard", installments=12, drawn_on=bought_on)
        self._act(self._purchase(plan), bought_on)
        for day in (8, 12):
            self._act(self._purchase(), date(2026, 1, day))
        paid = facts.PaymentReceived(
            payment_id=next(self._ids),
            amount_minor=self._amount_minor(30_000, 60_000) if leaves_to_revolve else 800_000,
            channel="bank",
        )
        self._act(paid, date(2026, 1, 25))
        for day in () if leaves_to_revolve else (3, 9, 15):  # who is past due buys no more
            self._act(self._purchase(), date(2026, 2, day))

    def _hold(self, *, expires_on: date) -> None:
        placed = facts.HoldPlaced(
            hold_id=next(self._ids),
            amount_minor=self._amount_minor(5_000, 90_000),
            expires_on=expires_on,
            merchant_id=7,
        )
        self._act(placed, date(2026, 2, 12))

    def _draw_cash(self, on: date) -> None:
        drawn = facts.Drawdown(
            draw_id=next(self._ids),
            kind=facts.DrawKind.CASH,
            amount_minor=self._amount_minor(60_000, 900_000),
            purpose="goods",
            plan=self._plan(OfferKind.CASH, "equal_installments", installments=6, drawn_on=on),
        )
        self._act(drawn, on)


# Every table of a line's life, and the columns in which a copy differs from the life it is copied from.
_LINE_IDS = {"line_id": "line_id + shift"}
_COPIED: Final[dict[str, dict[str, str]]] = {
    "borrowers": {"borrower_id": "borrower_id + shift", "reference": "reference || '-' || shift"},
    "lines": {
        "line_id": "line_id + shift",
        "borrower_id": "borrower_id + shift",
        "state": "renamed(state, line_id, borrower_id, shift)",
    },
    "events": _LINE_IDS,
    "line_objects": {"object_id": "object_id + far", "line_id": "line_id + shift"},
    "payments": {"payment_id": "payment_id + far", "line_id": "line_id + shift"},
    "statements": _LINE_IDS,
    "checkpoints": {"line_id": "line_id + shift", "state": f"renamed(state, line_id, line_id + {FIRST_LINE}, shift)"},
    "line_history": _LINE_IDS,
    "line_balances": _LINE_IDS,
    "transfers": {
        "debit_owner": "CASE WHEN debit_owner = line_id THEN debit_owner + shift ELSE debit_owner END",
        "credit_owner": "CASE WHEN credit_owner = line_id THEN credit_owner + shift ELSE credit_owner END",
        "line_id": "line_id + shift",
    },
}
# A stored state names its line and its person once each, as nine bytes of MessagePack: 0xcf and the number.
_RENAMED: Final = """
CREATE FUNCTION pg_temp.renamed(state bytea, line_id bigint, borrower_id bigint, shift bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT RETURN overlay(
    overlay(state PLACING int8send(line_id + shift) FROM position(int8send(line_id) IN state))
    PLACING int8send(borrower_id + shift) FROM position(int8send(borrower_id) IN state))
"""


def _copy_lives(connection: psycopg.Connection, *, copies: int) -> None:
    connection.execute(_RENAMED)
    for table, changed in _COPIED.items():
        columns = [
            row[0]
            for row in connection.execute(
                """
                SELECT attname FROM pg_attribute
                WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''
                ORDER BY attnum
                """,
                [table],
            )
        ]
        told = ", ".join(changed.get(column, column) for column in columns)
        where = "WHERE line_id <> 0" if table == "transfers" else ""
        connection.execute(
            sql.SQL(
                f"""
                INSERT INTO {table} ({", ".join(columns)})
                SELECT {told.replace("renamed(", "pg_temp.renamed(")}
                FROM (SELECT * FROM {table} {where}) AS life,
                     (SELECT copy * {LIVES}::bigint AS shift, copy * {IDS_PER_COPY}::bigint AS far
                      FROM generate_series(1, %s - 1) AS copy) AS copies
                """
            ),
            [copies],
        )
    connection.execute(
        "UPDATE shared_balances SET debit_minor = debit_minor * %(n)s, credit_minor = credit_minor * %(n)s",
        {"n": copies},
    )
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


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
        _keep(connection)
        proof = verify(connection, progress=Silent(), figure_checks=FIGURE_CHECKS)
    if not proof.is_sound:
        raise SystemExit(f"the books do not hold: {proof.findings}")


if __name__ == "__main__":
    main()
