"""Commands over decisions that were made: decide them again, and prove that they are what they were."""

import sys
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from cyclopts import App

from tallystick.bootstrap import error_terminal, opened_books, settings, shown_progress, start_of_day, terminal

if TYPE_CHECKING:
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
    from datetime import timedelta

    from tallystick.bootstrap import business_date
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
