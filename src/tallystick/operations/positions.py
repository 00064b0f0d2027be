"""Where a person stands over all lines, as they are today: the legal limit is per person, and so is much of a state."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from psycopg import Connection

from tallystick.servicing.circumstances import BorrowerPosition
from tallystick.servicing.line import Line
from tallystick.servicing.owed import days_past_due
from tallystick.servicing.steps import caught_up
from tallystick.storage import borrowers
from tallystick.storage.borrowers import Borrower
from tallystick.storage.contracts import Contracts
from tallystick.terms.caps import person_cap_in_force
from tallystick.terms.product import CareKind, Product


def joint_cap_minor(borrower: Borrower, *, on: date) -> int | None:
    """What all lines of a person may be granted together on a day: the law's cap, or the lender's own where lower.

    None where neither says anything.
    """
    law = person_cap_in_force(jurisdiction=borrower.jurisdiction, on=on)
    own_minor = borrower.joint_cap_minor
    if law is None or law.currency != borrower.currency:
        return own_minor
    return law.bound if own_minor is None else min(law.bound, own_minor)


def position_of(
    connection: Connection, borrower: Borrower, *, but_line_id: int | None, today: date, event_ids: Iterator[int]
) -> BorrowerPosition:
    """The person over all lines that are not closed but one, each with all that time has made due by today."""
    stored = [line for line in borrowers.lines_of(connection, borrower.borrower_id) if line.line_id != but_line_id]
    return position_beside(borrower, stored, today=today, event_ids=event_ids, contracts=Contracts(connection))


def position_beside(
    borrower: Borrower,
    stored: Iterable[Line],
    *,
    today: date,
    event_ids: Iterator[int],
    contracts: Mapping[str, Product],
) -> BorrowerPosition:
    """The person over these lines, as they are recorded, each with all that time has made due by today."""
    limits_minor = exposure_minor = worst_days = claims_minor = 0
    cares: dict[CareKind, None] = {}
    for each in stored:
        step = caught_up(each, today=today, event_ids=event_ids, contracts=contracts)
        line, stands = step.line, step.stands
        assert line is not None
        assert stands is not None
        limits_minor += line.limit_minor
        exposure_minor += stands.drawn_minor + stands.held_minor
        worst_days = max(worst_days, days_past_due(line, day=today))
        claims_minor += line.charged_off_minor - line.recovered_minor
        cares |= dict.fromkeys(line.cares)
    return BorrowerPosition(
        joint_cap_minor=joint_cap_minor(borrower, on=today),
        currency=borrower.currency,
        other_limits_minor=limits_minor,
        other_exposure_minor=exposure_minor,
        worst_days_past_due=worst_days,
        claims_minor=claims_minor,
        cares=tuple(cares),
        blocked_because=borrower.blocked_because,
    )
