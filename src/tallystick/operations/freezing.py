"""What is shut at once: lines, devices and merchants frozen and unfrozen by persons, and the holds that it is about.

Each function is one transaction of the caller's. What decisions freeze, `authorizing` writes.
"""

from collections.abc import Collection, Sequence
from datetime import tzinfo
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations import reviewing
from tallystick.operations.clocks import act_on_line
from tallystick.operations.deciding import Checkpoints, Deciders
from tallystick.operations.decision_events import tell_lifted, tell_placed
from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.standing import line_today
from tallystick.operations.strategy_life import current_release
from tallystick.servicing import facts
from tallystick.servicing.line import Hold
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, freezes, lines, reviews
from tallystick.storage.freezes import Freeze, Subject
from tallystick.strategy.case_columns import CheckpointName

# How many holds are listed, and given back in one transaction.
MOST_HOLDS: Final = 200
# Whoever was frozen by a person is told what the strategy tells those who meet the freeze.
_REASONS: Final = {
    Subject.LINE: "LINE_FROZEN",
    Subject.DEVICE: "DEVICE_FROZEN",
    Subject.MERCHANT: "MERCHANT_BLOCKED",
}


class OpenHold(Struct, frozen=True):
    """A hold that a freeze is about, and the review that it waits for, if it does."""

    line_id: int
    hold: Hold
    review_id: int | None


def freeze(
    connection: Connection, subject: Subject, subject_id: int, *, reason: str, act: Act, zone: tzinfo
) -> Freeze | Refusal:
    """Freeze at once, and decline the purchases that wait for a person on the line or device.

    Of lines that are in use that very moment, the next round of `stop_in_flight` declines them.
    """
    if subject is Subject.LINE:
        recorded = freeze_line(connection, subject_id, reason=reason, act=act, zone=zone)
        if isinstance(recorded, Refusal):
            return recorded
    else:
        standing = freezes.standing_freeze(connection, subject, subject_id)
        if standing is not None:
            return Refusal(RefusalReason.SUBJECT_FROZEN, field="subject_id", figures={"subjects": [str(subject)]})
        placed = Freeze(
            freeze_id=next(act.event_ids),
            subject=subject,
            subject_id=subject_id,
            reason=reason,
            decision_id=None,
            placed_by=act.actor,
            placed_at=act.at,
        )
        freezes.place_freezes(connection, [placed])
        tell_placed(connection, [placed], act=act)
    found = _stopped(connection, subject, subject_id, act=act, zone=zone)
    assert found is not None, "it was placed, by us or by who was quicker"
    return found


def freeze_line(connection: Connection, line_id: int, *, reason: str, act: Act, zone: tzinfo) -> Recorded | Refusal:
    """Freeze a line at once, and decline what waits for a person on it: the line as it stands after that."""
    there = act_on_line(connection, line_id, act=act, zone=zone)
    recorded = record(connection, line_id, facts.LineFrozen(reason=reason), act=there)
    if isinstance(recorded, Refusal):
        return recorded
    _stopped(connection, Subject.LINE, line_id, act=act, zone=zone)
    stored = lines.read_line(connection, line_id)
    assert stored is not None, "it was frozen"
    return replace(recorded, line=stored.line, revision=stored.revision)


def _stopped(connection: Connection, subject: Subject, subject_id: int, *, act: Act, zone: tzinfo) -> Freeze | None:
    """The freeze of a subject that stands, after what waits on it was declined."""
    found = freezes.standing_freeze(connection, subject, subject_id)
    if found is not None:
        reviewing.stop_in_flight(connection, act=act, zone=zone, most=MOST_HOLDS, freeze_id=found.freeze_id)
    return found


def lift(connection: Connection, freeze_id: int, *, reason: str, act: Act, zone: tzinfo) -> Freeze | Refusal:
    """End a freeze; a line can be drawn on again."""
    found = _standing(connection, freeze_id)
    if isinstance(found, Refusal):
        return found
    if found.subject is Subject.LINE:
        there = act_on_line(connection, found.subject_id, act=act, zone=zone)
        recorded = record(connection, found.subject_id, facts.LineUnfrozen(reason=reason), act=there)
        if isinstance(recorded, Refusal):
            return recorded
    elif not freezes.lift_freeze(connection, freeze_id, by=act.actor, at=act.at, because=reason):
        return _lifted(connection, freeze_id)
    else:
        tell_lifted(connection, found, act=act)
    lifted = freezes.read_freeze(connection, freeze_id)
    assert lifted is not None, "freezes are kept"
    return lifted


def open_holds(connection: Connection, found: Freeze, *, act: Act, zone: tzinfo) -> list[OpenHold]:
    """The holds that a freeze is about and that are still open, by line, at most `MOST_HOLDS`.

    Those of the line, or of purchases on the device or at the merchant that were decided of late.
    """
    if found.subject is Subject.LINE:
        there = act_on_line(connection, found.subject_id, act=act, zone=zone)
        return _open_holds(connection, found.subject_id, only=None, act=there)[:MOST_HOLDS]
    by_line: dict[int, set[int]] = {}
    for line_id, hold_id in freezes.holds_decided_on(connection, found.subject, found.subject_id):
        by_line.setdefault(line_id, set()).add(hold_id)
    listed: list[OpenHold] = []
    for line_id, hold_ids in by_line.items():
        there = act_on_line(connection, line_id, act=act, zone=zone)
        listed += _open_holds(connection, line_id, only=hold_ids, act=there)
        if len(listed) >= MOST_HOLDS:
            break
    return listed[:MOST_HOLDS]


def _open_holds(connection: Connection, line_id: int, *, only: Collection[int] | None, act: Act) -> list[OpenHold]:
    line = line_today(connection, line_id, act=act)
    return [
        OpenHold(line_id, hold, reviews.open_review_of_hold(connection, hold.hold_id))
        for hold in (line.holds if line is not None else ())
        if only is None or hold.hold_id in only
    ]


def void_holds(
    connection: Connection, freeze_id: int, hold_ids: Sequence[int] | None, *, act: Act, zone: tzinfo
) -> list[OpenHold] | Refusal:
    """Give back holds that a freeze is about, all that are listed where none is named; gives those that were.

    A purchase that waits for a person is declined with it. Holds that are gone meanwhile are passed over; one that the
    freeze was never about is refused.
    """
    found = _standing(connection, freeze_id)
    if isinstance(found, Refusal):
        return found
    listed = {each.hold.hold_id: each for each in open_holds(connection, found, act=act, zone=zone)}
    unknown = [hold_id for hold_id in hold_ids or () if hold_id not in listed]
    if unknown:
        return Refusal(RefusalReason.HOLD_UNKNOWN, field="hold_ids")
    wanted = [each for hold_id, each in listed.items() if hold_ids is None or hold_id in hold_ids]
    return [each for each in wanted if _void(connection, each, act=act, zone=zone)]


def _void(connection: Connection, held: OpenHold, *, act: Act, zone: tzinfo) -> bool:
    lines.lock_line(connection, held.line_id)
    review = None if held.review_id is None else reviews.read_review(connection, held.review_id, lock=True)
    if review is not None and review.outcome is None:
        reviewing.stop(connection, review, reason="frozen", act=act, zone=zone)
        return True
    there = act_on_line(connection, held.line_id, act=act, zone=zone)
    voided = record(connection, held.line_id, facts.HoldVoided(hold_id=held.hold.hold_id), act=there)
    return isinstance(voided, Recorded)


def way_out(connection: Connection, deciders: Deciders, found: Freeze) -> tuple[str, str] | None:
    """What the borrower is told, Chinese and English, of how to have it ended; None where no strategy has words for it.

    The reason row of the decision that froze, or else what the strategy in force tells whoever meets the freeze.
    """
    decided = None if found.decision_id is None else decisions.read_decision(connection, found.decision_id)
    if decided is not None:
        checkpoint = deciders.compiled(connection, decided.strategy_id)[CheckpointName(decided.checkpoint)]
        return checkpoint.reasons.get(found.reason)
    release = current_release(connection)
    if release is None:
        return None
    checkpoints: Checkpoints = deciders.compiled(connection, release.champion_id)
    in_force = checkpoints.get(CheckpointName.AUTHORIZE)
    return None if in_force is None else in_force.reasons.get(_REASONS[found.subject])


def _standing(connection: Connection, freeze_id: int) -> Freeze | Refusal:
    found = freezes.read_freeze(connection, freeze_id)
    if found is None:
        return Refusal(RefusalReason.FREEZE_UNKNOWN, field="freeze_id")
    return found if found.lifted_at is None else _lifted(connection, freeze_id)


def _lifted(connection: Connection, freeze_id: int) -> Refusal:
    found = freezes.read_freeze(connection, freeze_id)
    assert found is not None, "freezes are kept"
    return Refusal(RefusalReason.FREEZE_LIFTED, field="freeze_id", figures={"lifted_by": found.lifted_by})
