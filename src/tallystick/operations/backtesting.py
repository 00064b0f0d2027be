"""Another strategy over recorded cases: who is decided otherwise, what that should earn, and what the log says of it.

What the books refused stays refused: that is the line's doing and no strategy's. Both sides have their chance in them:
the other strategy is asked with the ids of the requests, by which its randomized shares would have drawn.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.both_decided import SCORES, BothDecided, Cases, SegmentUnknown, is_told
from tallystick.operations.deciding import Deciders
from tallystick.operations.logged_value import (
    LinesObserved,
    NoFigure,
    Observed,
    application_value,
    grade_places,
    purchase_value,
)
from tallystick.operations.strategies import WholeStrategy, strategy_files, whole_strategy
from tallystick.operations.strategy_life import StrategyRefusal, find
from tallystick.storage import decisions as stored
from tallystick.storage.strategies import files_of
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.columns import nearest
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.expected_profit import (
    ExpectedChange,
    application_figures,
    expected_change,
    purchase_figures,
)
from tallystick.strategy.line_outcome import LineWindow, shipped_line_window
from tallystick.strategy.off_policy import OffPolicySettings, OffPolicyValue
from tallystick.strategy.prices import price_grades
from tallystick.strategy.swap_set import SwapSet, swap_set

PERFORMANCE_DAYS: Final = 30
MOST_SEGMENTS: Final = 30


class BacktestFault(ValueError):
    """There is nothing to test on, or it is asked for what cannot be; the message tells the way out."""


class Backtest(Struct, frozen=True, kw_only=True):
    """What was found. A part is its figures, or the reason why there are none.

    `steps` and `reasons` are the words (zh, en) of the strategies that took part. `refused` were refused by the books,
    whatever a strategy says; `withdrawn` are left out; `recomputed` had features read once more. `performance_days` is
    the window of purchases, `line_window` that of applications; `observed` is what is known of those of the checkpoint.
    """

    strategy_id: str
    name: str
    checkpoint: str
    currency: str
    steps: dict[str, tuple[str, str]]
    reasons: dict[str, tuple[str, str]]
    batches: int
    cases: int
    without_trace: int
    withdrawn: int
    recomputed: int
    refused: int
    swapped: SwapSet
    expected: ExpectedChange | NoFigure
    performance_days: int
    line_window: LineWindow
    observed: Observed | LinesObserved | None
    value: OffPolicyValue | NoFigure


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `until` is the first instant that counts no more, `known_tick` until when outcomes are known.

    `known_on` is the business day of that; of applications windows count that are over before it. `most_weight` cuts
    the weights of the off-policy value.
    """

    checkpoint: CheckpointName
    since: datetime
    until: datetime | None
    known_tick: int
    known_on: date
    performance_days: int = PERFORMANCE_DAYS
    line_window: LineWindow = field(default_factory=shipped_line_window)
    segment: str | None = None
    most_weight: float | None = None


def strategy_named(connection: Connection, named: str, *, on: date) -> WholeStrategy | StrategyRefusal:
    """A strategy by its folder, or by the hash of a kept one or its beginning. Raises `StrategyFaults`."""
    if Path(named).is_dir():
        return whole_strategy(strategy_files(Path(named)), on=on)
    kept = find(connection, named)
    if isinstance(kept, StrategyRefusal):
        return kept
    return whole_strategy(files_of(connection, kept.strategy_id), on=on)


def backtest(
    connection: Connection, strategy: WholeStrategy, question: Question, *, deciders: Deciders
) -> Generator[float, None, Backtest]:
    """Decide recorded cases by a strategy; gives the share that is done, and in the end what was found.

    Raises `StrategyFaults` where the strategy does not decide there, and `BacktestFault` where nothing was recorded.
    """
    name = question.checkpoint
    if name not in strategy.checkpoints or name not in SCORES:
        known = ", ".join(each for each in strategy.checkpoints if each in SCORES)
        raise StrategyFaults([f"checkpoint: {name}: cannot be tested with this strategy; it can at {known or 'none'}"])
    both = BothDecided(
        connection, strategy.checkpoints[name], deciders=deciders, performance_days=question.performance_days,
        segment=question.segment,
    )  # fmt: skip
    every = stored.count_batches(connection, question.since, checkpoint=name, until=question.until)
    batches = without = 0
    try:
        for batch, trace in stored.batches_since(connection, question.since, checkpoint=name, until=question.until):
            batches += 1
            if trace is None:
                without += batch.cases
            else:
                both.add(batch, decode_record(trace))
            yield min(batches / max(every, 1), 1.0)
        cases = both.ended()
    except SegmentUnknown as unknown:
        hint = nearest(name=str(question.segment), among=unknown.known)
        raise BacktestFault(f"segment: {question.segment!r} was not recorded{hint}") from unknown
    if cases is None:
        raise BacktestFault(_nothing(name, without=without))
    value, observed = _value(connection, cases.compared(), strategy, question)
    return Backtest(
        strategy_id=strategy.review.sha256,
        name=strategy.review.name,
        checkpoint=name,
        currency=strategy.checkpoints[name].currency,
        steps=both.steps,
        reasons=both.reasons,
        batches=batches,
        cases=len(cases.tick),
        without_trace=without,
        withdrawn=both.withdrawn,
        recomputed=both.recomputed,
        refused=int(np.count_nonzero(is_told(cases.refused))),
        swapped=_swapped(cases, strategy, question),
        expected=_expected(cases.compared(), strategy, name),
        performance_days=question.performance_days,
        line_window=question.line_window,
        observed=observed,
        value=value,
    )


def _nothing(name: CheckpointName, *, without: int) -> str:
    if without:
        return f"since: what the {without:,} cases at {name} were made of is deleted; choose a later day"
    return f"since: nothing was decided at {name} from then on; choose an earlier day"


def _swapped(cases: Cases, strategy: WholeStrategy, question: Question) -> SwapSet:
    name = question.checkpoint
    segment = None if question.segment is None else cases.segment
    if segment is not None and len(set(segment.tolist())) > MOST_SEGMENTS:
        raise BacktestFault(
            f"segment: {question.segment} has more than {MOST_SEGMENTS} values; choose one of few, such as category"
        )
    old, new = cases.as_booked(name)
    return swap_set(
        old,
        new,
        outcomes=strategy.checkpoints[name].outcomes,
        amount_minor=cases.amount_minor if name is CheckpointName.AUTHORIZE else None,
        same_inputs=cases.same_inputs,
        segment=segment,
    )


def _expected(cases: Cases, strategy: WholeStrategy, name: CheckpointName) -> ExpectedChange | NoFigure:
    """By the new strategy's score, and by the recorded one where it has none: the same for both sides."""
    score = np.where(np.isnan(cases.new.score), cases.old.score, cases.new.score)
    old, new = cases.as_booked(name)
    alike = old.outcome == new.outcome
    if name is CheckpointName.AUTHORIZE:
        economics = strategy.checkpoints[name].economics
        if economics is None:
            return NoFigure.NO_ECONOMICS
        sides = [
            purchase_figures(each.outcome, amount_minor=cases.amount_minor, fraud_ppm=score, economics=economics)
            for each in (old, new)
        ]
        return expected_change(*sides, decided_alike=alike)
    review = strategy.review
    grade = grade_places(cases.new.grade, review.economics)
    prices = price_grades(review.economics, legal_cap_ppm=review.price_cap.bound)
    limits = (cases.old.limit_minor, cases.new.limit_minor)
    sides = [
        application_figures(
            each.outcome, limit_minor=limit, pd_ppm=score, grade=grade, economics=review.economics, prices=prices
        )
        for each, limit in zip((old, new), limits, strict=True)
    ]
    return expected_change(*sides, decided_alike=alike & (limits[0] == limits[1]))


def _value(
    connection: Connection, cases: Cases, strategy: WholeStrategy, question: Question
) -> tuple[OffPolicyValue | NoFigure, Observed | LinesObserved | None]:
    """What the log says, and how much of what came of it is known."""
    settings = OffPolicySettings(most_weight=question.most_weight)
    if question.checkpoint is CheckpointName.APPLY:
        return application_value(
            connection, cases, strategy, window=question.line_window, known_on=question.known_on, settings=settings
        )
    checkpoint = strategy.checkpoints[question.checkpoint]
    return purchase_value(
        cases,
        checkpoint.outcomes,
        checkpoint.economics,
        performance_days=question.performance_days,
        known_tick=question.known_tick,
        settings=settings,
    )
