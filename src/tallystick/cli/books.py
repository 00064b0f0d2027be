"""Commands over the books: the close of a business day."""

from datetime import date, timedelta

from tallystick.bootstrap import act_of, business_date, database_place, settings, shown_progress, terminal
from tallystick.reports.summary import Bilingual


def close_day(day: date | None = None) -> None:
    """Close a business day that is over: statements, due dates, late fees, holds, and what has accrued.

    Parameters
    ----------
    day
        The day to close; without it yesterday. A close that was interrupted goes on where it was.
    """
    import psycopg

    from tallystick.operations.close_day import close_day as run
    from tallystick.operations.close_day import count_due
    from tallystick.operations.contract_changes import bind_due
    from tallystick.operations.database import ready_database
    from tallystick.operations.ledger import keep_books

    closed_on = day or business_date() - timedelta(days=1)
    language = settings().language
    with (
        ready_database(database_place()) as url,
        psycopg.connect(url, autocommit=True) as connection,
        shown_progress(language) as progress,
    ):
        due = count_due(connection, closed_on)
        step: Bilingual = {"zh": f"日终 {closed_on}", "en": f"close of {closed_on}"}
        progress.step(step)
        moved = 0
        for count in run(connection, closed_on, act=act_of("close-day")):
            moved += count
            progress.advance(moved / max(due, moved))
        progress.step({"zh": "合同变更生效", "en": "changes of contract"})
        for _ in bind_due(connection, until=business_date(), act=act_of("close-day")):
            pass  # each step commits by itself
        progress.step({"zh": "封印分录", "en": "transfers sealed"})
        for _ in keep_books(connection):
            pass  # each seal commits by itself; how many are left is not known before
    zh, en = f"✓ {closed_on}：处理 {moved:,} 条额度", f"✓ {closed_on}: {moved:,} lines moved"
    terminal().print(zh if language == "zh" else en)
