"""What admission must know besides the line: the day, the person, the contracts, and the event that is meant."""

from collections.abc import Mapping
from datetime import date

from msgspec import Struct

from tallystick.servicing.facts import Event
from tallystick.terms.product import Product


class BorrowerPosition(Struct, frozen=True):
    """One person over all lines but this one: limits and exposure in minor units, and the cap on all together.

    `worst_days_past_due` is over the other lines: a line's state follows the person's.
    """

    joint_cap_minor: int
    other_limits_minor: int = 0
    other_exposure_minor: int = 0
    worst_days_past_due: int = 0
    blocked_because: str | None = None


class Circumstances(Struct, frozen=True):
    """`target` is the event that an undo, or a returned payment, is about."""

    today: date
    borrower: BorrowerPosition
    contracts: Mapping[str, Product]
    has_second_person: bool = False
    target: Event | None = None
    target_is_undone: bool = False
    target_has_dependents: bool = False
