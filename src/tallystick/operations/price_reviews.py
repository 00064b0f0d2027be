"""The review of a whole book's prices by night: some persons at a time, decided, recorded and carried out at once.

What becomes of a line hangs on no other line, so each part is one transaction; a night that was killed goes on with the
next persons, and the same night run again does nothing. A price changes as a change of terms does: with its
disclosure, a higher one with the contract's notice and the right to object, for what is drawn from then on.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.contract_changes import change_price
from tallystick.operations.deciding import Deciders, Deciding
from tallystick.operations.decision_events import tell_price_rise
from tallystick.operations.decision_record import Request, batch_of, decide, decision_of
from tallystick.operations.limit_reviews import must_follow_the_close
from tallystick.operations.lines import Act
from tallystick.operations.review_cases import (
    KEPT,
    NIGHTLY,
    ReviewAsked,
    line_figures,
    review_requests,
    reviewed_places,
)
from tallystick.storage import borrowers, contracts, decisions, lines, terms_changes
from tallystick.storage import price_reviews as stored
from tallystick.storage.decisions import Batch, StoredDecision
from tallystick.storage.limit_reviews import reviewing_alone
from tallystick.storage.price_reviews import PriceAnswer, PriceFacts, PriceNight, PriceSum
from tallystick.storage.review_cases import count_persons, lines_of_persons, persons_after
from tallystick.storage.terms_changes import TermsNotice
from tallystick.strategy.case_columns import CASE_COLUMNS, CheckpointName
from tallystick.strategy.case_record import CaseRecord, Figures, encode_record
from tallystick.strategy.price_targets import PriceReason, recorded_prices
from tallystick.terms.canonical import content_hash
from tallystick.terms.own_price import own_price_codes, pinned_price_code, with_own_price, yearly_prices
from tallystick.terms.product import Product

# All lines of so many persons wait while their prices change: for some hundredths of a second.
PERSONS_PER_CHUNK: Final = 100
LOWERED: Final = "lowered"
NOTICED: Final = "noticed"
STAYS: Final = "kept"
_MOVES: Final = (PriceReason.LOWERED_AT_ONCE, PriceReason.RAISED_AFTER_NOTICE)


class PriceNightTold(Struct, frozen=True):
    """What a night did: how many lines it looked at, and sums by outcome and reason of those that could change."""

    night: PriceNight
    lines: int
    sums: tuple[PriceSum, ...]


def reprice_lines_at_night(
    connection: Connection, *, deciders: Deciders, act: Act, zone: tzinfo, persons_per_chunk: int = PERSONS_PER_CHUNK
) -> Generator[float, None, PriceNightTold]:
    """Look at the price of every open line once for today by the release in force; gives the share that is done.

    The connection must be in autocommit: every chunk commits by itself. Lines of which nobody said which of the
    product's prices they have are passed over. Raises `NoRelease`, and `LimitReviewFault` where the day before is not
    closed.
    """
    assert connection.autocommit, "each chunk commits by itself"
    deciding = deciders.deciding(connection, CheckpointName.REPRICE)
    must_follow_the_close(connection, act=act)
    with reviewing_alone(connection):
        night = stored.begin_price_night(
            connection,
            PriceNight(
                night_id=next(act.event_ids),
                reviewed_on=act.today,
                release_number=deciding.release.number,
                begun_by=act.actor,
                begun_at=act.at,
            ),
        )
        if night.finished_at is None:
            yield from _Prices(connection, night, deciding, act=act, zone=zone).review(persons_per_chunk)
            stored.finish_price_night(connection, night.night_id, at=act.at)
        looked_at = stored.count_priced(connection, night.night_id)
        return PriceNightTold(night, looked_at, tuple(stored.price_sums(connection, night.night_id)))


def has_no_row(record: CaseRecord, place: int) -> bool:
    """Whether nothing follows from a case: its price stays by the tables, and only its batch's trace tells of it."""
    return record.outcome[place] == KEPT


class _Case(Struct, frozen=True):
    """A line's contract, the product of that version as it is sold, and the price that the line has."""

    facts: PriceFacts
    whole: Product
    present_price_code: str


class _Prices:
    """One night over some persons at a time."""

    def __init__(
        self, connection: Connection, night: PriceNight, deciding: Deciding, *, act: Act, zone: tzinfo
    ) -> None:
        self._connection = connection
        self._night = night
        self._deciding = deciding
        self._act = act
        self._zone = zone
        champion = deciding.checkpoints[deciding.release.champion_id]
        self._currency = champion.currency
        self._published = {
            (each.id, each.version): each
            for each in contracts.published_products(connection)
            if each.id == champion.product
        }
        self._yearly: dict[tuple[str, int], Mapping[str, int]] = {}

    def review(self, persons_per_chunk: int) -> Iterator[float]:
        """Every person that this night has not answered yet."""
        after = stored.priced_until(self._connection, self._night.night_id)
        every, done = count_persons(self._connection, after=after), 0
        while persons := persons_after(self._connection, after, most=persons_per_chunk):
            with self._connection.transaction():
                batch = self._review(persons)
                stored.add_price_batch(
                    self._connection,
                    self._night.night_id,
                    last_borrower_id=persons[-1],
                    batch_id=None if batch is None else batch.batch_id,
                )
            after, done = persons[-1], done + len(persons)
            yield min(done / max(every, 1), 1.0)

    def _review(self, persons: Sequence[int]) -> Batch | None:
        """Decide the lines of these persons, write the record, and do what it says; None where they have none."""
        read = lines_of_persons(self._connection, persons, currency=self._currency, day=self._act.today)
        facts = stored.price_facts(self._connection, read.columns["line_id"])
        found = ((place, self._case(facts[read.columns["line_id"][place]])) for place in reviewed_places(read))
        cases = {place: case for place, case in found if case is not None}
        if not cases:
            return None
        every = line_figures(read, ReviewAsked(trigger=NIGHTLY), day=self._act.today)
        figures = {name: [values[place] for place in cases] for name, values in every.items()}
        keys = {name: [read.columns[name][place] for place in cases] for name in ("line_id", "borrower_id")}
        requests = review_requests(keys, figures, act=self._act, zone=self._zone)
        decided = decide(
            self._connection,
            self._deciding,
            strategy_ids=self._deciding.strategies_of(keys["borrower_id"]),
            requests=requests,
            figures=_of_prices(figures, list(cases.values()), day=self._act.today),
        )
        record, batch = decided.record, batch_of(decided, self._deciding, act=self._act)
        places = [place for place in range(record.cases) if not has_no_row(record, place)]
        made = [_decision(record, place, batch=batch) for place in places]
        decisions.write_batch(self._connection, batch, made, trace=encode_record(record))
        own = list(cases.values())
        answers = [self._answer(record, place, own[place]) for place in places]
        stored.add_price_answers(self._connection, answers)
        return batch

    def _case(self, facts: PriceFacts) -> _Case | None:
        """A line of the strategy's product whose price is known."""
        contract = contracts.Contracts(self._connection)[facts.contract_hash]
        whole = self._published.get((contract.id, contract.version))
        if whole is None:
            return None
        codes = own_price_codes(whole)
        code = pinned_price_code(contract, whole=whole) or (codes[0] if len(codes) == 1 else facts.offered_price_code)
        return _Case(facts, whole, code) if code in codes else None

    def _answer(self, record: CaseRecord, place: int, case: _Case) -> PriceAnswer:
        version = case.whole.id, case.whole.version
        if version not in self._yearly:
            self._yearly[version] = yearly_prices(case.whole, on=self._act.today)
        targets = recorded_prices(record, [place], yearly_ppm=self._yearly[version])
        reason, code = PriceReason(targets.reason[0]), str(targets.price_code[0])
        line_id, decision_id = record.requests["line_id"][place], record.request_ids[place]
        told: TermsNotice | str | None = None
        if reason in _MOVES:
            told = self._changed(line_id, case, code)
        notice = told if isinstance(told, TermsNotice) else None
        if notice is None and reason in _MOVES:
            reason = PriceReason.REFUSED_BY_BOOKS
        elif notice is not None and reason is PriceReason.LOWERED_AT_ONCE and notice.binds_on > self._act.today:
            reason = PriceReason.LOWERED_AFTER_NOTICE
        answer = PriceAnswer(
            decision_id=decision_id,
            night_id=self._night.night_id,
            line_id=line_id,
            present_price_code=case.present_price_code,
            price_code=case.present_price_code if notice is None else code,
            outcome=STAYS if notice is None else LOWERED if notice.binds_on == self._act.today else NOTICED,
            reason=str(reason),
            refused_because=told if isinstance(told, str) else None,
            change_id=None if notice is None else notice.change_id,
            binds_on=None if notice is None else notice.binds_on,
            answered_by=self._act.actor,
            answered_at=self._act.at,
            answered_on=self._act.today,
        )
        if reason is PriceReason.RAISED_AFTER_NOTICE:
            tell_price_rise(self._connection, answer, act=self._act)
        return answer

    def _changed(self, line_id: int, case: _Case, code: str) -> TermsNotice | str:
        """The notice of another price, or why the books or the law refuse it."""
        borrower_id = borrowers.borrower_of_line(self._connection, line_id)
        assert borrower_id is not None, "lines are never removed"
        borrowers.lock_borrower(self._connection, borrower_id)
        locked = lines.lock_line(self._connection, line_id)
        assert locked is not None, "lines are never removed"
        if locked.line.contract_hash != case.facts.contract_hash:
            return "changed meanwhile"
        new = with_own_price(case.whole, code)
        if terms_changes.has_objected(self._connection, line_id, to_hash=content_hash(new)):
            return "objected"
        told = change_price(self._connection, line_id, new, act=self._act)
        return told if isinstance(told, TermsNotice) else str(told.reason)


def _of_prices(figures: Figures, cases: Sequence[_Case], *, day: date) -> Figures:
    """The columns of a case at `reprice`, in the order of `case_columns`."""
    facts = [case.facts for case in cases]
    of_prices: Figures = {
        "present_price_code": [case.present_price_code for case in cases],
        "days_since_price_change": [
            None if each.changed_on is None else (day - each.changed_on).days for each in facts
        ],
        "has_open_notice": [each.has_open_notice for each in facts],
    }
    known = figures | of_prices
    return {column.name: known[column.name] for column in CASE_COLUMNS[CheckpointName.REPRICE]}


def _decision(record: CaseRecord, place: int, *, batch: Batch) -> StoredDecision:
    decision_id, line_id = record.request_ids[place], record.requests["line_id"][place]
    request = Request(
        decision_id=decision_id,
        request_key=f"price {decision_id}",
        request_digest=f"{NIGHTLY} {line_id}".encode(),
        borrower_id=record.requests["borrower_id"][place],
        line_id=line_id,
    )
    return decision_of(record, place, request, batch=batch)
