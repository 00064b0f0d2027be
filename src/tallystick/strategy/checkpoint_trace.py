"""How one case was decided, from one source for both readers: every row met for the officer, words for the borrower."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tallystick.strategy.case_columns import CONTINUE, OUTCOME_TEXTS
from tallystick.strategy.checkpoint import Checkpoint, Decisions, Step
from tallystick.strategy.checkpoint_form import Purpose
from tallystick.strategy.columns import Columns
from tallystick.strategy.smallest_change import SmallestChange, smallest_change
from tallystick.strategy.tables import TraceStep, one_case
from tallystick.units.money import MINOR_DIGITS

_HUMAN_REVIEW: Final = (
    "您可以要求人工复核本次自动化决定。",
    "You may ask that a person looks at this automated decision again.",
)
_MARKS: Final = {True: ("是", "yes"), False: ("否", "no")}


@dataclass(frozen=True, slots=True)
class StepTrace:
    """One step as one case met it: each row with what it read, the deciding row last, and what came of it."""

    step: Step
    met: tuple[TraceStep, ...]
    row_id: str
    reason: str
    outputs: Mapping[str, str | int | float | bool]
    decided: bool

    @property
    def would_refuse(self) -> bool:
        """Whether the step, asked alone, would not let the case go on."""
        return self.step.decides and self.outputs["outcome"] not in (CONTINUE, "approve", "offer")


@dataclass(frozen=True, slots=True)
class CaseTrace:
    """All steps of one case in order, and what was decided. What chance changes is not in it: see `Decisions`."""

    steps: tuple[StepTrace, ...]
    decisions: Decisions  # of the one case

    @property
    def outcome(self) -> str:
        """What was decided."""
        return str(self.decisions.outcome[0])

    @property
    def deciding(self) -> StepTrace:
        """The step that decided."""
        return next(step for step in self.steps if step.decided)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the borrower is told, in both languages, line by line: the answer, the reasons, what would change it."""

    zh: tuple[str, ...]
    en: tuple[str, ...]


def trace_case(checkpoint: Checkpoint, columns: Columns, *, index: int) -> CaseTrace:
    """How one case (counted from 0) comes to its decision by its figures alone."""
    case = one_case(columns, index)
    decisions = checkpoint.decide(case)
    decided_by = int(decisions.decided_by[0])
    steps = []
    for place, (step, frame, rows) in enumerate(checkpoint.walk(checkpoint.framed(case))):
        row = step.table.rows[int(rows[0])]
        steps.append(
            StepTrace(step, step.table.trace_frame(frame), row.id, row.reason, row.outputs, decided=place == decided_by)
        )
    return CaseTrace(tuple(steps), decisions)


def explain_case(checkpoint: Checkpoint, columns: Columns, *, index: int) -> Explanation:
    """The same decision in the borrower's words.

    Where a fraud check decided, no change is named that would have altered the outcome: it would teach the next try.
    """
    trace = trace_case(checkpoint, columns, index=index)
    change = None
    if trace.deciding.step.purpose is Purpose.CREDIT:
        change = smallest_change(checkpoint, columns, index=index)
    return explanation(checkpoint, outcome=trace.outcome, reasons=trace.decisions.reasons[0], change=change)


def explanation(
    checkpoint: Checkpoint, *, outcome: str, reasons: tuple[str, ...], change: SmallestChange | None
) -> Explanation:
    """What the borrower is told of a recorded decision: its outcome, reasons, and a change if one may be named."""
    sides = []
    for side, mark in enumerate(("：", ": ")):
        lines = [OUTCOME_TEXTS[outcome][side], *(checkpoint.reasons[code][side] for code in reasons)]
        if change is not None:
            figure = (change.zh, change.en)[side]
            present, wanted = (
                figure_text(change.figure, value, currency=checkpoint.currency)[side]
                for value in (change.present, change.wanted)
            )
            better = OUTCOME_TEXTS[change.outcome][side]
            lines.append(
                (
                    f"若{figure}为{wanted}（现为{present}），其他不变，结果将是{mark}{better}",
                    f"With {figure} at {wanted} (now {present}), all else the same, the answer would be{mark}{better}",
                )[side]
            )
        if outcome == checkpoint.outcomes[-1]:
            lines.append(_HUMAN_REVIEW[side])
        sides.append(tuple(lines))
    return Explanation(*sides)


def figure_text(name: str, value: object, *, currency: str) -> tuple[str, str]:
    """A figure as people write it, zh and en: amounts in major units, marks as words.

    >>> figure_text("amount_minor", 123_450.0, currency="CNY")
    ('1,234.50元', '1,234.50 yuan')
    """
    if value is None:
        return "缺失", "missing"
    if isinstance(value, bool):
        return _MARKS[value]
    if isinstance(value, float | int) and name.endswith("_minor"):
        digits = MINOR_DIGITS[currency]
        amount = f"{Decimal(value).scaleb(-digits):,.{digits}f}"
        zh, en = ("元", " yuan") if currency == "CNY" else (f" {currency}", f" {currency}")
        return f"{amount}{zh}", f"{amount}{en}"
    text = f"{value:,.15g}" if isinstance(value, float | int) else str(value)
    return text, text
