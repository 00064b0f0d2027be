"""Purchases of a step decided together, second factors given at once, and what each was answered."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, tzinfo
from itertools import islice
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.authorizing import HOLD_DAYS, MOST_TOGETHER, Authorized, Purchase, PutOff, authorize
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import Reused
from tallystick.operations.lines import Act
from tallystick.operations.reviewing import stop_in_flight
from tallystick.servicing.refusals import Refusal
from tallystick.storage.contracts import Contracts
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.lines import contracts_of_lines
from tallystick.strategy.case_columns import NO_ACTION, NO_PRICE
from tallystick.terms.offering import OfferFault
from tallystick.terms.own_price import flat_rate_ppm, shown_prices
from tallystick.terms.product import Product
from tallystick.trust.personal_data import Contact
from tallystick.world.economy.acts import Answer, Buy, Happened

CHECKOUT: Final = "checkout"
LONGEST_PLAN: Final = 360  # installments; no product may sell more
_MOST_STOPPED: Final = 200

ContactNumber = Callable[[Contact, str], int]


class Moment(Struct, frozen=True):
    """The instant at which a step's acts are done: who decides, in which zone, and how contacts are numbered."""

    act: Act
    deciders: Deciders
    zone: tzinfo
    number_of: ContactNumber

    def by(self, actor: str) -> Act:
        """The act in somebody's name."""
        return msgspec.structs.replace(self.act, actor=actor)

    def number(self, kind: Contact, text: str | None) -> int | None:
        """The number that stands for a contact, if there is one."""
        return None if text is None else self.number_of(kind, text)


class Shown(Struct, frozen=True):
    """What a checkout lets a buyer choose of: a price, up to how many installments, and what each of those costs."""

    price_code: str
    most_installments: int
    fee_ppm: int | None


_NOTHING_SHOWN: Final = Shown("", 0, None)


class WorldFault(ValueError):
    """The world asks for what cannot happen, such as a claim on a purchase that nobody decided."""


class Buying:
    """Purchases in one transaction."""

    def __init__(self, connection: Connection, moment: Moment) -> None:
        self._connection = connection
        self._moment = moment

    def buy(self, buys: Sequence[Buy]) -> list[Answer]:
        """Have purchases decided; who is asked for a second factor and has one, confirms at once."""
        asked = dict(enumerate(buys))
        told = self._decided(asked, {})
        factors = {
            place: each.decision_id
            for place, each in told.items()
            if isinstance(each, StoredDecision) and each.outcome == Happened.STEP_UP and asked[place].confirms
        }
        told |= self._decided({place: asked[place] for place in factors}, factors)
        shown = self.shown([each for each in told.values() if isinstance(each, StoredDecision)])
        answers = [bought(told[place], shown) for place in asked]
        if any(isinstance(each, StoredDecision) and each.outputs["action"] != NO_ACTION for each in told.values()):
            moment = self._moment
            stop_in_flight(self._connection, act=moment.by(CHECKOUT), zone=moment.zone, most=_MOST_STOPPED)
        return answers

    def _decided(self, asked: Mapping[int, Buy], factors: Mapping[int, int]) -> dict[int, StoredDecision | Refusal]:
        """The decisions by place; what a batch puts off comes with the next one."""
        moment, left = self._moment, dict(asked)
        told: dict[int, StoredDecision | Refusal] = {}
        while left:
            together = dict(islice(left.items(), MOST_TOGETHER))
            purchases = [self._purchase(buy, factors.get(place)) for place, buy in together.items()]
            answers = authorize(
                self._connection, purchases, deciders=moment.deciders, act=moment.by(CHECKOUT), zone=moment.zone
            )
            for place, answer in zip(together, answers, strict=True):
                if not isinstance(answer, PutOff):
                    told[place] = _not_reused(answer, together[place])
                    del left[place]
            if all(isinstance(each, PutOff) for each in answers):
                raise WorldFault(f"order {together[min(together)].order}: its line is in use by somebody else")
        return told

    def _purchase(self, buy: Buy, step_up_of: int | None) -> Purchase:
        again = "" if step_up_of is None else " confirmed"
        return Purchase(
            decision_id=next(self._moment.act.event_ids),
            request_key=f"world order {buy.order}{again}",
            request_digest=hashlib.sha256(msgspec.msgpack.encode(buy)).digest(),
            line_id=buy.line_id,
            amount_minor=buy.amount_minor,
            merchant_id=buy.merchant_id,
            expires_on=self._moment.act.today + timedelta(days=HOLD_DAYS),
            category=buy.category,
            device_id=self._moment.number(Contact.DEVICE, buy.device),
            terminal_id=buy.terminal,
            address_id=self._moment.number(Contact.ADDRESS, buy.address),
            phone_id=self._moment.number(Contact.PHONE, buy.phone),
            latitude_udeg=buy.latitude_udeg,
            longitude_udeg=buy.longitude_udeg,
            step_up_of=step_up_of,
        )

    def shown(self, made: Sequence[StoredDecision]) -> dict[int, Shown]:
        """The price and the most installments that buyers may choose, by decision; of those that may."""
        held = [each for each in made if each.hold_id is not None and each.outputs["price_code"] != NO_PRICE]
        if not held:
            return {}
        hashes = contracts_of_lines(self._connection, [each.line_id for each in held if each.line_id is not None])
        terms = Contracts(self._connection)
        shown = {}
        for each in held:
            assert each.line_id is not None
            code, most = each.outputs["price_code"], int(each.outputs["most_installments"])
            told = shown_by(terms[hashes[each.line_id]], code=code, most_installments=most)
            if told is not None:
                shown[each.decision_id] = told
        return shown


def shown_by(contract: Product, *, code: str, most_installments: int) -> Shown | None:
    """What a contract lets choose of at a price, None where nothing: the price of the longest plan, whatever is chosen.

    >>> from tallystick.terms.catalog import shipped_products
    >>> shown_by(shipped_products()["baitiao"], code="merchant_free", most_installments=24)
    Shown(price_code='merchant_free', most_installments=12, fee_ppm=0)
    """
    prices = shown_prices(contract, code=code, most_installments=most_installments)
    if not prices:
        return None
    longest = max(prices, key=lambda price: price.most_installments)
    installments = min(most_installments, longest.most_installments)
    return Shown(longest.code, installments, flat_rate_ppm(longest, installments=installments))


def _not_reused(answer: Authorized, buy: Buy) -> StoredDecision | Refusal:
    if isinstance(answer, Reused):
        raise WorldFault(f"order {buy.order}: came before as another purchase; give each its own number")
    assert isinstance(answer, StoredDecision | Refusal), "what is put off is asked again"
    return answer


def bought(told: StoredDecision | Refusal, shown: Mapping[int, Shown], *, outcome: str | None = None) -> Answer:
    """What a purchase was answered; what waits for a person is held as well."""
    if isinstance(told, Refusal):
        return refused(told)
    offered = shown.get(told.decision_id, _NOTHING_SHOWN)
    return Answer(
        outcome=str(outcome or told.outcome),
        number=told.decision_id,
        amount_minor=(told.amount_minor or 0) if told.hold_id is not None else 0,
        price_code=offered.price_code,
        most_installments=offered.most_installments,
        fee_ppm=offered.fee_ppm,
        reasons=told.reasons if told.refused_because is None else (*told.reasons, told.refused_because),
    )


def refused(refusal: Refusal | OfferFault) -> Answer:
    """The code of a refusal, as an answer."""
    return Answer(outcome=refusal.reason.value)
