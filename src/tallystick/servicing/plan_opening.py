"""How a plan begins, and what a further draw adds to it."""

from datetime import date

from msgspec.structs import replace

from tallystick.servicing.plan_book import Book, with_settlement
from tallystick.servicing.plan_state import Plan, PlanDraw, PlanInstallment, RungState
from tallystick.terms.leveling import add_draw as add_draw_to
from tallystick.terms.leveling import bears_interest_from
from tallystick.terms.plan_dates import plan_spans
from tallystick.terms.plan_terms import FurtherDraws, PlanTerms
from tallystick.terms.schedule import InstallmentKind, down_payment_minor


def open_plan(*, plan_id: int, terms: PlanTerms, drawn_on: date, principal_minor: int) -> Plan:
    """A plan with its first draw.

    >>> plan = open_plan(plan_id=1, terms=PlanTerms(installments=3, per_period_ppm=6_000),
    ...                  drawn_on=date(2026, 1, 31), principal_minor=100_000)
    >>> [(part.due_on.isoformat(), part.due_minor) for part in plan.installments]
    [('2026-02-28', 33933), ('2026-03-31', 33933), ('2026-04-30', 33934)]
    """
    spans = plan_spans(terms, drawn_on=drawn_on)
    empty = Plan(
        plan_id=plan_id,
        terms=terms,
        drawn_on=drawn_on,
        rolled_to=drawn_on,
        installments=tuple(
            PlanInstallment(number=number, kind=InstallmentKind.REGULAR, from_on=span.from_on, due_on=span.due_on)
            for number, span in enumerate(spans, start=1)
        ),
        rungs=(RungState(),) * len(spans),
    )
    return add_draw(empty, on=drawn_on, principal_minor=principal_minor)


def add_draw(plan: Plan, *, on: date, principal_minor: int) -> Plan:
    """A further draw: its down payment falls due at once, installments from its period on are set anew.

    A draw after the last due date is due on its own day.
    """
    assert principal_minor > 0, "a draw of nothing is no draw"
    down_minor = down_payment_minor(plan.terms, drawn_minor=principal_minor)
    financed_minor = principal_minor - down_minor
    book = Book(plan)
    interest_from = bears_interest_from(book.ladder, on)
    draw = PlanDraw(on=on, principal_minor=principal_minor, financed_minor=financed_minor, interest_from=interest_from)
    add_draw_to(book.ladder, on=on, principal_minor=financed_minor)
    book.plan = replace(plan, draws=(*plan.draws, draw))
    for rung in book.ladder.rungs[len(plan.rungs) :]:
        span = rung.span
        book.installments.append(
            PlanInstallment(number=0, kind=InstallmentKind.REGULAR, from_on=span.from_on, due_on=span.due_on)
        )
    is_replanned = plan.terms.further_draws is FurtherDraws.REPLANNED
    book.ask_as_ladder(on=on, from_due_on=date.min if is_replanned else on)
    if plan.terms.down_payment_ppm:
        book.installments.append(_at_once(on, minor=down_minor, kind=InstallmentKind.DOWN_PAYMENT))
    if on > book.ladder.rungs[-1].span.due_on:
        book.installments.append(_at_once(on, minor=financed_minor, kind=InstallmentKind.AT_ONCE))
    book.installments = _numbered(book.installments)
    return book.closed(rolled_to=on)


def _at_once(on: date, *, minor: int, kind: InstallmentKind) -> PlanInstallment:
    asked = PlanInstallment(number=0, kind=kind, from_on=on, due_on=on, principal_minor=minor)
    return with_settlement(asked, on=on)


def _numbered(installments: list[PlanInstallment]) -> list[PlanInstallment]:
    """In the order of their due dates; on one day, what is due at once comes after what was due anyway."""
    ordered = sorted(installments, key=lambda part: (part.due_on, part.kind is not InstallmentKind.REGULAR))
    return [replace(part, number=number) for number, part in enumerate(ordered, start=1)]
