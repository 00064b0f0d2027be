"""A world from its first day to its last, into a folder: killed, it goes on where it was, and ends the same."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime, tzinfo
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import msgspec
import pyarrow.parquet
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.features import export_streams
from tallystick.operations.progress import Progress
from tallystick.operations.whole_files import OutputFault, whole_file
from tallystick.world.economy.acts import Lender
from tallystick.world.economy.api_client import ApiFault
from tallystick.world.economy.auditor import Auditor
from tallystick.world.economy.diary import Diary
from tallystick.world.economy.economy_parameters import EconomyParameters
from tallystick.world.economy.kept_steps import WorldTimeFault
from tallystick.world.economy.life import Life
from tallystick.world.economy.lives import Lives
from tallystick.world.economy.order_streams import write_order_streams
from tallystick.world.economy.plan import PlanFault, WorldPlan
from tallystick.world.economy.scenarios import ScenarioFault

_STATE: Final = "world.state"
_TRUTH: Final = "truth"
_FOUND_MOST: Final = 20


class OtherWorld(ValueError):
    """The folder or the books are those of another world; the message tells the way out."""


class BooksWrong(RuntimeError):
    """The auditor found the lender's books wrong: a defect of the product, and the world stops."""


# What a command tells instead of a traceback.
WORLD_FAULTS: Final = (OtherWorld, BooksWrong, PlanFault, ScenarioFault, WorldTimeFault, ApiFault)


class _State(Struct, frozen=True):
    plan: WorldPlan
    next_day: date
    lives: bytes
    diary: bytes
    auditor: bytes


def run_world(
    plan: WorldPlan,
    lender: Lender,
    *,
    out: Path,
    parameters: EconomyParameters,
    zone: tzinfo,
    progress: Progress,
    books: Connection | None = None,
    speed: float | None = None,
) -> Life:
    """Live the plan's days with a lender; gives the world as it then is.

    What is true goes to `out/truth`, a part a month; the state after each day to `out/world.state`, from which a
    killed run goes on. `speed`: so many times faster than real time, None for as fast as it can. With `books`, a
    connection to the lender's database, an auditor looks at them every evening. Raises `OtherWorld` where folder or
    books are another world's, `OutputFault` where it cannot be written, `BooksWrong` where the auditor finds something.
    """
    out.mkdir(parents=True, exist_ok=True)
    kept = _read(out / _STATE, plan)
    auditor = Auditor()
    if kept is not None:
        auditor.load(kept.auditor)
    life = Life(
        plan,
        lender,
        parameters=parameters,
        zone=zone,
        auditor=None if books is None else auditor,
        waits=_at_speed(speed),
        lives=None if kept is None else Lives.load(kept.lives),
        diary=None if kept is None else Diary(kept.diary),
    )
    if kept is None:
        _begin(life, lender, auditor, out=out)
    (out / _TRUTH).mkdir(exist_ok=True)  # of the whole plan, which may be longer than the one before
    pyarrow.parquet.write_table(life.rings.truth(), out / _TRUTH / "rings.parquet", compression="zstd")
    days = [day for day in plan.days if kept is None or day >= kept.next_day]
    for day in _shown(days, plan, progress=progress):
        life.live(day)
        if books is not None and (audited := auditor.check(day, books)).count:
            told = map(str, audited.findings[:_FOUND_MOST])
            raise BooksWrong("\n".join([f"{audited.count} findings in the books after {day}:", *told]))
        next_day = date.fromordinal(day.toordinal() + 1)
        if next_day.day == 1:
            life.diary.write(out / _TRUTH, part=f"{day:%Y-%m}")
        _keep(life, auditor, out=out, next_day=next_day)
    return life


def _begin(life: Life, lender: Lender, auditor: Auditor, *, out: Path) -> None:
    """Before the first day: a world that is killed in it knows that it has begun."""
    if lender.standing().num_rows:
        raise OtherWorld(
            "the lender has lines already, and a world begins with empty books: give it a database of its own "
            "(TALLYSTICK_DATA_DIR), or the folder in which its world was begun (--out)"
        )
    _keep(life, auditor, out=out, next_day=life.plan.begins_on)


def _shown(days: list[date], plan: WorldPlan, *, progress: Progress) -> Iterator[date]:
    """The days, with a bar over all of the plan's."""
    told = f"{plan.begins_on} – {plan.ends_on}, {plan.borrowers:,}"
    progress.step({"zh": f"模拟经济 {told} 人", "en": f"living through {told} people"})
    for day in days:
        yield day
        progress.advance(((day - plan.begins_on).days + 1) / len(plan.days))


def _keep(life: Life, auditor: Auditor, *, out: Path, next_day: date) -> None:
    """The state between two days."""
    state = _State(
        plan=life.plan,
        next_day=next_day,
        lives=life.lives.dump(),
        diary=life.diary.dump(),
        auditor=auditor.dump(),
    )
    with whole_file(out / _STATE) as file:
        file.write(msgspec.msgpack.encode(state))


def lived_until(out: Path) -> date | None:
    """The day that is next for the world in a folder, None where none has begun. Raises `OutputFault`."""
    kept = _kept(out / _STATE)
    return None if kept is None else kept.next_day


def fork_world(out: Path, *, into: Path) -> None:
    """Let a world go on in another folder as well, from where it is; one that goes on there already stays.

    Its lender's books are to be copied at the same moment.
    """
    into.mkdir(parents=True, exist_ok=True)
    if not (into / _STATE).exists():
        with whole_file(into / _STATE) as file:
            file.write((out / _STATE).read_bytes())


def write_streams(connection: Connection, out: Path, *, plan: WorldPlan, zone: tzinfo, progress: Progress) -> None:
    """The lender's streams, and those of orders, into `out/events`: whole or absent, those of an earlier end before."""
    events, partial = out / "events", out / ".events"
    shutil.rmtree(partial, ignore_errors=True)
    export_streams(connection, partial, progress=progress)
    write_order_streams(out / _TRUTH, partial, zone=zone, until=plan.ends_on)
    shutil.rmtree(events, ignore_errors=True)
    partial.rename(events)


def _kept(path: Path) -> _State | None:
    if not path.exists():
        return None
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_State)
    except msgspec.DecodeError as broken:
        raise OutputFault(f"{path}: is no state of a world ({broken}); name another folder") from broken


def _read(path: Path, plan: WorldPlan) -> _State | None:
    kept = _kept(path)
    if kept is None:
        return None
    if msgspec.structs.replace(kept.plan, months=plan.months) != plan:
        raise OtherWorld(f"{path}: holds the world of {kept.plan}; name another folder, or give the same plan")
    if kept.next_day > plan.ends_on:
        raise OtherWorld(f"{path}: has lived to {kept.next_day} already; give more months, or name another folder")
    return kept


def _at_speed(speed: float | None) -> Callable[[datetime], None]:
    """Wait until the instant has come, counted from the first one at which somebody waits."""
    begun: list[tuple[datetime, float]] = []

    def wait(at: datetime) -> None:
        if speed is None:
            return
        if not begun:
            begun.append((at, monotonic()))
        since, began_s = begun[0]
        sleep(max(0.0, (at - since).total_seconds() / speed - (monotonic() - began_s)))

    return wait
