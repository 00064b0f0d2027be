"""The arithmetic of a plan: from what was drawn and paid back, the interest and principal of every period.

A `Ladder` is a working copy of a plan, one rung for each period. It is changed step by step and read as values; it
never leaves the function that makes it. The rules are told in docs/conformance.md.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import date
from fractions import Fraction
from itertools import pairwise

from msgspec import Struct

from tallystick.terms.interest_shares import Ratio, period_rates
from tallystick.terms.plan_dates import Span
from tallystick.terms.plan_terms import EqualInstallmentRule, InterestBase, InterestRounding, PlanTerms
from tallystick.units.arithmetic import Number
from tallystick.units.rounding import multiple, whole, whole_ratio


class Rung(Struct):
    """One period. It asks for `asked_minor`, interest before principal, or for its interest and `planned_minor`.

    `agreed_minor` is what it asked for before payments changed that; `brought_minor` is interest of later periods
    asked for with it, because nothing but interest is left of them (`is_brought`). `forgiven_minor` is interest
    given back to the borrower, `set_interest_minor` interest that does not follow from the balance.
    """

    number: int
    span: Span
    asked_minor: int = 0
    agreed_minor: int = 0
    planned_minor: int | None = None
    paid_principal_minor: int = 0
    paid_interest_minor: int = 0
    brought_minor: int = 0
    is_brought: bool = False
    forgiven_minor: int = 0
    set_interest_minor: int | None = None

    @property
    def paid_minor(self) -> int:
        """Interest and principal paid."""
        return self.paid_principal_minor + self.paid_interest_minor


class Figures(Struct, frozen=True):
    """What a period comes to. `asked = interest + principal`; `carried` is interest that finds no room in it."""

    asked_minor: int
    computed_minor: int
    interest_minor: int
    principal_minor: int
    carried_minor: int
    closing_minor: int


class BalanceChange(Struct):
    """What changes the balance that bears interest from a day on: principal drawn, and corrections of the schedule."""

    on: date
    drawn_minor: int = 0
    corrected_minor: int = 0


class Overdue(Struct, frozen=True):
    """A correction that stands for principal past due; it fell into the period that is due on `period_due_on`."""

    on: date
    corrected_minor: int
    period_due_on: date


class Pause(Struct, frozen=True):
    """Days on which no interest runs: from `begins_on` until the day `ends_on` begins."""

    begins_on: date
    ends_on: date


class Ladder:
    """Rungs, and every change of the balance; `overdue` tells which corrections stand for principal past due."""

    def __init__(
        self,
        *,
        terms: PlanTerms,
        rungs: Sequence[Rung],
        changes: Iterable[BalanceChange] = (),
        overdue: Iterable[Overdue] = (),
        interest_until: date | None = None,
        pauses: Sequence[Pause] = (),
    ) -> None:
        self.terms = terms
        self.rungs = list(rungs)
        self.changes = {change.on: change for change in changes}
        self.overdue = list(overdue)
        self.interest_until = interest_until
        self.pauses = tuple(pauses)
        self.rates = period_rates(terms, begins_on=self.rungs[0].span.from_on)
        self._days: list[list[date]] = []
        self._place_changes()

    def copied(self) -> "Ladder":
        """A ladder of its own that stands where this one does."""
        twin = copy(self)
        twin.rungs = [copy(rung) for rung in self.rungs]
        twin.changes = {day: copy(change) for day, change in self.changes.items()}
        twin.overdue = list(self.overdue)
        twin._days = [list(days) for days in self._days]
        return twin

    def change(self, on: date, *, drawn_minor: int = 0, corrected_minor: int = 0) -> None:
        """The balance changes on a day; each day that ever changed it stays a border between stretches of interest."""
        if on not in self.changes:
            self.changes[on] = BalanceChange(on=on)
            index = self.index_of(on)
            if index is not None:
                insort(self._days[index], on)
        self.changes[on].drawn_minor += drawn_minor
        self.changes[on].corrected_minor += corrected_minor

    def append(self, rung: Rung) -> None:
        """One more period after the last."""
        self.rungs.append(rung)
        self._place_changes()

    def end_period(self, index: int, *, on: date) -> None:
        """A period ends on a day within it."""
        rung = self.rungs[index]
        rung.span = Span(from_on=rung.span.from_on, due_on=on)
        self._place_changes()

    def index_of(self, on: date) -> int | None:
        """The period that a day lies in: after its beginning, up to its due date; the first one holds its beginning."""
        for index, rung in enumerate(self.rungs):
            if rung.span.from_on < on <= rung.span.due_on or (index == 0 and on == rung.span.from_on):
                return index
        return None

    def _place_changes(self) -> None:
        self._days = [[] for _ in self.rungs]
        for on in sorted(self.changes):
            index = self.index_of(on)
            if index is not None:
                self._days[index].append(on)

    @property
    def drawn_minor(self) -> int:
        """Principal drawn within the periods."""
        return sum(self.changes[on].drawn_minor for days in self._days for on in days)

    @property
    def paid_principal_minor(self) -> int:
        """Principal paid back."""
        return sum(rung.paid_principal_minor for rung in self.rungs)

    def drawn_until(self, on: date) -> int:
        """Principal drawn up to and with a day."""
        return sum(change.drawn_minor for change in self.changes.values() if change.on <= on)

    def forget_after(self, on: date) -> None:
        """Leave out what changes the balance after a day."""
        self.changes = {day: change for day, change in self.changes.items() if day <= on}
        self.overdue = [past for past in self.overdue if past.on <= on]
        self._place_changes()

    def stop_interest(self, on: date) -> None:
        """No interest runs from a day on."""
        self.interest_until = on if self.interest_until is None else min(self.interest_until, on)

    def stretches(self, index: int) -> list[tuple[date, date]]:
        """The period cut at every change of the balance within it; a change on its last day is no cut."""
        span = self.rungs[index].span
        borders = [span.from_on, *self._days[index], span.due_on]
        return [(start, end) for start, end in pairwise(borders) if start < end]

    def figures(self, *, until: date | None = None) -> list[Figures]:
        """What each period comes to, in one walk from the first; with `until`, as if no interest ran after that day."""
        found: list[Figures] = []
        balance_minor = carried_minor = 0
        for index, rung in enumerate(self.rungs):
            interest_minor, balance_minor = self._interest(index, balance_minor=balance_minor, until=until)
            computed_minor = 0 if rung.is_brought else interest_minor
            computed_minor = max(0, computed_minor - rung.forgiven_minor) + rung.brought_minor + carried_minor
            figures = self._settled(
                rung, computed_minor=computed_minor, carried_minor=carried_minor, balance_minor=balance_minor
            )
            balance_minor, carried_minor = figures.closing_minor, figures.carried_minor
            found.append(figures)
        return found

    def _settled(self, rung: Rung, *, computed_minor: int, carried_minor: int, balance_minor: int) -> Figures:
        """How what is asked for divides into interest and principal."""
        asked_minor = self._asked(rung, computed_minor=computed_minor, carried_minor=carried_minor)
        is_waiting = rung.number <= self.terms.grace_interest
        if is_waiting or rung.paid_principal_minor > max(0, asked_minor - computed_minor):
            interest_minor = rung.paid_interest_minor
        else:
            interest_minor = max(min(computed_minor, asked_minor), rung.paid_interest_minor)
        principal_minor = max(asked_minor - interest_minor, rung.paid_principal_minor, 0)
        return Figures(
            asked_minor=asked_minor,
            computed_minor=computed_minor,
            interest_minor=interest_minor,
            principal_minor=principal_minor,
            carried_minor=max(0, computed_minor - interest_minor),
            closing_minor=max(0, balance_minor + rung.paid_principal_minor - principal_minor),
        )

    def _asked(self, rung: Rung, *, computed_minor: int, carried_minor: int) -> int:
        """What a period asks for. Interest that is put off leaves its place to principal, or leaves it empty.

        An installment of one rate for all is less by the interest put off, and more by it when it is asked for.
        """
        is_waiting = rung.number <= self.terms.grace_interest
        if rung.planned_minor is not None:
            return rung.planned_minor + (rung.paid_interest_minor if is_waiting else computed_minor)
        asked_minor = rung.asked_minor + rung.brought_minor
        if self.terms.equal_installment_rule is EqualInstallmentRule.ONE_RATE and self.terms.grace_interest:
            if is_waiting:
                return max(rung.paid_minor, asked_minor - (computed_minor - carried_minor))
            if rung.number == self.terms.grace_interest + 1:
                return asked_minor + carried_minor
        return asked_minor

    def _interest(self, index: int, *, balance_minor: int, until: date | None) -> tuple[int, int]:
        """Interest of a period, rounded once, and the balance at its end before its principal is paid."""
        rung = self.rungs[index]
        numerator, denominator = rung.set_interest_minor or 0, 1
        start_on = rung.span.from_on
        for day in self._days[index]:
            accrued = self._accrued(rung, start_on=start_on, end_on=day, balance_minor=balance_minor, until=until)
            numerator, denominator = _sum_of((numerator, denominator), accrued)
            change = self.changes[day]
            balance_minor += change.drawn_minor + change.corrected_minor
            if day < rung.span.due_on:
                balance_minor = max(0, balance_minor)
            start_on = day
        end_on = rung.span.due_on
        accrued = self._accrued(rung, start_on=start_on, end_on=end_on, balance_minor=balance_minor, until=until)
        numerator, denominator = _sum_of((numerator, denominator), accrued)
        return whole_ratio(numerator, denominator, self.terms.rounding), balance_minor

    def _accrued(self, rung: Rung, *, start_on: date, end_on: date, balance_minor: int, until: date | None) -> Ratio:
        """Interest of a stretch of days: its share, by days, of the interest to the end of the period."""
        is_set = rung.set_interest_minor is not None
        if is_set or not self.terms.nominal_rate or rung.number <= self.terms.interest_free:
            return 0, 1
        days = self._bearing_days(start_on, end_on, until=until)
        if days <= 0:
            return 0, 1
        if self.terms.interest_base is InterestBase.ORIGINAL_PRINCIPAL:
            balance_minor = self.drawn_until(start_on)
        interest = self.rates.interest(rung.span, from_on=start_on, balance_minor=balance_minor, days=days)
        if self.terms.interest_rounding is InterestRounding.PER_STRETCH:
            return whole_ratio(*interest, self.terms.rounding), 1
        return interest

    def _bearing_days(self, start_on: date, end_on: date, *, until: date | None) -> int:
        """Days of a stretch on which interest runs."""
        for last_on in (until, self.interest_until):
            if last_on is not None:
                end_on = min(end_on, last_on)
        paused = sum(
            max(0, (min(end_on, pause.ends_on) - max(start_on, pause.begins_on)).days) for pause in self.pauses
        )
        return (end_on - start_on).days - paused

    def growth(self, index: int) -> Number:
        """One and the interest of a whole period as agreed, by which installments are set."""
        rung = self.rungs[index]
        rate = self.rates.arithmetic.number(0)
        if rung.number > max(self.terms.grace_interest, self.terms.interest_free):
            for start_on, end_on in self.stretches(index):
                rate += self.rates.agreed(rung.span, from_on=start_on, until_on=end_on)  # type: ignore[operator]
        return self.rates.arithmetic.one_and(rate)


def _sum_of(one: Ratio, other: Ratio) -> Ratio:
    """The sum of two ratios, not reduced: the rounding that follows does not need it."""
    if other[0] == 0:
        return one
    if one[1] == other[1]:
        return one[0] + other[0], one[1]
    return one[0] * other[1] + other[0] * one[1], one[1] * other[1]


def in_multiples(exact: Fraction, terms: PlanTerms) -> int:
    """An installment as the terms round it."""
    found_minor = whole(exact, terms.rounding)
    if terms.installment_multiple_minor == 1:
        return found_minor
    return multiple(Fraction(found_minor), of=terms.installment_multiple_minor, rounding=terms.rounding)


def rungs_of(spans: tuple[Span, ...]) -> list[Rung]:
    """One empty rung for each period."""
    return [Rung(number=number, span=span) for number, span in enumerate(spans, start=1)]
