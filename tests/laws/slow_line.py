"""A second opinion on a line: every calendar day in turn, in fractions, from the facts alone.

Written from the meaning of the facts and of the product, not from `servicing`: no checkpoints, no refold, no pace of
interest. Whatever was taken back is left out before the first day, and the whole life is lived again for each answer.

Every fact has its place here. What has none: plans whose interest follows each payment (`recalculation = "daily"`,
which `test_plan_laws` counts day by day), holidays of plans with interest by the year (`test_plan_easing`), due dates
moved off days off (`test_days_off`), merchants' fees, and the figures that a statement tells (`test_line_laws`).
Freezing stops new use only, which is `admission`'s.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from tests.laws.slow_bills import Asked, Bought, SlowBills
from tests.laws.slow_claims import Charge, Claim, bill_claims, pay_in_order, plan_claims
from tests.laws.slow_lateness import late_fee_on, least_asked, penalty_of_a_day
from tests.laws.slow_order import in_order
from tests.laws.slow_plan import Part, SlowPlan, shown
from tests.laws.slow_shares import still_owed_minor, take_back

from tallystick.servicing import facts
from tallystick.servicing.facts import Event, undone_by
from tallystick.servicing.line import Condition
from tallystick.terms.product import (
    Accrues,
    CareKind,
    ChangeScope,
    Component,
    InterestFree,
    Product,
    RefundCharges,
    RefundInstallments,
    RefundTerms,
)

ONE_DAY = timedelta(days=1)
PPM = 1_000_000
FREE = RefundTerms(installments=RefundInstallments.LAST, interest=RefundCharges.PRO_RATA, fee=RefundCharges.PRO_RATA)


@dataclass
class SlowLine:
    """A line as it stands while a day is lived."""

    contracts: Mapping[str, Product]
    product: Product
    condition: Condition = Condition.OPEN
    limit_minor: int = 0
    cash_limit_minor: int = 0
    credit_minor: int = 0
    claim_minor: int = 0
    penalty: Fraction = Fraction(0)
    bills: SlowBills = field(default_factory=SlowBills)
    plans: list[SlowPlan] = field(default_factory=list)
    plan_of_draw: dict[int, int] = field(default_factory=dict)
    drawn_of: Counter[int] = field(default_factory=Counter)
    charges: list[Charge] = field(default_factory=list)
    cares: list[CareKind] = field(default_factory=list)
    paused: set[date] = field(default_factory=set)
    asked_until: date = date.min
    held: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> Fraction:
        """Interest of one unit for one day."""
        assert self.product.pay_next_month is not None
        return Fraction(self.product.pay_next_month.daily_rate_ppm, PPM)

    @property
    def parts(self) -> list[Part]:
        """The installments of all plans."""
        return [part for plan in self.plans for part in plan.parts]

    @property
    def drawn_minor(self) -> int:
        """Principal left, billed or not."""
        return self.bills.principal_minor + sum(plan.principal_left_minor for plan in self.plans)

    @property
    def held_minor(self) -> int:
        """What merchants reserved."""
        return sum(self.held.values())

    def owed_minor(self, component: Component, day: date) -> int:
        """What was charged and is left: all principal, of the rest what is billed or due."""
        if component is Component.PRINCIPAL:
            return self.drawn_minor
        due_minor = sum(part.left(component) for part in self.parts if part.due_on <= day)
        billed_minor = self.bills.interest_due_minor if component is Component.INTEREST else 0
        return due_minor + billed_minor + sum(one.left_minor for one in self.charges if one.component is component)

    def stops(self, what: str) -> bool:
        """Whether a care that holds stops interest, fees or penalties."""
        return any(getattr(self.product.cares[care], what) is Accrues.STOPS for care in self.cares)

    def days_past_due(self, day: date) -> int:
        """Days since the oldest minimum or installment that is missing fell due, without those of pauses after it."""
        missed = [ask.due_on for ask in self.bills.asked if ask.missing_minor]
        missed.extend(part.due_on for part in self.parts if part.left_minor)
        oldest = min(missed, default=day)
        days = (oldest + number * ONE_DAY for number in range((day - oldest).days))
        return sum(passed == oldest or passed not in self.paused for passed in days)

    def day_begins(self, day: date) -> None:
        """The day before bears its interest; what was to be paid by then and was not bears it from its posting on."""
        if self.condition is not Condition.OPEN:
            return
        self.bills.a_day_is_over()
        self.penalty += self.penalty_of(day - ONE_DAY)
        self.pay_what_is_asked("credit_balance", day)
        self.bills.begin_to_revolve(day)
        self.charge_late_fee(day)
        self.drop_crumbs(day)

    def penalty_of(self, day: date) -> Fraction:
        """Penalty interest of one day on what installments asked for before it."""
        return Fraction(0) if self.stops("penalty") else penalty_of_a_day(self.product, self.parts, day)

    def bill_penalty(self) -> None:
        """Whole minor units of it are charged; the fraction waits."""
        billed_minor = round(self.penalty)
        if billed_minor > 0:
            self.charges.append(Charge(Component.PENALTY, billed_minor))
            self.penalty -= billed_minor

    def charge_late_fee(self, day: date) -> None:
        """Once for all that one due date asked for and did not get, on the day after its grace."""
        missed_on = day - timedelta(days=self.product.late.grace_days + 1)
        missed_minor = sum(part.left_minor for part in self.parts if part.due_on == missed_on)
        missed_minor += sum(ask.missing_minor for ask in self.bills.asked if ask.due_on == missed_on)
        if missed_minor and not self.stops("fee") and day not in self.paused:
            self.charge_fee(late_fee_on(self.product, missed_minor))

    def charge_fee(self, fee_minor: int) -> None:
        """A fee of the line, if there is any."""
        if fee_minor:
            self.charges.append(Charge(Component.FEE, fee_minor))

    def happens(self, event: Event) -> None:
        """One fact of the day; what comes in after a charge-off meets the claim first."""
        day, fact = event.effective_on, event.fact
        known = self.money_moves(event) or self.is_used(fact, day) or self.is_agreed(fact, day)
        assert known or self.is_decided(fact, day), f"the slow line does not know {fact}"
        if self.condition is Condition.CHARGED_OFF:
            met_minor = min(self.credit_minor, self.claim_minor)
            self.credit_minor -= met_minor
            self.claim_minor -= met_minor
        self.drop_crumbs(day)

    def money_moves(self, event: Event) -> bool:
        """Money comes in, goes out, or comes back."""
        day, fact = event.effective_on, event.fact
        match fact:
            case facts.PaymentReceived():
                self.credit_minor += fact.amount_minor
                self.pay_what_is_asked(fact.kind, day)
            case facts.SettledEarly():
                self.credit_minor += fact.amount_minor
                self.settle(fact.plan_id, day)
                self.pay_what_is_asked("settlement", day)
            case facts.Refunded() | facts.Chargeback():
                self.credit_minor += fact.amount_minor
                self.give_back(fact.draw_id, fact.amount_minor, self.product.refund, day)
            case facts.DrawWithdrawn():
                self.withdraw(fact, day)
            case facts.CreditPaidOut():
                self.pay_out(fact.amount_minor, Bought(-event.event_id, 0, Fraction(0), is_free=True))
            case facts.StatementClosed():
                self.close_statement(fact, day)
            case facts.FeeCharged():
                self.charge_fee(fact.amount_minor)
                self.pay_what_is_asked("credit_balance", day)
            case _:
                return False
        return True

    def is_used(self, fact: facts.AnyFact, day: date) -> bool:
        """Credit is reserved, drawn, or put into installments."""
        match fact:
            case facts.HoldPlaced():
                self.held[fact.hold_id] = fact.amount_minor
            case facts.HoldVoided():
                self.release(fact.hold_id, fact.amount_minor)
            case facts.HoldExpired():
                self.release(fact.hold_id, None)
            case facts.Drawdown():
                self.draw(fact, day)
            case facts.PlanCreated():
                moved_minor = self.bills.take(fact.draw_id, self.drawn_minor)
                if moved_minor:
                    self.plan_of_draw[fact.draw_id] = fact.plan.plan_id
                    self.open_plan(fact.plan, moved_minor, day)
            case facts.BillConverted():
                moved = self.bills.take_asked(fact.amount_minor, number=fact.statement_number)
                if moved.total():
                    self.open_plan(fact.plan, moved.total(), day)
                    self.plans[-1].brought_in = moved
            case _:
                return False
        return True

    def is_agreed(self, fact: facts.AnyFact, day: date) -> bool:
        """The contract and its figures, and the cares that change what of it holds."""
        match fact:
            case facts.LineOpened() | facts.LimitChanged():
                self.limit_minor = fact.limit_minor
                if fact.cash_limit_minor is not None:
                    self.cash_limit_minor = fact.cash_limit_minor
            case facts.TermsChanged():
                binds_all = self.product.notice.price_change_scope is ChangeScope.OUTSTANDING_TOO
                self.product = self.contracts[fact.contract_hash]
                if binds_all:
                    self.bills.reprice(Fraction(0) if self.stops("interest") else self.rate)
            case facts.CareBegun():
                self.cares.append(fact.kind)
                if self.stops("interest"):
                    self.bills.stop_interest()
                for plan in self.plans:
                    self.stop_charges(plan, day)
            case facts.CareEnded():
                self.cares = [care for care in self.cares if care is not fact.kind]
            case _:
                return False
        return True

    def is_decided(self, fact: facts.AnyFact, day: date) -> bool:
        """What is made easier to bear, given up, or ended."""
        match fact:
            case facts.DelinquencyPaused():
                self.paused.update(day + number * ONE_DAY for number in range((fact.until - day).days))
            case facts.Waived():
                self.waive(Component(fact.component), fact.amount_minor, day)
            case facts.PlanReaged() | facts.PaymentHoliday():
                self.ease(fact, day)
            case facts.ChargedOff():
                self.charge_off(day)
            case facts.LineClosed():
                if not (self.still_owed_minor(day) or self.claim_minor):
                    self.condition = Condition.CLOSED
            case facts.LineFrozen() | facts.LineUnfrozen():
                pass
            case _:
                return False
        return True

    def draw(self, fact: facts.Drawdown, day: date) -> None:
        """A purchase to be paid next month, or a plan by the schedule that was shown."""
        assert self.product.pay_next_month is not None
        self.drawn_of[fact.draw_id] = fact.amount_minor
        if fact.hold_id is not None:
            self.release(fact.hold_id, fact.amount_minor if fact.keeps_hold else None)
        if fact.plan is not None:
            self.plan_of_draw[fact.draw_id] = fact.plan.plan_id
            self.open_plan(fact.plan, fact.amount_minor, day, is_cash=fact.kind is facts.DrawKind.CASH)
            return
        is_free = self.stops("interest")
        is_never_free = self.product.pay_next_month.interest_free is InterestFree.NEVER
        rate = Fraction(0) if is_free else self.rate
        bought = Bought(fact.draw_id, fact.amount_minor, rate, revolves=is_never_free, is_free=is_free)
        self.bills.bought.append(bought)

    def open_plan(self, choice: facts.PlanChoice, principal_minor: int, day: date, *, is_cash: bool = False) -> None:
        """A plan by the schedule that was shown; in a care that stops its price it bears none."""
        parts = shown(choice.terms, on=day, principal_minor=principal_minor)
        plan = SlowPlan(choice.plan_id, choice.terms, day, parts, is_cash=is_cash)
        self.stop_charges(plan, day)
        self.plans.append(plan)

    def stop_charges(self, plan: SlowPlan, day: date) -> None:
        """What a care that holds stops of a plan's price."""
        if self.stops("interest"):
            plan.stop_interest(day)
        if self.stops("fee"):
            plan.stop_fees(day)

    def release(self, hold_id: int, amount_minor: int | None) -> None:
        """All of a hold, or part of it, is free again."""
        left_minor = self.held.pop(hold_id, 0) - (amount_minor or 0)
        if amount_minor is not None and left_minor > 0:
            self.held[hold_id] = left_minor

    def plan(self, plan_id: int | None) -> SlowPlan | None:
        """The plan of that id, if there is one."""
        return next((plan for plan in self.plans if plan.plan_id == plan_id), None)

    def give_back(self, draw_id: int, amount_minor: int, policy: RefundTerms, day: date) -> None:
        """The credit pays the draw off first, with the interest and fees of it by the policy; the rest stays credit."""
        plan = self.plan(self.plan_of_draw.get(draw_id))
        if plan is not None:
            taken_minor, returned_minor = plan.give_back(amount_minor, policy, day)
        else:
            item = self.bought(draw_id)
            next_month_minor = min(amount_minor, item.left_minor) if item else 0
            if item and policy.interest is RefundCharges.PRO_RATA:
                self.bills.accrued -= item.bore(next_month_minor)
            self.bills.take(draw_id, next_month_minor)
            rest_minor = amount_minor - next_month_minor
            taken_minor, returned_minor = take_back(self.plans, draw_id, rest_minor, policy, day)
            taken_minor += next_month_minor
        self.credit_minor += returned_minor - taken_minor
        self.pay_what_is_asked("refund", day)

    def bought(self, draw_id: int) -> Bought | None:
        """What is left of a draw to pay next month."""
        return next((item for item in self.bills.bought if item.draw_id == draw_id), None)

    def withdraw(self, fact: facts.DrawWithdrawn, day: date) -> None:
        """Who pays all that is left of a draw gives the whole of it back, and what was paid of its price returns."""
        plan, item = self.plan(self.plan_of_draw.get(fact.draw_id)), self.bought(fact.draw_id)
        if plan is not None:
            left_minor = plan.principal_left_minor
        else:
            left_minor = (item.left_minor if item else 0) + still_owed_minor(self.plans, fact.draw_id)
        is_all = 0 < left_minor <= fact.amount_minor
        self.credit_minor += fact.amount_minor
        self.give_back(fact.draw_id, self.drawn_of[fact.draw_id] if is_all else fact.amount_minor, FREE, day)

    def pay_out(self, amount_minor: int, lent: Bought) -> None:
        """The money has left: what no credit covers is owed again, free of interest, or joins the claim."""
        covered_minor = min(amount_minor, self.credit_minor)
        self.credit_minor -= covered_minor
        if self.condition is Condition.CHARGED_OFF:
            self.claim_minor += amount_minor - covered_minor
        elif covered_minor < amount_minor:
            lent.left_minor = amount_minor - covered_minor
            self.bills.bought.append(lent)

    def settle(self, plan_id: int, day: date) -> None:
        """The plan asks for what it costs until today, and is paid first."""
        plan = self.plan(plan_id)
        if plan is None or plan.principal_left_minor == 0:
            return
        self.charge_fee(plan.settle(day))
        rule = self.product.allocation_rule("settlement", days_past_due=self.days_past_due(day))
        claims = plan_claims(0, plan, until=date.max)
        self.credit_minor = pay_in_order(claims, credit_minor=self.credit_minor, rule=rule, day=day)

    def ease(self, fact: facts.PlanReaged | facts.PaymentHoliday, day: date) -> None:
        """A plan that still has principal is put off, or into a new schedule."""
        plan = self.plan(fact.plan_id)
        if plan is None or plan.principal_left_minor == 0:
            return
        match fact:
            case facts.PaymentHoliday():
                plan.put_off_by(fact.periods, day)
            case facts.PlanReaged():
                plan.put_into_a_new_schedule(fact.installments, fact.first_due_on, day)

    def waive(self, component: Component, rest_minor: int, day: date) -> None:
        """The line's own charges, then what is billed, then what is due of plans."""
        self.bill_penalty()
        for charge in self.charges:
            if charge.component is component:
                waived_minor = min(rest_minor, charge.left_minor)
                charge.left_minor -= waived_minor
                rest_minor -= waived_minor
        if component is Component.INTEREST:
            rest_minor -= self.bills.waive_interest(rest_minor)
        for plan in self.plans:
            rest_minor -= plan.waive(component, rest_minor, day)

    def still_owed_minor(self, day: date) -> int:
        """All that the line comes to, billed or not."""
        to_come_minor = sum(plan.to_come_minor(day) for plan in self.plans)
        accrued_minor = round(self.bills.accrued) + round(self.penalty)
        return sum(self.owed_minor(component, day) for component in Component) + max(0, to_come_minor + accrued_minor)

    def charge_off(self, day: date) -> None:
        """All that is owed until today leaves the line and stays a claim."""
        self.bill_penalty()
        self.bill_interest()
        self.claim_minor = sum(self.owed_minor(component, day) for component in Component)
        self.condition = Condition.CHARGED_OFF
        self.bills, self.plans, self.charges, self.held, self.penalty = SlowBills(), [], [], {}, Fraction(0)

    def bill_interest(self) -> int:
        """Interest until today is asked for; what was given back above what is due is the borrower's."""
        billed_minor = self.bills.bill_interest()
        self.credit_minor += max(0, -self.bills.interest_due_minor)
        self.bills.interest_due_minor = max(0, self.bills.interest_due_minor)
        return billed_minor

    def close_statement(self, fact: facts.StatementClosed, day: date) -> None:
        """At the end of the day: interest up to then, everything bought, and a minimum of it."""
        assert self.product.pay_next_month is not None
        rule = self.product.pay_next_month.minimum_due
        self.bills.accrued += self.bills.interest_of_a_day
        interest_minor = self.bill_interest()
        self.bill_penalty()
        self.asked_until = fact.due_on
        for item in self.bills.bought:
            item.number = item.number or fact.number
        open_minor = self.bills.billed_minor + self.bills.interest_due_minor - self.bills.missing_minor
        over_minor = max(0, self.drawn_minor + self.held_minor - self.limit_minor)
        asked_minor = least_asked(rule, open_minor=open_minor, interest_minor=interest_minor, over_minor=over_minor)
        self.bills.asked.append(Asked(fact.due_on, asked_minor))
        self.pay_what_is_asked("credit_balance", day)
        # The day after begins with this day's interest: it was counted above.
        self.bills.accrued -= self.bills.interest_of_a_day

    def pay_what_is_asked(self, kind: str, day: date) -> None:
        """The credit balance pays what is late, then all else that was asked for, in the contract's order."""
        if not self.credit_minor or self.condition is not Condition.OPEN:
            return
        rule = self.product.allocation_rule(kind, days_past_due=self.days_past_due(day))
        self.bill_penalty()
        self.credit_minor = pay_in_order(self.claims(day), credit_minor=self.credit_minor, rule=rule, day=day)
        self.charges = [charge for charge in self.charges if charge.left_minor]

    def claims(self, day: date) -> Iterator[Claim]:
        """Installments due, missed minimums with interest before principal, what else is billed, and charges."""
        until, owner = max(day, self.asked_until), len(self.plans)
        for place, plan in enumerate(self.plans):
            yield from plan_claims(place, plan, until=until)
        yield from bill_claims(owner, self.bills, day=day, until=until)
        for after, charge in enumerate(self.charges, start=owner + 1):
            yield Claim(day, after, charge.component, charge.left_minor, charge.pay)

    def drop_crumbs(self, day: date) -> None:
        """A fraction that never becomes a cent is nobody's."""
        self.bills.drop_crumbs()
        if round(self.penalty) == 0 and self.penalty_of(day) == 0:
            self.penalty = Fraction(0)


def lived(events: list[Event], *, contracts: Mapping[str, Product], today: date) -> SlowLine:
    """The whole life up to what happened today, day by day."""
    undone = {undone_by(event.fact) for event in events}
    in_force = in_order([event for event in events if event.event_id not in undone])
    opening = in_force[0].fact
    assert isinstance(opening, facts.LineOpened)
    line = SlowLine(contracts, contracts[opening.contract_hash])
    day = in_force[0].effective_on
    while day <= today:
        if day > in_force[0].effective_on:
            line.day_begins(day)
        for event in in_force:
            if event.effective_on == day:
                line.happens(event)
        day += ONE_DAY
    return line
