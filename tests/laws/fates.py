"""Random lives of a line: a random contract, and every kind of fact that can happen, many of them learned late."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.servicing import facts
from tallystick.servicing.billing import next_statement_on
from tallystick.servicing.line import Line
from tallystick.servicing.owed import owed_minor, principal_left_minor
from tallystick.servicing.plan_settling import settle_quote
from tallystick.servicing.refusals import Refusal
from tallystick.terms.canonical import content_hash
from tallystick.terms.catalog import shipped_products
from tallystick.terms.plan_terms import Amortization, Recalculation, UnearnedCharges
from tallystick.terms.product import (
    Accrues,
    AllocationRule,
    CareKind,
    ChangeScope,
    Component,
    InstallmentPrice,
    InterestFree,
    LateFee,
    MinimumPart,
    OfferKind,
    PenaltyBase,
    Product,
    RefundCharges,
    RefundInstallments,
    RefundTerms,
    Walk,
)

OPENED_ON = date(2026, 1, 5)
ACTS = 25
KINDS = (
    *("purchase",) * 5, *("payment",) * 5, *("hold", "in_plan", "refund", "convert", "withdraw", "waive") * 2, "cash",
    "capture", "void", "plan_later", "pay_off", "return", "pay_out", "chargeback", "settle", "undo", "fee", "limit",
    "terms", "re_age", "holiday", "pause", "charge_off", "freeze", "care", "close",
)  # fmt: skip


def random_product(chance: random.Random, *, recalculation: Recalculation = Recalculation.NONE) -> Product:
    """The shipped line with rules of its own: orders of payment, prices, minimum, refunds, lateness, cares."""
    baitiao = shipped_products()["baitiao"]
    assert baitiao.pay_next_month is not None
    assert baitiao.late.penalty is not None
    orders = {
        kind: (AllocationRule(walk=chance.choice(list(Walk)), components=tuple(chance.sample(list(Component), 4))),)
        for kind in ("payment", "refund", "credit_balance", "settlement")
    }
    late = replace(
        baitiao.late,
        grace_days=chance.choice([0, 3]),
        late_fee=chance.choice([None, LateFee(share_ppm=50_000, least_minor=500, most_minor=20_000)]),
        penalty=replace(baitiao.late.penalty, base=chance.choice(list(PenaltyBase))),
    )
    minimum = replace(
        baitiao.pay_next_month.minimum_due,
        share_ppm=chance.choice([0, 50_000, 100_000, 333_333]),
        floor_minor=chance.choice([0, 5_000, 100_000]),
        in_full=chance.choice([tuple(MinimumPart), (MinimumPart.INSTALLMENTS,)]),
    )
    cycle = replace(
        baitiao.pay_next_month, daily_rate_ppm=chance.choice([1, 333, 500]), minimum_due=minimum,
        statement_day=chance.choice([1, 19, 28]),
        interest_free=chance.choice([InterestFree.PAID_IN_FULL, InterestFree.PAID_IN_FULL, InterestFree.NEVER]),
    )  # fmt: skip
    scope = chance.choice(list(ChangeScope))
    return replace(
        _priced(baitiao, chance, recalculation=recalculation),
        allocation=orders, pay_next_month=cycle, late=late,
        refund=RefundTerms(
            installments=chance.choice(list(RefundInstallments)),
            interest=chance.choice(list(RefundCharges)), fee=chance.choice(list(RefundCharges)),
        ),
        cares={kind: replace(care, interest=chance.choice(list(Accrues)), fee=chance.choice(list(Accrues)),
                             penalty=chance.choice(list(Accrues))) for kind, care in baitiao.cares.items()},
        notice=replace(
            baitiao.notice, price_change_scope=scope, price_change_days=0, cooling_off_days=chance.choice([7, 40])
        ),
        delinquency=replace(baitiao.delinquency, charge_off_from_days=chance.choice([31, 181])),
        early_settlement=replace(
            baitiao.early_settlement, fee_ppm=chance.choice([0, 10_000]),
            unearned_charges=chance.choice(list(UnearnedCharges)),
        ),
    )  # fmt: skip


def _priced(product: Product, chance: random.Random, *, recalculation: Recalculation) -> Product:
    """Orders by a price per period, a fee or interest; bills and cash also with interest by the year.

    Where interest follows each day, orders are sold by the year too.
    """
    assert product.order_installments is not None
    assert product.bill_installments is not None
    assert product.cash is not None
    per_period_ppm = chance.choice([0, 5_000, 7_777])
    fee = InstallmentPrice(
        code="standard", amortization=Amortization.EQUAL_INSTALLMENTS, least_installments=1, most_installments=24,
        fee_per_period_ppm=per_period_ppm,
    )  # fmt: skip
    as_interest = replace(fee, fee_per_period_ppm=None, interest_per_period_ppm=per_period_ppm)
    by_the_year = replace(
        fee, fee_per_period_ppm=None, nominal_rate_ppm=144_000, amortization=chance.choice(list(Amortization))
    )
    return replace(
        product,
        interest=replace(product.interest, recalculation=recalculation),
        order_installments=replace(
            product.order_installments,
            prices=(by_the_year if recalculation is Recalculation.DAILY else chance.choice([fee, as_interest]),),
        ),
        bill_installments=replace(product.bill_installments, prices=(chance.choice([fee, as_interest, by_the_year]),)),
        cash=replace(product.cash, prices=(chance.choice([as_interest, by_the_year]),)),
    )


@dataclass
class Fate:
    """Proposes random facts; `servicing` refuses those that cannot be."""

    seed: int
    recalculation: Recalculation = Recalculation.NONE
    chance: random.Random = field(init=False)
    life: Life = field(init=False)
    today: date = OPENED_ON

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.life = Life(product=random_product(self.chance, recalculation=self.recalculation)).open(OPENED_ON)
        self.numbers = count(10_000)

    @property
    def line(self) -> Line:
        """The line as it stands."""
        assert self.life.line is not None
        return self.life.line

    def acts(self) -> Iterator[facts.Event | Refusal | None]:
        """One act after the other, what became of it."""
        for _ in range(ACTS):
            self.today = self._next_day()
            self.life.sleep_until(self.today)
            fact = self._fact(self._kind())
            on = self._day()
            if fact is None:
                yield None
                continue
            taken = self.life.act(fact, today=self.today, on=max(on, OPENED_ON))
            yield self.life.act(fact, today=self.today) if isinstance(taken, Refusal) else taken

    def _next_day(self) -> date:
        """Some days later, or just after a statement asked for what was bought: a bill is open for few days."""
        cycle = self.life.contracts[self.line.contract_hash].pay_next_month
        assert cycle is not None
        closes_on = next_statement_on(self.line, cycle=cycle)
        is_new = any(item.statement_number is None for item in self.line.revolving.purchases)
        if closes_on is not None and is_new and self.chance.random() < 0.3:
            return closes_on + timedelta(days=1)
        return self.today + timedelta(days=self.chance.choice([0, 0, 1, 3, 10, 25, 60]))

    def _day(self) -> date:
        """Today, some days ago, or the day of something that is known already, a statement perhaps."""
        if self.chance.random() < 0.2:
            return self.chance.choice(self.life.events[-8:]).effective_on
        return self.today - timedelta(days=self.chance.choice([0, 0, 0, 1, 4, 15, 45]))

    def _kind(self) -> str:
        """Any kind; what stops a line from being used is often over soon."""
        if self.line.frozen_because is not None and self.chance.random() < 0.4:
            return "unfreeze"
        if self.line.cares and self.chance.random() < 0.4:
            return "care_over"
        if self._bill_may_be_converted() and self.chance.random() < 0.4:
            return "convert"
        if any(draw.bill_shares for draw in self.line.draws) and self.chance.random() < 0.2:
            return self.chance.choice(["refund", "chargeback", "withdraw", "settle"])
        if self.line.holds and self.chance.random() < 0.4:
            return self.chance.choice(["capture", "void"])
        return self.chance.choice(KINDS)

    def _bill_may_be_converted(self) -> bool:
        """Whether the last statement can still be paid in installments: few days are, and few acts would hit them."""
        due_on, number = self.line.last_statement_due_on, self.line.statements_closed
        return (
            due_on is not None
            and self.today <= due_on
            and any(item.statement_number == number for item in self.line.revolving.purchases)
        )

    def _fact(self, kind: str) -> facts.AnyFact | None:
        amount_minor = self.chance.choice([1, 99, 5_000, 77_777, 250_000, self.chance.randint(1, 400_000)])
        return (
            self._use(kind, amount_minor)
            or self._money(kind, amount_minor)
            or self._money_back(kind, amount_minor)
            or self._decision(kind, amount_minor)
        )

    def _choice(self, *, offer: OfferKind = OfferKind.ORDER_INSTALLMENTS) -> facts.PlanChoice:
        return plan_choice(
            self.life.contracts[self.line.contract_hash], plan_id=next(self.numbers), on=self.today, offer=offer,
            installments=self.chance.choice([1, 3, 6, 12]) if offer is not OfferKind.BILL_INSTALLMENTS else 3,
        )  # fmt: skip

    def _use(self, kind: str, amount_minor: int) -> facts.AnyFact | None:
        """Holds and draws."""
        line, chance, number = self.line, self.chance, next(self.numbers)
        bought = facts.Drawdown(
            draw_id=number, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5,
            merchant_fee_minor=amount_minor // 100,
        )  # fmt: skip
        match kind:
            case "purchase":
                return bought
            case "in_plan":
                return replace(bought, plan=self._choice())
            case "cash":
                return replace(
                    bought, kind=facts.DrawKind.CASH, merchant_id=0, merchant_fee_minor=0,
                    plan=self._choice(offer=OfferKind.CASH),
                )  # fmt: skip
            case "capture" if line.holds:
                keeps = chance.random() < 0.5
                plan = self._choice() if chance.random() < 0.3 else None
                return replace(bought, hold_id=line.holds[0].hold_id, keeps_hold=keeps, plan=plan)
            case "hold":
                expires_on = self.today + timedelta(days=chance.choice([1, 7, 40]))
                return facts.HoldPlaced(hold_id=number, amount_minor=amount_minor, expires_on=expires_on, merchant_id=5)
            case "void" if line.holds:
                part_minor = chance.choice([None, max(1, line.holds[0].left_minor // 2)])
                return facts.HoldVoided(hold_id=line.holds[0].hold_id, amount_minor=part_minor)
            case "plan_later" if line.draws:
                return facts.PlanCreated(draw_id=chance.choice(line.draws).draw_id, plan=self._choice())
            case "convert":
                number = line.statements_closed
                billed = [item.left_minor for item in line.revolving.purchases if item.statement_number == number]
                most_minor = max(1, sum(billed))
                return facts.BillConverted(
                    statement_number=number, amount_minor=chance.choice([most_minor, min(amount_minor, most_minor)]),
                    plan=self._choice(offer=OfferKind.BILL_INSTALLMENTS),
                )  # fmt: skip
            case _:
                return None

    def _money(self, kind: str, amount_minor: int) -> facts.AnyFact | None:
        """What the borrower pays, and what comes of it."""
        line, chance, number = self.line, self.chance, next(self.numbers)
        match kind:
            case "payment":
                return facts.PaymentReceived(payment_id=number, amount_minor=amount_minor, channel="bank")
            case "pay_off":
                owed = max(1, sum(owed_minor(line, day=self.today).values()))
                return facts.PaymentReceived(payment_id=number, amount_minor=owed, channel="bank")
            case "settle" if line.plans:
                plan = chance.choice(line.plans)
                quote = max(1, settle_quote(plan, on=self.today).total_minor)
                return facts.SettledEarly(payment_id=number, plan_id=plan.plan_id, amount_minor=quote, channel="bank")
            case "return":
                paid = [
                    event for event in self.life.events
                    if isinstance(event.fact, facts.PaymentReceived | facts.SettledEarly | facts.DrawWithdrawn)
                ]  # fmt: skip
                if paid:
                    event = chance.choice(paid)
                    return facts.PaymentReturned(
                        payment_id=getattr(event.fact, "payment_id", 0), event_id=event.event_id, reason="no funds"
                    )
            case "pay_out":
                return facts.CreditPaidOut(amount_minor=max(1, line.credit_minor // 2), channel="bank")
        return None

    def _money_back(self, kind: str, amount_minor: int) -> facts.AnyFact | None:
        """What is given back of a draw, in part or as a whole."""
        chance, number = self.chance, next(self.numbers)
        draws = [draw for draw in self.line.draws if draw.refunded_minor < draw.amount_minor]
        if not draws:
            return None
        draw = chance.choice(draws)
        left_minor = draw.amount_minor - draw.refunded_minor
        given_minor = chance.choice([left_minor, min(amount_minor, left_minor), amount_minor])
        match kind:
            case "refund":
                return facts.Refunded(refund_id=number, draw_id=draw.draw_id, amount_minor=given_minor)
            case "chargeback":
                return facts.Chargeback(
                    chargeback_id=number, draw_id=draw.draw_id, amount_minor=given_minor, reason="never came"
                )
            case "withdraw":
                left_minor = principal_left_minor(self.line, draw)
                return facts.DrawWithdrawn(
                    payment_id=number, draw_id=draw.draw_id, amount_minor=max(1, left_minor), channel="bank"
                )
            case _:
                return None

    def _decision(self, kind: str, amount_minor: int) -> facts.AnyFact | None:  # noqa: PLR0912
        """What lender and borrower decide about the line."""
        line, chance, number = self.line, self.chance, next(self.numbers)
        running = [plan for plan in line.plans if plan.principal_left_minor]
        match kind:
            case "undo":
                return facts.EventUndone(event_id=chance.choice(self.life.events).event_id, reason="keyed twice")
            case "fee":
                return facts.FeeCharged(charge_id=number, amount_minor=1 + amount_minor % 3_000, reason="copy")
            case "waive":
                owed_now = owed_minor(line, day=self.today)
                charges = [component for component in list(Component)[:3] if owed_now[component]]
                component = chance.choice(charges or [Component.FEE])
                owed = owed_now[component]
                waived_minor = chance.choice([1, max(1, owed // 2), max(1, owed)])
                return facts.Waived(component=component.value, amount_minor=waived_minor, reason="goodwill")
            case "limit":
                return facts.LimitChanged(limit_minor=200_000 + 5 * amount_minor, reason="review", acceptance_id=1)
            case "terms":
                return facts.TermsChanged(contract_hash=self._new_contract(), noticed_on=self.today)
            case "re_age" if running:
                return facts.PlanReaged(
                    plan_id=chance.choice(running).plan_id, installments=chance.choice([1, 4, 9]),
                    first_due_on=self.today + timedelta(days=chance.choice([1, 12, 40])),
                )  # fmt: skip
            case "holiday" if running:
                plan = chance.choice(running)
                if not plan.terms.nominal_rate:
                    return facts.PaymentHoliday(plan_id=plan.plan_id, periods=chance.choice([1, 2]))
            case "pause":
                until = self.today + timedelta(days=chance.choice([1, 20, 60]))
                return facts.DelinquencyPaused(until=until, reason="flood")
            case "charge_off":
                return facts.ChargedOff(reason="lost")
            case "freeze":
                return facts.LineFrozen(reason="asked")
            case "unfreeze":
                return facts.LineUnfrozen(reason="asked")
            case "close":
                return facts.LineClosed(reason="asked")
            case "care":
                return facts.CareBegun(kind=chance.choice(list(CareKind)))
            case "care_over" if line.cares:
                return facts.CareEnded(kind=line.cares[0])
        return None

    def _new_contract(self) -> str:
        """Another contract of the same product, with the same days of statements."""
        present = self.life.contracts[self.line.contract_hash]
        assert present.pay_next_month is not None
        other = random_product(self.chance, recalculation=self.recalculation)
        assert other.pay_next_month is not None
        cycle = replace(other.pay_next_month, statement_day=present.pay_next_month.statement_day)
        other = replace(other, version=present.version + 1, pay_next_month=cycle)
        self.life.contracts[content_hash(other)] = other
        return content_hash(other)
