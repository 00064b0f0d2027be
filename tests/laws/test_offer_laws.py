"""Laws of offers: what may be published may be offered in every combination, and a disclosure adds up."""

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import freeze
from tallystick.terms.disclosing import disclose_plan
from tallystick.terms.disclosure import Disclosure
from tallystick.terms.legality import offer_faults, worst_corner
from tallystick.terms.offering import plan_terms
from tallystick.terms.plan_cost import plan_cost
from tallystick.terms.product import InstallmentPrice, OfferKind, Product, installment_offers

PUBLISHED_ON = date(2026, 11, 23)
PRODUCTS = shipped_products()


class Choice(NamedTuple):
    """What a borrower may choose of what a product offers."""

    product: Product
    offer: OfferKind
    price: InstallmentPrice
    installments: int
    principal_minor: int
    drawn_on: date


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Any price of any product that ships, drawn within a year of its publication."""
    product = PRODUCTS[draw(st.sampled_from(sorted(PRODUCTS)))]
    kind, offer = draw(st.sampled_from(sorted(installment_offers(product).items())))
    price = draw(st.sampled_from(offer.prices))
    return Choice(
        product=product,
        offer=kind,
        price=price,
        installments=draw(st.integers(price.least_installments, price.most_installments)),
        principal_minor=draw(st.integers(offer.least_principal_minor, offer.most_principal_minor)),
        drawn_on=PUBLISHED_ON + timedelta(days=draw(st.integers(0, 364))),
    )


@settings(deadline=None)
@given(choices())
def test_every_choice_of_a_published_product_may_be_offered(choice: Choice) -> None:
    faults = offer_faults(
        choice.product,
        offer=choice.offer,
        price_code=choice.price.code,
        installments=choice.installments,
        principal_minor=choice.principal_minor,
        drawn_on=choice.drawn_on,
    )
    assert faults == ()


@settings(max_examples=10, deadline=None)
@given(choices())
def test_no_choice_costs_more_than_the_worst_corner_but_for_cents_and_month_lengths(choice: Choice) -> None:
    worst = worst_corner(choice.product, offer=choice.offer, price=choice.price, on=PUBLISHED_ON)
    terms = plan_terms(
        choice.product,
        offer=choice.offer,
        price=choice.price,
        installments=choice.installments,
        drawn_on=choice.drawn_on,
    )
    cost = plan_cost(terms, drawn_on=choice.drawn_on, principal_minor=choice.principal_minor)
    assert cost.rates.simple <= worst.simple_rate * Decimal("1.01") + Decimal("0.0005")


@settings(deadline=None)
@given(choices())
def test_a_disclosure_adds_up_and_names_the_cost_of_its_own_schedule(choice: Choice) -> None:
    document = disclose_plan(
        freeze(choice.product, on=choice.drawn_on),
        offer=choice.offer,
        price_code=choice.price.code,
        installments=choice.installments,
        principal_minor=choice.principal_minor,
        drawn_on=choice.drawn_on,
    )
    assert isinstance(document, Disclosure)
    plan = document.plan
    assert plan is not None
    assert plan.principal_minor + plan.down_payment_minor == choice.principal_minor
    assert sum(payment.principal_minor for payment in plan.schedule) == plan.principal_minor
    paid_minor = sum(payment.total_minor for payment in plan.schedule)
    assert paid_minor == plan.principal_minor + plan.cost_minor
    assert len(plan.schedule) == choice.installments
    assert [cost.percent for cost in plan.costs] == [document.rates.simple]
    assert (plan.cost_minor == 0) == (document.rates.simple == 0)
    if plan.settlement is not None:
        on_schedule_minor = sum(p.total_minor for p in plan.schedule if p.number > plan.settlement.number)
        assert plan.settlement.total_minor + plan.settlement.saved_minor == on_schedule_minor
