"""The demonstration from its first day to its report; killed, it goes on where it was."""

import shutil
from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from tallystick.operations.database import Where, discard_left_behind, ready_database
from tallystick.operations.deciding import Deciders
from tallystick.operations.learning import learn_from_streams
from tallystick.operations.products import product_named
from tallystick.operations.progress import Progress
from tallystick.operations.strategies import strategy_files, write_strategy
from tallystick.operations.whole_files import OutputFault, prepare_folder, whole_file
from tallystick.reports.demonstration_page import render_demonstration
from tallystick.reports.demonstration_summary import DemonstrationSummary, YearFigures
from tallystick.reports.learned_summary import LearnedModel
from tallystick.storage.database_copies import copy_database, database_name, database_url, has_database
from tallystick.trust.master_key import MasterKey, master_key_file
from tallystick.world.demonstration.arms import Arm, live, live_at_once, release_and_review
from tallystick.world.demonstration.lender import arms_damage_limits, highest_limits, highest_of, lender_files
from tallystick.world.demonstration.outcome import compared, year_figures
from tallystick.world.economy.in_process import open_lender
from tallystick.world.economy.plan import PlanFault, WorldPlan
from tallystick.world.economy.running import OtherWorld, fork_world, write_streams

_PRODUCT: Final = "baitiao"
_PLAN: Final = "plan.json"
_ELSEWHERE: Final = "postgres"  # a database is not copied while somebody is in it
_REVIEWS_FROM: Final = 6


class DemonstrationPlan(Struct, frozen=True, kw_only=True):
    """How many people, how long before the two arms and in them, and the seed. Raises `PlanFault`."""

    borrowers: int
    months: int
    months_after: int
    seed: int

    def __post_init__(self) -> None:
        if self.months_after < 1:
            raise PlanFault(f"months_after is {self.months_after}: give at least 1")
        self.world(self.months)

    def world(self, months: int) -> WorldPlan:
        """The world of so many months; limits are reviewed from month 6 on, and in any case once it parts."""
        return WorldPlan(
            seed=self.seed,
            borrowers=self.borrowers,
            months=months,
            reviews_from_month=min(_REVIEWS_FROM, self.months),
        )


def demonstrate(plan: DemonstrationPlan, *, out: Path, zone: tzinfo, progress: Progress) -> DemonstrationSummary:
    """Live the whole story in a folder with a database of its own (`data`), and give what its report shows.

    What is there already is not done again. Raises what `live_story` does, and what a database refuses.
    """
    prepare_folder(out)
    data = out / "data"
    if (out / _PLAN).exists() and not data.exists():
        raise OtherWorld(f"{data}: is gone, and the books with it; remove {out} as well, or name another folder")
    discard_left_behind(data)
    with ready_database(Where(url=None, data_folder=data)) as url:
        return live_story(plan, out=out, url=url, master_key=master_key_file(data), zone=zone, progress=progress)


def live_story(
    plan: DemonstrationPlan, *, out: Path, url: str, master_key: MasterKey, zone: tzinfo, progress: Progress
) -> DemonstrationSummary:
    """The same in a migrated database that nobody else uses; the champion's books are a copy beside it.

    Leaves in the folder `year` and `arms` (what is true), `strategies`, `summary.json` and `report.html`. Raises
    `OtherWorld` where it holds the demonstration of another plan, `OutputFault`, `BooksWrong` where the auditor finds
    something, and `NothingReviewed` where there were too few people for a line.
    """
    _must_be_this(plan, out / _PLAN)
    told = out / "summary.json"
    if not told.exists():
        story = _Story(plan, out, url=url, master_key=master_key, zone=zone, progress=progress)
        story.live_first_months()
        first_months = story.sum_up_first_months()
        models = story.learn()
        story.part()
        story.live_arms()
        summary = story.compare(first_months, models)
        _write(out / "report.html", render_demonstration(summary).encode())
        _write(told, msgspec.json.format(msgspec.json.encode(summary)))
    try:
        return msgspec.json.decode(told.read_bytes(), type=DemonstrationSummary)
    except msgspec.DecodeError as broken:
        raise OutputFault(f"{told}: is of another version ({broken}); remove it to have it written anew") from broken


class _Story:
    """The steps, each done once."""

    def __init__(
        self, plan: DemonstrationPlan, out: Path, *, url: str, master_key: MasterKey, zone: tzinfo, progress: Progress
    ) -> None:
        self._plan, self._out, self._progress, self._zone = plan, out, progress, zone
        first, all_months = plan.world(plan.months), plan.world(plan.months + plan.months_after)
        self._product = product_named(_PRODUCT)
        self._deciders = Deciders()
        self._own = database_name(url)
        self._copied = f"{self._own}_champion"
        self.year = Arm(
            name="year",
            url=url,
            folder=out / "year",
            plan=first,
            begins_on=first.begins_on,
            product_id=self._product.id,
            zone=zone,
            master_key=master_key,
        )
        self.champion, self.challenger = (
            replace(self.year, name=name, url=at, folder=out / "arms" / name, plan=all_months, begins_on=first.ends_on)
            for name, at in (("champion", database_url(url, name=self._copied)), ("challenger", url))
        )

    def live_first_months(self) -> None:
        """A young lender under the lower of the two highest limits; at the end its streams are written."""
        year = self.year
        if not year.is_over:
            self._open_lender()
            live(year, deciders=self._deciders, progress=self._progress)
        if not (year.folder / "events").exists():
            with psycopg.connect(year.url, autocommit=True) as connection:
                write_streams(connection, year.folder, plan=year.plan, zone=self._zone, progress=self._progress)

    def sum_up_first_months(self) -> YearFigures:
        """What the lender came to before its books part."""
        told = self._out / "year" / "figures.json"
        if not told.exists():
            _write(told, msgspec.json.encode(year_figures(self.year, deciders=self._deciders)))
        return msgspec.json.decode(told.read_bytes(), type=YearFigures)

    def _open_lender(self) -> None:
        at = datetime.combine(self.year.begins_on - timedelta(days=1), time(12), tzinfo=self._zone)
        files = lender_files(strategy_files(None), highest_minor=highest_limits().champion)
        with psycopg.connect(self.year.url, autocommit=True) as connection:
            open_lender(connection, self._product, at=at, zone=self._zone, files=files)

    def learn(self) -> tuple[LearnedModel, ...]:
        """Update the models on what the lender saw, and write both strategies: only the highest limit differs."""
        told = self._out / "models.json"
        if not told.exists():
            base = lender_files(strategy_files(None), highest_minor=highest_limits().champion)
            year = self.year
            learned = learn_from_streams(
                year.folder / "events", as_of=year.last_day, strategy=base, progress=self._progress
            )
            for arm, highest_minor in msgspec.structs.asdict(highest_limits()).items():
                _write_whole(lender_files(learned.files, highest_minor=highest_minor), self._strategy(arm))
            _write(told, msgspec.json.encode(learned.models))
        return msgspec.json.decode(told.read_bytes(), type=tuple[LearnedModel, ...])

    def _strategy(self, arm: str) -> Path:
        return self._out / "strategies" / arm

    def part(self) -> None:
        """Copy the books, let each arm's strategy decide in its copy, and review all limits in the first night."""
        arms = (self.champion, self.challenger)
        self._progress.step(
            {"zh": "复制账簿，两套策略各审全部额度", "en": "copying the books, reviewing all limits twice"}
        )
        with psycopg.connect(database_url(self.year.url, name=_ELSEWHERE), autocommit=True) as connection:
            if not has_database(connection, self._copied):
                copy_database(connection, source=self._own, name=self._copied)
        for place, arm in enumerate(arms):
            fork_world(self.year.folder, into=arm.folder)
            files = strategy_files(self._strategy(arm.name))
            because = f"highest limit {highest_of(arm.name):,} fen"
            release_and_review(arm, files, because=because, damage_limits=arms_damage_limits(), deciders=self._deciders)
            self._progress.advance((place + 1) / len(arms))

    def compare(self, first_months: YearFigures, models: tuple[LearnedModel, ...]) -> DemonstrationSummary:
        """Both arms beside each other and the truth."""
        self._progress.step({"zh": "对照真相，写报告", "en": "comparing with the truth, writing the report"})
        return compared(
            self.year, self.champion, self.challenger, first_months=first_months, models=models,
            deciders=self._deciders, seed=self._plan.seed,
        )  # fmt: skip

    def live_arms(self) -> None:
        """Both arms at once, in the same world."""
        plan = self._plan
        self._progress.step({
            "zh": f"冠军与挑战者各再经营 {plan.months_after} 个月（同样的冲击）",
            "en": f"champion and challenger live {plan.months_after} months more, with the same shocks",
        })  # fmt: skip
        live_at_once((self.champion, self.challenger), progress=self._progress)


def _must_be_this(plan: DemonstrationPlan, path: Path) -> None:
    if not path.exists():
        _write(path, msgspec.json.encode(plan))
        return
    try:
        known = msgspec.json.decode(path.read_bytes(), type=DemonstrationPlan)
    except msgspec.DecodeError as broken:
        raise OutputFault(f"{path}: is no plan of a demonstration ({broken}); name another folder") from broken
    if known != plan:
        raise OtherWorld(f"{path}: holds the demonstration of {known}; name another folder, or give the same figures")


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as file:
        file.write(content)


def _write_whole(files: Mapping[str, bytes], folder: Path) -> None:
    """A strategy's folder, whole or absent."""
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    write_strategy(files, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
