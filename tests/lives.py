"""A line's whole life in memory, for tests: what operations do with a database, with lists instead."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from itertools import count

from tallystick.ledger.transfer import Address, Transfer
from tallystick.servicing.admission import admit
from tallystick.servicing.circumstances import BorrowerPosition, Circumstances
from tallystick.servicing.facts import AnyFact, Event, LineOpened, PlanChoice, undone_by
from tallystick.servicing.fold import Checkpoint, has_dependents
from tallystick.servicing.history import Snapshot
from tallystick.servicing.line import Line
from tallystick.servicing.refusals import Refusal
from tallystick.servicing.steps import Step, caught_up, changes_from, is_late, with_event, with_late_event
from tallystick.terms.canonical import content_hash
from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import plan_terms, price_for
from tallystick.terms.product import InstallmentPrice, OfferKind, Product

LINE_ID = 7


@dataclass
class Life:
    """Acts on one line, in the order in which they are recorded; everything written is kept."""

    product: Product = field(default_factory=lambda: shipped_products()["baitiao"])
    joint_cap_minor: int = 20_000_000
    line: Line | None = None
    stands: Snapshot | None = None
    events: list[Event] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    history: list[Snapshot] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.contract_hash = content_hash(self.product)
        self.contracts = {self.contract_hash: self.product}
        self.ids = count(1)

    def open(self, on: date, *, limit_minor: int = 3_000_000, cash_limit_minor: int = 1_500_000) -> "Life":
        """Open the line; a fresh life does this first."""
        opening = LineOpened(
            borrower_id=1,
            contract_hash=self.contract_hash,
            currency=self.product.currency,
            limit_minor=limit_minor,
            cash_limit_minor=cash_limit_minor,
        )
        assert not isinstance(self.act(opening, today=on), Refusal)
        return self

    def act(
        self,
        fact: AnyFact,
        *,
        today: date,
        on: date | None = None,
        has_second_person: bool = True,
        borrower: BorrowerPosition | None = None,
    ) -> Event | Refusal:
        """Catch up to today, admit the fact from the day `on`, and take it."""
        step = self._caught_up(today)
        target = next((event for event in self.events if event.event_id == undone_by(fact)), None)
        circumstances = Circumstances(
            today=today,
            borrower=borrower or BorrowerPosition(joint_cap_minor=self.joint_cap_minor),
            contracts=self.contracts,
            has_second_person=has_second_person,
            target=target,
            target_is_undone=any(undone_by(event.fact) == undone_by(fact) for event in self.events),
            target_has_dependents=target is not None and has_dependents(target, self.events),
        )
        admitted = admit(step.line, fact, on=on or today, circumstances=circumstances)
        if isinstance(admitted, Refusal):
            self._write(step)
            return admitted
        event = Event(next(self.ids), on or today, admitted)
        self._write(self._with_event(step, event, target=target))
        return event

    def sleep_until(self, today: date) -> Line:
        """Nothing but time happens."""
        self._write(self._caught_up(today))
        assert self.line is not None
        return self.line

    def _caught_up(self, today: date) -> Step:
        return caught_up(self.line, today=today, event_ids=self.ids, contracts=self.contracts)

    def _with_event(self, step: Step, event: Event, *, target: Event | None) -> Step:
        if not is_late(step, event):
            return with_event(step, event, line_id=LINE_ID, contracts=self.contracts)
        changed_from = changes_from(event, target=target)
        start = max(
            (known for known in self.checkpoints if known.order < changed_from),
            key=lambda known: known.order,
            default=None,
        )
        recorded = [known for known in self.events if start is None or known.order > start.order]
        return with_late_event(
            step,
            event,
            start=start,
            recorded=recorded,
            changed_from=changed_from,
            contracts=self.contracts,
            told_on={row.effective_on for row in self.history if row.effective_on >= changed_from[0]},
        )

    def _write(self, step: Step) -> None:
        self.line, self.stands = step.line, step.stands
        self.events.extend(step.events)
        self.transfers.extend(step.transfers)
        self.history.extend(step.history)
        if step.forget_from is not None:
            kept = (known for known in self.checkpoints if known.order[0] < step.forget_from)
            self.checkpoints = list(kept)
        self.checkpoints.extend(step.checkpoints)

    def balances(self) -> Counter[Address]:
        """Debits less credits of every account, from the transfers alone."""
        return balances_of(self.transfers)


def plan_choice(
    product: Product,
    *,
    plan_id: int,
    on: date,
    installments: int,
    offer: OfferKind = OfferKind.ORDER_INSTALLMENTS,
    code: str = "standard",
) -> PlanChoice:
    """An installment plan that the product sells, as a draw of that day takes it."""
    price = price_for(product, offer=offer, price_code=code, installments=installments)
    assert isinstance(price, InstallmentPrice)
    terms = plan_terms(product, offer=offer, price=price, installments=installments, drawn_on=on)
    return PlanChoice(plan_id=plan_id, offer=offer.value, terms=terms)


def balances_of(transfers: list[Transfer] | tuple[Transfer, ...]) -> Counter[Address]:
    """Debits less credits of every account."""
    balances: Counter[Address] = Counter()
    for transfer in transfers:
        balances[transfer.debit] += transfer.amount_minor
        balances[transfer.credit] -= transfer.amount_minor
    return balances
