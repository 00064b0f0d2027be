"""The close of a business day: lines with something due catch up in chunks, then what accrued is posted as one change.

Each chunk is a transaction of its own, so a close that was killed goes on where it was. A payment never waits for it:
the payment catches its own line up, and the close passes over lines that are in use and comes back to them.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import date, timedelta
from functools import partial
from queue import SimpleQueue
from typing import Protocol

import psycopg
from psycopg import Connection

from tallystick.ledger.transfer import Address, Transfer, off_lines
from tallystick.operations.lines import Act, line_write
from tallystick.servicing.journal import ACCRUED, INTEREST_INCOME
from tallystick.servicing.steps import caught_up
from tallystick.storage import close_days, ledger, lines
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.contracts import Contracts
from tallystick.storage.line_writing import LineWrite, Recording, write_lines
from tallystick.storage.lines import StoredLine

LINES_PER_CHUNK = 500
LINES_PER_LOOK = 100_000


class DayNotOver(ValueError):
    """A day is closed when it is over, not before."""


class DayPassedOver(ValueError):
    """A later day is closed: what accrued by an earlier one is not known any more, and is in that day's change."""


def close_day(
    connection: Connection, closed_on: date, *, act: Act, workers: Sequence[Connection] = ()
) -> Generator[int, None, None]:
    """Close a day that is over: gives the number of lines of each chunk as it is committed, then posts the accrual.

    Connections must be in autocommit; every chunk commits by itself, and the day is finished at last. With `workers`
    each of them moves chunks in a thread of its own, so that one folds while PostgreSQL writes for another. A day that
    is closed already gives nothing. Closes take turns. Raises `DayNotOver` for today or a day to come, and
    `DayPassedOver` for one before a day that is closed.
    """
    assert all(each.autocommit for each in (connection, *workers)), "each chunk commits by itself"
    if closed_on >= act.today:
        raise DayNotOver(f"closed_on: {closed_on} is not over, today is {act.today}; close it tomorrow")
    for each in (connection, *workers):
        dump_lists_at_once(each)
    with close_days.closing_alone(connection):
        if close_days.is_closed(connection, closed_on):
            return
        last_on = close_days.last_closed_day(connection)
        if last_on is not None and closed_on < last_on:
            raise DayPassedOver(f"closed_on: {last_on} is closed, and {closed_on} with it; give a day after {last_on}")
        close_days.begin_day(connection, closed_on, begun_at=act.at)
        yield from move_due_lines(connection, closed_on, act=act, workers=workers)
        post_accrual(connection, closed_on, act=act)


def days_to_close(connection: Connection, *, until: date) -> tuple[date, ...]:
    """The days that are not closed, to the last one, oldest first: each has its own change of what is accrued.

    Before any day was closed it is that one alone, so that books begin with the day they are told to.
    """
    last_on = close_days.last_closed_day(connection)
    first_on = until if last_on is None else last_on + timedelta(days=1)
    return tuple(first_on + timedelta(days=days) for days in range((until - first_on).days + 1))


def count_due(connection: Connection, closed_on: date) -> int:
    """How many lines the close of a day has to move."""
    return close_days.count_due_lines(connection, until=closed_on)


def move_due_lines(
    connection: Connection, closed_on: date, *, act: Act, workers: Sequence[Connection] = ()
) -> Iterator[int]:
    """Catch up every line with something due by the end of the day, chunk by chunk, until none is left.

    Lines in use are passed over in the first round; the second waits for those that did not catch up by themselves.
    """
    for lock in (lines.lock_free_due_lines, lines.lock_due_lines):
        move = partial(_move_chunk, closed_on=closed_on, act=act, lock=lock)
        chunks = _due_chunks(connection, closed_on)
        moved = _side_by_side(workers, chunks, move) if workers else (move(connection, chunk) for chunk in chunks)
        yield from filter(None, moved)


def _due_chunks(connection: Connection, closed_on: date) -> Iterator[list[int]]:
    """The lines with something due, dealt by id: no chunk has a line of another."""
    after_line_id = 0
    while True:
        due = lines.due_lines(connection, until=closed_on, after_line_id=after_line_id, most=LINES_PER_LOOK)
        for start in range(0, len(due), LINES_PER_CHUNK):
            yield due[start : start + LINES_PER_CHUNK]
        if not due:
            return
        after_line_id = due[-1]


class _Move(Protocol):
    def __call__(self, connection: Connection, line_ids: list[int], /) -> int: ...


def _side_by_side(workers: Sequence[Connection], chunks: Iterator[list[int]], move: _Move) -> Iterator[int]:
    """Move chunks by all workers at once; where one fails, or nobody asks on, no new chunk is begun."""
    free: SimpleQueue[Connection] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def work(chunk: list[int]) -> int:
        worker = free.get()
        try:
            return move(worker, chunk)
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(len(workers))
    try:
        at_work: set[Future[int]] = set()
        for chunk in chunks:
            at_work.add(pool.submit(work, chunk))
            if len(at_work) > len(workers):
                done, at_work = wait(at_work, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in wait(at_work).done)
    finally:
        pool.shutdown(cancel_futures=True)


def _move_chunk(connection: Connection, line_ids: list[int], *, closed_on: date, act: Act, lock: lines.LockDue) -> int:
    with connection.transaction():
        due = lock(connection, line_ids, until=closed_on)
        if due:
            _move(connection, due, closed_on=closed_on, act=act)
            close_days.count_moved(connection, closed_on, lines=len(due))
    return len(due)


def _move(connection: Connection, due: dict[int, StoredLine], *, closed_on: date, act: Act) -> None:
    contracts = Contracts(connection)
    writes: list[LineWrite] = []
    transfers: list[Transfer] = []
    for stored in due.values():
        step = caught_up(
            stored.line,
            today=closed_on + timedelta(days=1),
            event_ids=act.event_ids,
            contracts=contracts,
        )
        writes.append(line_write(connection, step, stored=stored, approved_by=None))
        transfers.extend(step.transfers)
    recording = Recording(actor=act.actor, recorded_at=act.at, booked_on=closed_on)
    write_lines(connection, writes, transfers, recording=recording)


def post_accrual(connection: Connection, closed_on: date, *, act: Act) -> None:
    """Post, per product, by how much the sum of what is accrued and not billed changed; keep each line's figure.

    Figures and the account's balance come from one snapshot, so lines that move meanwhile are in both or in neither.
    """
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            for accrued in close_days.write_accrual_figures(connection, closed_on):
                account = Address(ACCRUED, accrued.product_key)
                balance = ledger.shared_balance(connection, account, currency=accrued.currency)
                posted_minor = accrued.accrued_minor - (balance.debit_minor - balance.credit_minor)
                transfers = _change(accrued, posted_minor=posted_minor, closed_on=closed_on)
                ledger.post(connection, transfers, booked_on=closed_on)
                close_days.write_accrual_day(connection, closed_on, accrued, posted_minor=posted_minor)
            close_days.finish_day(connection, closed_on, finished_at=act.at)
    finally:
        connection.isolation_level = None


def _change(accrued: close_days.AccruedSum, *, posted_minor: int, closed_on: date) -> list[Transfer]:
    if posted_minor == 0:
        return []
    return [
        off_lines(
            debit=Address(ACCRUED, accrued.product_key),
            credit=Address(INTEREST_INCOME, accrued.product_key),
            amount_minor=posted_minor,
            currency=accrued.currency,
            effective_on=closed_on,
            kind="accrual",
        )
    ]
