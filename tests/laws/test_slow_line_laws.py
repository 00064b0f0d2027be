"""Random lives, folded by `servicing` and lived day by day by the slow line: the same figures after every act.

`TALLYSTICK_LIVES` says how many (120 without it); the seed of each is its number, so one that fails can be repeated.
"""

import os
import random
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import count

import pytest
from msgspec.structs import replace
from tests.laws.slow_line import SlowLine, lived
from tests.lives import Life, plan_choice

from tallystick.servicing import facts
from tallystick.servicing.line import Line
from tallystick.servicing.owed import available_minor, days_past_due, drawn_minor, held_minor, owed_minor
from tallystick.servicing.refusals import Refusal
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import (
    AllocationRule,
    CareKind,
    Component,
    InterestFree,
    LateFee,
    Product,
    Walk,
)

OPENED_ON = date(2026, 1, 5)
LIVES = int(os.environ.get("TALLYSTICK_LIVES", "120"))
ACTS = 25
PARTS = 8
KINDS = (
    *("purchase",) * 5, *("in_plan",) * 2, *("payment",) * 6, "pay_off", "refund", "refund", "chargeback",
    "return", "undo", "fee", "limit", "hold", "capture", "void", "freeze", "unfreeze", "pay_out", "care", "care_over",
)  # fmt: skip


def _product(chance: random.Random) -> Product:
    """The shipped line with an order of components of its own, a rate and a minimum of its own."""
    baitiao = shipped_products()["baitiao"]
    assert baitiao.pay_next_month is not None
    orders = {
        kind: (AllocationRule(walk=chance.choice(list(Walk)), components=tuple(chance.sample(list(Component), 4))),)
        for kind in ("payment", "refund", "credit_balance")
    }
    late = replace(
        baitiao.late,
        grace_days=chance.choice([0, 3]),
        late_fee=chance.choice([None, LateFee(share_ppm=50_000, least_minor=500, most_minor=20_000)]),
    )
    minimum = replace(
        baitiao.pay_next_month.minimum_due,
        share_ppm=chance.choice([0, 50_000, 100_000, 333_333]),
        floor_minor=chance.choice([0, 5_000, 100_000]),
    )
    cycle = replace(
        baitiao.pay_next_month, daily_rate_ppm=chance.choice([1, 333, 500]), minimum_due=minimum,
        statement_day=chance.choice([1, 19, 28]),
        interest_free=chance.choice([InterestFree.PAID_IN_FULL, InterestFree.PAID_IN_FULL, InterestFree.NEVER]),
    )  # fmt: skip
    return replace(baitiao, allocation=orders, pay_next_month=cycle, late=late)


class Fate:
    """Proposes random facts; `servicing` refuses those that cannot be."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.life = Life(product=_product(self.chance)).open(OPENED_ON)
        self.today = OPENED_ON
        self.numbers = count(10_000)

    def lines(self) -> Iterator[Line]:
        """The line after each act."""
        for _ in range(ACTS):
            self.today += timedelta(days=self.chance.choice([0, 1, 3, 10, 25, 60]))
            self.life.sleep_until(self.today)
            fact = self._fact(self.chance.choice(KINDS))
            on = self.today - timedelta(days=self.chance.choice([0, 0, 0, 1, 4, 15, 45]))
            if fact is not None:
                refused = self.life.act(fact, today=self.today, on=max(on, OPENED_ON))
                if isinstance(refused, Refusal):
                    self.life.act(fact, today=self.today)
            assert self.life.line is not None
            yield self.life.line

    def _fact(self, kind: str) -> facts.AnyFact | None:  # noqa: PLR0912
        line, chance, number = self.life.line, self.chance, next(self.numbers)
        assert line is not None
        amount_minor = chance.choice([1, 99, 5_000, 77_777, 250_000, chance.randint(1, 400_000)])
        draws = [draw for draw in line.draws if draw.refunded_minor < draw.amount_minor and draw.plan_id is None]
        match kind:
            case "purchase":
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5
                )
            case "in_plan":
                plan = plan_choice(
                    self.life.product, plan_id=number, on=self.today, installments=chance.choice([3, 6, 12])
                )
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5, plan=plan
                )
            case "care":
                return facts.CareBegun(kind=chance.choice(list(CareKind)))
            case "care_over" if line.cares:
                return facts.CareEnded(kind=line.cares[0])
            case "capture" if line.holds:
                return facts.Drawdown(
                    draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5,
                    hold_id=line.holds[0].hold_id, keeps_hold=chance.random() < 0.5,
                )  # fmt: skip
            case "payment":
                return facts.PaymentReceived(payment_id=number, amount_minor=amount_minor, channel="bank")
            case "pay_off":
                owed = max(1, sum(owed_minor(line, day=self.today).values()))
                return facts.PaymentReceived(payment_id=number, amount_minor=owed, channel="bank")
            case "refund" | "chargeback" if draws:
                draw = chance.choice(draws)
                given_minor = min(amount_minor, draw.amount_minor - draw.refunded_minor)
                if kind == "refund":
                    return facts.Refunded(refund_id=number, draw_id=draw.draw_id, amount_minor=given_minor)
                return facts.Chargeback(
                    chargeback_id=number, draw_id=draw.draw_id, amount_minor=given_minor, reason="never came"
                )
            case "return":
                paid = [event for event in self.life.events if isinstance(event.fact, facts.PaymentReceived)]
                if paid:
                    event = chance.choice(paid)
                    assert isinstance(event.fact, facts.PaymentReceived)
                    return facts.PaymentReturned(
                        payment_id=event.fact.payment_id, event_id=event.event_id, reason="no funds"
                    )
            case "undo":
                return facts.EventUndone(event_id=chance.choice(self.life.events).event_id, reason="keyed twice")
            case "fee":
                return facts.FeeCharged(charge_id=number, amount_minor=1 + amount_minor % 3_000, reason="copy")
            case "limit":
                return facts.LimitChanged(limit_minor=200_000 + 5 * amount_minor, reason="review", acceptance_id=1)
            case "hold":
                expires_on = self.today + timedelta(days=chance.choice([1, 7, 40]))
                return facts.HoldPlaced(hold_id=number, amount_minor=amount_minor, expires_on=expires_on, merchant_id=5)
            case "void" if line.holds:
                part = chance.choice([None, max(1, line.holds[0].left_minor // 2)])
                return facts.HoldVoided(hold_id=line.holds[0].hold_id, amount_minor=part)
            case "freeze":
                return facts.LineFrozen(reason="asked")
            case "unfreeze":
                return facts.LineUnfrozen(reason="asked")
            case "pay_out":
                return facts.CreditPaidOut(amount_minor=max(1, line.credit_minor // 2), channel="bank")
            case _:
                return None
        return None


def _figures(line: Line, day: date) -> dict[str, object]:
    owed = owed_minor(line, day=day)
    return {
        "drawn": drawn_minor(line),
        "held": held_minor(line),
        "available": available_minor(line),
        "credit": line.credit_minor,
        "interest due": owed[Component.INTEREST],
        "fees": owed[Component.FEE],
        "penalties": owed[Component.PENALTY],
        "penalty accrued": Fraction(line.penalty.on(day), 1_000_000),
        "accrued": Fraction(line.revolving.interest.on(day), 1_000_000),
        "days past due": days_past_due(line, day=day),
        "minimum missing": line.revolving.minimum_left_minor,
        "purchases": [(item.draw_id, item.left_minor, item.revolves) for item in line.revolving.purchases],
    }


def _slow_figures(line: SlowLine, day: date) -> dict[str, object]:
    return {
        "drawn": line.drawn_minor,
        "held": line.held_minor,
        "available": line.available_minor(),
        "credit": line.credit_minor,
        "interest due": line.interest_due_minor,
        "fees": line.fees_minor(day),
        "penalties": line.charged_minor(Component.PENALTY),
        "penalty accrued": line.penalty,
        "accrued": line.accrued,
        "days past due": line.days_past_due(day),
        "minimum missing": sum(ask.missing_minor for ask in line.asked),
        "purchases": [(item.draw_id, item.left_minor, item.revolves) for item in line.bought],
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_a_line_is_what_living_every_day_of_it_makes_it(part: int) -> None:
    for seed in range(part, LIVES, PARTS):
        fate = Fate(seed)
        for line in fate.lines():
            slow = lived(fate.life.events, product=fate.life.product, today=fate.today)
            assert _figures(line, fate.today) == _slow_figures(slow, fate.today), f"life {seed}, {fate.today}"
