"""An installment plan as it stands: what each installment asks for, what was paid of it, and how interest runs."""

from datetime import date

from msgspec import Struct

from tallystick.servicing.allocation import Timing
from tallystick.terms.amortization import Overdue, Pause
from tallystick.terms.plan_terms import PlanTerms, Recalculation
from tallystick.terms.product import Component
from tallystick.terms.schedule import InstallmentKind


class PlanInstallment(Struct, frozen=True, omit_defaults=True, gc=False):
    """One installment: what it asks for, what of that was waived or paid, and since when nothing is left.

    `paid_early_minor` and `paid_late_minor` tell how much was paid before and after the due date.
    """

    number: int
    kind: InstallmentKind
    from_on: date
    due_on: date
    principal_minor: int = 0
    interest_minor: int = 0
    fee_minor: int = 0
    waived_interest_minor: int = 0
    waived_fee_minor: int = 0
    paid_principal_minor: int = 0
    paid_interest_minor: int = 0
    paid_fee_minor: int = 0
    paid_early_minor: int = 0
    paid_late_minor: int = 0
    settled_on: date | None = None

    @property
    def due_minor(self) -> int:
        """All that it asks for and was not waived."""
        asked_minor = self.principal_minor + self.interest_minor + self.fee_minor
        return asked_minor - self.waived_interest_minor - self.waived_fee_minor

    @property
    def paid_minor(self) -> int:
        """All that was paid of it."""
        return self.paid_principal_minor + self.paid_interest_minor + self.paid_fee_minor

    @property
    def left_minor(self) -> int:
        """All that is left to pay of it."""
        return (
            self.principal_minor + self.interest_minor + self.fee_minor
            - self.waived_interest_minor - self.waived_fee_minor
            - self.paid_principal_minor - self.paid_interest_minor - self.paid_fee_minor
        )  # fmt: skip

    def left_of(self, component: Component) -> int:
        """What is left to pay of one component."""
        match component:
            case Component.PRINCIPAL:
                return self.principal_minor - self.paid_principal_minor
            case Component.INTEREST:
                return self.interest_minor - self.waived_interest_minor - self.paid_interest_minor
            case Component.FEE:
                return self.fee_minor - self.waived_fee_minor - self.paid_fee_minor
            case Component.PENALTY:
                return 0


class RungState(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a regular installment asks for by agreement and after payments; the meaning is that of `Rung`."""

    asked_minor: int = 0
    agreed_minor: int = 0
    planned_minor: int | None = None
    brought_minor: int = 0
    is_brought: bool = False
    forgiven_minor: int = 0
    set_interest_minor: int | None = None


class PlanDraw(Struct, frozen=True, gc=False):
    """Principal drawn on a day, the part of it that installments pay back, and from when on that bears interest."""

    on: date
    principal_minor: int
    financed_minor: int
    interest_from: date


class Correction(Struct, frozen=True, gc=False):
    """What differs from the scheduled balance from a day on: paid early, or owed although it is past due."""

    on: date
    corrected_minor: int


class Plan(Struct, frozen=True, omit_defaults=True, gc=False):
    """A plan after everything up to now. `overdue_until` is the day up to which principal past due bore interest.

    `interest_until` is the day from which the plan bears no interest any more; `pauses` are stretches without it.
    `rolled_to` is the business day that the plan knows, `holiday_periods` how far due dates were put off in all,
    `overflowed_minor` how much principal that had been paid already was given back by refunds.
    """

    plan_id: int
    terms: PlanTerms
    drawn_on: date
    rolled_to: date
    installments: tuple[PlanInstallment, ...]
    rungs: tuple[RungState, ...]
    draws: tuple[PlanDraw, ...] = ()
    corrections: tuple[Correction, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    overdue_until: date | None = None
    interest_until: date | None = None
    pauses: tuple[Pause, ...] = ()
    holiday_periods: int = 0
    overflowed_minor: int = 0

    @property
    def principal_minor(self) -> int:
        """Principal drawn."""
        return sum(draw.principal_minor for draw in self.draws)

    @property
    def paid_principal_minor(self) -> int:
        """Principal paid back."""
        return sum(installment.paid_principal_minor for installment in self.installments)

    @property
    def principal_left_minor(self) -> int:
        """Principal drawn and not paid back."""
        left_minor = 0  # summed by hand: it is asked several times of every line that is read
        for draw in self.draws:
            left_minor += draw.principal_minor
        for installment in self.installments:
            left_minor -= installment.paid_principal_minor
        return left_minor

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to pay."""
        return all(installment.left_minor == 0 for installment in self.installments)

    @property
    def is_recalculated(self) -> bool:
        """Whether interest follows payments."""
        return self.terms.recalculation is Recalculation.DAILY


class Due(Struct, frozen=True):
    """One part of an installment that is left to pay, with its timing seen from a day."""

    owner_id: int
    number: int
    due_on: date
    timing: Timing
    component: Component
    left_minor: int


class Paid(Struct, frozen=True):
    """A plan after a payment, what the payment paid, and what of it the plan had no use for."""

    plan: Plan
    applied_minor: dict[Component, int]
    rest_minor: int

    @property
    def principal_minor(self) -> int:
        """Principal paid."""
        return self.applied_minor.get(Component.PRINCIPAL, 0)

    @property
    def interest_minor(self) -> int:
        """Interest paid."""
        return self.applied_minor.get(Component.INTEREST, 0)

    @property
    def fee_minor(self) -> int:
        """Fees paid."""
        return self.applied_minor.get(Component.FEE, 0)

    @property
    def penalty_minor(self) -> int:
        """Penalties paid; a plan has none of its own."""
        return self.applied_minor.get(Component.PENALTY, 0)


def timing_of(due_on: date, *, on: date) -> Timing:
    """How a due date stands to a day."""
    if due_on < on:
        return Timing.PAST_DUE
    return Timing.DUE if due_on == on else Timing.IN_ADVANCE
