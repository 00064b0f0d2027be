"""Purchases decided: features, scores, strategy, decision and hold, for a whole batch in one transaction.

The lines are locked before anything is read, so two purchases can never both take the last yuan. Nobody is waited for:
a line in use elsewhere puts its purchase off, and the caller asks again with the next batch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.features.event_tables import REQUEST_SCHEMA
from tallystick.operations.deciding import Deciders, Deciding
from tallystick.operations.decision_events import tell_placed, tell_withdrawn
from tallystick.operations.decision_record import (
    APPROVED,
    DECLINED,
    REVIEWED,
    Request,
    Reused,
    batch_of,
    decide,
    decision_of,
    due_at,
    in_columns,
    refused_after,
    request_columns,
    review_of,
    stream_rows,
    told_again,
)
from tallystick.operations.lines import Act, line_write, record
from tallystick.operations.positions import position_beside
from tallystick.operations.step_ups import refused_step_ups
from tallystick.servicing import facts
from tallystick.servicing.admission import admit
from tallystick.servicing.circumstances import BorrowerPosition, Circumstances
from tallystick.servicing.facts import AnyFact, Event
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import days_past_due
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.servicing.steps import Step, caught_up_if_due, with_event
from tallystick.storage import borrowers, decisions, freezes, reviews, strategies
from tallystick.storage.borrowers import Borrower
from tallystick.storage.contracts import Contracts
from tallystick.storage.decisions import Batch, StoredDecision
from tallystick.storage.event_streams import write_stream
from tallystick.storage.freezes import Freeze, Subject
from tallystick.storage.line_writing import Recording, send_lines
from tallystick.storage.lines import StoredLine
from tallystick.storage.reviews import Review
from tallystick.storage.step_ups import add_retries
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, Figures, encode_record
from tallystick.units.periods import full_months

MOST_TOGETHER: Final = 256
# How long a hold stands where nobody says otherwise.
HOLD_DAYS: Final = 7


class Purchase(Struct, frozen=True, kw_only=True):
    """A purchase as it is asked for. Ids of devices, addresses and phones are numbers that stand for them.

    `decision_id` is the answer's id, later than those of all purchases before it. `request_key` is how the same request
    is known when it comes again, `request_digest` by what it is told from another one. `step_up_of` is the decision
    that asked for the second factor which was passed since. The hold lasts until the day `expires_on` begins; one that
    waits for a person, at least until the review's time is over.
    """

    decision_id: int
    request_key: str
    request_digest: bytes
    line_id: int
    amount_minor: int
    merchant_id: int
    expires_on: date
    category: str | None = None
    device_id: int | None = None
    terminal_id: int | None = None
    address_id: int | None = None
    phone_id: int | None = None
    latitude_udeg: int | None = None
    longitude_udeg: int | None = None
    step_up_passed: bool = False
    step_up_of: int | None = None
    merchant_pays_price: bool = False


class PutOff(Struct, frozen=True):
    """Nothing was decided: the line or its borrower is in use, or a case of the same batch had to come first."""


Authorized: TypeAlias = StoredDecision | Refusal | Reused | PutOff


def authorize(
    connection: Connection, purchases: Sequence[Purchase], *, deciders: Deciders, act: Act, zone: tzinfo
) -> list[Authorized]:
    """Decide purchases, in the order of their `decision_id`s, and write what follows; the caller commits.

    What was decided before is answered again; what was taken back since is decided anew. Raises `NoRelease` where
    nothing decides, and `ValueError` for more than `MOST_TOGETHER` purchases, two on one line or two with one key.
    """
    _check(purchases)
    found = _found(connection, purchases)
    deciding = deciders.deciding_by(connection, CheckpointName.AUTHORIZE, found.release_number)
    asked, answers = _told_again(connection, purchases, found.known, act=act)
    cases = _cases(connection, asked, found, answers, act=act)
    refused = refused_step_ups(connection, [each.purchase for each in cases], deciders=deciders, act=act)
    if refused:
        answers |= refused
        cases = [each for each in cases if each.purchase.decision_id not in refused]
    while cases:
        batch = _Batch(connection, cases, deciding, frozen=found.frozen, act=act, zone=zone)
        related = batch.behind_a_freeze()
        if not related:
            answers |= batch.write()
            break
        answers |= {each.purchase.decision_id: PutOff() for each in related}
        cases = [each for each in cases if each not in related]
    return [answers[each.decision_id] for each in purchases]


def _told_again(
    connection: Connection, purchases: Sequence[Purchase], known: Mapping[str, StoredDecision], *, act: Act
) -> tuple[list[Purchase], dict[int, Authorized]]:
    """The purchases still to be decided, and the answers to those that were decided before.

    One that is being taken back at this moment is put off. One that was taken back is decided anew, under a key that
    tells after which decision: its caller was told that nothing is held, and that he may ask again.
    """
    asked, answers = {each.decision_id: each for each in purchases}, dict[int, Authorized]()
    while known:
        same: dict[int, StoredDecision] = {}
        for purchase in asked.values():
            before = known.get(purchase.request_key)
            if before is not None:
                again = told_again(before, purchase.request_digest)
                answers[purchase.decision_id] = again
                if again is before:
                    same[purchase.decision_id] = before
        gone = decisions.tell_again(connection, [each.decision_id for each in same.values()], at=act.at)
        anew = []
        for asked_id, before in same.items():
            if before.decision_id not in gone:
                answers[asked_id] = PutOff()
            elif gone[before.decision_id]:
                del answers[asked_id]
                key = f"{before.request_key} after {before.decision_id}"
                asked[asked_id] = msgspec.structs.replace(asked[asked_id], request_key=key)
                anew.append(key)
        known = decisions.known_requests(connection, anew) if anew else {}
    return [each for each in asked.values() if each.decision_id not in answers], answers


def withdraw(connection: Connection, decision: StoredDecision, *, act: Act) -> None:
    """Take back a purchase whose caller was told the safe outcome meanwhile: the hold is given back, if it still holds.

    Done twice, it happens once. What the caller was told after all, when the same request came again, stands.
    """
    if not decisions.withdraw_decision(connection, decision.decision_id, at=act.at):
        return
    tell_withdrawn(connection, decision, act=act)
    if decision.hold_id is not None and decision.line_id is not None:
        record(connection, decision.line_id, facts.HoldVoided(hold_id=decision.hold_id), act=act)


def _check(purchases: Sequence[Purchase]) -> None:
    if len(purchases) > MOST_TOGETHER:
        raise ValueError(f"{len(purchases)} purchases are more than {MOST_TOGETHER}; give them in several batches")
    for what in ("line_id", "request_key"):
        if len({getattr(each, what) for each in purchases}) < len(purchases):
            raise ValueError(f"{what}: two purchases of one batch have the same; give the second with the next batch")
    ids = [each.decision_id for each in purchases]
    if ids != sorted(ids):
        raise ValueError("decision_id: purchases must come in the order of their ids")


class _Case(Struct, frozen=True):
    """A purchase with everything that is locked for it."""

    purchase: Purchase
    borrower: Borrower
    stored: StoredLine
    step: Step
    position: BorrowerPosition


class _Found(Struct, frozen=True):
    """What is read before anything is decided.

    `free` are the lines that are locked now, with their borrowers; `beside`, by borrower, the lines that nobody asks to
    buy with; `busy`, by line, who has one that is asked for and in use elsewhere.
    """

    release_number: int | None
    free: dict[int, tuple[Borrower, StoredLine]]
    beside: dict[int, list[Line]]
    busy: dict[int, int]
    known: dict[str, StoredDecision]
    frozen: set[tuple[Subject, int]]


def _found(connection: Connection, purchases: Sequence[Purchase]) -> _Found:
    """Lock, and read what the locks keep as it is: in this order, and in one round trip."""
    line_ids = [each.line_id for each in purchases]
    subjects = {(Subject.MERCHANT, each.merchant_id) for each in purchases}
    subjects |= {(Subject.DEVICE, each.device_id) for each in purchases if each.device_id is not None}
    with connection.pipeline():
        number = strategies.ask_last_release_number(connection)
        free = borrowers.ask_free_lines(connection, line_ids)
        beside = borrowers.ask_lines_beside(connection, line_ids)
        known = decisions.ask_known_requests(connection, [each.request_key for each in purchases])
        frozen = freezes.ask_standing_freezes(connection, subjects)
    lines = free.told()
    taken = [line_id for line_id in line_ids if line_id not in lines]
    busy = borrowers.borrowers_of_lines(connection, taken) if taken else {}
    return _Found(number.told(), lines, beside.told(), busy, known.told(), frozen.told())


def _cases(
    connection: Connection, asked: Sequence[Purchase], found: _Found, answers: dict[int, Authorized], *, act: Act
) -> list[_Case]:
    """Purchases that can be decided now; a second one of a person is put off, and who has a line that is in use."""
    busy = set(found.busy.values())
    asked_for: dict[int, list[Line]] = {}
    for person, each in found.free.values():
        asked_for.setdefault(person.borrower_id, []).append(each.line)
    first: dict[int, Purchase] = {}
    terms = Contracts(connection)
    cases = []
    for purchase in asked:
        if purchase.line_id not in found.free:
            unknown = Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")
            answers[purchase.decision_id] = PutOff() if purchase.line_id in found.busy else unknown
            continue
        borrower, stored = found.free[purchase.line_id]
        if borrower.borrower_id in busy or first.setdefault(borrower.borrower_id, purchase) is not purchase:
            answers[purchase.decision_id] = PutOff()
            continue
        step = caught_up_if_due(
            stored.line, due_on=stored.next_due_on, today=act.today, event_ids=act.event_ids, contracts=terms
        )
        others = found.beside.get(borrower.borrower_id, []) + [
            line
            for line in asked_for[borrower.borrower_id]
            if line.line_id != purchase.line_id and line.condition is not Condition.CLOSED
        ]
        position = position_beside(borrower, others, today=act.today, event_ids=act.event_ids, contracts=terms)
        cases.append(_Case(purchase, borrower, stored, step, position))
    return cases


class _Batch:
    """Cases decided together, in memory; nothing is written before `write`."""

    def __init__(
        self,
        connection: Connection,
        cases: Sequence[_Case],
        deciding: Deciding,
        *,
        frozen: set[tuple[Subject, int]],
        act: Act,
        zone: tzinfo,
    ) -> None:
        self._connection = connection
        self._cases = cases
        self._deciding = deciding
        self._act = act
        self._terms = Contracts(connection)
        self._strategy_ids = deciding.strategies_of([each.borrower.borrower_id for each in cases])
        self._requests = _requests(cases, act=act, zone=zone)
        self._decided = decide(
            connection,
            deciding,
            strategy_ids=self._strategy_ids,
            requests=self._requests,
            figures=in_columns([_figures_of(each, frozen=frozen, day=act.today) for each in cases]),
        )
        self._record = self._decided.record

    def behind_a_freeze(self) -> list[_Case]:
        """The cases that come after one that freezes their device: they have to be decided on the device as frozen."""
        frozen: set[int] = set()
        behind = []
        for case, action in zip(self._cases, self._record.outputs["action"], strict=True):
            device_id = case.purchase.device_id
            if device_id in frozen:
                behind.append(case)
            elif action == "freeze_device" and device_id is not None:
                frozen.add(device_id)
        return behind

    def write(self) -> dict[int, StoredDecision]:
        """Hold, freeze and queue as decided, and write the record."""
        taken = [self._taken(place) for place in range(len(self._cases))]
        record = refused_after(self._decided, [each.refusal for each in taken])
        batch = batch_of(self._decided, self._deciding, act=self._act)
        made = [self._decision(record, place, each, batch=batch) for place, each in enumerate(taken)]
        trace = encode_record(record)
        frozen = list(self._freezes(record, made, taken))
        with self._connection.pipeline():
            check = self._send_lines(taken)
            decisions.write_batch(self._connection, batch, made, trace=trace)
            add_retries(self._connection, _retried(each.purchase for each in self._cases))
            reviews.open_reviews(self._connection, list(self._reviews(record, made)))
            freezes.place_freezes(self._connection, frozen)
            tell_placed(self._connection, frozen, act=self._act)
            self._write_streams(made)
        check()
        return {each.decision_id: each for each in made}

    def _taken(self, place: int) -> "_Taken":
        """What the books take of a decision: the hold, the freeze of the line, or why not."""
        case, record = self._cases[place], self._record
        step, refusal, hold_id = case.step, None, None
        if record.outcome[place] in (APPROVED, REVIEWED):
            hold = self._hold(place)
            admitted = self._admitted(case, step, hold)
            if isinstance(admitted, Refusal):
                refusal = admitted
            else:
                step, hold_id = self._with(case, step, admitted), hold.hold_id
        if record.outputs["action"][place] == "freeze_line":
            frozen = self._admitted(case, step, facts.LineFrozen(reason=record.reasons[place][0]))
            if not isinstance(frozen, Refusal):
                step = self._with(case, step, frozen)
        return _Taken(case, step, hold_id, refusal)

    def _hold(self, place: int) -> facts.HoldPlaced:
        purchase = self._cases[place].purchase
        expires_on = purchase.expires_on
        if self._record.outcome[place] == REVIEWED:
            expires_on = max(expires_on, due_at(self._record, place, act=self._act).date() + timedelta(days=2))
        return facts.HoldPlaced(
            hold_id=purchase.decision_id,
            amount_minor=purchase.amount_minor,
            expires_on=expires_on,
            merchant_id=purchase.merchant_id,
            category=purchase.category or "",
        )

    def _admitted(self, case: _Case, step: Step, fact: AnyFact) -> AnyFact | Refusal:
        circumstances = Circumstances(today=self._act.today, borrower=case.position, contracts=self._terms)
        return admit(step.line, fact, on=self._act.today, circumstances=circumstances)

    def _with(self, case: _Case, step: Step, fact: AnyFact) -> Step:
        event = Event(next(self._act.event_ids), self._act.today, fact)
        return with_event(step, event, line_id=case.purchase.line_id, contracts=self._terms)

    def _send_lines(self, taken: "Sequence[_Taken]") -> Callable[[], None]:
        recording = Recording(actor=self._act.actor, recorded_at=self._act.at, booked_on=self._act.today)
        changed = [each for each in taken if not each.step.is_empty]
        writes = [
            line_write(self._connection, each.step, stored=each.case.stored, approved_by=None) for each in changed
        ]
        transfers = [transfer for each in changed for transfer in each.step.transfers]
        return send_lines(self._connection, writes, transfers, recording=recording)

    def _decision(self, record: CaseRecord, place: int, taken: "_Taken", *, batch: Batch) -> StoredDecision:
        purchase = taken.case.purchase
        request = Request(
            decision_id=purchase.decision_id,
            request_key=purchase.request_key,
            request_digest=purchase.request_digest,
            borrower_id=taken.case.borrower.borrower_id,
            line_id=purchase.line_id,
            amount_minor=purchase.amount_minor,
        )
        return decision_of(record, place, request, batch=batch, hold_id=taken.hold_id, refused=taken.refusal)

    def _reviews(self, record: CaseRecord, made: Sequence[StoredDecision]) -> Iterator[Review]:
        for case, decision in zip(self._cases, made, strict=True):
            if decision.outcome == REVIEWED:
                checkpoint, device_id = self._deciding.checkpoints[decision.strategy_id], case.purchase.device_id
                yield review_of(record, decision, checkpoint=checkpoint, device_id=device_id, act=self._act)

    def _freezes(
        self, record: CaseRecord, made: Sequence[StoredDecision], taken: "Sequence[_Taken]"
    ) -> Iterator[Freeze]:
        """What the decisions freeze: of a line only what its books took, so that both tell the same."""
        subjects = {"freeze_line": Subject.LINE, "freeze_device": Subject.DEVICE}
        for each, action, decision in zip(taken, record.outputs["action"], made, strict=True):
            subject = subjects.get(action)
            number = each.case.purchase.line_id if subject is Subject.LINE else each.case.purchase.device_id
            if subject is Subject.LINE and (each.step.line is None or each.step.line.frozen_because is None):
                continue
            if subject is not None and number is not None:
                yield Freeze(
                    freeze_id=next(self._act.event_ids),
                    subject=subject,
                    subject_id=number,
                    reason=decision.reasons[0],
                    decision_id=decision.decision_id,
                    placed_by=f"strategy {decision.strategy_id[:12]}",
                    placed_at=self._act.at,
                )

    def _write_streams(self, made: Sequence[StoredDecision]) -> None:
        """What later decisions may know: that it was asked, and what was answered, if it was."""
        asked = self._requests | {"event_id": self._requests["request_id"]}
        write_stream(self._connection, "purchase", stream_rows("purchase", asked))
        answered = [place for place, each in enumerate(made) if each.outcome in (APPROVED, DECLINED)]
        if answered:
            told = {name: [values[place] for place in answered] for name, values in asked.items()}
            told["is_declined"] = [made[place].outcome == DECLINED for place in answered]
            write_stream(self._connection, "purchase_outcome", stream_rows("purchase_outcome", told))


class _Taken(Struct, frozen=True):
    """A case as the books took it."""

    case: _Case
    step: Step
    hold_id: int | None
    refusal: Refusal | None


def _requests(cases: Sequence[_Case], *, act: Act, zone: tzinfo) -> Figures:
    """The purchases as the features' catalog asks."""
    asked = [
        {
            **{name: getattr(each.purchase, name) for name in _OF_PURCHASE},
            "request_id": each.purchase.decision_id,
            "borrower_id": each.borrower.borrower_id,
        }
        for each in cases
    ]
    return request_columns(asked, kind="purchase", act=act, zone=zone)


_OF_PURCHASE: Final = tuple(name for name in REQUEST_SCHEMA.names if name in Purchase.__struct_fields__)


def _retried(purchases: Iterable[Purchase]) -> dict[int, int]:
    return {each.decision_id: each.step_up_of for each in purchases if each.step_up_of is not None}


def _figures_of(case: _Case, *, frozen: set[tuple[Subject, int]], day: date) -> Mapping[str, Any]:
    """The columns of a case at `authorize`, in the order of `case_columns`."""
    purchase, line, stands = case.purchase, case.step.line, case.step.stands
    assert line is not None
    assert stands is not None
    return {
        "amount_minor": purchase.amount_minor,
        "category": purchase.category,
        "has_device": purchase.device_id is not None,
        "step_up_passed": purchase.step_up_passed or purchase.step_up_of is not None,
        "limit_minor": line.limit_minor,
        "drawn_minor": stands.drawn_minor,
        "held_minor": stands.held_minor,
        "available_minor": stands.available_minor,
        "condition": str(line.condition),
        "days_past_due": days_past_due(line, day=day),
        "months_on_book": full_months(since=line.opened_on, until=day),
        "days_since_opened": (day - line.opened_on).days,
        "line_is_frozen": line.frozen_because is not None,
        "device_is_frozen": (Subject.DEVICE, purchase.device_id) in frozen,
        "borrower_is_blocked": case.borrower.blocked_because is not None,
        "merchant_pays_price": purchase.merchant_pays_price,
        "merchant_is_blocked": (Subject.MERCHANT, purchase.merchant_id) in frozen,
    }
