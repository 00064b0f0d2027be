"""A second opinion on an installment plan: what each installment asks for, and what became of that.

The schedule that was shown is where it begins; everything after it is counted here from the meaning of the facts.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace

from tallystick.terms.plan_terms import PlanTerms, UnearnedCharges
from tallystick.terms.product import Component, RefundCharges, RefundInstallments, RefundTerms
from tallystick.terms.schedule import schedule
from tallystick.units.periods import add_months

CHARGES = (Component.INTEREST, Component.FEE)


@dataclass
class Part:
    """An installment: what it asks for, what was paid and waived of that. `is_period`: time earns its price."""

    from_on: date
    due_on: date
    asked: Counter[Component]
    paid: Counter[Component] = field(default_factory=Counter)
    waived: Counter[Component] = field(default_factory=Counter)
    is_period: bool = True

    def left(self, component: Component) -> int:
        """What is left of one component."""
        return self.asked[component] - self.paid[component] - self.waived[component]

    @property
    def left_minor(self) -> int:
        """What is left of all."""
        return sum(self.left(component) for component in Component)

    def keep(self, component: Component, exact: Fraction) -> None:
        """Ask for so much of a charge only, rounded half to even; what was paid or waived of it stays."""
        self.asked[component] = max(round(exact), self.paid[component] + self.waived[component])


def shown(terms: PlanTerms, *, on: date, principal_minor: int) -> list[Part]:
    """The installments of the schedule that was shown."""
    return [
        Part(
            one.from_on,
            one.due_on,
            Counter({
                Component.PRINCIPAL: one.principal_minor,
                Component.INTEREST: one.interest_minor,
                Component.FEE: one.fee_minor,
            }),
        )
        for one in schedule(terms, drawn_on=on, principal_minor=principal_minor)
    ]  # fmt: skip


@dataclass
class SlowPlan:
    """A plan while it is lived. `given_back_minor` is principal that was paid and came back with refunds.

    `brought_in`: of a converted bill, what each purchase brought in and did not go back.
    """

    plan_id: int
    terms: PlanTerms
    drawn_on: date
    parts: list[Part]
    is_cash: bool = False
    bears_no_more: bool = False
    put_off: int = 0
    given_back_minor: int = 0
    brought_in: Counter[int] = field(default_factory=Counter)

    @property
    def principal_minor(self) -> int:
        """Principal of all installments: what was drawn, less what refunds took off."""
        return sum(part.asked[Component.PRINCIPAL] for part in self.parts)

    @property
    def principal_left_minor(self) -> int:
        """Principal not paid back."""
        return sum(part.left(Component.PRINCIPAL) for part in self.parts)

    @property
    def left_minor(self) -> int:
        """All that is left to pay, due or not."""
        return sum(part.left_minor for part in self.parts)

    def to_come_minor(self, day: date) -> int:
        """Interest and fees of installments that are not due yet."""
        return sum(part.left(component) for part in self.parts if part.due_on > day for component in CHARGES)

    def periods_to_come(self, day: date) -> Iterator[Part]:
        """Installments that time has not earned in full."""
        return (part for part in self.parts if part.is_period and part.due_on > day)

    def stop_interest(self, day: date) -> None:
        """Only interest earned so far is asked for, once and for all."""
        for part in self.periods_to_come(day):
            part.keep(Component.INTEREST, part.asked[Component.INTEREST] * self.earned(part, day))
        self.bears_no_more = True

    def stop_fees(self, day: date) -> None:
        """A period that has not begun costs nothing, nor does settling early."""
        for part in self.parts:
            if part.is_period and part.from_on >= day:
                part.keep(Component.FEE, Fraction(0))
        self.terms = replace(self.terms, early_settlement_fee_ppm=0)

    def earned(self, part: Part, day: date) -> Fraction:
        """The share of a period's interest that is earned: by the day, or whole once the period has begun."""
        if self.bears_no_more:
            return Fraction(1)
        if self.terms.nominal_rate:
            return Fraction(max(0, (day - part.from_on).days), (part.due_on - part.from_on).days)
        return Fraction(part.from_on < day)

    def settle(self, day: date) -> int:
        """Ask for what is earned only, where the contract says so; gives the fee for settling early."""
        early_minor = sum(part.left(Component.PRINCIPAL) for part in self.parts if part.due_on > day)
        if self.terms.unearned_charges is UnearnedCharges.WAIVED:
            for part in self.periods_to_come(day):
                part.keep(Component.INTEREST, part.asked[Component.INTEREST] * self.earned(part, day))
                part.keep(Component.FEE, Fraction(part.asked[Component.FEE] * (part.from_on < day)))
        return round(Fraction(early_minor * self.terms.early_settlement_fee_ppm, 1_000_000))

    def waive(self, component: Component, most_minor: int, day: date) -> int:
        """Give up what is due of a charge, oldest first; gives how much there was."""
        rest_minor = most_minor
        for part in self.parts:
            if part.due_on <= day:
                waived_minor = min(rest_minor, part.left(component))
                part.waived[component] += waived_minor
                rest_minor -= waived_minor
        return most_minor - rest_minor

    def give_back(self, amount_minor: int, policy: RefundTerms, day: date) -> tuple[int, int]:
        """Principal taken off what is owed, and charges paid that come back, pro rata to all that is given back."""
        refundable_minor = self.principal_minor - self.given_back_minor
        if refundable_minor == 0:
            return 0, 0
        given_minor = min(amount_minor, refundable_minor)
        taken_minor = min(given_minor, self.principal_left_minor)
        kept = 1 - Fraction(given_minor, refundable_minor)
        self.take_off(taken_minor, policy.installments)
        returned_minor = sum(
            less_price(part, component, kept)
            for part in self.parts
            for component, rule in ((Component.INTEREST, policy.interest), (Component.FEE, policy.fee))
            if rule is RefundCharges.PRO_RATA
            or (rule is RefundCharges.UNEARNED_ONLY and part.is_period and part.from_on >= day)
        )
        self.given_back_minor += given_minor - taken_minor
        return taken_minor, returned_minor

    def take_off(self, taken_minor: int, which: RefundInstallments) -> None:
        """The next installments shrink, or the last, or all of them by what is open of each."""
        open_minor = [part.left(Component.PRINCIPAL) for part in self.parts]
        seen_minor = given_minor = 0
        places = range(len(self.parts))
        for place in reversed(places) if which is RefundInstallments.LAST else places:
            share_minor = min(open_minor[place], taken_minor - given_minor)
            if which is RefundInstallments.REAMORTIZED and taken_minor:
                seen_minor += open_minor[place]
                share_minor = round(Fraction(taken_minor * seen_minor, sum(open_minor))) - given_minor
            given_minor += share_minor
            self.parts[place].asked[Component.PRINCIPAL] -= share_minor

    def put_off_by(self, periods: int, day: date) -> None:
        """What is not due yet is due so many months later, counted from the first date."""
        self.put_off += periods
        regular = [part for part in self.parts if part.is_period]
        for place, part in enumerate(regular):
            if part.due_on > day:
                first_on, months = self.terms.first_due_on, place
                if first_on is None:
                    first_on, months = self.drawn_on, place + 1
                part.due_on = add_months(first_on, months + self.put_off)
                if place and part.from_on > day:
                    part.from_on = regular[place - 1].due_on

    def put_into_a_new_schedule(self, installments: int, first_due_on: date, day: date) -> None:
        """All principal left over so many months; charges left are due with the first, interest if it is earned."""
        if self.terms.nominal_rate:
            for part in self.periods_to_come(day):
                part.keep(Component.INTEREST, part.asked[Component.INTEREST] * self.earned(part, day))
        left_minor = self.principal_left_minor
        charges = Counter({component: sum(part.left(component) for part in self.parts) for component in CHARGES})
        for part in self.parts:
            part.asked = part.paid + part.waived
            part.is_period = False
        self.terms = replace(
            self.terms, installments=installments, first_due_on=first_due_on, per_period_ppm=0, down_payment_ppm=0,
            nominal_rate=Decimal(0) if self.bears_no_more else self.terms.nominal_rate,
        )  # fmt: skip
        if charges.total():
            self.parts.append(Part(day, first_due_on, charges, is_period=False))
        self.parts.extend(shown(self.terms, on=day, principal_minor=left_minor))
        self.put_off = 0


def less_price(part: Part, component: Component, kept: Fraction) -> int:
    """A charge shrinks to a share of it, not below what was waived; gives what was paid above that."""
    part.asked[component] = max(round(part.asked[component] * kept), part.waived[component])
    returned_minor = max(0, part.paid[component] + part.waived[component] - part.asked[component])
    part.paid[component] -= returned_minor
    return returned_minor
