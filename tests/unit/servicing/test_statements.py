"""What a statement does on its own day, to the micro unit."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.ledger.transfer import Address
from tallystick.servicing.facts import (
    Chargeback,
    Drawdown,
    DrawKind,
    Event,
    PaymentReceived,
    StatementClosed,
)
from tallystick.servicing.owed import days_past_due, drawn_minor, owed_minor
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import AllocationRule, Component, InterestFree, Walk


def test_interest_given_back_at_a_close_pays_principal_and_no_day_counts_twice() -> None:
    """The close counts its own day as over; the pace was once set back to that day, which then bore interest again."""
    life = Life().open(date(2026, 1, 5))
    for draw_id, amount_minor in ((1, 1_000_000), (2, 400_000)):
        bought = Drawdown(draw_id=draw_id, kind=DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5)
        assert isinstance(life.act(bought, today=date(2026, 1, 6)), Event)
    owed = owed_minor(life.sleep_until(date(2026, 4, 2)), day=date(2026, 4, 2))
    paid = PaymentReceived(payment_id=3, amount_minor=owed[Component.INTEREST], channel="bank")
    back = Chargeback(chargeback_id=4, draw_id=1, amount_minor=1_000_000, reason="never came")
    assert isinstance(life.act(paid, today=date(2026, 4, 2)), Event)
    assert isinstance(life.act(back, today=date(2026, 4, 2)), Event)
    life.sleep_until(date(2026, 5, 1))
    last = [event for event in life.events if isinstance(event.fact, StatementClosed)][-1]
    assert isinstance(last.fact, StatementClosed)
    assert last.fact.figures.interest_minor < 0, "more was given back than accrued since the statement before"
    dawn = last.effective_on + timedelta(days=1)
    told = next(known.line for known in life.checkpoints if known.order[0] == last.effective_on)
    assert drawn_minor(told) < 400_000, "the interest given back paid principal as the statement closed"
    assert abs(told.revolving.interest.on(dawn)) <= 500_000, "only the fraction that the bill left"
    assert told.revolving.interest.on(dawn + timedelta(days=1)) > 100_000_000


def _life_with_plan(*, walk: Walk) -> tuple[Life, StatementClosed]:
    """A purchase of 6,000 yuan in six installments, and its first statement; principal is paid before fees."""
    components = (Component.PRINCIPAL, Component.INTEREST, Component.FEE, Component.PENALTY)
    product = shipped_products()["baitiao"]
    rule = AllocationRule(walk=walk, components=components)
    product = replace(product, allocation={**product.allocation, "payment": (rule,)})
    life = Life(product=product).open(date(2026, 1, 5))
    bought = Drawdown(
        draw_id=1, kind=DrawKind.PURCHASE, amount_minor=600_000, merchant_id=5,
        plan=plan_choice(product, plan_id=2, on=date(2026, 1, 6), installments=6),
    )  # fmt: skip
    assert isinstance(life.act(bought, today=date(2026, 1, 6)), Event)
    life.sleep_until(date(2026, 1, 20))
    told = [event.fact for event in life.events if isinstance(event.fact, StatementClosed)][-1]
    return life, told


@pytest.mark.parametrize("walk", list(Walk))
def test_whoever_pays_what_the_statement_asks_is_never_late(walk: Walk) -> None:
    """Principal before fees once paid the next installments' principal too, and left the fee that was asked for."""
    life, told = _life_with_plan(walk=walk)
    assert told.figures.closing_minor == 100_000 + 3_600
    paid = PaymentReceived(payment_id=3, amount_minor=told.figures.closing_minor, channel="bank")
    assert isinstance(life.act(paid, today=date(2026, 1, 22)), Event)
    line = life.sleep_until(date(2026, 2, 15))
    assert (days_past_due(line, day=date(2026, 2, 15)), drawn_minor(line), line.credit_minor) == (0, 500_000, 0)


def test_penalty_interest_is_an_income_of_its_own() -> None:
    """A day's accrual is one sum; what is charged as penalty leaves interest income by exactly so much."""
    life, told = _life_with_plan(walk=Walk.OLDEST_DUE_FIRST)
    assert told.figures.closing_minor > 0
    line = life.sleep_until(date(2026, 4, 1))
    penalties_minor = owed_minor(line, day=line.as_of)[Component.PENALTY]
    assert penalties_minor > 0
    product_id = life.product.ledger_id
    assert life.balances()[Address("penalty_income", product_id)] == -penalties_minor
    assert life.balances()[Address("interest_income", product_id)] == penalties_minor


def test_a_purchase_that_is_never_free_bears_interest_from_its_posting() -> None:
    product = shipped_products()["baitiao"]
    assert product.pay_next_month is not None
    cycle = replace(product.pay_next_month, interest_free=InterestFree.NEVER)
    life = Life(product=replace(product, pay_next_month=cycle)).open(date(2026, 1, 5))
    bought = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5)
    assert isinstance(life.act(bought, today=date(2026, 1, 9)), Event)
    line = life.sleep_until(date(2026, 1, 20))
    assert owed_minor(line, day=date(2026, 1, 20))[Component.INTEREST] == 550, "eleven days at 0.05 %"
