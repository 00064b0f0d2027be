"""A line closes when nobody owes anybody anything; a payment that bounces after it leaves a debt that can be paid."""

from datetime import date

from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.servicing.facts import (
    Drawdown,
    DrawKind,
    Event,
    LineClosed,
    PaymentReceived,
    PaymentReturned,
    Refunded,
)
from tallystick.servicing.line import Condition
from tallystick.servicing.owed import owed_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import RefundCharges

OPENED_ON, BOUGHT_ON = date(2026, 1, 5), date(2026, 1, 10)
CLOSE = LineClosed(reason="asked")


def _paid(life: Life, amount_minor: int, *, today: date, payment_id: int = 3) -> Event:
    paid = life.act(PaymentReceived(payment_id=payment_id, amount_minor=amount_minor, channel="bank"), today=today)
    assert isinstance(paid, Event)
    return paid


def _bought(life: Life, *, in_plan: bool) -> None:
    plan = plan_choice(life.product, plan_id=2, on=BOUGHT_ON, installments=6) if in_plan else None
    drawn = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5, plan=plan)
    assert isinstance(life.act(drawn, today=BOUGHT_ON), Event)


def test_interest_that_is_not_billed_yet_is_owed() -> None:
    """1,000.00 from 10 January to 5 February at 0.05 % a day: the next statement asks for 13.00."""
    life = Life().open(OPENED_ON)
    _bought(life, in_plan=False)
    _paid(life, 100_000, today=date(2026, 2, 5))
    refused = life.act(CLOSE, today=date(2026, 2, 5))
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.figures["not_billed_minor"]) == (RefusalReason.STILL_OWED, 1_300)
    _paid(life, 1_300, today=date(2026, 2, 20), payment_id=4)
    assert isinstance(life.act(CLOSE, today=date(2026, 2, 20)), Event)


def test_fees_to_come_of_a_plan_without_principal_are_owed() -> None:
    baitiao = shipped_products()["baitiao"]
    life = Life(product=replace(baitiao, refund=replace(baitiao.refund, fee=RefundCharges.KEPT))).open(OPENED_ON)
    _bought(life, in_plan=True)
    assert isinstance(life.act(Refunded(refund_id=7, draw_id=1, amount_minor=100_000), today=BOUGHT_ON), Event)
    refused = life.act(CLOSE, today=BOUGHT_ON)
    assert isinstance(refused, Refusal)
    assert refused.figures["not_billed_minor"] == 6 * 600


def test_a_payment_that_bounces_after_the_close_leaves_a_frozen_line_that_can_be_paid_and_closed_again() -> None:
    life = Life().open(OPENED_ON)
    _bought(life, in_plan=False)
    paid = _paid(life, 100_000, today=date(2026, 1, 20))
    assert isinstance(life.act(CLOSE, today=date(2026, 1, 21)), Event)
    assert life.line is not None
    assert life.line.condition is Condition.CLOSED
    bounced = PaymentReturned(payment_id=3, event_id=paid.event_id, reason="no funds")
    assert isinstance(life.act(bounced, today=date(2026, 1, 26)), Event)
    assert (life.line.condition, life.line.frozen_because) == (Condition.OPEN, "asked")
    assert sum(owed_minor(life.line, day=date(2026, 1, 26)).values()) == 100_000
    _paid(life, 100_000, today=date(2026, 1, 27), payment_id=4)
    assert isinstance(life.act(CLOSE, today=date(2026, 1, 27)), Event)
    assert life.line.condition is Condition.CLOSED
