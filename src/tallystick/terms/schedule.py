"""The schedule of a plan as it is agreed: what each installment asks for, and when."""

from datetime import date
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from tallystick.terms.amortization import Ladder, in_multiples, rungs_of
from tallystick.terms.leveling import add_draw
from tallystick.terms.plan_dates import plan_spans
from tallystick.terms.plan_terms import BookedAs, PlanTerms
from tallystick.units.rates import PPM
from tallystick.units.rounding import whole


class InstallmentKind(StrEnum):
    """What an installment is.

    Paid over time; on the day of the draw; all at once, for a draw after the last one; or what was paid of one that a
    new schedule replaced.
    """

    REGULAR = "regular"
    DOWN_PAYMENT = "down_payment"
    AT_ONCE = "at_once"
    REPLACED = "replaced"


class Installment(Struct, frozen=True):
    """One installment in minor units. `balance_minor` is the principal left when it is paid."""

    number: int
    kind: InstallmentKind
    from_on: date
    due_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    balance_minor: int

    @property
    def due_minor(self) -> int:
        """All that the installment asks for."""
        return self.principal_minor + self.interest_minor + self.fee_minor


def schedule(terms: PlanTerms, *, drawn_on: date, principal_minor: int) -> tuple[Installment, ...]:
    """The installments of a draw; their principal sums to it exactly, the last one takes what does not divide.

    A fee per period on the original principal (0.6 % of 1,000.00, three times):

    >>> terms = PlanTerms(installments=3, per_period_ppm=6_000)
    >>> for part in schedule(terms, drawn_on=date(2026, 1, 31), principal_minor=100_000):
    ...     print(part.due_on, part.principal_minor, part.interest_minor, part.fee_minor)
    2026-02-28 33333 0 600
    2026-03-31 33333 0 600
    2026-04-30 33334 0 600

    Equal installments at 12 % a year, 1 % a month on what is still owed:

    >>> from decimal import Decimal
    >>> from tallystick.units.day_counts import DayCount
    >>> terms = PlanTerms(installments=3, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360)
    >>> for part in schedule(terms, drawn_on=date(2026, 1, 31), principal_minor=100_000):
    ...     print(part.due_on, part.principal_minor, part.interest_minor, part.balance_minor)
    2026-02-28 33002 1000 66998
    2026-03-31 33332 670 33666
    2026-04-30 33666 337 0
    """
    assert principal_minor > 0, "a plan pays something back"
    down_minor = down_payment_minor(terms, drawn_minor=principal_minor)
    financed_minor = principal_minor - down_minor
    ladder = Ladder(terms=terms, rungs=rungs_of(plan_spans(terms, drawn_on=drawn_on)))
    add_draw(ladder, on=drawn_on, principal_minor=financed_minor)
    fee_minor, interest_minor = period_price(terms, financed_minor=financed_minor)
    found: list[Installment] = []
    if terms.down_payment_ppm:
        found.append(
            Installment(
                number=1,
                kind=InstallmentKind.DOWN_PAYMENT,
                from_on=drawn_on,
                due_on=drawn_on,
                principal_minor=down_minor,
                interest_minor=0,
                fee_minor=0,
                balance_minor=financed_minor,
            )
        )
    for rung, figures in zip(ladder.rungs, ladder.figures(), strict=True):
        is_priced = rung.number > terms.interest_free
        found.append(
            Installment(
                number=len(found) + 1,
                kind=InstallmentKind.REGULAR,
                from_on=rung.span.from_on,
                due_on=rung.span.due_on,
                principal_minor=figures.principal_minor,
                interest_minor=figures.interest_minor + interest_minor * is_priced,
                fee_minor=fee_minor * is_priced,
                balance_minor=figures.closing_minor,
            )
        )
    return tuple(found)


def down_payment_minor(terms: PlanTerms, *, drawn_minor: int) -> int:
    """What is paid back on the day of the draw, rounded as installments are, but never more than is drawn.

    >>> down_payment_minor(PlanTerms(installments=3, down_payment_ppm=250_000), drawn_minor=100_001)
    25000
    >>> in_yuan = PlanTerms(installments=3, down_payment_ppm=900_000, installment_multiple_minor=100)
    >>> down_payment_minor(in_yuan, drawn_minor=1_000), down_payment_minor(in_yuan, drawn_minor=60)
    (900, 60)
    """
    if not terms.down_payment_ppm:
        return 0
    return min(in_multiples(Fraction(drawn_minor * terms.down_payment_ppm, PPM), terms), drawn_minor)


def period_price(terms: PlanTerms, *, financed_minor: int) -> tuple[int, int]:
    """What the borrower pays for one period on the original principal, as fee and as interest: one of both is zero.

    >>> period_price(PlanTerms(installments=12, per_period_ppm=6_000), financed_minor=100_050)
    (600, 0)
    >>> period_price(PlanTerms(installments=12, per_period_ppm=6_000, merchant_subsidy_ppm=1_000_000),
    ...              financed_minor=100_050)
    (0, 0)
    """
    borrower_ppm = terms.per_period_ppm * Fraction(PPM - terms.merchant_subsidy_ppm, PPM)
    price_minor = whole(financed_minor * borrower_ppm / PPM, terms.rounding)
    return (price_minor, 0) if terms.per_period_booked_as is BookedAs.FEE else (0, price_minor)
