"""How one case was decided, from one source for both readers: every row met for the officer, words for the borrower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tallystick.scoring.model import Columns
from tallystick.strategy.assignment import Key
from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, OUTCOME_TEXTS, TAKEN_BACK_TEXTS
from tallystick.strategy.checkpoint import Checkpoint, Decisions, Step
from tallystick.strategy.checkpoint_form import Purpose
from tallystick.strategy.smallest_change import SmallestChange, smallest_change
from tallystick.strategy.tables import TraceStep, one_case
from tallystick.units.money import MINOR_DIGITS

HUMAN_REVIEW: Final = (
    "您可以要求人工复核本次自动化决定。",
    "You may ask that a person looks at this automated decision again.",
)
_BY_A_PERSON: Final = ("本次结果由人工审核作出。", "A person looked at it and decided.")
_MARKS: Final = {True: ("是", "yes"), False: ("否", "no")}


@dataclass(frozen=True, slots=True)
class StepTrace:
    """One step as one case met it: each row with what it read, the last one true of it, and what came of it.

    `row_id`, `reason` and `outputs` are of the row that took the case; where that is another than the last one met,
    chance moved it (`by_chance`).
    """

    step: Step
    met: tuple[TraceStep, ...]
    row_id: str
    reason: str
    outputs: Mapping[str, str | int | float | bool]
    decided: bool
    by_chance: bool


@dataclass(frozen=True, slots=True)
class CaseTrace:
    """All steps of one case in order, and what was decided."""

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


def trace_case(checkpoint: Checkpoint, columns: Columns, *, index: int, request_id: Key | None = None) -> CaseTrace:
    """How one case (counted from 0) comes to its decision: by its figures and, with its request's id, by chance."""
    case = one_case(columns, index)
    request_ids = None if request_id is None else [request_id]
    decisions = checkpoint.decide(case, request_ids=request_ids)
    decided_by = int(decisions.decided_by[0])
    walked = checkpoint.walk(checkpoint.framed(case), request_ids=request_ids)
    steps = []
    for place, (step, frame, own, taken) in enumerate(walked):
        row = step.table.rows[int(taken[0])]
        steps.append(
            StepTrace(
                step,
                met=step.table.trace_frame(frame),
                row_id=row.id,
                reason=row.reason,
                outputs=row.outputs,
                decided=place == decided_by,
                by_chance=bool(own[0] != taken[0]),
            )
        )
    return CaseTrace(tuple(steps), decisions)


def explain_case(checkpoint: Checkpoint, columns: Columns, *, index: int, request_id: Key | None = None) -> Explanation:
    """The same decision in the borrower's words."""
    trace = trace_case(checkpoint, columns, index=index, request_id=request_id)
    change = change_to_name(checkpoint, columns, index=index, decided_by=trace.deciding.step.name)
    return explanation(checkpoint, outcome=trace.outcome, reasons=trace.decisions.reasons[0], change=change)


def change_to_name(checkpoint: Checkpoint, columns: Columns, *, index: int, decided_by: str) -> SmallestChange | None:
    """The smallest change of a case that would have given a better outcome.

    None where a fraud check decided: it would teach the next try.
    """
    purpose = next(step.purpose for step in checkpoint.steps if step.name == decided_by)
    return smallest_change(checkpoint, columns, index=index) if purpose is Purpose.CREDIT else None


def explanation(
    checkpoint: Checkpoint,
    *,
    outcome: str,
    reasons: tuple[str, ...],
    change: SmallestChange | None,
    also: Mapping[str, tuple[str, str]] | None = None,
) -> Explanation:
    """What the borrower is told of a recorded decision: its outcome, reasons, and a change if one may be named.

    `also` has the texts of reasons that are not the strategy's own: those of the books.
    """
    texts = {**checkpoint.reasons, **(also or {})}
    zh, en = (
        _told(checkpoint, side, outcome=outcome, reasons=[texts[code] for code in reasons], change=change)
        for side in (0, 1)
    )
    if outcome not in CHECKPOINT_OUTPUTS[checkpoint.name].adverse:
        return Explanation(zh, en)
    return Explanation((*zh, HUMAN_REVIEW[0]), (*en, HUMAN_REVIEW[1]))


def explanation_of_person(
    checkpoint: Checkpoint,
    *,
    outcome: str,
    reasons: tuple[str, ...],
    also: Mapping[str, tuple[str, str]] | None = None,
) -> Explanation:
    """What the borrower is told where a person judged: the outcome and the reasons, and that a person did.

    `also` as in `explanation`.
    """
    known = {**checkpoint.reasons, **(also or {})}
    sides = []
    for side in (0, 1):
        texts = [known[code] for code in reasons]
        told = _told(checkpoint, side, outcome=outcome, reasons=texts, change=None)
        sides.append((*told, _BY_A_PERSON[side]))
    return Explanation(*sides)


def explanation_of_taken_back() -> Explanation:
    """What the borrower is told of a decision that counts no more: neither its outcome nor its reasons."""
    zh, en = TAKEN_BACK_TEXTS
    return Explanation((zh,), (en,))


def _told(
    checkpoint: Checkpoint,
    side: int,
    *,
    outcome: str,
    reasons: Sequence[tuple[str, str]],
    change: SmallestChange | None,
) -> tuple[str, ...]:
    """The lines in one language: 0 is Chinese, 1 English."""
    lines = [OUTCOME_TEXTS[outcome][side], *(texts[side] for texts in reasons)]
    if change is not None:
        figure = (change.zh, change.en)[side]
        present, wanted = (
            figure_text(change.figure, value, currency=checkpoint.currency)[side]
            for value in (change.present, change.wanted)
        )
        better, mark = OUTCOME_TEXTS[change.outcome][side], ("：", ": ")[side]
        at_zh, at_en = f"若{figure}为{wanted}", f"With {figure} at {wanted}"
        if isinstance(change.wanted, bool):
            at_zh, at_en = f"若“{figure}”为{wanted}", f"If “{figure}” were {wanted}"
        lines.append(
            (
                f"{at_zh}（现为{present}），其他不变，结果将是{mark}{better}",
                f"{at_en} (now {present}), all else the same, the answer would be{mark}{better}",
            )[side]
        )
    return tuple(lines)


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
