"""A lender in memory, for worlds that need no product: the same limit for everybody, and a tenth is due each month."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from tallystick.world.economy import acts
from tallystick.world.economy.acts import DONE, Answer, AnyAct, Happened, Morning, Step

STATEMENT_DAY = 19


@dataclass
class SimpleLine:
    """What is drawn on a line, and what was asked for and not paid."""

    limit_minor: int
    drawn_minor: int = 0
    held: dict[int, int] = field(default_factory=dict)
    due: list[list[Any]] = field(default_factory=list)  # [due day, minor units left]
    is_charged_off: bool = False

    def days_past_due(self, day: date) -> int:
        """Since the oldest due day that was missed."""
        missed = [due_on for due_on, left in self.due if left > 0 and due_on < day]
        return (day - min(missed)).days if missed else 0


@dataclass
class SimpleLender:
    """A `Lender`; `seen` is everything that it was asked to do."""

    limit_minor: int = 1_000_000
    reviews_from_minor: int = 1 << 60  # purchases from here on wait for a person, and every fifth application with them
    lines: dict[int, SimpleLine] = field(default_factory=dict)
    seen: list[tuple[Step, AnyAct, Answer]] = field(default_factory=list)
    today: date = date.min
    _ids: int = 0
    _held_by: dict[int, int] = field(default_factory=dict)
    _steps: dict[Step, list[Answer]] = field(default_factory=dict)
    _waiting: dict[int, dict[str, Any]] = field(default_factory=dict)
    _told: dict[Step, pa.Table] = field(default_factory=dict)
    _mornings: dict[date, Morning] = field(default_factory=dict)
    _paid: set[str] = field(default_factory=set)

    def begin(self, day: date, *, at: datetime) -> Morning:
        """Close the day before."""
        if day not in self._mornings:
            self._mornings[day] = self._morning(day)
        return self._mornings[day]

    def _morning(self, day: date) -> Morning:
        self.today, closed_on, rows = day, day - timedelta(days=1), list[dict[str, Any]]()
        if closed_on.day == STATEMENT_DAY:
            for line_id, line in self.lines.items():
                minimum = -(-line.drawn_minor // 10) + sum(left for _, left in line.due)
                line.due.append([closed_on + timedelta(days=9), -(-line.drawn_minor // 10)])
                rows.append({
                    "line_id": line_id, "number": closed_on.month, "closing_minor": line.drawn_minor,
                    "minimum_minor": min(minimum, line.drawn_minor), "due_on": closed_on + timedelta(days=9),
                })  # fmt: skip
        return Morning(self.standing(), pa.Table.from_pylist(rows, schema=_STATEMENTS))

    def review_limits(self, day: date, *, at: datetime) -> pa.Table:
        """Limits stay."""
        return pa.table({"offer_id": pa.array([], pa.int64())})

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Each step once."""
        if step not in self._steps:
            self._steps[step] = [self._done(act) for act in acts]
            self.seen += [(step, act, answer) for act, answer in zip(acts, self._steps[step], strict=True)]
        return self._steps[step]

    def _done(self, act: AnyAct) -> Answer:
        self._ids += 1
        match act:
            case acts.Apply():
                return self._applied()
            case acts.AcceptLine(accepts=True):
                self.lines[self._ids] = SimpleLine(self.limit_minor)
                return Answer(outcome=DONE, number=self._ids, amount_minor=self.limit_minor)
            case acts.Buy():
                line = self.lines[act.line_id]
                room = line.limit_minor - line.drawn_minor - sum(line.held.values())
                if act.amount_minor > room or line.days_past_due(self.today):
                    return Answer(outcome=Happened.DECLINE, number=self._ids)
                line.held[self._ids] = act.amount_minor
                self._held_by[self._ids] = act.line_id
                if act.amount_minor >= self.reviews_from_minor:
                    return self._review("authorize", line_id=act.line_id, amount_minor=act.amount_minor)
                return Answer(outcome=Happened.APPROVE, number=self._ids, most_installments=6, price_code="standard")
            case acts.Capture() | acts.Void():
                line = self.lines[self._held_by[act.decision_id]]
                line.held.pop(act.decision_id)
                if isinstance(act, acts.Capture):
                    line.drawn_minor += act.amount_minor
                    return Answer(outcome=DONE, number=self._ids, amount_minor=act.amount_minor)
            case acts.Judge():
                return self._judged(act)
            case acts.Pay():
                return self._paid_once(act)
            case acts.Refund():
                self._take(self.lines[act.line_id], act.amount_minor)
            case acts.ChargeOff():
                self.lines[act.line_id].is_charged_off = True
            case _:
                pass
        return Answer(outcome=DONE, number=self._ids)

    def _applied(self) -> Answer:
        if self._ids % 5 == 0 and self.reviews_from_minor < 1 << 60:
            return self._review("apply", line_id=None, amount_minor=None)
        return Answer(outcome=Happened.OFFER, number=self._ids, amount_minor=self.limit_minor)

    def _paid_once(self, act: acts.Pay) -> Answer:
        if act.reference in self._paid:
            return Answer(outcome=DONE, is_repeat=True)
        self._paid.add(act.reference)
        self._take(self.lines[act.line_id], act.amount_minor)
        return Answer(outcome=DONE, number=self._ids, amount_minor=act.amount_minor)

    def _review(self, checkpoint: str, *, line_id: int | None, amount_minor: int | None) -> Answer:
        number = self._ids
        self._waiting[number] = {
            "review_id": number, "checkpoint": checkpoint, "decision_id": number, "line_id": line_id,
            "amount_minor": amount_minor,
        }  # fmt: skip
        return Answer(outcome=Happened.REVIEW, number=number)

    def _judged(self, act: acts.Judge) -> Answer:
        waited = self._waiting.pop(act.review_id)
        if not act.passes:
            if waited["line_id"] is not None:
                self.lines[waited["line_id"]].held.pop(act.review_id)
            return Answer(outcome=Happened.DECLINE, number=act.review_id)
        if waited["checkpoint"] == "apply":
            return Answer(outcome=Happened.OFFER, number=act.review_id, amount_minor=self.limit_minor)
        return Answer(outcome=Happened.APPROVE, number=act.review_id, most_installments=6, price_code="standard")

    @staticmethod
    def _take(line: SimpleLine, amount_minor: int) -> None:
        line.drawn_minor -= amount_minor
        for asked in line.due:
            paid = min(asked[1], amount_minor)
            asked[1] -= paid
            amount_minor -= paid

    def standing(self) -> pa.Table:
        """All lines."""
        rows = [
            {
                "line_id": line_id, "limit_minor": line.limit_minor, "drawn_minor": line.drawn_minor,
                "held_minor": sum(line.held.values()),
                "available_minor": max(0, line.limit_minor - line.drawn_minor - sum(line.held.values())),
                "owed_minor": line.drawn_minor, "due_minor": sum(left for _, left in line.due),
                "days_past_due": line.days_past_due(self.today), "is_open": not line.is_charged_off,
                "is_frozen": False, "is_charged_off": line.is_charged_off,
            }
            for line_id, line in self.lines.items()
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=_STANDING)

    def reviews(self, step: Step) -> pa.Table:
        """What waits."""
        if step not in self._told:
            self._told[step] = pa.Table.from_pylist(list(self._waiting.values()), schema=_REVIEWS)
        return self._told[step]


_STANDING = pa.schema(
    [(name, pa.int64()) for name in (
        "line_id", "limit_minor", "drawn_minor", "held_minor", "available_minor", "owed_minor", "due_minor",
        "days_past_due",
    )]
    + [(name, pa.bool_()) for name in ("is_open", "is_frozen", "is_charged_off")]
)  # fmt: skip
_REVIEWS = pa.schema(
    [("review_id", pa.int64()), ("checkpoint", pa.string())]
    + [(name, pa.int64()) for name in ("decision_id", "line_id", "amount_minor")]
)
_STATEMENTS = pa.schema(
    [(name, pa.int64()) for name in ("line_id", "number", "closing_minor", "minimum_minor")]
    + [("due_on", pa.date32())]
)  # fmt: skip
