"""The command of the demonstration."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tallystick.bootstrap import BUSINESS_ZONE, settings, shown_progress, terminal
from tallystick.config import Language


def demo(
    *,
    out: Path,
    borrowers: int = 250,
    months: int = 12,
    months_after: int = 6,
    seed: int = 1,
    language: Annotated[Language | None, Parameter(negative="")] = None,
) -> None:
    """Live the whole story: a young lender, what it learns, and two highest limits under the same shocks.

    A database of its own stands in the folder, whatever TALLYSTICK_DATA_DIR says. Killed, it goes on where it was.

    Parameters
    ----------
    out
        Folder for the database (data/), what is true, the two strategies, summary.json and report.html.
    borrowers
        How many people there are.
    months
        How long the lender lives before the two arms part.
    months_after
        How long champion and challenger live after that.
    seed
        Another seed, another world.
    language
        Of the terminal: zh or en; without it that of the settings. The report always holds both.
    """
    chosen = settings().language if language is None else language

    from tallystick.reports.demonstration_terminal import demonstration_finding, demonstration_tables, next_looks
    from tallystick.units.ids import IdPrefix, encode_id
    from tallystick.world.demonstration.story import DemonstrationPlan, demonstrate

    plan = DemonstrationPlan(borrowers=borrowers, months=months, months_after=months_after, seed=seed)
    with shown_progress(chosen) as progress:
        summary = demonstrate(plan, out=out, zone=BUSINESS_ZONE, progress=progress)
    screen = terminal()
    for table in demonstration_tables(summary, language=chosen):
        screen.print(table)
    screen.print(demonstration_finding(summary, language=chosen))
    looks = next_looks(
        report=str(out / "report.html"),
        data=str(out / "data"),
        strategies=str(out / "strategies"),
        decision=encode_id(IdPrefix.DECISION, summary.example_decision),
        language=chosen,
    )
    screen.print(looks, soft_wrap=True, markup=False)
