"""A payment to a plan whose interest follows what is owed: each part paid changes what the others ask for."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial

from msgspec.structs import replace

from tallystick.servicing.allocation import AllocationOrder, InAdvance, Step, Timing
from tallystick.servicing.plan_book import Book
from tallystick.servicing.plan_interest import (
    carry_overdue,
    is_paid,
    open_minor,
    pay_interest,
    pay_principal,
    payable,
    payable_by_component,
    prepay_principal,
)
from tallystick.servicing.plan_state import Paid, Plan, PlanInstallment, timing_of
from tallystick.terms.last_installment import settle_last
from tallystick.terms.plan_terms import EarlyPayment, OverdueInterest, Rest
from tallystick.terms.product import Component, Walk


def roll_recalculated(plan: Plan, *, on: date) -> Plan:
    """The business day begins: principal past due has borne interest until then."""
    book = Book(plan)
    roll_book(book, on=on, rest=plan.terms.rest)
    return book.closed(rolled_to=on)


def roll_book(book: Book, *, on: date, rest: Rest) -> None:
    if book.terms.overdue_interest is OverdueInterest.ACCRUES:
        carry_overdue(book, on=on, rest=rest)
        book.ask_as_ladder(on=on)


def pay_recalculated(plan: Plan, *, on: date, amount_minor: int, order: AllocationOrder, until: date) -> Paid:
    """Pay what the day makes payable of installments due until another, in the order agreed; the rest is left."""
    book = Book(plan)
    rest = _rest_of(book, on=on, amount_minor=amount_minor)
    roll_book(book, on=on, rest=rest)
    if rest is Rest.PERIOD_END:
        _ask_until_period_end(book, on=on)
    prepays = plan.terms.early_payment is not EarlyPayment.INSTALLMENTS
    if prepays and rest is Rest.PERIOD_END and amount_minor < plan.principal_left_minor:
        until = min(until, _running_due_on(book, on=on))
    elif prepays:
        order = _without_in_advance(order)
    paying = _Paying(book, on=on, amount_minor=amount_minor, order=order, rest=rest, until=until)
    if order.walk is Walk.OLDEST_DUE_FIRST:
        paying.pay_oldest_first()
    else:
        paying.pay_component_first()
    if prepays:
        paying.prepay()
    paid = Paid(plan=book.closed(rolled_to=on), applied_minor=dict(paying.applied), rest_minor=paying.left_minor)
    if amount_minor < plan.principal_left_minor or (paid.plan.is_settled and paid.rest_minor == 0):
        return paid
    at_once = _paid_off(plan, on=on, amount_minor=amount_minor)
    if at_once is not None and (at_once.rest_minor == 0 or not paid.plan.is_settled):
        return at_once
    return paid


def _paid_off(plan: Plan, *, on: date, amount_minor: int) -> Paid | None:
    """Everything paid at once, where the amount is enough for principal and interest up to the day.

    Whatever the order, paying all of it leaves nothing; an order that spreads money can leave interest that only
    exists because it spread it.
    """
    book, rest = Book(plan), plan.terms.pay_off_interest_until
    roll_book(book, on=on, rest=rest)
    freeze_interest(book, on=on, rest=rest)
    book.ask_for_what_was_drawn(on=on)
    left_minor = sum(part.left_minor for part in book.installments)
    if amount_minor < left_minor:
        return None
    applied: Counter[Component] = Counter()
    for index, part in enumerate(book.installments):
        for component in Component:
            paid_minor = book.pay(index, component=component, amount_minor=part.left_of(component), on=on)
            applied[component] += paid_minor
    for rung, index in enumerate(book.regular):
        book.settle_rung(rung, installment=book.installments[index], on=on)
    rest_minor = amount_minor - sum(applied.values())
    return Paid(plan=book.closed(rolled_to=on), applied_minor=dict(applied), rest_minor=rest_minor)


def freeze_interest(book: Book, *, on: date, rest: Rest) -> None:
    """Installments ask for no interest after a day, or after the end of the period that it lies in."""
    until = _running_due_on(book, on=on) if rest is Rest.PERIOD_END else on
    book.ladder.stop_interest(until)
    settle_last(book.ladder, until=until)
    book.ask_as_ladder(on=on)


def _running_due_on(book: Book, *, on: date) -> date:
    """The due date of the period that a day lies in; the day itself where it lies in none."""
    return next((part.due_on for part in book.installments if part.from_on < on <= part.due_on), on)


def _without_in_advance(order: AllocationOrder) -> AllocationOrder:
    steps = tuple(step for step in order.steps if step.timing is not Timing.IN_ADVANCE)
    return replace(order, steps=steps)


def _rest_of(book: Book, *, on: date, amount_minor: int) -> Rest:
    """Whether interest of the running period is counted to its end: by agreement always, or when all is paid off."""
    terms = book.terms
    if terms.rest is Rest.PERIOD_END or terms.pay_off_interest_until is Rest.DAY:
        return terms.rest
    running = next((part for part in book.installments if part.from_on < on <= part.due_on), None)
    if running is None:
        return Rest.DAY
    owed = open_minor(book, until=running.due_on)
    return Rest.PERIOD_END if amount_minor >= owed.principal_minor + owed.interest_minor else Rest.DAY


def _ask_until_period_end(book: Book, *, on: date) -> None:
    """A running period that is paid already asks for its own further interest too, when all is paid off in it."""
    for rung in book.ladder.rungs:
        if rung.span.from_on <= on < rung.span.due_on:
            figures = book.ladder.figures()
            if is_paid(book.ladder, rung.number - 1, figures):
                interest_minor = open_minor(book, until=rung.span.due_on).interest_minor
                if interest_minor > 0:
                    rung.brought_minor = interest_minor
            return


class _Paying:
    """An amount on its way through a plan; it never leaves this module."""

    def __init__(
        self, book: Book, *, on: date, amount_minor: int, order: AllocationOrder, rest: Rest, until: date
    ) -> None:
        self.book = book
        self.on = on
        self.until = until
        self.left_minor = amount_minor
        self.order = order
        self.rest = rest
        self.applied: Counter[Component] = Counter()
        self.nothing_payable: set[int] = set()

    def pay_oldest_first(self) -> None:
        """One installment after the other, each through all steps of its timing."""
        for timing in dict.fromkeys(step.timing for step in self.order.steps):
            steps = [step for step in self.order.steps if step.timing is timing]
            self.nothing_payable.clear()
            self._repeat(partial(self._pay_turn, steps, timing=timing))

    def pay_component_first(self) -> None:
        """One step after the other, each over all installments that have something open of its component."""
        for step in self.order.steps:
            self._repeat(partial(self._pay_turn, [step], timing=step.timing, component=step.component))

    def prepay(self) -> None:
        """What is left is principal of the running period, then its interest; later ones ask for less by the terms.

        Where it is all that is owed, the plan ends on that day.
        """
        rung = self.book.ladder.index_of(self.on)
        if rung is None or self.left_minor == 0:
            return
        index = self.book.regular[rung]
        owed_minor = self.book.ladder.drawn_minor - self.book.ladder.paid_principal_minor
        if self.left_minor >= owed_minor + open_minor(self.book, until=self.on).interest_minor:
            self.book.end_period(rung, on=self.on)
        early_minor = min(self.left_minor, owed_minor)
        if early_minor:
            counted_on = self._counted_on(self.book.installments[index])
            prepay_principal(self.book, index=rung, on=counted_on, amount_minor=early_minor)
            self.book.ask_as_ladder(on=self.on)
            self._pay_open(index, component=Component.PRINCIPAL, most_minor=early_minor)
        if early_minor == owed_minor:
            self._pay_open(index, component=Component.INTEREST, most_minor=self.left_minor, tells=rung)

    def _pay_open(self, index: int, *, component: Component, most_minor: int, tells: int | None = None) -> None:
        paid_minor = self.book.pay(index, component=component, amount_minor=most_minor, on=self.on)
        self.left_minor -= paid_minor
        self.applied[component] += paid_minor
        if tells is not None:
            self._tell_ladder(tells, component=component, paid_minor=paid_minor, on=self.on)

    def _repeat(self, turn: Callable[[], bool]) -> None:
        """Turn after turn, until one finds no installment, or two in a row pay nothing."""
        idle = 0
        while self.left_minor > 0 and idle < 2 + len(self.book.installments):
            before_minor = self.left_minor
            if not turn():
                return
            idle = 0 if self.left_minor < before_minor else idle + 1

    def _pay_turn(self, steps: Sequence[Step], *, timing: Timing, component: Component | None = None) -> bool:
        """Pay the installments whose turn it is through the steps; tells whether there was one."""
        reached = [
            part
            for part in self.book.installments
            if timing_of(part.due_on, on=self.on) is timing and part.due_on <= self.until
        ]
        numbers = self._whose_turn(reached, timing=timing, component=component)
        for step in steps:
            for number, portion_minor in _portions(numbers, self.left_minor):
                self._pay(number - 1, step=step, most_minor=portion_minor)
        return bool(numbers)

    def _whose_turn(
        self, reached: Iterable[PlanInstallment], *, timing: Timing, component: Component | None
    ) -> list[int]:
        open_parts = [part for part in reached if self._is_open(part, component=component)]
        if timing is not Timing.IN_ADVANCE or self.order.in_advance is InAdvance.NEXT:
            unpaid = [part for part in open_parts if part.left_minor]
            return [part.number for part in unpaid[:1]]
        if self.order.in_advance is InAdvance.EVENLY:
            return [part.number for part in open_parts if part.left_minor]
        running = [part for part in open_parts if part.left_minor and part.from_on <= self.on]
        if self.order.in_advance is InAdvance.RUNNING_THEN_LAST and running:
            return [part.number for part in running]
        return [part.number for part in open_parts[-1:]]

    def _is_open(self, part: PlanInstallment, *, component: Component | None) -> bool:
        """Whether something is left to pay of it, or of one component; one that asks for nothing yet may be open."""
        if component is not None:
            return part.left_of(component) > 0
        return part.left_minor > 0 or (part.due_minor == 0 and part.number not in self.nothing_payable)

    def _pay(self, index: int, *, step: Step, most_minor: int) -> None:
        installment = self.book.installments[index]
        rung = self.book.rung_of(installment)
        pay_on = self.on
        if rung is None:
            self.nothing_payable.add(installment.number)
        elif step.timing is Timing.IN_ADVANCE:
            pay_on = self._counted_on(installment)
            self._ask_payable(index, rung=rung, component=step.component, on=pay_on)
        if step.component is Component.PRINCIPAL and rung is not None:
            most_minor = min(most_minor, self.book.ladder.drawn_minor - self.book.ladder.paid_principal_minor)
        paid_minor = self.book.pay(index, component=step.component, amount_minor=most_minor, on=self.on)
        self.left_minor -= paid_minor
        self.applied[step.component] += paid_minor
        if rung is not None:
            self._tell_ladder(rung, component=step.component, paid_minor=paid_minor, on=pay_on)

    def _counted_on(self, installment: PlanInstallment) -> date:
        """The day up to which the installment's interest is counted."""
        is_running = installment.from_on < self.on <= installment.due_on
        return installment.due_on if self.rest is Rest.PERIOD_END and is_running else self.on

    def _ask_payable(self, index: int, *, rung: int, component: Component, on: date) -> None:
        """The installment asks for what the day makes payable of the component."""
        look = payable if self.order.walk is Walk.OLDEST_DUE_FIRST else payable_by_component
        found = look(self.book.ladder, index=rung, on=on)
        installment = self.book.installments[index]
        if found.principal_minor == 0 and found.interest_minor == 0:
            self.nothing_payable.add(installment.number)
        if component is Component.INTEREST:
            installment = replace(installment, interest_minor=found.interest_minor)
        elif component is Component.PRINCIPAL:
            installment = replace(installment, principal_minor=found.principal_minor)
        self.book.installments[index] = installment

    def _tell_ladder(self, rung: int, *, component: Component, paid_minor: int, on: date) -> None:
        if component is Component.PRINCIPAL:
            pay_principal(self.book, index=rung, on=on, amount_minor=paid_minor)
        elif component is Component.INTEREST:
            pay_interest(self.book, index=rung, on=on, amount_minor=paid_minor)
        else:
            return
        self.book.ask_as_ladder(on=self.on)


def _portions(numbers: Sequence[int], amount_minor: int) -> list[tuple[int, int]]:
    """The amount in parts alike, each rounded half to even; the last one takes what that leaves."""
    if not numbers:
        return []
    parts = len(numbers)
    portion_minor = round(amount_minor / parts)
    if portion_minor * (parts - 1) > amount_minor:
        portion_minor = amount_minor // parts
    portions = [portion_minor] * (parts - 1) + [amount_minor - portion_minor * (parts - 1)]
    return list(zip(numbers, portions, strict=True))
