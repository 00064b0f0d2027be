"""What a charge-off claims, and what a settlement ends."""

from datetime import date

from tests.lives import Life, plan_choice

from tallystick.servicing.facts import CareBegun, ChargedOff, Drawdown, DrawKind, Event, PaymentReceived, SettledEarly
from tallystick.servicing.plan_settling import settle_quote
from tallystick.terms.product import CareKind

BOUGHT_ON = date(2026, 1, 10)


def _bought(life: Life, *, in_plan: bool = False) -> None:
    plan = plan_choice(life.product, plan_id=2, on=BOUGHT_ON, installments=6) if in_plan else None
    drawn = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5, plan=plan)
    assert isinstance(life.act(drawn, today=BOUGHT_ON), Event)


def test_a_charge_off_claims_interest_accrued_since_the_last_statement_and_is_recovered_to_the_cent() -> None:
    """1,000.00 from 10 January to 5 February at 0.05 % a day are 13.00, asked for by no statement yet."""
    life = Life().open(date(2026, 1, 5))
    _bought(life)
    day = date(2026, 2, 5)
    assert isinstance(life.act(CareBegun(kind=CareKind.DECEASED), today=day), Event)
    assert isinstance(life.act(ChargedOff(reason="estate empty"), today=day), Event)
    assert life.line is not None
    assert life.line.charged_off_minor == 101_300
    paid = PaymentReceived(payment_id=3, amount_minor=101_301, channel="bank")
    assert isinstance(life.act(paid, today=date(2026, 3, 1)), Event)
    assert (life.line.recovered_minor, life.line.credit_minor) == (101_300, 1)


def test_penalty_interest_ends_where_an_overdue_plan_is_settled() -> None:
    life = Life().open(date(2026, 1, 5))
    _bought(life, in_plan=True)
    day = date(2026, 2, 9)  # the first installment was due on 28 January
    plan = life.sleep_until(day).plans[0]
    assert life.line is not None
    assert life.line.penalty.daily_micro > 0
    settled = SettledEarly(payment_id=3, plan_id=2, amount_minor=settle_quote(plan, on=day).total_minor, channel="bank")
    assert isinstance(life.act(settled, today=day), Event)
    assert life.line.penalty.daily_micro == 0
