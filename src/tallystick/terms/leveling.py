"""How installments are set: equal ones, equal principal, and what the last one takes so that everything is paid."""

from datetime import date
from fractions import Fraction
from typing import Final

from msgspec.structs import replace

from tallystick.terms.amortization import Figures, Ladder, Rung, in_multiples
from tallystick.terms.plan_dates import Span, plan_spans
from tallystick.terms.plan_terms import (
    Amortization,
    EqualInstallmentRule,
    FurtherDraws,
    InterestBase,
    InterestPeriod,
    Residue,
)
from tallystick.units.rates import PPM
from tallystick.units.rounding import whole

_SHARING_ROUNDS: Final = 3


def add_draw(ladder: Ladder, *, on: date, principal_minor: int) -> None:
    """Principal is drawn on a day; the installments from that period on are set anew, what is paid stays paid.

    A draw outside all periods changes nothing; whoever calls has another place for it.
    """
    effective_on = bears_interest_from(ladder, on)
    index = ladder.index_of(effective_on)
    if index is None:
        return
    is_first = ladder.drawn_minor == 0
    ladder.change(effective_on, drawn_minor=principal_minor)
    if ladder.terms.further_draws is FurtherDraws.FULL_TERM and not is_first:
        _add_term(ladder, on=on, principal_minor=principal_minor)
        return
    if ladder.rungs[index].span.due_on == effective_on and index + 1 < len(ladder.rungs):
        index += 1
    if ladder.terms.further_draws is FurtherDraws.REPLANNED:
        assert ladder.paid_principal_minor == 0, "a plan that is made anew takes all its draws before any payment"
        index = 0
    if is_first or ladder.terms.further_draws is FurtherDraws.REPLANNED:
        level(ladder, first=index)
        return
    unpaid = _as_if_never_paid(ladder)
    level(unpaid, first=index)
    for rung, fresh in zip(ladder.rungs[index:], unpaid.rungs[index:], strict=True):
        rung.asked_minor, rung.agreed_minor, rung.planned_minor = (
            fresh.asked_minor, fresh.agreed_minor, fresh.planned_minor,
        )  # fmt: skip
    settle_last(ladder, until=ladder.rungs[index].span.due_on)


def _add_term(ladder: Ladder, *, on: date, principal_minor: int) -> None:
    """The draw has a schedule of its own from its period on, laid over the one that is there and beyond its end."""
    running = (rung.span.from_on for rung in ladder.rungs if rung.span.from_on <= on < rung.span.due_on)
    begins_on = next(running, ladder.rungs[-1].span.due_on)
    terms = replace(ladder.terms, further_draws=FurtherDraws.WITHIN_TERM, starts_on=begins_on, first_due_on=None)
    added = Ladder(terms=terms, rungs=rungs_of(plan_spans(terms, drawn_on=begins_on)))
    add_draw(added, on=on, principal_minor=principal_minor)
    known = {rung.span: rung for rung in ladder.rungs}
    for rung, figures in zip(added.rungs, added.figures(), strict=True):
        more_minor = figures.principal_minor + figures.interest_minor
        if rung.span not in known:
            ladder.append(Rung(number=len(ladder.rungs) + 1, span=rung.span))
        found = known.get(rung.span, ladder.rungs[-1])
        found.asked_minor += more_minor
        found.agreed_minor = found.asked_minor
    settle_last(ladder, until=on)


def level(ladder: Ladder, *, first: int) -> None:
    """Set the installments from a period on for the balance that is left when it begins, and what is drawn in it."""
    if ladder.terms.interest_base is InterestBase.ORIGINAL_PRINCIPAL:
        if ladder.terms.equal_installment_rule is EqualInstallmentRule.ONE_RATE:
            _set_flat_evenly(ladder)
        else:
            _set_flat(ladder, first=first)
            settle_last(ladder, until=ladder.rungs[first].span.due_on)
        return
    _set_installments(ladder, first=first)
    last_grace = ladder.terms.grace_principal
    if first < last_grace and ladder.terms.amortization is Amortization.EQUAL_INSTALLMENTS:
        for index in range(first, last_grace):
            interest_minor = ladder.figures()[index].computed_minor
            ladder.rungs[index].asked_minor = ladder.rungs[index].agreed_minor = interest_minor
        _set_installments(ladder, first=last_grace)
    settle_last(ladder, until=ladder.rungs[first].span.due_on)
    if ladder.terms.residue is Residue.SHIFTED:
        _share_residue(ladder, first=first)


def bears_interest_from(ladder: Ladder, on: date) -> date:
    """From when on a draw bears interest: its day; where periods count whole, the beginning of its period."""
    if ladder.terms.interest_period is not InterestPeriod.WHOLE_PERIODS:
        return on
    running = (rung.span.from_on for rung in ladder.rungs if rung.span.due_on > on)
    return next(running, on)


def _as_if_never_paid(ladder: Ladder) -> Ladder:
    """The same draws with no payment and no correction: what the borrower agreed to."""
    twin = ladder.copied()
    for rung in twin.rungs:
        rung.paid_principal_minor = rung.paid_interest_minor = rung.brought_minor = 0
    for change in twin.changes.values():
        change.corrected_minor = 0
    twin.overdue.clear()
    return twin


def _set_installments(ladder: Ladder, *, first: int) -> None:
    match ladder.terms.amortization:
        case Amortization.EQUAL_INSTALLMENTS:
            set_equal(ladder, first=first)
        case Amortization.EQUAL_PRINCIPAL:
            _set_equal_principal(ladder, first=max(first, ladder.terms.grace_principal))
        case Amortization.INTEREST_THEN_PRINCIPAL:
            _set_equal_principal(ladder, first=len(ladder.rungs) - 1)


def _balance_to_repay(ladder: Ladder, *, first: int) -> int:
    """What is owed when a period begins, and what is drawn in it."""
    figures = ladder.figures()
    opening_minor = figures[first - 1].closing_minor if first else 0
    span = ladder.rungs[first].span
    drawn_minor = ladder.drawn_until(span.due_on) - (ladder.drawn_until(span.from_on) if first else 0)
    return opening_minor + drawn_minor


def set_equal(ladder: Ladder, *, first: int) -> None:
    """Ask for the same in each period from one on, by the rule of the terms."""
    if ladder.terms.equal_installment_rule is EqualInstallmentRule.ONE_RATE:
        equal = _annuity(ladder, first=first)
    else:
        equal = _by_period_factors(ladder, first=first)
    equal_minor = in_multiples(equal, ladder.terms)
    for rung in ladder.rungs[first:]:
        if equal_minor >= rung.paid_minor:
            rung.asked_minor = rung.agreed_minor = equal_minor


def _annuity(ladder: Ladder, *, first: int) -> Fraction:
    """The installment `P * r / (1 - (1 + r) ** -n)` of one rate `r` per period, as if all were alike."""
    periods = len(ladder.rungs) - max(first, ladder.terms.grace_principal)
    repaid_minor = _balance_to_repay(ladder, first=first)
    if ladder.terms.further_draws is FurtherDraws.REPLANNED and first <= ladder.terms.grace_principal:
        repaid_minor = ladder.drawn_minor
    rate = Fraction(ladder.rates.usual())
    if rate == 0:
        return Fraction(repaid_minor, periods)
    return repaid_minor * rate / (1 - (1 + rate) ** -periods)


def _by_period_factors(ladder: Ladder, *, first: int) -> Fraction:
    """The equal installment `P * prod(1 + r_k) / F`, with F = 1, then 1 + F * (1 + r_k): no balance is left over."""
    arithmetic = ladder.rates.arithmetic
    product = divisor = arithmetic.number(1)
    for index in range(first, len(ladder.rungs)):
        growth = ladder.growth(index)
        product = arithmetic.product(product, growth)
        if index > first:
            divisor = arithmetic.one_and(arithmetic.product(divisor, growth))
    repaid = arithmetic.product(product, _balance_to_repay(ladder, first=first))
    return Fraction(arithmetic.quotient(repaid, divisor))


def _set_equal_principal(ladder: Ladder, *, first: int) -> None:
    """The same principal in each period from one on; none before it; the last takes what does not divide."""
    for rung in ladder.rungs[:first]:
        rung.planned_minor = rung.planned_minor or 0
    balance_minor = _balance_to_repay(ladder, first=first)
    repaying = ladder.rungs[first:]
    each = Fraction(balance_minor, len(repaying))
    is_exact = ladder.terms.equal_installment_rule is EqualInstallmentRule.ONE_RATE
    each_minor = whole(each, ladder.terms.rounding) if is_exact else in_multiples(each, ladder.terms)
    for rung in repaying:
        rung.planned_minor = each_minor
    repaying[-1].planned_minor = balance_minor - each_minor * (len(repaying) - 1)


def _set_flat(ladder: Ladder, *, first: int) -> None:
    """Interest on what was drawn at first, the same installment in each period, odd cents in the last."""
    rungs = ladder.rungs[first:]
    for rung in rungs:
        rung.asked_minor = 0
    figures = ladder.figures()
    last_start_on = ladder.stretches(first)[-1][0]
    repaid_minor = _repaid_before(ladder, figures=figures, first=first)
    interest_minor = sum(found.computed_minor - found_before for found, found_before in _with_carried(figures, first))
    total_minor = ladder.drawn_until(last_start_on) + interest_minor - repaid_minor
    each_minor = in_multiples(Fraction(total_minor, len(rungs)), ladder.terms)
    last_minor = total_minor - each_minor * (len(rungs) - 1)
    overpaid_minor = 0
    for rung in rungs:
        asked_minor = last_minor if rung is rungs[-1] else each_minor
        rung.asked_minor = rung.agreed_minor = max(asked_minor, rung.paid_minor)
        overpaid_minor += rung.asked_minor - asked_minor
    _take_off_last(ladder, rungs=rungs, surplus_minor=overpaid_minor)


def _set_flat_evenly(ladder: Ladder) -> None:
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


def settle_last(ladder: Ladder, *, until: date) -> None:
    """The last period that is not paid asks for what makes everything paid, no more and no less.

    `until` is the day up to which interest is certain: interest that later periods would have beyond the last unpaid
    one is asked for with it, as far as it has accrued by then.
    """
    _ask_no_more_than_is_left(ladder)
    figures = ladder.figures()
    last = _last_unpaid(ladder, figures)
    if last is None:
        return
    rung = ladder.rungs[last]
    rung.brought_minor = 0
    for other in ladder.rungs:
        other.is_brought = False
    figures = ladder.figures()
    missing_minor = ladder.drawn_minor + sum(found.interest_minor - found.asked_minor for found in figures)
    _ask_more(rung, missing_minor)
    if rung.planned_minor is None and rung.asked_minor < rung.paid_minor:
        rung.asked_minor = rung.paid_minor
        settle_last(ladder, until=until)
        rung = ladder.rungs[last]
    bring_forward(ladder, last=last, until=until)


def _ask_more(rung: Rung, more_minor: int) -> None:
    if rung.planned_minor is None:
        rung.asked_minor += more_minor
    else:
        rung.planned_minor = max(0, rung.planned_minor + more_minor, rung.paid_principal_minor)


def _ask_no_more_than_is_left(ladder: Ladder) -> None:
    """No period asks for more principal than is owed in all, as happens when the last ones were paid first."""
    left_minor = max(0, ladder.drawn_minor) - ladder.paid_principal_minor
    figures = ladder.figures()
    for index, rung in enumerate(ladder.rungs):
        open_minor = max(0, figures[index].principal_minor - rung.paid_principal_minor)
        if open_minor > left_minor:
            _ask_more(rung, left_minor - open_minor)
            if rung.planned_minor is None:
                rung.asked_minor = max(rung.asked_minor, rung.paid_minor)
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
            return


def _without_overdue(ladder: Ladder, *, last: int) -> Ladder:
    """Where only the last unpaid period itself holds what was past due, that is no reason for later interest."""
    due_on = ladder.rungs[last].span.due_on
    fell_into = {past.period_due_on for past in ladder.overdue}
    if due_on not in fell_into or any(other > due_on for other in fell_into):
        return ladder
    twin = ladder.copied()
    for past in ladder.overdue:
        twin.change(past.on, corrected_minor=-past.corrected_minor)
    return twin


def _share_residue(ladder: Ladder, *, first: int) -> None:
    """Shift equal installments by their share of the last one's gap while that makes the gap smaller."""
    for _ in range(_SHARING_ROUNDS):
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


def rungs_of(spans: tuple[Span, ...]) -> list[Rung]:
    """One empty rung for each period."""
    return [Rung(number=number, span=span) for number, span in enumerate(spans, start=1)]
