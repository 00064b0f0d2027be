"""Books that decide, for benchmarks: lines that lived, millions of past purchases, the standard strategy in force."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console

from features_online import World, fill
from lived_lines import CLOSED_ON, FIRST_LINE, LIVES, copy_lines, live_lines
from tallystick.operations.lines import Act
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import approve, promote, submit
from tallystick.scoring.boosted import Boosted, trees_of
from tallystick.storage.migration import migrate
from tallystick.storage.strategies import Release
from tallystick.strategy.checkpoint import Checkpoint

ZONE: Final = timezone(timedelta(hours=8))
# The day before statements close: no line has anything due.
DAY: Final = date(2026, 2, 18)
NOW: Final = datetime(2026, 2, 18, 4, 34, 12, tzinfo=UTC)
SEED: Final = 20_266
say = Console(stderr=True).print


def world_of(lines: int, *, seed: int = SEED) -> World:
    """Who buys where at the instant of the benchmark; lines come in whole copies of the lives."""
    now_tick = int(NOW.timestamp() * 1_000_000)
    return World(lines=lines // LIVES * LIVES, seed=seed, first_line=FIRST_LINE, now_tick=now_tick)


@contextmanager
def deciding_books(server_url: str, *, name: str, lines: int, events: int) -> Iterator[str]:
    """The url of a database with all of it, dropped at the end."""
    assert DAY < CLOSED_ON
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        url = make_conninfo(server_url, dbname=name)
        try:
            with psycopg.connect(url, autocommit=True) as fresh:
                migrate(fresh)
                began = time.monotonic()
                live_lines(fresh)
                copy_lines(fresh, copies=max(lines // LIVES, 1))
                say(f"{lines:,} lines made in {time.monotonic() - began:.0f} s")
                fill(fresh, world_of(lines), events=events)
                release = _release(fresh)
                say(f"release {release.number}: strategy {release.champion_id[:12]}")
                fresh.execute("CHECKPOINT")
            yield url
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _release(connection: psycopg.Connection) -> Release:
    def act(actor: str) -> Act:
        return Act(actor=actor, at=NOW, today=DAY, event_ids=count(1))

    kept = submit(connection, strategy_files(None), act=act("ann"))
    approve(connection, kept.strategy_id, note="benchmark", act=act("bo"))
    with connection.transaction():
        release = promote(connection, kept.strategy_id, because="benchmark", act=act("bo"))
    assert isinstance(release, Release)
    return release


def trees_of_checkpoint(checkpoint: Checkpoint) -> int:
    """How many trees its models have in all."""
    models = (model.fitted.model for model in checkpoint.models)
    return sum(len(trees_of(model)) for model in models if isinstance(model, Boosted))
