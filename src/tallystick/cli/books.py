"""Commands over the books: the close of a business day."""

from contextlib import ExitStack
from datetime import date, timedelta

from tallystick.bootstrap import act_of, business_date, database_place, settings, shown_progress, terminal
from tallystick.reports.summary import Bilingual


def close_day(day: date | None = None, *, workers: int = 1) -> None:
    """Close a business day that is over: statements, due dates, late fees, holds, and what has accrued.

    Parameters
    ----------
    day
        The last day to close; without it yesterday. Days before it that were missed are closed first, each by itself,
        and a close that was interrupted goes on where it was.
    workers
        How many move lines side by side, each over a connection of its own. Two keep Python and PostgreSQL at work,
        which takes some of the machine from payments meanwhile.
    """
    import psycopg

    from tallystick.operations.close_day import close_day as run
    from tallystick.operations.close_day import count_due, days_to_close
    from tallystick.operations.contract_changes import bind_due
    from tallystick.operations.database import ready_database
    from tallystick.operations.ledger import keep_books

    until = day or business_date() - timedelta(days=1)
    language = settings().language
    with (
        ready_database(database_place()) as url,
        psycopg.connect(url, autocommit=True) as connection,
        ExitStack() as opened,
        shown_progress(language) as progress,
    ):
        beside = [
            opened.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(workers if workers > 1 else 0)
        ]
        told: list[str] = []
        for closed_on in days_to_close(connection, until=until) or (until,):
            step: Bilingual = {"zh": f"日终 {closed_on}", "en": f"close of {closed_on}"}
            progress.step(step)
            due, moved = count_due(connection, closed_on), 0
            for count in run(connection, closed_on, act=act_of("close-day"), workers=beside):
                moved += count
                progress.advance(moved / max(due, moved))
            zh, en = f"✓ {closed_on}：处理 {moved:,} 条额度", f"✓ {closed_on}: {moved:,} lines moved"
            told.append(zh if language == "zh" else en)
        progress.step({"zh": "合同变更生效", "en": "changes of contract"})
        for _ in bind_due(connection, until=business_date(), act=act_of("close-day")):
            pass  # each step commits by itself
        progress.step({"zh": "封印分录", "en": "transfers sealed"})
        for _ in keep_books(connection):
            pass  # each seal commits by itself; how many are left is not known before
    terminal().print("\n".join(told))
