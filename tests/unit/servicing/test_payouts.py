"""Credit that was paid out, and the payment behind it that came to nothing: the money has left, so it is owed."""

from datetime import date

from msgspec.structs import replace
from tests.lives import LINE_ID, Life

from tallystick.ledger.transfer import Address
from tallystick.servicing.facts import CareBegun, ChargedOff, CreditPaidOut, Event, PaymentReceived, PaymentReturned
from tallystick.servicing.line import Line
from tallystick.servicing.owed import drawn_minor, owed_minor
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import CareKind, Component

PAID_ON, OUT_ON, BACK_ON = date(2026, 1, 10), date(2026, 1, 12), date(2026, 1, 16)


def _bounced(life: Life) -> Line:
    """300 yuan come in, 200 are paid out again, and the 300 turn out never to have come."""
    paid = life.act(PaymentReceived(payment_id=1, amount_minor=30_000, channel="bank"), today=PAID_ON)
    assert isinstance(paid, Event)
    assert isinstance(life.act(CreditPaidOut(amount_minor=20_000, channel="bank"), today=OUT_ON), Event)
    returned = PaymentReturned(payment_id=1, event_id=paid.event_id, reason="no funds")
    assert isinstance(life.act(returned, today=BACK_ON), Event)
    assert life.line is not None
    return life.line


def _net_minor(life: Life, code: str, owner_id: int = 0) -> int:
    return life.balances()[Address(code, owner_id)]


def test_what_was_paid_out_is_owed_when_the_payment_bounces() -> None:
    life = Life().open(date(2026, 1, 5))
    line = _bounced(life)
    assert (drawn_minor(line), line.credit_minor) == (20_000, 0)
    assert _net_minor(life, "payout_clearing") == -20_000, "the money has left, whatever became of the payment"
    assert _net_minor(life, "receivable_principal", LINE_ID) == 20_000


def test_it_is_asked_for_with_the_next_statement_free_of_interest() -> None:
    life = Life().open(date(2026, 1, 5))
    _bounced(life)
    line = life.sleep_until(date(2026, 3, 1))
    assert line.statements_closed == 2
    assert owed_minor(line, day=date(2026, 3, 1))[Component.INTEREST] == 0
    assert line.revolving.interest.on(date(2026, 3, 1)) == 0
    assert isinstance(
        life.act(PaymentReceived(payment_id=2, amount_minor=20_000, channel="bank"), today=date(2026, 3, 1)), Event
    )
    assert life.line is not None
    assert sum(owed_minor(life.line, day=date(2026, 3, 1)).values()) == 0


def test_it_is_paid_by_the_next_payment_on_a_line_without_statements() -> None:
    life = Life(product=shipped_products()["cash"]).open(date(2026, 1, 5))
    assert drawn_minor(_bounced(life)) == 20_000
    life.act(PaymentReceived(payment_id=2, amount_minor=25_000, channel="bank"), today=date(2026, 2, 1))
    assert life.line is not None
    assert (drawn_minor(life.line), life.line.credit_minor) == (0, 5_000)


def test_on_a_line_charged_off_it_joins_the_claim() -> None:
    baitiao = shipped_products()["baitiao"]
    life = Life(product=replace(baitiao)).open(date(2026, 1, 5))
    assert isinstance(life.act(CareBegun(kind=CareKind.DECEASED), today=date(2026, 1, 6)), Event)
    assert isinstance(life.act(ChargedOff(reason="lost"), today=date(2026, 1, 6)), Event)
    line = _bounced(life)
    assert (line.charged_off_minor, line.recovered_minor, line.credit_minor) == (20_000, 0, 0)
    assert _net_minor(life, "payout_clearing") == -20_000
