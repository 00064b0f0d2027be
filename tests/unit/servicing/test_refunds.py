"""Refunds on a line: never more comes back than was paid, of interest, of a price, of the merchant's fee."""

from datetime import date

from tests.lives import Life

from tallystick.servicing.facts import Drawdown, DrawKind, Event, PaymentReceived, Refunded, Waived
from tallystick.servicing.owed import owed_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.product import Component

OPENED_ON, BOUGHT_ON = date(2026, 1, 5), date(2026, 1, 10)
BILLED_ON = date(2026, 2, 20)  # the statement of 19 February: 41 days at 0.05 % of 1,000.00 are 20.50


def _revolving_life(merchant_fee_minor: int = 0) -> Life:
    life = Life().open(OPENED_ON)
    bought = Drawdown(
        draw_id=1, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5, merchant_fee_minor=merchant_fee_minor
    )
    assert isinstance(life.act(bought, today=BOUGHT_ON), Event)
    life.sleep_until(BILLED_ON)
    return life


def _refunded(life: Life, amount_minor: int, *, refund_id: int = 7, merchant_fee_minor: int = 0) -> Event | Refusal:
    fact = Refunded(refund_id=refund_id, draw_id=1, amount_minor=amount_minor, merchant_fee_minor=merchant_fee_minor)
    return life.act(fact, today=BILLED_ON)


def test_interest_that_was_waived_is_not_given_back() -> None:
    life = _revolving_life()
    assert isinstance(life.act(Waived(component="interest", amount_minor=2_050, reason="goodwill"), today=BILLED_ON),
                      Event)  # fmt: skip
    assert isinstance(_refunded(life, 100_000), Event)
    line = life.sleep_until(date(2026, 4, 1))
    assert line.credit_minor == 0, "20.50 were given up, not paid"


def test_of_interest_waived_in_part_and_paid_for_the_rest_the_paid_part_comes_back() -> None:
    """10.50 of 20.50 are waived and 10.00 paid: half of the goods give back 5.00, the other half 5.00 too."""
    life = _revolving_life()
    assert isinstance(life.act(Waived(component="interest", amount_minor=1_050, reason="goodwill"), today=BILLED_ON),
                      Event)  # fmt: skip
    paid = PaymentReceived(payment_id=3, amount_minor=1_000, channel="bank")
    assert isinstance(life.act(paid, today=BILLED_ON), Event)
    for refund_id, back_minor in ((7, 500), (8, 1_000)):
        assert isinstance(_refunded(life, 50_000, refund_id=refund_id), Event)
        assert life.line is not None
        assert life.line.revolving.interest.on(BILLED_ON) == -back_minor * 1_000_000
    assert life.sleep_until(date(2026, 4, 1)).credit_minor == 1_000


def test_the_merchants_fee_is_given_back_once() -> None:
    life = _revolving_life(merchant_fee_minor=1_000)
    assert isinstance(_refunded(life, 50_000, merchant_fee_minor=600), Event)
    refused = _refunded(life, 50_000, refund_id=8, merchant_fee_minor=600)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (RefusalReason.REFUND_EXCEEDS_DRAW, "merchant_fee_minor")
    assert refused.figures == {"merchant_fee_minor": 400}
    assert isinstance(_refunded(life, 50_000, refund_id=8, merchant_fee_minor=400), Event)


def test_interest_that_a_refund_gave_back_is_not_waived_as_well() -> None:
    """It stays due until the next statement takes it off; given up too, it would come back as credit nobody paid."""
    life = _revolving_life()
    due_minor = owed_minor(life.sleep_until(BILLED_ON), day=BILLED_ON)[Component.INTEREST]
    assert due_minor > 0
    assert isinstance(_refunded(life, 100_000), Event)
    refused = life.act(Waived(component="interest", amount_minor=due_minor, reason="goodwill"), today=BILLED_ON)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.figures) == (RefusalReason.AMOUNT_EXCEEDS_OWED, {"owed_minor": 0})
    assert life.sleep_until(date(2026, 6, 1)).credit_minor == 0
