"""The same product behind its API: a server process that stands by the world's instants gives the same answers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
from psycopg_pool import ConnectionPool
from tests.api.conftest import listening, make_key
from tests.commands import command
from tests.conftest import copied_database
from tests.deciding import SHANGHAI
from tests.world.test_in_process import (
    BEGINS_ON,
    DECIDERS,
    World,
    midnight,
    opened_database,
    test_a_limit_is_reviewed_offered_and_accepted,
    test_a_small_life_is_answered_act_by_act,
    test_statements_payments_and_what_is_given_up,
)

from tallystick.operations.clocks import servers_clock
from tallystick.operations.lines import Act
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.embedded import Running
from tallystick.terms.catalog import shipped_products
from tallystick.trust.destinations import Reach
from tallystick.trust.master_key import MasterKey
from tallystick.units.ids import IdSource
from tallystick.web.app import create_app
from tallystick.web.edge import Edge
from tallystick.world.economy.acts import Answer, AnyAct, Lender, Step
from tallystick.world.economy.api_client import ApiClient
from tallystick.world.economy.auditor import Auditor
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_process import InProcess
from tallystick.world.economy.kept_steps import MomentIds, WorldTimeFault
from tallystick.world.economy.life import Life
from tallystick.world.economy.living_parameters import standard_living
from tallystick.world.economy.over_http import OverHttp
from tallystick.world.economy.plan import WorldPlan

# What one act after the other is answered in this process is run here once more, over HTTP.
__all__ = [
    "opened_database",
    "test_a_limit_is_reviewed_offered_and_accepted",
    "test_a_small_life_is_answered_act_by_act",
    "test_statements_payments_and_what_is_given_up",
]

BEFORE = midnight(BEGINS_ON) - timedelta(minutes=30)
PLAN = WorldPlan(seed=4, borrowers=20, months=1, begins_on=date(2026, 2, 1))
DAYS = 10
# They come within days.
LIVING = replace(standard_living(), arriving=replace(standard_living().arriving, half_life_days=1))


@contextmanager
def listened(url: str) -> Iterator[tuple[ApiClient, ApiClient]]:
    """The app on a socket of this process, where strategies are compiled once for all tests, as two holders ask it."""
    at = BEFORE.astimezone(UTC)
    act = Act(actor="server", at=at, today=BEFORE.date(), event_ids=MomentIds(at))
    with ConnectionPool(url, min_size=2, max_size=8, timeout=5, configure=dump_lists_at_once) as pool:
        edge = Edge(
            pool=pool,
            clock=lambda: at,
            zone=SHANGHAI,
            ids=IdSource(node=1, now_ms=lambda: round(edge.clock().timestamp() * 1_000)),
            master_key=MasterKey(b"k" * 32),
            reach=Reach.PRIVATE,
            deciders=DECIDERS,
        )
        tokens = [make_key(edge, holder=holder).token for holder in ("ann", "second")]
        with pool.connection() as connection:
            edge = replace(edge, clock=servers_clock(connection, stands_at=at, act=act))
        frame = create_app(edge)
        frame.checkout.start()
        with listening(frame) as address, httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
            yield ApiClient(client, token=tokens[0]), ApiClient(client, token=tokens[1])
        frame.checkout.stop()


@contextmanager
def served(url: str, folder: Path) -> Iterator[tuple[ApiClient, ApiClient]]:
    """A server of its own process on that database, as two holders of keys ask it."""
    port = 30_000 + (os.getpid() * 7 + time.monotonic_ns() // 1_000) % 10_000
    tokens = [command("keys", "create", holder, url=url, folder=folder).told().strip() for holder in ("ann", "second")]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TALLYSTICK_")}
    environment = kept | {"TALLYSTICK_DATABASE_URL": url, "TALLYSTICK_DATA_DIR": str(folder)}
    words = ["serve", "--port", str(port), "--drain-seconds", "0", "--stands-at", BEFORE.isoformat()]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "tallystick", *words], env=environment, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            _wait_until_ready(client, process, log=folder / "server.log")
            yield ApiClient(client, token=tokens[0]), ApiClient(client, token=tokens[1])
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"the server did not come up: {log.read_text(encoding='utf-8')[-2_000:]}")


def in_process(connection: psycopg.Connection) -> InProcess:
    return InProcess(
        connection, product_id="baitiao", zone=SHANGHAI, master_key=MasterKey(b"k" * 32), deciders=DECIDERS
    )


def over_http(connection: psycopg.Connection, callers: tuple[ApiClient, ApiClient]) -> OverHttp:
    return OverHttp(*callers, nights=in_process(connection), product=shipped_products()["baitiao"])


@pytest.fixture
def world(server: Running, opened_database: str) -> Iterator[World]:
    """A world on its first day that speaks to a server."""
    with copied_database(server, opened_database) as url, psycopg.connect(url, autocommit=True) as connection:
        world = World(connection)
        with listened(url) as callers:
            world.lender = over_http(connection, callers)
            world.begin(BEGINS_ON)
            yield world


@dataclass
class Noted:
    """What was done and answered, without the ids, which each lender gives as it comes; and told to an auditor."""

    auditor: Auditor
    seen: list[tuple[Step, str, Answer]] = field(default_factory=list)

    def note(self, step: Step, done: Sequence[AnyAct], answers: Sequence[Answer]) -> None:
        self.auditor.note(step, done, answers)
        for act, answer in zip(done, answers, strict=True):
            self.seen.append((step, type(act).__name__, msgspec.structs.replace(answer, number=0)))


def lived(lender: Lender, books: psycopg.Connection) -> list[tuple[Step, str, Answer]]:
    """The first days of the plan, after each of which the books are right."""
    noted = Noted(Auditor())
    parameters = msgspec.structs.replace(standard_economy(), living=LIVING)
    life = Life(PLAN, lender, parameters=parameters, zone=SHANGHAI, auditor=noted)
    for day in PLAN.days[:DAYS]:
        life.live(day)
        assert noted.auditor.check(day, books).findings == ()
    return noted.seen


def test_people_are_answered_over_http_as_in_process(server: Running, opened_database: str, tmp_path: Path) -> None:
    with (
        copied_database(server, opened_database) as url,
        copied_database(server, opened_database) as other_url,
        psycopg.connect(url, autocommit=True) as connection,
        psycopg.connect(other_url, autocommit=True) as other,
    ):
        here = lived(in_process(other), other)
        with served(url, tmp_path) as callers:
            lender = over_http(connection, callers)
            assert lived(lender, connection) == here
            with pytest.raises(WorldTimeFault, match="the server's clock stands at 2026-02-"):
                lender.begin(BEGINS_ON, at=midnight(BEGINS_ON))
    kinds = {kind for _, kind, _ in here}
    assert {"Apply", "AcceptLine", "Buy", "Capture"} <= kinds
    assert len(here) > 40
