"""Commands over decisions that were made: decide them again as they were, or as another strategy would."""

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from tallystick.bootstrap import (
    business_date,
    error_terminal,
    now_tick,
    opened_books,
    settings,
    shown_progress,
    start_of_day,
    terminal,
)
from tallystick.cli.strategies import refuse

if TYPE_CHECKING:
    from tallystick.operations.backtesting import Backtest
    from tallystick.operations.replaying import Difference
    from tallystick.reports.replay_terminal import DifferenceTold

app = App(name="decisions", help="Decisions that were made, and how long what they were made of is kept.")


def replay(
    decision: str | None = None, /, *, all: bool = False, since: date | None = None, features: bool = False
) -> None:
    """Decide past cases again from their records; status 1 where anything is not the same to the byte.

    Parameters
    ----------
    decision
        The id of one decision: it is traced as well, step by step, with what its borrower is told.
    all
        Every decision that is kept.
    since
        With --all, only from the beginning of this business day on.
    features
        Read the features again too, from the streams as the batch saw them.
    """
    if (decision is None) == (not all):
        error_terminal().print("decision: give the id of one decision, or --all", style="red")
        sys.exit(2)
    differs = _replay_one(decision, features=features) if decision else _replay_all(since, features=features)
    sys.exit(1 if differs else 0)


@app.command
def forget(*, days: int) -> None:
    """Delete what decisions were made of, once its time is over; the decisions and their reasons stay.

    Parameters
    ----------
    days
        How many days a trace is kept. A replay needs it, and so does a backtest.
    """
    from tallystick.reports.replay_terminal import forgotten_text
    from tallystick.storage.decisions import forget_traces

    if days < 1:
        error_terminal().print("days: give one at least", style="red")
        sys.exit(2)
    before, dropped = start_of_day(business_date() - timedelta(days=days)), 0
    with opened_books() as connection:
        while (gone := forget_traces(connection, before=before, most=1_000)) > 0:
            dropped += gone
    terminal().print(forgotten_text(dropped, language=settings().language))


def _replay_one(decision: str, *, features: bool) -> bool:
    from tallystick.operations.deciding import Deciders
    from tallystick.operations.replaying import replay_decision
    from tallystick.reports.release_terminal import DIGITS
    from tallystick.reports.replay_terminal import decision_text, replayed_lines
    from tallystick.reports.strategy_terminal import explanation_text, trace_table
    from tallystick.units.ids import IdPrefix, decode_id

    decision_id = decode_id(IdPrefix.DECISION, decision)
    screen, language = terminal(), settings().language
    with opened_books() as connection:
        replayed = replay_decision(connection, decision_id, deciders=Deciders(), features=features)
    made = replayed.decision
    at = made.decided_at.isoformat(timespec="seconds")
    screen.print(
        decision_text(decision, outcome=made.outcome, strategy=made.strategy_id[:DIGITS], at=at, language=language)
    )
    screen.print(trace_table(replayed.checkpoint, replayed.trace, language=language))
    screen.print(explanation_text(replayed.explanation, language=language))
    told = _told(replayed.differences)
    for line in replayed_lines(told, batches=1, decisions=1, without_trace=0, language=language):
        screen.print(line)
    return bool(told)


def _replay_all(since: date | None, *, features: bool) -> bool:
    from tallystick.operations.deciding import Deciders
    from tallystick.operations.replaying import replay_since
    from tallystick.reports.replay_terminal import replayed_lines

    language = settings().language
    begin = start_of_day(since or date(1970, 1, 2))
    with opened_books() as connection, shown_progress(language) as progress:
        progress.step({"zh": "重放决定", "en": "deciding again"})
        replayed = progress.through(replay_since(connection, begin, deciders=Deciders(), features=features))
    told = _told(replayed.differences)
    for line in replayed_lines(
        told,
        batches=replayed.batches,
        decisions=replayed.decisions,
        without_trace=replayed.without_trace,
        language=language,
    ):
        terminal().print(line)
    return bool(told)


def _told(differences: "Sequence[Difference]") -> "list[DifferenceTold]":
    from tallystick.reports.replay_terminal import DifferenceTold
    from tallystick.units.ids import IdPrefix, encode_id

    return [
        DifferenceTold(
            batch=str(each.batch_id),
            decision="-" if each.decision_id is None else encode_id(IdPrefix.DECISION, each.decision_id),
            kind=each.kind.value,
            told=each.told,
        )
        for each in differences
    ]


def backtest(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    strategy: str,
    since: date,
    checkpoint: Literal["authorize", "apply"] = "authorize",
    until: date | None = None,
    segment: str | None = None,
    performance_days: Annotated[int, Parameter(validator=Number(gte=1, lte=730))] = 30,
    performance_months: Annotated[int | None, Parameter(validator=Number(gte=1, lte=120))] = None,
    most_weight: Annotated[float | None, Parameter(validator=Number(gt=0.0))] = None,
    out: Path | None = None,
) -> None:
    """Run another strategy over recorded cases: who is decided otherwise, what it should earn, what the log says.

    Parameters
    ----------
    strategy
        Its folder, or the hash of a kept one, or the first digits of it.
    since
        The first business day whose cases count.
    checkpoint
        Where they were decided.
    until
        The last business day whose cases count; without it all up to now.
    segment
        A recorded column, such as category, to break the swap set down by.
    performance_days
        How long after a purchase it is told whether it was fraud; younger ones are not mature.
    performance_months
        How long after its opening it is told what the line of an application brought; without it twelve months.
    most_weight
        Cut the weights of the off-policy value to this: less variance, for a bias.
    out
        A JSON file for all figures.
    """
    from tallystick.operations.backtesting import Question, strategy_named
    from tallystick.operations.backtesting import backtest as run
    from tallystick.operations.deciding import Deciders
    from tallystick.operations.strategy_life import StrategyRefusal
    from tallystick.operations.whole_files import refuse_unwritable, write_bytes
    from tallystick.strategy.checkpoint_names import CheckpointName
    from tallystick.strategy.line_outcome import shipped_line_window

    if out is not None:
        refuse_unwritable(out)
    window = shipped_line_window()
    if performance_months is not None:
        window = msgspec.structs.replace(window, months=performance_months)
    question = Question(
        checkpoint=CheckpointName(checkpoint),
        since=start_of_day(since),
        until=None if until is None else start_of_day(until + timedelta(days=1)),
        known_tick=now_tick(),
        known_on=business_date(),
        performance_days=performance_days,
        line_window=window,
        most_weight=most_weight,
        segment=segment,
    )
    language = settings().language
    with opened_books() as connection, shown_progress(language) as progress:
        progress.step({"zh": "读取策略", "en": "reading the strategy"})
        tested = strategy_named(connection, strategy, on=business_date())
        if isinstance(tested, StrategyRefusal):
            progress.finish()
            refuse(tested)
        progress.step({"zh": "用新策略判断", "en": "deciding by the other strategy"})
        found = progress.through(run(connection, tested, question, deciders=Deciders()))
    _show(found)
    if out is not None:
        write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n", out)


def _show(found: "Backtest") -> None:
    """The three parts, each as its figures or as the reason why there are none."""
    from tallystick.operations.both_decided import BOOKS
    from tallystick.operations.logged_value import LinesObserved, NoFigure
    from tallystick.reports import backtest_terminal as shown
    from tallystick.reports.release_terminal import DIGITS

    screen, language = terminal(), settings().language
    observed, window = found.observed, msgspec.structs.asdict(found.line_window)
    windows = {"days": found.performance_days, **window}
    for line in shown.head_lines(
        found.name,
        found.strategy_id[:DIGITS],
        checkpoint=found.checkpoint,
        language=language,
        batches=found.batches,
        cases=found.cases,
        refused=found.refused,
        recomputed=found.recomputed,
        withdrawn=found.withdrawn,
        no_trace=found.without_trace,
    ):
        screen.print(line)
    steps = found.steps | {BOOKS: shown.books_word()}
    currency = found.currency
    screen.print(
        shown.swap_report(found.swapped, steps=steps, reasons=found.reasons, currency=currency, language=language)
    )
    if isinstance(found.expected, NoFigure):
        screen.print(shown.no_figures_text("expected", found.expected, language=language, **windows))
    else:
        screen.print(shown.expected_report(found.expected, currency=currency, language=language))
        screen.print(shown.score_text(language=language))
    if isinstance(found.value, NoFigure):
        screen.print(shown.no_figures_text("value", found.value, language=language, **windows))
        return
    screen.print(shown.value_report(found.value, currency=currency, language=language))
    if isinstance(observed, LinesObserved):
        told = msgspec.structs.asdict(observed)
        for line in shown.lines_known_lines(**window, **told, currency=currency, language=language):
            screen.print(line)
    elif observed is not None:
        for line in shown.known_lines(
            days=found.performance_days, **msgspec.structs.asdict(observed), language=language
        ):
            screen.print(line)
    screen.print(shown.verdict_text(found.value, language=language))
