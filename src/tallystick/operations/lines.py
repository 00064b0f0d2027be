"""One act on one line: catch the line up, admit the fact or refuse it, fold it in, and write it with its transfers.

Each function is one transaction of the caller's: it locks, reads, decides and writes, or refuses and writes nothing
but what time alone had made due.
"""

import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.ledger.transfer import Transfer
from tallystick.operations.decision_events import tell_review_closed
from tallystick.operations.positions import position_of
from tallystick.servicing import facts
from tallystick.servicing.admission import admit
from tallystick.servicing.circumstances import BorrowerPosition, Circumstances
from tallystick.servicing.facts import AnyFact, Event, kind_of, undone_by
from tallystick.servicing.fold import has_dependents, plans_brought
from tallystick.servicing.line import Line
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.servicing.steps import (
    Step,
    caught_up_if_due,
    changes_from,
    due_after,
    is_late,
    with_event,
    with_late_event,
)
from tallystick.storage import borrowers, freezes, lines, money_rows, reviews
from tallystick.storage.contracts import Contracts
from tallystick.storage.freezes import Freeze, Subject
from tallystick.storage.line_writing import LineWrite, Recording, write_lines
from tallystick.storage.lines import StoredLine
from tallystick.storage.reviews import ActKind, ReviewAct

# Facts that use credit or grant it wait for the person's other lines: the legal limit is per person.
_USES_CREDIT: Final = (facts.LineOpened, facts.HoldPlaced, facts.Drawdown, facts.LimitChanged)


class Act(Struct, frozen=True):
    """Who asks, at which instant (UTC), on which business day, and the ids that the edge supplies.

    `approved_by` is the second person who agreed, None where none was asked.
    """

    actor: str
    at: datetime
    today: date
    event_ids: Iterator[int]
    approved_by: str | None = None


class ActorFault(ValueError):
    """Nobody is named as the one who acts; the message tells the way out."""


def named_actor(name: str) -> str:
    """The name of who acts, without blanks around it; raises `ActorFault` for an empty one."""
    if not name.strip():
        raise ActorFault("by: is empty; give the name of the person or job that acts")
    return name.strip()


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: case, width and blanks tell nobody apart.

    >>> is_same_person("li", " LI "), is_same_person("li", "lin")
    (True, False)
    """
    first, second = ("".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in (one, other))
    return first == second


class Recorded(Struct, frozen=True):
    """What was recorded: the event, the line after it, and the transfers posted, corrections of the past included."""

    event: Event
    line: Line
    revision: int
    transfers: tuple[Transfer, ...]


def record(
    connection: Connection,
    line_id: int,
    fact: AnyFact,
    *,
    act: Act,
    on: date | None = None,
    decision_id: int | None = None,
) -> Recorded | Refusal:
    """Record a fact on a line from the business day `on` (None: today); a refusal leaves the line caught up only.

    Money that two persons found in suspense and that is taken back from the line stands there again, as a new item. A
    freeze stands in the list exactly while the line is frozen, with the decision that wanted it where one is given, and
    a review ends with the hold that it is about.
    """
    judged = _judged(connection, line_id, fact, act=act, on=on)
    recorded = _recorded(connection, line_id, judged, act=act, on=on, decision_id=decision_id)
    if isinstance(judged, _Judged) and isinstance(recorded, Recorded) and judged.target is not None:
        _suspend_again(connection, judged.target.fact, because=kind_of(fact), act=act)
    if isinstance(fact, facts.HoldVoided) and isinstance(recorded, Recorded):
        _withdraw_review(connection, recorded.line, fact.hold_id, act=act)
    return recorded


def record_sent_back(
    connection: Connection, line_id: int, fact: facts.PaymentReturned, *, act: Act
) -> Recorded | Refusal:
    """Record that the bank took a payment back itself: its money left, so none of it stands in suspense again."""
    judged = _judged(connection, line_id, fact, act=act, on=None)
    return _recorded(connection, line_id, judged, act=act, on=None)


def _recorded(
    connection: Connection,
    line_id: int,
    judged: "_Judged | Refusal",
    *,
    act: Act,
    on: date | None,
    decision_id: int | None = None,
) -> Recorded | Refusal:
    if isinstance(judged, Refusal):
        return judged
    if isinstance(judged.admitted, Refusal):
        _write(connection, judged.step, stored=judged.stored, act=act)
        return judged.admitted
    event = Event(next(act.event_ids), on or act.today, judged.admitted)
    after = _with_event(connection, line_id, judged.step, event, target=judged.target)
    assert after.line is not None
    if (judged.frozen_because is None) == (after.line.frozen_because is None):
        _write(connection, after, stored=judged.stored, act=act)
    else:
        with connection.transaction():  # the database asks at its end whether both tell the same
            _write(connection, after, stored=judged.stored, act=act)
            _keep_freeze(connection, after.line, event, act=act, decision_id=decision_id)
    revision = 1 if judged.stored is None else judged.stored.revision + 1
    return Recorded(event=event, line=after.line, revision=revision, transfers=after.transfers)


def _keep_freeze(connection: Connection, line: Line, event: Event, *, act: Act, decision_id: int | None) -> None:
    """Have a freeze stand exactly while the line is frozen in its own state, whichever event made or ended that.

    It has the id of the event that made it, and of the decision that wanted it, if one did.
    """
    because = _why(event.fact)
    if line.frozen_because is None:
        standing = freezes.standing_freeze(connection, Subject.LINE, line.line_id)
        assert standing is not None, "a line is frozen where a freeze of it stands"
        freezes.lift_freeze(connection, standing.freeze_id, by=act.actor, at=act.at, because=because)
        return
    placed = Freeze(
        freeze_id=event.event_id,
        subject=Subject.LINE,
        subject_id=line.line_id,
        reason=line.frozen_because or because,
        decision_id=decision_id,
        placed_by=act.actor,
        placed_at=act.at,
    )
    freezes.place_freezes(connection, [placed])


def _why(fact: AnyFact) -> str:
    """Why a fact was recorded, in its own words where it has any."""
    return getattr(fact, "reason", "") or kind_of(fact)


def _withdraw_review(connection: Connection, line: Line, hold_id: int, *, act: Act) -> None:
    """End the review that waits about a hold of which nothing is left: there is nothing to judge any more."""
    if any(hold.hold_id == hold_id for hold in line.holds):
        return
    review_id = reviews.open_review_of_hold(connection, hold_id)
    review = None if review_id is None else reviews.read_review(connection, review_id, lock=True)
    if review is None or review.outcome is not None:
        return
    reviews.close_review(connection, review.review_id, reviews.WITHDRAWN, by=act.actor, at=act.at)
    reviews.add_act(
        connection,
        ReviewAct(
            review_id=review.review_id,
            act_id=next(act.event_ids),
            kind=ActKind.WITHDRAWN,
            outcome=reviews.WITHDRAWN,
            reason=kind_of(facts.HoldVoided(hold_id=hold_id)),
            actor=act.actor,
            acted_at=act.at,
        ),
    )
    withdrawn = replace(review, outcome=reviews.WITHDRAWN)
    tell_review_closed(connection, withdrawn, kind=ActKind.WITHDRAWN, act=act)


def _suspend_again(connection: Connection, taken_back: AnyFact, *, because: str, act: Act) -> None:
    """Open what was found in suspense anew: the same row of the bank, for two persons to say once more whose it is."""
    if not isinstance(taken_back, facts.PaymentReceived) or taken_back.channel != facts.SUSPENSE:
        return
    found = money_rows.item(connection, int(taken_back.reference or 0))
    assert found is not None, "only an item becomes a payment out of suspense"
    again = replace(found, item_id=next(act.event_ids), because=because, opened_on=act.today)
    money_rows.add_items(connection, [again])


def why_refused(connection: Connection, line_id: int, fact: AnyFact, *, act: Act) -> Refusal | None:
    """Why the fact would be refused today, a second person agreeing where one must; writes nothing."""
    agreed = replace(act, approved_by=f"somebody but {act.actor}")
    judged = _judged(connection, line_id, fact, act=agreed, on=None)
    if isinstance(judged, Refusal):
        return judged
    return judged.admitted if isinstance(judged.admitted, Refusal) else None


class _Judged(Struct, frozen=True):
    """A line as it was stored and caught up, and what became of a fact proposed to it.

    `target` is the event that the fact takes back.
    """

    stored: StoredLine | None
    step: Step
    admitted: AnyFact | Refusal
    target: Event | None

    @property
    def frozen_because(self) -> str | None:
        """What the line was frozen by before."""
        return None if self.stored is None else self.stored.line.frozen_because


def _judged(connection: Connection, line_id: int, fact: AnyFact, *, act: Act, on: date | None) -> _Judged | Refusal:
    """Lock, read, catch up and admit; a refusal of its own where there is no line or person to ask."""
    position = _position(connection, line_id=line_id, fact=fact, act=act)
    if isinstance(position, Refusal):
        return position
    stored = lines.lock_line(connection, line_id)
    if stored is None and not isinstance(fact, facts.LineOpened):
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    step = _caught_up(connection, stored, act=act)
    circumstances = _circumstances(connection, line_id, fact, line=step.line, position=position, act=act)
    return _Judged(
        stored=stored,
        step=step,
        admitted=admit(step.line, fact, on=on or act.today, circumstances=circumstances),
        target=circumstances.target,
    )


def catch_line_up(connection: Connection, line_id: int, *, act: Act) -> Line | None:
    """Let happen what time alone made due, as every act on a line does first; None where there is no such line."""
    stored = lines.lock_line(connection, line_id)
    if stored is None:
        return None
    step = _caught_up(connection, stored, act=act)
    _write(connection, step, stored=stored, act=act)
    return step.line


def _caught_up(connection: Connection, stored: StoredLine | None, *, act: Act) -> Step:
    if stored is None:
        return Step(line=None)
    return caught_up_if_due(
        stored.line,
        due_on=stored.next_due_on,
        today=act.today,
        event_ids=act.event_ids,
        contracts=Contracts(connection),
    )


def _with_event(connection: Connection, line_id: int, step: Step, event: Event, *, target: Event | None) -> Step:
    """The line after the event: folded on where it is the latest, folded again where it changes the past."""
    contracts = Contracts(connection)
    if not is_late(step, event):
        return with_event(step, event, line_id=line_id, contracts=contracts)
    changed_from = changes_from(event, target=target)
    start = lines.checkpoint_before(connection, line_id, changed_from)
    recorded = lines.read_events(connection, line_id, after=start.order if start else None)
    return with_late_event(
        step,
        event,
        start=start,
        recorded=recorded,
        changed_from=changed_from,
        contracts=contracts,
        told_on=lines.days_told(connection, line_id, since=changed_from[0]),
    )


def _write(connection: Connection, step: Step, *, stored: StoredLine | None, act: Act) -> None:
    """Write the line, its events and its transfers; nothing where nothing happened."""
    if step.line is None or step.is_empty:
        return
    recording = Recording(actor=act.actor, recorded_at=act.at, booked_on=act.today)
    write = line_write(connection, step, stored=stored, approved_by=act.approved_by)
    write_lines(connection, [write], step.transfers, recording=recording)


def line_write(connection: Connection, step: Step, *, stored: StoredLine | None, approved_by: str | None) -> LineWrite:
    """A step as it is written over the line that it began with; None where it opens one."""
    assert step.line is not None
    assert step.stands is not None
    terms = Contracts(connection)[step.line.contract_hash]
    return LineWrite(
        line=step.line,
        stands=step.stands,
        revision_before=stored.revision if stored else 0,
        next_due_on=due_after(step, due_before=stored.next_due_on if stored else None, terms=terms),
        events=step.events,
        history=step.history,
        checkpoints=step.checkpoints,
        forget_from=step.forget_from,
        approved_by=approved_by,
    )


def _circumstances(
    connection: Connection, line_id: int, fact: AnyFact, *, line: Line | None, position: BorrowerPosition, act: Act
) -> Circumstances:
    target_id = undone_by(fact)
    later = lines.read_events(connection, line_id) if target_id is not None else []
    target = next((event for event in later if event.event_id == target_id), None)
    return Circumstances(
        today=act.today,
        borrower=position,
        contracts=Contracts(connection),
        has_second_person=bool(act.approved_by) and not is_same_person(act.actor, act.approved_by or ""),
        target=target,
        target_is_undone=any(undone_by(event.fact) == target_id for event in later),
        target_has_dependents=target is not None and has_dependents(target, later),
        plan_has_ended=line is not None and _names_ended_plan(connection, line, fact),
    )


def _names_ended_plan(connection: Connection, line: Line, fact: AnyFact) -> bool:
    """Whether the fact is about a plan that the line had; the events are read only where it does not hold the plan."""
    plan_id = getattr(fact, "plan_id", None)
    if plan_id is None or any(plan.plan_id == plan_id for plan in line.plans):
        return False
    return plan_id in plans_brought(lines.read_events(connection, line.line_id))


def _position(connection: Connection, *, line_id: int, fact: AnyFact, act: Act) -> BorrowerPosition | Refusal:
    """The person as far as the fact asks for one: all lines where credit is used or granted, none where it is not.

    The person is locked before the line where credit is used, so that two lines never take the same yuan.
    """
    if not isinstance(fact, _USES_CREDIT):
        return BorrowerPosition()
    borrower_id = (
        fact.borrower_id if isinstance(fact, facts.LineOpened) else borrowers.borrower_of_line(connection, line_id)
    )
    if borrower_id is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    borrower = borrowers.lock_borrower(connection, borrower_id)
    if borrower is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    return position_of(connection, borrower, but_line_id=line_id, today=act.today, event_ids=act.event_ids)
