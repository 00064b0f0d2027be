"""A change of contract: told to every line on the old terms, accepted or objected to, bound when its day comes.

Announcing and binding go in steps that commit by themselves: interrupted, they go on where they were.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.accepting import keep_acceptance, unaccepted
from tallystick.operations.line_offers import prices_of
from tallystick.operations.lines import Act, Recorded, record
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import contracts, terms_changes
from tallystick.storage.lines import read_line
from tallystick.storage.terms_changes import NoticeOutcome, TermsChange, TermsNotice
from tallystick.terms.canonical import content_hash
from tallystick.terms.contract import freeze, product_in_force
from tallystick.terms.disclosing import disclose_terms
from tallystick.terms.disclosure import document_hash
from tallystick.terms.late_fees import late_charges_rise
from tallystick.terms.offering import OfferFault
from tallystick.terms.own_price import lowers_own_price, own_price_codes, with_own_price
from tallystick.terms.product import ChangeScope, Product

_LINES_PER_STEP = 1_000
# Why a line is frozen whose borrower objected: stands on the line until somebody lifts it.
OBJECTED = "the borrower objected to a change of contract"


class ChangeFault(ValueError):
    """A change that may not be announced; the message names the way out."""


class Announced(Struct, frozen=True):
    """One announcement, from the contract of some lines to the new one, and how many lines were told so far."""

    change: TermsChange
    lines: int


def announce(connection: Connection, *, product_id: str, act: Act) -> Iterator[Announced]:
    """Tell every open line of a product that is on other terms than those sold today; gives each step as it commits.

    A change binds after the notice that the line's own contract promises. `connection` must be in autocommit. Raises
    `NotSold` where the product is not sold today, and `ChangeFault` for a change that a contract does not allow.
    """
    assert connection.autocommit, "each step commits by itself"
    product = product_in_force(contracts.published_products(connection), product_id=product_id, on=act.today)
    to_hash = contracts.add_contract(connection, product, frozen_at=act.at)
    to_tell = terms_changes.hashes_to_tell(connection, product_key=product.ledger_id, to_hash=to_hash)
    known = contracts.Contracts(connection)
    present = {each: (known[each], _at_its_price(product, known[each])) for each in to_tell}
    present = {each: (old, new) for each, (old, new) in present.items() if content_hash(new) != each}
    for old, new in present.values():
        _must_be_allowed(old, new)
        _must_be_lawful(new, on=act.today)
        _must_be_lawful(new, on=_binds_on(old, act=act))
    for from_hash, (old, new) in present.items():
        hashes = from_hash, contracts.add_contract(connection, new, frozen_at=act.at)
        change = _change(connection, old, new, hashes=hashes, binds_on=_binds_on(old, act=act), act=act)
        after_line_id: int | None = 0
        while after_line_id is not None:
            with connection.transaction():
                after_line_id = terms_changes.add_notices(
                    connection, change, after_line_id=after_line_id, most=_LINES_PER_STEP
                )
                told = terms_changes.notices_told(connection, change.change_id)
            if after_line_id is not None:
                yield Announced(change, told)


def _at_its_price(product: Product, old: Product) -> Product:
    """What a line on `old` is told of: the product at the line's own price, where it has one alone.

    Raises `ChangeFault` where that is not sold any more: nobody said which of the others the line is to have.
    """
    had, sold = own_price_codes(old), own_price_codes(product)
    if len(had) != 1 or len(sold) <= 1:
        return product
    if had[0] not in sold:
        raise ChangeFault(
            f"price_code: lines have {had[0]!r}, which version {product.version} does not sell; keep it in the "
            f"version, or have `reprice` give them one of {', '.join(sold)} first"
        )
    return with_own_price(product, had[0])


def change_price(connection: Connection, line_id: int, new: Product, *, act: Act) -> TermsNotice | Refusal | OfferFault:
    """Tell one line of terms with another price of its own; what is lower binds at once, what is higher in its time.

    The borrower may object to what is told before it binds, as to any change. What the law forbids is not told.
    """
    stored = read_line(connection, line_id)
    assert stored is not None, "lines are never removed"
    from_hash = stored.line.contract_hash
    old = contracts.Contracts(connection)[from_hash]
    is_lower = lowers_own_price(old, new, on=act.today)
    binds_on = act.today if is_lower else _binds_on(old, act=act)
    for day in (act.today, binds_on):
        faults = prices_of(freeze(new, on=day), on=day).faults
        if faults:
            return faults[0]
    hashes = from_hash, contracts.add_contract(connection, new, frozen_at=act.at)
    change = _change(connection, old, new, hashes=hashes, binds_on=binds_on, act=act)
    notice = terms_changes.add_notice(connection, change, line_id)
    if is_lower:
        bound = _bind(connection, notice, acceptance_id=None, act=act)
        if isinstance(bound, Refusal):
            return bound
    return notice


def _must_be_allowed(old: Product, new: Product) -> None:
    if old.currency != new.currency:
        raise ChangeFault(f"currency: lines are in {old.currency}, version {new.version} is in {new.currency}")
    if old.notice.price_change_scope is ChangeScope.NEW_DRAWS and late_charges_rise(old, new):
        raise ChangeFault(
            f"late: version {new.version} raises what paying late costs, and changes of version {old.version} bind "
            "new draws only; leave [late] as it was, or open new lines for it"
        )


def _must_be_lawful(new: Product, *, on: date) -> None:
    """The law of the day on which the change is told, for it may be accepted then, and of the day on which it binds."""
    faults = prices_of(freeze(new, on=on), on=on).faults
    if faults:
        told = "\n".join(f"  {fault}" for fault in faults)
        raise ChangeFault(f"{new.id} version {new.version} cannot be offered on {on}:\n{told}")


def _binds_on(old: Product, *, act: Act) -> date:
    return act.today + timedelta(days=old.notice.price_change_days)


def _change(
    connection: Connection, old: Product, new: Product, *, hashes: tuple[str, str], binds_on: date, act: Act
) -> TermsChange:
    previous, contract = freeze(old, on=act.today), freeze(new, on=act.today)
    disclosure = disclose_terms(
        contract,
        previous=previous,
        prices=prices_of(contract, on=act.today).prices,
        previous_prices=prices_of(previous, on=act.today).prices,
        offered_on=act.today,
        binds_on=binds_on,
    )
    change = TermsChange(
        change_id=next(act.event_ids),
        product_key=new.ledger_id,
        from_hash=hashes[0],
        to_hash=hashes[1],
        noticed_on=act.today,
        binds_on=binds_on,
        announced_by=act.actor,
        announced_at=act.at,
        disclosure_hash=document_hash(disclosure),
    )
    return terms_changes.add_change(connection, change, disclosure=msgspec.json.encode(disclosure).decode())


def bind_due(connection: Connection, *, until: date, act: Act) -> Iterator[int]:
    """Put every change into force whose day has come by `until`; gives how many notices each step decided.

    A line that was closed, charged off or moved to other terms meanwhile keeps what it has. `connection` must be in
    autocommit.
    """
    assert connection.autocommit, "each step commits by itself"
    while True:
        with connection.transaction():
            due = terms_changes.due_notices(connection, until=until, most=_LINES_PER_STEP)
            for notice in due:
                _bind(connection, notice, acceptance_id=None, act=act)
        if not due:
            return
        yield len(due)


def accept_change(
    connection: Connection, line_id: int, change_id: int, *, accepted_hash: str | None, act: Act
) -> Recorded | Refusal:
    """The borrower accepts: the new terms hold from today, before their day."""
    notice = terms_changes.lock_notice(connection, line_id, change_id)
    refusal = _cannot_answer(notice)
    if refusal is not None:
        return refusal
    assert notice is not None
    disclosure = terms_changes.disclosure_of(connection, change_id)
    assert disclosure is not None, "every change has a disclosure"
    refusal = unaccepted(disclosure, accepted_hash=accepted_hash)
    if refusal is not None:
        return refusal
    acceptance_id = next(act.event_ids)
    bound = _bind(connection, notice, acceptance_id=acceptance_id, act=act)
    if isinstance(bound, Recorded):
        keep_acceptance(
            connection,
            disclosure,
            acceptance_id=acceptance_id,
            borrower_id=bound.line.borrower_id,
            line_id=line_id,
            purpose="terms",
            act=act,
        )
    return bound


def object_to_change(connection: Connection, line_id: int, change_id: int, *, act: Act) -> TermsNotice | Refusal:
    """The borrower objects in time: the line stays on its terms and is frozen, what is owed is repaid as agreed."""
    notice = terms_changes.lock_notice(connection, line_id, change_id)
    refusal = _cannot_answer(notice)
    if refusal is not None:
        return refusal
    assert notice is not None
    if act.today >= notice.binds_on:
        return Refusal(RefusalReason.NOTICE_OVER, field="change_id", figures={"binds_on": notice.binds_on})
    frozen = record(connection, line_id, facts.LineFrozen(reason=OBJECTED), act=act)
    if isinstance(frozen, Refusal) and frozen.reason is not RefusalReason.LINE_FROZEN:
        return frozen
    event_id = frozen.event.event_id if isinstance(frozen, Recorded) else None
    _decide(connection, notice, NoticeOutcome.OBJECTED, event_id=event_id, act=act)
    decided = terms_changes.lock_notice(connection, line_id, change_id)
    assert decided is not None
    return decided


def _bind(connection: Connection, notice: TermsNotice, *, acceptance_id: int | None, act: Act) -> Recorded | Refusal:
    stored = read_line(connection, notice.line_id)
    if stored is None or stored.line.contract_hash != notice.from_hash:
        _decide(connection, notice, NoticeOutcome.LAPSED, event_id=None, act=act)
        return Refusal(RefusalReason.OFFER_OUTDATED, field="change_id")
    changed = facts.TermsChanged(
        contract_hash=notice.to_hash, noticed_on=notice.noticed_on, acceptance_id=acceptance_id
    )
    bound = record(connection, notice.line_id, changed, act=act)
    is_bound = isinstance(bound, Recorded)
    outcome = NoticeOutcome.BOUND if is_bound else NoticeOutcome.LAPSED
    _decide(
        connection, notice, outcome, event_id=bound.event.event_id if isinstance(bound, Recorded) else None, act=act
    )
    return bound


def _decide(
    connection: Connection, notice: TermsNotice, outcome: NoticeOutcome, *, event_id: int | None, act: Act
) -> None:
    terms_changes.decide_notice(connection, notice, outcome, decided_by=act.actor, decided_at=act.at, event_id=event_id)


def _cannot_answer(notice: TermsNotice | None) -> Refusal | None:
    if notice is None:
        return Refusal(RefusalReason.NOTICE_UNKNOWN, field="change_id")
    if notice.outcome is not None:
        return Refusal(RefusalReason.OFFER_ANSWERED, field="change_id", figures={"answer": notice.outcome.value})
    return None
