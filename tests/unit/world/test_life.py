"""A world of some hundred people, lived with a lender in memory: the same again, after a kill, under other limits."""

from collections.abc import Sequence
from datetime import date, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from tallystick.operations.progress import Silent
from tallystick.world.economy import acts
from tallystick.world.economy.acts import DONE, Answer, AnyAct, Step
from tallystick.world.economy.diary import TABLES
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_memory import InMemory, SameForAll
from tallystick.world.economy.life import Life
from tallystick.world.economy.lives import Lives, day_number
from tallystick.world.economy.plan import Climate, PlanFault, WorldPlan
from tallystick.world.economy.running import OtherWorld, run_world

ZONE = timezone(timedelta(hours=8))
PLAN = WorldPlan(seed=11, borrowers=300, months=8)


class OneLimit(InMemory):
    """The same limit for everybody; `seen` is everything that it was asked to do."""

    def __init__(self, limit_minor: int = 1_000_000, *, waits_from_minor: int | None = None) -> None:
        super().__init__(SameForAll(limit_minor), waits_from_minor=waits_from_minor)
        self.seen: list[tuple[Step, AnyAct, Answer]] = []
        self.steps = 0

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """What was done already is not seen again."""
        is_new = (step.day, step.number) not in self._told
        answers = super().do(step, acts)
        if is_new:
            self.steps += 1
            self.seen += [(step, act, answer) for act, answer in zip(acts, answers, strict=True)]
        return answers


def run(lender: acts.Lender, out: Path, plan: WorldPlan = PLAN) -> Life:
    """The whole plan."""
    return run_world(
        plan,
        lender,
        out=out,
        parameters=standard_economy(),
        zone=ZONE,
        progress=Silent(),
    )


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[OneLimit, Life, Path]:
    """A world that was lived once."""
    lender, out = OneLimit(), tmp_path_factory.mktemp("world")
    return lender, run(lender, out), out


class Killed(Exception):
    """The process ended."""


class KilledNowAndThen(OneLimit):
    """It does what is asked, and the world ends before it hears the answer."""

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Once in two hundred steps."""
        before = self.steps
        answers = super().do(step, acts)
        if self.steps > before and self.steps % 197 == 0:
            raise Killed
        return answers


def test_a_world_that_is_killed_and_goes_on_ends_as_if_it_had_not_been(
    lived: tuple[OneLimit, Life, Path], tmp_path: Path
) -> None:
    whole, life, out = lived
    lender, kills = KilledNowAndThen(), 0
    while True:
        try:
            again = run(lender, tmp_path)
            break
        except Killed:
            kills += 1
    assert kills > 3
    assert lender.seen == whole.seen
    assert (again.lives.dump(), again.diary.counts) == (life.lives.dump(), life.diary.counts)
    for name in TABLES:
        one, other = (pyarrow.parquet.read_table(folder / "truth" / name) for folder in (out, tmp_path))
        assert one.equals(other)
    assert run(lender, tmp_path).lives.dump() == life.lives.dump()  # nothing is left to live
    with pytest.raises(OtherWorld, match="give it a database of its own"):
        run(lender, tmp_path / "another")
    with pytest.raises(OtherWorld, match="has lived to 2026-09-01 already; give more months"):
        run(lender, tmp_path, replace(PLAN, months=7))
    with pytest.raises(OtherWorld, match="or give the same plan"):
        run(lender, tmp_path, replace(PLAN, seed=12))


def test_people_live_as_people_do(lived: tuple[OneLimit, Life, Path]) -> None:
    lender, life, out = lived
    counts = life.diary.counts
    assert counts["Apply offer"] > 150
    assert 0.5 < len(lender.columns) / counts["Apply offer"] < 0.99
    assert counts["Capture done"] < counts["Buy approve"] < 20 * len(lender.columns)
    assert 0.02 < counts["Refund done"] / counts["Capture done"] < 0.12
    repeats = sum(isinstance(act, acts.Pay) and answer.is_repeat for _, act, answer in lender.seen)
    assert 0 < repeats < counts["Pay done"] / 20
    bills = pyarrow.parquet.read_table(out / "truth" / "bills")
    unable = np.mean(bills["is_unable"].to_numpy(zero_copy_only=False)[bills["minimum_minor"].to_numpy() > 0])
    assert 0.005 < unable < 0.12
    columns = lender.columns
    assert 0 < np.mean(columns.days_past_due(day_number(date(2026, 9, 1))) > 30) < 0.2
    assert (columns.drawn_minor <= columns.limit_minor * 1.03).all()
    _the_books_add_up(lender)


def _the_books_add_up(lender: OneLimit) -> None:
    """What was bought and charged is paid, given back or still owed, to the cent."""
    done = [(act, answer) for _, act, answer in lender.seen if answer.outcome == DONE and not answer.is_repeat]
    moved = {kind: sum(answer.amount_minor for act, answer in done if isinstance(act, kind))
             for kind in (acts.Capture, acts.Refund, acts.Pay, acts.SendBack)}  # fmt: skip
    columns = lender.columns
    charges = columns.interest_minor.sum() + columns.fee_minor.sum() - columns.charges_lost_minor.sum()
    paid = moved[acts.Pay] - moved[acts.SendBack]
    assert columns.paid_minor.sum() == paid
    assert columns.owed_minor.sum() == moved[acts.Capture] - moved[acts.Refund] + charges - paid
    assert (columns.plan_left_minor == columns.plan_minor.sum(axis=1)).all()
    assert (columns.due_minor >= 0).all()
    assert (columns.held_minor >= 0).all()
    assert columns.interest_minor.sum() > 0
    assert columns.merchant_fee_minor.sum() > 0


def test_the_same_luck_under_other_limits_and_debt_follows_room_where_risk_is(
    lived: tuple[OneLimit, Life, Path], tmp_path: Path
) -> None:
    _, life, out = lived
    large = OneLimit(limit_minor=4_000_000)
    other = run(large, tmp_path)
    one, two = (pyarrow.parquet.read_table(folder / "truth" / "months").to_pandas() for folder in (out, tmp_path))
    both = one.merge(two, on=["month", "person"], suffixes=("", "_large"))
    assert (both.is_jobless == both.is_jobless_large).all()
    assert (both.is_active == both.is_active_large).all()
    same = both[(both.month == 7) & both.is_open & both.is_open_large].set_index("person")
    more = (same.drawn_minor_large - same.drawn_minor) / (4_000_000 - 1_000_000)
    weak = life.people.debt_share_of_limit[same.index] > np.median(life.people.debt_share_of_limit[same.index])
    assert more[weak].mean() > more[~weak].mean() + 0.02
    assert other.people.risk.tolist() == life.people.risk.tolist()


class EverySecond(OneLimit):
    """Every second person is offered four times as much as the others."""

    def _apply(self, act: acts.Apply) -> Answer:
        is_second = int(act.reference.split("-")[1]) % 2 == 1
        self.policy = SameForAll(4_000_000 if is_second else 1_000_000)
        return super()._apply(act)


def test_what_one_line_brings_does_not_hang_on_the_limits_of_others(
    lived: tuple[OneLimit, Life, Path], tmp_path: Path
) -> None:
    whole, life, _ = lived
    mixed = EverySecond()
    other = run(mixed, tmp_path)
    held = np.flatnonzero((life.lives.line_id > 0) & (np.arange(len(life.lives)) % 2 == 0))
    assert len(held) > 50
    assert (other.lives.line_id[held] > 0).all()
    one, two = (
        lender.figures().take(each.lives.line_id[held] - 1).drop_columns(["line_id"])
        for lender, each in ((whole, life), (mixed, other))
    )
    assert one.equals(two)
    assert mixed.columns.limit_minor.max() == 4_000_000


def test_what_an_analyst_passed_is_shipped_and_the_line_he_offered_is_answered(tmp_path: Path) -> None:
    lender = OneLimit(waits_from_minor=40_000)
    life = run(lender, tmp_path, replace(PLAN, months=4))
    passed, offered, followed = set[int](), set[int](), set[int]()
    for step, act, answer in lender.seen:
        match act:
            case acts.Judge(review_id=number) if step.day < date(2026, 4, 1):
                (passed if answer.outcome == "approve" else offered if answer.outcome == "offer" else set()).add(number)
            case acts.Capture() | acts.Void():
                followed.add(act.decision_id)
            case acts.AcceptLine():
                followed.add(act.application_id)
    assert len(passed) > 5
    assert len(offered) > 5
    assert passed | offered <= followed
    assert life.diary.counts["Judge decline"] < len(passed | offered) / 4
    assert not life.lives.waiting


def test_work_is_lost_in_a_recession(tmp_path: Path) -> None:
    def jobless(climate: Climate) -> float:
        plan = WorldPlan(seed=3, borrowers=4_000, months=1, climate=climate)
        life = Life(
            plan, OneLimit(), parameters=standard_economy(), zone=ZONE,
        )  # fmt: skip
        for month in range(12):
            life._turn_month(month)
        return float(life.lives.is_jobless.mean())

    assert jobless(Climate.RECESSION) > 1.3 * jobless(Climate.BASE)


def test_a_larger_world_begins_with_the_smaller_one() -> None:
    def people(count: int) -> Life:
        return Life(
            WorldPlan(seed=5, borrowers=count, months=1), OneLimit(), parameters=standard_economy(), zone=ZONE,
        )  # fmt: skip

    small, large = people(30).people, people(300).people
    for name in ("risk", "city", "household", "hears_on", "born_on", "debt_share_of_limit"):
        assert getattr(large, name)[:30].tolist() == getattr(small, name).tolist()


def test_lives_are_put_aside_and_taken_up_again(lived: tuple[OneLimit, Life, Path]) -> None:
    lives = lived[1].lives
    again = Lives.load(lives.dump())
    assert again.dump() == lives.dump()
    assert again.person_of(lives.line_id[lives.line_id > 0]).tolist() == np.flatnonzero(lives.line_id).tolist()


def test_a_plan_that_cannot_be_names_every_field() -> None:
    with pytest.raises(
        PlanFault, match=r"seed is -1.*luck is -2.*borrowers is 0.*months is 0.*begins_on is 2026-01-02.*reminder_days"
    ):
        WorldPlan(seed=-1, luck=-2, borrowers=0, months=0, begins_on=date(2026, 1, 2), reminder_days=(-40,))
