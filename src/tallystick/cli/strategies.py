"""Commands over strategy folders: copy, check, compare, and explain how one case is decided."""

from datetime import date
from pathlib import Path

from cyclopts import App

from tallystick.bootstrap import business_date, settings, terminal
from tallystick.strategy.case_columns import CheckpointName

app = App(name="strategy", help="The rules, tables and economics that decide.")


@app.command
def init(folder: Path) -> None:
    """Copy the standard strategy into a new folder, to be edited by you.

    Parameters
    ----------
    folder
        A folder that is new or empty.
    """
    from tallystick.operations.strategies import copy_standard_strategy

    terminal().print("\n".join(str(folder / name) for name in copy_standard_strategy(folder)), markup=False)


@app.command
def check(folder: Path, *, as_of: date | None = None) -> None:
    """Say everything that is wrong with a strategy folder, and what its tables were proven to cover.

    Parameters
    ----------
    folder
        The strategy's folder.
    as_of
        The day whose law holds; without it today.
    """
    from tallystick.operations.strategies import coverage_of, read_whole_strategy

    strategy = read_whole_strategy(folder, on=as_of or business_date())
    screen, language = terminal(), settings().language
    for told in coverage_of(strategy):
        screen.print(told[language], markup=False)
    screen.print(f"✓ {strategy.review.name} {strategy.review.sha256[:24]}")


@app.command
def diff(before: Path, after: Path) -> None:
    """Say what two strategy folders differ in: texts, rows, thresholds, features, models.

    Parameters
    ----------
    before
        The strategy's folder as it was.
    after
        The strategy's folder as it is to be.
    """
    from tallystick.operations.strategies import compare_strategies
    from tallystick.reports.strategy_terminal import differences_text

    terminal().print(differences_text(compare_strategies(before, after), language=settings().language), soft_wrap=True)


@app.command
def explain(folder: Path, checkpoint: CheckpointName, *, case: Path) -> None:
    """Decide one case and show every row that it met, and what the borrower is told.

    Parameters
    ----------
    folder
        The strategy's folder.
    checkpoint
        Where the case is decided: apply or authorize.
    case
        JSON: the case's figures, features and scores by name. What may be missing and is not given is missing.
    """
    from tallystick.operations.strategies import explain_case_file
    from tallystick.reports.strategy_terminal import explanation_text, trace_table

    explained = explain_case_file(folder, checkpoint=checkpoint, case=case)
    screen, language = terminal(), settings().language
    screen.print(trace_table(explained.checkpoint, explained.trace, language=language))
    screen.print(explanation_text(explained.explanation, language=language))
