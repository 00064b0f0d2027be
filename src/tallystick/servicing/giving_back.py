"""Money that a merchant gives back: the hardest path, so it has a room of its own.

A refund first undoes the draw it belongs to: principal shrinks by the contract's policy, the price of that principal is
given back pro rata, and what exceeds all that is owed on the draw stands to the borrower's credit, for other dues or to
be paid out. It never gives back more than was drawn, nor more of a price than was charged.
"""

from typing import Final

from msgspec.structs import replace

from tallystick.servicing import facts
from tallystick.servicing import plan as plans
from tallystick.servicing import revolving as bills
from tallystick.servicing.applying import apply_credit, plan_of, post_applied, receive, with_penalty_pace, with_plan
from tallystick.servicing.converting import less_share, shares_given_back
from tallystick.servicing.journal import CREDIT, MERCHANT_DISCOUNT, MERCHANT_PAYABLE, SUBSIDY_INCOME, Journal
from tallystick.servicing.line import Draw, Line
from tallystick.servicing.owed import principal_left_minor, share_left_minor
from tallystick.servicing.plan import Plan
from tallystick.terms.product import Component, RefundCharges, RefundInstallments, RefundTerms

_FREE: Final = RefundTerms(
    installments=RefundInstallments.LAST, interest=RefundCharges.PRO_RATA, fee=RefundCharges.PRO_RATA
)


def refund(line: Line, fact: facts.Refunded | facts.Chargeback, *, journal: Journal) -> Line:
    """The merchant's money comes in, the draw shrinks, its price is given back, and the rest is the borrower's."""
    draw = next((draw for draw in line.draws if draw.draw_id == fact.draw_id), None)
    if draw is None:  # the draw itself was taken back: the money is simply the borrower's
        line = _from_merchant(line, fact, merchant_id=0, journal=journal)
        _return_fee(line, MERCHANT_DISCOUNT, fact.merchant_fee_minor, merchant_id=0, journal=journal)
        return line
    line = _from_merchant(line, fact, merchant_id=draw.merchant_id, journal=journal)
    draw = replace(draw, refunded_minor=draw.refunded_minor + fact.amount_minor)
    subsidy_minor = _subsidy_in(draw, fee_minor=fact.merchant_fee_minor)
    discount_minor = fact.merchant_fee_minor - subsidy_minor
    line = _to_merchant(line, draw, discount_minor=discount_minor, subsidy_minor=subsidy_minor, journal=journal)
    terms = journal.terms(line).refund
    line = _undrawn(line, draw, amount_minor=fact.amount_minor, terms=terms, journal=journal)
    return with_penalty_pace(apply_credit(line, kind="refund", journal=journal), journal=journal)


def withdraw(line: Line, fact: facts.DrawWithdrawn, *, journal: Journal) -> Line:
    """The borrower gives a draw back within the cooling-off days: the principal, and no price at all.

    The price that the merchant paid for the borrower goes back to the merchant; the discount on the purchase stays.
    """
    line = receive(line, amount_minor=fact.amount_minor, channel=fact.channel, journal=journal)
    draw = next((draw for draw in line.draws if draw.draw_id == fact.draw_id), None)
    if draw is not None:
        line = _to_merchant(line, draw, discount_minor=0, subsidy_minor=draw.merchant_subsidy_minor, journal=journal)
    if draw is not None and (whole := _whole_plan(line, draw, amount_minor=fact.amount_minor)) is not None:
        line = _given_back(line, plans.withdraw(whole, on=journal.day), journal=journal)
    elif draw is not None:
        given_minor = fact.amount_minor + _paid_of_shares(line, draw, amount_minor=fact.amount_minor)
        line = _undrawn(line, draw, amount_minor=given_minor, terms=_FREE, journal=journal)
    return with_penalty_pace(apply_credit(line, kind="refund", journal=journal), journal=journal)


def _whole_plan(line: Line, draw: Draw, *, amount_minor: int) -> Plan | None:
    """The draw's plan where the amount is all that is left of it; a corrected past may have left more."""
    plan = next((plan for plan in line.plans if plan.plan_id == draw.plan_id), None)
    return plan if plan is not None and 0 < plan.principal_left_minor <= amount_minor else None


def _paid_of_shares(line: Line, draw: Draw, *, amount_minor: int) -> int:
    """What was paid of the draw in plans of converted bills, where all that is left of it is given back.

    It stays paid, and its price comes back with the rest.
    """
    if not 0 < principal_left_minor(line, draw) <= amount_minor:
        return 0
    return sum(share.left_minor - share_left_minor(line, share) for share in draw.bill_shares)


def _from_merchant(line: Line, fact: facts.Refunded | facts.Chargeback, *, merchant_id: int, journal: Journal) -> Line:
    kind = "refund" if isinstance(fact, facts.Refunded) else "chargeback"
    journal.move(
        line, kind, debit=MERCHANT_PAYABLE, credit=CREDIT, amount_minor=fact.amount_minor, other_id=merchant_id
    )
    return replace(line, credit_minor=line.credit_minor + fact.amount_minor)


def _subsidy_in(draw: Draw, *, fee_minor: int) -> int:
    """The subsidy's part of a fee that is given back: its share of all that is still kept, less a fraction."""
    if draw.merchant_fee_minor == 0:
        return 0
    return min(draw.merchant_subsidy_minor, draw.merchant_subsidy_minor * fee_minor // draw.merchant_fee_minor)


def _to_merchant(line: Line, draw: Draw, *, discount_minor: int, subsidy_minor: int, journal: Journal) -> Line:
    """What was kept back from the merchant of a draw goes back, each part out of its own income."""
    _return_fee(line, MERCHANT_DISCOUNT, discount_minor, merchant_id=draw.merchant_id, journal=journal)
    _return_fee(line, SUBSIDY_INCOME, subsidy_minor, merchant_id=draw.merchant_id, journal=journal)
    after = replace(
        draw,
        merchant_fee_minor=max(0, draw.merchant_fee_minor - discount_minor - subsidy_minor),
        merchant_subsidy_minor=draw.merchant_subsidy_minor - subsidy_minor,
    )
    return _with_draw(line, after)


def _return_fee(line: Line, income: str, returned_minor: int, *, merchant_id: int, journal: Journal) -> None:
    journal.move(
        line,
        "merchant_fee_returned",
        debit=income,
        credit=MERCHANT_PAYABLE,
        amount_minor=returned_minor,
        other_id=merchant_id,
    )


def _with_draw(line: Line, draw: Draw) -> Line:
    return replace(line, draws=tuple(draw if old.draw_id == draw.draw_id else old for old in line.draws))


def _undrawn(line: Line, draw: Draw, *, amount_minor: int, terms: RefundTerms, journal: Journal) -> Line:
    """Take the amount off the draw's own principal, from the credit balance, and give its price back.

    Of a purchase whose bill was converted, first what is still to be paid next month, then what the plan took over.
    """
    if draw.plan_id is not None and any(plan.plan_id == draw.plan_id for plan in line.plans):
        return _off_plan(line, plan_id=draw.plan_id, amount_minor=amount_minor, terms=terms, journal=journal)
    before_minor = line.revolving.principal_minor
    line = _off_purchase(line, draw, amount_minor=amount_minor, terms=terms, journal=journal)
    taken_minor = before_minor - line.revolving.principal_minor
    given = shares_given_back(line, draw, amount_minor=amount_minor - taken_minor)
    for plan_id, given_minor in given.items():
        line = _off_plan(line, plan_id=plan_id, amount_minor=given_minor, terms=terms, journal=journal)
        line = less_share(line, draw_id=draw.draw_id, plan_id=plan_id, given_minor=given_minor)
    return line


def _off_plan(line: Line, *, plan_id: int, amount_minor: int, terms: RefundTerms, journal: Journal) -> Line:
    before = plan_of(line, plan_id)
    given = plans.refund(before, on=journal.day, principal_minor=amount_minor, terms=terms)
    return _given_back(line, given, journal=journal)


def _given_back(line: Line, given: plans.Refunded, *, journal: Journal) -> Line:
    line = with_plan(line, given.plan, journal=journal)
    post_applied(line, Component.PRINCIPAL, given.principal_minor, journal=journal)
    for component, returned_minor in given.returned_minor.items():
        post_applied(line, component, -returned_minor, journal=journal)
    returned_minor = sum(given.returned_minor.values())
    return _refunded(line, used_minor=given.principal_minor - returned_minor, counted_minor=given.principal_minor)


def _off_purchase(line: Line, draw: Draw, *, amount_minor: int, terms: RefundTerms, journal: Journal) -> Line:
    revolved = next((item for item in line.revolving.purchases if item.draw_id == draw.draw_id), None)
    if revolved is None:
        return line
    taken_minor = min(amount_minor, revolved.left_minor)
    revolving = line.revolving
    if revolved.revolves and terms.interest is RefundCharges.PRO_RATA:
        # Before the purchase goes: the fraction that it left to the next bill belongs to what is given back.
        micro = revolved.interest_micro(taken_minor, until=journal.day)
        revolving = bills.give_interest_back(revolving, micro=micro)
    revolving, _ = bills.pay_principal(
        revolving, paid_minor=taken_minor, day=journal.day, of=lambda item: item.draw_id == draw.draw_id
    )
    post_applied(line, Component.PRINCIPAL, taken_minor, journal=journal)
    counted_minor = taken_minor if revolved.statement_number is not None else 0
    return _refunded(replace(line, revolving=revolving), used_minor=taken_minor, counted_minor=counted_minor)


def _refunded(line: Line, *, used_minor: int, counted_minor: int) -> Line:
    cycle = replace(line.cycle, refunds_minor=line.cycle.refunds_minor + counted_minor)
    return replace(line, credit_minor=line.credit_minor - used_minor, cycle=cycle)
