"""A plan opened for work: its ladder beside its installments, kept in step, and closed into a new plan."""

from datetime import date

from msgspec.structs import replace

from tallystick.servicing.allocation import Timing
from tallystick.servicing.plan_state import Correction, Plan, PlanInstallment, RungState, timing_of
from tallystick.terms.amortization import BalanceChange, Ladder, Rung
from tallystick.terms.last_installment import settle_last
from tallystick.terms.plan_dates import Span
from tallystick.terms.product import Component
from tallystick.terms.schedule import InstallmentKind, period_price


class Book:
    """A plan's ladder and installments while one thing happens to it; it never leaves that function."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.terms = plan.terms
        self.installments = list(plan.installments)
        self.overdue_until = plan.overdue_until
        self.ladder = _ladder_of(plan)

    @property
    def regular(self) -> list[int]:
        """Where the installments stand that the ladder knows, in its order."""
        return [
            index for index, installment in enumerate(self.installments) if installment.kind is InstallmentKind.REGULAR
        ]

    def rung_of(self, installment: PlanInstallment) -> int | None:
        """The rung of an installment; what is due at once has none."""
        if installment.kind is not InstallmentKind.REGULAR:
            return None
        return next(
            (index for index, rung in enumerate(self.ladder.rungs) if rung.span.due_on == installment.due_on), None
        )

    def ask_as_ladder(self, *, on: date, from_due_on: date = date.min) -> None:
        """Installments due from a day on ask for what the ladder says; what becomes settled by that, is so `on`."""
        prices = self._period_prices()
        for index, figures in zip(self.regular, self.ladder.figures(), strict=True):
            installment = self.installments[index]
            if installment.due_on < from_due_on:
                continue
            fee_minor, interest_minor = prices if self._is_priced(index) else (0, 0)
            asked = replace(
                installment,
                principal_minor=figures.principal_minor,
                interest_minor=max(
                    figures.interest_minor + interest_minor,
                    installment.paid_interest_minor + installment.waived_interest_minor,
                ),
                fee_minor=max(fee_minor, installment.paid_fee_minor + installment.waived_fee_minor),
            )
            self.installments[index] = with_settlement(asked, on=on)
        self._ask_no_less_than_paid(on=on)

    def _ask_no_less_than_paid(self, *, on: date) -> None:
        """Where interest does not follow payments, what was paid may exceed what is asked: the last ask less."""
        missing_minor = 0
        for index in self.regular:
            part = self.installments[index]
            below_minor = max(0, part.paid_principal_minor - part.principal_minor)
            missing_minor += below_minor
            self.installments[index] = replace(part, principal_minor=part.principal_minor + below_minor)
        for index in reversed(self.regular):
            part = self.installments[index]
            less_minor = min(missing_minor, part.left_of(Component.PRINCIPAL))
            if less_minor:
                missing_minor -= less_minor
                smaller = replace(part, principal_minor=part.principal_minor - less_minor)
                self.installments[index] = with_settlement(smaller, on=on)

    def _period_prices(self) -> tuple[int, int]:
        return period_price(self.terms, financed_minor=sum(draw.financed_minor for draw in self.plan.draws))

    def _is_priced(self, index: int) -> bool:
        return self.regular.index(index) >= self.terms.interest_free

    def pay(self, index: int, *, component: Component, amount_minor: int, on: date) -> int:
        """Pay a component of one installment, as far as it is open; gives what was paid."""
        installment = self.installments[index]
        paid_minor = max(0, min(amount_minor, installment.left_of(component)))
        if component is Component.PRINCIPAL:
            paid_before_minor = sum(part.paid_principal_minor for part in self.installments)
            paid_minor = min(paid_minor, self.plan.principal_minor - paid_before_minor)
        timing = timing_of(installment.due_on, on=on)
        paid = replace(
            installment,
            paid_principal_minor=installment.paid_principal_minor + paid_minor * (component is Component.PRINCIPAL),
            paid_interest_minor=installment.paid_interest_minor + paid_minor * (component is Component.INTEREST),
            paid_fee_minor=installment.paid_fee_minor + paid_minor * (component is Component.FEE),
            paid_early_minor=installment.paid_early_minor + paid_minor * (timing is Timing.IN_ADVANCE),
            paid_late_minor=installment.paid_late_minor + paid_minor * (timing is Timing.PAST_DUE),
        )
        self.installments[index] = replace(paid, settled_on=on if paid.left_minor == 0 else None)
        return paid_minor

    def correct(self, on: date, *, corrected_minor: int) -> None:
        """The balance differs from the schedule from a day on; the last installment takes what that changes."""
        self.ladder.change(on, corrected_minor=corrected_minor)
        settle_last(self.ladder, until=on)

    def end_period(self, rung: int, *, on: date) -> None:
        """A period ends on a day before its due date, and its installment is due then."""
        index, span = self.regular[rung], self.ladder.rungs[rung].span
        if span.from_on < on < span.due_on:
            self.ladder.end_period(rung, on=on)
            self.installments[index] = replace(self.installments[index], due_on=on)

    def settle_rung(self, rung: int, *, installment: PlanInstallment, on: date) -> None:
        """The ladder learns that a period asks for exactly what was paid of it, by a payment of a day."""
        period = self.ladder.rungs[rung]
        paid_now_minor = installment.paid_principal_minor - period.paid_principal_minor
        self.ladder.change(min(on, period.span.due_on), corrected_minor=-paid_now_minor)
        period.paid_principal_minor = installment.paid_principal_minor
        period.paid_interest_minor = installment.paid_interest_minor + installment.waived_interest_minor
        period.asked_minor, period.brought_minor = period.paid_minor, 0

    def ask_for_what_was_drawn(self, *, on: date) -> None:
        """What payments in advance moved between installments never asks for more principal than is owed.

        The last open installments ask for so much less.
        """
        excess_minor = sum(part.principal_minor for part in self.installments) - self.plan.principal_minor
        for place in reversed(range(len(self.installments))):
            part = self.installments[place]
            less_minor = min(excess_minor, part.left_of(Component.PRINCIPAL))
            if less_minor <= 0:
                continue
            excess_minor -= less_minor
            smaller = replace(part, principal_minor=part.principal_minor - less_minor)
            self.installments[place] = with_settlement(smaller, on=on)

    def closed(self, *, rolled_to: date) -> Plan:
        """The plan as the book leaves it; its installments ask for exactly the principal drawn."""
        if self.plan.is_recalculated:
            self.ask_for_what_was_drawn(on=rolled_to)
        return replace(
            self.plan,
            rolled_to=max(self.plan.rolled_to, rolled_to),
            installments=tuple(self.installments),
            rungs=tuple(_state_of(rung) for rung in self.ladder.rungs),
            corrections=_corrections(self.ladder) if self.plan.is_recalculated else (),
            overdue=tuple(self.ladder.overdue),
            overdue_until=self.overdue_until,
        )


def with_settlement(installment: PlanInstallment, *, on: date) -> PlanInstallment:
    """Since when nothing is left to pay: the day on which that became so, none while something is left."""
    if installment.left_minor:
        return replace(installment, settled_on=None)
    return installment if installment.settled_on else replace(installment, settled_on=on)


def _ladder_of(plan: Plan) -> Ladder:
    """The ladder of a plan; it knows of payments only where interest follows them."""
    regular = [part for part in plan.installments if part.kind is InstallmentKind.REGULAR]
    rungs = [
        Rung(
            number=number,
            span=Span(from_on=part.from_on, due_on=part.due_on),
            asked_minor=state.asked_minor,
            agreed_minor=state.agreed_minor,
            planned_minor=state.planned_minor,
            brought_minor=state.brought_minor,
            is_brought=state.is_brought,
            forgiven_minor=state.forgiven_minor,
            set_interest_minor=state.set_interest_minor,
            paid_principal_minor=part.paid_principal_minor if plan.is_recalculated else 0,
            paid_interest_minor=part.paid_interest_minor + part.waived_interest_minor if plan.is_recalculated else 0,
        )
        for number, (part, state) in enumerate(zip(regular, plan.rungs, strict=True), start=1)
    ]
    changes: dict[date, BalanceChange] = {}
    for correction in plan.corrections:
        changes[correction.on] = BalanceChange(on=correction.on, corrected_minor=correction.corrected_minor)
    for draw in plan.draws:
        change = changes.setdefault(draw.interest_from, BalanceChange(on=draw.interest_from))
        change.drawn_minor += draw.financed_minor
    return Ladder(
        terms=plan.terms,
        rungs=rungs,
        changes=changes.values(),
        overdue=plan.overdue,
        interest_until=plan.interest_until,
        pauses=plan.pauses,
    )


def _state_of(rung: Rung) -> RungState:
    return RungState(
        asked_minor=rung.asked_minor,
        agreed_minor=rung.agreed_minor,
        planned_minor=rung.planned_minor,
        brought_minor=rung.brought_minor,
        is_brought=rung.is_brought,
        forgiven_minor=rung.forgiven_minor,
        set_interest_minor=rung.set_interest_minor,
    )


def _corrections(ladder: Ladder) -> tuple[Correction, ...]:
    return tuple(
        Correction(on=change.on, corrected_minor=change.corrected_minor)
        for change in sorted(ladder.changes.values(), key=lambda change: change.on)
    )
