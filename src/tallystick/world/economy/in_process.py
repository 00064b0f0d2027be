"""The product itself as the world's lender, in this process: real operations on a real PostgreSQL, by virtual time.

A step is one transaction, so that features see what earlier steps did and nothing of their own. Ids follow from the
instants of steps: the same world makes the same books. Only what was killed in the middle of a night goes on with
other ids.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

import pyarrow as pa
from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations.applications import note_bureau_report
from tallystick.operations.close_day import close_day, days_to_close
from tallystick.operations.contract_changes import bind_due
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import tick_of
from tallystick.operations.expired_offers import close_expired_offers
from tallystick.operations.features import roll_up_tiles
from tallystick.operations.ledger import keep_books
from tallystick.operations.lending import add_borrower, publish_product
from tallystick.operations.limit_requests import answer_wishes, wish_for_large_payments
from tallystick.operations.limit_reviews import LimitReviewFault, review_lines_at_night
from tallystick.operations.lines import Act
from tallystick.operations.price_reviews import reprice_lines_at_night
from tallystick.operations.reviewing import close_overdue, stop_in_flight
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import (
    StrategyReason,
    StrategyRefusal,
    approve,
    current_release,
    promote,
    submit,
)
from tallystick.storage import book_tables
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.storage.borrowers import Borrower, borrower_of_reference
from tallystick.storage.contracts import published_products
from tallystick.strategy.damage_limits import DamageLimits
from tallystick.terms.contract import product_in_force
from tallystick.terms.own_price import own_price_codes
from tallystick.terms.product import Product
from tallystick.trust.master_key import MasterKey
from tallystick.trust.personal_data import Contact, contact_number
from tallystick.world.economy import kept_steps as kept
from tallystick.world.economy.acting import do_all
from tallystick.world.economy.acts import Answer, AnyAct, Apply, Morning, Step
from tallystick.world.economy.buying import Moment
from tallystick.world.economy.kept_steps import Applicant, KeptStep, MomentIds, WorldTimeFault

_ACTOR: Final = "tallystick"
_AUTHOR: Final = "author"
_APPROVER: Final = "approver"
_NIGHT: Final = "night"
_MOST_CLOSED: Final = 200
_CONTACTS_KNOWN: Final = 1 << 16
# A report is known before the application that is decided on it.
_REPORT_BEFORE: Final = timedelta(milliseconds=1)
# Neither changes an answer: a server does both all the time, for speed and for who looks at balances; books of a world
# are small.
_KEEP_DAYS: Final = 28


def open_lender(
    connection: Connection, product: Product, *, at: datetime, zone: tzinfo, files: dict[str, bytes] | None = None
) -> None:
    """Publish a product in a migrated database, and let a strategy decide, the standard one unless told otherwise.

    Done once: what is there already stays. The instant must be before every moment of the world.
    """
    ids = MomentIds(at)
    act = Act(actor=_AUTHOR, at=at, today=at.astimezone(zone).date(), event_ids=ids)
    with connection.transaction():
        publish_product(connection, product, act=act)
        if current_release(connection) is None:
            chosen = strategy_files(None) if files is None else files
            let_decide(connection, chosen, because="the world begins", act=act)


def let_decide(
    connection: Connection,
    files: Mapping[str, bytes],
    *,
    because: str,
    act: Act,
    damage_limits: DamageLimits | None = None,
) -> None:
    """Submit a strategy and let it decide from now on, by two persons; where it decides already, nothing is done."""
    with connection.transaction():
        kept_strategy = submit(connection, dict(files), act=replace(act, actor=_AUTHOR))
        approver = replace(act, actor=_APPROVER)
        if kept_strategy.is_new:
            approve(connection, kept_strategy.strategy_id, note=because, act=approver)
        release = promote(
            connection, kept_strategy.strategy_id, because=because, act=approver, damage_limits=damage_limits
        )
        if isinstance(release, StrategyRefusal):
            assert release.reason is StrategyReason.NOTHING_CHANGES, f"{release}"


class InProcess:
    """A `Lender` that is the product in this process.

    `connection` is to a migrated database and commits by itself; a product of that id is sold there and a strategy was
    promoted (`open_lender`). Nobody else works in that database meanwhile. `zone` is the lender's, `master_key` what
    devices, phones and addresses are numbered by.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        product_id: str,
        zone: tzinfo,
        master_key: MasterKey,
        deciders: Deciders | None = None,
    ) -> None:
        assert connection.autocommit, "each step commits by itself"
        self._connection = connection
        self._product_id = product_id
        self._zone = zone
        self._deciders = Deciders() if deciders is None else deciders
        self._number_of = _numbers(master_key)
        dump_lists_at_once(connection)
        kept.make_tables(connection)

    def begin(self, day: date, *, at: datetime) -> Morning:
        """A day begins: the day before is closed; what lapsed, lapses; what waits to be looked at, is.

        Once in four weeks the books are folded and sealed and busy keys rolled up.
        """
        connection, zone = self._connection, self._zone

        def work(act: Act) -> None:
            for closed_on in days_to_close(connection, until=day - timedelta(days=1)):
                for _ in close_day(connection, closed_on, act=act):
                    pass
            for _ in bind_due(connection, until=day, act=act):
                pass
            while stop_in_flight(connection, act=act, zone=zone, most=_MOST_CLOSED) == _MOST_CLOSED:
                pass
            while close_overdue(connection, act=act, zone=zone, most=_MOST_CLOSED) == _MOST_CLOSED:
                pass
            while close_expired_offers(connection, act=act, zone=zone, most=_MOST_CLOSED) >= _MOST_CLOSED:
                pass
            self._note_large_payments(act)
            with suppress(LimitReviewFault):  # a cap on a segment that live lines do not have: they go on waiting
                for _ in answer_wishes(connection, deciders=self._deciders, act=act, zone=zone):
                    pass
            if day.toordinal() % _KEEP_DAYS == 0:
                for _ in roll_up_tiles(connection, until_tick=tick_of(at)):
                    pass
                for _ in keep_books(connection):
                    pass
            kept.forget_before(connection, day - timedelta(days=1))

        self._once(day, "begin", at=at, work=work)
        closed_on = day - timedelta(days=1)
        return Morning(
            standing=self._told(day, "standing", self.standing),
            statements=self._told(day, "statements", lambda: book_tables.statements_closed_on(connection, closed_on)),
            notices=self._told(day, "notices", lambda: book_tables.price_notices_of(connection, closed_on)),
        )

    def _note_large_payments(self, act: Act) -> None:
        """Lines that paid much at once are looked at, as a server does in its rounds."""
        is_more = True
        while is_more:
            with self._connection.transaction():
                is_more = bool(wish_for_large_payments(self._connection, act=act))

    def review_limits(self, day: date, *, at: datetime) -> pa.Table:
        """The nightly review of all limits, done once a day, and the offers that may be answered after it.

        Where the product sells several prices, those of all lines are looked at as well; notices of the next morning
        tell what became of that.
        """

        def work(act: Act) -> None:
            for _ in review_lines_at_night(self._connection, deciders=self._deciders, act=act, zone=self._zone):
                pass
            if len(own_price_codes(self._product(day))) > 1:
                for _ in reprice_lines_at_night(self._connection, deciders=self._deciders, act=act, zone=self._zone):
                    pass

        self._once(day, _NIGHT, at=at, work=work)
        return self._told(day, "offers", lambda: book_tables.limit_offers_open(self._connection, day=day))

    def _told(self, day: date, what: str, read: Callable[[], pa.Table]) -> pa.Table:
        """A table as it was first told: who asks again after a kill must not see what was done since."""
        told = kept.read_told(self._connection, day, what)
        if told is None:
            told = read()
            kept.write_told(self._connection, day, what, told)
        return told

    def _once(self, day: date, kind: str, *, at: datetime, work: Callable[[Act], None]) -> None:
        """Do a night's work, if it is not done; what was killed goes on where it was."""
        connection = self._connection
        if kept.is_done(connection, day, kind):
            return
        last_id = kept.last_id(connection)
        MomentIds(at).must_follow(last_id, what=f"{kind} of {day}")
        ids = MomentIds(at, attempt=kept.begin_night(connection, day, kind))
        work(self._act(day, at, ids))
        kept.finish_night(connection, day, kind, last=max(ids.last, next(MomentIds(at))))

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Do what is asked in one transaction, and answer each; a step that came before is answered the same.

        Where somebody applies, a transaction before it writes the persons and what the bureau says of them: an
        application sees what was committed before it. Raises `WorldTimeFault` for a step that came before as another.
        """
        connection, digest = self._connection, kept.digest_of(step, acts)
        known = kept.read_step(connection, step)
        if known is not None and known.digest != digest:
            raise WorldTimeFault(f"step {step.number} of {step.day}: came before with other acts; give the next number")
        if known is not None and known.answers is not None:
            return list(known.answers)
        if known is None:
            known = self._prepared(step, acts, digest)
        ids = MomentIds(step.at, after=known.last_id)
        moment = Moment(self._act(step.day, step.at, ids), self._deciders, self._zone, self._number_of)
        with connection.transaction():
            answers = do_all(connection, acts, applicants=known.applicants, moment=moment)
            kept.write_step(connection, step, replace(known, answers=answers, last_id=ids.last))
        return list(answers)

    def _prepared(self, step: Step, acts: Sequence[AnyAct], digest: bytes) -> KeptStep:
        """A step that did not come before, with persons and reports written where somebody applies."""
        connection, ids = self._connection, MomentIds(step.at)
        ids.must_follow(kept.last_id(connection), what=f"step {step.number} of {step.day}")
        asked = [each for each in acts if isinstance(each, Apply)]
        act = self._act(step.day, step.at, ids)
        if not asked:
            return KeptStep(digest, (), None, next(ids))
        product = self._product(step.day)
        with connection.transaction():
            applicants = tuple(self._applicant(each, product, act=act) for each in asked)
            fresh = KeptStep(digest, applicants, None, ids.last)
            kept.write_step(connection, step, fresh)
        return fresh

    def _product(self, day: date) -> Product:
        """The product as it is sold on a day."""
        return product_in_force(published_products(self._connection), product_id=self._product_id, on=day)

    def _applicant(self, asked: Apply, product: Product, *, act: Act) -> Applicant:
        connection = self._connection
        person = borrower_of_reference(connection, asked.reference)
        if person is None:
            added = add_borrower(
                connection,
                reference=asked.reference,
                jurisdiction=product.jurisdiction,
                currency=product.currency,
                metadata={},
                act=act,
            )
            assert isinstance(added, Borrower), f"nobody has that reference: {added}"
            person = added
        if asked.report is None:
            return Applicant(person.borrower_id, None)
        report_id = next(act.event_ids)
        before = replace(act, at=act.at - _REPORT_BEFORE)
        refusal = note_bureau_report(connection, person.borrower_id, asked.report, report_id=report_id, act=before)
        assert refusal is None, f"the person is known: {refusal}"
        return Applicant(person.borrower_id, report_id)

    def standing(self) -> pa.Table:
        """All lines."""
        return book_tables.standing_of_lines(self._connection, day=self._today())

    def reviews(self, step: Step) -> pa.Table:
        """Reviews that wait for a person."""
        what = f"reviews {step.number}"
        return self._told(step.day, what, lambda: book_tables.reviews_that_wait(self._connection))

    def _today(self) -> date:
        """The day that the world has come to; before the first there is nothing in the books to be seen."""
        return kept.last_day(self._connection) or date.min

    def _act(self, day: date, at: datetime, ids: MomentIds) -> Act:
        today = at.astimezone(self._zone).date()
        if today != day:
            raise WorldTimeFault(
                f"at: {at} is on {today} in the lender's zone, not on {day}; give an instant of the day"
            )
        return Act(actor=_ACTOR, at=at, today=today, event_ids=ids)


def _numbers(master_key: MasterKey) -> Callable[[Contact, str], int]:
    """The numbers of contacts, those of the last ones kept."""

    @lru_cache(maxsize=_CONTACTS_KNOWN)
    def number_of(kind: Contact, text: str) -> int:
        return contact_number(kind, text, master_key=master_key)

    return number_of
