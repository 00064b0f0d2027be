"""Purchases over HTTP under an open load, beside a bare echo: latencies at 500 and 1,000 a second; the highest rate.

    python benchmarks/authorize_http.py [--json] [--lines 1000000] [--events 5000000] [--seconds 20] [--warm-up 40]

Books and warm-up as in `authorize.py`. The server is the one that `tallystick serve` runs (token, Idempotency-Key,
desk, one transaction per batch, disk before answer), its clock set to the instant at which the lines stand. The load is
open: requests are sent when they are due, whether or not others were answered, and a latency counts from when a request
was due. The highest rate is what clients get that ask again as soon as they are answered; the echo is a Litestar app on
the same uvicorn that decodes the same body and sends it back, asked by the same clients. The two are asked in turn,
five times, for the machine's pace moves. All run on the same machine.

At the end every acknowledged purchase must have its decision.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import psycopg
from msgspec import Struct
from rich.console import Console

from deciding_books import DAY, NOW, ZONE, deciding_books, trees_of_checkpoint, world_of
from report_line import emit
from serving import served
from tallystick.bootstrap import id_source
from tallystick.operations.api_keys import KeyRequest, MadeKey, make_api_key
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.storage.embedded import embedded_server
from tallystick.storage.place import place
from tallystick.strategy.case_columns import CheckpointName
from tallystick.trust.master_key import MasterKey
from tallystick.trust.scopes import Mode, Scope
from tallystick.units.ids import IdPrefix, encode_id

MASTER_KEY: Final = MasterKey(bytes(range(32)))
RATES: Final = (500, 1_000)
CONNECTIONS: Final = 256
CLOSED_CONNECTIONS: Final = 128
TURNS: Final = 5
MOST_MINOR: Final = 60_000
say = Console(stderr=True).print


class Asked(Struct):
    """The body of both sides."""

    line_id: str
    amount_minor: int
    merchant_id: str
    category: str
    device: str
    deadline_ms: int


def main() -> None:
    options = _options()
    if options.serve_on:
        _serve(options.serve_url, options.serve_on)
        return
    if options.echo_on:
        _serve_echo(options.echo_on)
        return
    folder = place(Path(tempfile.gettempdir()) / "tallystick-authorize-benchmark")
    here = str(Path(__file__))
    with (
        embedded_server(folder) as running,
        deciding_books(running.url, name="authorize_http", lines=options.lines, events=options.events) as url,
    ):
        token = _key(url)
        features, trees, strategy_id = _told(url)
        requests = _requests(options.lines, token=token)
        with (
            served([sys.executable, here, "--serve-url", url, "--serve-on"]) as port,
            served([sys.executable, here, "--echo-on"]) as echo_port,
        ):
            _highest(port, requests, seconds=max(options.warm_up, 3))
            _highest(echo_port, requests, seconds=2)
            open_at = {rate: asyncio.run(_open(port, requests, rate=rate, seconds=options.seconds)) for rate in RATES}
            turns = [
                tuple(_highest(each, requests, seconds=options.seconds / TURNS) for each in (port, echo_port))
                for _ in range(TURNS)
            ]
        highest, echo = map(_together, zip(*turns, strict=True))
        _must_be_recorded(url, sum((each.codes[201] for each in (*open_at.values(), highest)), 0))
    say(f"strategy {strategy_id}: {features} features, {trees} trees")
    errors = sum(number for each in open_at.values() for code, number in each.codes.items() if code != 201)
    emit(
        "authorize_http",
        ours={
            **{f"p{name}_ms_at_{rate}": _percentile(told.seconds, rank)
               for rate, told in open_at.items() for name, rank in (("50", 50), ("99", 99), ("999", 99.9))},
            "errors": errors,
            "highest_rate_per_s": highest.per_s,
            "highest_p50_ms": _percentile(highest.seconds, 50),
            "highest_p99_ms": _percentile(highest.seconds, 99),
            "highest_errors": sum(number for code, number in highest.codes.items() if code != 201),
            "lines": options.lines,
            "events": options.events,
            "features": features,
            "trees": trees,
        },
        peer={"echo_rate_per_s": echo.per_s, "echo_p50_ms": _percentile(echo.seconds, 50)},
        ratio={"rate_over_echo": highest.per_s / echo.per_s},
        as_json=options.json,
    )  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=5_000_000, help="past purchases")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=40.0, help="seconds before")
    parser.add_argument("--serve-url", help=argparse.SUPPRESS)
    parser.add_argument("--serve-on", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--echo-on", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _highest(port: int, requests: Iterator[bytes], *, seconds: float) -> "Answered":
    return asyncio.run(_closed(port, requests, connections=CLOSED_CONNECTIONS, seconds=seconds))


def _together(turns: "Sequence[Answered]") -> "Answered":
    """Turns of equal length as one."""
    told = Answered()
    for turn in turns:
        told.codes.update(turn.codes)
        told.seconds += turn.seconds
    told.per_s = sum(turn.per_s for turn in turns) / len(turns)
    return told


def _percentile(seconds: Sequence[float], rank: float) -> float:
    return float(np.percentile(seconds, rank)) * 1_000


def _key(url: str) -> str:
    act = Act(actor="benchmark", at=NOW, today=DAY, event_ids=id_source())
    with psycopg.connect(url) as connection:
        request = KeyRequest(holder="benchmark", mode=Mode.LIVE, scopes=tuple(Scope), requests_per_s=1_000_000)
        made = make_api_key(connection, request, granted_by=frozenset(Scope), master_key=MASTER_KEY, act=act)
        assert isinstance(made, MadeKey)
        return made.token


def _told(url: str) -> tuple[int, int, str]:
    """How many features the strategy in force reads, its trees, and its hash."""
    with psycopg.connect(url) as connection:
        deciding = Deciders().deciding(connection, CheckpointName.AUTHORIZE)
    champion = deciding.release.champion_id
    return len(deciding.features), trees_of_checkpoint(deciding.checkpoints[champion]), champion


def _requests(lines: int, *, token: str) -> Iterator[bytes]:
    """Purchases without end, as bytes to be sent."""
    world = world_of(lines, seed=os.getpid())
    while True:
        drawn = world.purchases(4_096)
        for line, device, merchant, amount in zip(
            *(drawn[name].tolist() for name in ("line_id", "device_id", "merchant_id", "amount_minor")), strict=True
        ):
            body = Asked(
                encode_id(IdPrefix.LINE, line),
                amount % MOST_MINOR + 100,
                encode_id(IdPrefix.MERCHANT, merchant),
                "clothes",
                f"device {device}",
                10_000,
            )
            yield _bytes(msgspec.json.encode(body), token=token)


_NUMBERS: Final = count()


def _bytes(body: bytes, *, token: str) -> bytes:
    key = f"{os.getpid()}-{next(_NUMBERS)}"
    head = (
        f"POST /v1/authorizations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Answered:
    """Codes and latencies."""

    def __init__(self) -> None:
        self.codes: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.per_s = 0.0


class Line:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> int:
        """The code of the answer, its body dropped."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        found = head.lower().index(b"content-length:")
        await self._reader.readexactly(int(head[found + 15 : head.index(b"\r\n", found)]))
        return int(head[9:12])


async def _lines(port: int, number: int) -> list[Line]:
    return [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(number)]


async def _open(port: int, requests: Iterator[bytes], *, rate: int, seconds: float) -> Answered:
    """Requests at the times of a Poisson process; one that finds no free connection waits, and its time counts."""
    told, chance = Answered(), random.Random(rate)
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in await _lines(port, CONNECTIONS):
        free.put_nowait(line)

    async def ask(request: bytes, due: float) -> None:
        line = await free.get()
        told.codes[await line.ask(request)] += 1
        told.seconds.append(time.perf_counter() - due)
        free.put_nowait(line)

    began = due = time.perf_counter()
    tasks = []
    while due < began + seconds:
        due += chance.expovariate(rate)
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(ask(next(requests), due)))
    await asyncio.gather(*tasks)
    told.per_s = len(tasks) / (time.perf_counter() - began)
    say(f"open at {rate}/s: {told.per_s:,.0f}/s answered, {dict(told.codes)}")
    return told


async def _closed(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Answered:
    """As many as are answered, by clients that wait for nothing else."""
    told = Answered()
    began = time.perf_counter()

    async def ask(line: Line) -> None:
        while (due := time.perf_counter()) < began + seconds:
            told.codes[await line.ask(next(requests))] += 1
            told.seconds.append(time.perf_counter() - due)

    await asyncio.gather(*(ask(line) for line in await _lines(port, connections)))
    told.per_s = len(told.seconds) / (time.perf_counter() - began)
    say(f"closed, {connections} connections: {told.per_s:,.0f}/s, {dict(told.codes)}")
    return told


def _must_be_recorded(url: str, acknowledged: int) -> None:
    with psycopg.connect(url) as connection:
        [(recorded,)] = connection.execute("SELECT count(*) FROM decisions").fetchall()
    if recorded < acknowledged:
        raise AssertionError(f"{acknowledged} purchases were acknowledged, {recorded} decisions are recorded")


def _serve(url: str, port: int) -> None:
    """`tallystick serve` on these books, with the clock at the instant at which the lines stand."""
    from psycopg_pool import ConnectionPool

    from tallystick.storage.arrays import dump_lists_at_once
    from tallystick.storage.trust import take_id_node
    from tallystick.trust.destinations import Reach
    from tallystick.web.app import create_app
    from tallystick.web.edge import Edge
    from tallystick.web.logs import set_up_logs
    from tallystick.web.server import serve

    set_up_logs(sys.stderr)
    began = datetime.now(UTC)
    clock: Callable[[], datetime] = lambda: NOW + (datetime.now(UTC) - began)  # noqa: E731
    pool: ConnectionPool[psycopg.Connection[Any]]
    with ConnectionPool(url, min_size=4, max_size=16, timeout=5, configure=dump_lists_at_once) as pool:
        with pool.connection() as connection:
            node = take_id_node(connection)
        edge = Edge(pool=pool, clock=clock, zone=ZONE, ids=id_source(node), master_key=MASTER_KEY, reach=Reach.PUBLIC)
        serve(create_app(edge), edge=edge, host="127.0.0.1", port=port, drain_s=timedelta(0).total_seconds())


def _serve_echo(port: int) -> None:
    """The limit: the same body decoded and sent back, nothing else."""
    import uvicorn
    from litestar import Litestar, post
    from litestar.params import JSONBody

    @post("/v1/authorizations")
    async def echo(data: JSONBody[Asked]) -> Asked:
        return data

    app = Litestar([echo], openapi_config=None, logging_config=None)
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
