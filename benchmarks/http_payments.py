"""Payments per second over HTTP, beside a bare echo on the same server software, and beside themselves without fsync.

    python benchmarks/http.py [--json] [--lines 2000] [--seconds 15] [--connections 16]

Ours is `tallystick serve` as it ships: token, Idempotency-Key, one transaction per payment with its event, transfers,
balances, history and recorded answer, on the embedded server that writes to disk before it answers. The limit is a
Litestar app on the same uvicorn that decodes the same body and sends it back: what HTTP alone costs. Clients keep their
connections, send ready-made bytes and read as little as they can, but they run on the same machine as the server.
`ratio.echo_over_limit` is ours over the limit in seconds per request. At the end every acknowledged payment must be in
the books once.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedIOBase
from itertools import count
from pathlib import Path

import msgspec
import psycopg
from msgspec import Struct

from report_line import emit
from serving import served
from tallystick.bootstrap import id_source
from tallystick.operations.api_keys import KeyRequest, MadeKey, make_api_key
from tallystick.operations.lending import DrawRequest, add_borrower, draw, publish_product
from tallystick.operations.line_offers import open_line, quote_line
from tallystick.operations.lines import Act, Recorded
from tallystick.storage.borrowers import Borrower
from tallystick.storage.embedded import embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place
from tallystick.terms.catalog import shipped_products
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.trust.master_key import MasterKey
from tallystick.trust.scopes import Mode, Scope
from tallystick.units.ids import IdPrefix, encode_id

MASTER_KEY = MasterKey(bytes(range(32)))
LIMIT_MINOR = 5_000_000
DRAWN_MINOR = 4_000_000
PAID_MINOR = 1


class Payment(Struct):
    """The body of both sides."""

    amount_minor: int
    channel: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What clients had answered: how many per second, and how long half and all but one of a hundred took."""

    answered: int
    per_s: float
    latency_ms_p50: float
    latency_ms_p99: float


def main() -> None:
    options = _options()
    if options.echo_on:
        _serve_echo(options.echo_on)
        return
    with (
        tempfile.TemporaryDirectory(prefix="tallystick-http-") as folder,
        embedded_server(place(Path(folder))) as running,
    ):
        token, lines = _prepare(running.url, lines=options.lines)
        paths = [f"/v1/lines/{encode_id(IdPrefix.LINE, line_id)}/payments" for line_id in lines]
        before = _payments(running.url)
        environment = {
            **os.environ,
            "TALLYSTICK_DATABASE_URL": running.url,
            "TALLYSTICK_MASTER_KEY": MASTER_KEY.text(),
            "TALLYSTICK_DATA_DIR": folder,
        }
        serve = [sys.executable, "-m", "tallystick", "serve", "--drain-seconds", "0", "--port"]
        with served(serve, environment=environment) as port:
            _measure(port, paths, token=token, connections=options.connections, seconds=2)
            ours = _measure(port, paths, token=token, connections=options.connections, seconds=options.seconds)
            _set_fsync(running.url, "off")
            unsafe = _measure(port, paths, token=token, connections=options.connections, seconds=options.seconds)
            _set_fsync(running.url, "on")
        kept = _payments(running.url) - before
    echo_server = [sys.executable, str(Path(__file__).with_name("http.py")), "--echo-on"]
    with served(echo_server, environment=dict(os.environ)) as port:
        _measure(port, ["/echo"], token=token, connections=options.connections, seconds=2)
        echo = _measure(port, ["/echo"], token=token, connections=options.connections, seconds=options.seconds)
    if kept < ours.answered + unsafe.answered:
        raise AssertionError(f"{ours.answered + unsafe.answered} payments were acknowledged, {kept} are in the books")
    emit(
        "http",
        ours={
            "payments_per_s": ours.per_s,
            "payment_latency_ms_p50": ours.latency_ms_p50,
            "payment_latency_ms_p99": ours.latency_ms_p99,
            "payments_without_fsync_per_s": unsafe.per_s,
            "payments": kept,
            "connections": options.connections,
            "lines": options.lines,
        },
        peer={
            "echoes_per_s": echo.per_s,
            "echo_latency_ms_p50": echo.latency_ms_p50,
            "echo_latency_ms_p99": echo.latency_ms_p99,
        },
        ratio={
            "echo_over_limit": echo.per_s / ours.per_s,
            "fsync_over_limit": unsafe.per_s / ours.per_s,
        },
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=2_000, help="lines that are paid, by turns")
    parser.add_argument("--seconds", type=float, default=15, help="how long each side is measured")
    parser.add_argument("--connections", type=int, default=16, help="callers at once")
    parser.add_argument("--echo-on", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _prepare(url: str, *, lines: int) -> tuple[str, list[int]]:
    """A key, a product, and lines that owe more than the run can pay."""
    now = datetime.now(UTC)
    act = Act(actor="benchmark", at=now, today=now.date(), event_ids=id_source())
    with psycopg.connect(url, autocommit=True) as connection:
        migrate(connection)
    with psycopg.connect(url) as connection:
        request = KeyRequest(holder="benchmark", mode=Mode.LIVE, scopes=tuple(Scope), requests_per_s=1_000_000)
        made = make_api_key(connection, request, granted_by=frozenset(Scope), master_key=MASTER_KEY, act=act)
        assert isinstance(made, MadeKey)
        publish_product(connection, shipped_products()["baitiao"], act=act)
        return made.token, [_drawn_line(connection, f"person-{number}", act=act) for number in range(lines)]


def _drawn_line(connection: psycopg.Connection, reference: str, *, act: Act) -> int:
    borrower = add_borrower(connection, reference=reference, jurisdiction="CN", currency="CNY", metadata={}, act=act)
    assert isinstance(borrower, Borrower)
    quoted = quote_line(connection, product_id="baitiao", limit_minor=LIMIT_MINOR, act=act)
    assert isinstance(quoted, Disclosure)
    opened = open_line(
        connection,
        borrower_id=borrower.borrower_id,
        product_id="baitiao",
        limit_minor=LIMIT_MINOR,
        accepted_hash=document_hash(quoted),
        act=act,
    )
    assert isinstance(opened, Recorded)
    drawn = draw(connection, opened.line.line_id, DrawRequest(amount_minor=DRAWN_MINOR, merchant_id=1), act=act)
    assert isinstance(drawn, Recorded)
    return opened.line.line_id


def _payments(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM payments").fetchone()
    assert row is not None
    return int(row[0])


def _set_fsync(url: str, setting: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET fsync = {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)


def _measure(port: int, paths: Sequence[str], *, token: str, connections: int, seconds: float) -> Measured:
    """Ask on every connection without a pause. Raises where an answer is not a success."""
    latencies: list[list[float]] = [[] for _ in range(connections)]
    faults: list[str] = []
    start = threading.Barrier(connections + 1)
    numbers = count()
    until = [0.0]

    def ask(connection: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as stream, stream.makefile("rb") as answers:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            start.wait()
            while time.perf_counter() < until[0]:
                number = next(numbers)
                request = _request(paths[number % len(paths)], number=number, token=token)
                began = time.perf_counter()
                stream.sendall(request)
                code = _answer_code(answers)
                latencies[connection].append(time.perf_counter() - began)
                if code != 201:
                    faults.append(f"{code} for {paths[number % len(paths)]}")
                    return

    threads = [threading.Thread(target=ask, args=[number]) for number in range(connections)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    until[0] = began + seconds
    start.wait()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if faults:
        raise AssertionError(f"answered {faults[0]}")
    every = sorted(latency for part in latencies for latency in part)
    return Measured(
        answered=len(every),
        per_s=len(every) / took,
        latency_ms_p50=every[len(every) // 2] * 1000,
        latency_ms_p99=every[int(len(every) * 0.99)] * 1000,
    )


def _request(path: str, *, number: int, token: str) -> bytes:
    reference = f"{os.getpid()}-{time.monotonic_ns()}-{number}"
    body = msgspec.json.encode(Payment(PAID_MINOR, "bank", reference))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {reference}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _answer_code(answers: BufferedIOBase) -> int:
    """The code of the next answer, its body read and dropped."""
    code = int(answers.readline().split(b" ", 2)[1])
    length = 0
    while (line := answers.readline()) != b"\r\n":
        name, _, text = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(text)
    answers.read(length)
    return code


def _serve_echo(port: int) -> None:
    """The limit: the same body decoded and sent back, nothing else."""
    import uvicorn
    from litestar import Litestar, post
    from litestar.params import JSONBody

    @post("/echo")
    async def echo(data: JSONBody[Payment]) -> Payment:
        return data

    app = Litestar([echo], openapi_config=None, logging_config=None)
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, server_header=False)
