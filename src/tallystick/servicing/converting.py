"""A bill put into installments: what of each purchase the plan took over, and how much of it a refund gives back."""

from collections.abc import Mapping
from datetime import date

from msgspec.structs import replace

from tallystick.servicing import facts
from tallystick.servicing import revolving as bills
from tallystick.servicing.line import BillShare, Draw, Line
from tallystick.servicing.owed import share_left_minor


def move_into_plan(line: Line, fact: facts.BillConverted, *, day: date) -> tuple[Line, int]:
    """Take purchases off the bill, oldest first, and let each draw know its share of the plan; gives all that moved.

    What is no longer there is not converted.
    """
    revolving, rest_minor = bills.pay_principal(
        line.revolving,
        paid_minor=fact.amount_minor,
        day=day,
        of=lambda purchase: purchase.statement_number == fact.statement_number,
    )
    left_minor = {purchase.draw_id: purchase.left_minor for purchase in revolving.purchases}
    moved_minor = {
        purchase.draw_id: purchase.left_minor - left_minor.get(purchase.draw_id, 0)
        for purchase in line.revolving.purchases
    }
    draws = tuple(
        _with_share(draw, plan_id=fact.plan.plan_id, moved_minor=moved_minor.get(draw.draw_id, 0))
        for draw in line.draws
    )
    return replace(line, revolving=revolving, draws=draws), fact.amount_minor - rest_minor


def _with_share(draw: Draw, *, plan_id: int, moved_minor: int) -> Draw:
    if moved_minor == 0:
        return draw
    return replace(draw, bill_shares=(*draw.bill_shares, BillShare(plan_id=plan_id, left_minor=moved_minor)))


def shares_given_back(line: Line, draw: Draw, *, amount_minor: int) -> dict[int, int]:
    """How much of the draw's share in each plan an amount gives back, by plan.

    What is owed of any of them comes before what was paid of one: nothing is credit while the draw is owed.
    """
    held = {plan.plan_id for plan in line.plans}
    shares = [share for share in draw.bill_shares if share.plan_id in held]
    owed = {share.plan_id: share_left_minor(line, share) for share in shares}
    whole = {share.plan_id: share.left_minor for share in shares}
    return _owed_first(owed, whole, amount_minor=amount_minor)


def _owed_first(owed: Mapping[int, int], whole: Mapping[int, int], *, amount_minor: int) -> dict[int, int]:
    """An amount over shares, by plan: what is owed of each, then the rest of each; none where nothing comes of it.

    >>> _owed_first({9: 100, 10: 300}, {9: 400, 10: 300}, amount_minor=350)
    {9: 100, 10: 250}
    >>> _owed_first({9: 100, 10: 300}, {9: 400, 10: 300}, amount_minor=500)
    {9: 200, 10: 300}
    """
    given = dict.fromkeys(whole, 0)
    for most_minor in (owed, whole):
        for plan_id in given:
            part_minor = min(amount_minor, most_minor[plan_id] - given[plan_id])
            given[plan_id] += part_minor
            amount_minor -= part_minor
    return {plan_id: given_minor for plan_id, given_minor in given.items() if given_minor}


def less_share(line: Line, *, draw_id: int, plan_id: int, given_minor: int) -> Line:
    """The line after so much of a draw's share in a plan was given back."""
    return replace(
        line,
        draws=tuple(
            replace(draw, bill_shares=tuple(_less(share, plan_id, given_minor) for share in draw.bill_shares))
            if draw.draw_id == draw_id
            else draw
            for draw in line.draws
        ),
    )


def _less(share: BillShare, plan_id: int, given_minor: int) -> BillShare:
    return replace(share, left_minor=share.left_minor - given_minor) if share.plan_id == plan_id else share
