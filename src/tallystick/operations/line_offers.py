"""Credit offered and accepted: a line on its disclosure, and a higher limit on a disclosure of its own.

Each function is one transaction of the caller's. A limit goes down at once and up only when the borrower accepts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.accepting import keep_acceptance, unaccepted
from tallystick.operations.decision_events import tell_limit_offer
from tallystick.operations.lines import Act, Recorded, record, why_refused
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import contracts, limit_offers, lines
from tallystick.storage.limit_offers import LimitOffer, OfferAnswer
from tallystick.terms.contract import ContractTerms, freeze, product_in_force
from tallystick.terms.disclosing import LinePrices, disclose_line, prices_from
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.legality import Corner, installment_corners, limit_faults, price_faults, revolving_corners
from tallystick.terms.offering import OfferFault
from tallystick.terms.own_price import at_price
from tallystick.terms.product import Product


@dataclass(frozen=True)
class _Priced:
    """A contract that is known by its hash alone, so that its prices are found once a day and not for each line."""

    terms_hash: str
    contract: ContractTerms = field(compare=False)


class OfferedPrices(Struct, frozen=True):
    """Every price of a contract at the highest it can cost, and what the law of that day forbids of them."""

    prices: LinePrices
    faults: tuple[OfferFault, ...]


@lru_cache(maxsize=64)
def _prices(priced: _Priced, on: date) -> OfferedPrices:
    product = priced.contract.product
    corners = {**revolving_corners(product, on=on), **_corners_of_month(priced, on.replace(day=1))}
    return OfferedPrices(
        prices=prices_from(priced.contract, corners=corners), faults=price_faults(product, corners=corners, on=on)
    )


@lru_cache(maxsize=64)
def _corners_of_month(priced: _Priced, month: date) -> Mapping[str, Corner]:
    """Nearly all of the work, and the same on each day of a month."""
    return installment_corners(priced.contract.product, on=month)


def prices_of(contract: ContractTerms, *, on: date) -> OfferedPrices:
    """What a contract costs on a day and whether that is lawful, found once a day for each contract."""
    return _prices(_Priced(contract.terms_hash, contract), on)


def _unlawful(contract: ContractTerms, *, limit_minor: int, on: date) -> OfferFault | None:
    """The first reason why a line or a limit of the contract may not be offered on a day."""
    faults = limit_faults(contract.product, limit_minor=limit_minor, on=on) or prices_of(contract, on=on).faults
    return faults[0] if faults else None


def _disclosed(contract: ContractTerms, *, limit_minor: int, on: date, previous_minor: int | None = None) -> Disclosure:
    return disclose_line(
        contract,
        prices=prices_of(contract, on=on).prices,
        limit_minor=limit_minor,
        previous_limit_minor=previous_minor,
        offered_on=on,
    )


def quote_line(connection: Connection, *, product_id: str, limit_minor: int, act: Act) -> Disclosure | OfferFault:
    """What a line opened today would cost at most, with everything a borrower must be told; writes nothing.

    Raises `NotSold` where no version of the product is sold today.
    """
    return _quoted(_sold(connection, product_id=product_id, act=act), limit_minor=limit_minor, act=act)


def _sold(connection: Connection, *, product_id: str, act: Act) -> Product:
    return product_in_force(contracts.published_products(connection), product_id=product_id, on=act.today)


def _quoted(product: Product, *, limit_minor: int, act: Act) -> Disclosure | OfferFault:
    contract = freeze(product, on=act.today)
    unlawful = _unlawful(contract, limit_minor=limit_minor, on=act.today)
    return unlawful or _disclosed(contract, limit_minor=limit_minor, on=act.today)


def open_line(
    connection: Connection, *, borrower_id: int, product_id: str, limit_minor: int, accepted_hash: str | None, act: Act
) -> Recorded | Refusal | OfferFault:
    """Open a line of the product's version that is sold today, on the disclosure that the borrower accepted.

    Raises `NotSold` where no version of the product is sold today.
    """
    product = _sold(connection, product_id=product_id, act=act)
    disclosure = _quoted(product, limit_minor=limit_minor, act=act)
    if isinstance(disclosure, OfferFault):
        return disclosure
    contracts.add_contract(connection, product, frozen_at=act.at)
    return _open(connection, disclosure, borrower_id=borrower_id, accepted_hash=accepted_hash, act=act)


def offer_line(
    connection: Connection, *, borrower_id: int, product_id: str, limit_minor: int, price_code: str | None, act: Act
) -> Disclosure | Refusal | OfferFault:
    """The disclosure of a line that may be offered to a person today; its contract is kept, for as long as it is open.

    Of the product's prices for borrowers its contract sells the one that is named, alone; None may stand where there
    are not several. What the books or the law would refuse is not offered. Raises `NotSold` where no version is sold
    today.
    """
    product = at_price(_sold(connection, product_id=product_id, act=act), price_code)
    if isinstance(product, OfferFault):
        return product
    disclosure = _quoted(product, limit_minor=limit_minor, act=act)
    if isinstance(disclosure, OfferFault):
        return disclosure
    contracts.add_contract(connection, product, frozen_at=act.at)
    opening = _opening(disclosure, borrower_id=borrower_id, acceptance_id=None)
    return why_refused(connection, next(act.event_ids), opening, act=act) or disclosure


def open_offered_line(
    connection: Connection, disclosure: Disclosure, *, borrower_id: int, accepted_hash: str | None, act: Act
) -> Recorded | Refusal | OfferFault:
    """Open exactly the line that was offered, on its disclosure and the contract that it names.

    Books and law are asked once more, for they may have changed while the offer was open.
    """
    assert disclosure.line is not None
    contract = freeze(contracts.Contracts(connection)[disclosure.terms_hash], on=act.today)
    unlawful = _unlawful(contract, limit_minor=disclosure.line.limit_minor, on=act.today)
    return unlawful or _open(connection, disclosure, borrower_id=borrower_id, accepted_hash=accepted_hash, act=act)


def _opening(disclosure: Disclosure, *, borrower_id: int, acceptance_id: int | None) -> facts.LineOpened:
    assert disclosure.line is not None
    return facts.LineOpened(
        borrower_id=borrower_id,
        contract_hash=disclosure.terms_hash,
        currency=disclosure.currency,
        limit_minor=disclosure.line.limit_minor,
        cash_limit_minor=disclosure.line.cash_limit_minor,
        acceptance_id=acceptance_id,
    )


def _open(
    connection: Connection, disclosure: Disclosure, *, borrower_id: int, accepted_hash: str | None, act: Act
) -> Recorded | Refusal:
    refusal = unaccepted(disclosure, accepted_hash=accepted_hash)
    if refusal is not None:
        return refusal
    line_id, acceptance_id = next(act.event_ids), next(act.event_ids)
    opening = _opening(disclosure, borrower_id=borrower_id, acceptance_id=acceptance_id)
    opened = record(connection, line_id, opening, act=act)
    if isinstance(opened, Recorded):
        keep_acceptance(
            connection,
            disclosure,
            acceptance_id=acceptance_id,
            borrower_id=borrower_id,
            line_id=line_id,
            purpose="line",
            act=act,
        )
    return opened


def offer_limit(
    connection: Connection, line_id: int, *, limit_minor: int, valid_days: int, reason: str, act: Act
) -> LimitOffer | Refusal | OfferFault:
    """Offer a higher limit with its disclosure, until the end of the day that is `valid_days` from today.

    It takes the place of an older offer that nobody answered. What the line or the law would refuse is not offered.
    """
    stored = lines.read_line(connection, line_id)
    if stored is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    line = stored.line
    if limit_minor <= line.limit_minor:
        figures = {"limit_minor": line.limit_minor}
        return Refusal(RefusalReason.NOTHING_TO_DO, field="limit_minor", figures=figures)
    contract = freeze(contracts.Contracts(connection)[line.contract_hash], on=act.today)
    unlawful = _unlawful(contract, limit_minor=limit_minor, on=act.today)
    if unlawful is not None:
        return unlawful
    offer_id = next(act.event_ids)
    raised = facts.LimitChanged(limit_minor=limit_minor, reason=reason, acceptance_id=offer_id)
    refusal = why_refused(connection, line_id, raised, act=act)
    if refusal is not None:
        return refusal
    disclosure = _disclosed(contract, limit_minor=limit_minor, on=act.today, previous_minor=line.limit_minor)
    offer = LimitOffer(
        offer_id=offer_id,
        line_id=line_id,
        limit_minor=limit_minor,
        previous_limit_minor=line.limit_minor,
        reason=reason,
        offered_on=act.today,
        valid_until=act.today + timedelta(days=valid_days),
        offered_by=act.actor,
        offered_at=act.at,
        disclosure_hash=document_hash(disclosure),
    )
    older = limit_offers.add_offer(connection, offer, disclosure=msgspec.json.encode(disclosure).decode())
    for told in (older, offer):
        if told is not None:
            tell_limit_offer(connection, told, act=act)
    return offer


def accept_limit(
    connection: Connection, offer_id: int, *, accepted_hash: str | None, act: Act
) -> Recorded | Refusal | OfferFault:
    """The borrower accepts: the offered limit is in force from today, on the disclosure of the offer.

    The law is asked once more, for it may have changed while the offer was open.
    """
    offer = limit_offers.lock_offer(connection, offer_id)
    refusal = _cannot_answer(offer, act=act)
    if refusal is not None:
        return refusal
    assert offer is not None
    disclosure = limit_offers.disclosure_of(connection, offer_id)
    stored = lines.read_line(connection, offer.line_id)
    assert stored is not None, "an offer is for a line"
    if stored.line.contract_hash != disclosure.terms_hash or stored.line.limit_minor != offer.previous_limit_minor:
        figures = {"limit_minor": stored.line.limit_minor, "contract_hash": stored.line.contract_hash}
        return Refusal(RefusalReason.OFFER_OUTDATED, field="offer_id", figures=figures)
    refusal = unaccepted(disclosure, accepted_hash=accepted_hash)
    if refusal is not None:
        return refusal
    contract = freeze(contracts.Contracts(connection)[disclosure.terms_hash], on=act.today)
    unlawful = _unlawful(contract, limit_minor=offer.limit_minor, on=act.today)
    if unlawful is not None:
        return unlawful
    acceptance_id = next(act.event_ids)
    raised = facts.LimitChanged(limit_minor=offer.limit_minor, reason=offer.reason, acceptance_id=acceptance_id)
    recorded = record(connection, offer.line_id, raised, act=act)
    if isinstance(recorded, Recorded):
        keep_acceptance(
            connection,
            disclosure,
            acceptance_id=acceptance_id,
            borrower_id=recorded.line.borrower_id,
            line_id=offer.line_id,
            purpose="limit",
            act=act,
        )
        _answer(connection, offer, OfferAnswer.ACCEPTED, event_id=recorded.event.event_id, act=act)
    return recorded


def turn_down_limit(connection: Connection, offer_id: int, answer: OfferAnswer, *, act: Act) -> LimitOffer | Refusal:
    """The borrower declines, or the lender withdraws: the limit stays, and the offer is closed."""
    offer = limit_offers.lock_offer(connection, offer_id)
    refusal = _cannot_answer(offer, act=act)
    if refusal is not None:
        return refusal
    assert offer is not None
    return _answer(connection, offer, answer, event_id=None, act=act)


def close_expired_limit(connection: Connection, offer_id: int, *, act: Act) -> bool:
    """Close an offer whose last day is over, once; False where it is not over by the line's day, or was answered."""
    offer = limit_offers.lock_offer(connection, offer_id)
    if offer is None or offer.answer is not None or act.today <= offer.valid_until:
        return False
    _answer(connection, offer, OfferAnswer.EXPIRED, event_id=None, act=act)
    return True


def _answer(
    connection: Connection, offer: LimitOffer, answer: OfferAnswer, *, event_id: int | None, act: Act
) -> LimitOffer:
    limit_offers.answer_offer(
        connection, offer.offer_id, answer, answered_by=act.actor, answered_at=act.at, event_id=event_id
    )
    answered = msgspec.structs.replace(offer, answer=answer, event_id=event_id)
    tell_limit_offer(connection, answered, act=act)
    return answered


def _cannot_answer(offer: LimitOffer | None, *, act: Act) -> Refusal | None:
    if offer is None:
        return Refusal(RefusalReason.OFFER_UNKNOWN, field="offer_id")
    if offer.answer is not None and offer.answer is not OfferAnswer.EXPIRED:
        return Refusal(RefusalReason.OFFER_ANSWERED, field="offer_id", figures={"answer": offer.answer.value})
    if act.today > offer.valid_until or offer.answer is OfferAnswer.EXPIRED:
        return Refusal(RefusalReason.OFFER_EXPIRED, field="offer_id", figures={"valid_until": offer.valid_until})
    return None
