"""The edge cases that decide whether a line is kept well, each as a short story in figures (fen; 0.6 % a month).

Due days on holidays are in `unit/servicing/test_days_off`, callbacks that come twice in `api/test_idempotency_api`.
"""

from dataclasses import dataclass, field
from datetime import date

import pytest
from tests.lives import Life, plan_choice

from tallystick.servicing import facts
from tallystick.servicing.facts import AnyFact, Drawdown, DrawKind, Event, PaymentReceived
from tallystick.servicing.owed import available_minor, days_past_due, drawn_minor, excess_minor, owed_minor
from tallystick.servicing.plan_settling import settle_quote
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.product import OfferKind

JAN_5, JAN_10, JAN_20, FEB_5 = date(2026, 1, 5), date(2026, 1, 10), date(2026, 1, 20), date(2026, 2, 5)


@dataclass
class Story:
    """A line of the shipped product, limit 30,000 yuan; statements on the 19th, due nine days later."""

    opened_on: date = JAN_5
    life: Life = field(init=False)

    def __post_init__(self) -> None:
        self.life = Life().open(self.opened_on)

    def happens(self, fact: AnyFact, today: date, *, on: date | None = None) -> Event:
        """A fact that is admitted."""
        taken = self.life.act(fact, today=today, on=on)
        assert isinstance(taken, Event), taken
        return taken

    def buys(self, amount_minor: int, today: date, *, installments: int = 0, code: str = "standard") -> None:
        """A purchase, draw 1, to pay next month or in plan 2."""
        plan = None
        if installments:
            plan = plan_choice(self.life.product, plan_id=2, on=today, installments=installments, code=code)
        drawn = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5, plan=plan)
        self.happens(drawn, today)

    def pays(self, amount_minor: int, today: date, *, on: date | None = None, payment_id: int = 3) -> Event:
        """Money from the bank."""
        return self.happens(PaymentReceived(payment_id=payment_id, amount_minor=amount_minor, channel="bank"), today,
                            on=on)  # fmt: skip

    def refunds(self, amount_minor: int, today: date, *, refund_id: int = 7) -> None:
        """The merchant gives back part of draw 1."""
        self.happens(facts.Refunded(refund_id=refund_id, draw_id=1, amount_minor=amount_minor), today)

    def stands(self, today: date) -> tuple[int, int, int]:
        """Drawn, all that is owed and billed, and the borrower's credit."""
        line = self.life.sleep_until(today)
        return drawn_minor(line), sum(owed_minor(line, day=today).values()), line.credit_minor

    def dues(self, today: date) -> list[tuple[str, int]]:
        """What installments still ask for."""
        (plan,) = self.life.sleep_until(today).plans
        return [(part.due_on.isoformat(), part.left_minor) for part in plan.installments if part.left_minor]


def test_a_refund_before_the_first_bill_leaves_nothing_to_ask_for() -> None:
    story = Story()
    story.buys(120_000, JAN_10, installments=12)
    story.refunds(120_000, date(2026, 1, 12))
    assert story.stands(date(2026, 3, 1)) == (0, 0, 0)


def test_a_refund_after_some_installments_gives_fees_back_pro_rata() -> None:
    """Two of twelve paid (100.00 and 7.20 each), half the order refunded: 600.00 off the last ones, 3.60 each back."""
    story = Story()
    story.buys(120_000, JAN_10, installments=12)
    for month in (1, 2):
        story.pays(10_720, date(2026, month, 28), payment_id=month)
    story.refunds(60_000, date(2026, 3, 1))
    assert story.stands(date(2026, 3, 1)) == (40_000, 40_000, 720)
    assert story.dues(date(2026, 3, 1))[:5] == [
        ("2026-03-28", 10_360), ("2026-04-28", 10_360), ("2026-05-28", 10_360), ("2026-06-28", 10_360),
        ("2026-07-28", 360),
    ]  # fmt: skip


def test_a_refund_after_pay_off_is_the_borrowers_with_the_fees_that_were_paid() -> None:
    story = Story()
    story.buys(120_000, JAN_10, installments=3)
    for month in (1, 2, 3):
        story.pays(40_720, date(2026, month, 28), payment_id=month)
    assert story.stands(date(2026, 4, 1)) == (0, 0, 0)
    story.refunds(30_000, date(2026, 4, 2))
    assert story.stands(date(2026, 4, 2)) == (0, 0, 30_000 + 3 * 180)


def test_several_partial_refunds_give_back_what_one_would() -> None:
    story, other = Story(), Story()
    for each in (story, other):
        each.buys(120_000, JAN_10, installments=3)
        each.pays(40_720, date(2026, 1, 28))
    story.refunds(90_000, FEB_5)
    for refund_id, amount_minor in enumerate((30_000, 30_000, 30_000)):
        other.refunds(amount_minor, FEB_5, refund_id=refund_id)
    assert story.stands(FEB_5) == other.stands(FEB_5) == (0, 0, 10_000 + 540)


def test_settling_early_costs_the_running_period_and_leaves_nothing() -> None:
    story = Story()
    story.buys(120_000, JAN_10, installments=12)
    (plan,) = story.life.sleep_until(JAN_20).plans
    quote_minor = settle_quote(plan, on=JAN_20).total_minor
    assert quote_minor == 120_000 + 720
    story.happens(facts.SettledEarly(payment_id=3, plan_id=2, amount_minor=quote_minor, channel="bank"), JAN_20)
    assert story.stands(date(2027, 1, 31)) == (0, 0, 0)


def test_a_payment_learned_late_makes_the_line_what_it_would_have_been() -> None:
    """Paid on 27 January, told on 5 February: nothing revolved, nothing was ever late."""
    late, in_time = Story(), Story()
    late.buys(100_000, JAN_10)
    in_time.buys(100_000, JAN_10)
    in_time.pays(100_000, date(2026, 1, 27))
    assert days_past_due(late.life.sleep_until(FEB_5), day=FEB_5) == 8
    late.pays(100_000, FEB_5, on=date(2026, 1, 27))
    assert late.stands(FEB_5) == in_time.stands(FEB_5) == (0, 0, 0)
    assert +late.life.balances() == +in_time.life.balances()
    assert late.stands(date(2026, 3, 1)) == (0, 0, 0), "no interest comes later"


def test_a_payment_charged_back_leaves_the_line_as_if_it_had_never_come() -> None:
    paid, never = Story(), Story()
    paid.buys(100_000, JAN_10)
    never.buys(100_000, JAN_10)
    event = paid.pays(100_000, date(2026, 1, 27))
    back = facts.PaymentReturned(payment_id=3, event_id=event.event_id, reason="charged back at the gateway")
    paid.happens(back, FEB_5)
    assert paid.stands(FEB_5) == never.stands(FEB_5) == (100_000, 100_000, 0)
    assert days_past_due(paid.life.sleep_until(FEB_5), day=FEB_5) == 8
    assert +paid.life.balances() == +never.life.balances()
    again = paid.life.act(back, today=FEB_5)
    assert isinstance(again, Refusal)
    assert again.reason is RefusalReason.EVENT_ALREADY_UNDONE


def test_one_cent_is_bought_billed_and_paid() -> None:
    story = Story()
    story.buys(1, JAN_10)
    assert story.stands(JAN_20) == (1, 1, 0)
    story.pays(1, JAN_20)
    assert story.stands(date(2026, 3, 1)) == (0, 0, 0)


def test_due_dates_at_the_end_of_months_go_back_to_the_31st_and_meet_the_leap_day() -> None:
    """Cash drawn on 31 December 2027, due one month later each time; 2028 has a 29 February."""
    day = date(2027, 12, 31)
    story = Story(opened_on=date(2027, 12, 1))
    plan = plan_choice(
        story.life.product, plan_id=2, on=day, installments=4, offer=OfferKind.CASH, code="equal_principal"
    )
    story.happens(Drawdown(draw_id=1, kind=DrawKind.CASH, amount_minor=400_000, purpose="goods", plan=plan), day)
    assert [due_on for due_on, _ in story.dues(day)] == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]


def test_a_plan_that_the_merchant_pays_for_costs_nothing_and_its_last_installment_takes_the_odd_cents() -> None:
    story = Story()
    story.buys(100_000, JAN_10, installments=3, code="merchant_free")
    assert [left_minor for _, left_minor in story.dues(JAN_10)] == [33_333, 33_333, 33_334]
    story.pays(100_000, JAN_10)
    for today in (JAN_20, date(2026, 2, 20), date(2026, 3, 20)):
        story.life.sleep_until(today)
    assert story.stands(date(2026, 4, 1)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("captured_minor", "keeps_hold", "held_minor"), [(30_000, True, 20_000), (30_000, False, 0), (60_000, False, 0)]
)
def test_a_hold_is_captured_in_part_or_beyond(captured_minor: int, keeps_hold: bool, held_minor: int) -> None:  # noqa: FBT001
    story = Story()
    hold = facts.HoldPlaced(hold_id=4, amount_minor=50_000, expires_on=date(2026, 1, 17), merchant_id=5)
    story.happens(hold, JAN_10)
    story.happens(
        Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=captured_minor, merchant_id=5, hold_id=4,
                 keeps_hold=keeps_hold),
        JAN_10,
    )  # fmt: skip
    line = story.life.sleep_until(JAN_10)
    assert available_minor(line) == 3_000_000 - captured_minor - held_minor
    assert available_minor(story.life.sleep_until(date(2026, 1, 17))) == 3_000_000 - captured_minor, "the rest expired"


def test_a_limit_cut_below_what_is_drawn_stops_use_and_is_asked_for_with_the_minimum() -> None:
    """1,000.00 drawn, limit cut to 600.00: 400.00 above it and a tenth of the other 600.00 are the minimum."""
    story = Story()
    story.buys(100_000, JAN_10)
    story.happens(facts.LimitChanged(limit_minor=60_000, reason="review"), date(2026, 1, 12))
    line = story.life.sleep_until(JAN_20)
    assert (available_minor(line), excess_minor(line), line.last_minimum_minor) == (0, 40_000, 46_000)
    refused = story.life.act(Drawdown(draw_id=9, kind=DrawKind.PURCHASE, amount_minor=1, merchant_id=5), today=JAN_20)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.AVAILABLE_CREDIT_EXCEEDED
    story.pays(46_000, JAN_20)
    assert available_minor(story.life.sleep_until(JAN_20)) == 6_000


def test_every_fraction_of_interest_is_gone_when_the_line_is_paid_off() -> None:
    """0.33 yuan revolves at 0.05 % a day: 0.0165 fen a day, which never becomes a debt of its own."""
    story = Story()
    story.buys(33, JAN_10)
    story.pays(33, FEB_5)
    line = story.life.sleep_until(date(2026, 4, 1))
    assert line.revolving.interest.on(line.as_of) == 0
    assert set(owed_minor(line, day=line.as_of).values()) == {0}
