"""A contract that changes: what was drawn keeps its price, unless the contract said that a change binds it too."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.lives import Life

from tallystick.servicing.accruing import minor_from_micro
from tallystick.servicing.facts import CareBegun, CareEnded, Drawdown, DrawKind, Event, Refunded, TermsChanged
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.canonical import content_hash
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import CareKind, ChangeScope, LateFee, Product

OPENED_ON = date(2026, 1, 5)
CHANGED_ON = date(2026, 3, 1)


def _product(scope: ChangeScope) -> Product:
    baitiao = shipped_products()["baitiao"]
    return replace(baitiao, notice=replace(baitiao.notice, price_change_scope=scope))


def _dearer(product: Product, *, daily_rate_ppm: int = 600) -> Product:
    assert product.pay_next_month is not None
    return replace(product, version=2, pay_next_month=replace(product.pay_next_month, daily_rate_ppm=daily_rate_ppm))


def _life(scope: ChangeScope) -> Life:
    return Life(product=_product(scope)).open(OPENED_ON)


def _changed(life: Life, product: Product, *, noticed_on: date = date(2026, 1, 20)) -> Event | Refusal:
    new_hash = content_hash(product)
    life.contracts[new_hash] = product
    return life.act(TermsChanged(contract_hash=new_hash, noticed_on=noticed_on), today=CHANGED_ON)


def _bought(life: Life, draw_id: int, on: date) -> None:
    drawn = Drawdown(draw_id=draw_id, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=9)
    assert not isinstance(life.act(drawn, today=on), Refusal)


def test_what_was_drawn_before_keeps_its_price() -> None:
    life = _life(ChangeScope.NEW_DRAWS)
    _bought(life, 1, date(2026, 1, 10))
    assert isinstance(_changed(life, _dearer(life.product)), Event)
    assert life.line is not None
    assert [purchase.daily_rate_ppm for purchase in life.line.revolving.purchases] == [500]


def test_what_is_drawn_after_has_the_new_price() -> None:
    life = _life(ChangeScope.NEW_DRAWS)
    assert isinstance(_changed(life, _dearer(life.product)), Event)
    _bought(life, 1, date(2026, 3, 2))
    assert life.line is not None
    assert [purchase.daily_rate_ppm for purchase in life.line.revolving.purchases] == [600]


def test_what_revolves_bears_the_new_price_from_the_day_where_the_contract_says_so() -> None:
    """1,000 yuan from 10 January: 50 days at 0.05 % until 1 March, 10 days at 0.06 % after."""
    life = _life(ChangeScope.OUTSTANDING_TOO)
    _bought(life, 1, date(2026, 1, 10))
    assert isinstance(_changed(life, _dearer(life.product)), Event)
    line = life.sleep_until(date(2026, 3, 11))
    running_minor = minor_from_micro(line.revolving.interest.on(date(2026, 3, 11)))
    assert running_minor + line.revolving.interest_due_minor == 50 * 50 + 10 * 60


def test_a_bill_that_revolves_after_the_change_bears_the_old_price_for_the_days_before() -> None:
    """Bought on 20 February, billed on 19 March, due on the 28th: 9 days at 0.05 %, then 0.06 %."""
    life = _life(ChangeScope.OUTSTANDING_TOO)
    _bought(life, 1, date(2026, 2, 20))
    assert isinstance(_changed(life, _dearer(life.product)), Event)
    line = life.sleep_until(date(2026, 3, 29))
    assert minor_from_micro(line.revolving.interest.on(date(2026, 3, 29))) == 9 * 50 + 28 * 60
    given_back = Refunded(refund_id=3, draw_id=1, amount_minor=100_000)
    assert isinstance(life.act(given_back, today=date(2026, 3, 29)), Event)
    assert life.line is not None
    assert life.line.revolving.interest.on(date(2026, 3, 29)) == 0, "a refund gives back exactly what it bore"


def test_a_change_binds_after_its_notice() -> None:
    life = _life(ChangeScope.NEW_DRAWS)
    refused = _changed(life, _dearer(life.product), noticed_on=date(2026, 2, 1))
    assert refused == Refusal(
        RefusalReason.NOTICE_TOO_SHORT, field="effective_on", figures={"binds_on": date(2026, 3, 3)}
    )


def _late(product: Product, part: str) -> Product:
    late = product.late
    assert late.penalty is not None
    dearer = {
        "penalty": replace(late, penalty=replace(late.penalty, daily_rate_ppm=151)),
        "fee": replace(late, late_fee=LateFee(fixed_minor=1_000)),
        "grace": replace(late, grace_days=0),
    }
    return replace(product, version=2, late=dearer[part])


@pytest.mark.parametrize("part", ["penalty", "fee", "grace"])
def test_late_charges_that_would_fall_on_old_draws_are_not_raised(part: str) -> None:
    patient = {scope: _product(scope) for scope in ChangeScope}
    if part == "grace":
        patient = {scope: replace(sold, late=replace(sold.late, grace_days=3)) for scope, sold in patient.items()}
    kept = Life(product=patient[ChangeScope.NEW_DRAWS]).open(OPENED_ON)
    assert _changed(kept, _late(kept.product, part)) == Refusal(
        RefusalReason.LATE_CHARGES_RISE, field="contract_hash", figures={"product": "baitiao"}
    )
    bound = Life(product=patient[ChangeScope.OUTSTANDING_TOO]).open(OPENED_ON)
    assert isinstance(_changed(bound, _late(bound.product, part)), Event)


def test_what_a_care_made_free_stays_free_when_the_price_changes() -> None:
    life = _life(ChangeScope.OUTSTANDING_TOO)
    _bought(life, 1, date(2026, 1, 10))
    assert isinstance(life.act(CareBegun(kind=CareKind.HARDSHIP), today=date(2026, 2, 1)), Event)
    assert isinstance(life.act(CareEnded(kind=CareKind.HARDSHIP), today=date(2026, 2, 21)), Event)
    accrued_micro = life.sleep_until(CHANGED_ON).revolving.interest.on(CHANGED_ON)
    assert isinstance(_changed(life, _dearer(life.product)), Event)
    line = life.sleep_until(date(2026, 3, 11))
    assert line.revolving.interest.on(date(2026, 3, 11)) == accrued_micro
