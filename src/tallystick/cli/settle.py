"""`tallystick settle ...`: merchants are paid what is due to them, net, as transfers and as files."""

from datetime import date
from pathlib import Path

from cyclopts import App

from tallystick.bootstrap import (
    act_of,
    business_date,
    error_terminal,
    opened_books,
    settings,
    shown_progress,
    terminal,
)
from tallystick.cli.money import tell_imported
from tallystick.reports.summary import Bilingual

app = App(name="settle", help="Settlement to merchants: net of fees, subsidies and refunds.")


@app.command
def merchant(id_: str, /, *, reference: str, hold_days: int = 1, least_payout_minor: int = 1, by: str) -> None:
    """Give a merchant's terms, or change them for what is settled from now on.

    Parameters
    ----------
    id_
        The merchant's id as drawdowns name it.
    reference
        The lender's own id of the merchant.
    hold_days
        Days from an order until it is paid out.
    least_payout_minor
        The least amount worth a transfer, in minor units; less is carried to the next run.
    by
        Who says so.
    """
    from tallystick.operations.settlement import register
    from tallystick.units.ids import IdPrefix, decode_id

    with opened_books() as connection, connection.transaction():
        register(
            connection,
            decode_id(IdPrefix.MERCHANT, id_),
            reference=reference,
            hold_days=hold_days,
            least_payout_minor=least_payout_minor,
            act=act_of(by),
        )


@app.command
def run(*, out: Path, on: date | None = None, by: str = "settle") -> None:
    """Settle with every merchant what is due by a day; the same day again writes the same files and pays nothing.

    Parameters
    ----------
    out
        The file with a row for each merchant; the transfers behind it are written beside it (`.detail.csv`).
    on
        The day; without it today.
    by
        Who runs it.
    """
    from tallystick.operations.settlement import settle_day, write_files
    from tallystick.reports.settlement_terminal import settled_table, unregistered_text, was_settled_text

    language = settings().language
    run_on = on or business_date()
    settling: Bilingual = {"zh": f"结算 {run_on}", "en": f"settlement of {run_on}"}
    with opened_books() as connection, connection.transaction(), shown_progress(language) as progress:
        progress.step(settling)
        settled = settle_day(connection, run_on, act=act_of(by))
        progress.step({"zh": f"写入 {out.name}", "en": f"writing {out.name}"})
        write_files(connection, settled, summary=out, detail=out.with_suffix(".detail.csv"))
    if settled.was_settled:
        error_terminal().print(was_settled_text(run_on, language=language))
    terminal().print(settled_table(settled.settlements, language=language))
    if settled.unregistered:
        error_terminal().print(unregistered_text(settled.unregistered, language=language))


@app.command
def results(file: Path, /, *, rejects: Path | None = None, by: str = "settle") -> None:
    """Keep the bank's answers to payouts, each once: paid, or returned and owed to the merchant again.

    Parameters
    ----------
    file
        CSV with the columns settlement, outcome, answered_on, reference and reason (docs/settlement.md).
    rejects
        Where to write the rows that are not booked, each with its reason; without it beside the file.
    by
        Who imports it.
    """
    from tallystick.operations.payouts import import_payout_answers
    from tallystick.reports.settlement_terminal import PAYOUT_OUTCOMES

    with opened_books() as connection:
        steps = import_payout_answers(connection, file, act=act_of(by))
        tell_imported(steps, file=file, rejects=rejects, outcomes=PAYOUT_OUTCOMES)


@app.command
def outstanding() -> None:
    """Payouts of which the bank has said nothing yet."""
    from tallystick.reports.settlement_terminal import payouts_table
    from tallystick.storage.settlements import unanswered_payouts

    with opened_books() as connection:
        waiting = unanswered_payouts(connection)
    terminal().print(payouts_table(waiting, language=settings().language))


@app.command
def returned(settlement: str, /, *, reference: str, reason: str, by: str) -> None:
    """A bank sent a payout back: the merchant is owed it again, and the next run pays it.

    Parameters
    ----------
    settlement
        The id that the settlement file has.
    reference
        The bank's reference of what came back.
    reason
        Why, as the bank says.
    by
        Who records it.
    """
    from tallystick.operations.settlement import payout_came_back
    from tallystick.units.ids import IdPrefix, decode_id

    with opened_books() as connection, connection.transaction():
        is_new = payout_came_back(
            connection,
            decode_id(IdPrefix.SETTLEMENT, settlement),
            reference=reference,
            reason=reason,
            act=act_of(by),
        )
    new, known = ("✓ 已记录", "✓ 此前已记录") if settings().language == "zh" else ("✓ recorded", "✓ known before")
    terminal().print(new if is_new else known)
