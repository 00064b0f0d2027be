"""`tallystick debits ...`: mandates, a day's instructions to the bank, and the bank's answers."""

from datetime import date
from pathlib import Path
from typing import Literal

from cyclopts import App

from tallystick.bootstrap import act_of, business_date, opened_books, settings, shown_progress, terminal
from tallystick.cli.money import tell_imported
from tallystick.reports.summary import Bilingual

app = App(name="debits", help="Direct debits: mandates, instructions, answers, retries.")


@app.command
def mandate(
    line: str,
    /,
    *,
    reference: str,
    by: str,
    pays: Literal["all_due", "minimum"] = "all_due",
    given_on: date | None = None,
) -> None:
    """The borrower allowed debits for a line.

    Parameters
    ----------
    line
        The line's id.
    reference
        The bank's id of the mandate.
    by
        Who records it.
    pays
        What is taken: all that is due, or what keeps the line from being past due.
    given_on
        The day on which the borrower agreed; without it today.
    """
    from tallystick.operations.debits import give_mandate
    from tallystick.servicing.direct_debit import Pays
    from tallystick.units.ids import IdPrefix, decode_id

    with opened_books() as connection, connection.transaction():
        give_mandate(
            connection,
            decode_id(IdPrefix.LINE, line),
            reference=reference,
            pays=Pays(pays),
            given_on=given_on or business_date(),
            act=act_of(by),
        )
    terminal().print(f"✓ {reference}")


@app.command
def cancel(reference: str, /, *, reason: str, by: str) -> None:
    """A mandate is over.

    Parameters
    ----------
    reference
        The bank's id of the mandate.
    reason
        Why.
    by
        Who records it.
    """
    from tallystick.operations.debits import end_mandate

    with opened_books() as connection, connection.transaction():
        end_mandate(connection, reference, reason=reason, act=act_of(by))
    terminal().print(f"✓ {reference}")


@app.command
def run(*, out: Path, on: date | None = None, by: str = "debits") -> None:
    """Write a day's instructions to the bank; the same day again writes the same file and asks for nothing twice.

    Parameters
    ----------
    out
        The file to write.
    on
        The day; without it today.
    by
        Who runs it.
    """
    from tallystick.operations.debits import make_debits, write_instructions
    from tallystick.reports.debit_terminal import instructions_table

    language = settings().language
    run_on = on or business_date()
    step: Bilingual = {"zh": f"代扣 {run_on}", "en": f"debits of {run_on}"}
    with opened_books() as connection, connection.transaction(), shown_progress(language) as progress:
        progress.step(step)
        made = make_debits(connection, run_on, act=act_of(by), progress=progress)
        write_instructions(out, made)
    terminal().print(instructions_table(made, language=language))


@app.command
def results(file: Path, /, *, rejects: Path | None = None, by: str = "debits") -> None:
    """Book the bank's answers, each once: paid, failed with its code, or returned later.

    Parameters
    ----------
    file
        CSV with the columns debit, outcome, answered_on and code (docs/direct-debit.md).
    rejects
        Where to write the rows that are not booked, each with its reason; without it beside the file.
    by
        Who imports it.
    """
    from tallystick.operations.debits import import_answers
    from tallystick.reports.debit_terminal import ANSWER_OUTCOMES

    with opened_books() as connection:
        steps = import_answers(connection, file, act=act_of(by))
        tell_imported(steps, file=file, rejects=rejects, outcomes=ANSWER_OUTCOMES)


@app.command
def outstanding() -> None:
    """Instructions that the bank has not answered: none of them is tried again by itself."""
    from tallystick.reports.debit_terminal import instructions_table
    from tallystick.storage.debits import unanswered

    with opened_books() as connection:
        waiting = unanswered(connection)
    terminal().print(instructions_table(waiting, language=settings().language))


@app.command
def codes() -> None:
    """What each return code means, and what follows from it."""
    from tallystick.reports.debit_terminal import codes_table
    from tallystick.servicing.direct_debit import debit_rules

    terminal().print(codes_table(debit_rules(), language=settings().language))
