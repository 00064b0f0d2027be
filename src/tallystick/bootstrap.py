"""Where the parts meet: settings from the environment, the clock, the terminal."""

import os
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, TypeVar, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from tallystick.config import Language, Settings, read_settings
from tallystick.reports.summary import Bilingual
from tallystick.trust.master_key import MasterKey, master_key_file, parse_master_key
from tallystick.units.ids import NODES, IdSource

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool

    from tallystick.operations.database import Where
    from tallystick.operations.lines import Act
    from tallystick.web.edge import Edge

Ended = TypeVar("Ended")

# The lender's business day: China has one time zone and no daylight saving.
BUSINESS_ZONE: Final = timezone(timedelta(hours=8))


def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)


def _wall() -> datetime:
    """This instant."""
    return datetime.now(UTC)


def business_date() -> date:
    """Today, by the lender's clock: the only place where a date comes from the wall."""
    return datetime.now(UTC).astimezone(BUSINESS_ZONE).date()


def now_tick() -> int:
    """This instant as streams tell it: microseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000


def start_of_day(day: date) -> datetime:
    """The instant at which a business day begins."""
    return datetime.combine(day, datetime.min.time(), tzinfo=BUSINESS_ZONE)


def database_place() -> "Where":
    """The database that the settings name."""
    from tallystick.operations.database import Where

    stated = settings()
    return Where(url=stated.database_url, data_folder=stated.data_folder)


def act_of(actor: str) -> "Act":
    """An act of that actor, now: the only place where an instant comes from the wall. Raises `ActorFault`."""
    from tallystick.operations.lines import Act, named_actor

    return Act(actor=named_actor(actor), at=datetime.now(UTC), today=business_date(), event_ids=id_source())


def id_source(node: int | None = None, *, clock: Callable[[], datetime] = _wall) -> IdSource:
    """Ids of this process; a server takes its `node` from the database, a short command one by chance."""
    return IdSource(
        node=secrets.randbelow(NODES) if node is None else node, now_ms=lambda: int(clock().timestamp() * 1_000)
    )


def master_key() -> MasterKey:
    """The installation's one secret: from TALLYSTICK_MASTER_KEY, or else kept in the data folder."""
    stated = settings()
    if stated.master_key_text is not None:
        return parse_master_key(stated.master_key_text)
    return master_key_file(stated.data_folder)


def serving_edge(pool: "ConnectionPool[Connection]", *, stands_at: datetime | None = None) -> "Edge":
    """What requests are answered with, bound to the wall's clock; or to a test clock that stands at an instant.

    Raises `ClockFault` where that may not be.
    """
    from tallystick.operations.clocks import servers_clock
    from tallystick.storage.trust import take_id_node
    from tallystick.trust.destinations import Reach
    from tallystick.web.edge import Edge

    with pool.connection() as connection:
        node = take_id_node(connection)
        clock = _wall if stands_at is None else servers_clock(connection, stands_at=stands_at, act=act_of("server"))
    return Edge(
        pool=pool,
        clock=clock,
        zone=BUSINESS_ZONE,
        ids=id_source(node, clock=clock),
        master_key=master_key(),
        reach=Reach(settings().webhook_reach),
        review_minutes=settings().review_minutes,
    )


@contextmanager
def opened_books() -> Iterator["Connection"]:
    """A connection to the ready database, each statement a transaction unless one is begun."""
    import psycopg

    from tallystick.operations.database import ready_database

    with ready_database(database_place()) as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def terminal() -> Console:
    """Where answers go."""
    return Console(highlight=False)


def error_terminal() -> Console:
    """Where refusals and progress go, so that answers can be piped."""
    return Console(stderr=True, highlight=False)


class TerminalProgress:
    """Draws the steps of an operation as one bar with the time taken."""

    def __init__(self, progress: Progress, language: Language) -> None:
        self._progress = progress
        self._language = language
        self._task: TaskID | None = None

    def step(self, text: Bilingual) -> None:
        """Finish the bar of the step before, and begin one."""
        self.finish()
        self._task = self._progress.add_task(text[self._language], total=None)

    def advance(self, share: float) -> None:
        """Fill the bar up to this share."""
        if self._task is not None:
            self._progress.update(self._task, total=1.0, completed=min(share, 1.0))

    def through(self, steps: Generator[float, None, Ended]) -> Ended:
        """Fill the bar by the shares that an operation gives until it ends; gives what it returned."""
        while True:
            try:
                self.advance(next(steps))
            except StopIteration as ended:
                return cast("Ended", ended.value)

    def finish(self) -> None:
        """The present step is done."""
        if self._task is not None:
            self._progress.update(self._task, total=1.0, completed=1.0)


@contextmanager
def shown_progress(language: Language) -> Iterator[TerminalProgress]:
    """A progress display for the time of one operation."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=error_terminal()) as progress:
        shown = TerminalProgress(progress, language)
        yield shown
        shown.finish()
