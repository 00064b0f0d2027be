"""Posting in a real database: balances follow, nothing else is written, and nothing waits for ever."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from random import Random

import numpy as np
import psycopg
import pytest
from psycopg.errors import CheckViolation, IntegrityConstraintViolation
from tests.moves import CASH, TODAY, applied, bought, moved, paid
from tests.waiting import wait_until_all_can_see

from tallystick.ledger.balance import Balance, fold, imbalances
from tallystick.ledger.chain import Position, Posted
from tallystick.ledger.chart import Scope, chart
from tallystick.ledger.columns import TransferColumns
from tallystick.ledger.transfer import Address, Transfer
from tallystick.storage.ledger import PostingKeyReused, fold_deltas, post, post_columns, post_once, shared_balance
from tallystick.storage.ledger_reading import (
    all_transfers,
    line_balances,
    read_transfer,
    settled_transfers,
    shared_balances,
    transfers_of_line,
    trial_balance,
)


def _kept(connection: psycopg.Connection) -> dict[tuple[Address, str], Balance]:
    """Every balance that is kept, of lines and shared."""
    lines = connection.execute("SELECT DISTINCT line_id FROM line_balances").fetchall()
    kept = [balance for (line_id,) in lines for balance in line_balances(connection, line_id)]
    return {**shared_balances(connection), **{(balance.address, balance.currency): balance for balance in kept}}


def test_balances_follow_what_is_posted(connection: psycopg.Connection) -> None:
    post(connection, [bought(7, 10_000), paid(7, 6_000)], booked_on=TODAY)
    post(connection, [applied(7, 5_500)], booked_on=TODAY)
    nets = {str(balance.address): balance.net_minor for balance in line_balances(connection, 7)}
    assert nets == {"receivable_principal 7": 4_500, "credit_balance 7": 500}
    assert shared_balance(connection, CASH, currency="CNY").net_minor == 6_000
    assert shared_balance(connection, Address("merchant_payable", 3), currency="CNY").net_minor == 10_000


def test_nothing_to_post_writes_nothing(connection: psycopg.Connection) -> None:
    post(connection, [], booked_on=TODAY)
    assert all_transfers(connection) == []


def test_a_transfer_reads_as_it_was_posted_with_the_day_it_was_booked_on(connection: psycopg.Connection) -> None:
    post(connection, [paid(7, 1), paid(8, 2), bought(7, 3)], booked_on=TODAY)
    first, second = transfers_of_line(connection, 7)
    assert [posted.transfer for posted in (first, second)] == [paid(7, 1), bought(7, 3)]
    assert first.booked_on == TODAY
    assert read_transfer(connection, second.position.transfer_id) == second
    assert read_transfer(connection, 10**9) is None


@pytest.mark.parametrize("read", [all_transfers, partial(transfers_of_line, line_id=7)], ids=["all", "of_a_line"])
def test_transfers_are_read_page_by_page(connection: psycopg.Connection, read: Callable[..., list[Posted]]) -> None:
    post(connection, [paid(7, amount_minor) for amount_minor in range(1, 6)], booked_on=TODAY)
    amounts, after_id = [], 0
    while page := read(connection, after_id=after_id, most=2):
        amounts += [posted.transfer.amount_minor for posted in page]
        after_id = page[-1].position.transfer_id
    assert amounts == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(5))
def test_a_reader_that_keeps_its_place_misses_no_transfer_that_is_committed_late(
    connection: psycopg.Connection, database_url: str, seed: int
) -> None:
    """Eight writers at once, who post and commit in any order, and a reader after every step."""
    chance = Random(seed)
    read: list[Posted] = []

    def read_on() -> None:
        after = read[-1].position if read else Position(0, 0, 0)
        while page := settled_transfers(connection, after=after, most=3):
            read.extend(page)
            after = page[-1].position
        connection.rollback()

    with ExitStack() as stack:
        writers = [stack.enter_context(psycopg.connect(database_url)) for _ in range(8)]
        steps = [writer for writer in writers for _ in range(3)]
        chance.shuffle(steps)
        begun: Counter[psycopg.Connection] = Counter()
        for writer in steps:
            line_id = writers.index(writer) + 1
            post(writer, [paid(line_id, begun[writer] * 2 + part) for part in (1, 2)], booked_on=TODAY)
            begun[writer] += 1
            if begun[writer] == 3:
                writer.commit()
            read_on()
    wait_until_all_can_see(connection)
    read_on()
    expected = [(line_id, amount_minor) for line_id in range(1, 9) for amount_minor in range(1, 7)]
    assert sorted((one.transfer.line_id, one.transfer.amount_minor) for one in read) == expected


@pytest.mark.parametrize("seed", range(5))
def test_random_postings_keep_what_the_fold_of_their_transfers_gives(connection: psycopg.Connection, seed: int) -> None:
    """Three currencies' worth of lines, batches of one to forty, folded now and then."""
    chance = Random(seed)
    moves: list[Transfer] = []
    for _ in range(12):
        batch = []
        for _ in range(chance.randint(1, 40)):
            line_id, amount_minor = chance.randint(1, 6), chance.randint(1, 10**6)
            currency = chance.choice(["CNY", "EUR", "JPY"])
            batch += [
                paid(line_id, amount_minor, currency=currency),
                *([bought(line_id, amount_minor), applied(line_id, amount_minor)] if currency == "CNY" else []),
            ]
        post(connection, batch, booked_on=TODAY)
        moves += batch
        if chance.random() < 0.3:
            fold_deltas(connection, most=chance.randint(1, 50))
    assert _kept(connection) == fold(moves)
    rows = trial_balance(connection)
    assert list(imbalances(rows)) == []
    assert [row.code for row in rows if row.currency == "CNY"] == [
        code for code in chart() if code in {row.code for row in rows if row.currency == "CNY"}
    ]


@pytest.mark.parametrize(
    "moves",
    [[paid(7, 100), applied(7, 101)], [applied(7, 1)], [bought(7, 50), paid(7, 100), applied(7, 51)]],
    ids=["credit_below_zero", "from_nothing", "receivable_below_zero"],
)
def test_an_account_of_a_line_never_changes_side(connection: psycopg.Connection, moves: list[Transfer]) -> None:
    with pytest.raises(CheckViolation, match="a_line_owes_or_is_owed"):
        post(connection, moves, booked_on=TODAY)
    connection.rollback()
    assert all_transfers(connection) == []
    assert shared_balances(connection) == {}


def test_a_batch_may_take_what_it_brings(connection: psycopg.Connection) -> None:
    """What counts is where the batch ends, not the order within it."""
    post(connection, [applied(7, 100), paid(7, 100), bought(7, 100)], booked_on=TODAY)
    assert [balance.net_minor for balance in line_balances(connection, 7)] == [0, 0]


def test_a_shared_account_may_change_side(connection: psycopg.Connection) -> None:
    refunded = moved(Address("merchant_payable", 3), Address("suspense", 0), 70, line_id=0, event_id=0)
    post(connection, [refunded], booked_on=TODAY)
    assert shared_balance(connection, Address("merchant_payable", 3), currency="CNY").net_minor == -70


UPRIGHT = {
    "debit_number": 1401,
    "debit_owner": 0,
    "credit_number": 2101,
    "credit_owner": 7,
    "amount_minor": 5,
    "currency": "CNY",
    "effective_on": TODAY,
    "booked_on": TODAY,
    "kind": "payment",
    "line_id": 7,
    "event_id": 1,
}


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"amount_minor": 0}, "transfers_amount_minor_check"),
        ({"amount_minor": -1}, "transfers_amount_minor_check"),
        ({"kind": ""}, "transfers_kind_check"),
        ({"debit_number": 999}, "transfers_debit_number_check"),
        ({"debit_number": 2101, "debit_owner": 7}, "between_two_accounts"),
        ({"debit_number": 9101, "debit_owner": 7}, "on_or_off_the_balance_sheet"),
        ({"credit_owner": 8}, "accounts_of_one_line"),
        ({"credit_owner": 0, "line_id": 0}, "accounts_of_one_line"),
        ({"debit_owner": 1}, "the_house_is_owner_0"),
    ],
    ids=lambda wrong: "_".join(f"{name}_{figure}" for name, figure in wrong.items()) if isinstance(wrong, dict) else "",
)
def test_the_database_refuses_by_itself_what_no_ledger_could_hold(
    connection: psycopg.Connection, wrong: dict[str, object], constraint: str
) -> None:
    row = {**UPRIGHT, **wrong}
    with pytest.raises(CheckViolation, match=constraint):
        connection.execute(
            f"INSERT INTO transfers ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
        )


@pytest.mark.parametrize("table", ["transfers", "posting_keys", "seals"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_owner_of_the_tables_cannot_change_what_was_written(
    connection: psycopg.Connection, table: str, change: str
) -> None:
    column = {"transfers": "amount_minor", "posting_keys": "booked_on", "seals": "digest"}[table]
    with pytest.raises(IntegrityConstraintViolation, match=f"{table} is append-only"):
        connection.execute(change.format(table, column, column))


def test_every_account_is_kept_by_the_database_as_the_chart_has_it(connection: psycopg.Connection) -> None:
    """The database reads scope and normal side from the number: it must come to the same as the chart."""
    for account in chart().values():
        of_a_line, is_debit = connection.execute(
            "SELECT %(n)s / 100 %% 10 = 1, (%(n)s / 1000 IN (1, 5, 9)) <> (%(n)s %% 100 > 90)", {"n": account.number}
        ).fetchone() or (None, None)
        assert (of_a_line, is_debit) == (account.scope is Scope.LINE, account.is_debit)


def _columns(line_ids: list[int], amounts_minor: list[int]) -> TransferColumns:
    lines = np.array(line_ids, dtype=np.int64)
    return TransferColumns(
        debit_code="receivable_principal",
        credit_code="merchant_payable",
        currency="CNY",
        effective_on=date(2026, 11, 20),
        kind="test",
        debit_owner_ids=lines,
        credit_owner_ids=np.full_like(lines, 3),
        amounts_minor=np.array(amounts_minor, dtype=np.int64),
        line_ids=lines,
        event_ids=np.ones_like(lines),
    )


def test_columns_post_the_same_as_one_by_one(connection: psycopg.Connection) -> None:
    post(connection, [bought(2, 5)], booked_on=TODAY)
    line_ids = [1, 2, 3, 2, 1] * 40
    columns = _columns(line_ids, list(range(1, 201)))
    for _ in range(2):  # the stage is empty again
        post_columns(connection, columns, booked_on=TODAY)
    moves = [bought(2, 5), *[columns.transfer(row) for row in range(len(columns))] * 2]
    assert _kept(connection) == fold(moves)
    assert [posted.transfer for posted in all_transfers(connection, most=1_000)] == moves


def test_no_columns_write_nothing(connection: psycopg.Connection) -> None:
    post_columns(connection, _columns([], []), booked_on=TODAY)
    assert all_transfers(connection) == []


def test_what_was_posted_under_a_key_is_posted_once(connection: psycopg.Connection) -> None:
    key = "bank:2026-11-24:17"
    assert post_once(connection, [paid(7, 100)], booked_on=TODAY, posting_key=key)
    assert not post_once(connection, [paid(7, 100)], booked_on=TODAY, posting_key=key)
    assert post_once(connection, [paid(7, 100)], booked_on=TODAY, posting_key="bank:2026-11-24:18")
    assert shared_balance(connection, CASH, currency="CNY").net_minor == 200


def test_a_key_used_for_other_transfers_is_refused_and_nothing_is_posted(connection: psycopg.Connection) -> None:
    post_once(connection, [paid(7, 100)], booked_on=TODAY, posting_key="k")
    with pytest.raises(PostingKeyReused, match="posting_key 'k' was posted on 2026-11-24 with other transfers"):
        post_once(connection, [paid(7, 101)], booked_on=TODAY, posting_key="k")
    assert shared_balance(connection, CASH, currency="CNY").net_minor == 100


def test_folding_moves_deltas_into_sums_and_changes_no_balance(connection: psycopg.Connection) -> None:
    for amount_minor in range(1, 8):
        post(connection, [paid(7, amount_minor)], booked_on=TODAY)
    before = shared_balances(connection)
    assert [fold_deltas(connection, most=3) for _ in range(4)] == [3, 3, 1, 0]
    assert shared_balances(connection) == before
    assert connection.execute("SELECT count(*) FROM shared_deltas").fetchone() == (0,)


@contextmanager
def _clients(url: str, number: int) -> Iterator[list[psycopg.Connection]]:
    clients = [psycopg.connect(url, autocommit=True) for _ in range(number)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def _at_once(works: list[Callable[[], None]]) -> None:
    """Run all at the same time; the first failure is raised."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        gate.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for ended in [pool.submit(run, work) for work in works]:
            ended.result(timeout=60)


def test_postings_over_the_same_lines_in_any_order_never_wait_for_each_other_in_a_circle(database_url: str) -> None:
    """Four clients, each with all lines in an order of its own: a deadlock would be raised by the database."""
    rounds, line_ids = 15, list(range(1, 41))
    with _clients(database_url, 5) as clients:
        post(clients[0], [paid(line_id, 1_000_000) for line_id in line_ids], booked_on=TODAY)
        post(clients[0], [bought(line_id, 1_000_000) for line_id in line_ids], booked_on=TODAY)

        def work(number: int) -> Callable[[], None]:
            chance = Random(number)

            def run() -> None:
                for _ in range(rounds):
                    shuffled = chance.sample(line_ids, len(line_ids))
                    post(clients[number], [applied(line_id, 1) for line_id in shuffled], booked_on=TODAY)

            return run

        def folding() -> None:
            for _ in range(rounds):
                fold_deltas(clients[4], most=10)

        _at_once([*(work(number) for number in range(4)), folding])
        for line_id in line_ids:
            nets = [balance.net_minor for balance in line_balances(clients[0], line_id)]
            assert nets == [1_000_000 - 4 * rounds] * 2


def test_accounts_that_many_open_at_the_same_instant_hold_all_of_them(database_url: str) -> None:
    with _clients(database_url, 4) as clients:
        line_ids = list(range(1, 101))

        def work(number: int) -> Callable[[], None]:
            shuffled = Random(number).sample(line_ids, len(line_ids))

            def run() -> None:
                post(clients[number], [paid(line_id, 10) for line_id in shuffled], booked_on=TODAY)

            return run

        _at_once([work(number) for number in range(4)])
        assert {line_balances(clients[0], line_id)[0].net_minor for line_id in line_ids} == {40}


def test_a_key_posted_twice_at_the_same_instant_is_posted_once(database_url: str) -> None:
    with _clients(database_url, 4) as clients:
        posted: list[bool] = []

        def work(client: psycopg.Connection) -> Callable[[], None]:
            def run() -> None:
                with client.transaction():
                    posted.append(post_once(client, [paid(7, 100)], booked_on=TODAY, posting_key="same"))

            return run

        _at_once([work(client) for client in clients])
        assert sorted(posted) == [False, False, False, True]
        assert shared_balance(clients[0], CASH, currency="CNY").net_minor == 100


def test_a_shared_balance_is_exact_while_others_post_and_fold(database_url: str) -> None:
    """The sum only ever grows, and ends where the postings end: nothing is seen twice or not at all."""
    rounds = 40
    with _clients(database_url, 4) as clients:
        seen: list[int] = []

        def posting(number: int) -> Callable[[], None]:
            def run() -> None:
                for event_id in range(rounds):
                    post(clients[number], [paid(number + 1, 1, event_id=event_id)], booked_on=TODAY)

            return run

        def folding() -> None:
            for _ in range(rounds):
                fold_deltas(clients[2], most=7)

        def reading() -> None:
            seen.extend(shared_balance(clients[3], CASH, currency="CNY").net_minor for _ in range(rounds))

        _at_once([posting(0), posting(1), folding, reading])
        assert seen == sorted(seen)
        assert shared_balance(clients[3], CASH, currency="CNY").net_minor == 2 * rounds
