"""What a disclosure says that paying late costs is what the books come to charge."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.servicing.facts import Drawdown, DrawKind, Event
from tallystick.servicing.owed import owed_minor
from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import freeze
from tallystick.terms.disclosing import disclose_line, disclose_plan, line_prices
from tallystick.terms.disclosure import Disclosure, LateExample
from tallystick.terms.product import Component, LateFee, OfferKind, Product
from tallystick.terms.statement_days import due_on

CLOSES_ON = date(2026, 3, 19)
FEE = LateFee(share_ppm=50_000, least_minor=100, most_minor=20_000)
late_terms = pytest.mark.parametrize(("grace_days", "fee"), [(0, None), (0, FEE), (3, FEE)])


def _product(*, grace_days: int, fee: LateFee | None) -> Product:
    baitiao = shipped_products()["baitiao"]
    return replace(baitiao, late=replace(baitiao.late, grace_days=grace_days, late_fee=fee))


def _comes_to(life: Life, *, late_on: date) -> tuple[int, int, int]:
    """Interest, penalty interest and late fees by the day, billed or not, rounded once."""
    line = life.sleep_until(late_on)
    owed = owed_minor(line, day=late_on)
    parts = ((owed[Component.INTEREST], line.revolving.interest), (owed[Component.PENALTY], line.penalty))
    interest, penalty = (minor + Fraction(accrual.on(late_on), 1_000_000) for minor, accrual in parts)
    fees_minor = sum(charge.left_minor for charge in line.charges if charge.component is Component.FEE)
    return round(interest), round(penalty), fees_minor


def _told(example: LateExample) -> tuple[int, int, int]:
    return example.interest_minor, example.penalty_minor, example.late_fee_minor


@late_terms
def test_a_bill_paid_late_costs_what_the_line_was_told(grace_days: int, fee: LateFee | None) -> None:
    product = _product(grace_days=grace_days, fee=fee)
    contract = freeze(product, on=CLOSES_ON)
    disclosed = disclose_line(
        contract, prices=line_prices(contract, on=CLOSES_ON), limit_minor=3_000_000, offered_on=CLOSES_ON
    )
    assert isinstance(disclosed, Disclosure)
    assert disclosed.line is not None
    example = disclosed.line.late
    life = Life(product=product).open(date(2026, 3, 1))
    bought = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=example.overdue_minor, merchant_id=5)
    assert isinstance(life.act(bought, today=CLOSES_ON), Event)
    assert product.pay_next_month is not None
    late_on = due_on(CLOSES_ON, cycle=product.pay_next_month) + timedelta(days=example.days_late)
    assert _comes_to(life, late_on=late_on) == _told(example)


@late_terms
def test_an_installment_paid_late_costs_what_its_plan_was_told(grace_days: int, fee: LateFee | None) -> None:
    product = _product(grace_days=grace_days, fee=fee)
    drawn_on = date(2026, 3, 1)
    disclosed = disclose_plan(
        freeze(product, on=drawn_on), offer=OfferKind.ORDER_INSTALLMENTS, price_code="standard", installments=6,
        principal_minor=600_000, drawn_on=drawn_on,
    )  # fmt: skip
    assert isinstance(disclosed, Disclosure)
    assert disclosed.plan is not None
    life = Life(product=product).open(drawn_on)
    bought = Drawdown(
        draw_id=1, kind=DrawKind.PURCHASE, amount_minor=600_000, merchant_id=5,
        plan=plan_choice(product, plan_id=2, on=drawn_on, installments=6),
    )  # fmt: skip
    assert isinstance(life.act(bought, today=drawn_on), Event)
    example = disclosed.plan.late
    first, second = disclosed.plan.schedule[:2]
    late_on = first.due_on + timedelta(days=example.days_late)
    assert late_on < second.due_on, "the second one is not late yet"
    assert _comes_to(life, late_on=late_on) == _told(example)
