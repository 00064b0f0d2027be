"""Commands over the simulated economy."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Parameter

from tallystick.bootstrap import BUSINESS_ZONE, master_key, opened_books, settings, shown_progress, terminal
from tallystick.world.economy.plan import REMINDER_DAYS, Climate, WorldPlan

if TYPE_CHECKING:
    from tallystick.terms.product import Product
    from tallystick.world.economy.acts import Lender

app = App(name="world", help="A simulated economy that lives with the real product.")

_PRODUCT: Final = "baitiao"
_SUMMARY: Final = "summary.json"
_EVENTS: Final = "events"


@app.command
def run(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    borrowers: int = 1_000,
    months: int = 12,
    seed: int = 1,
    out: Path,
    strategy: Path | None = None,
    climate: Climate = Climate.BASE,
    macro: Path | None = None,
    reviews_from_month: int = 6,
    reminders: bool = True,
    speed: float | None = None,
    api: str | None = None,
    token: Annotated[str, Parameter(env_var="TALLYSTICK_TOKEN")] = "",
    second_token: Annotated[str, Parameter(env_var="TALLYSTICK_SECOND_TOKEN")] = "",
) -> None:
    """Let people live with this lender, day by day, in an empty database; killed, it goes on where it was.

    Parameters
    ----------
    borrowers
        How many people there are.
    months
        How long they live.
    seed
        Another seed, another world; the same one, the same world.
    out
        Folder for what is true (truth/), what the lender's streams hold (events/), and summary.json.
    strategy
        Folder of the strategy that decides; without it the standard one.
    climate
        What becomes of the economy; a recession begins with the world.
    macro
        Scenario of unemployment by quarter, or a folder of the Federal Reserve's: the path of a recession; without it
        the shipped one.
    reviews_from_month
        From which month on limits are reviewed, on the first of each.
    reminders
        Whether the lender reminds of bills: three days before they are due and three days after.
    speed
        So many times faster than real time; without it as fast as it can.
    api
        Address of a server on this database (`tallystick serve --stands-at`), to which people speak over HTTP; without
        it they speak to the product in this process.
    token
        A key of every scope, with which they ask.
    second_token
        Another holder's key, for what takes two persons.
    """
    import msgspec

    from tallystick.operations.products import product_named
    from tallystick.operations.strategies import strategy_files
    from tallystick.operations.whole_files import whole_file
    from tallystick.reports.world_terminal import book_table, done_table
    from tallystick.world.economy.economy_parameters import standard_economy
    from tallystick.world.economy.in_process import InProcess, open_lender
    from tallystick.world.economy.running import run_world, write_streams
    from tallystick.world.economy.scenarios import recession_rise
    from tallystick.world.economy.summary import RunSummary, book_figures

    plan = WorldPlan(
        seed=seed,
        borrowers=borrowers,
        months=months,
        climate=climate,
        recession_rise=() if macro is None else recession_rise(macro),
        reviews_from_month=reviews_from_month,
        reminder_days=REMINDER_DAYS if reminders else (),
    )
    product, language = product_named(_PRODUCT), settings().language
    opens_at = datetime.combine(plan.begins_on - timedelta(days=1), time(12), tzinfo=BUSINESS_ZONE)
    with opened_books() as connection, shown_progress(language) as progress, ExitStack() as opened:
        open_lender(connection, product, at=opens_at, zone=BUSINESS_ZONE, files=strategy_files(strategy))
        operator = InProcess(connection, product_id=product.id, zone=BUSINESS_ZONE, master_key=master_key())
        asked = None if api is None else opened.enter_context(_over_http(api, token, second_token, operator, product))
        lender = operator if asked is None else asked
        life = run_world(
            plan,
            lender,
            out=out,
            parameters=standard_economy(),
            zone=BUSINESS_ZONE,
            progress=progress,
            books=connection,
            speed=speed,
        )
        write_streams(connection, out, plan=plan, zone=BUSINESS_ZONE, progress=progress)
        summary = RunSummary(plan, plan.ends_on, life.diary.counts, book_figures(lender.standing()))
        with whole_file(out / _SUMMARY) as file:
            file.write(msgspec.json.format(msgspec.json.encode(summary)))
    screen = terminal()
    screen.print(done_table(summary.counts, language=language))
    screen.print(book_table(msgspec.structs.asdict(summary.book), language=language))
    screen.print(str(out), markup=False)


@contextmanager
def _over_http(api: str, token: str, second_token: str, operator: "Lender", product: "Product") -> "Iterator[Lender]":
    """A lender that is asked over HTTP, and whose nights an operator does."""
    import httpx

    from tallystick.world.economy.api_client import ApiClient
    from tallystick.world.economy.over_http import OverHttp

    with httpx.Client(base_url=api, timeout=30) as client:
        asked, second = (ApiClient(client, token=each) for each in (token, second_token))
        yield OverHttp(asked, second, nights=operator, product=product)


@app.command
def priors(*, out: Path, world: Path, borrowers: int = 2_500, months: int = 18, seed: int = 7) -> None:
    """Let a larger world live, and train the models that a young lender starts from on what its lender saw.

    It wants an empty database, as `run` does. Killed, it goes on where it was; a world that has lived is trained on.

    Parameters
    ----------
    out
        Folder for the models, one in each; those that ship are in src/tallystick/scoring/priors.
    world
        Folder of the world, and of the models' reports (models/).
    borrowers
        How many people there are.
    months
        How long they live.
    seed
        Another seed, another world.
    """
    import shutil

    import msgspec

    from tallystick.operations.priors import train_priors
    from tallystick.reports.training_terminal import contenders_table, verdict_text
    from tallystick.world.economy.running import OtherWorld
    from tallystick.world.economy.summary import RunSummary

    plan, told = WorldPlan(seed=seed, borrowers=borrowers, months=months), world / _SUMMARY
    if not told.exists():
        run(borrowers=borrowers, months=months, seed=seed, out=world)
    lived = msgspec.json.decode(told.read_bytes(), type=RunSummary).plan
    if lived != plan:
        raise OtherWorld(f"{told}: is of {lived}; name another folder, or give the same plan")
    language = settings().language
    with shown_progress(language) as progress:
        reports = train_priors(world / _EVENTS, out=out, reports=world / "models", progress=progress)
    shutil.copyfile(told, out / "world.json")
    screen = terminal()
    for report in reports:
        screen.print(contenders_table(report, language=language))
        screen.print(verdict_text(report, language=language), markup=False, soft_wrap=True)
    screen.print(str(out), markup=False)


@app.command
def portfolio(*, out: Path, lines: int = 20_000, seed: int = 1) -> None:
    """Simulate a portfolio of lines with known truth, for `tallystick review --mapping tallystick`.

    Parameters
    ----------
    out
        Folder for portfolio.parquet, which a lender would see, and truth.parquet, which no lender sees.
    lines
        How many credit lines to simulate.
    seed
        Another seed, another portfolio.
    """
    from tallystick.world.portfolio_files import write_portfolio

    with shown_progress(settings().language) as progress:
        write_portfolio(out, lines=lines, seed=seed, progress=progress)
    terminal().print(str(out), markup=False)
