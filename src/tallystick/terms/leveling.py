"""How installments are set when principal is drawn: equal ones, equal principal, or principal at the end."""

from datetime import date
from fractions import Fraction

from msgspec.structs import replace

from tallystick.terms.amortization import Ladder, Rung, in_multiples, rungs_of
from tallystick.terms.flat_installments import set_flat, set_flat_evenly
from tallystick.terms.last_installment import settle_last, share_residue
from tallystick.terms.plan_dates import plan_spans
from tallystick.terms.plan_terms import (
    Amortization,
    EqualInstallmentRule,
    FurtherDraws,
    InterestBase,
    InterestPeriod,
    Residue,
)
from tallystick.units.rounding import whole


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
    unpaid = as_if_never_paid(ladder)
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
            set_flat_evenly(ladder)
        else:
            set_flat(ladder, first=first)
            settle_last(ladder, until=ladder.rungs[first].span.due_on)
        return
    set_installments(ladder, first=first)
    last_grace = ladder.terms.grace_principal
    if first < last_grace and ladder.terms.amortization is Amortization.EQUAL_INSTALLMENTS:
        for index in range(first, last_grace):
            interest_minor = ladder.figures()[index].computed_minor
            ladder.rungs[index].asked_minor = ladder.rungs[index].agreed_minor = interest_minor
        set_installments(ladder, first=last_grace)
    settle_last(ladder, until=ladder.rungs[first].span.due_on)
    if ladder.terms.residue is Residue.SHIFTED:
        share_residue(ladder, first=first)


def bears_interest_from(ladder: Ladder, on: date) -> date:
    """From when on a draw bears interest: its day; where periods count whole, the beginning of its period."""
    if ladder.terms.interest_period is not InterestPeriod.WHOLE_PERIODS:
        return on
    running = (rung.span.from_on for rung in ladder.rungs if rung.span.due_on > on)
    return next(running, on)


def as_if_never_paid(ladder: Ladder) -> Ladder:
    """The same draws with no payment and no correction: what the borrower agreed to."""
    twin = ladder.copied()
    for rung in twin.rungs:
        rung.paid_principal_minor = rung.paid_interest_minor = rung.brought_minor = 0
    for change in twin.changes.values():
        change.corrected_minor = 0
    twin.overdue.clear()
    return twin


def last_as_agreed(ladder: Ladder) -> int:
    """What the last installment asked for by agreement: the equal one, and the cents that those before leave to it."""
    twin = as_if_never_paid(ladder)
    for rung in twin.rungs:
        rung.asked_minor = rung.agreed_minor
    settle_last(twin, until=twin.rungs[0].span.from_on)
    return twin.rungs[-1].asked_minor


def set_installments(ladder: Ladder, *, first: int) -> None:
    """Ask for installments from a period on, by the amortization of the terms."""
    match ladder.terms.amortization:
        case Amortization.EQUAL_INSTALLMENTS:
            _set_equal(ladder, first=first)
        case Amortization.EQUAL_PRINCIPAL:
            _set_equal_principal(ladder, first=max(first, ladder.terms.grace_principal))
        case Amortization.INTEREST_THEN_PRINCIPAL:
            _set_equal_principal(ladder, first=len(ladder.rungs) - 1)


def _balance_to_repay(ladder: Ladder, *, first: int) -> int:
    """What is owed when a period begins and not past due then, and what is drawn in it."""
    figures = ladder.figures()
    opening_minor = figures[first - 1].closing_minor if first else 0
    span = ladder.rungs[first].span
    opening_minor -= sum(past.corrected_minor for past in ladder.overdue if past.on <= span.from_on)
    drawn_minor = ladder.drawn_until(span.due_on) - (ladder.drawn_until(span.from_on) if first else 0)
    return opening_minor + drawn_minor


def _set_equal(ladder: Ladder, *, first: int) -> None:
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
        rung.planned_minor = min(each_minor, balance_minor)
        balance_minor -= rung.planned_minor
    repaying[-1].planned_minor = (repaying[-1].planned_minor or 0) + balance_minor
