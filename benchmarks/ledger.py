"""Durable transfers per second, single and batched, beside pgbench on the same server.

    python benchmarks/ledger.py [--json] [--lines 1000000] [--seconds 15] [--batch 1000]

Every line has a receivable and a credit balance. Nine transfers of ten apply a line's credit to its receivable: two
balance rows of the line. The tenth is a payment from the one cash account that all lines share. Each posting is a
transaction of its own, by `post`, on a server that writes to disk before it answers (fsync on), while shared balances
are folded beside it as in real life. Single: one transfer each. Batched: `--batch` transfers each, the lines of a batch
by chance, built as `Transfer` values inside the time measured.

The peer is pgbench's own TPC-B (prepared statements, scale = lines / 100,000, so as many accounts as lines), which
moves one amount per transaction: three balances, one of them of a row that many share, and a row of history.
Both sides use 8 and 32 clients (batched: 2 and 8, for a batch keeps a processor busy) and the best counts.
At the end the books must hold: as many transfers as were acknowledged, no shared amount lost, all of them sealed, and
`verify` finds nothing. Sealing and proving are timed; their limit is a bare binary COPY of all transfers to the client.
"""

import argparse
import multiprocessing
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from report_line import emit
from tallystick.ledger.columns import TransferColumns
from tallystick.ledger.transfer import Address, Transfer
from tallystick.operations.ledger import keep_books, verify
from tallystick.operations.progress import Silent
from tallystick.storage.embedded import embedded_server
from tallystick.storage.ledger import fold_deltas, post, post_columns, shared_balance
from tallystick.storage.migration import migrate
from tallystick.storage.place import client_programs, place

TODAY = date(2026, 11, 24)
CASH = Address("cash", 0)
SEED = 20_263
# No account may change side, so each line begins with more than the run can take from it.
OPENING_MINOR = 1_000_000
LARGEST_MINOR = 99
LINES_PER_OPENING = 250_000
LINES_PER_SCALE = 100_000
CLIENTS = (8, 32)
BATCH_CLIENTS = (2, 8)


@dataclass(frozen=True, slots=True)
class Load:
    """What each client does: post `transfers_per_posting` transfers at a time for `seconds`."""

    url: str
    line_count: int
    transfers_per_posting: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What one client had acknowledged: how many transfers in how many seconds, and what it paid in."""

    transfers: int
    seconds: float
    paid_minor: int


def main() -> None:
    options = _options()
    with _databases() as (ours_url, peer_url):
        _open_lines(ours_url, line_count=options.lines)
        single = _best(Load(ours_url, options.lines, 1, options.seconds), clients=CLIENTS)
        batched = _best(Load(ours_url, options.lines, options.batch, options.seconds), clients=BATCH_CLIENTS)
        _books_must_hold(ours_url, opened=options.lines, taken=single.taken + batched.taken)
        proof = _prove(ours_url)
        scale = max(options.lines // LINES_PER_SCALE, 1)
        _pgbench(peer_url, "--initialize", "--quiet", f"--scale={scale}")
        tpc_b = {clients: _tpc_b(peer_url, clients=clients, seconds=options.seconds) for clients in CLIENTS}
    best_tpc_b = max(tpc_b.values())
    emit(
        "ledger",
        ours={
            "single_transfers_per_s": single.best,
            "batched_transfers_per_s": batched.best,
            **{f"single_transfers_per_s_{clients}_clients": rate for clients, rate in single.rates.items()},
            **{f"batched_transfers_per_s_{clients}_clients": rate for clients, rate in batched.rates.items()},
            "sealed_transfers_per_s": proof.transfers / proof.sealing_seconds,
            "verified_transfers_per_s": proof.transfers / proof.verifying_seconds,
            "verified_transfers": proof.transfers,
            "transfers_per_batch": options.batch,
            "lines": options.lines,
        },
        peer={
            "pgbench_transactions_per_s": best_tpc_b,
            **{f"pgbench_transactions_per_s_{clients}_clients": rate for clients, rate in tpc_b.items()},
            "pgbench_scale": scale,
            "copied_transfers_per_s": proof.transfers / proof.copying_seconds,
        },
        ratio={
            "batched_over_pgbench": batched.best / best_tpc_b,
            "single_over_pgbench": single.best / best_tpc_b,
            "batched_over_single": batched.best / single.best,
            "seal_over_limit": proof.sealing_seconds / proof.copying_seconds,
            "verify_over_limit": proof.verifying_seconds / proof.copying_seconds,
        },
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines with balances; also sets pgbench's scale")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each of the six runs")
    parser.add_argument("--batch", type=int, default=1_000, help="transfers per posting of the batched runs")
    return parser.parse_args()


@contextmanager
def _databases() -> Iterator[tuple[str, str]]:
    """Two fresh databases on the embedded server, ours migrated; dropped at the end."""
    folder = Path(tempfile.gettempdir()) / "tallystick-benchmark"
    names = ("benchmark_ledger", "benchmark_pgbench")
    with embedded_server(place(folder)) as server, psycopg.connect(server.url, autocommit=True) as connection:
        for name in names:
            _drop(connection, name)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        ours, peer = (make_conninfo(server.url, dbname=name) for name in names)
        with psycopg.connect(ours, autocommit=True) as fresh:
            migrate(fresh)
        try:
            yield ours, peer
        finally:
            for name in names:
                _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _open_lines(url: str, *, line_count: int) -> None:
    """Give every line a receivable and a credit balance that the run cannot use up."""
    with psycopg.connect(url) as connection:
        for start in range(1, line_count + 1, LINES_PER_OPENING):
            line_ids = np.arange(start, min(start + LINES_PER_OPENING, line_count + 1), dtype=np.int64)
            nobody = np.zeros_like(line_ids)
            for debit_code, credit_code, owners in (
                ("receivable_principal", "suspense", (line_ids, nobody)),
                ("cash", "credit_balance", (nobody, line_ids)),
            ):
                columns = TransferColumns(
                    debit_code=debit_code,
                    credit_code=credit_code,
                    currency="CNY",
                    effective_on=TODAY,
                    kind="opening",
                    debit_owner_ids=owners[0],
                    credit_owner_ids=owners[1],
                    amounts_minor=np.full_like(line_ids, OPENING_MINOR),
                    line_ids=line_ids,
                    event_ids=line_ids,
                )
                post_columns(connection, columns, booked_on=TODAY)
            connection.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@dataclass(frozen=True, slots=True)
class Runs:
    """Acknowledged transfers per second by number of clients, and what all of them had acknowledged."""

    rates: dict[int, float]
    taken: tuple[Taken, ...]

    @property
    def best(self) -> float:
        """The highest rate of them."""
        return max(self.rates.values())


def _best(load: Load, *, clients: tuple[int, ...]) -> Runs:
    rates: dict[int, float] = {}
    taken: list[Taken] = []
    for count in clients:
        _settle(load.url)
        with _folding(load.url):
            parts = _in_processes(load, clients=count)
        rates[count] = sum(part.transfers / part.seconds for part in parts)
        taken += parts
        Console(stderr=True).print(
            f"{load.transfers_per_posting:,} per posting, {count} clients: {rates[count]:,.0f} transfers/s"
        )
    return Runs(rates=rates, taken=tuple(taken))


def _settle(url: str) -> None:
    """No run pays for what the run before left to be written."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


@contextmanager
def _folding(url: str) -> Iterator[None]:
    """Fold shared balances beside the load, once a second, as the product does."""
    ended = threading.Event()

    def fold() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended.wait(1.0):
                fold_deltas(connection)

    thread = threading.Thread(target=fold)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _in_processes(load: Load, *, clients: int) -> list[Taken]:
    """Every client is a process of its own; all begin when the last is connected."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(clients)
    with context.Pool(clients, initializer=_keep_barrier, initargs=(ready.wait,)) as pool:
        return pool.starmap(_client, [(load, number) for number in range(clients)], chunksize=1)


_wait_for_all: list[Callable[[], int]] = []


def _keep_barrier(wait: Callable[[], int]) -> None:
    _wait_for_all.append(wait)


def _client(load: Load, number: int) -> Taken:
    generator = np.random.default_rng([SEED, load.transfers_per_posting, number])
    posted = paid_minor = 0
    with psycopg.connect(load.url, autocommit=True) as connection:
        connection.prepare_threshold = 1
        _wait_for_all[0]()
        begun = time.monotonic()
        while time.monotonic() < begun + load.seconds:
            transfers = _transfers(generator, load, event_id=posted + 1)
            post(connection, transfers, booked_on=TODAY)
            posted += len(transfers)
            paid_minor += sum(transfer.amount_minor for transfer in transfers if transfer.debit is CASH)
        return Taken(posted, time.monotonic() - begun, paid_minor)


def _transfers(generator: np.random.Generator, load: Load, *, event_id: int) -> list[Transfer]:
    count = load.transfers_per_posting
    line_ids: npt.NDArray[np.int64] = generator.integers(1, load.line_count + 1, count)
    amounts_minor: npt.NDArray[np.int64] = generator.integers(1, LARGEST_MINOR + 1, count)
    is_payment: npt.NDArray[np.bool_] = generator.integers(0, 10, count) == 0
    return [
        _transfer(line_id, amount_minor, event_id=event_id, debit=CASH if paid else Address("credit_balance", line_id))
        for line_id, amount_minor, paid in zip(
            line_ids.tolist(), amounts_minor.tolist(), is_payment.tolist(), strict=True
        )
    ]


def _transfer(line_id: int, amount_minor: int, *, event_id: int, debit: Address) -> Transfer:
    credit_code, kind = ("credit_balance", "payment") if debit is CASH else ("receivable_principal", "allocation")
    return Transfer(
        debit=debit,
        credit=Address(credit_code, line_id),
        amount_minor=amount_minor,
        currency="CNY",
        effective_on=TODAY,
        kind=kind,
        line_id=line_id,
        event_id=event_id,
    )


def _books_must_hold(url: str, *, opened: int, taken: tuple[Taken, ...]) -> None:
    """Every acknowledged transfer is there once, and the shared account has all that was paid into it."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM transfers").fetchone()
        cash = shared_balance(connection, CASH, currency="CNY")
    transfers = 2 * opened + sum(part.transfers for part in taken)
    paid_minor = opened * OPENING_MINOR + sum(part.paid_minor for part in taken)
    if row != (transfers,) or cash.net_minor != paid_minor:
        raise SystemExit(
            f"the books do not hold: {row} transfers of {transfers} acknowledged, cash {cash.net_minor} of {paid_minor}"
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """How long it took to seal, to prove and merely to copy so many transfers."""

    transfers: int
    sealing_seconds: float
    verifying_seconds: float
    copying_seconds: float


def _prove(url: str) -> Proven:
    """Seal and verify all transfers; the books alone, for there are no lines of servicing here."""
    _settle(url)
    with psycopg.connect(url, autocommit=True) as connection:
        begun = time.monotonic()
        sealed = _seal_all(connection)
        sealed_at = time.monotonic()
        proof = verify(connection, progress=Silent(), figure_checks=())
        verified_at = time.monotonic()
        with connection.cursor() as cursor, cursor.copy("COPY transfers TO STDOUT (FORMAT binary)") as copy:
            for _ in copy:
                pass
        copied_at = time.monotonic()
    if not proof.is_sound or not sealed == proof.sealed_transfers == proof.transfers:
        raise SystemExit(f"the books do not hold: {sealed} of {proof.transfers} transfers sealed, {proof.findings}")
    return Proven(sealed, sealed_at - begun, verified_at - sealed_at, copied_at - verified_at)


def _seal_all(connection: psycopg.Connection) -> int:
    """Seal until nothing is left; the server's own analysis of a table may keep the last transfers waiting a moment."""
    sealed = 0
    for _ in range(600):
        sealed += sum(keep_books(connection))
        row = connection.execute("SELECT count(*) FROM transfers").fetchone()
        if row == (sealed,):
            break
        time.sleep(0.05)
    return sealed


def _tpc_b(url: str, *, clients: int, seconds: float) -> float:
    _settle(url)
    said = _pgbench(
        url, "--protocol=prepared", f"--client={clients}", "--jobs=2", f"--time={max(round(seconds), 1)}", "--no-vacuum"
    )
    found = re.search(r"tps = ([0-9.]+)", said)
    if found is None:
        raise SystemExit(f"pgbench did not say its transactions per second: {said}")
    Console(stderr=True).print(f"pgbench, {clients} clients: {float(found[1]):,.0f} transactions/s")
    return float(found[1])


def _pgbench(url: str, *arguments: str) -> str:
    """What pgbench of the server's own release says."""
    command = [str(client_programs() / "pgbench"), *arguments, url]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"pgbench: {ended.stderr.strip()[-500:]}")
    return ended.stdout


if __name__ == "__main__":
    main()
