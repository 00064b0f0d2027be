"""Installments with interest on what was drawn at first: the same in each period, odd cents in the last."""

from fractions import Fraction

from tallystick.terms.amortization import Figures, Ladder, Rung, in_multiples
from tallystick.terms.plan_terms import Amortization
from tallystick.units.rates import PPM
from tallystick.units.rounding import whole


def set_flat(ladder: Ladder, *, first: int) -> None:
    """Interest on what was drawn at first, the same installment in each period, odd cents in the last."""
    rungs = ladder.rungs[first:]
    for rung in rungs:
        rung.asked_minor = 0
    figures = ladder.figures()
    last_start_on = ladder.stretches(first)[-1][0]
    repaid_minor = _repaid_before(ladder, figures=figures, first=first)
    interests_minor = [found.computed_minor - found_before for found, found_before in _with_carried(figures, first)]
    left_minor = ladder.drawn_until(last_start_on) - repaid_minor
    total_minor = left_minor + sum(interests_minor)
    each_minor = in_multiples(Fraction(total_minor, len(rungs)), ladder.terms)
    overpaid_minor = 0
    for rung, interest_minor in zip(rungs, interests_minor, strict=True):
        asked_minor = total_minor if rung is rungs[-1] else min(each_minor, interest_minor + left_minor)
        left_minor -= max(0, asked_minor - interest_minor)
        total_minor -= asked_minor
        rung.asked_minor = rung.agreed_minor = max(asked_minor, rung.paid_minor)
        overpaid_minor += rung.asked_minor - asked_minor
    _take_off_last(ladder, rungs=rungs, surplus_minor=overpaid_minor)


def _with_carried(figures: list[Figures], first: int) -> list[tuple[Figures, int]]:
    """Figures from a period on, each beside the interest that the one before passed on to it."""
    carried = [0, *(found.carried_minor for found in figures)]
    return [(figures[index], carried[index]) for index in range(first, len(figures))]


def _repaid_before(ladder: Ladder, *, figures: list[Figures], first: int) -> int:
    if first == 0:
        return 0
    before = ladder.rungs[first - 1].span
    return ladder.drawn_until(before.due_on) - figures[first - 1].closing_minor


def _take_off_last(ladder: Ladder, *, rungs: list[Rung], surplus_minor: int) -> None:
    """What some installments ask too much because it is paid, the last ask less; never less than their interest."""
    figures = {rung.number: found for rung, found in zip(ladder.rungs, ladder.figures(), strict=True)}
    for rung in reversed(rungs):
        if surplus_minor > 0 and rung.asked_minor != rung.paid_minor:
            least_minor = max(rung.asked_minor - surplus_minor, rung.paid_minor, figures[rung.number].computed_minor)
            surplus_minor -= rung.asked_minor - least_minor
            rung.asked_minor = least_minor


def set_flat_evenly(ladder: Ladder) -> None:
    """Interest of the whole term in equal parts; principal in equal parts of what is drawn by then; the last corrects.

    Interest is on everything drawn, its down payment too.
    """
    rungs = ladder.rungs
    for rung, interest_minor in zip(rungs, _even_interest(ladder), strict=True):
        rung.set_interest_minor = interest_minor
    left_minor = 0
    for index, rung in enumerate(rungs):
        principal_minor = _even_principal(ladder, rung, interest_minor=rung.set_interest_minor or 0)
        left_minor = ladder.drawn_until(rung.span.due_on) - sum(other.planned_minor or 0 for other in rungs[:index])
        rung.planned_minor = min(principal_minor, left_minor)
        rung.agreed_minor = rung.planned_minor + (rung.set_interest_minor or 0)
    rungs[-1].planned_minor = left_minor


def _even_interest(ladder: Ladder) -> list[int]:
    """Interest of each period: none in those that are free, in equal parts over those that are asked for any.

    Where principal is equal and interest put off, each period has its own part, asked for later.
    """
    terms, periods = ladder.terms, len(ladder.rungs)
    drawn_minor = ladder.drawn_minor * Fraction(PPM, PPM - terms.down_payment_ppm)
    rate = Fraction(ladder.rates.whole_term(ladder.rungs[-1].span.due_on))
    total_minor = whole(drawn_minor * rate, terms.rounding)
    total_minor -= whole(Fraction(total_minor, periods), terms.rounding) * terms.interest_free
    averages = terms.amortization is Amortization.EQUAL_INSTALLMENTS
    without = terms.interest_free + (terms.grace_interest if averages else 0)
    asked = max(1, periods - without)
    each_minor = whole(Fraction(total_minor, asked), terms.rounding)
    return [0] * without + [each_minor] * (asked - 1) + [total_minor - each_minor * (asked - 1)]


def _even_principal(ladder: Ladder, rung: Rung, *, interest_minor: int) -> int:
    """Principal of one period, set so that the installment with its interest is the multiple that the terms ask for."""
    repaying = len(ladder.rungs) - ladder.terms.grace_principal
    if rung.number <= ladder.terms.grace_principal:
        return 0
    even = Fraction(ladder.drawn_until(rung.span.due_on), repaying)
    if ladder.terms.installment_multiple_minor == 1:
        return whole(even, ladder.terms.rounding)
    multiple = ladder.terms.installment_multiple_minor
    rounded_interest_minor = whole(Fraction(interest_minor, multiple), ladder.terms.rounding) * multiple
    return in_multiples(even, ladder.terms) + rounded_interest_minor - interest_minor
