"""What the last installment takes: the rest of everything, so that a plan's principal sums to its draws."""

from datetime import date
from fractions import Fraction
from typing import Final

from tallystick.terms.amortization import Figures, Ladder, Rung, in_multiples
from tallystick.units.rounding import whole

_SHARING_ROUNDS: Final = 3


def settle_last(ladder: Ladder, *, until: date) -> None:
    """The last period that is not paid asks for what makes everything paid, no more and no less.

    `until` is the day up to which interest is certain: interest that later periods would have beyond the last unpaid
    one is asked for with it, as far as it has accrued by then.
    """
    _settle_last_of(ladder, count=len(ladder.rungs), until=until)


def _settle_last_of(ladder: Ladder, *, count: int, until: date) -> None:
    """Settle the last unpaid of the first so many periods; where it asked too much, those before it ask less too."""
    _ask_no_more_than_is_left(ladder)
    last = _last_unpaid(ladder, ladder.figures()[:count])
    if last is None:
        return
    rung = ladder.rungs[last]
    rung.brought_minor = 0
    for other in ladder.rungs:
        other.is_brought = False
    figures = ladder.figures()
    missing_minor = ladder.drawn_minor + sum(found.interest_minor - found.asked_minor for found in figures)
    if last == len(ladder.rungs) - 1:  # interest that finds no room has no later period to go to
        missing_minor += figures[last].carried_minor
    if ask_more(rung, missing_minor) != missing_minor:
        _settle_last_of(ladder, count=last, until=until)
    bring_forward(ladder, last=last, until=until)


def ask_more(rung: Rung, more_minor: int) -> int:
    """A period asks for so much more, or less where negative, but never for less than was paid; gives the change."""
    if rung.planned_minor is None:
        before_minor, least_minor = rung.asked_minor, rung.paid_minor
    else:
        before_minor, least_minor = rung.planned_minor, rung.paid_principal_minor
    asked_minor = max(before_minor + more_minor, least_minor)
    if rung.planned_minor is None:
        rung.asked_minor = asked_minor
    else:
        rung.planned_minor = asked_minor
    return asked_minor - before_minor


def _ask_no_more_than_is_left(ladder: Ladder) -> None:
    """No period asks for more principal than is owed in all, as happens when the last ones were paid first."""
    left_minor = max(0, ladder.drawn_minor) - ladder.paid_principal_minor
    figures = ladder.figures()
    for index, rung in enumerate(ladder.rungs):
        open_minor = max(0, figures[index].principal_minor - rung.paid_principal_minor)
        if open_minor > left_minor:
            ask_more(rung, left_minor - open_minor)
            figures = ladder.figures()


def _last_unpaid(ladder: Ladder, figures: list[Figures]) -> int | None:
    """The last period that is not paid; the very last where nothing is paid and nothing asked, but something owed."""
    for index in reversed(range(len(figures))):
        if figures[index].asked_minor != ladder.rungs[index].paid_minor:
            return index
    if ladder.paid_principal_minor == 0 and figures and figures[-1].closing_minor > 0:
        return len(figures) - 1
    return None


def bring_forward(ladder: Ladder, *, last: int, until: date) -> None:
    """Interest accrued after the last unpaid period has no installment of its own: it is asked for with that one."""
    figures = _without_overdue(ladder, last=last).figures(until=until)
    for index in reversed(range(last + 1, len(figures))):
        if figures[index].carried_minor > 0:
            ladder.rungs[last].brought_minor = figures[index].carried_minor
            for rung in ladder.rungs[last + 1 :]:
                rung.is_brought = True
            asked_minor = sum(found.principal_minor for found in ladder.figures())
            ask_more(ladder.rungs[last], -max(0, asked_minor - ladder.drawn_minor))
            return


def _without_overdue(ladder: Ladder, *, last: int) -> Ladder:
    """Where only the last unpaid period itself holds what was past due, that is no reason for later interest.

    The periods after it are paid then. Where one is empty and not paid, as a refund leaves it, what is past due goes on
    bearing interest in it.
    """
    if any(rung.paid_minor == 0 for rung in ladder.rungs[last + 1 :]):
        return ladder
    due_on = ladder.rungs[last].span.due_on
    fell_into = {past.period_due_on for past in ladder.overdue}
    if due_on not in fell_into or any(other > due_on for other in fell_into):
        return ladder
    twin = ladder.copied()
    for past in ladder.overdue:
        twin.change(past.on, corrected_minor=-past.corrected_minor)
    return twin


def share_residue(ladder: Ladder, *, first: int, rounds: int = _SHARING_ROUNDS) -> None:
    """Shift equal installments by their share of the last one's gap while that makes the gap smaller."""
    for _ in range(rounds):
        related = ladder.rungs[first:]
        equal_minor, gap_minor = _gap(ladder, first=first)
        counted = [rung for rung in related if _is_equal(ladder, rung)]
        if abs(gap_minor) <= len(counted) // 2 or len(counted) < 2:
            return
        shared_by = sum(rung.paid_minor <= equal_minor for rung in counted)
        shift_minor = whole(Fraction(gap_minor, max(1, shared_by)), ladder.terms.rounding)
        shifted_minor = in_multiples(Fraction(equal_minor + shift_minor), ladder.terms)
        if shifted_minor == equal_minor:
            return
        tried = ladder.copied()
        for rung in tried.rungs[first:]:
            if _is_equal(ladder, rung) and shifted_minor >= rung.paid_minor:
                rung.asked_minor = rung.agreed_minor = shifted_minor
        settle_last(tried, until=tried.rungs[first].span.due_on)
        if abs(_gap(tried, first=0)[1]) >= abs(gap_minor):
            return
        for rung, better in zip(related, tried.rungs[first:], strict=True):
            if _is_equal(ladder, rung):
                rung.asked_minor = rung.agreed_minor = better.asked_minor


def _is_equal(ladder: Ladder, rung: Rung) -> bool:
    """Whether a period asks for the equal installment: not for its interest only, nor for a planned principal."""
    return rung.planned_minor is None and rung.number > ladder.terms.grace_principal


def _gap(ladder: Ladder, *, first: int) -> tuple[int, int]:
    """The equal installment, and by how much the last one of two unpaid neighbors differs from it."""
    figures = ladder.figures()
    for index in reversed(range(first + 1, len(ladder.rungs))):
        last, before = ladder.rungs[index], ladder.rungs[index - 1]
        is_open = all(figures[at].asked_minor != ladder.rungs[at].paid_minor for at in (index, index - 1))
        if is_open and _is_equal(ladder, last) and _is_equal(ladder, before):
            return before.asked_minor, last.asked_minor - before.asked_minor
    return ladder.rungs[first].asked_minor, 0
