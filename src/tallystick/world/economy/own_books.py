"""The auditor's own books: what was asked for and answered, and what that alone makes of every line; minor units.

Nothing of the product is asked here. What a line's books have to show follows from acts, and from what the product
tells of its own prices, which an auditor adds up and does not set.
"""

from datetime import date, datetime
from typing import Final, NamedTuple

from msgspec import Struct, field

from tallystick.world.economy.acts import (
    DONE,
    AcceptLine,
    Answer,
    AnswerLimit,
    AnyAct,
    Apply,
    Buy,
    Capture,
    ChargeOff,
    ConvertBill,
    Happened,
    Judge,
    Leave,
    Pay,
    Refund,
    SendBack,
    Step,
    Void,
)

APPLY: Final = "apply"
AUTHORIZE: Final = "authorize"
_NOT_PASSED: Final = (DONE, Happened.DECLINE)


class Entry(NamedTuple):
    """One thing that has to stand in the books once: an event's kind, its line, what it is about, its amount.

    A limit that was accepted names its offer and no line (0), for that is all that the answer names.
    """

    kind: str
    line_id: int
    number: int
    amount_minor: int


class Asked(NamedTuple):
    """One decision that has to be recorded. An application has neither line nor amount (0)."""

    checkpoint: str
    line_id: int
    amount_minor: int
    outcome: str


class Oddity(NamedTuple):
    """An answer that contradicts what was answered before."""

    subject_id: int
    told: str
    expected: str


class OwnHold(Struct):
    """What a merchant may still claim; `expires_on` is None until the books have told it."""

    line_id: int
    amount_minor: int
    expires_on: date | None = None


class OwnPayment(Struct, frozen=True):
    """A payment that was received, and when."""

    line_id: int
    amount_minor: int
    on: date


class Move(Struct, frozen=True):
    """What was bought to be paid next month, paid or refunded on a day and has not been told by a statement.

    A payment that was sent back is less than nothing on the day it was; `paid_on` is when it had come in.
    """

    on: date
    purchases_minor: int = 0
    payments_minor: int = 0
    refunds_minor: int = 0
    paid_on: date | None = None


class Moved(Struct, frozen=True):
    """What a statement has to tell. `is_corrected`: a payment was sent back that an earlier one had counted."""

    purchases_minor: int
    payments_minor: int
    refunds_minor: int
    is_corrected: bool


class OwnStatement(Struct, frozen=True):
    """The last statement: what the next one has to go on from."""

    number: int
    closed_on: date
    closing_minor: int
    credit_minor: int


class OwnLine(Struct):
    """A line as it was told.

    `payments_minor` is less what was sent back. `approved_under_minor` is the limit in force when a purchase was last
    approved, at `approved_at`; since then `over_captured_minor` was claimed beyond what was held, and
    `sent_back_minor` of payments came to nothing: both may lift what is drawn above that limit.
    """

    limit_minor: int
    draws_minor: int = 0
    refunds_minor: int = 0
    chargebacks_minor: int = 0
    payments_minor: int = 0
    approved_at: datetime | None = None
    approved_under_minor: int = 0
    over_captured_minor: int = 0
    sent_back_minor: int = 0
    is_charged_off: bool = False
    is_closed: bool = False
    moves: list[Move] = field(default_factory=list)
    statement: OwnStatement | None = None

    def moved_until(self, day: date) -> Moved:
        """What a statement that closes on a day has to tell; what came later waits for the next one.

        >>> line = OwnLine(1_000, moves=[Move(date(2026, 1, 9), purchases_minor=500), Move(date(2026, 1, 21))])
        >>> line.moved_until(date(2026, 1, 20)).purchases_minor, len(line.moves)
        (500, 1)
        """
        told = [move for move in self.moves if move.on <= day]
        self.moves = [move for move in self.moves if move.on > day]
        before = date.min if self.statement is None else self.statement.closed_on
        counted = [move for move in told if move.paid_on is None or move.paid_on > before]
        return Moved(
            purchases_minor=sum(move.purchases_minor for move in counted),
            payments_minor=sum(move.payments_minor for move in counted),
            refunds_minor=sum(move.refunds_minor for move in counted),
            is_corrected=len(counted) < len(told),
        )


class OwnBooks(Struct):
    """Everything that the auditor keeps of what was told. `entries` and `asked` wait to be found in the books.

    `last_decision_id`: decisions up to it have been found, or missed; one that is answered again is among them.
    """

    lines: dict[int, OwnLine] = field(default_factory=dict)
    holds: dict[int, OwnHold] = field(default_factory=dict)
    payments: dict[int, OwnPayment] = field(default_factory=dict)
    payment_ids: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    asked: dict[int, Asked] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)
    last_decision_id: int = 0

    def note(self, step: Step, act: AnyAct, answer: Answer) -> None:
        """Book what an act came to; what was refused changes nothing but has its decision, where one was made."""
        match act:
            case Apply():
                self._decided(answer, Asked(APPLY, 0, 0, answer.outcome))
            case Buy():
                is_new = self._decided(answer, Asked(AUTHORIZE, act.line_id, act.amount_minor, answer.outcome))
                if is_new and answer.outcome in (Happened.APPROVE, Happened.REVIEW):
                    self._hold(step, act, hold_id=answer.number)
            case Judge() if not act.passes and answer.outcome in _NOT_PASSED and act.review_id in self.holds:
                self._give_back(act.review_id)
            case _ if answer.outcome == DONE:
                self._done(step, act, answer)

    def held_minor(self) -> dict[int, int]:
        """What is held on each line that has a hold."""
        held: dict[int, int] = {}
        for hold in self.holds.values():
            held[hold.line_id] = held.get(hold.line_id, 0) + hold.amount_minor
        return held

    def _decided(self, answer: Answer, asked: Asked) -> bool:
        """Whether a decision is answered for the first time."""
        number = answer.number
        if number == 0 or number <= self.last_decision_id:
            return False
        known = self.asked.setdefault(number, asked)
        if known is not asked and known != asked:
            self.oddities.append(Oddity(number, f"answered {asked}", f"as before, {known}"))
        return known is asked

    def _hold(self, step: Step, act: Buy, *, hold_id: int) -> None:
        self.holds[hold_id] = OwnHold(act.line_id, act.amount_minor)
        self.entries.append(Entry("hold_placed", act.line_id, hold_id, act.amount_minor))
        line = self.lines.get(act.line_id)
        if line is None:
            self.oddities.append(Oddity(act.line_id, "a purchase was approved on it", "a line that was opened"))
            return
        line.approved_at = step.at
        line.over_captured_minor = line.sent_back_minor = 0

    def _give_back(self, hold_id: int) -> None:
        hold = self.holds.pop(hold_id)
        self.entries.append(Entry("hold_voided", hold.line_id, hold_id, 0))

    def _done(self, step: Step, act: AnyAct, answer: Answer) -> None:
        match act:
            case AcceptLine() if act.accepts:
                self.lines[answer.number] = OwnLine(answer.amount_minor)
                self.entries.append(Entry("line_opened", answer.number, 0, answer.amount_minor))
            case AnswerLimit() if act.accepts:
                self.entries.append(Entry("limit_changed", 0, act.offer_id, answer.amount_minor))
            case Capture():
                self._capture(step, act, draw_id=answer.number)
            case Void() if act.decision_id in self.holds:
                self._give_back(act.decision_id)
            case Void():
                self.oddities.append(Oddity(act.decision_id, "voided", "nothing held"))
            case Pay():
                self._pay(step, act, answer)
            case SendBack():
                self._send_back(step, act)
            case Refund():
                self._refund(step, act)
            case ConvertBill():
                self.entries.append(Entry("bill_converted", act.line_id, act.statement_number, act.amount_minor))
            case ChargeOff():
                self._line(act.line_id).is_charged_off = True
                self.holds = {number: hold for number, hold in self.holds.items() if hold.line_id != act.line_id}
                self.entries.append(Entry("charged_off", act.line_id, 0, 0))
            case Leave():
                self._line(act.line_id).is_closed = True
                self.entries.append(Entry("line_closed", act.line_id, 0, 0))
            case _:
                return  # labels, wishes and answers of no leave the books as they are

    def _capture(self, step: Step, act: Capture, *, draw_id: int) -> None:
        hold = self.holds.pop(act.decision_id, None)
        if hold is None:
            self.oddities.append(Oddity(act.decision_id, f"captured as draw {draw_id}", "nothing held"))
            return
        line = self._line(hold.line_id)
        line.draws_minor += act.amount_minor
        line.over_captured_minor += max(0, act.amount_minor - hold.amount_minor)
        if act.installments == 0:
            line.moves.append(Move(step.day, purchases_minor=act.amount_minor))
        self.entries.append(Entry("drawdown", hold.line_id, draw_id, act.amount_minor))

    def _pay(self, step: Step, act: Pay, answer: Answer) -> None:
        """A callback that comes twice is the same payment: it is booked once, whatever is answered."""
        paid = OwnPayment(act.line_id, act.amount_minor, step.day)
        known_id = self.payment_ids.setdefault(f"{act.channel} {act.reference}", answer.number)
        if known_id != answer.number or self.payments.get(known_id, paid).amount_minor != act.amount_minor:
            self.oddities.append(Oddity(answer.number, f"received {act.reference}", f"known as payment {known_id}"))
        if known_id in self.payments:
            return
        self.payments[known_id] = paid
        line = self._line(act.line_id)
        line.payments_minor += act.amount_minor
        line.moves.append(Move(step.day, payments_minor=act.amount_minor))
        self.entries.append(Entry("payment_received", act.line_id, known_id, act.amount_minor))

    def _send_back(self, step: Step, act: SendBack) -> None:
        paid = self.payments.get(act.payment_id)
        if paid is None:
            self.oddities.append(Oddity(act.payment_id, "sent back", "a payment that was received"))
            return
        line = self._line(act.line_id)
        line.payments_minor -= paid.amount_minor
        line.sent_back_minor += paid.amount_minor
        line.moves.append(Move(step.day, payments_minor=-paid.amount_minor, paid_on=paid.on))
        self.entries.append(Entry("payment_returned", act.line_id, act.payment_id, 0))

    def _refund(self, step: Step, act: Refund) -> None:
        line = self._line(act.line_id)
        if act.is_forced:
            line.chargebacks_minor += act.amount_minor
        else:
            line.refunds_minor += act.amount_minor
        line.moves.append(Move(step.day, refunds_minor=act.amount_minor))
        kind = "chargeback" if act.is_forced else "refunded"
        self.entries.append(Entry(kind, act.line_id, act.draw_id, act.amount_minor))

    def _line(self, line_id: int) -> OwnLine:
        """The line, which somebody must have opened."""
        if line_id not in self.lines:
            self.oddities.append(Oddity(line_id, "something was done on it", "a line that was opened"))
            self.lines[line_id] = OwnLine(0)
        return self.lines[line_id]
