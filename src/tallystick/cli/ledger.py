"""`tallystick ledger ...`: the books read, sealed and proven."""

import sys

from cyclopts import App

from tallystick.bootstrap import opened_books, settings, shown_progress, terminal

app = App(name="ledger", help="The books: double entry, balances, and the proof of them.")


@app.command
def accounts() -> None:
    """The chart of accounts, with the balance of each code over all its owners."""
    from tallystick.operations.ledger import read_trial_balance
    from tallystick.reports.ledger_terminal import accounts_table

    with opened_books() as connection:
        rows = read_trial_balance(connection)
    terminal().print(accounts_table(rows, language=settings().language))


@app.command
def balance(code: str, owner: int = 0, /) -> None:
    """One account, exact at this instant.

    Parameters
    ----------
    code
        Its code in the chart of accounts, such as cash or credit_balance.
    owner
        The id of the line, merchant or product that owns it; 0 for the house.
    """
    from tallystick.operations.ledger import read_account
    from tallystick.reports.ledger_terminal import balances_table

    with opened_books() as connection:
        balances = read_account(connection, code=code, owner_id=owner)
    terminal().print(balances_table(balances, language=settings().language))


@app.command
def seal() -> None:
    """Seal every committed transfer into the chain; a server does it by itself every few seconds."""
    from tallystick.operations.ledger import keep_books
    from tallystick.reports.ledger_terminal import sealed_text

    with opened_books() as connection:
        sealed = sum(keep_books(connection))
    terminal().print(sealed_text(sealed, language=settings().language))


@app.command
def verify(*, anchor: str | None = None) -> None:
    """Prove all balances from the transfers, and the chain of seals; status 1 where anything is wrong.

    Parameters
    ----------
    anchor
        The head of the chain as an earlier proof printed it: shows whether the chain was cut short or made anew.
    """
    from tallystick.ledger.chain import read_anchor
    from tallystick.operations.ledger import verify as run
    from tallystick.reports.ledger_terminal import findings_table, head_text, proof_table, sound_text

    expected = None if anchor is None else read_anchor(anchor)
    language = settings().language
    with opened_books() as connection, shown_progress(language) as progress:
        verification = run(connection, progress=progress, anchor=expected)
    screen = terminal()
    screen.print(proof_table(verification, language=language))
    if verification.head is not None:
        screen.print(head_text(verification.head, language=language), soft_wrap=True)
    if not verification.is_sound:
        screen.print(findings_table(verification, language=language))
        sys.exit(1)
    screen.print(sound_text(language=language))
