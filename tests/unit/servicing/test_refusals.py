"""Every reason for which a line refuses a fact, each from a line that gives it, with the field it is about."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.operations.public_events import public_fact
from tallystick.servicing import facts
from tallystick.servicing.circumstances import BorrowerPosition
from tallystick.servicing.facts import AnyFact, Event
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.catalog import shipped_products
from tallystick.terms.disclosure import Language
from tallystick.terms.product import CareKind, OfferKind
from tallystick.web.refusal_texts import in_words, text_for

PRODUCT = shipped_products()["baitiao"]
OPENED_ON, TODAY = date(2026, 1, 5), date(2026, 1, 10)
BILLED_ON, LATE_ON = date(2026, 1, 20), date(2026, 2, 5)  # the statement of 19 January is due on the 28th
Story = Callable[[Life], object]


def purchase(draw_id: int = 1, amount_minor: int = 100_000, **more: Any) -> facts.Drawdown:
    """A purchase at one merchant."""
    return facts.Drawdown(
        draw_id=draw_id, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5, **more
    )


def hold(hold_id: int = 4) -> facts.HoldPlaced:
    """A hold of 500 yuan for a week."""
    return facts.HoldPlaced(hold_id=hold_id, amount_minor=50_000, expires_on=TODAY + timedelta(days=7), merchant_id=5)


def plan(plan_id: int = 2, *, offer: OfferKind = OfferKind.ORDER_INSTALLMENTS, on: date = TODAY) -> facts.PlanChoice:
    """Six installments."""
    return plan_choice(PRODUCT, plan_id=plan_id, on=on, installments=6, offer=offer)


def paid(amount_minor: int, payment_id: int = 3) -> facts.PaymentReceived:
    """Money from the bank."""
    return facts.PaymentReceived(payment_id=payment_id, amount_minor=amount_minor, channel="bank")


def has(*done: AnyFact, on: date = TODAY) -> Story:
    """A life in which facts happened."""

    def live(life: Life) -> None:
        for fact in done:
            taken = life.act(fact, today=on)
            assert isinstance(taken, Event), taken

    return live


def undone_twice(life: Life) -> None:
    """A fee that was taken back."""
    fee = life.act(facts.FeeCharged(charge_id=1, amount_minor=100, reason="copy"), today=TODAY)
    assert isinstance(fee, Event)
    has(facts.EventUndone(event_id=fee.event_id, reason="twice"))(life)


def says_what_to_do(refused: Refusal) -> None:
    """The refusal has words in both languages, with each of its figures in them."""
    figures = public_fact(refused.figures)
    assert text_for(refused.reason, figures).figures == figures.keys() or refused.reason in UNTOLD
    for language in LANGUAGES:
        said = in_words(refused.reason, figures, language=language)
        assert not set("{}[]<>") & set(said), said
        for name, figure in figures.items():
            told = f"{figure:,}" if name.endswith("_minor") else str(figure)
            assert isinstance(figure, list) or refused.reason in UNTOLD or told in said


nothing = has()
# The amount that was sent, which its sender knows, under the name of whichever field it was sent in.
UNTOLD = {RefusalReason.AMOUNT_NOT_POSITIVE}
LANGUAGES: tuple[Language, ...] = ("en", "zh")
REFUSED: list[tuple[RefusalReason, str, Story, AnyFact, date, date]] = [
    # reason, field, what happened before, the fact, today, the day from which it is to count
    (RefusalReason.AMOUNT_NOT_POSITIVE, "amount_minor", nothing, paid(0), TODAY, TODAY),
    (RefusalReason.DATE_IN_FUTURE, "effective_on", nothing, paid(1), TODAY, TODAY + timedelta(days=1)),
    (RefusalReason.DATE_IN_PAST, "effective_on", nothing, facts.LineFrozen(reason="lost"), TODAY, OPENED_ON),
    (RefusalReason.DATE_BEFORE_OPENING, "effective_on", nothing, paid(1), TODAY, date(2026, 1, 4)),
    (RefusalReason.DATE_BEFORE_EVENT, "effective_on", has(hold()), purchase(hold_id=4), TODAY, OPENED_ON),
    (RefusalReason.DATE_BEFORE_STATEMENT, "effective_on", nothing, purchase(), LATE_ON, TODAY),
    (RefusalReason.CHANNEL_UNKNOWN, "channel", nothing,
     facts.PaymentReceived(payment_id=3, amount_minor=1, channel="pigeon"), TODAY, TODAY),
    (RefusalReason.COMPONENT_UNKNOWN, "component", nothing,
     facts.Waived(component="tax", amount_minor=1, reason="no"), TODAY, TODAY),
    (RefusalReason.TERMS_UNKNOWN, "contract_hash", nothing,
     facts.TermsChanged(contract_hash="no such", noticed_on=TODAY), TODAY, TODAY),
    (RefusalReason.EVENT_UNKNOWN, "event_id", nothing, facts.EventUndone(event_id=99, reason="?"), TODAY, TODAY),
    (RefusalReason.EVENT_ALREADY_UNDONE, "event_id", undone_twice,
     facts.EventUndone(event_id=2, reason="again"), TODAY, TODAY),
    (RefusalReason.EVENT_NOT_UNDOABLE, "event_id", nothing, facts.EventUndone(event_id=1, reason="?"), TODAY, TODAY),
    (RefusalReason.LINE_CLOSED, "line", has(facts.LineClosed(reason="asked")), purchase(), TODAY, TODAY),
    (RefusalReason.LINE_CHARGED_OFF, "line",
     has(facts.CareBegun(kind=CareKind.DECEASED), facts.ChargedOff(reason="estate empty")), purchase(), TODAY, TODAY),
    (RefusalReason.CHARGE_OFF_TOO_EARLY, "line", has(purchase()), facts.ChargedOff(reason="lost"), TODAY, TODAY),
    (RefusalReason.LINE_FROZEN, "line", has(facts.LineFrozen(reason="lost")), purchase(), TODAY, TODAY),
    (RefusalReason.LINE_NOT_FROZEN, "line", nothing, facts.LineUnfrozen(reason="found"), TODAY, TODAY),
    (RefusalReason.LINE_PAST_DUE, "line", has(purchase()), purchase(2), LATE_ON, LATE_ON),
    (RefusalReason.LINE_IN_CARE, "line", has(facts.CareBegun(kind=CareKind.HARDSHIP)), purchase(), TODAY, TODAY),
    (RefusalReason.LINE_IN_CARE, "kind", has(facts.CareBegun(kind=CareKind.HARDSHIP)),
     facts.CareBegun(kind=CareKind.HARDSHIP), TODAY, TODAY),
    (RefusalReason.CARE_NOT_BEGUN, "kind", nothing, facts.CareEnded(kind=CareKind.HARDSHIP), TODAY, TODAY),
    (RefusalReason.PURPOSE_MISSING, "purpose", nothing,
     facts.Drawdown(draw_id=1, kind=facts.DrawKind.CASH, amount_minor=100_000,
                    plan=plan_choice(PRODUCT, plan_id=2, on=TODAY, installments=6, offer=OfferKind.CASH,
                                     code="equal_installments")), TODAY, TODAY),
    (RefusalReason.PURPOSE_FORBIDDEN, "purpose", nothing, purchase(purpose="gambling"), TODAY, TODAY),
    (RefusalReason.PURPOSE_NOT_ALLOWED, "purpose", nothing, purchase(purpose="yachts"), TODAY, TODAY),
    (RefusalReason.CASH_HAS_NO_MERCHANT, "merchant_id", nothing,
     replace(purchase(purpose="home"), kind=facts.DrawKind.CASH, plan=plan(offer=OfferKind.ORDER_INSTALLMENTS)),
     TODAY, TODAY),
    (RefusalReason.PRODUCT_WITHOUT_OFFER, "plan", nothing,
     facts.Drawdown(draw_id=1, kind=facts.DrawKind.CASH, amount_minor=100_000, purpose="home"), TODAY, TODAY),
    (RefusalReason.PAUSE_EMPTY, "until", nothing,
     facts.DelinquencyPaused(until=TODAY, reason="flood"), TODAY, TODAY),
    (RefusalReason.HOLD_UNKNOWN, "hold_id", nothing, purchase(hold_id=4), TODAY, TODAY),
    (RefusalReason.HOLD_EXISTS, "hold_id", has(hold()), hold(), TODAY, TODAY),
    (RefusalReason.HOLD_NOT_EXPIRED, "hold_id", has(hold()), facts.HoldExpired(hold_id=4), TODAY, TODAY),
    (RefusalReason.HOLD_EXPIRY_PAST, "expires_on", nothing,
     facts.HoldPlaced(hold_id=4, amount_minor=1, expires_on=TODAY, merchant_id=5), TODAY, TODAY),
    (RefusalReason.DRAW_UNKNOWN, "draw_id", nothing,
     facts.Refunded(refund_id=7, draw_id=99, amount_minor=1), TODAY, TODAY),
    (RefusalReason.DRAW_EXISTS, "draw_id", has(purchase()), purchase(), TODAY, TODAY),
    (RefusalReason.DRAW_ALREADY_BILLED, "draw_id", has(purchase()),
     facts.PlanCreated(draw_id=1, plan=plan(on=BILLED_ON)), BILLED_ON, BILLED_ON),
    (RefusalReason.DRAW_IN_PLAN, "draw_id", has(purchase(plan=plan())),
     facts.PlanCreated(draw_id=1, plan=plan(3)), TODAY, TODAY),
    (RefusalReason.PLAN_EXISTS, "plan", has(purchase(plan=plan())), purchase(2, plan=plan()), TODAY, TODAY),
    (RefusalReason.PLAN_UNKNOWN, "plan_id", nothing, facts.PaymentHoliday(plan_id=2, periods=1), TODAY, TODAY),
    (RefusalReason.PLAN_SETTLED, "plan_id",
     has(purchase(plan=plan()), facts.Refunded(refund_id=7, draw_id=1, amount_minor=100_000)),
     facts.PaymentHoliday(plan_id=2, periods=1), TODAY, TODAY),
    (RefusalReason.STATEMENT_UNKNOWN, "statement_number", has(purchase()),
     facts.BillConverted(statement_number=9, amount_minor=1, plan=plan()), BILLED_ON, BILLED_ON),
    (RefusalReason.CONVERSION_TOO_LATE, "effective_on", has(purchase()),
     facts.BillConverted(statement_number=1, amount_minor=1, plan=plan()), LATE_ON, LATE_ON),
    (RefusalReason.COOLING_OFF_OVER, "effective_on", has(purchase()),
     facts.DrawWithdrawn(payment_id=3, draw_id=1, amount_minor=100_000, channel="bank"), BILLED_ON, BILLED_ON),
    (RefusalReason.ACCEPTANCE_MISSING, "limit_minor", nothing,
     facts.LimitChanged(limit_minor=4_000_000, reason="review"), TODAY, TODAY),
    (RefusalReason.LIMIT_OUT_OF_BOUNDS, "limit_minor", nothing,
     facts.LimitChanged(limit_minor=99_000_000, reason="review", acceptance_id=1), TODAY, TODAY),
    (RefusalReason.AVAILABLE_CREDIT_EXCEEDED, "amount_minor", nothing, purchase(1, 3_000_001), TODAY, TODAY),
    (RefusalReason.CASH_LIMIT_EXCEEDED, "amount_minor", nothing,
     facts.Drawdown(draw_id=1, kind=facts.DrawKind.CASH, amount_minor=1_500_001, purpose="home",
                    plan=plan_choice(PRODUCT, plan_id=2, on=TODAY, installments=6, offer=OfferKind.CASH,
                                     code="equal_installments")), TODAY, TODAY),
    (RefusalReason.REFUND_EXCEEDS_DRAW, "amount_minor", has(purchase()),
     facts.Refunded(refund_id=7, draw_id=1, amount_minor=100_001), TODAY, TODAY),
    (RefusalReason.AMOUNT_DIFFERS_FROM_QUOTE, "amount_minor", has(purchase(plan=plan())),
     facts.SettledEarly(payment_id=3, plan_id=2, amount_minor=1, channel="bank"), TODAY, TODAY),
    (RefusalReason.AMOUNT_EXCEEDS_OWED, "amount_minor", nothing,
     facts.Waived(component="fee", amount_minor=1, reason="goodwill"), TODAY, TODAY),
    (RefusalReason.CREDIT_BALANCE_TOO_SMALL, "amount_minor", has(paid(100)),
     facts.CreditPaidOut(amount_minor=101, channel="bank"), TODAY, TODAY),
    (RefusalReason.STILL_OWED, "line", has(purchase()), facts.LineClosed(reason="asked"), TODAY, TODAY),
    (RefusalReason.NOTHING_TO_DO, "limit_minor", nothing,
     facts.LimitChanged(limit_minor=3_000_000, reason="review"), TODAY, TODAY),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "field", "story", "fact", "today", "on"), REFUSED, ids=[f"{row[0]}-{row[1]}" for row in REFUSED]
)
def test_it_is_refused_by_name_and_changes_nothing(
    reason: RefusalReason, field: str, story: Story, fact: AnyFact, today: date, on: date
) -> None:
    life = Life(product=PRODUCT).open(OPENED_ON)
    story(life)
    before = life.sleep_until(today)
    events = len(life.events)
    refused = life.act(fact, today=today, on=on)
    assert isinstance(refused, Refusal), refused
    assert (refused.reason, refused.field) == (reason, field)
    assert (life.line, len(life.events)) == (before, events)
    says_what_to_do(refused)


def test_whatever_needs_a_second_person_is_refused_without_one() -> None:
    life = Life(product=PRODUCT).open(OPENED_ON)
    refused = life.act(facts.ChargedOff(reason="lost"), today=TODAY, has_second_person=False)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (RefusalReason.SECOND_PERSON_MISSING, "approved_by")


@pytest.mark.parametrize(
    ("position", "reason", "field"),
    [
        (BorrowerPosition(joint_cap_minor=20_000_000, blocked_because="court order"),
         RefusalReason.BORROWER_BLOCKED, "borrower_id"),
        (BorrowerPosition(joint_cap_minor=20_000_000, worst_days_past_due=91),
         RefusalReason.LINE_PAST_DUE, "borrower_id"),
        (BorrowerPosition(claims_minor=1), RefusalReason.LINE_CHARGED_OFF, "borrower_id"),
        (BorrowerPosition(cares=(CareKind.DECEASED,)), RefusalReason.LINE_IN_CARE, "borrower_id"),
        (BorrowerPosition(joint_cap_minor=1_000_000, other_exposure_minor=950_000),
         RefusalReason.JOINT_CAP_EXCEEDED, "amount_minor"),
    ],
)  # fmt: skip
def test_the_person_comes_before_the_line(position: BorrowerPosition, reason: RefusalReason, field: str) -> None:
    life = Life(product=PRODUCT).open(OPENED_ON)
    refused = life.act(purchase(), today=TODAY, borrower=position)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (reason, field)
    says_what_to_do(refused)


def test_a_limit_rises_neither_on_a_line_past_due_nor_in_a_care() -> None:
    raised = facts.LimitChanged(limit_minor=3_500_000, reason="reliable", acceptance_id=1)
    late = Life(product=PRODUCT).open(OPENED_ON)
    assert not isinstance(late.act(purchase(), today=TODAY), Refusal)
    refused = late.act(raised, today=TODAY + timedelta(days=90))
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (RefusalReason.LINE_PAST_DUE, "line")
    cared_for = Life(product=PRODUCT).open(OPENED_ON)
    assert not isinstance(cared_for.act(facts.CareBegun(kind=CareKind.HARDSHIP), today=TODAY), Refusal)
    refused = cared_for.act(raised, today=TODAY)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (RefusalReason.LINE_IN_CARE, "line")
    lowered = facts.LimitChanged(limit_minor=100_000, reason="in hardship")
    assert not isinstance(cared_for.act(lowered, today=TODAY), Refusal), "a limit goes down in any state"


def test_a_line_opens_once_and_nothing_happens_before() -> None:
    unborn = Life(product=PRODUCT)
    refused = unborn.act(paid(100), today=TODAY)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.LINE_NOT_OPEN
    life = Life(product=PRODUCT).open(OPENED_ON)
    opening = life.events[0].fact
    again = life.act(opening, today=TODAY, on=TODAY)
    assert isinstance(again, Refusal)
    assert again.reason is RefusalReason.LINE_ALREADY_OPEN
