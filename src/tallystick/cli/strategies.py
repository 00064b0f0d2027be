"""Commands over strategies: copy, check, compare and explain a folder; submit, approve, promote and roll back."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cyclopts import App

from tallystick.bootstrap import act_of, business_date, error_terminal, opened_books, settings, shown_progress, terminal
from tallystick.strategy.checkpoint_names import CheckpointName

if TYPE_CHECKING:
    from psycopg import Connection

    from tallystick.operations.strategy_life import StrategyRefusal
    from tallystick.storage.strategies import Release
    from tallystick.strategy.assignment import Challenger

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
def learn(events: Path, *, out: Path, strategy: Path | None = None, as_of: date | None = None) -> None:
    """Update the shipped models of applications, behavior and fraud on a lender's own streams, into a strategy.

    Parameters
    ----------
    events
        Folder of the lender's streams, as `tallystick world run` leaves it in events/.
    out
        A new folder for the strategy with its models.
    strategy
        The strategy's folder; without it the standard one.
    as_of
        The day by whose end it is known what is learned from; without it today.
    """
    from tallystick.operations.learning import learn_from_streams
    from tallystick.operations.strategies import strategy_files, write_strategy
    from tallystick.reports.learned_terminal import learned_table

    language = settings().language
    with shown_progress(language) as progress:
        learned = learn_from_streams(
            events, as_of=as_of or business_date(), strategy=strategy_files(strategy), progress=progress
        )
    write_strategy(learned.files, out)
    screen = terminal()
    screen.print(learned_table(learned.models, language=language))
    screen.print(str(out), markup=False)


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
        Where the case is decided: apply, authorize, review_limit or reprice.
    case
        JSON: the case's figures, features and scores by name. What may be missing and is not given is missing.
    """
    from tallystick.operations.strategies import explain_case_file
    from tallystick.reports.strategy_terminal import explanation_text, trace_table

    explained = explain_case_file(folder, checkpoint=checkpoint, case=case)
    screen, language = terminal(), settings().language
    screen.print(trace_table(explained.checkpoint, explained.trace, language=language))
    screen.print(explanation_text(explained.explanation, language=language))


@app.command
def submit(folder: Path, *, by: str) -> None:
    """Check a strategy folder and keep it, for a second person to approve.

    Parameters
    ----------
    folder
        The strategy's folder.
    by
        Who submits it, and so cannot approve it.
    """
    from tallystick.operations.strategies import strategy_files
    from tallystick.operations.strategy_life import submit as run

    with opened_books() as connection, connection.transaction():
        submitted = run(connection, strategy_files(folder), act=act_of(by))
    _tell("submitted" if submitted.is_new else "submitted_before", submitted.name, submitted.strategy_id)


@app.command
def approve(strategy: str, /, *, by: str, note: str = "") -> None:
    """Agree, as a second person, that a submitted strategy may decide.

    Parameters
    ----------
    strategy
        Its hash, or the first digits of it.
    by
        Who approves; not who submitted it.
    note
        What was looked at.
    """
    from tallystick.operations.strategy_life import StrategyRefusal
    from tallystick.operations.strategy_life import approve as run

    with opened_books() as connection, connection.transaction():
        approved = run(connection, strategy, note=note, act=act_of(by))
    if isinstance(approved, StrategyRefusal):
        refuse(approved)
    else:
        _tell("approved", approved.name, approved.strategy_id)


@app.command
def promote(
    strategy: str,
    /,
    *,
    by: str,
    because: str,
    challenger: list[str] | None = None,
    damage_limits: Path | None = None,
) -> None:
    """Let an approved strategy decide from now on.

    Parameters
    ----------
    strategy
        The champion's hash, or the first digits of it.
    by
        Who promotes it.
    because
        Why.
    challenger
        HASH=PERCENT: another approved strategy, and the percent of borrowers for whom it decides.
    damage_limits
        A file of damage limits, beyond which the release is undone by itself; without it those that ship.
    """
    from tallystick.operations.damage import read_damage_limits_file
    from tallystick.operations.strategy_life import promote as run

    challengers = _challengers(challenger or ())
    limits = None if damage_limits is None else read_damage_limits_file(damage_limits)
    with opened_books() as connection, connection.transaction():
        release = run(connection, strategy, challengers, because=because, act=act_of(by), damage_limits=limits)
        unfit = _unfit(connection)
    _tell_releases(release)
    tell_unfit(unfit)


@app.command
def rollback(*, by: str, because: str) -> None:
    """Let the release before the last promotion decide again.

    Parameters
    ----------
    by
        Who rolls back.
    because
        Why.
    """
    from tallystick.operations.strategy_life import roll_back

    with opened_books() as connection, connection.transaction():
        release = roll_back(connection, because=because, act=act_of(by))
        unfit = _unfit(connection)
    _tell_releases(release)
    tell_unfit(unfit)


@app.command
def releases(*, most: int = 20) -> None:
    """Show which strategies decide now, and which did before, and how often persons decided otherwise.

    Parameters
    ----------
    most
        How many releases to show, the latest first.
    """
    from tallystick.storage.overrides import override_counts
    from tallystick.storage.strategies import releases as made

    with opened_books() as connection:
        counts = override_counts(connection)
        overridden = {each: (counted.overridden, counted.applications) for each, counted in counts.items()}
        _show_releases(made(connection, most=most), overridden=overridden)


@app.command
def damage(*, limits: bool = False) -> None:
    """Show what the release in force decides, beside its damage limits.

    Parameters
    ----------
    limits
        Print the limits that ship instead, to be edited by you.
    """
    from tallystick.operations.damage import damage_of_release
    from tallystick.reports.damage_terminal import damage_tables, damage_verdict
    from tallystick.strategy.damage_limits import shipped_damage_limits_text

    screen, language = terminal(), settings().language
    if limits:
        screen.print(shipped_damage_limits_text(), markup=False, highlight=False, soft_wrap=True, end="")
        return
    with opened_books() as connection:
        found = damage_of_release(connection, at=act_of("damage").at)
    number = 0 if found.release is None else found.release.number
    for table in damage_tables(found.figures, release=number, language=language):
        screen.print(table)
    screen.print(damage_verdict(found.figures, language=language), markup=False)


def _challengers(given: Sequence[str]) -> "list[Challenger]":
    from decimal import Decimal, InvalidOperation

    from tallystick.strategy.assignment import Challenger
    from tallystick.strategy.economics import StrategyFaults
    from tallystick.units.rates import PPM

    challengers: list[Challenger] = []
    for each in given:
        named, _, percent = each.partition("=")
        try:
            share_ppm = Decimal(percent) * PPM / 100
        except InvalidOperation:
            share_ppm = Decimal("NaN")
        if not named or not share_ppm.is_finite() or share_ppm != share_ppm.to_integral_value():
            raise StrategyFaults([f"challenger: {each!r}: give the hash and a percentage, such as 1a2b3c4d=5"])
        challengers.append(Challenger(named, int(share_ppm)))
    return challengers


def _tell_releases(release: "Release | StrategyRefusal") -> None:
    from tallystick.operations.strategy_life import StrategyRefusal

    if isinstance(release, StrategyRefusal):
        refuse(release)
    else:
        _show_releases([release], overridden={})


def _show_releases(made: "Sequence[Release]", *, overridden: "Mapping[str, tuple[int, int]]") -> None:
    from tallystick.reports.release_terminal import ReleaseTold, releases_table

    told = [
        ReleaseTold(
            number=release.number,
            champion=release.champion_id,
            challengers=[(each.name, each.share_ppm) for each in release.challengers],
            undoes=release.undoes_number,
            released_by=release.released_by,
            released_at=release.released_at.strftime("%Y-%m-%d %H:%M UTC"),
            because=release.because,
        )
        for release in made
    ]
    terminal().print(releases_table(told, overridden=overridden, language=settings().language))


def _tell(key: str, name: str, strategy_id: str) -> None:
    from tallystick.reports.release_terminal import step_text

    told = step_text(key, language=settings().language, name=name, strategy=strategy_id)
    terminal().print(f"✓ {told}", markup=False, soft_wrap=True)


def _unfit(connection: "Connection") -> "list[tuple[date, StrategyRefusal]]":
    from tallystick.operations.strategy_life import release_unfit

    return list(release_unfit(connection, since=business_date()))


def tell_unfit(unfit: "Sequence[tuple[date, StrategyRefusal]]") -> None:
    """Say from which days on what decides does not fit what is sold."""
    for day, refusal in unfit:
        terminal().print(f"! {day}: {refusal_text(refusal)}", style="yellow", markup=False, soft_wrap=True)


def refuse(refusal: "StrategyRefusal") -> NoReturn:
    """Say why not, with the way out, and end with status 2."""
    told = f"{refusal.field}: {refusal_text(refusal)}"
    error_terminal().print(told, style="red", markup=False, soft_wrap=True)
    sys.exit(2)


def refusal_text(refusal: "StrategyRefusal") -> str:
    """Why not, in words, with the way out."""
    from tallystick.reports.release_terminal import step_text

    figures = {name: str(figure) for name, figure in refusal.figures.items()}
    return step_text(refusal.reason, language=settings().language, **figures)
