"""A draw given back within the cooling-off days costs nothing, as its disclosure says: not now, and not later."""

from datetime import date, timedelta

import pytest
from tests.lives import LINE_ID, Life, plan_choice

from tallystick.ledger.transfer import Address
from tallystick.servicing import facts
from tallystick.servicing.owed import owed_minor, principal_left_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import OfferKind

BAITIAO = shipped_products()["baitiao"]
OPENED_ON = date(2026, 1, 5)
DRAWN_ON = date(2026, 1, 18)  # the day before a statement, which asks for the first installment at once
LATER = date(2026, 9, 1)


def drawn(kind: facts.DrawKind, *, installments: int | None) -> Life:
    offer = OfferKind.CASH if kind is facts.DrawKind.CASH else OfferKind.ORDER_INSTALLMENTS
    code = "equal_installments" if kind is facts.DrawKind.CASH else "standard"
    plan = None
    if installments is not None:
        plan = plan_choice(BAITIAO, plan_id=50, on=DRAWN_ON, installments=installments, offer=offer, code=code)
    life = Life(product=BAITIAO).open(OPENED_ON)
    merchant_id = 0 if kind is facts.DrawKind.CASH else 3
    draw = facts.Drawdown(
        draw_id=9, kind=kind, amount_minor=600_000, merchant_id=merchant_id, purpose="home", plan=plan
    )
    assert not isinstance(life.act(draw, today=DRAWN_ON), Refusal)
    return life


def withdrawn(life: Life, *, on: date) -> int:
    """Give back what is left; gives how much that was."""
    line = life.sleep_until(on)
    left_minor = principal_left_minor(line, line.draws[0])
    fact = facts.DrawWithdrawn(payment_id=7, draw_id=9, amount_minor=left_minor, channel="bank")
    assert not isinstance(life.act(fact, today=on), Refusal)
    return left_minor


@pytest.mark.parametrize("days", [0, 1, 5, 7])
@pytest.mark.parametrize(
    ("kind", "installments"),
    [
        (facts.DrawKind.CASH, 6),
        (facts.DrawKind.CASH, 24),
        (facts.DrawKind.PURCHASE, 3),
        (facts.DrawKind.PURCHASE, None),
    ],
)
def test_nothing_is_owed_for_the_days_between(kind: facts.DrawKind, installments: int | None, days: int) -> None:
    life = drawn(kind, installments=installments)
    assert withdrawn(life, on=DRAWN_ON + timedelta(days=days)) == 600_000
    line = life.sleep_until(LATER)
    assert (sum(owed_minor(line, day=LATER).values()), line.credit_minor) == (0, 0)
    income = {code: minor for code, minor in life.balances().items() if minor and "commitment" not in code.code}
    payee = Address("payout_clearing", 0) if kind is facts.DrawKind.CASH else Address("merchant_payable", 3)
    assert income == {Address("cash", 0): 600_000, payee: -600_000}


def test_a_fee_that_was_paid_comes_back_whole() -> None:
    """The statement of the 19th asked for 1,000 and a fee of 36, and both were paid on the 20th."""
    life = drawn(facts.DrawKind.PURCHASE, installments=6)
    paid = facts.PaymentReceived(payment_id=6, amount_minor=103_600, channel="bank")
    assert not isinstance(life.act(paid, today=date(2026, 1, 20)), Refusal)
    assert withdrawn(life, on=date(2026, 1, 24)) == 500_000
    line = life.sleep_until(LATER)
    assert (sum(owed_minor(line, day=LATER).values()), line.credit_minor) == (0, 3_600)
    assert life.balances()[Address("credit_balance", LINE_ID)] == -3_600
    assert life.balances()[Address("accrued_interest", BAITIAO.ledger_id)] == 0


def test_a_payment_that_bounces_afterwards_leaves_its_principal_owed() -> None:
    life = drawn(facts.DrawKind.PURCHASE, installments=6)
    paid = life.act(
        facts.PaymentReceived(payment_id=6, amount_minor=103_600, channel="bank"), today=date(2026, 1, 20)
    )  # fmt: skip
    assert not isinstance(paid, Refusal)
    withdrawn(life, on=date(2026, 1, 24))
    bounced = facts.PaymentReturned(payment_id=6, event_id=paid.event_id, reason="bounced")
    assert not isinstance(life.act(bounced, today=date(2026, 1, 26)), Refusal)
    assert life.line is not None
    assert life.line.plans[0].principal_left_minor == 100_000


def test_the_last_day_is_the_last() -> None:
    life = drawn(facts.DrawKind.CASH, installments=6)
    fact = facts.DrawWithdrawn(payment_id=7, draw_id=9, amount_minor=600_000, channel="bank")
    over = life.act(fact, today=DRAWN_ON + timedelta(days=8))
    assert isinstance(over, Refusal)
    assert over.reason is RefusalReason.COOLING_OFF_OVER
    assert over.figures == {"last_on": DRAWN_ON + timedelta(days=7)}


def in_free_installments() -> Life:
    """1,200 yuan in six installments: the merchant pays the fees, 36, and 6 for the purchase itself."""
    plan = plan_choice(BAITIAO, plan_id=50, on=DRAWN_ON, installments=6, code="merchant_free")
    draw = facts.Drawdown(
        draw_id=9,
        kind=facts.DrawKind.PURCHASE,
        amount_minor=120_000,
        merchant_id=3,
        merchant_fee_minor=4_200,
        plan=plan,
    )
    life = Life(product=BAITIAO).open(OPENED_ON)
    assert not isinstance(life.act(draw, today=DRAWN_ON), Refusal)
    assert kept_back(life) == (3_600, 600)
    return life


def kept_back(life: Life) -> tuple[int, int]:
    """Income from the merchant: the subsidy and the discount."""
    balances = life.balances().items()
    subsidy, discount = (
        -sum(minor for address, minor in balances if address.code == code)
        for code in ("subsidy_income", "merchant_discount_income")
    )
    return subsidy, discount


def test_a_subsidy_goes_back_to_the_merchant_with_the_plan_that_it_paid_for() -> None:
    life = in_free_installments()
    assert withdrawn(life, on=date(2026, 1, 22)) == 120_000
    assert kept_back(life) == (0, 600)
    assert life.balances()[Address("merchant_payable", 3)] == -(120_000 - 600)
    again = facts.Refunded(refund_id=8, draw_id=9, amount_minor=120_000, merchant_fee_minor=601)
    refused = life.act(again, today=date(2026, 1, 23))
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.figures) == (RefusalReason.REFUND_EXCEEDS_DRAW, {"merchant_fee_minor": 600})


def test_a_refund_gives_each_part_of_the_merchants_fee_back_out_of_its_own_income() -> None:
    life = in_free_installments()
    half = facts.Refunded(refund_id=8, draw_id=9, amount_minor=60_000, merchant_fee_minor=2_100)
    assert not isinstance(life.act(half, today=date(2026, 1, 20)), Refusal)
    assert kept_back(life) == (1_800, 300)
    more = facts.Refunded(refund_id=9, draw_id=9, amount_minor=1, merchant_fee_minor=2_101)
    refused = life.act(more, today=date(2026, 1, 20))
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (RefusalReason.REFUND_EXCEEDS_DRAW, "merchant_fee_minor")
    assert withdrawn(life, on=date(2026, 1, 22)) == 60_000
    assert kept_back(life) == (0, 300)
