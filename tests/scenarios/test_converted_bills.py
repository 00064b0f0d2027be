"""What was bought, billed and put into installments goes back: the plan shrinks, each story in figures (fen).

A phone for 600.00 and a coat for 400.00 stand on the statement of 19 January. The bill is converted on the 20th into
four installments of 250.00, each with a fee of 0.6 % of 1,000.00, from 28 February on.
"""

from dataclasses import dataclass, field
from datetime import date

import pytest
from tests.lives import Life, plan_choice

from tallystick.servicing import facts
from tallystick.servicing.facts import AnyFact, Drawdown, DrawKind, Event, PaymentReceived
from tallystick.servicing.owed import drawn_minor, owed_minor
from tallystick.servicing.plan_settling import settle_quote
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.product import OfferKind

PHONE, COAT = 1, 2
JAN_5, JAN_20, JAN_25, FEB_28 = date(2026, 1, 5), date(2026, 1, 20), date(2026, 1, 25), date(2026, 2, 28)
MAR_5 = date(2026, 3, 5)


@dataclass
class Story:
    """A line of the shipped product with both purchases, on the day after its statement."""

    phone_on: date = date(2026, 1, 8)
    life: Life = field(init=False)

    def __post_init__(self) -> None:
        self.life = Life().open(JAN_5)
        self.buys(PHONE, 60_000, self.phone_on)
        self.buys(COAT, 40_000, date(2026, 1, 18))
        self.life.sleep_until(JAN_20)

    def happens(self, fact: AnyFact, today: date, *, on: date | None = None) -> Event:
        """A fact that is admitted."""
        taken = self.life.act(fact, today=today, on=on)
        assert isinstance(taken, Event), taken
        return taken

    def buys(self, draw_id: int, amount_minor: int, today: date) -> None:
        """A purchase to pay next month."""
        drawn = Drawdown(draw_id=draw_id, kind=DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5)
        self.happens(drawn, today)

    def converts(self, amount_minor: int, *, plan_id: int = 9, installments: int = 4, today: date = JAN_20) -> None:
        """So much of the bill is put into installments."""
        plan = plan_choice(
            self.life.product, plan_id=plan_id, on=today, installments=installments, offer=OfferKind.BILL_INSTALLMENTS
        )
        self.happens(facts.BillConverted(statement_number=1, amount_minor=amount_minor, plan=plan), today)

    def pays(self, amount_minor: int, today: date) -> Event:
        """Money from the bank."""
        return self.happens(PaymentReceived(payment_id=3, amount_minor=amount_minor, channel="bank"), today)

    def refunds(self, draw_id: int, amount_minor: int, today: date, *, on: date | None = None) -> Event:
        """The merchant gives back a purchase, or part of it."""
        back = facts.Refunded(refund_id=next(self.life.ids), draw_id=draw_id, amount_minor=amount_minor)
        return self.happens(back, today, on=on)

    def stands(self, today: date) -> tuple[int, int]:
        """Principal owed, and the borrower's credit."""
        line = self.life.sleep_until(today)
        return drawn_minor(line), line.credit_minor

    def asks(self, today: date) -> list[int]:
        """What the installments of the plans still ask for, fees included."""
        plans = self.life.sleep_until(today).plans
        return [part.left_minor for plan in plans for part in plan.installments if part.left_minor]


def test_a_refund_shrinks_the_plan_and_leaves_no_credit() -> None:
    """600.00 come off the last installments, and 60 % of each fee of 6.00."""
    story = Story()
    story.converts(100_000)
    assert story.asks(JAN_20) == [25_600, 25_600, 25_600, 25_600]
    story.refunds(PHONE, 60_000, JAN_25)
    assert story.stands(JAN_25) == (40_000, 0)
    assert story.asks(JAN_25) == [25_240, 15_240, 240, 240]
    refused = story.life.act(facts.CreditPaidOut(amount_minor=1, channel="bank"), today=JAN_25)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.CREDIT_BALANCE_TOO_SMALL


def test_a_chargeback_does_the_same() -> None:
    story = Story()
    story.converts(100_000)
    disputed = facts.Chargeback(chargeback_id=7, draw_id=PHONE, amount_minor=60_000, reason="never came")
    story.happens(disputed, JAN_25)
    assert (story.stands(JAN_25), story.asks(JAN_25)) == ((40_000, 0), [25_240, 15_240, 240, 240])


def test_refunds_of_everything_after_an_installment_give_back_what_was_paid() -> None:
    """256.00 paid: the phone takes 600.00 of 750.00 owed and 3.60 of the fee back, the coat brings the rest."""
    story = Story()
    story.converts(100_000)
    story.pays(25_600, FEB_28)
    story.refunds(PHONE, 60_000, MAR_5)
    assert story.stands(MAR_5) == (15_000, 360)
    story.refunds(COAT, 40_000, MAR_5)
    assert story.stands(MAR_5) == (0, 25_600)
    assert story.asks(MAR_5) == []


def test_two_refunds_of_a_purchase_do_what_one_would() -> None:
    story, other = Story(), Story()
    for each in (story, other):
        each.converts(100_000)
        each.pays(25_600, FEB_28)
    story.refunds(PHONE, 60_000, MAR_5)
    for _ in range(2):
        other.refunds(PHONE, 30_000, MAR_5)
    assert story.stands(MAR_5) == other.stands(MAR_5) == (15_000, 360)
    assert story.asks(MAR_5) == other.asks(MAR_5)
    assert +story.life.balances() == +other.life.balances()


def test_what_was_paid_of_a_purchase_before_its_bill_was_converted_is_the_borrowers() -> None:
    """100.00 paid, of the phone as the older one: of its 600.00 the plan took over, and gives back, 500.00."""
    story = Story()
    story.pays(10_000, JAN_20)
    story.converts(90_000, installments=3, today=date(2026, 1, 21))
    story.refunds(PHONE, 60_000, JAN_25)
    assert story.stands(JAN_25) == (40_000, 10_000)


def test_a_purchase_converted_in_part_first_leaves_the_bill_and_then_the_plan() -> None:
    """700.00 of the bill converted: the phone and 100.00 of the coat. The coat's refund finds 300.00 on the bill."""
    story = Story()
    story.converts(70_000)
    story.refunds(COAT, 20_000, JAN_25)
    assert story.life.sleep_until(JAN_25).revolving.principal_minor == 10_000
    assert story.asks(JAN_25) == [17_920, 17_920, 17_920, 17_920]
    story.refunds(COAT, 20_000, JAN_25)
    assert story.life.sleep_until(JAN_25).revolving.principal_minor == 0
    assert story.stands(JAN_25) == (60_000, 0)


def test_a_purchase_in_two_plans_takes_off_what_is_owed_of_both_before_anything_is_credit() -> None:
    """The phone is in a plan of 400.00 that was paid off, at a fee of 2.40, and with 200.00 in one that was not."""
    story = Story()
    story.converts(40_000, plan_id=9)
    story.converts(60_000, plan_id=10)
    day = date(2026, 1, 21)
    quote = settle_quote(story.life.sleep_until(day).plans[0], on=day).total_minor
    assert quote == 40_240
    story.happens(facts.SettledEarly(payment_id=4, plan_id=9, amount_minor=quote, channel="bank"), day)
    story.refunds(PHONE, 20_000, JAN_25)
    assert story.stands(JAN_25) == (40_000, 0)
    story.refunds(PHONE, 40_000, JAN_25)
    assert story.stands(JAN_25) == (40_000, 40_240)


def test_a_refund_after_the_plan_was_settled_is_the_borrowers_with_its_share_of_the_fee() -> None:
    """1,000.00 and one fee of 6.00 settle the plan; the coat brings 400.00 and 2.40 of it, a month later too."""
    story = Story()
    story.converts(100_000)
    day = date(2026, 1, 21)
    quote = settle_quote(story.life.sleep_until(day).plans[0], on=day).total_minor
    assert quote == 100_600
    story.happens(facts.SettledEarly(payment_id=4, plan_id=9, amount_minor=quote, channel="bank"), day)
    story.refunds(COAT, 40_000, MAR_5)
    assert story.stands(MAR_5) == (0, 40_240)


def test_a_refund_shrinks_a_plan_that_was_put_into_a_new_schedule() -> None:
    """Six installments of 166.67 from 28 March on, fees of 24.00 with the first; 60 % of both go with the phone."""
    story = Story()
    story.converts(100_000)
    story.happens(facts.PlanReaged(plan_id=9, installments=6, first_due_on=date(2026, 3, 28)), JAN_25)
    assert sum(story.asks(JAN_25)) == 102_400
    story.refunds(PHONE, 60_000, MAR_5)
    assert story.stands(MAR_5) == (40_000, 0)
    assert sum(story.asks(MAR_5)) == 40_960


def test_a_refund_learned_late_leaves_less_to_convert() -> None:
    """It counts from 19 January, when the purchase was still on the bill: of 1,000.00 only 400.00 are converted."""
    late, in_time = Story(), Story()
    in_time.refunds(PHONE, 60_000, JAN_20, on=date(2026, 1, 19))
    in_time.converts(40_000)
    late.converts(100_000)
    late.refunds(PHONE, 60_000, JAN_25, on=date(2026, 1, 19))
    assert late.stands(JAN_25) == in_time.stands(JAN_25) == (40_000, 0)
    assert late.asks(JAN_25) == in_time.asks(JAN_25) == [10_240, 10_240, 10_240, 10_240]
    assert +late.life.balances() == +in_time.life.balances()


def test_a_payment_learned_late_moves_less_of_the_purchase_into_the_plan() -> None:
    """Paid on 19 January, told on 5 March, after the refund: 100.00 of the phone were never in the plan."""
    late, in_time = Story(), Story()
    paid = PaymentReceived(payment_id=3, amount_minor=10_000, channel="bank")
    in_time.happens(paid, JAN_20, on=date(2026, 1, 19))
    in_time.converts(90_000)
    in_time.refunds(PHONE, 60_000, JAN_25)
    late.converts(100_000)
    late.refunds(PHONE, 60_000, JAN_25)
    assert late.stands(JAN_25) == (40_000, 0)
    late.happens(paid, MAR_5, on=date(2026, 1, 19))
    in_time.life.sleep_until(MAR_5)
    assert late.asks(MAR_5) == in_time.asks(MAR_5)
    assert +late.life.balances() == +in_time.life.balances()


def test_a_refund_that_was_keyed_by_mistake_leaves_the_plan_as_it_was() -> None:
    story, never = Story(), Story()
    story.converts(100_000)
    never.converts(100_000)
    refunded = story.refunds(PHONE, 60_000, JAN_25)
    story.happens(facts.EventUndone(event_id=refunded.event_id, reason="keyed twice"), JAN_25)
    assert story.life.sleep_until(MAR_5).draws == never.life.sleep_until(MAR_5).draws
    assert story.asks(MAR_5) == never.asks(MAR_5)
    story.refunds(PHONE, 60_000, MAR_5)
    assert story.stands(MAR_5) == (40_000, 0)


@pytest.mark.parametrize("paid_minor", [0, 10_000])
def test_a_purchase_withdrawn_after_its_bill_was_converted_costs_nothing(paid_minor: int) -> None:
    """Bought on the 18th, converted on the 21st, withdrawn on the 24th: of each fee what the coat bears is left."""
    story = Story(phone_on=date(2026, 1, 18))
    if paid_minor:
        story.pays(paid_minor, JAN_20)
    story.converts(100_000 - paid_minor, today=date(2026, 1, 21))
    day = date(2026, 1, 24)
    withdrawn = facts.DrawWithdrawn(payment_id=4, draw_id=PHONE, amount_minor=60_000 - paid_minor, channel="bank")
    wrong = facts.DrawWithdrawn(payment_id=4, draw_id=PHONE, amount_minor=60_001 - paid_minor, channel="bank")
    refused = story.life.act(wrong, today=day)
    assert isinstance(refused, Refusal)
    assert refused.figures == {"quote_minor": 60_000 - paid_minor}
    story.happens(withdrawn, day)
    assert story.stands(day) == (40_000, 0)
    assert sum(story.asks(day)) == 40_000 + 4 * 240


def test_the_whole_bill_withdrawn_leaves_nothing() -> None:
    story = Story(phone_on=date(2026, 1, 18))
    story.converts(100_000)
    day = date(2026, 1, 24)
    for draw_id, amount_minor in ((PHONE, 60_000), (COAT, 40_000)):
        back = facts.DrawWithdrawn(payment_id=10 + draw_id, draw_id=draw_id, amount_minor=amount_minor, channel="bank")
        story.happens(back, day)
    line = story.life.sleep_until(date(2026, 6, 1))
    assert (sum(owed_minor(line, day=line.as_of).values()), line.credit_minor) == (0, 0)


def test_a_purchase_can_be_refunded_as_long_as_its_plan_runs() -> None:
    """Two years in installments: after 20 months, past the 540 days, the phone still comes back."""
    story = Story()
    story.converts(100_000, installments=24)
    for month in range(20):
        day = date(2026 + (month + 1) // 12, (month + 1) % 12 + 1, 28)
        asked_minor = story.life.sleep_until(day).plans[0].installments[month].left_minor
        story.happens(PaymentReceived(payment_id=100 + month, amount_minor=asked_minor, channel="bank"), day)
    assert day == date(2027, 9, 28)
    left_minor, _ = story.stands(day)
    assert left_minor == 16_660
    story.refunds(PHONE, 60_000, day)
    assert story.stands(day) == (0, 60_000 - 16_660 + 20 * 360)
