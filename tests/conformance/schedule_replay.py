"""A case's timeline driven through our plan: what is backdated is put in its place and everything folded again."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec import Struct
from tests.conformance.schedule_terms import is_rebuilt, minor, order_of, plan_terms_of

from tallystick.servicing import plan as plans
from tallystick.servicing.plan import Plan
from tallystick.terms.plan_terms import PlanTerms
from tallystick.terms.product import Component
from tallystick.terms.schedule import down_payment_minor

Case = Mapping[str, Any]


class Happened(Struct, frozen=True):
    """One thing that happened to the loan, on its own day."""

    on: date
    kind: str
    amount_minor: int


class Booked(Struct, frozen=True):
    """What one transaction came to; a draw may be paid at once by what was paid too much before."""

    on: date
    kind: str
    amount_minor: int
    applied_minor: dict[Component, int]

    @property
    def more_owed_minor(self) -> int:
        """By how much it raises the principal owed."""
        drawn_minor = self.amount_minor if self.kind == "Disbursement" else 0
        return drawn_minor - self.applied_minor.get(Component.PRINCIPAL, 0)


class Replay:
    """A loan of the other system, as our plan."""

    def __init__(self, case: Case) -> None:
        self.product, self.loan = case["product"], case["loan"]
        self.terms: PlanTerms = plan_terms_of(self.product, self.loan)
        self.history: list[Happened] = []
        self.plan: Plan | None = None
        self.booked: list[Booked] = []
        self.overpaid_minor = 0

    def happen(self, item: Case) -> None:
        """Take one event of the timeline."""
        business_on = date.fromisoformat(item["on"])
        if item["event"] == "close_of_business":
            self._roll(business_on)
            return
        on = date.fromisoformat(item["date"])
        happened = self._told(item, on=on)
        is_latest = self.plan is None or on >= max(self.plan.rolled_to, self.history[-1].on)
        position = len(self.history)
        while position and self.history[position - 1].on > on:
            position -= 1
        self.history[position:position] = happened
        draws_again = self.plan is not None and item["event"] == "disburse" and is_rebuilt(self.product)
        if is_latest and not draws_again:
            for fact in happened:
                self._apply(fact)
        else:
            self._fold_again(business_on)
        if on < business_on:
            self._roll(business_on)

    def _told(self, item: Case, *, on: date) -> list[Happened]:
        match item["event"]:
            case "disburse":
                amount_minor = minor(item["amount"], product=self.product)
                told = [Happened(on=on, kind="Disbursement", amount_minor=amount_minor)]
                down_minor = down_payment_minor(self.terms, drawn_minor=amount_minor) - self.overpaid_minor
                if down_minor > 0 and self.product.get("down_payment_auto_paid"):
                    told.append(Happened(on=on, kind="Down Payment", amount_minor=down_minor))
                return told
            case "repayment":
                return [Happened(on=on, kind="Repayment", amount_minor=minor(item["amount"], product=self.product))]
            case "pay_off_in_full":
                assert self.plan is not None, "nothing is drawn yet"
                quote = plans.settle_quote(self.plan, on=on)
                if quote.total_minor == 0:
                    return []
                return [Happened(on=on, kind="Repayment", amount_minor=quote.total_minor)]
            case other:
                raise ValueError(f"event: {other!r} is not known; known are disburse, repayment, pay_off_in_full, "
                                 "close_of_business")  # fmt: skip

    def _fold_again(self, business_on: date) -> None:
        self.plan, self.booked, self.overpaid_minor = None, [], 0
        for fact in sorted(self.history, key=self._place):
            self._apply(fact)
        self._roll(business_on)

    def _place(self, fact: Happened) -> tuple[int, date]:
        """By day; where a further draw makes everything anew, all draws come before any payment."""
        is_first = is_rebuilt(self.product) and fact.kind == "Disbursement"
        return 0 if is_first else 1, fact.on

    def _roll(self, on: date) -> None:
        if self.plan is not None:
            self.plan = plans.roll(self.plan, on=on)

    def _apply(self, fact: Happened) -> None:
        if fact.kind == "Disbursement":
            self._draw(fact)
        else:
            self._pay(fact)

    def _draw(self, fact: Happened) -> None:
        if self.plan is None:
            self.plan = plans.open_plan(
                plan_id=1, terms=self.terms, drawn_on=fact.on, principal_minor=fact.amount_minor
            )
        else:
            if not is_rebuilt(self.product):
                self._roll(fact.on)
            self.plan = plans.add_draw(self.plan, on=fact.on, principal_minor=fact.amount_minor)
        self._book(fact, applied_minor=self._use_overpaid(fact))

    def _use_overpaid(self, fact: Happened) -> dict[Component, int]:
        """What was paid too much before pays what the draw asks for."""
        if not self.overpaid_minor:
            return {}
        assert self.plan is not None, "what was overpaid was drawn"
        order = order_of(self.product, self.loan, transaction="DEFAULT")
        paid = plans.pay(self.plan, on=fact.on, amount_minor=self.overpaid_minor, order=order)
        self.plan, self.overpaid_minor = paid.plan, paid.rest_minor
        return paid.applied_minor

    def _pay(self, fact: Happened) -> None:
        assert self.plan is not None, "nothing is drawn yet"
        order = order_of(self.product, self.loan, transaction=fact.kind.upper().replace(" ", "_"))
        paid = plans.pay(self.plan, on=fact.on, amount_minor=fact.amount_minor, order=order)
        self.plan = paid.plan
        self.overpaid_minor += paid.rest_minor
        self._book(fact, applied_minor=paid.applied_minor)

    def _book(self, fact: Happened, *, applied_minor: dict[Component, int]) -> None:
        booked = Booked(on=fact.on, kind=fact.kind, amount_minor=fact.amount_minor, applied_minor=applied_minor)
        self.booked.append(booked)
