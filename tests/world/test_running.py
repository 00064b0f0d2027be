"""A world that lives with the product itself: audited every day, killed now and then, and the same in the end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import psycopg
import pyarrow.parquet
import pytest
from tests.conftest import copied_database
from tests.deciding import SHANGHAI
from tests.world.test_in_process import midnight

from tallystick.operations.deciding import Deciders
from tallystick.operations.progress import Silent
from tallystick.operations.strategies import strategy_files
from tallystick.storage.embedded import Running
from tallystick.terms.catalog import shipped_products
from tallystick.trust.master_key import MasterKey
from tallystick.world.economy.acts import Answer, AnyAct, Step
from tallystick.world.economy.diary import TABLES
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_process import InProcess, open_lender
from tallystick.world.economy.life import Life
from tallystick.world.economy.living_parameters import standard_living
from tallystick.world.economy.plan import WorldPlan
from tallystick.world.economy.running import BooksWrong, run_world

PLAN = WorldPlan(seed=2, borrowers=60, months=2, reviews_from_month=1)
# Of these databases alone: another one's release of the same number is another strategy.
DECIDERS = Deciders()
# They come within days, so that two months are enough to see.
LIVING = replace(standard_living(), arriving=replace(standard_living().arriving, half_life_days=10))
# What tells whether two books are the same ones.
BOOKS = (
    "SELECT decision_id, outcome, line_id, amount_minor, decided_at FROM decisions ORDER BY decision_id",
    "SELECT transfer_id, debit_owner, credit_owner, amount_minor FROM transfers ORDER BY transfer_id",
    "SELECT line_id, limit_minor, drawn_minor, held_minor, as_of FROM lines ORDER BY line_id",
    "SELECT line_id, number, closing_minor, minimum_due_minor FROM statements ORDER BY line_id, number",
)


class Killed(Exception):
    """The process ended."""


class KilledNowAndThen(InProcess):
    """The product, in a process that ends before it hears an answer, once in so many steps."""

    steps = 0

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Done, and not heard."""
        answers = super().do(step, acts)
        KilledNowAndThen.steps += 1
        if KilledNowAndThen.steps % 37 == 0:
            raise Killed
        return answers


@pytest.fixture(scope="module")
def opened_database(server: Running, template_database: str) -> Iterator[str]:
    """The name of a database with a lender that has no borrowers yet."""
    with copied_database(server, template_database) as url, psycopg.connect(url, autocommit=True) as connection:
        before = midnight(PLAN.begins_on) - timedelta(hours=1)
        open_lender(connection, shipped_products()["baitiao"], at=before, zone=SHANGHAI, files=strategy_files(None))
        [name] = connection.execute("SELECT current_database()").fetchone() or [""]
        connection.close()
        yield name


def run(
    connection: psycopg.Connection, out: Path, kind: type[InProcess] = InProcess, *, plan: WorldPlan = PLAN
) -> Life:
    """A whole plan."""
    lender = kind(
        connection, product_id="baitiao", zone=SHANGHAI, master_key=MasterKey(b"k" * 32), deciders=DECIDERS
    )  # fmt: skip
    return run_world(
        plan,
        lender,
        out=out,
        parameters=msgspec.structs.replace(standard_economy(), living=LIVING),
        zone=SHANGHAI,
        progress=Silent(),
        books=connection,
    )


def books_of(connection: psycopg.Connection) -> list[list[tuple[object, ...]]]:
    """What they tell."""
    return [connection.execute(query.encode()).fetchall() for query in BOOKS]


def test_two_worlds_of_one_seed_make_the_same_books_also_where_one_is_killed(
    server: Running, opened_database: str, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with (
        copied_database(server, opened_database) as url,
        copied_database(server, opened_database) as second_url,
        psycopg.connect(url, autocommit=True) as first,
        psycopg.connect(second_url, autocommit=True) as second,
    ):
        life, kills = run(first, one), 0
        while True:
            try:
                again = run(second, other, KilledNowAndThen)
                break
            except Killed:
                kills += 1
        assert kills > 2
        assert life.diary.counts["Buy approve"] > 60
        assert life.diary.counts["Pay done"] > 5
        assert (again.diary.counts, again.lives.dump()) == (life.diary.counts, life.lives.dump())
        assert books_of(second) == books_of(first)
        for name in TABLES:
            told, retold = (pyarrow.parquet.read_table(folder / "truth" / name) for folder in (one, other))
            assert told.equals(retold)
        first.execute("UPDATE shared_balances SET debit_minor = debit_minor + 1 WHERE debit_minor > 0")
        with pytest.raises(BooksWrong, match=r"findings in the books after 2026-03-01"):
            run(first, one, plan=msgspec.structs.replace(PLAN, months=3))
