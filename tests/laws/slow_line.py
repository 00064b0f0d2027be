"""A second opinion on a line that is paid next month: every calendar day in turn, in fractions, from the facts alone.

Written from the meaning of the facts and of the product, not from `servicing`: no checkpoints, no refold, no pace of
interest. Whatever was taken back is left out before the first day, and the whole life is lived again for each answer.
Installment plans, cares and charge-off are not in it.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from tallystick.servicing import facts
from tallystick.servicing.facts import Event, undone_by
from tallystick.terms.product import Component, Product

ONE_DAY = timedelta(days=1)


@dataclass
class Bought:
    """A purchase: what is left of it, its interest a day, the statement that asked for it, whether it revolves yet."""

    draw_id: int
    posted_on: date
    left_minor: int
    rate: Fraction
    number: int | None = None
    revolves: bool = False


@dataclass
class Asked:
    """A statement's minimum, and what is still missing of it."""

    due_on: date
    missing_minor: int


@dataclass
class SlowLine:
    """A line as it stands while a day is lived."""

    product: Product
    limit_minor: int = 0
    credit_minor: int = 0
    interest_due_minor: int = 0
    fees_due_minor: int = 0
    accrued: Fraction = Fraction(0)
    bought: list[Bought] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    held: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> Fraction:
        """Interest of one unit for one day."""
        assert self.product.pay_next_month is not None
        return Fraction(self.product.pay_next_month.daily_rate_ppm, 1_000_000)

    @property
    def interest_of_a_day(self) -> Fraction:
        """What one more day costs."""
        return sum((item.left_minor * item.rate for item in self.bought if item.revolves), Fraction(0))

    @property
    def drawn_minor(self) -> int:
        """Principal left, billed or not."""
        return sum(item.left_minor for item in self.bought)

    @property
    def billed_minor(self) -> int:
        """Principal that a statement asked for."""
        return sum(item.left_minor for item in self.bought if item.number is not None)

    @property
    def held_minor(self) -> int:
        """What merchants reserved."""
        return sum(self.held.values())

    def available_minor(self) -> int:
        """What may still be drawn."""
        return max(0, self.limit_minor - self.drawn_minor - self.held_minor)

    def days_past_due(self, day: date) -> int:
        """Days since the oldest minimum that is missing fell due."""
        return max(((day - ask.due_on).days for ask in self.asked if ask.missing_minor and ask.due_on < day), default=0)

    def day_begins(self, day: date) -> None:
        """The day before bears its interest; what was to be paid by then and was not bears it from its posting on."""
        self.accrued += self.interest_of_a_day
        self.pay_what_is_asked("credit_balance", day)
        for item in self.bought:
            if item.number is not None and not item.revolves and self.asked[item.number - 1].due_on < day:
                item.revolves = True
                self.accrued += item.left_minor * item.rate * (day - item.posted_on).days
        self.drop_crumbs()

    def happens(self, event: Event) -> None:  # noqa: PLR0912
        """One fact of the day."""
        day, fact = event.effective_on, event.fact
        match fact:
            case facts.LineOpened() | facts.LimitChanged():
                self.limit_minor = fact.limit_minor
            case facts.HoldPlaced():
                self.held[fact.hold_id] = fact.amount_minor
            case facts.HoldVoided():
                self.release(fact.hold_id, fact.amount_minor)
            case facts.HoldExpired():
                self.release(fact.hold_id, None)
            case facts.Drawdown():
                if fact.hold_id is not None:
                    self.release(fact.hold_id, fact.amount_minor if fact.keeps_hold else None)
                self.bought.append(Bought(fact.draw_id, day, fact.amount_minor, self.rate))
            case facts.FeeCharged():
                self.fees_due_minor += fact.amount_minor
                self.pay_what_is_asked("credit_balance", day)
            case facts.PaymentReceived():
                self.credit_minor += fact.amount_minor
                self.pay_what_is_asked(fact.kind, day)
            case facts.CreditPaidOut():
                covered_minor = min(fact.amount_minor, self.credit_minor)
                self.credit_minor -= covered_minor
                if covered_minor < fact.amount_minor:  # the money has left: it is owed again, free of interest
                    uncovered_minor = fact.amount_minor - covered_minor
                    self.bought.append(Bought(-event.event_id, day, uncovered_minor, Fraction(0)))
            case facts.Refunded() | facts.Chargeback():
                self.give_back(fact.draw_id, fact.amount_minor, day)
            case facts.StatementClosed():
                self.close_statement(fact, day)
            case facts.LineFrozen() | facts.LineUnfrozen() | facts.PaymentReturned() | facts.EventUndone():
                pass
            case _:
                raise AssertionError(f"the slow line does not know {fact}")
        self.drop_crumbs()

    def release(self, hold_id: int, amount_minor: int | None) -> None:
        """All of a hold, or part of it, is free again."""
        left_minor = self.held.pop(hold_id, 0) - (amount_minor or 0)
        if amount_minor is not None and left_minor > 0:
            self.held[hold_id] = left_minor

    def give_back(self, draw_id: int, amount_minor: int, day: date) -> None:
        """Off the purchase first, with the interest that this part of it bore; the rest is the borrower's."""
        item = next((item for item in self.bought if item.draw_id == draw_id), None)
        if item is not None:
            taken_minor = min(amount_minor, item.left_minor)
            amount_minor -= taken_minor
            item.left_minor -= taken_minor
            if item.revolves:
                self.accrued -= taken_minor * item.rate * (day - item.posted_on).days
            if item.number is not None:
                self.counts_for_minimums(taken_minor)
            self.counts_for_minimums(0)
        self.bought = [item for item in self.bought if item.left_minor]
        self.credit_minor += amount_minor
        self.pay_what_is_asked("refund", day)

    def close_statement(self, fact: facts.StatementClosed, day: date) -> None:
        """At the end of the day: interest up to then, everything bought, and a minimum of it."""
        assert self.product.pay_next_month is not None
        rule = self.product.pay_next_month.minimum_due
        self.accrued += self.interest_of_a_day
        interest_minor = round(self.accrued)
        self.accrued -= interest_minor
        if self.interest_of_a_day == 0:
            self.accrued = Fraction(0)
        self.interest_due_minor += interest_minor
        if self.interest_due_minor < 0:  # more was given back than is due: it is the borrower's
            self.credit_minor -= self.interest_due_minor
            self.interest_due_minor = 0
        self.counts_for_minimums(max(0, -interest_minor))
        for item in self.bought:
            item.number = item.number or fact.number
        older_minor = sum(ask.missing_minor for ask in self.asked)
        open_minor = self.billed_minor + self.interest_due_minor - older_minor
        in_full_minor = interest_minor + max(0, self.drawn_minor + self.held_minor - self.limit_minor)
        share = Fraction(rule.share_ppm, 1_000_000) * max(0, open_minor - in_full_minor)
        asked_minor = max(rule.floor_minor, in_full_minor - (-share.numerator // share.denominator))
        self.asked.append(Asked(fact.due_on, min(open_minor, asked_minor)))
        self.pay_what_is_asked("credit_balance", day)
        # The day after begins with this day's interest: it was counted above.
        self.accrued -= self.interest_of_a_day

    def pay_what_is_asked(self, kind: str, day: date) -> None:
        """The credit balance pays missed minimums, interest of them first, then all else that was asked for.

        In each of the two, components come in the contract's order.
        """
        order = self.product.allocation_rule(kind, days_past_due=self.days_past_due(day)).components
        missed_minor = sum(ask.missing_minor for ask in self.asked if ask.due_on < day)
        late = {Component.INTEREST: min(self.interest_due_minor, missed_minor)}
        late[Component.PRINCIPAL] = min(self.billed_minor, missed_minor - late[Component.INTEREST])
        asked = {
            Component.FEE: self.fees_due_minor,
            Component.INTEREST: self.interest_due_minor - late[Component.INTEREST],
            Component.PRINCIPAL: self.billed_minor - late[Component.PRINCIPAL],
        }
        for shares in (late, asked):
            for component in order:
                self.pay(component, min(self.credit_minor, shares.get(component, 0)))

    def pay(self, component: Component, paid_minor: int) -> None:
        """Pay part of one component from the credit balance."""
        self.credit_minor -= paid_minor
        if component is Component.FEE:
            self.fees_due_minor -= paid_minor
            return
        if component is Component.INTEREST:
            self.interest_due_minor -= paid_minor
        if component is Component.PRINCIPAL:
            self.pay_purchases(paid_minor)
        self.counts_for_minimums(paid_minor)

    def pay_purchases(self, paid_minor: int) -> None:
        """Billed purchases, the first one first."""
        for item in self.bought:
            taken_minor = min(paid_minor, item.left_minor) if item.number is not None else 0
            item.left_minor -= taken_minor
            paid_minor -= taken_minor
        self.bought = [item for item in self.bought if item.left_minor]

    def counts_for_minimums(self, paid_minor: int) -> None:
        """The oldest minimum first; no minimum asks for more than is billed."""
        for ask in self.asked:
            counted_minor = min(ask.missing_minor, paid_minor)
            ask.missing_minor -= counted_minor
            paid_minor -= counted_minor
        excess_minor = sum(ask.missing_minor for ask in self.asked) - self.billed_minor - self.interest_due_minor
        for ask in reversed(self.asked):
            less_minor = min(ask.missing_minor, max(0, excess_minor))
            ask.missing_minor -= less_minor
            excess_minor -= less_minor

    def drop_crumbs(self) -> None:
        """A fraction that never becomes a cent is nobody's."""
        if round(self.accrued) == 0 and self.interest_of_a_day == 0:
            self.accrued = Fraction(0)


def lived(events: list[Event], *, product: Product, today: date) -> SlowLine:
    """The whole life up to what happened today, day by day."""
    undone = {undone_by(event.fact) for event in events}
    in_force = sorted((event for event in events if event.event_id not in undone), key=lambda event: event.order)
    line = SlowLine(product)
    day = in_force[0].effective_on
    while day <= today:
        if day > in_force[0].effective_on:
            line.day_begins(day)
        for event in in_force:
            if event.effective_on == day:
                line.happens(event)
        day += ONE_DAY
    return line
