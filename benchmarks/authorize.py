"""Purchases decided in process, beside pgbench's TPC-B on the same server: decisions and transactions per second.

    python benchmarks/authorize.py [--json] [--lines 1000000] [--events 5000000] [--seconds 20] [--warm-up 40]
                                   [--rounds 5] [--batch 256] [--workers 3] [--profile]

Lines lived through two months (`lived_lines.py`), purchases of 90 days stand in the streams by a Zipf law with one
merchant at 5 % (`features_online.py`), the standard strategy is in force with all of its features and models. Each
worker is a process with one connection, as a server is: it asks for a batch of purchases on different lines, has it
decided by `operations.authorizing.authorize`, which locks, reads, decides, holds and records, and commits. A decision
counts once its transaction is committed. What was put off, because another worker had the line, does not. Time goes
on from the instant of the books as it does outside, and busy keys are rolled up beside it, as a server does
(`web/tiling`).

PostgreSQL writes a page whole into its log when it is touched first after a checkpoint: right after one that is most of
the work of a purchase, and a checkpoint comes every quarter of an hour. So both sides begin with a checkpoint and are
measured after a warm-up; `--warm-up 0` shows the first seconds.

The peer is `pgbench -M prepared`, TPC-B, scale = lines / 100,000, the better of 8 and 32 clients, on the same
PostgreSQL with the same durability (fsync on), over the same Unix socket. The machine's pace moves, so both sides are
asked in turn, `--rounds` times, and share `--seconds`; the ratio is of what each made in all.
"""

import argparse
import cProfile
import multiprocessing
import os
import pstats
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import numpy as np
import psycopg
from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console

from deciding_books import DAY, NOW, ZONE, deciding_books, trees_of_checkpoint, world_of
from features_online import World
from report_line import emit
from tallystick.operations.authorizing import Purchase, authorize
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import tick_of
from tallystick.operations.features import roll_up_tiles
from tallystick.operations.lines import Act
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.embedded import embedded_server
from tallystick.storage.place import client_programs, place
from tallystick.strategy.case_columns import CheckpointName
from tallystick.web.tiling import AFTER_S, EVERY_S

CLIENTS: Final = (8, 32)
MOST_MINOR: Final = 60_000  # an everyday purchase: most are approved, and an approval writes the most
say = Console(stderr=True).print


class Turn(Struct):
    """What one worker did: seconds of each batch, and what was decided."""

    seconds: list[float]
    outcomes: dict[str, int]
    elapsed: float
    cpu_seconds: float
    strategy_id: str
    features: int
    trees: int


def main() -> None:
    options = _options()
    folder = place(Path(tempfile.gettempdir()) / "tallystick-authorize-benchmark")
    with (
        embedded_server(folder) as server,
        deciding_books(server.url, name="authorize", lines=options.lines, events=options.events) as url,
        _tpc_b(server.url, scale=max(options.lines // 100_000, 1), warm_up=options.warm_up) as tpc_b_url,
        _Workers(url, options) as workers,
    ):
        workers.turn(seconds=options.warm_up)
        turns: list[Turn] = []
        rates: list[float] = []
        tps: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
        seconds = options.seconds / options.rounds
        for _ in range(options.rounds):
            for clients in CLIENTS:
                tps[clients].append(_transactions_per_s(tpc_b_url, clients=clients, seconds=seconds))
            side_by_side = workers.turn(seconds=seconds)
            turns += side_by_side
            rates.append(_rate(side_by_side))
            best = max(each[-1] for each in tps.values())
            say(f"pgbench {best:,.0f} transactions/s, {rates[-1]:,.0f} decisions/s")
        singles = workers.turn(seconds=min(options.seconds, 5), batch=1, alone=True)
    outcomes = sum((Counter(turn.outcomes) for turn in turns), Counter())
    batches = [each for turn in turns for each in turn.seconds]
    decided = _decided(turns)
    per_s = sum(rates) / options.rounds
    pgbench = {clients: sum(each) / options.rounds for clients, each in tps.items()}
    say(f"strategy {turns[0].strategy_id}: {turns[0].features} features, {turns[0].trees} trees; {dict(outcomes)}")
    emit(
        "authorize",
        ours={
            "decisions_per_s": per_s,
            "p50_ms": float(np.percentile(batches, 50)) * 1_000,
            "p99_ms": float(np.percentile(batches, 99)) * 1_000,
            "single_p50_ms": float(np.percentile(singles[0].seconds, 50)) * 1_000,
            "single_p99_ms": float(np.percentile(singles[0].seconds, 99)) * 1_000,
            "approved_share": outcomes["approve"] / decided,
            "put_off": outcomes["put_off"],
            "python_us_per_decision": sum(turn.cpu_seconds for turn in turns) / decided * 1e6,
            "batch": options.batch,
            "workers": options.workers,
            "lines": options.lines,
            "events": options.events,
            "features": turns[0].features,
            "trees": turns[0].trees,
        },
        peer={f"pgbench_{clients}_clients_tps": each for clients, each in pgbench.items()},
        ratio={"decisions_over_pgbench": per_s / max(pgbench.values())},
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=5_000_000, help="past purchases")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each side, in all rounds")
    parser.add_argument("--warm-up", type=float, default=40.0, help="seconds before, of both sides")
    parser.add_argument("--rounds", type=int, default=5, help="how often the two sides take turns")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="print where the first worker's time goes")
    return parser.parse_args()


def _decided(turns: Sequence[Turn]) -> int:
    return sum(number for turn in turns for outcome, number in turn.outcomes.items() if outcome != "put_off")


def _rate(turns: Sequence[Turn]) -> float:
    """Decisions per second of workers that worked side by side."""
    return _decided(turns) / max(turn.elapsed for turn in turns)


@contextmanager
def _tpc_b(server_url: str, *, scale: int, warm_up: float) -> Iterator[str]:
    """The url of a database of pgbench's own, warmed up; dropped at the end."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS pgbench WITH (FORCE)")
        connection.execute("CREATE DATABASE pgbench")
        url = make_conninfo(server_url, dbname="pgbench")
        try:
            program = str(client_programs() / "pgbench")
            subprocess.run([program, "-i", "-q", "-s", str(scale), url], check=True, capture_output=True, env=_env(url))
            connection.execute("CHECKPOINT")
            if warm_up:
                _transactions_per_s(url, clients=CLIENTS[0], seconds=warm_up)
            yield url
        finally:
            connection.execute("DROP DATABASE pgbench WITH (FORCE)")


def _transactions_per_s(url: str, *, clients: int, seconds: float) -> float:
    """What pgbench makes with so many clients."""
    told = subprocess.run(
        [
            *(str(client_programs() / "pgbench"), "-n", "-M", "prepared", "-j", "2"),
            *("-c", str(clients), "-T", str(max(round(seconds), 1)), url),
        ],
        check=True,
        capture_output=True,
        text=True,
        env=_env(url),
    ).stdout
    found = re.search(r"tps = ([0-9.]+)", told)
    assert found is not None, told
    return float(found[1])


def _env(url: str) -> dict[str, str]:
    return {**os.environ, "PGHOST": str(conninfo_to_dict(url).get("host", ""))}


class _Workers:
    """Processes that decide side by side, and one that rolls up busy keys meanwhile."""

    def __init__(self, url: str, options: argparse.Namespace) -> None:
        self._url, self._options = url, options
        self._began = time.time()
        self._turns = 0
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(options.workers, initializer=_share, initargs=(context.Barrier(options.workers),))
        self._rolling = context.Process(target=_roll_up, args=(url, self._began), daemon=True)

    def __enter__(self) -> "_Workers":
        self._rolling.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rolling.terminate()
        self._rolling.join()
        self._pool.terminate()
        self._pool.join()

    def turn(self, *, seconds: float, batch: int | None = None, alone: bool = False) -> list[Turn]:
        """All workers at once, or one of them alone; each asks for batches until the time is over."""
        self._turns += 1
        asked = [
            Asked(
                url=self._url,
                began=self._began,
                number=self._turns * 64 + number,
                lines=self._options.lines,
                batch=batch or self._options.batch,
                seconds=0.0 if alone and number else seconds,
                is_profiled=self._options.profile and number == 0,
            )
            for number in range(self._options.workers)
        ]
        return self._pool.map(_work, asked, chunksize=1)


class Asked(Struct):
    """What one worker is asked to do; `number` tells its ids and purchases from all others'."""

    url: str
    began: float
    number: int
    lines: int
    batch: int
    seconds: float
    is_profiled: bool


_BEGIN: list[Barrier] = []


def _share(begin: Barrier) -> None:
    _BEGIN.append(begin)


def _now(began: float) -> datetime:
    """The instant of the books, which goes on from theirs as time does outside."""
    later: datetime = NOW + timedelta(seconds=time.time() - began)
    return later


def _roll_up(url: str, began: float) -> None:
    """What a server does beside (`web/tiling`), as often and as far."""
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            time.sleep(EVERY_S)
            until = _now(began) - timedelta(seconds=AFTER_S)
            for _ in roll_up_tiles(connection, until_tick=tick_of(until)):
                pass


def _work(asked: Asked) -> Turn:
    """One process, together with the others: batches until the time is over, after some that are not counted."""
    world = world_of(asked.lines, seed=asked.number)
    ids = count(asked.number << 40)
    deciders = Deciders()
    outcomes: Counter[str] = Counter()
    times: list[float] = []
    profile = cProfile.Profile()
    with psycopg.connect(asked.url) as connection:
        dump_lists_at_once(connection)
        deciding = deciders.deciding(connection, CheckpointName.AUTHORIZE)
        connection.commit()
        for _ in range(3):
            _decide(connection, world, deciders, asked=asked, ids=ids)
        _BEGIN[0].wait()
        began, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - began < asked.seconds:
            at = time.perf_counter()
            if asked.is_profiled:
                profile.enable()
            told = _decide(connection, world, deciders, asked=asked, ids=ids)
            if asked.is_profiled:
                profile.disable()
            times.append(time.perf_counter() - at)
            outcomes.update(each.outcome if isinstance(each, StoredDecision) else "put_off" for each in told)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
        _BEGIN[0].wait()
    if asked.is_profiled:
        pstats.Stats(profile, stream=None).sort_stats("cumtime").print_stats(75)
    trees = trees_of_checkpoint(deciding.checkpoints[deciding.release.champion_id])
    return Turn(times, dict(outcomes), elapsed, cpu, deciding.release.champion_id, len(deciding.features), trees)


def _decide(
    connection: psycopg.Connection, world: World, deciders: Deciders, *, asked: Asked, ids: "count[int]"
) -> Sequence[object]:
    """One batch, committed."""
    act = Act("checkout", _now(asked.began), DAY, ids)
    told = authorize(connection, _purchases(world, batch=asked.batch, ids=ids), deciders=deciders, act=act, zone=ZONE)
    connection.commit()
    return told


def _purchases(world: World, *, batch: int, ids: "count[int]") -> list[Purchase]:
    """Purchases on different lines."""
    drawn = world.purchases(batch * 2)
    first = np.unique(drawn["line_id"], return_index=True)[1]
    chosen = np.sort(first)[:batch].tolist()
    purchases = []
    for index in chosen:
        decision_id = next(ids)
        purchases.append(
            Purchase(
                decision_id=decision_id,
                request_key=f"benchmark/{decision_id}",
                request_digest=b"%d" % decision_id,
                line_id=int(drawn["line_id"][index]),
                amount_minor=int(drawn["amount_minor"][index]) % MOST_MINOR + 100,
                merchant_id=int(drawn["merchant_id"][index]),
                device_id=int(drawn["device_id"][index]),
                category="clothes",
                expires_on=DAY + timedelta(days=7),
            )
        )
    return purchases


if __name__ == "__main__":
    main()
