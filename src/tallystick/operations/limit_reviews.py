"""The review of a whole book's limits by night: decided in chunks, judged and priced as one, carried out line by line.

A night that was killed goes on where it was: what is decided is read back from its record, what is done is known by its
answers. The same night run again does nothing. Where its release would pass a damage limit, nothing of it is carried
out: the release is undone, and the night begins anew by the one before.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo
from itertools import groupby
from operator import attrgetter
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.damage import Figure, undo
from tallystick.operations.deciding import Deciders, Deciding
from tallystick.operations.decision_record import REVIEWED, review_of
from tallystick.operations.limit_outcomes import (
    STAYS,
    Done,
    Target,
    answer_of,
    as_it_is,
    carry_out,
)
from tallystick.operations.lines import Act
from tallystick.operations.night_damage import figures_of_night, recorded_batch
from tallystick.operations.review_cases import KEPT, NIGHTLY, NO_ACTION, Decided, ReviewAsked, decide_lines
from tallystick.storage import decisions, reviews
from tallystick.storage import limit_reviews as stored
from tallystick.storage.close_days import last_closed_day
from tallystick.storage.limit_reviews import Answer, AnswerSum, Night
from tallystick.storage.review_cases import count_persons, persons_after
from tallystick.storage.strategies import Release, last_release_number
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.damage import Tally
from tallystick.strategy.limit_targets import (
    GRADE_SEGMENT,
    LimitTargets,
    NightPrices,
    closed_prices,
    review_book,
    unknown_segments,
)
from tallystick.strategy.night_tallies import night_tallies
from tallystick.strategy.policy import Strategy
from tallystick.strategy.recorded_reviews import RecordedLines
from tallystick.strategy.reviewed_lines import ReviewedLines, TargetReason

PERSONS_PER_CHUNK: Final = 500
# Lines that are offered more or lowered in one transaction: a purchase on one of them waits for no more.
LINES_PER_STEP: Final = 50
# What the shares of the bar stand for: to decide takes longest.
_DECIDED_SHARE: Final = 0.6
_PRICED_SHARE: Final = 0.7


class LimitReviewFault(ValueError):
    """A live book cannot be reviewed as it is, or by this strategy; the message tells the way out."""


class NightTold(Struct, frozen=True):
    """What a night did: how many lines it looked at, and sums by outcome and reason.

    `beyond` are figures of it that pass a damage limit and undo nothing; `undone_by` are the releases by which others
    were undone that began this night.
    """

    night: Night
    lines: int
    sums: tuple[AnswerSum, ...]
    beyond: tuple[Figure, ...] = ()
    undone_by: tuple[Release, ...] = ()


def review_lines_at_night(
    connection: Connection, *, deciders: Deciders, act: Act, zone: tzinfo, persons_per_chunk: int = PERSONS_PER_CHUNK
) -> Generator[float, None, NightTold]:
    """Review every open line once for today by the release in force; gives the share that is done.

    The connection must be in autocommit: every chunk commits by itself. The champion's caps and economics are the
    book's; who may rise is decided for each borrower by the strategy that he is dealt to. Raises `NoRelease`, and
    `LimitReviewFault` where the day before is not closed, or a portfolio cap is on a segment that no live line has.
    """
    assert connection.autocommit, "each chunk commits by itself"
    undone_by: list[Release] = []
    with stored.reviewing_alone(connection):
        while True:
            deciding = deciders.deciding(connection, CheckpointName.REVIEW_LIMIT)
            strategy = deciders.limits(connection, deciding.release.champion_id, on=act.today)
            must_know_segments(strategy)
            must_follow_the_close(connection, act=act)
            night = stored.begin_night(
                connection,
                Night(
                    night_id=next(act.event_ids),
                    reviewed_on=act.today,
                    release_number=deciding.release.number,
                    strategy_id=deciding.release.champion_id,
                    begun_by=act.actor,
                    begun_at=act.at,
                ),
            )
            work = _Work(connection, night, deciders, deciding, strategy=strategy, act=act, zone=zone)
            if night.finished_at is not None or (yield from work.finished(persons_per_chunk)):
                return night_told(connection, night.night_id, undone_by=undone_by)
            if work.undone_by is not None:
                undone_by.append(work.undone_by)


def night_told(connection: Connection, night_id: int, *, undone_by: Sequence[Release] = ()) -> NightTold:
    """What a night did so far."""
    night = stored.read_night(connection, night_id)
    assert night is not None, "it was begun"
    lines, sums = stored.count_decided(connection, night_id), stored.sums_of_night(connection, night_id)
    left_as_they_are = lines - sum(each.lines for each in sums)
    if night.finished_at is not None and left_as_they_are:
        sums.append(AnswerSum(STAYS, TargetReason.KEPT_BY_RULES.value, left_as_they_are, 0))
    judged = stored.night_figures(connection, night_id)
    figures = [] if judged is None else msgspec.json.decode(judged, type=list[Figure])
    beyond = tuple(each for each in figures if each.is_passed)
    return NightTold(night, lines, tuple(sums), beyond=beyond, undone_by=tuple(undone_by))


def prices_of_night(night: Night) -> NightPrices:
    """What a night that is priced left for the day, with what is left of it now."""
    assert night.prices is not None, "it is priced"
    assert night.room is not None, "prices and room are kept together"
    return msgspec.json.decode(night.prices, type=NightPrices).with_left(night.room)


def must_know_segments(strategy: Strategy) -> None:
    """Raises `LimitReviewFault` where a portfolio cap reads a segment's column that no live line has."""
    strange = unknown_segments(strategy)
    if strange:
        raise LimitReviewFault(
            f"portfolio cap {strange[0].name}: is on the segment column {strange[0].segment_column}, and of live lines "
            f"only {GRADE_SEGMENT} is known; promote a strategy whose caps are on all lines or on {GRADE_SEGMENT}"
        )


def must_follow_the_close(connection: Connection, *, act: Act) -> None:
    """What is past due by now stands in the books once the day before is closed. Raises `LimitReviewFault`."""
    closed_on, yesterday = last_closed_day(connection), act.today - timedelta(days=1)
    if closed_on is None or closed_on < yesterday:
        raise LimitReviewFault(
            f"{yesterday} is not closed, so nobody knows what is past due; run `tallystick close-day` before the review"
        )


class _Work:
    """The work of a night: some persons with all their lines are decided at a time, each a batch of the record; what is
    to be done is judged and priced as a whole, and then carried out."""

    def __init__(
        self,
        connection: Connection,
        night: Night,
        deciders: Deciders,
        deciding: Deciding,
        *,
        strategy: Strategy,
        act: Act,
        zone: tzinfo,
    ) -> None:
        self.undone_by: Release | None = None
        self._connection = connection
        self._night = night
        self._deciders = deciders
        self._deciding = deciding
        self._strategy = strategy
        self._act = act
        self._zone = zone

    def finished(self, persons_per_chunk: int) -> Generator[float, None, bool]:
        """Do what is not done yet; False where the night is given up, because another release decides by now."""
        if self._night.prices is None and not (yield from self._decided(persons_per_chunk)):
            return False
        book = review_again(self._connection, self._night.night_id, strategy=self._strategy)
        if self._night.prices is None and not self._priced(book):
            return False
        yield _PRICED_SHARE
        if not (yield from self._carried_out(book.targets)):
            return False
        stored.finish_night(self._connection, self._night.night_id, at=self._act.at)
        return True

    def _is_in_force(self) -> bool:
        return last_release_number(self._connection) == self._night.release_number

    def _decided(self, persons_per_chunk: int) -> Generator[float, None, bool]:
        """Decide every person that this night has not decided yet."""
        after = stored.decided_until(self._connection, self._night.night_id)
        every, done = count_persons(self._connection, after=after), 0
        while persons := persons_after(self._connection, after, most=persons_per_chunk):
            if not self._is_in_force():
                return False
            with self._connection.transaction():
                self._decide(persons)
            after, done = persons[-1], done + len(persons)
            yield _DECIDED_SHARE * min(done / max(every, 1), 1.0)
        return self._is_in_force()

    def _decide(self, persons: Sequence[int]) -> None:
        decided = decide_lines(
            self._connection,
            persons,
            ReviewAsked(trigger=NIGHTLY),
            deciding=self._deciding,
            currency=self._strategy.currency,
            act=self._act,
            zone=self._zone,
        )
        stored.add_night_batch(
            self._connection,
            self._night.night_id,
            last_borrower_id=persons[-1],
            batch_id=None if decided is None else decided.batch.batch_id,
        )

    def _priced(self, book: "ReviewedBook") -> bool:
        """Judge what the night is to do, keep its prices, ask for persons; False where its release is undone."""
        connection, night, act = self._connection, self._night, self._act
        figures = figures_of_night(connection, night, book.tallies, deciders=self._deciders, act=act)
        beyond = [each for each in figures if each.is_passed]
        with connection.transaction():
            stored.add_night_figures(connection, night.night_id, figures=msgspec.json.encode(figures), at=act.at)
            if any(each.finding.on_trial for each in beyond):
                undone_by = undo(connection, night.release_number, beyond, act=act)
                self.undone_by = undone_by if isinstance(undone_by, Release) else None
                return False
            self._open_reviews(book.targets)
            room = [cap.left for cap in book.prices.caps]
            prices = msgspec.json.encode(book.prices)
            stored.price_night(connection, night.night_id, prices=prices, room=room, gap_ppm=book.gap_ppm)
        return True

    def _open_reviews(self, targets: Sequence[Target]) -> None:
        wanted = [each.decision_id for each in targets if each.outcome == REVIEWED]
        made = decisions.read_decisions(self._connection, wanted)
        for batch_id, together in groupby(sorted(made, key=attrgetter("batch_id", "place")), attrgetter("batch_id")):
            batch, record = recorded_batch(self._connection, batch_id)
            decided = Decided(batch, record, tuple(together))
            open_reviews(self._connection, decided, deciding=self._deciding, act=self._act)

    def _carried_out(self, targets: Sequence[Target]) -> Generator[float, None, bool]:
        """Do what the targets say, as far as it is not done yet."""
        connection, night, act = self._connection, self._night, self._act
        done = stored.answered_in_night(connection, night.night_id)
        waiting = [each for each in targets if each.decision_id not in done]
        moving = [each for each in waiting if _moves(each)]
        with connection.transaction():
            kept = [(each, as_it_is(each)) for each in waiting if not _moves(each)]
            stored.add_answers(connection, [_answer(each, done, night=night, act=act) for each, done in kept])
        for start in range(0, len(moving), LINES_PER_STEP):
            if not self._is_in_force():
                return False
            step = moving[start : start + LINES_PER_STEP]
            with connection.transaction():
                moved = [(each, carry_out(connection, each, rules=self._strategy.limits, act=act)) for each in step]
                stored.add_answers(connection, [_answer(each, done, night=night, act=act) for each, done in moved])
            yield _PRICED_SHARE + (1 - _PRICED_SHARE) * min((start + LINES_PER_STEP) / len(moving), 1.0)
        return True


def open_reviews(connection: Connection, decided: Decided, *, deciding: Deciding, act: Act) -> None:
    """Put those that a person must look at into the queue, if their lines are not there from another day."""
    wanted = [each for each in decided.decisions if each.outcome == REVIEWED]
    line_ids = [each.line_id for each in wanted if each.line_id is not None]
    waiting = reviews.lines_that_wait(connection, line_ids, checkpoint=decided.batch.checkpoint)
    fresh = (
        review_of(decided.record, each, checkpoint=deciding.checkpoints[each.strategy_id], device_id=None, act=act)
        for each in wanted
        if each.line_id not in waiting
    )
    reviews.open_reviews(connection, list(fresh))


class ReviewedBook(Struct, frozen=True):
    """A night's lines as they were decided: what each is to have, the prices that it leaves, each strategy's tally."""

    targets: tuple[Target, ...]
    prices: NightPrices
    gap_ppm: float
    tallies: dict[str, Tally]


def review_again(connection: Connection, night_id: int, *, strategy: Strategy) -> ReviewedBook:
    """The targets of a night from what was recorded of its lines: the same whenever it is asked for.

    Of lines that only stay as they are, none is told.
    """
    recorded = RecordedLines()
    for trace in stored.traces_of_night(connection, night_id):
        recorded.add(decode_record(trace))
    if not len(recorded):
        return ReviewedBook((), closed_prices(strategy), 0.0, {})
    reviewed = recorded.reviewed(strategy)
    night = review_book(reviewed, strategy=strategy)
    told = np.flatnonzero((reviewed.outcome != KEPT) | (recorded.column("action") != NO_ACTION))
    tallies = night_tallies(
        reviewed,
        night.targets.target_minor,
        borrower=recorded.column("borrower_id"),
        strategy_id=recorded.column("strategy_id"),
    )
    targets = tuple(targets_of(recorded, reviewed, night.targets, told))
    return ReviewedBook(targets, night.prices, night.gap_ppm, tallies)


def targets_of(
    recorded: RecordedLines, reviewed: ReviewedLines, targets: LimitTargets, places: Iterable[int]
) -> Iterator[Target]:
    """What the lines at these places are to have."""
    ids = {name: recorded.column(name) for name in ("decision_id", "line_id", "borrower_id", "action", "because")}
    for place in places:
        yield Target(
            decision_id=int(ids["decision_id"][place]),
            line_id=int(ids["line_id"][place]),
            borrower_id=int(ids["borrower_id"][place]),
            outcome=reviewed.outcome[place],
            action=ids["action"][place],
            limit_minor=int(reviewed.lines.limit_minor[place]),
            target_minor=int(targets.target_minor[place]),
            offered_minor=int(reviewed.offered_minor[place]),
            reason=targets.reason[place],
            held_by=targets.held_by[place],
            because=ids["because"][place],
        )


def _moves(target: Target) -> bool:
    rises = target.target_minor > target.limit_minor
    return rises or target.outcome == "decrease" or target.action != NO_ACTION


def _answer(target: Target, done: Done, *, night: Night, act: Act) -> Answer:
    return answer_of(target, done, trigger=NIGHTLY, requested_minor=None, night_id=night.night_id, act=act)
