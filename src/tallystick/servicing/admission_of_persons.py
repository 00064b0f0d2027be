"""Whether a person may be lent to at all: a line's state follows the person's, whichever line it shows on."""

from collections.abc import Iterator

from tallystick.servicing.circumstances import Circumstances
from tallystick.servicing.line import Line
from tallystick.servicing.owed import oldest_unpaid_due_on
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.product import Product


def may_not_be_lent_to(line: Line | None, *, terms: Product, circumstances: Circumstances) -> Refusal | None:
    """Why no credit is granted or used, on a line or (`None`) on one to be opened under those terms."""
    return next(_reasons(line, terms, circumstances), None)


def _reasons(line: Line | None, terms: Product, circumstances: Circumstances) -> Iterator[Refusal]:
    person = circumstances.borrower
    if person.blocked_because is not None:
        yield Refusal(RefusalReason.BORROWER_BLOCKED, field="borrower_id")
    if person.claims_minor > 0:
        yield _elsewhere(RefusalReason.LINE_CHARGED_OFF, claim_elsewhere_minor=person.claims_minor)
    if line is not None and line.frozen_because is not None:
        yield Refusal(RefusalReason.LINE_FROZEN, field="line", figures={"reason": line.frozen_because})
    oldest = None if line is None else oldest_unpaid_due_on(line, day=line.as_of)
    if oldest is not None:
        yield Refusal(RefusalReason.LINE_PAST_DUE, field="line", figures={"oldest_unpaid_due_on": oldest})
    if person.worst_days_past_due >= terms.delinquency.default_from_days:
        yield _elsewhere(RefusalReason.LINE_PAST_DUE, days_past_due_elsewhere=person.worst_days_past_due)
    if line is not None and line.cares:
        yield Refusal(RefusalReason.LINE_IN_CARE, field="line", figures={"cares": list(line.cares)})
    if person.cares:
        yield _elsewhere(RefusalReason.LINE_IN_CARE, cares_elsewhere=list(person.cares))


def _elsewhere(reason: RefusalReason, **figures: object) -> Refusal:
    """The person's other lines are the reason: told by the person, and without naming a line."""
    return Refusal(reason, field="borrower_id", figures=figures)


def within_person_cap(limit_minor: int, *, circumstances: Circumstances) -> Refusal | None:
    """The legal limit is per person: this line's limit and all other lines' together stay within it."""
    person = circumstances.borrower
    if person.joint_cap_minor is None or limit_minor + person.other_limits_minor <= person.joint_cap_minor:
        return None
    figures = {"joint_cap_minor": person.joint_cap_minor, "other_limits_minor": person.other_limits_minor}
    return Refusal(RefusalReason.JOINT_CAP_EXCEEDED, field="limit_minor", figures=figures)


def within_joint_exposure(exposure_minor: int, *, amount_minor: int, circumstances: Circumstances) -> Refusal | None:
    """All that a person has drawn and holds, on this line and every other, stays within the cap with this amount."""
    person = circumstances.borrower
    if person.joint_cap_minor is None:
        return None
    room_minor = person.joint_cap_minor - person.other_exposure_minor - exposure_minor
    if amount_minor <= room_minor:
        return None
    figures = {"joint_available_minor": max(0, room_minor)}
    return Refusal(RefusalReason.JOINT_CAP_EXCEEDED, field="amount_minor", figures=figures)
