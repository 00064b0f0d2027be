"""What holds for a person on every line: how one stands over all of them, and the cares that begin and end for all."""

from collections.abc import Callable
from datetime import date

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.positions import position_of
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers
from tallystick.terms.product import CareKind


class PersonStanding(Struct, frozen=True):
    """A person over all lines that are not closed; minor units. `joint_available_minor` None: no cap bounds it.

    `days_past_due` is that of the line that is the longest past due, `claims_minor` what was charged off and not
    recovered.
    """

    as_of: date
    lines: int
    limits_minor: int
    exposure_minor: int
    joint_cap_minor: int | None
    joint_available_minor: int | None
    days_past_due: int
    claims_minor: int
    cares: tuple[CareKind, ...]
    blocked_because: str | None


def person_standing(connection: Connection, borrower_id: int, *, act: Act) -> PersonStanding | Refusal:
    """How a person stands today; read, never written."""
    borrower = borrowers.read_borrower(connection, borrower_id)
    if borrower is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    position = position_of(connection, borrower, but_line_id=None, today=act.today, event_ids=act.event_ids)
    cap_minor = position.joint_cap_minor
    return PersonStanding(
        as_of=act.today,
        lines=len(borrowers.lines_of(connection, borrower_id)),
        limits_minor=position.other_limits_minor,
        exposure_minor=position.other_exposure_minor,
        joint_cap_minor=cap_minor,
        joint_available_minor=None if cap_minor is None else max(0, cap_minor - position.other_exposure_minor),
        days_past_due=position.worst_days_past_due,
        claims_minor=position.claims_minor,
        cares=position.cares,
        blocked_because=position.blocked_because,
    )


def record_care(
    connection: Connection,
    borrower_id: int,
    fact: facts.CareBegun | facts.CareEnded,
    *,
    on: date | None = None,
    act_on: Callable[[int], Act],
) -> tuple[Recorded, ...] | Refusal:
    """Let a care begin or end on every line of a person on which it does not hold yet, or still holds.

    Each line does what its own contract says. From the day `on` (None: today), or from its opening where it was opened
    later; `act_on` is the act on a line, for a line may live by a clock of its own. A refusal of one line refuses all:
    the caller rolls back.
    """
    if borrowers.lock_borrower(connection, borrower_id) is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    begins = isinstance(fact, facts.CareBegun)
    concerned = [line for line in borrowers.lines_of(connection, borrower_id) if (fact.kind in line.cares) != begins]
    recorded: list[Recorded] = []
    for line in concerned:
        from_on = on if on is None or not begins else max(on, line.opened_on)
        done = record(connection, line.line_id, fact, act=act_on(line.line_id), on=from_on)
        if isinstance(done, Refusal):
            return done
        recorded.append(done)
    reason = RefusalReason.LINE_IN_CARE if begins else RefusalReason.CARE_NOT_BEGUN
    return tuple(recorded) or Refusal(reason, field="kind", figures={"kind": fact.kind, "lines": 0})
