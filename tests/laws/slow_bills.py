"""A second opinion on what is paid next month: purchases, the interest each bore day by day, and minimums asked for."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import ceil, floor

MICRO = 1_000_000


@dataclass
class Bought:
    """A purchase: what is left of it, its price a day, what one unit of it bore so far, and which statement asked.

    `waived` is what of its interest was given up; `is_free`: it bears nothing whatever the contract becomes.
    """

    draw_id: int
    left_minor: int
    rate: Fraction
    number: int | None = None
    revolves: bool = False
    is_free: bool = False
    bore_of_one: Fraction = Fraction(0)
    waived: Fraction = Fraction(0)

    def bore(self, part_minor: int) -> Fraction:
        """The interest of a part that was not waived; nothing while it is free."""
        return part_minor * self.bore_of_one - self.waived_of(part_minor) if self.revolves else Fraction(0)

    def waived_of(self, part_minor: int) -> Fraction:
        """The share of a part in what was waived, in whole millionths."""
        return Fraction(floor(self.waived * MICRO * part_minor / self.left_minor), MICRO)

    def take(self, part_minor: int) -> None:
        """A part of it is gone, and its share in what was waived."""
        self.waived -= self.waived_of(part_minor)
        self.left_minor -= part_minor


@dataclass
class Asked:
    """A statement's minimum, and what is still missing of it."""

    due_on: date
    missing_minor: int


@dataclass
class SlowBills:
    """All purchases while they are lived, in order of posting."""

    interest_due_minor: int = 0
    accrued: Fraction = Fraction(0)
    bought: list[Bought] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def principal_minor(self) -> int:
        """What is left of all purchases."""
        return sum(item.left_minor for item in self.bought)

    @property
    def billed_minor(self) -> int:
        """What is left of purchases that a statement asked for."""
        return sum(item.left_minor for item in self.bought if item.number is not None)

    @property
    def missing_minor(self) -> int:
        """What is missing of all minimums."""
        return sum(ask.missing_minor for ask in self.asked)

    @property
    def interest_of_a_day(self) -> Fraction:
        """What one more day costs."""
        return sum((item.left_minor * item.rate for item in self.bought if item.revolves), Fraction(0))

    def a_day_is_over(self) -> None:
        """Every purchase bore its price for the day, whether it is asked for or not."""
        self.accrued += self.interest_of_a_day
        for item in self.bought:
            item.bore_of_one += item.rate

    def begin_to_revolve(self, day: date) -> None:
        """What was to be paid before this day and was not bears interest from its posting on."""
        for item in self.bought:
            if item.number is not None and not item.revolves and self.asked[item.number - 1].due_on < day:
                item.revolves = True
                self.accrued += item.bore(item.left_minor)

    def stop_interest(self) -> None:
        """Nothing bears any more; what does not revolve yet never did."""
        for item in self.bought:
            item.rate, item.is_free = Fraction(0), True
            item.bore_of_one *= item.revolves

    def reprice(self, rate: Fraction) -> None:
        """Another price from now on."""
        for item in self.bought:
            item.rate = item.rate if item.is_free else rate

    def take(self, draw_id: int, most_minor: int) -> int:
        """Take principal off one purchase; billed principal counts for the minimums."""
        taken_minor = 0
        for item in self.bought:
            if item.draw_id == draw_id:
                taken_minor = min(most_minor, item.left_minor)
                item.take(taken_minor)
                self.counts_for_minimums(taken_minor if item.number is not None else 0)
        self.forget_paid()
        return taken_minor

    def take_asked(self, most_minor: int, *, number: int | None = None) -> Counter[int]:
        """Take principal off purchases asked for (by one statement), the first one first; gives how much of which."""
        taken: Counter[int] = Counter()
        for item in self.bought:
            if item.number is not None and number in {None, item.number}:
                taken[item.draw_id] = min(most_minor - taken.total(), item.left_minor)
                item.take(taken[item.draw_id])
        self.forget_paid()
        self.counts_for_minimums(taken.total())
        return taken

    def forget_paid(self) -> None:
        """Purchases of which nothing is left."""
        self.bought = [item for item in self.bought if item.left_minor]

    def pay_interest(self, paid_minor: int) -> None:
        """Billed interest, which counts for the minimums."""
        self.interest_due_minor -= paid_minor
        self.counts_for_minimums(paid_minor)

    def waive_interest(self, most_minor: int) -> int:
        """Billed interest given up: that of the first purchases first, as far as they bore so much."""
        coming_off_minor = max(0, ceil(-self.accrued))  # a refund gave it back, the next statement takes it off
        waived_minor = min(most_minor, max(0, self.interest_due_minor - coming_off_minor))
        rest = Fraction(waived_minor)
        for item in self.bought:
            given_up = min(rest, item.bore(item.left_minor))
            item.waived += given_up
            rest -= given_up
        self.pay_interest(waived_minor)
        return waived_minor

    def bill_interest(self) -> int:
        """Whole minor units are asked for; where more was given back than is due, the rest is the borrower's."""
        billed_minor = round(self.accrued)
        self.accrued = self.accrued - billed_minor if self.interest_of_a_day else Fraction(0)
        self.interest_due_minor += billed_minor
        self.counts_for_minimums(max(0, -billed_minor))
        return billed_minor

    def counts_for_minimums(self, paid_minor: int) -> None:
        """The oldest minimum first; no minimum asks for more than is billed."""
        for ask in self.asked:
            counted_minor = min(ask.missing_minor, paid_minor)
            ask.missing_minor -= counted_minor
            paid_minor -= counted_minor
        excess_minor = self.missing_minor - self.billed_minor - self.interest_due_minor
        for ask in reversed(self.asked):
            less_minor = min(ask.missing_minor, max(0, excess_minor))
            ask.missing_minor -= less_minor
            excess_minor -= less_minor

    def drop_crumbs(self) -> None:
        """A fraction that never becomes a cent is nobody's."""
        if round(self.accrued) == 0 and self.interest_of_a_day == 0:
            self.accrued = Fraction(0)
