"""A lender in memory: worlds without the product, by the hundred, its terms in their main lines and a policy of yours.

What is kept is what a limit policy is judged by: what each line draws, is billed, pays, earns and loses. The product's
day counts, disclosures, decision tables and records are not here; where those matter, the world lives with the product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.units.rates import PPM
from tallystick.world.economy import acts
from tallystick.world.economy.acts import DONE, Answer, AnyAct, Happened, Morning, Step
from tallystick.world.economy.line_columns import LineColumns, Terms
from tallystick.world.economy.lives import day_number

Integers = npt.NDArray[np.int64]


class LimitPolicy(Protocol):
    """Who gets how much: the only thing in which two lenders in memory differ."""

    def first_limits(self, asked: Sequence[acts.Apply]) -> list[int]:
        """A limit for each application, in minor units; 0 declines it."""

    def reviewed_limits(self, lender: "InMemory") -> Integers:
        """The limit that each line should have, shape (lines,); what is above today's is offered, what is below is set.

        `lender.standing()`, `lender.figures()` and `lender.today` say what the lender knows of its lines.
        """


@dataclass(frozen=True, slots=True)
class SameForAll:
    """One limit for everybody, which stays."""

    limit_minor: int

    def first_limits(self, asked: Sequence[acts.Apply]) -> list[int]:
        """The same for each."""
        return [self.limit_minor] * len(asked)

    def reviewed_limits(self, lender: "InMemory") -> Integers:
        """As they are."""
        return lender.columns.limit_minor


class InMemory:
    """A `Lender` in memory.

    - `policy` gives first limits and, where the world reviews limits, new ones.
    - `waits_from_minor`: purchases from here on wait for a person, and then every fifth application does; None for
      none.
    - `stops`: which purchases are declined although there is room, by act; nobody's by default.

    Steps are kept for the day, so that a world which comes back after a kill is answered the same. Copy it with
    `copy.deepcopy` to let two arms live on from one day.
    """

    def __init__(
        self,
        policy: LimitPolicy,
        *,
        terms: Terms | None = None,
        waits_from_minor: int | None = None,
        stops: Callable[[acts.Buy], bool] = lambda _: False,
    ) -> None:
        self.policy, self.terms, self._stops = policy, Terms() if terms is None else terms, stops
        self._waits_from = waits_from_minor
        self.columns = LineColumns()
        self.today = date.min
        self._ids = 0
        self._held: dict[int, tuple[int, int]] = {}  # by decision: place of the line, minor units
        self._draws: dict[int, int] = {}  # by draw: what of it was not refunded
        self._applied: dict[int, int] = {}  # by application: the limit offered
        self._offers: dict[int, tuple[int, int]] = {}  # by offer: place, limit
        self._waiting: dict[int, dict[str, Any]] = {}
        self._paid: dict[str, int] = {}
        self._payments: dict[int, tuple[int, tuple[int, int, int, int]]] = {}  # by payment: place, what it paid
        self._told: dict[tuple[date, object], Any] = {}

    # A day.

    def begin(self, day: date, *, at: datetime) -> Morning:  # noqa: ARG002 - a day is enough here
        """The day before is closed: interest, penalties, and on its day the statement."""
        morning: Morning = self._once(day, "begin", lambda: self._begin(day))
        return morning

    def _begin(self, day: date) -> Morning:
        self._told = {key: told for key, told in self._told.items() if key[0] >= day - timedelta(days=1)}
        self.today, closed_on = day, day - timedelta(days=1)
        self.columns.pass_day(day_number(day), terms=self.terms)
        if closed_on.day != self.terms.statement_day:
            return Morning(self.standing(), pa.table({}))
        due_on = closed_on + timedelta(days=self.terms.due_after_days)
        statements = self.columns.bill(due_on=due_on, terms=self.terms)
        return Morning(self.standing(), statements)

    def review_limits(self, day: date, *, at: datetime) -> pa.Table:  # noqa: ARG002 - a day is enough here
        """What the policy says: decreases at once, increases as offers."""
        return self._once(day, "night", lambda: self._review(day))

    def _review(self, day: date) -> pa.Table:
        columns = self.columns
        wanted = self.policy.reviewed_limits(self).astype(np.int64)
        assert wanted.shape == (len(columns),), "a limit for each line"
        present = columns.limit_minor
        raised = np.flatnonzero((wanted > present) & columns.is_open)
        self._offers = {self._id(): (place, int(wanted[place])) for place in raised.tolist()}
        offers = pa.table({
            "offer_id": pa.array(list(self._offers), pa.int64()),
            "line_id": pa.array(raised + 1, pa.int64()),
            "previous_minor": pa.array(present[raised], pa.int64()),
            "limit_minor": pa.array(wanted[raised], pa.int64()),
            "valid_until": pa.array([day + timedelta(days=30)] * len(raised), pa.date32()),
        })  # fmt: skip
        columns.limit_minor[:] = np.where(columns.is_open, np.minimum(present, wanted), present)
        return offers

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Each step once."""
        answers: list[Answer] = self._once(step.day, step.number, lambda: [self._done(act) for act in acts])
        return answers

    def reviews(self, step: Step) -> pa.Table:
        """What waits for a person."""
        waiting = lambda: pa.Table.from_pylist(list(self._waiting.values()), schema=_REVIEWS)  # noqa: E731
        return self._once(step.day, step.number, waiting)

    def standing(self) -> pa.Table:
        """All lines, in the columns of `Morning.standing`."""
        columns = self.columns
        return pa.table({
            "line_id": np.arange(1, len(columns) + 1),
            "limit_minor": columns.limit_minor,
            "drawn_minor": columns.drawn_minor,
            "held_minor": columns.held_minor,
            "available_minor": columns.available_minor,
            "owed_minor": columns.owed_minor,
            "due_minor": columns.due_minor.sum(axis=1),
            "days_past_due": columns.days_past_due(day_number(self.today)),
            "is_open": columns.is_open,
            "is_frozen": np.zeros(len(columns), dtype=np.bool_),
            "is_charged_off": columns.is_charged_off,
        })  # fmt: skip

    def figures(self) -> pa.Table:
        """What each line has earned and lost until now: `LineColumns.FIGURES`, minor units, and its `line_id`."""
        told = {name: getattr(self.columns, name) for name in LineColumns.FIGURES}
        return pa.table({"line_id": np.arange(1, len(self.columns) + 1), **told})

    def _once(self, day: date, what: object, work: Callable[[], Any]) -> Any:
        if (day, what) not in self._told:
            self._told[day, what] = work()
        return self._told[day, what]

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    # What is asked.

    def _done(self, act: AnyAct) -> Answer:
        ways: dict[type[acts.Act], Callable[[Any], Answer]] = {
            acts.Apply: self._apply,
            acts.AcceptLine: self._accept,
            acts.Buy: self._buy,
            acts.Capture: self._capture,
            acts.Void: self._void,
            acts.Refund: self._refund,
            acts.Pay: self._pay,
            acts.SendBack: self._send_back,
            acts.ConvertBill: self._convert,
            acts.Judge: self._judge,
            acts.AnswerLimit: self._answer_limit,
            acts.AskLimit: self._keep_limit,
            acts.ChargeOff: self._charge_off,
            acts.Leave: self._close,
        }
        done = ways.get(type(act))  # what is only told, as a label, changes nothing here
        return self._did() if done is None else done(act)

    def _did(self, amount_minor: int = 0) -> Answer:
        return Answer(outcome=DONE, number=self._id(), amount_minor=amount_minor)

    def _apply(self, act: acts.Apply) -> Answer:
        number, [limit] = self._id(), self.policy.first_limits([act])
        if not limit:
            return Answer(outcome=Happened.DECLINE, number=number)
        self._applied[number] = limit
        if self._waits_from is not None and number % 5 == 0:
            return self._wait("apply", number, line_id=None, amount_minor=None)
        return Answer(outcome=Happened.OFFER, number=number, amount_minor=limit)

    def _accept(self, act: acts.AcceptLine) -> Answer:
        limit = self._applied.pop(act.application_id)
        if not act.accepts:
            return self._did()
        return Answer(outcome=DONE, number=self.columns.open(limit) + 1, amount_minor=limit)

    def _buy(self, act: acts.Buy) -> Answer:
        number, place, columns = self._id(), act.line_id - 1, self.columns
        has_room = act.amount_minor <= columns.available_of(place)
        if not has_room or columns.is_past_due(place, day_number(self.today)) or self._stops(act):
            return Answer(outcome=Happened.DECLINE, number=number)
        columns.held_minor[place] += act.amount_minor
        self._held[number] = (place, act.amount_minor)
        if self._waits_from is not None and act.amount_minor >= self._waits_from:
            return self._wait("authorize", number, line_id=act.line_id, amount_minor=act.amount_minor)
        return self._approved(number)

    def _approved(self, number: int) -> Answer:
        terms = self.terms
        return Answer(
            outcome=Happened.APPROVE,
            number=number,
            most_installments=terms.most_installments,
            price_code=terms.price_code,
        )

    def _release(self, decision_id: int) -> int:
        place, amount = self._held.pop(decision_id)
        self.columns.held_minor[place] -= amount
        return place

    def _void(self, act: acts.Void) -> Answer:
        self._release(act.decision_id)
        return self._did()

    def _capture(self, act: acts.Capture) -> Answer:
        place, number, terms = self._release(act.decision_id), self._id(), self.terms
        self.columns.draw(place, act.amount_minor, terms=act.installments, fee_ppm=terms.fee_per_period_ppm)
        self.columns.merchant_fee_minor[place] += act.amount_minor * terms.merchant_fee_ppm // PPM
        self._draws[number] = act.amount_minor
        return Answer(outcome=DONE, number=number, amount_minor=act.amount_minor)

    def _refund(self, act: acts.Refund) -> Answer:
        place, left = act.line_id - 1, self._draws[act.draw_id]
        amount = min(left, act.amount_minor)
        self._draws[act.draw_id] = left - amount
        self.columns.refund(place, amount)
        self.columns.merchant_fee_minor[place] -= amount * self.terms.merchant_fee_ppm // PPM
        return self._did(amount)

    def _pay(self, act: acts.Pay) -> Answer:
        if act.reference in self._paid:
            return Answer(outcome=DONE, number=self._paid[act.reference], is_repeat=True)
        number, place = self._id(), act.line_id - 1
        self._paid[act.reference] = number
        self._payments[number] = (place, self.columns.pay(place, act.amount_minor))
        return Answer(outcome=DONE, number=number, amount_minor=act.amount_minor)

    def _send_back(self, act: acts.SendBack) -> Answer:
        place, paid = self._payments.pop(act.payment_id)
        self.columns.take_back(place, paid)
        return self._did(sum(paid[:3]))

    def _convert(self, act: acts.ConvertBill) -> Answer:
        fee_ppm, place = self.terms.fee_per_period_ppm, act.line_id - 1
        return self._did(self.columns.convert(place, act.amount_minor, terms=act.installments, fee_ppm=fee_ppm))

    def _charge_off(self, act: acts.ChargeOff) -> Answer:
        self.columns.charge_off(act.line_id - 1)
        return self._did()

    def _close(self, act: acts.Leave) -> Answer:
        self.columns.is_open[act.line_id - 1] = False
        return self._did()

    def _keep_limit(self, _: acts.AskLimit) -> Answer:
        """Between its reviews this lender raises nothing."""
        return Answer(outcome=Happened.DECLINE, number=self._id())

    def _answer_limit(self, act: acts.AnswerLimit) -> Answer:
        if act.offer_id not in self._offers:
            return Answer(outcome="offer_gone", number=0)
        place, limit = self._offers.pop(act.offer_id)
        if act.accepts and self.columns.is_open[place]:
            self.columns.limit_minor[place] = limit
        return self._did(limit)

    def _wait(self, checkpoint: str, number: int, *, line_id: int | None, amount_minor: int | None) -> Answer:
        self._waiting[number] = {
            "review_id": number, "checkpoint": checkpoint, "decision_id": number, "line_id": line_id,
            "amount_minor": amount_minor,
        }  # fmt: skip
        return Answer(outcome=Happened.REVIEW, number=number)

    def _judge(self, act: acts.Judge) -> Answer:
        number, waited = act.review_id, self._waiting.pop(act.review_id)
        if not act.passes:
            if waited["line_id"] is None:
                self._applied.pop(number)
            else:
                self._release(number)
            return Answer(outcome=Happened.DECLINE, number=number)
        if waited["line_id"] is None:
            return Answer(outcome=Happened.OFFER, number=number, amount_minor=self._applied[number])
        return self._approved(number)


_REVIEWS: Final = pa.schema(
    [("review_id", pa.int64()), ("checkpoint", pa.string())]
    + [(name, pa.int64()) for name in ("decision_id", "line_id", "amount_minor")]
)
