"""What admission must know besides the line: the day, the person, the contracts, and the event that is meant."""

from collections.abc import Mapping
from datetime import date

from msgspec import Struct

from tallystick.servicing.facts import Event
from tallystick.terms.product import CareKind, Product


class BorrowerPosition(Struct, frozen=True, kw_only=True):
    """One person over all lines but this one: limits and exposure in minor units, and the cap on all together.

    A line's state follows the person's: `worst_days_past_due`, `claims_minor` (charged off and not recovered) and
    `cares` are those of the other lines. None is no cap, or a currency that nobody asked for.
    """

    joint_cap_minor: int | None = None
    currency: str | None = None
    other_limits_minor: int = 0
    other_exposure_minor: int = 0
    worst_days_past_due: int = 0
    claims_minor: int = 0
    cares: tuple[CareKind, ...] = ()
    blocked_because: str | None = None


class Circumstances(Struct, frozen=True):
    """`target` is the event that an undo, or a returned payment, is about.

    `plan_has_ended` says of the plan that a fact names that the line had it and holds it no more.
    """

    today: date
    borrower: BorrowerPosition
    contracts: Mapping[str, Product]
    has_second_person: bool = False
    target: Event | None = None
    target_is_undone: bool = False
    target_has_dependents: bool = False
    plan_has_ended: bool = False
