"""Servers killed while they answer: what was acknowledged is in the books once, and nothing is there by half.

Payers pay and buyers buy at the same time, on lines of their own.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.commands import command

from tallystick.ledger.transfer import Address
from tallystick.storage.embedded import keeper_pid, stop
from tallystick.storage.ledger import shared_balance
from tallystick.storage.place import Place, place
from tallystick.units.ids import IdPrefix, encode_id

COMMAND = [sys.executable, "-m", "tallystick"]
MERCHANT = "merchant_0000000000005"
PAID_MINOR = 7
BOUGHT_MINOR = 11
_ASK_AGAIN = frozenset({"database_away", "overloaded", "idempotency_in_progress", "rate_limited", "undecided"})


def until(is_so: Callable[[], bool], *, seconds: float) -> None:
    """Wait for something; it must come about in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


@dataclass
class Installation:
    """A data folder of its own with its embedded PostgreSQL, and the API served from it."""

    folder: Path
    port: int
    server: subprocess.Popen[bytes] | None = None

    @property
    def at(self) -> Place:
        return place(self.folder)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TALLYSTICK_")}
        return {**kept, "TALLYSTICK_DATA_DIR": str(self.folder), "TALLYSTICK_LANGUAGE": "en"}

    def run(self, *words: str) -> str:
        """What a command answers; it must succeed. Only what is killed needs a process of its own."""
        return command(*words, folder=self.folder).told().strip()

    def serve(self) -> None:
        """Start serving, and wait until it is ready."""
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [*COMMAND, "serve", "--port", str(self.port), "--drain-seconds", "0"], env=self.environment, stderr=log
            )
        until(self.is_ready, seconds=60)

    def is_ready(self) -> bool:
        """Whether requests would be answered."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill_api(self) -> None:
        """As if the machine's memory had run out."""
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def kill_database(self) -> None:
        """The postmaster, and with it every process of PostgreSQL; the server that runs starts another by itself."""
        killed = self._postmaster()
        os.kill(killed, signal.SIGKILL)
        until(lambda: self._postmaster() not in {0, killed}, seconds=60)
        until(self.is_ready, seconds=60)

    def kill_keeper(self) -> None:
        """The process that PostgreSQL is a child of, and dies with."""
        killed = keeper_pid(self.at)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(lambda: keeper_pid(self.at) not in {None, killed}, seconds=60)
        until(self.is_ready, seconds=60)

    def _postmaster(self) -> int:
        """Its number; 0 for the instant in which a new one puts its file in the place of the old."""
        try:
            lines = (self.at.cluster / "postmaster.pid").read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return 0
        return int(lines[0]) if lines else 0

    def stop(self) -> None:
        """Leave nothing behind."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()
        stop(self.at)
        shutil.rmtree(self.at.folder, ignore_errors=True)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "data folder", port=30_000 + os.getpid() % 10_000)
    made.folder.mkdir()
    yield made
    made.stop()


@dataclass
class Clients:
    """Clients that ask without a pause, and repeat with the same key whatever was not answered."""

    client: httpx.Client
    line_ids: list[str]
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    name: str = ""

    def start(self, count: int) -> None:
        """Begin to ask."""
        for number in range(count):
            thread = threading.Thread(target=self._ask, args=[number])
            thread.start()
            self.threads.append(thread)

    def stop(self) -> None:
        """Finish what was begun."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=60)
            assert not thread.is_alive()

    def request(self, reference: str, line_id: str) -> tuple[str, dict[str, Any]]:
        """The path and the body of one request."""
        raise NotImplementedError

    def _ask(self, client: int) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            reference = f"{self.name}-{client}-{number}"
            line_id = self.line_ids[(number * 7 + client) % len(self.line_ids)]
            while (told := self._answer(reference, line_id)) is None:
                time.sleep(0.05)
            self.acknowledged[reference] = told

    def _answer(self, reference: str, line_id: str) -> dict[str, Any] | None:
        """What was acknowledged; None where it must be asked for again."""
        path, body = self.request(reference, line_id)
        try:
            answer = self.client.post(path, json=body, headers={"Idempotency-Key": reference})
        except httpx.TransportError:
            return None
        told: dict[str, Any] = answer.json()
        if answer.status_code == 201:
            return told
        assert told["code"] in _ASK_AGAIN, answer.text
        return None


class Payers(Clients):
    """They pay."""

    def request(self, reference: str, line_id: str) -> tuple[str, dict[str, Any]]:
        """A payment of a few cents."""
        body = {"amount_minor": PAID_MINOR, "channel": "bank", "reference": reference}
        return f"/v1/lines/{line_id}/payments", body


class Buyers(Clients):
    """They buy."""

    def request(self, reference: str, line_id: str) -> tuple[str, dict[str, Any]]:
        """A small purchase, confirmed by a second factor."""
        body = {"line_id": line_id, "amount_minor": BOUGHT_MINOR, "merchant_id": MERCHANT, "step_up_passed": True}
        return "/v1/authorizations", body


def test_what_was_acknowledged_is_there_once_whoever_was_killed(installation: Installation, tmp_path: Path) -> None:
    installation.run("products", "publish", "baitiao")
    token = installation.run("keys", "create", "checkout")
    _release(installation, tmp_path / "strategy")
    installation.serve()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{installation.port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
    ) as client:
        payers = Payers(client, [_drawn_line(client, f"person-{number}") for number in range(5)], name="payer")
        buyers = Buyers(client, [_drawn_line(client, f"buyer-{number}") for number in range(40)], name="buyer")
        payers.start(3)
        buyers.start(3)
        try:
            moment = random.Random(2611)
            for killed in ("api", "database", "keeper", "api", "database"):
                time.sleep(moment.uniform(0.3, 0.9))
                if killed == "api":
                    installation.kill_api()
                    installation.serve()
                elif killed == "keeper":
                    installation.kill_keeper()
                else:
                    installation.kill_database()
            until(lambda: len(payers.acknowledged) > 50 and len(buyers.acknowledged) > 20, seconds=60)
        finally:
            payers.stop()
            buyers.stop()
    assert len(payers.acknowledged) > 50
    with psycopg.connect(installation.at.url) as connection:
        _purchases_are_whole(connection, buyers.acknowledged)
        booked: dict[str, int] = dict(
            connection.execute("SELECT reference, count(*) FROM payments GROUP BY reference").fetchall()
        )
        cash = shared_balance(connection, Address("cash", 0), currency="CNY")
        halves = connection.execute(
            """
            SELECT count(*) FROM payments LEFT JOIN events USING (line_id, event_id)
            LEFT JOIN idempotency_records ON idempotency_key = reference
            WHERE events.event_id IS NULL OR idempotency_key IS NULL
            """
        ).fetchone()
    assert booked == dict.fromkeys(payers.acknowledged, 1)
    assert cash.net_minor == PAID_MINOR * len(booked)
    assert halves == (0,)
    installation.run("ledger", "verify")
    installation.run("replay", "--all", "--features")


def _purchases_are_whole(connection: psycopg.Connection, acknowledged: dict[str, dict[str, Any]]) -> None:
    """Each has one decision that stands, as told; each approval has its hold, and no hold is there without."""
    assert len(acknowledged) > 20
    rows = connection.execute(
        """
        SELECT split_part(split_part(request_key, '/', 2), ' ', 1), decision_id, outcome,
               withdrawn_decisions.decision_id IS NOT NULL,
               EXISTS (SELECT FROM decision_traces WHERE decision_traces.batch_id = decisions.batch_id),
               EXISTS (SELECT FROM line_objects WHERE object_id = hold_id AND kind = 'hold')
        FROM decisions LEFT JOIN withdrawn_decisions USING (decision_id)
        """
    ).fetchall()
    decided = [(reference, encode_id(IdPrefix.AUTHORIZATION, number), outcome)
               for reference, number, outcome, is_withdrawn, *_ in rows if not is_withdrawn]  # fmt: skip
    told = [(reference, each["id"], each["outcome"]) for reference, each in acknowledged.items()]
    assert sorted(decided) == sorted(told), "a request is decided once, and anew only after that was taken back"
    assert all(has_trace and has_hold == (outcome == "approve") for _, _, outcome, _, has_trace, has_hold in rows)
    approved = sum(outcome == "approve" for _, _, outcome in decided)
    assert approved > 5
    [(held_minor, most_over_minor)] = connection.execute(
        "SELECT sum(held_minor), max(drawn_minor + held_minor - limit_minor) FROM lines"
    ).fetchall()
    assert (held_minor, most_over_minor <= 0) == (approved * BOUGHT_MINOR, True)


def _release(installation: Installation, folder: Path) -> None:
    """The standard strategy decides."""
    installation.run("strategy", "init", str(folder))
    strategy_id = installation.run("strategy", "submit", str(folder), "--by", "ann").split()[-1]
    installation.run("strategy", "approve", strategy_id, "--by", "bo")
    installation.run("strategy", "promote", strategy_id, "--by", "bo", "--because", "begin")


def _drawn_line(client: httpx.Client, reference: str) -> str:
    """A line that owes more than the test pays."""

    def made(path: str, body: object) -> dict[str, str]:
        answer = client.post(path, json=body, headers={"Idempotency-Key": f"{reference}{path}"})
        assert answer.status_code == 201, answer.text
        told: dict[str, str] = answer.json()
        return told

    borrower = made("/v1/borrowers", {"reference": reference, "jurisdiction": "CN", "currency": "CNY"})
    asked = {"product_id": "baitiao", "limit_minor": 5_000_000}
    quote = client.post("/v1/line-quotes", json=asked).json()
    accepted = {**asked, "borrower_id": borrower["id"], "accepted_hash": quote["document_hash"]}
    line = made("/v1/lines", accepted)
    made(f"/v1/lines/{line['line_id']}/drawdowns", {"amount_minor": 4_000_000, "merchant_id": MERCHANT})
    return line["line_id"]
