"""Decisions as they are told: to whoever asked in words, to an officer with every row that the case met."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from tallystick.operations.decisions_told import DecisionTold, Evidence
from tallystick.operations.public_events import public_fact
from tallystick.operations.refusal_words import refusal_words
from tallystick.storage.decisions import StoredDecision
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import Explanation, StepTrace
from tallystick.units.ids import IdPrefix, encode_id


class ReasonView(Struct, frozen=True):
    """Why, as a code that never changes its meaning and in both languages."""

    code: str
    zh: str
    en: str


class DecisionRow(Struct, frozen=True):
    """A decision as it was made, and what came of it: `final_outcome` is the person's where one judged it.

    Of a price it is `keep` where no price could be changed after all. `is_withdrawn`: it was decided too late for its
    caller and taken back, so that it counts no more.
    """

    id: str
    checkpoint: str
    borrower_id: str | None
    line_id: str | None
    hold_id: str | None
    amount_minor: int | None
    outcome: str
    final_outcome: str
    reasons: list[str]
    decided_at: datetime
    is_withdrawn: bool


class ExplanationView(Struct, frozen=True):
    """What the borrower is told, line by line: the answer, the reasons, the smallest change if there is one, rights."""

    zh: list[str]
    en: list[str]


class RowView(Struct, frozen=True):
    """A row of a table that the case met: its condition, what that read, and whether it was true (null: unknown)."""

    id: str
    when: str
    read: dict[str, Any]
    is_true: bool | None


class StepView(Struct, frozen=True):
    """One step of the strategy: the rows met, the row that took the case, and what came of it."""

    name: str
    zh: str
    en: str
    purpose: str
    decided: bool
    by_chance: bool
    row_id: str
    reason: ReasonView
    outputs: dict[str, Any]
    rows: list[RowView]


class TraceView(Struct, frozen=True):
    """What the decision was made of, and how."""

    figures: dict[str, Any]
    features: dict[str, Any]
    scores: dict[str, Any]
    steps: list[StepView]


class OfficerView(Struct, frozen=True):
    """What an officer sees besides. `trace` is null once its time of keeping is over."""

    strategy_id: str
    outputs: dict[str, Any]
    probability_ppm: int
    is_explored: bool
    refused_because: str | None
    refused_figures: dict[str, Any] | None
    trace: TraceView | None


def reason_views(checkpoint: Checkpoint, codes: Iterable[str]) -> list[ReasonView]:
    """Reasons with their texts: of the strategy's rows, or of the books."""
    words = {**refusal_words(checkpoint.name), **checkpoint.reasons}
    return [ReasonView(code, *words[code]) for code in codes]


def decision_row(decision: StoredDecision, *, final: str, is_withdrawn: bool) -> DecisionRow:
    """A decision in a list, with what came of it in the end."""
    return DecisionRow(
        id=encode_id(IdPrefix.DECISION, decision.decision_id),
        checkpoint=decision.checkpoint,
        borrower_id=optional_id(IdPrefix.BORROWER, decision.borrower_id),
        line_id=optional_id(IdPrefix.LINE, decision.line_id),
        hold_id=optional_id(IdPrefix.HOLD, decision.hold_id),
        amount_minor=decision.amount_minor,
        outcome=decision.outcome,
        final_outcome=final,
        reasons=list(decision.reasons),
        decided_at=decision.decided_at,
        is_withdrawn=is_withdrawn,
    )


def optional_id(prefix: IdPrefix, number: int | None) -> str | None:
    """The public text of an id that may be missing."""
    return None if number is None else encode_id(prefix, number)


def explanation_view(told: Explanation) -> ExplanationView:
    """The borrower's words."""
    return ExplanationView(zh=list(told.zh), en=list(told.en))


def officer_view(told: DecisionTold) -> OfficerView:
    """What an officer sees of a decision."""
    decision = told.decision
    return OfficerView(
        strategy_id=decision.strategy_id,
        outputs=decision.outputs,
        probability_ppm=decision.probability_ppm,
        is_explored=decision.is_explored,
        refused_because=decision.refused_because,
        refused_figures=None if decision.refused_figures is None else public_fact(decision.refused_figures),
        trace=None if told.evidence is None else _trace(told.checkpoint, told.evidence),
    )


def _trace(checkpoint: Checkpoint, evidence: Evidence) -> TraceView:
    return TraceView(
        figures=_plain(evidence.figures),
        features=_plain(evidence.features),
        scores=_plain(evidence.scores),
        steps=[_step(checkpoint, step) for step in evidence.trace.steps],
    )


def _step(checkpoint: Checkpoint, step: StepTrace) -> StepView:
    return StepView(
        name=step.step.name,
        zh=step.step.zh,
        en=step.step.en,
        purpose=str(step.step.purpose),
        decided=step.decided,
        by_chance=step.by_chance,
        row_id=step.row_id,
        reason=reason_views(checkpoint, [step.reason])[0],
        outputs=_plain(step.outputs),
        rows=[RowView(met.row_id, met.when, _plain(met.read), met.truth) for met in step.met],
    )


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as JSON has them: what is missing is null, whole numbers are whole."""
    return {name: _figure(value) for name, value in figures.items()}


def _figure(value: Any) -> Any:
    if not isinstance(value, float) or isinstance(value, bool):
        return value
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() else value
