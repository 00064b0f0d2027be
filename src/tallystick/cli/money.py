"""`tallystick money ...`: statements of banks and gateways taken in, and what they leave open."""

from collections.abc import Generator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from tallystick.bootstrap import (
    act_of,
    business_date,
    error_terminal,
    opened_books,
    settings,
    shown_progress,
    start_of_day,
    terminal,
)
from tallystick.reports.summary import Bilingual

if TYPE_CHECKING:
    from tallystick.operations.money_files import Imported

app = App(name="money", help="Money in and out: bank and gateway statements, suspense, reconciliation.")


@app.command(name="import")
def import_file(file: Path, /, *, channel: str, rejects: Path | None = None, by: str = "money-import") -> None:
    """Book a channel's statement: each row once, however often and in whatever files it comes.

    Parameters
    ----------
    file
        CSV with the columns reference, value_on, amount, currency and, where known, line, clears, returns
        (docs/money-files.md).
    channel
        Whose statement it is: bank, gateway or direct_debit.
    rejects
        Where to write the rows that are not booked, each with its reason; without it beside the file.
    by
        Who imports it.
    """
    from tallystick.operations.money_in import import_statement
    from tallystick.reports.money_terminal import STATEMENT_OUTCOMES

    with opened_books() as connection:
        steps = import_statement(connection, file, channel=channel, act=act_of(by))
        tell_imported(steps, file=file, rejects=rejects, outcomes=STATEMENT_OUTCOMES)


def tell_imported(
    steps: Generator[float, None, "Imported"], *, file: Path, rejects: Path | None, outcomes: Mapping[str, str]
) -> None:
    """Draw the import of a file, tell what became of it, and write what is not booked beside it or to `rejects`."""
    from tallystick.operations.money_files import write_rejects
    from tallystick.reports.money_terminal import imported_table

    language = settings().language
    step: Bilingual = {"zh": f"导入 {file.name}", "en": f"importing {file.name}"}
    with shown_progress(language) as progress:
        progress.step(step)
        imported = progress.through(steps)
    terminal().print(imported_table(imported, outcomes=outcomes, language=language))
    if imported.rejected:
        beside = rejects or file.with_suffix(".rejects.csv")
        write_rejects(beside, imported)
        error_terminal().print(str(beside), style="yellow", markup=False, soft_wrap=True)


@app.command
def suspense(*, out: Path | None = None) -> None:
    """Money that nothing explains yet, and what somebody says it is and waits for a second person.

    Parameters
    ----------
    out
        A CSV file to write all open items to; the terminal shows the twenty oldest.
    """
    from tallystick.operations.suspense import reconcile, write_items
    from tallystick.reports.money_terminal import proposals_table, suspense_table

    language = settings().language
    with opened_books() as connection, shown_progress(language) as progress:
        progress.step({"zh": "读取待查款项", "en": "reading suspense"})
        found = reconcile(connection, since=business_date())
    if out is not None:
        write_items(out, found.open_items)
    terminal().print(suspense_table(found.open_items, language=language))
    if found.waiting:
        terminal().print(proposals_table(found.waiting, language=language))


@app.command
def decided(*, since: date | None = None, out: Path | None = None) -> None:
    """What became of money in suspense: who said what it is, who agreed or not, when and why.

    Parameters
    ----------
    since
        The first day of decisions; without it the last 31 days.
    out
        A CSV file to write all of them to; the terminal shows the twenty latest.
    """
    from tallystick.operations.suspense import write_decided
    from tallystick.reports.money_terminal import decided_table
    from tallystick.storage.money_rows import decided as read

    with opened_books() as connection:
        found = read(connection, since=start_of_day(since or business_date() - timedelta(days=31)))
    if out is not None:
        write_decided(out, found)
    terminal().print(decided_table(found, language=settings().language))


@app.command
def resolve(item: str, /, *, by: str, reason: str, line: str | None = None, offset: str | None = None) -> None:
    """Say what an item of suspense is: a line's payment, the other half of another item, or else a difference to bear.

    Parameters
    ----------
    item
        The id that `money suspense` shows.
    by
        Who says so; another person approves.
    reason
        Why, for whoever reads this in a year.
    line
        The line whose payment it is.
    offset
        The item that it offsets: money that went out again, for money that came in.
    """
    from tallystick.operations.suspense import propose
    from tallystick.units.ids import IdPrefix, decode_id, encode_id

    with opened_books() as connection, connection.transaction():
        proposal = propose(
            connection,
            decode_id(IdPrefix.SUSPENSE_ITEM, item),
            line_id=None if line is None else decode_id(IdPrefix.LINE, line),
            offset_id=None if offset is None else decode_id(IdPrefix.SUSPENSE_ITEM, offset),
            reason=reason,
            act=act_of(by),
        )
    terminal().print(encode_id(IdPrefix.PROPOSAL, proposal.proposal_id))


@app.command
def approve(proposal: str, /, *, by: str) -> None:
    """Agree, as a second person: the money moves today."""
    _decide(proposal, by=by, agrees=True)


@app.command
def reject(proposal: str, /, *, by: str) -> None:
    """Do not agree: the item is open again."""
    _decide(proposal, by=by, agrees=False)


def _decide(proposal: str, *, by: str, agrees: bool) -> None:
    from tallystick.operations.suspense import decide
    from tallystick.units.ids import IdPrefix, decode_id

    with opened_books() as connection, connection.transaction():
        decided = decide(connection, decode_id(IdPrefix.PROPOSAL, proposal), agrees=agrees, act=act_of(by))
    zh, en = ("✓ 已同意", "✓ approved") if agrees else ("✓ 已驳回", "✓ rejected")
    terminal().print(f"{zh if settings().language == 'zh' else en} {proposal} ({decided.as_what})")


@app.command
def reconcile(*, since: date | None = None) -> None:
    """What the files said by day, what stands on the channels' accounts, and what is open; 1 where they disagree.

    Parameters
    ----------
    since
        The first booking day shown; without it the last 31 days.
    """
    import sys

    from tallystick.operations.suspense import reconcile as run
    from tallystick.reports.money_terminal import clearing_table, days_table, suspense_table, unexplained_text

    language = settings().language
    with opened_books() as connection, shown_progress(language) as progress:
        progress.step({"zh": "核对", "en": "reconciling"})
        found = run(connection, since=since or business_date() - timedelta(days=31))
    screen = terminal()
    screen.print(days_table(found.days, language=language))
    screen.print(clearing_table(found.balances, language=language))
    screen.print(suspense_table(found.open_items, language=language))
    unexplained = found.unexplained()
    if unexplained:
        screen.print(unexplained_text(unexplained, language=language))
        sys.exit(1)
