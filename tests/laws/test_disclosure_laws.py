"""Laws of what is told: a plan that is paid and settled as its disclosure says costs exactly what it said."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.servicing.allocation import order_of
from tallystick.servicing.plan import open_plan, pay, roll, settle_quote
from tallystick.servicing.plan_state import Plan
from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import freeze
from tallystick.terms.disclosing import disclose_plan
from tallystick.terms.disclosure import Disclosure, PlanOffer
from tallystick.terms.offering import plan_terms, price_for
from tallystick.terms.product import InstallmentPrice, installment_offers

PRODUCTS = shipped_products()
PAYMENT_KIND = "payment"


@st.composite
def disclosed_plans(draw: st.DrawFn) -> tuple[Plan, PlanOffer]:
    """Any plan that ships, opened, beside what its disclosure said."""
    product = PRODUCTS[draw(st.sampled_from(sorted(PRODUCTS)))]
    kind, offer = draw(st.sampled_from(sorted(installment_offers(product).items())))
    chosen = draw(st.sampled_from(offer.prices))
    installments = draw(st.integers(chosen.least_installments, chosen.most_installments))
    principal_minor = draw(st.integers(offer.least_principal_minor, offer.most_principal_minor))
    drawn_on = date(2026, 11, 23) + timedelta(days=draw(st.integers(0, 800)))
    document = disclose_plan(
        freeze(product, on=drawn_on),
        offer=kind,
        price_code=chosen.code,
        installments=installments,
        principal_minor=principal_minor,
        drawn_on=drawn_on,
    )
    assert isinstance(document, Disclosure)
    assert document.plan is not None
    price = price_for(product, offer=kind, price_code=chosen.code, installments=installments)
    assert isinstance(price, InstallmentPrice)
    terms = plan_terms(product, offer=kind, price=price, installments=installments, drawn_on=drawn_on)
    plan = open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    if document.plan.down_payment_minor:
        plan = _paid(plan, on=drawn_on, amount_minor=document.plan.down_payment_minor)
    return plan, document.plan


def _paid(plan: Plan, *, on: date, amount_minor: int) -> Plan:
    rule = PRODUCTS["baitiao"].allocation_rule(PAYMENT_KIND, days_past_due=0)
    paid = pay(roll(plan, on=on), on=on, amount_minor=amount_minor, order=order_of(rule))
    assert paid.rest_minor == 0
    return paid.plan


@settings(deadline=None)
@given(disclosed_plans())
def test_paid_on_its_due_dates_a_plan_is_settled_by_exactly_what_was_told(told: tuple[Plan, PlanOffer]) -> None:
    plan, offer = told
    for payment in offer.schedule:
        plan = _paid(plan, on=payment.due_on, amount_minor=payment.total_minor)
    assert plan.is_settled


@settings(deadline=None)
@given(disclosed_plans())
def test_settling_in_the_middle_costs_what_the_example_said(told: tuple[Plan, PlanOffer]) -> None:
    plan, offer = told
    example = offer.settlement
    if example is None:
        return
    for payment in offer.schedule[: example.number]:
        plan = _paid(plan, on=payment.due_on, amount_minor=payment.total_minor)
    quote = settle_quote(roll(plan, on=example.on), on=example.on)
    assert quote.total_minor == example.total_minor
