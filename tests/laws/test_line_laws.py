"""Laws that hold for every life of a line: random facts on random days, some of them late, audited after each."""

import random
from datetime import date, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws.audits import audit, folded_from_zero
from tests.lives import Life, balances_of, plan_choice

from tallystick.servicing import facts
from tallystick.servicing.accrued import accrued
from tallystick.servicing.history import snapshot
from tallystick.servicing.line import Condition
from tallystick.servicing.owed import drawn_minor, held_minor, owed_minor
from tallystick.servicing.plan_settling import settle_quote
from tallystick.servicing.refusals import Refusal
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import CareKind, OfferKind

OPENED_ON = date(2026, 1, 5)
PRODUCT = shipped_products()["baitiao"]
amounts = st.one_of(st.integers(1, 500_000), st.sampled_from([1, 100, 9_999, 100_000]))
late_days = st.sampled_from([0, 0, 0, 0, 1, 3, 12, 33, 70])


def _choice(number: int, *, offer: OfferKind, code: str, installments: int, on: date) -> facts.PlanChoice:
    return plan_choice(PRODUCT, plan_id=100_000 + number, on=on, installments=installments, offer=offer, code=code)


@st.composite
def acts(draw: st.DrawFn) -> tuple[str, int, int, int]:
    """A kind of act, days since the one before, an amount, and how many days late it is recorded."""
    kind = draw(
        st.sampled_from(
            [
                "purchase", "purchase", "order_plan", "cash_plan", "hold", "capture", "void", "payment", "payment",
                "payment", "refund", "return", "undo", "fee", "waive", "settle", "withdraw", "convert", "plan_later",
                "limit", "pause", "care", "care_over", "freeze", "unfreeze", "re_age", "holiday", "pay_out",
                "pay_off",
            ]
        )
    )  # fmt: skip
    return kind, draw(st.integers(0, 25)), draw(amounts), draw(late_days)


class Teller:
    """Turns random acts into facts that fit the line as it stands."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.numbers = count(100)

    def fact(self, kind: str, amount_minor: int, on: date) -> facts.AnyFact | None:  # noqa: PLR0912
        line = self.life.line
        assert line is not None
        number = next(self.numbers)
        draws = [draw for draw in line.draws if draw.refunded_minor < draw.amount_minor]
        payments = [e for e in self.life.events if isinstance(e.fact, facts.PaymentReceived | facts.SettledEarly)]
        match kind:
            case "purchase":
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5,
                    merchant_fee_minor=amount_minor // 100,
                )  # fmt: skip
            case "order_plan":
                plan = _choice(number, offer=OfferKind.ORDER_INSTALLMENTS, code="standard",
                               installments=3 + amount_minor % 10, on=on)  # fmt: skip
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=6, plan=plan
                )
            case "cash_plan":
                codes = ["equal_installments", "equal_principal", "principal_at_end"]
                plan = _choice(number, offer=OfferKind.CASH, code=codes[amount_minor % 3],
                               installments=3 + amount_minor % 8, on=on)  # fmt: skip
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.CASH, amount_minor=amount_minor, purpose="home", plan=plan
                )
            case "hold":
                return facts.HoldPlaced(
                    hold_id=number, amount_minor=amount_minor, expires_on=on + timedelta(days=7), merchant_id=5
                )
            case "capture" if line.holds:
                hold = line.holds[amount_minor % len(line.holds)]
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5,
                    hold_id=hold.hold_id, keeps_hold=amount_minor % 2 == 0,
                )  # fmt: skip
            case "void" if line.holds:
                return facts.HoldVoided(hold_id=line.holds[0].hold_id)
            case "payment":
                return facts.PaymentReceived(payment_id=number, amount_minor=amount_minor, channel="gateway")
            case "pay_off":
                owed = sum(owed_minor(line, day=line.as_of).values())
                return facts.PaymentReceived(payment_id=number, amount_minor=max(1, owed), channel="bank")
            case "refund" if draws:
                draw = draws[amount_minor % len(draws)]
                left_minor = draw.amount_minor - draw.refunded_minor
                return facts.Refunded(
                    refund_id=number, draw_id=draw.draw_id, amount_minor=min(amount_minor, left_minor)
                )
            case "return" if payments:
                paid = payments[amount_minor % len(payments)]
                assert isinstance(paid.fact, facts.PaymentReceived | facts.SettledEarly)
                return facts.PaymentReturned(
                    payment_id=paid.fact.payment_id, event_id=paid.event_id, reason="insufficient funds"
                )
            case "undo":
                target = self.life.events[amount_minor % len(self.life.events)]
                return facts.EventUndone(event_id=target.event_id, reason="recorded in error")
            case "fee":
                return facts.FeeCharged(charge_id=number, amount_minor=amount_minor % 5_000 + 1, reason="card copy")
            case "waive":
                component = ["interest", "fee", "penalty"][amount_minor % 3]
                return facts.Waived(component=component, amount_minor=amount_minor % 500 + 1, reason="goodwill")
            case "settle" if line.plans:
                plan_left = line.plans[amount_minor % len(line.plans)]
                quote = settle_quote(plan_left, on=on).total_minor
                return facts.SettledEarly(
                    payment_id=number, plan_id=plan_left.plan_id, amount_minor=max(1, quote), channel="bank"
                )
            case "withdraw" if draws:
                draw = draws[-1]
                left = draw.amount_minor - draw.refunded_minor
                return facts.DrawWithdrawn(payment_id=number, draw_id=draw.draw_id, amount_minor=left, channel="bank")
            case "convert":
                plan = _choice(number, offer=OfferKind.BILL_INSTALLMENTS, code="standard", installments=3, on=on)
                return facts.BillConverted(
                    statement_number=line.statements_closed, amount_minor=amount_minor, plan=plan
                )
            case "plan_later" if draws:
                plan = _choice(number, offer=OfferKind.ORDER_INSTALLMENTS, code="standard", installments=6, on=on)
                return facts.PlanCreated(draw_id=draws[-1].draw_id, plan=plan)
            case "limit":
                return facts.LimitChanged(limit_minor=500_000 + amount_minor * 5, reason="review", acceptance_id=number)
            case "pause":
                return facts.DelinquencyPaused(until=on + timedelta(days=20), reason="flood")
            case "care":
                return facts.CareBegun(kind=list(CareKind)[amount_minor % 3])
            case "care_over" if line.cares:
                return facts.CareEnded(kind=line.cares[0])
            case "freeze":
                return facts.LineFrozen(reason="lost phone")
            case "unfreeze":
                return facts.LineUnfrozen(reason="found")
            case "re_age" if line.plans:
                return facts.PlanReaged(
                    plan_id=line.plans[0].plan_id, installments=6, first_due_on=on + timedelta(days=30)
                )
            case "holiday" if line.plans:
                return facts.PaymentHoliday(plan_id=line.plans[0].plan_id, periods=1)
            case "pay_out" if line.credit_minor:
                return facts.CreditPaidOut(amount_minor=line.credit_minor, channel="bank")
            case _:
                return None


def live(story: list[tuple[str, int, int, int]]) -> Life:
    """A life of random acts, audited after each of them."""
    life = Life(product=PRODUCT).open(OPENED_ON)
    teller = Teller(life)
    today = OPENED_ON
    for kind, days, amount_minor, late in story:
        today += timedelta(days=days)
        life.sleep_until(today)
        audit(life)
        on = max(OPENED_ON, today - timedelta(days=late))
        fact = teller.fact(kind, amount_minor, on)
        if fact is None:
            continue
        taken = life.act(fact, today=today, on=on)
        audit(life)
        line = life.line
        assert line is not None
        is_new_use = isinstance(fact, facts.HoldPlaced) or (isinstance(fact, facts.Drawdown) and fact.hold_id is None)
        if is_new_use and not isinstance(taken, Refusal):
            assert drawn_minor(line) + held_minor(line) <= line.limit_minor
    return life


stories = st.lists(acts(), min_size=1, max_size=25)


@settings(max_examples=150, deadline=None)
@given(stories)
def test_books_told_by_transfers_are_the_lines_own_figures_after_every_act(
    story: list[tuple[str, int, int, int]],
) -> None:
    live(story)


@settings(max_examples=100, deadline=None)
@given(stories)
def test_folding_the_whole_life_again_gives_the_same_line_and_the_same_books(
    story: list[tuple[str, int, int, int]],
) -> None:
    life = live(story)
    assert life.line is not None
    again = folded_from_zero(life)
    assert again.line == life.line
    assert +balances_of(again.transfers) == +life.balances()


@settings(max_examples=60, deadline=None)
@given(stories)
def test_the_history_told_last_is_the_line_as_it_stands(story: list[tuple[str, int, int, int]]) -> None:
    life = live(story)
    line = life.line
    assert line is not None
    latest = {}
    for row in life.history:
        latest[row.effective_on] = row
    now = snapshot(line, day=line.as_of, cause="", event_id=0)
    assert latest[max(latest)].figures == now.figures


@settings(max_examples=60, deadline=None)
@given(stories)
def test_a_told_statement_adds_up_and_its_minimum_is_within_what_it_asks(
    story: list[tuple[str, int, int, int]],
) -> None:
    told = [event.fact for event in live(story).events if isinstance(event.fact, facts.StatementClosed)]
    for statement in told:
        figures = statement.figures
        asked = (
            figures.opening_minor + figures.adjustments_minor + figures.purchases_minor + figures.installments_minor
            + figures.interest_minor + figures.fees_minor + figures.penalties_minor
        )  # fmt: skip
        met = figures.payments_minor + figures.refunds_minor + figures.waivers_minor
        assert asked - met == figures.closing_minor
        assert 0 <= figures.minimum_due_minor <= figures.closing_minor
    assert [statement.number for statement in told] == list(range(1, len(told) + 1))


late_facts = st.lists(
    st.tuples(
        st.sampled_from(["payment", "payment", "fee", "refund", "chargeback", "pause"]),
        st.integers(0, 100),
        st.integers(1, 200_000),
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda fact: fact[1],  # facts of one kind and day count in the order of their ids
)


def _learned(place: int, kind: str, day: date, amount_minor: int) -> facts.AnyFact:
    match kind:
        case "payment":
            return facts.PaymentReceived(payment_id=500 + place, amount_minor=amount_minor, channel="bank")
        case "fee":
            return facts.FeeCharged(charge_id=500 + place, amount_minor=amount_minor // 100 + 1, reason="card copy")
        case "refund":
            return facts.Refunded(refund_id=500 + place, draw_id=91 + place % 2, amount_minor=amount_minor // 6 + 1)
        case "chargeback":
            return facts.Chargeback(
                chargeback_id=500 + place, draw_id=91, amount_minor=amount_minor // 6 + 1, reason="never came"
            )
        case _:
            return facts.DelinquencyPaused(until=day + timedelta(days=1 + amount_minor % 40), reason="flood")


@settings(max_examples=60, deadline=None)
@given(late_facts, st.randoms(use_true_random=False))
def test_events_recorded_in_another_order_give_the_same_balances(
    happened: list[tuple[str, int, int]], chance: random.Random
) -> None:
    """What is learned late, in whatever order, ends in the books that knowing it in time would have made."""
    today = OPENED_ON + timedelta(days=130)
    days = [OPENED_ON + timedelta(days=day) for _, day, _ in happened]
    told = [_learned(place, kind, days[place], minor) for place, (kind, _, minor) in enumerate(happened)]
    lives = []
    for _ in range(2):
        life = Life(product=PRODUCT).open(OPENED_ON)
        plan = _choice(90, offer=OfferKind.ORDER_INSTALLMENTS, code="standard", installments=6, on=OPENED_ON)
        for number, choice in ((91, plan), (92, None)):
            bought = facts.Drawdown(
                draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=240_000, merchant_id=5, plan=choice
            )
            assert not isinstance(life.act(bought, today=OPENED_ON), Refusal)
        order = list(range(len(told)))
        chance.shuffle(order)
        for place in order:
            assert not isinstance(life.act(told[place], today=today, on=days[place]), Refusal)
        lives.append(life)
    first, second = lives
    assert +first.balances() == +second.balances()
    assert first.line is not None
    assert second.line is not None
    assert snapshot(first.line, day=today, cause="", event_id=0) == snapshot(
        second.line, day=today, cause="", event_id=0
    )


@settings(max_examples=60, deadline=None)
@given(stories)
def test_paying_everything_off_leaves_exactly_nothing(story: list[tuple[str, int, int, int]]) -> None:
    life = live(story)
    assert life.line is not None
    today = life.line.as_of
    for plan in life.line.plans:
        quote_minor = settle_quote(plan, on=today).total_minor
        if plan.principal_left_minor and life.line.condition is Condition.OPEN:
            settled = facts.SettledEarly(
                payment_id=9_000_000 + plan.plan_id, plan_id=plan.plan_id, amount_minor=quote_minor, channel="bank"
            )
            assert not isinstance(life.act(settled, today=today), Refusal)
    for months in range(4):  # what is not billed yet is asked for by the next statements
        today += timedelta(days=31)
        life.sleep_until(today)
        assert life.line is not None
        owed_minor_now = sum(owed_minor(life.line, day=today).values())
        if owed_minor_now:
            paid = facts.PaymentReceived(payment_id=99_000 + months, amount_minor=owed_minor_now, channel="bank")
            assert not isinstance(life.act(paid, today=today), Refusal)
    life.sleep_until(today + timedelta(days=62))
    assert life.line is not None
    assert set(owed_minor(life.line, day=life.line.as_of).values()) == {0}
    assert accrued(life.line).on(life.line.as_of) == 0


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90_000), st.integers(0, 40)), min_size=1, max_size=8), st.booleans())
def test_refunds_never_give_back_more_than_was_paid(refunds: list[tuple[int, int]], in_plan: bool) -> None:  # noqa: FBT001
    life = Life(product=PRODUCT).open(OPENED_ON)
    choice = _choice(90, offer=OfferKind.ORDER_INSTALLMENTS, code="standard", installments=6, on=OPENED_ON)
    bought = facts.Drawdown(
        draw_id=91, kind=facts.DrawKind.PURCHASE, amount_minor=200_000, merchant_id=5, plan=choice if in_plan else None
    )
    assert not isinstance(life.act(bought, today=OPENED_ON), Refusal)
    today = OPENED_ON
    paid_minor = refunded_minor = 0
    for number, (amount_minor, days) in enumerate(refunds):
        today += timedelta(days=days)
        paid = facts.PaymentReceived(payment_id=500 + number, amount_minor=amount_minor // 3 + 1, channel="bank")
        assert not isinstance(life.act(paid, today=today), Refusal)
        paid_minor += amount_minor // 3 + 1
        refund = facts.Refunded(refund_id=700 + number, draw_id=91, amount_minor=amount_minor)
        if not isinstance(life.act(refund, today=today), Refusal):
            refunded_minor += amount_minor
        audit(life)
        assert life.line is not None
        assert life.line.credit_minor <= paid_minor
    assert refunded_minor <= 200_000
