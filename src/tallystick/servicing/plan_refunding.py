"""A merchant's refund of what a plan paid for: installments shrink, and the price of what is given back with them."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tallystick.servicing.plan_book import Book, with_settlement
from tallystick.servicing.plan_state import Plan, PlanDraw, PlanInstallment
from tallystick.terms.last_installment import ask_more, settle_last
from tallystick.terms.leveling import level
from tallystick.terms.plan_terms import PlanTerms, Recalculation
from tallystick.terms.product import Component, RefundCharges, RefundInstallments, RefundTerms
from tallystick.terms.schedule import InstallmentKind
from tallystick.units.rounding import whole


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
    """Whether interest goes on by the smaller balance: not after the last due date, nor where all of it comes back."""
    if plan.is_settled or (share == 1 and terms.interest is RefundCharges.PRO_RATA):
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


def _given_back(on: date, *, taken_minor: int) -> PlanDraw:
    return PlanDraw(on=on, principal_minor=-taken_minor, financed_minor=-taken_minor, interest_from=on)


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
    """The balance is so much less from that day on; interest follows it by itself."""
    forgives = terms.interest is RefundCharges.PRO_RATA
    before = _forgiven(plan, on=on, share=share) if forgives else plan
    book = Book(before)
    book.plan = replace(before, draws=(*before.draws, _given_back(on, taken_minor=taken_minor)))
    book.ladder.change(on, drawn_minor=-taken_minor)
    running = book.ladder.index_of(on)
    if terms.installments is RefundInstallments.REAMORTIZED and running is not None:
        level(book.ladder, first=running)
    elif terms.installments is RefundInstallments.NEXT:
        _ask_less_next(book, taken_minor=taken_minor)
    settle_last(book.ladder, until=on)
    book.ask_as_ladder(on=on)
    _take_off_at_once(book, on=on)
    return book.closed(rolled_to=on)


def _forgiven(plan: Plan, *, on: date, share: Fraction) -> Plan:
    """Interest charged or paid so far on what is given back comes back too."""
    installments, rungs = list(plan.installments), list(plan.rungs)
    regular = [place for place, part in enumerate(installments) if part.kind is InstallmentKind.REGULAR]
    for rung, place in enumerate(regular):
        part = installments[place]
        charged_minor = part.interest_minor if part.due_on <= on else part.paid_interest_minor
        forgiven_minor = min(
            whole(charged_minor * share, plan.terms.rounding), charged_minor - part.waived_interest_minor
        )
        if forgiven_minor <= 0:
            continue
        left_minor = charged_minor - forgiven_minor - part.waived_interest_minor
        installments[place] = replace(part, paid_interest_minor=min(part.paid_interest_minor, left_minor))
        state = rungs[rung]
        rungs[rung] = replace(
            state,
            asked_minor=state.asked_minor - forgiven_minor,
            forgiven_minor=state.forgiven_minor + forgiven_minor,
        )
    return replace(plan, installments=tuple(installments), rungs=tuple(rungs))


def _ask_less_next(book: Book, *, taken_minor: int) -> None:
    figures = book.ladder.figures()
    open_minor = [
        max(0, found.principal_minor - rung.paid_principal_minor)
        for found, rung in zip(figures, book.ladder.rungs, strict=True)
    ]
    shares = _shares(open_minor, taken_minor=min(taken_minor, sum(open_minor)), which=RefundInstallments.NEXT)
    for rung, share_minor in zip(book.ladder.rungs, shares, strict=True):
        ask_more(rung, -share_minor)


def _take_off_at_once(book: Book, *, on: date) -> None:
    """Where installments that the ladder does not know are open, they shrink by what the ladder had no room for."""
    excess_minor = sum(part.principal_minor for part in book.installments) - book.plan.principal_minor
    for place, part in enumerate(book.installments):
        if part.kind is not InstallmentKind.REGULAR and excess_minor > 0:
            less_minor = min(excess_minor, part.left_of(Component.PRINCIPAL))
            excess_minor -= less_minor
            smaller = replace(part, principal_minor=part.principal_minor - less_minor)
            book.installments[place] = with_settlement(smaller, on=on)
