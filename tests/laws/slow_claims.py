"""In which order a second opinion pays what was asked for: written from the contract's words, not from `allocation`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial

from tests.laws.slow_bills import SlowBills
from tests.laws.slow_plan import Part, SlowPlan

from tallystick.terms.product import AllocationRule, Component, Walk


@dataclass
class Charge:
    """A fee or penalty of the line itself."""

    component: Component
    left_minor: int

    def pay(self, paid_minor: int) -> None:
        """Part of it."""
        self.left_minor -= paid_minor


@dataclass
class Claim:
    """One part owed: since when, of whom, of what kind, and how it is paid."""

    due_on: date
    owner: int
    component: Component
    left_minor: int
    pay: Callable[[int], object]


def pay_in_order(claims: Iterable[Claim], *, credit_minor: int, rule: AllocationRule, day: date) -> int:
    """What is late before all else, then as the contract walks; gives what is left of the credit."""
    rank = {component: place for place, component in enumerate(rule.components)}
    known = [claim for claim in claims if claim.component in rank and claim.left_minor]
    if rule.walk is Walk.COMPONENT_FIRST:
        known.sort(key=lambda claim: (claim.due_on >= day, rank[claim.component], claim.due_on))
    else:
        known.sort(key=lambda claim: (claim.due_on >= day, claim.due_on, claim.owner, rank[claim.component]))
    for claim in known:
        paid_minor = min(credit_minor, claim.left_minor)
        credit_minor -= paid_minor
        claim.pay(paid_minor)
    return credit_minor


def plan_claims(owner: int, plan: SlowPlan, *, until: date) -> Iterator[Claim]:
    """What a plan's installments ask for until a day."""
    for part in plan.parts:
        if part.due_on <= until:
            for component in Component:
                yield Claim(part.due_on, owner, component, part.left(component), partial(pay_part, part, component))


def bill_claims(owner: int, bills: SlowBills, *, day: date, until: date) -> Iterator[Claim]:
    """Missed minimums, interest before principal, and what else is billed."""
    interest_minor, billed_minor = bills.interest_due_minor, bills.billed_minor
    for ask in bills.asked:
        if ask.due_on < day:
            first_minor = min(interest_minor, ask.missing_minor)
            then_minor = min(billed_minor, ask.missing_minor - first_minor)
            interest_minor -= first_minor
            billed_minor -= then_minor
            yield Claim(ask.due_on, owner, Component.INTEREST, first_minor, bills.pay_interest)
            yield Claim(ask.due_on, owner, Component.PRINCIPAL, then_minor, bills.take_asked)
    yield Claim(until, owner, Component.INTEREST, interest_minor, bills.pay_interest)
    yield Claim(until, owner, Component.PRINCIPAL, billed_minor, bills.take_asked)


def pay_part(part: Part, component: Component, paid_minor: int) -> None:
    """Part of an installment."""
    part.paid[component] += paid_minor
