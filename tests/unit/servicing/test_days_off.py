"""A line whose due dates move off days off: statements, plans, and what is put off later."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.lives import Life

from tallystick.servicing import facts
from tallystick.servicing.facts import Drawdown, DrawKind, Event, PlanChoice, StatementClosed
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms import days_off
from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import plan_terms, price_for
from tallystick.terms.product import InstallmentPrice, OfferKind, Product
from tallystick.units.periods import HolidayRule

BAITIAO = shipped_products()["baitiao"]
OPENED_ON = date(2026, 1, 5)


def _following(product: Product = BAITIAO) -> Product:
    calendar = replace(product.calendar, holiday_rule=HolidayRule.FOLLOWING, holidays="CN")
    return replace(product, calendar=calendar)


def _life_with_plan(installments: int = 6) -> Life:
    life = Life(product=_following()).open(OPENED_ON)
    price = price_for(
        life.product, offer=OfferKind.ORDER_INSTALLMENTS, price_code="standard", installments=installments
    )
    assert isinstance(price, InstallmentPrice)
    terms = plan_terms(
        life.product,
        offer=OfferKind.ORDER_INSTALLMENTS,
        price=price,
        installments=installments,
        drawn_on=date(2026, 1, 6),
    )
    drawn = Drawdown(
        draw_id=1,
        kind=DrawKind.PURCHASE,
        amount_minor=600_000,
        merchant_id=9,
        plan=PlanChoice(plan_id=11, offer="order_installments", terms=terms),
    )
    assert not isinstance(life.act(drawn, today=date(2026, 1, 6)), Refusal)
    return life


def _due_dates(life: Life) -> list[date]:
    assert life.line is not None
    return [part.due_on for part in life.line.plans[0].installments if part.due_minor]


def test_a_statement_within_the_spring_festival_is_due_after_it() -> None:
    """Closed on 19 January, due nine days later; closed on 19 February, due on 28 February, a Saturday that is worked.

    28 March is a Saturday of its own.
    """
    life = Life(product=_following()).open(OPENED_ON)
    life.act(Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=10_000, merchant_id=9), today=OPENED_ON)
    life.sleep_until(date(2026, 3, 20))
    closed = [event.fact for event in life.events if isinstance(event.fact, StatementClosed)]
    assert [fact.due_on for fact in closed] == [date(2026, 1, 28), date(2026, 2, 28), date(2026, 3, 30)]


def test_a_plan_is_due_with_its_statements() -> None:
    life = _life_with_plan(installments=3)
    life.sleep_until(date(2026, 3, 20))
    closed = [event.fact.due_on for event in life.events if isinstance(event.fact, StatementClosed)]
    assert _due_dates(life) == closed


def test_due_dates_that_are_put_off_move_off_days_off_too() -> None:
    life = _life_with_plan()
    holiday = life.act(facts.PaymentHoliday(plan_id=11, periods=4), today=date(2026, 1, 7))
    assert not isinstance(holiday, Refusal)
    assert _due_dates(life)[-1] == date(2026, 10, 28)
    assert date(2026, 6, 29) in _due_dates(life)  # 28 June is a Sunday
    reaged = life.act(
        facts.PlanReaged(plan_id=11, installments=3, first_due_on=date(2026, 10, 3)), today=date(2026, 9, 4)
    )
    assert not isinstance(reaged, Refusal)
    assert _due_dates(life)[-3:] == [date(2026, 10, 8), date(2026, 11, 3), date(2026, 12, 3)]


def test_dates_that_were_agreed_stay_when_the_calendar_is_amended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refold asks no calendar: everything it needs stands in the facts."""
    life = _life_with_plan()
    life.act(facts.PaymentHoliday(plan_id=11, periods=1), today=date(2026, 2, 7))
    life.sleep_until(date(2026, 4, 20))
    agreed, before = _due_dates(life), life.balances()
    monkeypatch.setattr(days_off, "days_off_of_year", lambda country, year: frozenset({date(2026, 4, 28)}))
    late = facts.PaymentReceived(payment_id=2, amount_minor=100, channel="bank")
    paid = life.act(late, today=date(2026, 4, 20), on=date(2026, 1, 20))
    assert isinstance(paid, Event)
    undone = life.act(facts.EventUndone(event_id=paid.event_id, reason="keyed twice"), today=date(2026, 4, 20))
    assert isinstance(undone, Event)
    assert _due_dates(life) == agreed
    assert life.balances() == before


@pytest.mark.parametrize(
    ("fact", "field", "figures"),
    [
        (facts.PaymentHoliday(plan_id=11, periods=37), "periods", {"most_periods": 36}),
        (
            facts.PlanReaged(plan_id=11, installments=61, first_due_on=date(2026, 3, 1)),
            "installments",
            {"most_installments": 60},
        ),
        (
            facts.PlanReaged(plan_id=11, installments=6, first_due_on=date(2027, 1, 9)),
            "first_due_on",
            {"latest_on": date(2027, 1, 8)},
        ),
        (
            facts.DelinquencyPaused(until=date(2199, 1, 1), reason="flood"),
            "until",
            {"latest_on": date(2027, 1, 8)},
        ),
    ],
)
def test_easing_has_the_bounds_of_the_contract(fact: facts.AnyFact, field: str, figures: dict[str, object]) -> None:
    refusal = _life_with_plan().act(fact, today=date(2026, 1, 7))
    assert refusal == Refusal(RefusalReason.EASING_TOO_LONG, field=field, figures=figures)
