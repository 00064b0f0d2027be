"""A second opinion on a line: every calendar day in turn, in fractions, from the facts alone.

Written from the meaning of the facts and of the product, not from `servicing`: no checkpoints, no refold, no pace of
interest. Whatever was taken back is left out before the first day, and the whole life is lived again for each answer.
Plans are those with a fee per period, by the schedule that was shown; plans with interest and their refunds have laws
of their own, and charge-off is not in it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import partial

from tallystick.servicing import facts
from tallystick.servicing.facts import Event, undone_by
from tallystick.terms.product import Accrues, CareKind, Component, InterestFree, Product, Walk
from tallystick.terms.schedule import schedule

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
    stopped_on: date | None = None

    def interest(self, day: date) -> Fraction:
        """What one unit of it bore until a day."""
        return self.rate * (min(day, self.stopped_on or day) - self.posted_on).days


@dataclass
class Asked:
    """A statement's minimum, and what is still missing of it."""

    due_on: date
    missing_minor: int


@dataclass
class Part:
    """An installment of a plan: what is left of it, principal and fee."""

    from_on: date
    due_on: date
    left_minor: dict[Component, int]


@dataclass
class Charge:
    """A fee or penalty of the line itself."""

    component: Component
    left_minor: int


@dataclass
class Claim:
    """One part owed that was asked for: since when, of whom, of what kind, and how it is paid."""

    due_on: date
    owner: int
    component: Component
    left_minor: int
    pay: Callable[[int], None]


@dataclass
class SlowLine:
    """A line as it stands while a day is lived."""

    product: Product
    limit_minor: int = 0
    credit_minor: int = 0
    interest_due_minor: int = 0
    accrued: Fraction = Fraction(0)
    penalty: Fraction = Fraction(0)
    bought: list[Bought] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    plans: list[list[Part]] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    cares: list[CareKind] = field(default_factory=list)
    asked_until: date = date.min
    held: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> Fraction:
        """Interest of one unit for one day."""
        assert self.product.pay_next_month is not None
        return Fraction(self.product.pay_next_month.daily_rate_ppm, 1_000_000)

    @property
    def interest_of_a_day(self) -> Fraction:
        """What one more day costs."""
        bears = (item for item in self.bought if item.revolves and item.stopped_on is None)
        return sum((item.left_minor * item.rate for item in bears), Fraction(0))

    @property
    def parts(self) -> list[Part]:
        """The installments of all plans."""
        return [part for plan in self.plans for part in plan]

    @property
    def drawn_minor(self) -> int:
        """Principal left, billed or not."""
        in_plans_minor = sum(part.left_minor[Component.PRINCIPAL] for part in self.parts)
        return in_plans_minor + sum(item.left_minor for item in self.bought)

    def charged_minor(self, component: Component) -> int:
        """What is left of the line's own charges of one kind."""
        return sum(charge.left_minor for charge in self.charges if charge.component is component)

    def fees_minor(self, day: date) -> int:
        """Fees owed: the line's own, and those of installments that are due."""
        due_minor = sum(part.left_minor[Component.FEE] for part in self.parts if part.due_on <= day)
        return self.charged_minor(Component.FEE) + due_minor

    def stops(self, what: str) -> bool:
        """Whether a care that holds stops interest, fees or penalties."""
        return any(getattr(self.product.cares[care], what) is Accrues.STOPS for care in self.cares)

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
        missed = [ask.due_on for ask in self.asked if ask.missing_minor]
        missed.extend(part.due_on for part in self.parts if any(part.left_minor.values()))
        return max((day - min(missed, default=day)).days, 0)

    def day_begins(self, day: date) -> None:
        """The day before bears its interest; what was to be paid by then and was not bears it from its posting on."""
        self.accrued += self.interest_of_a_day
        self.penalty += self.penalty_of(day - ONE_DAY)
        self.pay_what_is_asked("credit_balance", day)
        for item in self.bought:
            if item.number is not None and not item.revolves and self.asked[item.number - 1].due_on < day:
                item.revolves = True
                self.accrued += item.left_minor * item.interest(day)
        self.charge_late_fee(day)
        self.drop_crumbs(day)

    def penalty_of(self, day: date) -> Fraction:
        """Penalty interest of one day: on principal of installments that were due before it, after the grace."""
        late = self.product.late
        if late.penalty is None or self.stops("penalty"):
            return Fraction(0)
        overdue_minor = sum(
            part.left_minor[Component.PRINCIPAL]
            for part in self.parts
            if part.due_on < day - timedelta(days=late.grace_days)
        )
        return Fraction(overdue_minor * self.product.penalty_daily_ppm(), 1_000_000)

    def bill_penalty(self) -> None:
        """Whole minor units of it are charged; the fraction waits."""
        billed_minor = round(self.penalty)
        if billed_minor > 0:
            self.charges.append(Charge(Component.PENALTY, billed_minor))
            self.penalty -= billed_minor

    def charge_late_fee(self, day: date) -> None:
        """Once for all that one due date asked for and did not get, on the day after its grace."""
        fee = self.product.late.late_fee
        missed_on = day - timedelta(days=self.product.late.grace_days + 1)
        missed_minor = sum(sum(part.left_minor.values()) for part in self.parts if part.due_on == missed_on)
        missed_minor += sum(ask.missing_minor for ask in self.asked if ask.due_on == missed_on)
        if fee is None or missed_minor == 0 or self.stops("fee"):
            return
        share_minor = int(Fraction(missed_minor * fee.share_ppm, 1_000_000) + Fraction(1, 2))
        most_minor = fee.most_minor if fee.most_minor is not None else share_minor + fee.fixed_minor + fee.least_minor
        fee_minor = min(most_minor, max(fee.least_minor, fee.fixed_minor + share_minor))
        if fee_minor:
            self.charges.append(Charge(Component.FEE, fee_minor))

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
                self.draw(fact, day)
            case facts.CareBegun():
                self.cares.append(fact.kind)
                if self.stops("interest"):
                    for item in self.bought:
                        item.stopped_on = item.stopped_on or day
                        item.rate *= item.revolves  # what does not revolve yet never bears any
                self.stop_fees(day)
            case facts.CareEnded():
                self.cares = [care for care in self.cares if care is not fact.kind]
            case facts.FeeCharged():
                self.charges.append(Charge(Component.FEE, fact.amount_minor))
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
        self.drop_crumbs(day)

    def draw(self, fact: facts.Drawdown, day: date) -> None:
        """A purchase to be paid next month, or a plan by the schedule that was shown."""
        assert self.product.pay_next_month is not None
        if fact.hold_id is not None:
            self.release(fact.hold_id, fact.amount_minor if fact.keeps_hold else None)
        if fact.plan is None:
            rate = Fraction(0) if self.stops("interest") else self.rate
            is_never_free = self.product.pay_next_month.interest_free is InterestFree.NEVER
            self.bought.append(Bought(fact.draw_id, day, fact.amount_minor, rate, revolves=is_never_free))
            return
        shown = schedule(fact.plan.terms, drawn_on=day, principal_minor=fact.amount_minor)
        self.plans.append(
            [
                Part(one.from_on, one.due_on, {Component.PRINCIPAL: one.principal_minor, Component.FEE: one.fee_minor})
                for one in shown
            ]
        )
        self.stop_fees(day)

    def stop_fees(self, day: date) -> None:
        """In a care that stops fees, a period of a plan that has not begun costs none."""
        for part in (part for plan in self.plans for part in plan):
            if self.stops("fee") and part.from_on >= day:
                part.left_minor[Component.FEE] = 0

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
                self.accrued -= taken_minor * item.interest(day)
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
        self.bill_penalty()
        self.asked_until = fact.due_on
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
        """The credit balance pays what is late, then all else that was asked for, in the contract's order."""
        if not self.credit_minor:
            return
        rule = self.product.allocation_rule(kind, days_past_due=self.days_past_due(day))
        self.bill_penalty()
        rank = {component: place for place, component in enumerate(rule.components)}
        claims = [claim for claim in self.claims(day) if claim.component in rank]
        if rule.walk is Walk.COMPONENT_FIRST:
            claims.sort(key=lambda claim: (claim.due_on >= day, rank[claim.component], claim.due_on))
        else:
            claims.sort(key=lambda claim: (claim.due_on >= day, claim.due_on, claim.owner, rank[claim.component]))
        for claim in claims:
            paid_minor = min(self.credit_minor, claim.left_minor)
            self.credit_minor -= paid_minor
            claim.pay(paid_minor)
        self.charges = [charge for charge in self.charges if charge.left_minor]

    def claims(self, day: date) -> Iterator[Claim]:
        """Installments due, missed minimums with interest before principal, what else is billed, and charges."""
        until = max(day, self.asked_until)
        for owner, plan in enumerate(self.plans):
            for part in plan:
                if part.due_on <= until:
                    for component, left_minor in part.left_minor.items():
                        pay = partial(self.pay_part, part, component)
                        yield Claim(part.due_on, owner, component, left_minor, pay)
        owner, interest_minor, billed_minor = len(self.plans), self.interest_due_minor, self.billed_minor
        for ask in self.asked:
            if ask.due_on < day:
                first_minor = min(interest_minor, ask.missing_minor)
                then_minor = min(billed_minor, ask.missing_minor - first_minor)
                interest_minor -= first_minor
                billed_minor -= then_minor
                yield Claim(ask.due_on, owner, Component.INTEREST, first_minor, self.pay_interest)
                yield Claim(ask.due_on, owner, Component.PRINCIPAL, then_minor, self.pay_purchases)
        yield Claim(until, owner, Component.INTEREST, interest_minor, self.pay_interest)
        yield Claim(until, owner, Component.PRINCIPAL, billed_minor, self.pay_purchases)
        for after, charge in enumerate(self.charges, start=owner + 1):
            yield Claim(day, after, charge.component, charge.left_minor, partial(self.pay_charge, charge))

    def pay_part(self, part: Part, component: Component, paid_minor: int) -> None:
        """Part of an installment."""
        part.left_minor[component] -= paid_minor

    def pay_charge(self, charge: Charge, paid_minor: int) -> None:
        """Part of a charge."""
        charge.left_minor -= paid_minor

    def pay_interest(self, paid_minor: int) -> None:
        """Billed interest, which counts for the minimums."""
        self.interest_due_minor -= paid_minor
        self.counts_for_minimums(paid_minor)

    def pay_purchases(self, paid_minor: int) -> None:
        """Billed purchases, the first one first; they count for the minimums."""
        counted_minor = paid_minor
        for item in self.bought:
            taken_minor = min(paid_minor, item.left_minor) if item.number is not None else 0
            item.left_minor -= taken_minor
            paid_minor -= taken_minor
        self.bought = [item for item in self.bought if item.left_minor]
        self.counts_for_minimums(counted_minor)

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

    def drop_crumbs(self, day: date) -> None:
        """A fraction that never becomes a cent is nobody's."""
        if round(self.accrued) == 0 and self.interest_of_a_day == 0:
            self.accrued = Fraction(0)
        if round(self.penalty) == 0 and self.penalty_of(day) == 0:
            self.penalty = Fraction(0)


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
