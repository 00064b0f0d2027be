"""In which order an amount pays what is owed: data of the contract, one pure function, whoever the dues belong to."""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from tallystick.terms.product import AllocationRule, Component, Walk


class Timing(StrEnum):
    """How a due stands to the day of the payment."""

    PAST_DUE = "past_due"
    DUE = "due"
    IN_ADVANCE = "in_advance"


class InAdvance(StrEnum):
    """Where money goes that comes before anything asks for it.

    To the next installment, the last, the running one and then the last, or evenly over all that are left.
    """

    NEXT = "next"
    LAST = "last"
    RUNNING_THEN_LAST = "running_then_last"
    EVENLY = "evenly"


class Step(Struct, frozen=True):
    """One step of an order: dues of that timing and component."""

    timing: Timing
    component: Component


class AllocationOrder(Struct, frozen=True):
    """Steps in the order of payment, and how they go over the dues.

    `oldest_due_first` pays one due date of one owner through all its steps before the next one; `component_first`
    takes one step over all due dates before the next step.
    """

    steps: tuple[Step, ...]
    walk: Walk = Walk.OLDEST_DUE_FIRST
    in_advance: InAdvance = InAdvance.NEXT


class Payable(Protocol):
    """One part owed, of whichever owner: a plan, a bill, a charge."""

    @property
    def owner_id(self) -> int: ...

    @property
    def due_on(self) -> date: ...

    @property
    def timing(self) -> Timing: ...

    @property
    def component(self) -> Component: ...

    @property
    def left_minor(self) -> int: ...


SomeDue = TypeVar("SomeDue", bound=Payable)


def order_of(rule: AllocationRule, *, in_advance: InAdvance = InAdvance.NEXT) -> AllocationOrder:
    """The order that a rule of the contract stands for: past due, due, in advance, in each its components."""
    steps = tuple(Step(timing=timing, component=component) for timing in Timing for component in rule.components)
    return AllocationOrder(steps=steps, walk=rule.walk, in_advance=in_advance)


def allocate(
    dues: Iterable[SomeDue], *, amount_minor: int, order: AllocationOrder, running_due_on: date | None = None
) -> tuple[tuple[SomeDue, int], ...]:
    """What each due gets of the amount, in order of payment; the sum is less than the amount where it is too much.

    Dues of one owner and date are paid together, on one date owners in the order given. A due that gets nothing is
    left out; one due may come twice where an amount is spread evenly. `running_due_on` is the end of the period that
    the day of payment lies in, where the order asks for it.

    >>> class Part(Struct, frozen=True):
    ...     owner_id: int
    ...     due_on: date
    ...     timing: Timing
    ...     component: Component
    ...     left_minor: int
    >>> owed = [
    ...     Part(1, date(2026, 2, 1), Timing.PAST_DUE, Component.INTEREST, 300),
    ...     Part(1, date(2026, 2, 1), Timing.PAST_DUE, Component.PRINCIPAL, 1_000),
    ...     Part(1, date(2026, 3, 1), Timing.DUE, Component.INTEREST, 200),
    ... ]
    >>> rule = AllocationRule(walk=Walk.OLDEST_DUE_FIRST, components=(Component.INTEREST, Component.PRINCIPAL))
    >>> [paid_minor for _, paid_minor in allocate(owed, amount_minor=1_400, order=order_of(rule))]
    [300, 1000, 100]
    """
    paying = _Paying(dues=tuple(dues), rest_minor=amount_minor)
    for steps in _rounds(order):
        groups = paying.groups(timing=steps[0].timing)
        if steps[0].timing is not Timing.IN_ADVANCE:
            paying.pay_in_turn(groups, steps=steps)
        elif order.in_advance is InAdvance.EVENLY:
            paying.pay_evenly(groups, steps=steps)
        else:
            ranked = _in_advance(groups, rule=order.in_advance, running_due_on=running_due_on)
            paying.pay_in_turn(ranked, steps=steps)
    return tuple(paying.shares)


def _rounds(order: AllocationOrder) -> list[tuple[Step, ...]]:
    """Steps that are walked together: all of one timing, or each alone."""
    if order.walk is Walk.COMPONENT_FIRST:
        return [(step,) for step in order.steps]
    timings = dict.fromkeys(step.timing for step in order.steps)
    return [tuple(step for step in order.steps if step.timing is timing) for timing in timings]


def _in_advance(
    groups: Sequence[Sequence[SomeDue]], *, rule: InAdvance, running_due_on: date | None
) -> list[Sequence[SomeDue]]:
    """Groups in the order in which money that comes early reaches them."""
    if rule is InAdvance.NEXT:
        return list(groups)
    backwards = list(reversed(groups))
    if rule is InAdvance.RUNNING_THEN_LAST:
        backwards.sort(key=lambda group: group[0].due_on != running_due_on)
    return backwards


class _Paying(Generic[SomeDue]):
    """An amount on its way over the dues; it never leaves this module."""

    def __init__(self, *, dues: tuple[SomeDue, ...], rest_minor: int) -> None:
        self.dues = dues
        self.left_minor = {id(due): due.left_minor for due in dues}
        self.rest_minor = rest_minor
        self.shares: list[tuple[SomeDue, int]] = []

    def groups(self, *, timing: Timing) -> list[list[SomeDue]]:
        """Dues of that timing by date and owner, oldest first."""
        found: dict[tuple[date, int], list[SomeDue]] = {}
        for due in self.dues:
            if due.timing is timing and self.left_minor[id(due)] > 0:
                found.setdefault((due.due_on, due.owner_id), []).append(due)
        return [found[key] for key in sorted(found, key=lambda key: key[0])]

    def pay_in_turn(self, groups: Iterable[Sequence[SomeDue]], *, steps: Sequence[Step]) -> None:
        """One group after the other, each through all steps."""
        for group in groups:
            for step in steps:
                self._pay(group, component=step.component, most_minor=self.rest_minor)

    def pay_evenly(self, groups: Sequence[Sequence[SomeDue]], *, steps: Sequence[Step]) -> None:
        """The same to each group, the odd units to the last, again and again until nothing more can be paid."""
        before_minor = -1
        while groups and 0 < self.rest_minor != before_minor:
            before_minor = self.rest_minor
            for step in steps:
                for group, portion_minor in zip(groups, _portions(self.rest_minor, parts=len(groups)), strict=True):
                    self._pay(group, component=step.component, most_minor=portion_minor)
            groups = [group for group in groups if any(self.left_minor[id(due)] for due in group)]

    def _pay(self, group: Iterable[SomeDue], *, component: Component, most_minor: int) -> None:
        for due in group:
            if due.component is component:
                paid_minor = min(self.left_minor[id(due)], most_minor, self.rest_minor)
                if paid_minor > 0:
                    self.shares.append((due, paid_minor))
                    self.left_minor[id(due)] -= paid_minor
                    self.rest_minor -= paid_minor
                    most_minor -= paid_minor


def _portions(amount_minor: int, *, parts: int) -> list[int]:
    """The amount in parts alike, each rounded half to even; the last one takes what that leaves."""
    portion_minor = round(Fraction(amount_minor, parts))
    if portion_minor * (parts - 1) > amount_minor:
        portion_minor = amount_minor // parts
    return [portion_minor] * (parts - 1) + [amount_minor - portion_minor * (parts - 1)]
