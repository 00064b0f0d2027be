"""Which purchases a converted bill's plan financed, by how much, and what of that a refund or a withdrawal finds."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.servicing import facts
from tallystick.servicing.converting import shares_given_back
from tallystick.servicing.facts import AnyFact, Drawdown, DrawKind, Event, PaymentReceived
from tallystick.servicing.line import Line
from tallystick.servicing.owed import drawn_minor, principal_left_minor
from tallystick.servicing.plan import Plan
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import OfferKind, RefundCharges, RefundInstallments, RefundTerms

BAITIAO = shipped_products()["baitiao"]
OPENED_ON, BOUGHT_ON, BILLED_ON = date(2026, 1, 5), date(2026, 1, 18), date(2026, 1, 20)


def taken(life: Life, fact: AnyFact, today: date) -> Line:
    """The line after a fact that was admitted."""
    assert isinstance(life.act(fact, today=today), Event)
    assert life.line is not None
    return life.line


def billed(*amounts_minor: int, refund: RefundTerms = BAITIAO.refund) -> Life:
    """Draws 1, 2, ... on the first statement."""
    life = Life(product=replace(BAITIAO, refund=refund)).open(OPENED_ON)
    for draw_id, amount_minor in enumerate(amounts_minor, start=1):
        bought = Drawdown(
            draw_id=draw_id, kind=DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5, merchant_fee_minor=600
        )
        taken(life, bought, BOUGHT_ON)
    life.sleep_until(BILLED_ON)
    return life


def converted(life: Life, amount_minor: int, *, plan_id: int = 9, today: date = BILLED_ON) -> Line:
    """So much of the bill in three installments."""
    plan = plan_choice(BAITIAO, plan_id=plan_id, on=today, installments=3, offer=OfferKind.BILL_INSTALLMENTS)
    return taken(life, facts.BillConverted(statement_number=1, amount_minor=amount_minor, plan=plan), today)


def refunded(life: Life, draw_id: int, amount_minor: int, today: date, *, fee_minor: int = 0) -> Line:
    """The merchant gives back so much of a draw."""
    number = next(life.ids)
    back = facts.Refunded(refund_id=number, draw_id=draw_id, amount_minor=amount_minor, merchant_fee_minor=fee_minor)
    return taken(life, back, today)


def shares(line: Line) -> list[dict[int, int]]:
    """What each draw has in which plan."""
    return [{share.plan_id: share.left_minor for share in draw.bill_shares} for draw in line.draws]


def test_each_purchase_knows_its_share_in_the_plans_that_took_it_over() -> None:
    """Of 600, 300 and 100 the first plan takes 700, the second 250; 50 stay on the bill."""
    life = billed(60_000, 30_000, 10_000)
    converted(life, 70_000)
    line = converted(life, 25_000, plan_id=10)
    assert shares(line) == [{9: 60_000}, {9: 10_000, 10: 20_000}, {10: 5_000}]
    assert [principal_left_minor(line, draw) for draw in line.draws] == [60_000, 30_000, 10_000]
    assert line.revolving.principal_minor == 5_000


def test_a_share_is_less_by_what_came_back_of_it() -> None:
    """The bill first, then the plans in the order in which they took it over; the merchant's fee stays given back."""
    life = billed(60_000, 30_000, 10_000)
    converted(life, 70_000)
    converted(life, 25_000, plan_id=10)
    line = refunded(life, 2, 12_000, BILLED_ON, fee_minor=200)
    assert shares(line) == [{9: 60_000}, {9: 0, 10: 18_000}, {10: 5_000}]
    line = refunded(life, 3, 6_000, BILLED_ON)
    assert shares(line) == [{9: 60_000}, {9: 0, 10: 18_000}, {10: 4_000}]
    assert line.revolving.principal_minor == 0
    given_back = [(draw.refunded_minor, draw.merchant_fee_minor) for draw in line.draws]
    assert given_back == [(0, 600), (12_000, 400), (6_000, 600)]
    assert (drawn_minor(line), line.credit_minor) == (100_000 - 18_000, 0)


def test_what_is_owed_of_any_plan_comes_back_before_what_was_paid_of_one() -> None:
    """Shares of 40 and 30, 10 left of the first and all of the second: 50 take 10, 30, then 10 that were paid."""
    life = billed(70_000)
    converted(life, 40_000)
    line = converted(life, 30_000, plan_id=10)
    paid_off = plan_left(line.plans[0], left_minor=10_000)
    line = replace(line, plans=(paid_off, line.plans[1]))
    (draw,) = line.draws
    assert shares_given_back(line, draw, amount_minor=5_000) == {9: 5_000}
    assert shares_given_back(line, draw, amount_minor=35_000) == {9: 10_000, 10: 25_000}
    assert shares_given_back(line, draw, amount_minor=50_000) == {9: 20_000, 10: 30_000}
    assert shares_given_back(line, draw, amount_minor=99_000) == {9: 40_000, 10: 30_000}
    assert principal_left_minor(line, draw) == 40_000


def plan_left(plan: Plan, *, left_minor: int) -> Plan:
    """The plan with all but so much of its principal paid."""
    rest_minor, parts = plan.principal_left_minor - left_minor, []
    for part in plan.installments:
        paid_minor = min(part.principal_minor, rest_minor)
        rest_minor -= paid_minor
        parts.append(replace(part, paid_principal_minor=paid_minor))
    return replace(plan, installments=tuple(parts))


@pytest.mark.parametrize("installments", list(RefundInstallments))
@pytest.mark.parametrize("charges", list(RefundCharges))
@pytest.mark.parametrize("paid", [False, True])
def test_purchases_of_a_bill_come_back_as_parts_of_one_order_do(
    installments: RefundInstallments,
    charges: RefundCharges,
    paid: bool,  # noqa: FBT001
) -> None:
    """600 and 400 converted, or 1,000 bought in installments that day: 600 and 300 back leave the same plan."""
    policy = RefundTerms(installments=installments, interest=charges, fee=charges)
    bill, order = billed(60_000, 40_000, refund=policy), billed(refund=policy)
    converted(bill, 100_000)
    plan = plan_choice(BAITIAO, plan_id=9, on=BILLED_ON, installments=3)
    bought = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5, plan=plan)
    taken(order, bought, BILLED_ON)
    day = date(2026, 3, 5)
    for life in (bill, order):
        if paid:
            taken(life, PaymentReceived(payment_id=3, amount_minor=33_933, channel="bank"), date(2026, 2, 28))
    refunded(bill, 1, 60_000, day)
    refunded(order, 1, 60_000, day)
    of_bill, of_order = refunded(bill, 2, 30_000, day), refunded(order, 1, 30_000, day)
    assert of_bill.plans[0].installments == of_order.plans[0].installments
    assert of_bill.plans[0].draws[1:] == of_order.plans[0].draws[1:]
    assert of_bill.credit_minor == of_order.credit_minor


def test_credit_paid_out_that_joined_the_bill_is_no_draws_share() -> None:
    """500 paid and paid out, the payment bounces: they are on the bill beside a purchase of 300."""
    life = Life(product=BAITIAO).open(OPENED_ON)
    paid = life.act(PaymentReceived(payment_id=3, amount_minor=50_000, channel="bank"), today=OPENED_ON)
    assert isinstance(paid, Event)
    taken(life, facts.CreditPaidOut(amount_minor=50_000, channel="bank"), OPENED_ON)
    taken(life, facts.PaymentReturned(payment_id=3, event_id=paid.event_id, reason="no funds"), OPENED_ON)
    taken(life, Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=30_000, merchant_id=5), BOUGHT_ON)
    life.sleep_until(BILLED_ON)
    line = converted(life, 80_000)
    assert shares(line) == [{9: 30_000}]
    line = refunded(life, 1, 30_000, BILLED_ON)
    assert (drawn_minor(line), line.credit_minor) == (50_000, 0)


def test_after_a_charge_off_a_refund_meets_the_claim() -> None:
    life = billed(60_000, 40_000)
    converted(life, 100_000)
    taken(life, facts.CareBegun(kind=next(iter(BAITIAO.cares))), BILLED_ON)
    taken(life, facts.ChargedOff(reason="estate empty"), BILLED_ON)
    line = refunded(life, 1, 60_000, date(2026, 1, 21))
    assert (line.charged_off_minor - line.recovered_minor, line.credit_minor) == (40_000, 0)


def test_a_withdrawal_gives_the_price_of_what_was_paid_back_too() -> None:
    """Half of the plan of 600 and 400 is paid: 500 left are all that is owed for the first, and 60 % of the fees go."""
    life = billed(60_000, 40_000)
    line = converted(life, 100_000)
    assert life.line is not None
    life.line = line = replace(line, plans=(plan_left(line.plans[0], left_minor=50_000),))
    withdrawn = facts.DrawWithdrawn(payment_id=4, draw_id=1, amount_minor=50_000, channel="bank")
    line = taken(life, withdrawn, BILLED_ON)
    assert (drawn_minor(line), line.credit_minor) == (0, 0)
    assert [part.fee_minor for part in line.plans[0].installments] == [240, 240, 240]
    assert shares(line) == [{9: 0}, {9: 40_000}]


def test_a_line_stored_before_shares_were_kept_is_still_read_and_its_refunds_are_credit() -> None:
    life = billed(60_000, 40_000)
    line = converted(life, 100_000)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(line), type=Line) == line
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(line))
    for draw in stored["draws"]:
        assert draw.pop("bill_shares")
    life.line = msgspec.convert(stored, type=Line, strict=False)
    assert shares(life.line) == [{}, {}]
    line = refunded(life, 1, 60_000, BILLED_ON)
    assert (drawn_minor(line), line.credit_minor) == (100_000, 60_000)
