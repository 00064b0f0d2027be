"""Books to test with: a published product, a borrower, and acts on lines in a real database."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any, TypeVar

import psycopg

from tallystick.operations.lines import Act, Recorded, record
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal
from tallystick.storage import borrowers, contracts
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import Product

Ended = TypeVar("Ended")

AT = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
OPENED_ON = date(2026, 1, 5)


def told_events(connection: psycopg.Connection) -> list[tuple[str, dict[str, Any]]]:
    """What became of decisions, as it is kept to be told: kind and fact."""
    return connection.execute("SELECT kind, fact FROM decision_events ORDER BY event_id").fetchall()


@dataclass
class Books:
    """Acts in a database; ids rise from one."""

    connection: psycopg.Connection
    product: Product = field(default_factory=lambda: shipped_products()["baitiao"])
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        contracts.add_product(self.connection, self.product, published_on=OPENED_ON, published_by="author")
        self.contract_hash = contracts.add_contract(self.connection, self.product, frozen_at=AT)

    def add_borrower(self, borrower_id: int, *, joint_cap_minor: int = 20_000_000) -> None:
        """A person who may have lines."""
        borrower = borrowers.Borrower(
            borrower_id=borrower_id,
            reference=f"person-{borrower_id}",
            jurisdiction="CN",
            currency="CNY",
            joint_cap_minor=joint_cap_minor,
            blocked_because=None,
            metadata={},
            opened_at=AT,
        )
        assert borrowers.add_borrower(self.connection, borrower)

    def act_of(self, today: date, *, actor: str = "clerk", approved_by: str | None = None) -> Act:
        """Who asks, and when."""
        return Act(actor=actor, at=AT, today=today, event_ids=self.ids, approved_by=approved_by)

    def act(
        self,
        line_id: int,
        fact: facts.AnyFact,
        today: date,
        *,
        on: date | None = None,
        actor: str = "clerk",
        approved_by: str | None = None,
    ) -> Recorded | Refusal:
        """Record a fact."""
        act = self.act_of(today, actor=actor, approved_by=approved_by)
        return record(self.connection, line_id, fact, act=act, on=on)

    def open_line(self, line_id: int, borrower_id: int, *, limit_minor: int = 3_000_000) -> None:
        """A line of the product, opened on `OPENED_ON`."""
        opening = facts.LineOpened(
            borrower_id=borrower_id,
            contract_hash=self.contract_hash,
            currency="CNY",
            limit_minor=limit_minor,
            cash_limit_minor=limit_minor // 2,
        )
        assert isinstance(self.act(line_id, opening, OPENED_ON), Recorded)

    def buy(self, line_id: int, draw_id: int, amount_minor: int, today: date) -> Recorded | Refusal:
        """A purchase to pay next month."""
        bought = facts.Drawdown(draw_id=draw_id, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5)
        return self.act(line_id, bought, today)

    def pay(
        self, line_id: int, payment_id: int, amount_minor: int, today: date, *, on: date | None = None
    ) -> Recorded | Refusal:
        """A payment from the bank."""
        paid = facts.PaymentReceived(payment_id=payment_id, amount_minor=amount_minor, channel="bank")
        return self.act(line_id, paid, today, on=on)


def ended(steps: Generator[float, None, Ended]) -> Ended:
    """What an operation that goes in steps returned at its end."""
    found: list[Ended] = []

    def to_the_end() -> Iterator[float]:
        found.append((yield from steps))

    list(to_the_end())
    return found[0]
