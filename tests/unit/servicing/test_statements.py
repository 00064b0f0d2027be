"""What a statement does on its own day, to the micro unit."""

from datetime import date, timedelta

from tests.lives import Life

from tallystick.servicing.facts import Chargeback, Drawdown, DrawKind, Event, PaymentReceived, StatementClosed
from tallystick.servicing.owed import drawn_minor, owed_minor
from tallystick.terms.product import Component


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
