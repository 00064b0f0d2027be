"""Interest that follows what is really owed: what a day makes payable, what a payment and what its absence change."""

from datetime import date
from typing import NamedTuple

from tallystick.servicing.plan_book import Book
from tallystick.terms.amortization import Figures, Ladder, Overdue
from tallystick.terms.last_installment import ask_more, bring_forward, settle_last
from tallystick.terms.leveling import last_as_agreed, set_installments
from tallystick.terms.plan_terms import EarlyPayment, Rest, UnseenPeriods


class Payable(NamedTuple):
    """What a period can be paid on a day."""

    principal_minor: int
    interest_minor: int


def open_minor(book: Book, *, until: date) -> Payable:
    """Principal drawn and not paid, and interest not paid, as if none ran after a day."""
    ladder = book.ladder.copied()
    ladder.stop_interest(until)
    settle_last(ladder, until=until)
    interest_minor = sum(found.interest_minor for found in ladder.figures())
    paid_interest_minor = sum(rung.paid_interest_minor for rung in ladder.rungs)
    return Payable(
        principal_minor=max(0, ladder.drawn_minor - ladder.paid_principal_minor),
        interest_minor=max(0, interest_minor - paid_interest_minor),
    )


def payable(ladder: Ladder, *, index: int, on: date) -> Payable:
    """What a period can be paid on a day before it is due: interest up to that day, and principal with the rest of it.

    A period that has not begun asks for the agreed installment, all of it principal, as far as so much is owed.
    """
    known = known_on(ladder, on=on)
    _ask_agreed(known, index=index, on=on, agreed_minor=ladder.rungs[index].agreed_minor)
    found = known.figures()[index]
    return Payable(principal_minor=found.principal_minor, interest_minor=found.interest_minor)


def payable_by_component(ladder: Ladder, *, index: int, on: date) -> Payable:
    """What a period can be paid where all principal comes before any interest: its whole installment as principal.

    The last one is the installment with its cents.
    """
    known = known_on(ladder, on=on)
    unpaid = _unpaid(known)
    is_last = index == len(ladder.rungs) - 1
    agreed_minor = last_as_agreed(ladder) if is_last else ladder.rungs[index].agreed_minor
    _ask_agreed(known, index=index, on=on, agreed_minor=agreed_minor)
    figures, rung = known.figures(), known.rungs[index]
    principal_minor = figures[index].asked_minor if unpaid > 1 else figures[index].principal_minor
    interest_left_minor = sum(found.interest_minor for found in figures) - sum(
        each.paid_interest_minor for each in known.rungs
    )
    return Payable(
        principal_minor=min(
            principal_minor, max(known.drawn_minor - known.paid_principal_minor, rung.paid_principal_minor)
        ),
        interest_minor=min(figures[index].interest_minor, max(interest_left_minor, rung.paid_interest_minor)),
    )


def _ask_agreed(known: Ladder, *, index: int, on: date, agreed_minor: int) -> None:
    """A period that has not begun asks for what was agreed, as far as so much is owed in all."""
    rung = known.rungs[index]
    if on > rung.span.from_on:
        return
    figures = known.figures()
    left_minor = max(0, known.drawn_minor - known.paid_principal_minor)
    unpaid = _unpaid(known)
    if unpaid > 1:
        open_principal_minor = max(0, figures[index].principal_minor - rung.paid_principal_minor)
        rung.asked_minor = agreed_minor - max(0, open_principal_minor - left_minor)
    elif unpaid == 1 and is_paid(known, index, figures):
        left_minor += rung.paid_principal_minor + figures[index].interest_minor
        rung.asked_minor = min(agreed_minor, left_minor)


def _unpaid(ladder: Ladder) -> int:
    figures = ladder.figures()
    return sum(not is_paid(ladder, at, figures) for at in range(len(ladder.rungs)))


def known_on(ladder: Ladder, *, on: date) -> Ladder:
    """A ladder as far as a day knows it: nothing drawn later, no interest after it."""
    known = ladder.copied()
    if on >= known.rungs[-1].span.due_on:
        return known
    known.forget_after(on)
    known.stop_interest(on)
    settle_last(known, until=on)
    return known


def is_paid(ladder: Ladder, index: int, figures: list[Figures]) -> bool:
    """Whether a period asks for exactly what was paid of it."""
    return figures[index].asked_minor == ladder.rungs[index].paid_minor


def pay_principal(book: Book, *, index: int, on: date, amount_minor: int) -> None:
    """Principal of a period is paid: from that day on, late from its due date on, the balance is so much less."""
    if amount_minor == 0:
        return
    ladder, rung = book.ladder, book.ladder.rungs[index]
    left_minor = ladder.drawn_minor - ladder.paid_principal_minor
    rung.paid_principal_minor += min(amount_minor, left_minor)
    counts_from = min(on, rung.span.due_on)
    ladder.change(counts_from, corrected_minor=-amount_minor)
    settle_last(ladder, until=on)
    if _unpaid(ladder) > 1:
        overpaid = rung.paid_minor > rung.asked_minor + rung.brought_minor
        is_agreed = on < rung.span.from_on and rung.paid_minor == rung.agreed_minor
        if overpaid or is_agreed:
            rung.asked_minor = rung.paid_minor
    settle_last(ladder, until=on)


def prepay_principal(book: Book, *, index: int, on: date, amount_minor: int) -> None:
    """Principal of the running period is paid before anything asks for it; what later periods ask for follows.

    The period asks for its interest besides, so that the payment leaves no less principal than it paid.
    """
    ladder, rung = book.ladder, book.ladder.rungs[index]
    ladder.change(on, corrected_minor=-amount_minor)
    scheduled_minor = ladder.figures()[index].principal_minor
    rung.paid_principal_minor += amount_minor
    extra_minor = rung.paid_principal_minor - scheduled_minor
    if extra_minor > 0:
        if rung.planned_minor is None:
            rung.asked_minor = rung.paid_principal_minor + ladder.figures()[index].computed_minor
        else:
            rung.planned_minor = rung.paid_principal_minor
        _ask_less_later(ladder, after=index, extra_minor=extra_minor)
    settle_last(ladder, until=on)


def _ask_less_later(ladder: Ladder, *, after: int, extra_minor: int) -> None:
    rule = ladder.terms.early_payment
    if rule is EarlyPayment.SMALLER_INSTALLMENTS and after + 1 < len(ladder.rungs):
        set_installments(ladder, first=after + 1)
    elif rule is EarlyPayment.NEXT_INSTALLMENTS:
        for rung in ladder.rungs[after + 1 :]:
            principal_minor = ladder.figures()[rung.number - 1].principal_minor
            less_minor = min(extra_minor, principal_minor)
            ask_more(rung, -less_minor)
            extra_minor -= less_minor


def pay_interest(book: Book, *, index: int, on: date, amount_minor: int) -> None:
    """Interest of a period is paid."""
    ladder, rung = book.ladder, book.ladder.rungs[index]
    figures = ladder.figures()
    open_at = [at for at in range(len(ladder.rungs)) if not is_paid(ladder, at, figures)]
    if open_at and open_at[-1] == index < len(ladder.rungs) - 1 and on >= rung.span.due_on:
        bring_forward(ladder, last=index, until=on)
        figures = ladder.figures()
    left_minor = sum(found.interest_minor for found in figures) - sum(each.paid_interest_minor for each in ladder.rungs)
    rung.paid_interest_minor += min(amount_minor, left_minor)
    settle_last(ladder, until=on)


def carry_overdue(book: Book, *, on: date, rest: Rest) -> None:
    """Principal past due has borne interest up to a day; the schedule supposes that it is paid then.

    With `rest` at the period's end, it bears interest up to the end of the period that the day lies in. Interest
    stops at the last due date. Periods that ended since the last look stay as scheduled where the terms say so.
    """
    rungs = book.ladder.rungs
    on = min(on, rungs[-1].span.due_on)
    past = [index for index, rung in enumerate(rungs) if rung.span.due_on < on]
    running = book.ladder.index_of(on)
    if not past or running is None or on == book.overdue_until:
        return
    is_caught_up = book.terms.unseen_periods is UnseenPeriods.CAUGHT_UP
    overdue_minor = total_minor = 0
    for index in past:
        if overdue_minor and is_caught_up:
            _carry_into(book, index=index, overdue_minor=overdue_minor)
            overdue_minor = 0
        rung = rungs[index]
        unpaid_minor = max(0, book.ladder.figures()[index].principal_minor - rung.paid_principal_minor)
        overdue_minor += unpaid_minor
        total_minor += unpaid_minor
    _carry_into(book, index=running, overdue_minor=overdue_minor)
    until = rungs[running].span.due_on if rest is Rest.PERIOD_END else on
    _correct_overdue(book, until, corrected_minor=-total_minor)
    book.overdue_until = until


def _carry_into(book: Book, *, index: int, overdue_minor: int) -> None:
    """The balance of a period holds what was overdue when it began, or when that was last looked at."""
    begins_on = book.ladder.rungs[index].span.from_on
    from_on = begins_on if book.overdue_until is None else max(begins_on, book.overdue_until)
    _correct_overdue(book, from_on, corrected_minor=overdue_minor)


def _correct_overdue(book: Book, on: date, *, corrected_minor: int) -> None:
    index = book.ladder.index_of(on)
    if index is None:
        return
    due_on = book.ladder.rungs[index].span.due_on
    book.ladder.overdue.append(Overdue(on=on, corrected_minor=corrected_minor, period_due_on=due_on))
    book.correct(on, corrected_minor=corrected_minor)
