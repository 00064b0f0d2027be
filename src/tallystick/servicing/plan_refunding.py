"""A merchant's refund of what a plan paid for: installments shrink, and the price of what is given back with them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tallystick.servicing.plan_book import Book, with_settlement
from tallystick.servicing.plan_recalculating import roll_recalculated
from tallystick.servicing.plan_state import Plan, PlanDraw, PlanInstallment
from tallystick.terms.last_installment import ask_more, settle_last, share_residue
from tallystick.terms.leveling import level
from tallystick.terms.plan_terms import InterestBase, PlanTerms, Recalculation
from tallystick.terms.product import Component, RefundCharges, RefundInstallments, RefundTerms
from tallystick.terms.schedule import InstallmentKind
from tallystick.units.rounding import whole

# What the running period bore before the refund is shared by all: each round leaves a tenth of the gap or less.
_LEVELING_ROUNDS: Final = 12


class Refunded(Struct, frozen=True):
    """A plan after a refund: principal taken off it, charges paid that come back, and what it had no use for."""

    plan: Plan
    principal_minor: int
    returned_minor: dict[Component, int]
    overflow_minor: int


def refund(plan: Plan, *, on: date, principal_minor: int, terms: RefundTerms) -> Refunded:
    """Take a refund off the principal left; what exceeds it overflows, to be the borrower's credit balance.

    Interest and fees come back pro rata to all principal that is given back, paid already or not.

    >>> from tallystick.servicing.plan_opening import open_plan
    >>> policy = RefundTerms(installments=RefundInstallments.LAST, interest=RefundCharges.PRO_RATA,
    ...                      fee=RefundCharges.PRO_RATA)
    >>> plan = open_plan(plan_id=1, terms=PlanTerms(installments=3, per_period_ppm=6_000),
    ...                  drawn_on=date(2026, 1, 31), principal_minor=90_000)
    >>> given = refund(plan, on=date(2026, 2, 3), principal_minor=45_000, terms=policy)
    >>> [(part.principal_minor, part.fee_minor) for part in given.plan.installments]
    [(30000, 270), (15000, 270), (0, 270)]
    """
    refundable_minor = _financed_minor(plan) - plan.overflowed_minor
    share = Fraction(min(principal_minor, refundable_minor), refundable_minor) if refundable_minor else Fraction(0)
    taken_minor = min(principal_minor, plan.principal_left_minor)
    overflow_minor = principal_minor - taken_minor
    if share == 0:
        return Refunded(plan=plan, principal_minor=0, returned_minor={}, overflow_minor=overflow_minor)
    if _follows_balance(plan, on=on, share=share, terms=terms):
        after = _recalculated(plan, on=on, taken_minor=taken_minor, share=share, terms=terms)
    else:
        scheduled = replace(plan, terms=replace(plan.terms, recalculation=Recalculation.NONE))
        after = _as_scheduled(scheduled, on=on, taken_minor=taken_minor, share=share, terms=terms)
    paid_back_minor = min(principal_minor, refundable_minor) - taken_minor
    after = replace(after, overflowed_minor=plan.overflowed_minor + max(0, paid_back_minor))
    return _after(plan, after, taken_minor=taken_minor, overflow_minor=overflow_minor)


def _follows_balance(plan: Plan, *, on: date, share: Fraction, terms: RefundTerms) -> bool:
    """Whether interest goes on by the smaller balance: not after the last due date, nor where all of it comes back.

    Flat interest follows no balance: it is given back like any scheduled price.
    """
    if plan.is_settled or (share == 1 and terms.interest is RefundCharges.PRO_RATA):
        return False
    if plan.terms.interest_base is InterestBase.ORIGINAL_PRINCIPAL:
        return False
    return plan.is_recalculated and on < max(part.due_on for part in plan.installments)


def _financed_minor(plan: Plan) -> int:
    """The principal that bears a price: without what was paid down on the day of the draw."""
    return plan.principal_minor - sum(
        part.paid_principal_minor for part in plan.installments if part.kind is InstallmentKind.DOWN_PAYMENT
    )


def withdraw(plan: Plan, *, on: date) -> Refunded:
    """Give all principal left back within the cooling-off days: it costs nothing, and what was paid so far comes back.

    >>> from decimal import Decimal
    >>> from tallystick.servicing.plan_opening import open_plan
    >>> plan = open_plan(plan_id=1, terms=PlanTerms(installments=3, nominal_rate=Decimal("0.12")),
    ...                  drawn_on=date(2026, 1, 31), principal_minor=90_000)
    >>> given = withdraw(plan, on=date(2026, 2, 5))
    >>> given.principal_minor, [(part.principal_minor, part.interest_minor) for part in given.plan.installments]
    (90000, [(0, 0), (0, 0), (0, 0)])
    """
    taken_minor = plan.principal_left_minor
    after = replace(
        plan,
        terms=replace(plan.terms, recalculation=Recalculation.NONE),
        installments=tuple(with_settlement(_without_price(part), on=on) for part in plan.installments),
        draws=(*plan.draws, _given_back(on, taken_minor=taken_minor)),
    )
    return _after(plan, after, taken_minor=taken_minor, overflow_minor=0)


def _without_price(part: PlanInstallment) -> PlanInstallment:
    return replace(
        part,
        principal_minor=part.paid_principal_minor,
        interest_minor=part.waived_interest_minor,
        fee_minor=part.waived_fee_minor,
        paid_interest_minor=0,
        paid_fee_minor=0,
    )


def _after(before: Plan, after: Plan, *, taken_minor: int, overflow_minor: int) -> Refunded:
    returned_minor = {
        component: minor
        for component in (Component.INTEREST, Component.FEE)
        if (minor := _paid(before, component) - _paid(after, component))
    }
    return Refunded(
        plan=after, principal_minor=taken_minor, returned_minor=returned_minor, overflow_minor=overflow_minor
    )


def _paid(plan: Plan, component: Component) -> int:
    if component is Component.INTEREST:
        return sum(part.paid_interest_minor for part in plan.installments)
    return sum(part.paid_fee_minor for part in plan.installments)


def _given_back(on: date, *, taken_minor: int, interest_from: date | None = None) -> PlanDraw:
    return PlanDraw(on=on, principal_minor=-taken_minor, financed_minor=-taken_minor, interest_from=interest_from or on)


def _as_scheduled(plan: Plan, *, on: date, taken_minor: int, share: Fraction, terms: RefundTerms) -> Plan:
    """Each charge keeps the share that the principal kept, by the policy of its component."""
    kept = 1 - share
    open_minor = [part.left_of(Component.PRINCIPAL) for part in plan.installments]
    shares = _shares(open_minor, taken_minor=taken_minor, which=terms.installments)
    installments = []
    for part, share_minor in zip(plan.installments, shares, strict=True):
        smaller = replace(part, principal_minor=part.principal_minor - share_minor)
        smaller = _with_interest(smaller, kept=kept, policy=terms.interest, on=on, terms=plan.terms)
        smaller = _with_fee(smaller, kept=kept, policy=terms.fee, on=on, terms=plan.terms)
        installments.append(with_settlement(smaller, on=on))
    draws = (*plan.draws, _given_back(on, taken_minor=taken_minor)) if taken_minor else plan.draws
    return replace(plan, installments=tuple(installments), draws=draws)


def _shares(open_minor: Sequence[int], *, taken_minor: int, which: RefundInstallments) -> list[int]:
    """How much of the refund comes off each installment's open principal.

    >>> _shares([300, 300, 400], taken_minor=500, which=RefundInstallments.LAST)
    [0, 100, 400]
    >>> _shares([300, 300, 400], taken_minor=500, which=RefundInstallments.REAMORTIZED)
    [150, 150, 200]
    """
    if which is RefundInstallments.REAMORTIZED:
        return _pro_rata(open_minor, taken_minor=taken_minor)
    places = range(len(open_minor)) if which is RefundInstallments.NEXT else reversed(range(len(open_minor)))
    shares = [0] * len(open_minor)
    for place in places:
        shares[place] = min(open_minor[place], taken_minor)
        taken_minor -= shares[place]
    return shares


def _pro_rata(open_minor: Sequence[int], *, taken_minor: int) -> list[int]:
    """Shares by what is open, their running sum rounded, so that they sum to the refund and none exceeds its part."""
    total_minor = sum(open_minor)
    shares, seen_minor, given_minor = [], 0, 0
    for part_minor in open_minor:
        seen_minor += part_minor
        until_minor = round(Fraction(taken_minor * seen_minor, total_minor)) if taken_minor else 0
        shares.append(until_minor - given_minor)
        given_minor = until_minor
    return shares


def _kept_minor(minor: int, part: PlanInstallment, *, kept: Fraction, policy: RefundCharges, on: date,
                terms: PlanTerms) -> int:  # fmt: skip
    """What is left of a charge: a share of it, of the charge of a period that has not begun only, or all of it."""
    has_begun = part.from_on < on or part.kind is not InstallmentKind.REGULAR
    if policy is RefundCharges.KEPT or (policy is RefundCharges.UNEARNED_ONLY and has_begun):
        return minor
    return whole(minor * kept, terms.rounding)


def _with_interest(
    part: PlanInstallment, *, kept: Fraction, policy: RefundCharges, on: date, terms: PlanTerms
) -> PlanInstallment:
    interest_minor = _kept_minor(part.interest_minor, part, kept=kept, policy=policy, on=on, terms=terms)
    interest_minor = max(interest_minor, part.waived_interest_minor)
    paid_minor = min(part.paid_interest_minor, interest_minor - part.waived_interest_minor)
    return replace(part, interest_minor=interest_minor, paid_interest_minor=paid_minor)


def _with_fee(
    part: PlanInstallment, *, kept: Fraction, policy: RefundCharges, on: date, terms: PlanTerms
) -> PlanInstallment:
    fee_minor = _kept_minor(part.fee_minor, part, kept=kept, policy=policy, on=on, terms=terms)
    fee_minor = max(fee_minor, part.waived_fee_minor)
    paid_minor = min(part.paid_fee_minor, fee_minor - part.waived_fee_minor)
    return replace(part, fee_minor=fee_minor, paid_fee_minor=paid_minor)


def _recalculated(plan: Plan, *, on: date, taken_minor: int, share: Fraction, terms: RefundTerms) -> Plan:
    """The balance is so much less from that day on, and interest follows it; what it was before stays as it was."""
    before = roll_recalculated(plan, on=on)
    if terms.interest is RefundCharges.PRO_RATA:
        before = _forgiven(before, on=on, share=share)
    book = Book(before)
    open_minor = [part.left_of(Component.PRINCIPAL) for part in book.installments]
    shares = _shares(open_minor, taken_minor=taken_minor, which=terms.installments)
    given_back = Counter[date]()
    for place, share_minor in enumerate(shares):
        part = book.installments[place]
        rung = book.rung_of(part)
        if rung is None:
            _shrink_at_once(book, place, less_minor=share_minor, on=on)
            continue
        given_back[_counts_from(book, part, on=on)] += share_minor
        if part.due_on <= on or terms.installments is RefundInstallments.NEXT:
            ask_more(book.ladder.rungs[rung], -share_minor)
    for counts_from, less_minor in given_back.items():
        book.ladder.change(counts_from, drawn_minor=-less_minor)
    at_once_minor = taken_minor - given_back.total()
    book.plan = replace(
        before,
        draws=(
            *before.draws,
            *(_given_back(on, taken_minor=minor, interest_from=day) for day, minor in given_back.items() if minor),
            *([replace(_given_back(on, taken_minor=at_once_minor), financed_minor=0)] if at_once_minor else []),
        ),
    )
    if terms.installments is RefundInstallments.REAMORTIZED and taken_minor < plan.principal_left_minor:
        _level_again(book, on=on)
    settle_last(book.ladder, until=on)
    _agree_to_no_more(book, on=on)
    book.ask_as_ladder(on=on)
    return book.closed(rolled_to=on)


def _counts_from(book: Book, part: PlanInstallment, *, on: date) -> date:
    """From when on a plan's schedule does without what a refund takes off an installment.

    Of one that is past due, from its due date: the schedule supposes that it was paid then, and what was not has been
    counted beside it, for as long as it was owed.
    """
    return max(min(on, part.due_on), book.ladder.rungs[0].span.from_on)


def _level_again(book: Book, *, on: date) -> None:
    """Installments to come are alike again, from the first of them that still asks for principal."""
    first = next(
        (
            rung
            for rung, place in enumerate(book.regular)
            if book.installments[place].due_on > on and book.installments[place].left_of(Component.PRINCIPAL)
        ),
        None,
    )
    if first is not None:
        level(book.ladder, first=first)
        share_residue(book.ladder, first=first, rounds=_LEVELING_ROUNDS)


def _agree_to_no_more(book: Book, *, on: date) -> None:
    """Nobody can pay in advance what a refund took off: that is no part of what was agreed any more."""
    for rung in book.ladder.rungs:
        if rung.span.due_on > on:
            rung.agreed_minor = min(rung.agreed_minor, max(rung.asked_minor, rung.paid_minor))


def _shrink_at_once(book: Book, place: int, *, less_minor: int, on: date) -> None:
    """What is due at once, and no period, shrinks by itself."""
    part = book.installments[place]
    if less_minor:
        smaller = replace(part, principal_minor=part.principal_minor - less_minor)
        book.installments[place] = with_settlement(smaller, on=on)


def _forgiven(plan: Plan, *, on: date, share: Fraction) -> Plan:
    """Interest run up or paid so far on what is given back comes back too, in the period that it is of."""
    installments, rungs = list(plan.installments), list(plan.rungs)
    for place, part in enumerate(installments):
        if part.kind is not InstallmentKind.REGULAR:
            kept = _with_interest(part, kept=1 - share, policy=RefundCharges.PRO_RATA, on=on, terms=plan.terms)
            installments[place] = with_settlement(kept, on=on)
    regular = [place for place, part in enumerate(installments) if part.kind is InstallmentKind.REGULAR]
    later_minor = 0
    for rung, accrued_minor in reversed(list(enumerate(_accrued_minor(plan, on=on)))):
        part, state = installments[regular[rung]], rungs[rung]
        own_minor = max(accrued_minor, part.paid_interest_minor + part.waived_interest_minor - state.brought_minor)
        forgiven_minor = min(whole(own_minor * share, plan.terms.rounding), own_minor - part.waived_interest_minor)
        rungs[rung] = replace(
            state,
            asked_minor=max(0, state.asked_minor - forgiven_minor),
            forgiven_minor=state.forgiven_minor + forgiven_minor,
        )
        if state.is_brought:
            later_minor += forgiven_minor
            continue
        left_minor = own_minor - forgiven_minor - part.waived_interest_minor
        if state.brought_minor:
            left_minor, later_minor = left_minor + state.brought_minor - later_minor, 0
        installments[regular[rung]] = replace(part, paid_interest_minor=min(part.paid_interest_minor, left_minor))
    return replace(plan, installments=tuple(installments), rungs=tuple(rungs))


def _accrued_minor(plan: Plan, *, on: date) -> list[int]:
    """Each period's own interest up to a day, wherever it is asked for."""
    ladder = Book(plan).ladder
    for rung in ladder.rungs:
        rung.brought_minor, rung.is_brought = 0, False
    figures = ladder.figures(until=on)
    passed_on = [0, *(found.carried_minor for found in figures)]
    return [found.computed_minor - before_minor for found, before_minor in zip(figures, passed_on, strict=False)]
