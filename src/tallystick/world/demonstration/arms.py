"""Two futures of one lender: its books are copied, each copy gets its strategy, and both live at once."""

import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from datetime import date, datetime, time, timedelta, tzinfo
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.operations.progress import Progress
from tallystick.reports.summary import Bilingual
from tallystick.strategy.damage_limits import DamageLimits
from tallystick.trust.master_key import MasterKey
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_process import InProcess, let_decide
from tallystick.world.economy.kept_steps import MomentIds
from tallystick.world.economy.plan import WorldPlan
from tallystick.world.economy.running import lived_until, run_world

_TOLD_EVERY_S: Final = 0.5
# A strategy is promoted when the day before is over, and decides from the next one on.
_PROMOTED_AT: Final = time(23, 59, 30)


class Arm(Struct, frozen=True, kw_only=True):
    """One lender that lives on: its books, the folder of its world, and all months of that world."""

    name: str
    url: str
    folder: Path
    plan: WorldPlan
    begins_on: date
    product_id: str
    zone: tzinfo
    master_key: MasterKey

    def lender(self, connection: Connection, *, deciders: Deciders) -> InProcess:
        """The product on these books."""
        return InProcess(
            connection, product_id=self.product_id, zone=self.zone, master_key=self.master_key, deciders=deciders
        )

    @property
    def last_day(self) -> date:
        """The last day that it lives."""
        return self.plan.ends_on - timedelta(days=1)

    @property
    def is_over(self) -> bool:
        """Whether all of it is lived."""
        return lived_until(self.folder) == self.plan.ends_on

    def instant(self, day: date, *, hour: int = 0) -> datetime:
        """An hour of the lender's day."""
        return datetime.combine(day, time(hour), tzinfo=self.zone)


def live(arm: Arm, *, deciders: Deciders, progress: Progress) -> None:
    """Live all that is not lived yet of an arm, audited every evening. Raises what `run_world` does."""
    if arm.is_over:
        return
    with psycopg.connect(arm.url, autocommit=True) as connection:
        run_world(
            arm.plan,
            arm.lender(connection, deciders=deciders),
            out=arm.folder,
            parameters=standard_economy(),
            zone=arm.zone,
            progress=progress,
            books=connection,
        )


def release_and_review(
    arm: Arm, files: dict[str, bytes], *, because: str, damage_limits: DamageLimits, deciders: Deciders
) -> None:
    """Let a strategy decide from the arm's first day on, and review all limits in its first night.

    Done once, before the arm lives that day. The world asks for the same night again then, and is told the same.
    """
    day = arm.begins_on
    if lived_until(arm.folder) != day:
        return
    at = datetime.combine(day - timedelta(days=1), _PROMOTED_AT, tzinfo=arm.zone)
    act = Act(actor="author", at=at, today=at.date(), event_ids=MomentIds(at))
    with psycopg.connect(arm.url, autocommit=True) as connection:
        let_decide(connection, files, because=because, act=act, damage_limits=damage_limits)
        lender = arm.lender(connection, deciders=deciders)
        lender.begin(day, at=arm.instant(day))
        lender.review_limits(day, at=arm.instant(day, hour=1))


def live_at_once(arms: Sequence[Arm], *, progress: Progress) -> None:
    """Live several arms, each in a process of its own; one that was killed goes on where it was."""
    arms = [arm for arm in arms if not arm.is_over]
    if not arms:
        return
    context = multiprocessing.get_context("spawn")
    shares = [context.Value("d", 0.0) for _ in arms]
    with ProcessPoolExecutor(len(arms), context, initializer=_tell_by, initargs=(shares,)) as pool:
        lived = [pool.submit(_live, arm, place) for place, arm in enumerate(arms)]
        left = set(lived)
        while left:
            left = wait(left, timeout=_TOLD_EVERY_S, return_when=FIRST_EXCEPTION).not_done
            progress.advance(min(share.value for share in shares))
    for one in lived:
        one.result()


# Of a process that lives an arm: what it tells its share to.
_shares: list["Synchronized[float]"] = []


def _tell_by(shares: list["Synchronized[float]"]) -> None:
    _shares[:] = shares


def _live(arm: Arm, place: int) -> None:
    live(arm, deciders=Deciders(), progress=_Share(_shares[place]))
    _shares[place].value = 1.0


class _Share:
    """Tells the process that waits how far this one is, and ends where nobody waits any more."""

    def __init__(self, share: "Synchronized[float]") -> None:
        self._share = share

    def step(self, text: Bilingual) -> None:
        """The whole of it is one step."""

    def advance(self, share: float) -> None:
        """So far."""
        parent = multiprocessing.parent_process()
        if parent is None or not parent.is_alive():
            sys.exit("the demonstration ended; give its command again to go on")
        self._share.value = share
