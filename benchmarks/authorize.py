"""Purchases decided in process, beside pgbench's TPC-B on the same server: decisions and transactions per second.

    python benchmarks/authorize.py [--json] [--lines 1000000] [--events 5000000] [--seconds 20] [--warm-up 40]
                                   [--batch 64] [--workers 4] [--profile]

Lines lived through two months (`lived_lines.py`), purchases of 90 days stand in the streams by a Zipf law with one
merchant at 5 % (`features_online.py`), the standard strategy is in force with all of its features and models. Each
worker is a process with one connection, as a server is: it asks for a batch of purchases on different lines, has it
decided by `operations.authorizing.authorize`, which locks, reads, decides, holds and records, and commits. A decision
counts once its transaction is committed. What was put off, because another worker had the line, does not.

PostgreSQL writes a page whole into its log when it is touched first after a checkpoint: right after one that is most of
the work of a purchase, and a checkpoint comes every quarter of an hour. So both sides begin with a checkpoint and are
measured after a warm-up; `--warm-up 0` shows the first seconds.

The peer is `pgbench -M prepared`, TPC-B, scale = lines / 100,000, the better of 8 and 32 clients, before ours, on the
same PostgreSQL with the same durability (fsync on), over the same Unix socket.
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
from datetime import timedelta
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
from tallystick.operations.lines import Act
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.embedded import embedded_server
from tallystick.storage.place import client_programs, place
from tallystick.strategy.case_columns import CheckpointName

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
    with embedded_server(folder) as server:
        seconds, warm_up = options.seconds, options.warm_up
        tps = _pgbench(server.url, scale=max(options.lines // 100_000, 1), seconds=seconds, warm_up=warm_up)
        with deciding_books(server.url, name="authorize", lines=options.lines, events=options.events) as url:
            turns = _turns(url, options, batch=options.batch, workers=options.workers, seconds=seconds, warm_up=warm_up)
            singles = _turns(url, options, batch=1, workers=1, seconds=min(seconds, 5), warm_up=0)
    outcomes = sum((Counter(turn.outcomes) for turn in turns), Counter())
    decided = sum(number for outcome, number in outcomes.items() if outcome != "put_off")
    elapsed = max(turn.elapsed for turn in turns)
    batches = [each for turn in turns for each in turn.seconds]
    say(f"strategy {turns[0].strategy_id}: {turns[0].features} features, {turns[0].trees} trees; {dict(outcomes)}")
    emit(
        "authorize",
        ours={
            "decisions_per_s": decided / elapsed,
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
        peer={f"pgbench_{clients}_clients_tps": each for clients, each in tps.items()},
        ratio={"decisions_over_pgbench": decided / elapsed / max(tps.values())},
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=5_000_000, help="past purchases")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=40.0, help="seconds before, of both sides")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--profile", action="store_true", help="print where the first worker's time goes")
    return parser.parse_args()


def _pgbench(server_url: str, *, scale: int, seconds: float, warm_up: float) -> dict[int, float]:
    """Transactions per second by number of clients."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS pgbench WITH (FORCE)")
        connection.execute("CREATE DATABASE pgbench")
        url = make_conninfo(server_url, dbname="pgbench")
        program = str(client_programs() / "pgbench")
        subprocess.run([program, "-i", "-q", "-s", str(scale), url], check=True, capture_output=True, env=_env(url))
        tps = {}
        connection.execute("CHECKPOINT")
        if warm_up:
            warming = [program, "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", str(round(warm_up)), url]
            subprocess.run(warming, check=True, capture_output=True, env=_env(url))
        for clients in CLIENTS:
            told = subprocess.run(
                [program, "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(round(seconds)), url],
                check=True,
                capture_output=True,
                text=True,
                env=_env(url),
            ).stdout
            found = re.search(r"tps = ([0-9.]+)", told)
            assert found is not None, told
            tps[clients] = float(found[1])
            say(f"pgbench, {clients} clients: {tps[clients]:,.0f} transactions/s")
        connection.execute("DROP DATABASE pgbench WITH (FORCE)")
    return tps


def _env(url: str) -> dict[str, str]:
    return {**os.environ, "PGHOST": str(conninfo_to_dict(url).get("host", ""))}


def _turns(
    url: str, options: argparse.Namespace, *, batch: int, workers: int, seconds: float, warm_up: float
) -> list[Turn]:
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(workers)
    with context.Pool(workers, initializer=_share, initargs=(begin,)) as pool:
        asked = [
            (url, number, options.lines, batch, seconds, warm_up, options.profile and number == 0)
            for number in range(workers)
        ]
        return pool.starmap(_work, asked, chunksize=1)


_BEGIN: list[Barrier] = []


def _share(begin: Barrier) -> None:
    _BEGIN.append(begin)


def _work(
    url: str,
    number: int,
    lines: int,
    batch: int,
    seconds: float,
    warm_up: float,
    profiled: bool,  # noqa: FBT001
) -> Turn:
    """One process: batches until the time is over; those of the warm-up, at least ten, are not counted."""
    world = world_of(lines, seed=1_000 * batch + number)
    ids = count((number + 1) << 58 | batch << 40)
    deciders = Deciders()
    outcomes: Counter[str] = Counter()
    times: list[float] = []
    profile = cProfile.Profile()
    with psycopg.connect(url) as connection:
        dump_lists_at_once(connection)
        deciding = deciders.deciding(connection, CheckpointName.AUTHORIZE)
        connection.commit()
        turn, began = 0, time.perf_counter()
        while turn < 10 or time.perf_counter() - began < warm_up:
            _decide(connection, world, deciders, batch=batch, ids=ids, turn=turn)
            turn += 1
        _BEGIN[0].wait()
        began, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds:
            purchases = _purchases(world, batch=batch, ids=ids)
            act = Act("checkout", NOW + timedelta(milliseconds=turn), DAY, ids)
            at = time.perf_counter()
            if profiled:
                profile.enable()
            told = authorize(connection, purchases, deciders=deciders, act=act, zone=ZONE)
            connection.commit()
            if profiled:
                profile.disable()
            times.append(time.perf_counter() - at)
            outcomes.update(each.outcome if isinstance(each, StoredDecision) else "put_off" for each in told)
            turn += 1
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    if profiled:
        pstats.Stats(profile, stream=None).sort_stats("cumtime").print_stats(75)
    checkpoint = deciding.checkpoints[deciding.release.champion_id]
    trees = trees_of_checkpoint(checkpoint)
    return Turn(times, dict(outcomes), elapsed, cpu, deciding.release.champion_id, len(deciding.features), trees)


def _decide(
    connection: psycopg.Connection, world: World, deciders: Deciders, *, batch: int, ids: "count[int]", turn: int
) -> None:
    act = Act("checkout", NOW + timedelta(milliseconds=turn), DAY, ids)
    authorize(connection, _purchases(world, batch=batch, ids=ids), deciders=deciders, act=act, zone=ZONE)
    connection.commit()


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
