"""What a lender does with persons and lines: publish, open, quote, draw, take payments, and decide with two persons.

Each function is one transaction of the caller's. The law is asked before anything is offered; a quote writes nothing,
and what is drawn on it is what was quoted: the borrower accepts a disclosure by its hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations.accepting import keep_acceptance, unaccepted
from tallystick.operations.lines import Act, Recorded, is_same_person, record, why_refused
from tallystick.servicing import facts
from tallystick.servicing.facts import NEEDS_SECOND_PERSON, AnyFact, DrawKind, PlanChoice
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers, contracts, lines, payments, proposals, reviews
from tallystick.storage.borrowers import Borrower
from tallystick.storage.contracts import VersionFault
from tallystick.storage.payments import KnownPayment
from tallystick.storage.proposals import Proposal
from tallystick.terms.caps import price_cap
from tallystick.terms.contract import freeze, version_faults
from tallystick.terms.disclosing import disclose_plan
from tallystick.terms.disclosure import Disclosure
from tallystick.terms.legality import offer_faults, publication_faults
from tallystick.terms.offering import OfferFault, plan_terms, price_for
from tallystick.terms.plan_cost import merchant_subsidy_minor
from tallystick.terms.product import InstallmentPrice, OfferKind, Product


class NotPublished(ValueError):
    """The law forbids the product on that day; every fault is told with its figures."""

    def __init__(self, product: Product, faults: tuple[OfferFault, ...]) -> None:
        told = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{product.id} version {product.version} cannot be published:\n{told}")
        self.faults = faults


def publish_product(connection: Connection, product: Product, *, act: Act) -> bool:
    """Publish a version of a product after the law was asked; False where it was published already.

    The law that counts is that of the first day on which it is sold. Raises `NotPublished` with every fault of law,
    and `VersionFault` where it does not follow the versions before it or has another content already.
    """
    faults = publication_faults(product, on=max(act.today, product.sold_from))
    if faults:
        raise NotPublished(product, faults)
    misfits = version_faults(product, published=contracts.published_products(connection))
    if misfits:
        told = "\n".join(f"  {misfit}" for misfit in misfits)
        raise VersionFault(f"{product.id} version {product.version} cannot be published:\n{told}")
    return contracts.add_product(connection, product, published_on=act.today, published_by=act.actor)


def add_borrower(
    connection: Connection,
    *,
    reference: str,
    jurisdiction: str,
    currency: str,
    metadata: Mapping[str, str],
    act: Act,
    joint_cap_minor: int | None = None,
) -> Borrower | Refusal:
    """A person the lender knows by its own reference; `joint_cap_minor` is the lender's own cap over all lines.

    Raises `NoLegalCap` where no law of the jurisdiction is known: nobody is lent to by guess.
    """
    price_cap(jurisdiction=jurisdiction, on=act.today)
    borrower = Borrower(
        borrower_id=next(act.event_ids),
        reference=reference,
        jurisdiction=jurisdiction,
        currency=currency,
        joint_cap_minor=joint_cap_minor,
        blocked_because=None,
        metadata=metadata,
        opened_at=act.at,
    )
    if borrowers.add_borrower(connection, borrower):
        return borrower
    return Refusal(RefusalReason.BORROWER_EXISTS, field="reference", figures={"reference": reference})


def block_borrower(
    connection: Connection, borrower_id: int, *, blocked_because: str | None, reason: str, act: Act
) -> Borrower | Refusal:
    """Put a person on the blocked list, or take one off it (`blocked_because` None): no line of theirs lends more."""
    if borrowers.lock_borrower(connection, borrower_id) is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    borrowers.write_block(
        connection,
        borrower_id,
        block_id=next(act.event_ids),
        blocked_because=blocked_because,
        reason=reason,
        actor=act.actor,
        decided_at=act.at,
    )
    borrower = borrowers.read_borrower(connection, borrower_id)
    assert borrower is not None
    return borrower


class PlanRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The installment offer that a borrower asks for, and the hash of the disclosure that was accepted."""

    offer: OfferKind
    price_code: str
    installments: int
    accepted_hash: str | None = None


def quote_plan(
    connection: Connection, line_id: int, request: PlanRequest, *, principal_minor: int, act: Act
) -> Disclosure | OfferFault | Refusal:
    """What a plan would cost if it were drawn today, with everything a borrower must be told; writes nothing."""
    stored = lines.read_line(connection, line_id)
    if stored is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    product = contracts.Contracts(connection)[stored.line.contract_hash]
    terms = _Terms(stored.line.contract_hash, product)
    return _disclosure(terms, replace(request, accepted_hash=None), principal_minor=principal_minor, on=act.today)


@dataclass(frozen=True)
class _Terms:
    """A line's product, known by the hash of its content alone."""

    contract_hash: str
    product: Product = field(compare=False)


# Who accepts a quote is shown the same document that was just made: its rates take 10 ms.
@lru_cache(maxsize=256)
def _disclosure(terms: _Terms, request: PlanRequest, *, principal_minor: int, on: date) -> Disclosure | OfferFault:
    """The document of a plan, or why there is none; `request` without what was accepted."""
    product = terms.product
    faults = offer_faults(
        product,
        offer=request.offer,
        price_code=request.price_code,
        installments=request.installments,
        principal_minor=principal_minor,
        drawn_on=on,
    )
    if faults:
        return faults[0]
    return disclose_plan(
        freeze(product, on=on),
        offer=request.offer,
        price_code=request.price_code,
        installments=request.installments,
        principal_minor=principal_minor,
        drawn_on=on,
    )


class DrawRequest(Struct, frozen=True, kw_only=True):
    """What is bought or drawn in cash; minor units. `plan` None is paid next month."""

    amount_minor: int
    kind: DrawKind = DrawKind.PURCHASE
    merchant_id: int = 0
    merchant_fee_minor: int = 0
    category: str = ""
    purpose: str = ""
    plan: PlanRequest | None = None
    hold_id: int | None = None
    keeps_hold: bool = False


def draw(
    connection: Connection, line_id: int, request: DrawRequest, *, act: Act, on: date | None = None
) -> Recorded | Refusal | OfferFault:
    """Draw on a line, or capture a hold; with a plan, on exactly the disclosure that the borrower accepted.

    A merchant's subsidy of the price is kept back from what the merchant is paid.
    """
    if request.hold_id is not None and reviews.open_review_of_hold(connection, request.hold_id) is not None:
        return Refusal(RefusalReason.HOLD_UNDER_REVIEW, field="hold_id")
    drawn_on = on or act.today
    choice, merchant_fee_minor = None, request.merchant_fee_minor
    if request.plan is not None:
        offer = OfferKind.CASH if request.kind is DrawKind.CASH else OfferKind.ORDER_INSTALLMENTS
        if request.plan.offer is not offer:
            return Refusal(RefusalReason.PRODUCT_WITHOUT_OFFER, field="plan.offer", figures={"offer": offer.value})
        chosen = _choose(connection, line_id, request.plan, amount_minor=request.amount_minor, on=drawn_on, act=act)
        if not isinstance(chosen, PlanChoice):
            return chosen
        choice = chosen
        merchant_fee_minor += merchant_subsidy_minor(choice.terms, principal_minor=request.amount_minor)
    drawn = facts.Drawdown(
        draw_id=next(act.event_ids),
        kind=request.kind,
        amount_minor=request.amount_minor,
        merchant_id=request.merchant_id,
        merchant_fee_minor=merchant_fee_minor,
        category=request.category,
        purpose=request.purpose,
        plan=choice,
        hold_id=request.hold_id,
        keeps_hold=request.keeps_hold,
    )
    return record(connection, line_id, drawn, act=act, on=on)


def _choose(
    connection: Connection, line_id: int, request: PlanRequest, *, amount_minor: int, on: date, act: Act
) -> PlanChoice | Refusal | OfferFault:
    """The plan's frozen terms, once the borrower has accepted what was disclosed; the acceptance is kept."""
    stored = lines.read_line(connection, line_id)
    if stored is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    product = contracts.Contracts(connection)[stored.line.contract_hash]
    terms = _Terms(stored.line.contract_hash, product)
    disclosure = _disclosure(terms, replace(request, accepted_hash=None), principal_minor=amount_minor, on=on)
    if isinstance(disclosure, OfferFault):
        return disclosure
    refusal = unaccepted(disclosure, accepted_hash=request.accepted_hash, field="plan.accepted_hash")
    if refusal is not None:
        return refusal
    acceptance_id = next(act.event_ids)
    keep_acceptance(
        connection,
        disclosure,
        acceptance_id=acceptance_id,
        borrower_id=stored.line.borrower_id,
        line_id=line_id,
        purpose=request.offer.value,
        act=act,
    )
    price = price_for(product, offer=request.offer, price_code=request.price_code, installments=request.installments)
    assert isinstance(price, InstallmentPrice), "it was disclosed"
    frozen = plan_terms(
        product,
        offer=request.offer,
        price=price,
        installments=request.installments,
        drawn_on=on,
    )
    return PlanChoice(plan_id=next(act.event_ids), offer=request.offer.value, terms=frozen, acceptance_id=acceptance_id)


def put_into_plan(
    connection: Connection, line_id: int, draw_id: int, request: PlanRequest, *, act: Act
) -> Recorded | Refusal | OfferFault:
    """Pay what is left of a purchase, not billed yet, in installments, on the disclosure that was accepted."""
    stored = lines.read_line(connection, line_id)
    purchases = stored.line.revolving.purchases if stored else ()
    left_minor = sum(purchase.left_minor for purchase in purchases if purchase.draw_id == draw_id)
    if left_minor == 0:
        return Refusal(RefusalReason.NOTHING_TO_DO, field="draw_id")
    choice = _choose(connection, line_id, request, amount_minor=left_minor, on=act.today, act=act)
    if not isinstance(choice, PlanChoice):
        return choice
    return record(connection, line_id, facts.PlanCreated(draw_id=draw_id, plan=choice), act=act)


def convert_bill(
    connection: Connection, line_id: int, statement_number: int, request: PlanRequest, *, amount_minor: int, act: Act
) -> Recorded | Refusal | OfferFault:
    """Pay the last statement's purchases, or part of them, in installments, on the disclosure that was accepted."""
    choice = _choose(connection, line_id, request, amount_minor=amount_minor, on=act.today, act=act)
    if not isinstance(choice, PlanChoice):
        return choice
    converted = facts.BillConverted(statement_number=statement_number, amount_minor=amount_minor, plan=choice)
    return record(connection, line_id, converted, act=act)


class PaidBefore(Struct, frozen=True):
    """The payment of a callback that had come before: nothing was booked again."""

    payment_id: int
    event_id: int


def receive_payment(
    connection: Connection,
    line_id: int,
    *,
    amount_minor: int,
    channel: str,
    reference: str,
    act: Act,
    on: date | None = None,
) -> Recorded | Refusal | PaidBefore:
    """Take a payment once per reference of its channel: a callback that comes twice finds the first.

    The same reference for another line or amount is refused, and so is one whose money a statement of the channel
    brought into the books already, as money that nobody knew.
    """
    if reference:
        known = payments.hold_reference(connection, channel=channel, reference=reference)
        if known.payment is not None:
            return _paid_before(known.payment, line_id=line_id, amount_minor=amount_minor)
        if known.row_outcome is not None:
            figures = {"outcome": known.row_outcome}
            return Refusal(RefusalReason.REFERENCE_IN_STATEMENT, field="reference", figures=figures)
    paid = facts.PaymentReceived(
        payment_id=next(act.event_ids), amount_minor=amount_minor, channel=channel, reference=reference
    )
    return record(connection, line_id, paid, act=act, on=on)


def _paid_before(payment: KnownPayment, *, line_id: int, amount_minor: int) -> PaidBefore | Refusal:
    if payment.line_id == line_id and payment.amount_minor == amount_minor:
        return PaidBefore(payment_id=payment.payment_id, event_id=payment.event_id)
    figures = {"line_id": payment.line_id, "amount_minor": payment.amount_minor}
    return Refusal(RefusalReason.REFERENCE_REUSED, field="reference", figures=figures)


def propose(connection: Connection, line_id: int, fact: AnyFact, *, act: Act) -> Proposal | Refusal:
    """Ask for what needs a second person; nothing happens on the line until somebody else approves.

    What the line would refuse as it stands today is refused at once.
    """
    if not isinstance(fact, NEEDS_SECOND_PERSON):
        return Refusal(RefusalReason.NOTHING_TO_DO, field="kind")
    refusal = why_refused(connection, line_id, fact, act=act)
    if refusal is not None:
        return refusal
    proposal = Proposal(
        proposal_id=next(act.event_ids),
        line_id=line_id,
        fact=fact,
        proposed_by=act.actor,
        proposed_at=act.at,
    )
    proposals.add_proposal(connection, proposal)
    return proposal


def approve(connection: Connection, proposal_id: int, *, act: Act, note: str = "") -> Recorded | Refusal:
    """A second person agrees: what was proposed happens today, in the proposer's name, approved by this one."""
    proposal = proposals.lock_proposal(connection, proposal_id)
    refusal = _cannot_decide(proposal, act=act)
    if refusal is not None:
        return refusal
    assert proposal is not None
    on_behalf = replace(act, actor=proposal.proposed_by, approved_by=act.actor)
    recorded = record(connection, proposal.line_id, proposal.fact, act=on_behalf)
    if isinstance(recorded, Recorded):
        proposals.decide(
            connection,
            proposal_id,
            decision="approved",
            decided_by=act.actor,
            decided_at=act.at,
            note=note,
            event_id=recorded.event.event_id,
        )
    return recorded


def reject(connection: Connection, proposal_id: int, *, act: Act, note: str) -> Proposal | Refusal:
    """A second person does not agree: nothing happens, and the proposal is closed."""
    proposal = proposals.lock_proposal(connection, proposal_id)
    refusal = _cannot_decide(proposal, act=act)
    if refusal is not None:
        return refusal
    assert proposal is not None
    proposals.decide(
        connection,
        proposal_id,
        decision="rejected",
        decided_by=act.actor,
        decided_at=act.at,
        note=note,
        event_id=None,
    )
    return proposal


def _cannot_decide(proposal: Proposal | None, *, act: Act) -> Refusal | None:
    if proposal is None:
        return Refusal(RefusalReason.PROPOSAL_UNKNOWN, field="proposal_id")
    if proposal.decision is not None:
        return Refusal(RefusalReason.PROPOSAL_DECIDED, field="proposal_id", figures={"decision": proposal.decision})
    if is_same_person(proposal.proposed_by, act.actor):
        figures = {"proposed_by": proposal.proposed_by}
        return Refusal(RefusalReason.SECOND_PERSON_MISSING, field="actor", figures=figures)
    return None
