"""What a world is made of: one seed and a few choices; the same plan and version live the same days."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

# The demonstration's lender opens at the new year, so that a year holds every festival once.
BEGINS_ON: Final = date(2026, 1, 1)
# From a bill's due date; assumption: what lenders usually do.
REMINDER_DAYS: Final = (-3, 3)
# A reminder is of this bill, not of the one before or after it.
REMINDED_WITHIN: Final = 28


class PlanFault(ValueError):
    """A world cannot be as it is asked for; the message names each field and the way out."""


class Climate(StrEnum):
    """The path that the economy takes."""

    BASE = "base"
    RECESSION = "recession"


class WorldPlan(Struct, frozen=True, kw_only=True):
    """How many borrowers live for how many months from when on, in which climate.

    `reviews_from_month`: limits are reviewed on the first of each month from then on (0 is the first month).
    `recession_month` is the month in which a recession begins, `recession_rise` how unemployment then goes by quarter
    (`scenarios.recession_rise`; none: as shipped). The lender reminds of a bill on `reminder_days`, counted from its
    due date, from 28 days before to 28 days after. Under another `luck` the same people meet other days. Raises
    `PlanFault` naming what cannot be.
    """

    seed: int
    borrowers: int
    months: int
    begins_on: date = BEGINS_ON
    climate: Climate = Climate.BASE
    recession_month: int = 0
    recession_rise: tuple[float, ...] = ()
    reviews_from_month: int = 6
    reminder_days: tuple[int, ...] = REMINDER_DAYS
    luck: int = 0

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {told}: {way}"
            for name, told, is_wrong, way in (
                ("seed", self.seed, self.seed < 0, "choose a whole number from 0 up"),
                ("luck", self.luck, self.luck < 0, "choose a whole number from 0 up"),
                ("borrowers", self.borrowers, not 1 <= self.borrowers <= _MOST_PEOPLE, f"1 to {_MOST_PEOPLE:,}"),
                ("months", self.months, not 1 <= self.months <= _MOST_MONTHS, f"1 to {_MOST_MONTHS}"),
                (
                    "recession_rise",
                    self.recession_rise,
                    bool(self.recession_rise) and self.climate is Climate.BASE,
                    "there is none in the base climate; choose the recession, or leave it out",
                ),
                ("begins_on", self.begins_on, self.begins_on.day != 1, "a world begins on the first of a month"),
                (
                    "reminder_days",
                    self.reminder_days,
                    any(abs(day) > REMINDED_WITHIN for day in self.reminder_days),
                    f"-{REMINDED_WITHIN} to {REMINDED_WITHIN} days from the due date",
                ),
            )
            if is_wrong
        ]
        if faults:
            raise PlanFault("; ".join(faults))

    @property
    def ends_on(self) -> date:
        """The day after the last one.

        >>> WorldPlan(seed=1, borrowers=10, months=14).ends_on
        datetime.date(2027, 3, 1)
        """
        months = self.begins_on.year * 12 + self.begins_on.month - 1 + self.months
        return date(months // 12, months % 12 + 1, 1)

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of the world."""
        return tuple(self.begins_on + timedelta(days=place) for place in range((self.ends_on - self.begins_on).days))

    def month_of(self, day: date) -> int:
        """How many months a day is after the beginning's.

        >>> WorldPlan(seed=1, borrowers=10, months=14).month_of(date(2027, 2, 28))
        13
        """
        return (day.year - self.begins_on.year) * 12 + day.month - self.begins_on.month


_MOST_PEOPLE: Final = 10_000_000
_MOST_MONTHS: Final = 240
