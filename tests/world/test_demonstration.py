"""The demonstration in small: its whole story, once, and again at no cost."""

from pathlib import Path

import psycopg
import pytest
from tests.deciding import SHANGHAI

from tallystick.operations.progress import Silent
from tallystick.reports.demonstration_summary import DemonstrationSummary
from tallystick.storage import database_copies
from tallystick.trust.master_key import MasterKey
from tallystick.world.demonstration.story import DemonstrationPlan, demonstrate, live_story
from tallystick.world.economy.plan import PlanFault
from tallystick.world.economy.running import OtherWorld

PLAN = DemonstrationPlan(borrowers=40, months=3, months_after=1, seed=4)


def story(database: str, out: Path, *, plan: DemonstrationPlan = PLAN) -> DemonstrationSummary:
    """All of it that is not there yet."""
    return live_story(
        plan, out=out, url=database, master_key=MasterKey(b"k" * 32), zone=SHANGHAI, progress=Silent()
    )  # fmt: skip


def test_the_story_is_lived_once_and_told_again(database_url: str, tmp_path: Path) -> None:
    try:
        told = story(database_url, tmp_path)
        assert told.year.lines > 2
        assert told.year.purchases > 10
        assert told.champion.forecast == told.challenger.forecast  # nobody is near the highest limit so soon
        assert told.champion.strategy_id != told.challenger.strategy_id
        assert told.differences["earned_minor"].champion > 0
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "无法区分" in page
        written = (tmp_path / "summary.json").read_bytes()
        assert story(database_url, tmp_path) == told
        assert (tmp_path / "summary.json").read_bytes() == written
        longer = DemonstrationPlan(borrowers=40, months=3, months_after=2, seed=4)
        with pytest.raises(OtherWorld, match="name another folder, or give the same figures"):
            story(database_url, tmp_path, plan=longer)
    finally:
        name = f"{database_copies.database_name(database_url)}_champion"
        with psycopg.connect(_elsewhere(database_url), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def test_a_story_whose_books_were_removed_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(OtherWorld, match=r"and the books with it; remove .* as well, or name another folder"):
        demonstrate(PLAN, out=tmp_path, zone=SHANGHAI, progress=Silent())


def _elsewhere(url: str) -> str:
    return database_copies.database_url(url, name="postgres")


def test_a_story_needs_a_future() -> None:
    with pytest.raises(PlanFault, match="months_after is 0: give at least 1"):
        DemonstrationPlan(borrowers=40, months=3, months_after=0, seed=4)
