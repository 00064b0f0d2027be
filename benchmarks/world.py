"""How fast a world lives with the product, where the time goes, and how fast it lives without the product.

`uv run python benchmarks/world.py [--json] [--borrowers 500] [--months 12] [--seed 1]`

With the product: real operations on an embedded PostgreSQL of its own, the shipped product and strategy, and the
auditor every evening, in one process. Without it: the same people, shops and luck with a lender in memory.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import psycopg
import pyarrow as pa
from rich.console import Console
from rich.progress import track

from report_line import emit
from tallystick.bootstrap import BUSINESS_ZONE
from tallystick.storage.database_copies import database_url
from tallystick.storage.embedded import embedded_server
from tallystick.storage.migration import migrate
from tallystick.storage.place import place
from tallystick.terms.catalog import shipped_products
from tallystick.trust.master_key import MasterKey
from tallystick.world.economy import acts
from tallystick.world.economy.acts import Answer, AnyAct, Lender, Morning, Step
from tallystick.world.economy.auditor import Auditor
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_memory import InMemory, SameForAll
from tallystick.world.economy.in_process import InProcess, open_lender
from tallystick.world.economy.life import Auditing, Life
from tallystick.world.economy.plan import WorldPlan

Made = TypeVar("Made")

PRODUCT: Final = "baitiao"
LIMIT_MINOR: Final = 1_000_000  # of everybody, where the lender is in memory
# Where the time goes; what is in none of these is the world's own.
PARTS: Final = ("purchases", "applications", "payments", "other_acts", "close_day", "review_limits", "reading", "audit")
PART_OF_ACT: Final[dict[type[acts.Act], str]] = {
    acts.Buy: "purchases", acts.Apply: "applications", acts.AcceptLine: "applications", acts.Pay: "payments",
}  # fmt: skip


class Clock:
    """Seconds by part."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def timed(self, part: str, work: Callable[[], Made]) -> Made:
        """Do it, and count how long it took."""
        began = time.perf_counter()
        made = work()
        self.seconds[part] += time.perf_counter() - began
        return made


class TimedLender:
    """A lender whose time is counted; a step's by its first act, for the acts of a step are mostly of one kind."""

    def __init__(self, lender: Lender, clock: Clock) -> None:
        self._lender, self._clock = lender, clock

    def begin(self, day: date, *, at: datetime) -> Morning:
        """The close of the day before, and what is told in the morning."""
        return self._clock.timed("close_day", lambda: self._lender.begin(day, at=at))

    def review_limits(self, day: date, *, at: datetime) -> pa.Table:
        """The nightly review."""
        return self._clock.timed("review_limits", lambda: self._lender.review_limits(day, at=at))

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """A step."""
        part = PART_OF_ACT.get(type(acts[0]), "other_acts")
        return self._clock.timed(part, lambda: self._lender.do(step, acts))

    def reviews(self, step: Step) -> pa.Table:
        """What waits."""
        return self._clock.timed("reading", lambda: self._lender.reviews(step))

    def standing(self) -> pa.Table:
        """All lines."""
        return self._clock.timed("reading", self._lender.standing)


class TimedAuditor:
    """The auditor, its time counted."""

    def __init__(self, clock: Clock) -> None:
        self._auditor, self._clock = Auditor(), clock

    def note(self, step: Step, done: Sequence[AnyAct], answers: Sequence[Answer]) -> None:
        """What was done."""
        self._clock.timed("audit", lambda: self._auditor.note(step, done, answers))

    def check(self, day: date, books: psycopg.Connection) -> None:
        """The evening's check; ends the benchmark where the books are wrong."""
        audited = self._clock.timed("audit", lambda: self._auditor.check(day, books))
        if audited.count:
            raise SystemExit(f"{audited.count} findings in the books after {day}: {audited.findings[0]}")


def main() -> None:
    arguments = read_arguments()
    plan = WorldPlan(seed=arguments.seed, borrowers=arguments.borrowers, months=arguments.months)
    clock = Clock()
    with empty_books() as books:
        lender, auditor = product_in(books, plan), TimedAuditor(clock)
        life = life_of(plan, TimedLender(lender, clock), auditor=auditor)
        began = time.perf_counter()
        for day in shown(plan.days, "with the product"):
            life.live(day)
            auditor.check(day, books)
        seconds = time.perf_counter() - began
    alone = life_of(plan, InMemory(SameForAll(LIMIT_MINOR)))
    began = time.perf_counter()
    for day in shown(plan.days, "without it"):
        alone.live(day)
    seconds_alone = time.perf_counter() - began
    months = plan.borrowers * plan.months
    own = seconds - sum(clock.seconds.values())
    ours = {
        "borrowers": plan.borrowers,
        "months": plan.months,
        "borrower_months_per_s": months / seconds,
        "without_product_borrower_months_per_s": months / seconds_alone,
        "seconds": seconds,
        "acts": sum(life.diary.counts.values()),
        "without_product_acts": sum(alone.diary.counts.values()),
        "share_world": own / seconds,
        **{f"share_{part}": clock.seconds[part] / seconds for part in PARTS},
    }
    emit("world", ours, {}, {"pace_with_over_without": seconds_alone / seconds}, as_json=arguments.json)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--borrowers", type=int, default=500)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


@contextmanager
def empty_books() -> Iterator[psycopg.Connection]:
    """A connection to a migrated database, gone afterwards."""
    folder = Path(tempfile.gettempdir()) / "tallystick-world-benchmark"
    with embedded_server(place(folder)) as server, psycopg.connect(server.url, autocommit=True) as keeper:
        keeper.execute("DROP DATABASE IF EXISTS world WITH (FORCE)")
        keeper.execute("CREATE DATABASE world")
        try:
            with psycopg.connect(database_url(server.url, name="world"), autocommit=True) as connection:
                migrate(connection)
                yield connection
        finally:
            keeper.execute("DROP DATABASE world WITH (FORCE)")


def product_in(books: psycopg.Connection, plan: WorldPlan) -> InProcess:
    """The product, with its shipped strategy, before the world's first day."""
    product = shipped_products()[PRODUCT]
    opens_at = datetime.combine(plan.begins_on - timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    open_lender(books, product, at=opens_at, zone=BUSINESS_ZONE)
    return InProcess(books, product_id=product.id, zone=BUSINESS_ZONE, master_key=MasterKey(b"benchmark" + bytes(23)))


def life_of(plan: WorldPlan, lender: Lender, *, auditor: Auditing | None = None) -> Life:
    """A world that has not begun."""
    return Life(
        plan,
        lender,
        parameters=standard_economy(),
        zone=BUSINESS_ZONE,
        auditor=auditor,
    )


def shown(days: Sequence[date], what: str) -> Iterable[date]:
    """The days, with a bar on the terminal's other channel."""
    return track(days, description=what, console=Console(stderr=True), transient=True)


if __name__ == "__main__":
    main()
