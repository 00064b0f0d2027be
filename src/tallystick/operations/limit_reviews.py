"""The review of a whole book's limits by night: decided in chunks, priced as one, carried out line by line.

A night that was killed goes on where it was: what is decided is read back from its record, what is done is known by its
answers. The same night run again does nothing.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from psycopg import Connection

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
from tallystick.operations.review_cases import KEPT, NIGHTLY, NO_ACTION, Decided, ReviewAsked, decide_lines
from tallystick.storage import limit_reviews as stored
from tallystick.storage import reviews
from tallystick.storage.close_days import last_closed_day
from tallystick.storage.limit_reviews import Answer, AnswerSum, Night
from tallystick.storage.review_cases import count_persons, persons_after
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.limit_targets import GRADE_SEGMENT, LimitTargets, NightPrices, closed_prices, review_book
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
    """What a night did: how many lines it looked at, and sums by outcome and reason."""

    night: Night
    lines: int
    sums: tuple[AnswerSum, ...]


def review_lines_at_night(
    connection: Connection, *, deciders: Deciders, act: Act, zone: tzinfo, persons_per_chunk: int = PERSONS_PER_CHUNK
) -> Generator[float, None, NightTold]:
    """Review every open line once for today by the release in force; gives the share that is done.

    The connection must be in autocommit: every chunk commits by itself. The champion's caps and economics are the
    book's; who may rise is decided for each borrower by the strategy that he is dealt to. Raises `NoRelease`, and
    `LimitReviewFault` where the day before is not closed, or a portfolio cap is on a segment that no live line has.
    """
    assert connection.autocommit, "each chunk commits by itself"
    deciding = deciders.deciding(connection, CheckpointName.REVIEW_LIMIT)
    strategy = deciders.limits(connection, deciding.release.champion_id, on=act.today)
    must_know_segments(strategy)
    must_follow_the_close(connection, act=act)
    with stored.reviewing_alone(connection):
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
        if night.finished_at is None:
            if night.prices is None:
                work = _Chunks(connection, night, deciding, strategy=strategy, act=act, zone=zone)
                yield from work.decide(persons_per_chunk)
            yield from _carry_out(connection, night, strategy=strategy, act=act)
            stored.finish_night(connection, night.night_id, at=act.at)
        return night_told(connection, night.night_id)


def night_told(connection: Connection, night_id: int) -> NightTold:
    """What a night did so far."""
    night = stored.read_night(connection, night_id)
    assert night is not None, "it was begun"
    lines, sums = stored.count_decided(connection, night_id), stored.sums_of_night(connection, night_id)
    left_as_they_are = lines - sum(each.lines for each in sums)
    if night.finished_at is not None and left_as_they_are:
        sums.append(AnswerSum(STAYS, TargetReason.KEPT_BY_RULES.value, left_as_they_are, 0))
    return NightTold(night, lines, tuple(sums))


def prices_of_night(night: Night) -> NightPrices:
    """What a night that is priced left for the day, with what is left of it now."""
    assert night.prices is not None, "it is priced"
    assert night.room is not None, "prices and room are kept together"
    return msgspec.json.decode(night.prices, type=NightPrices).with_left(night.room)


def must_know_segments(strategy: Strategy) -> None:
    """Raises `LimitReviewFault` where a portfolio cap reads a segment's column that no live line has."""
    strange = [rule for rule in strategy.caps if rule.segment_column not in (None, GRADE_SEGMENT)]
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


class _Chunks:
    """The part of a night that decides: some persons with all their lines at a time, each a batch of the record."""

    def __init__(
        self, connection: Connection, night: Night, deciding: Deciding, *, strategy: Strategy, act: Act, zone: tzinfo
    ) -> None:
        self._connection = connection
        self._night = night
        self._deciding = deciding
        self._strategy = strategy
        self._act = act
        self._zone = zone

    def decide(self, persons_per_chunk: int) -> Iterator[float]:
        """Decide every person that this night has not decided yet."""
        after = stored.decided_until(self._connection, self._night.night_id)
        every, done = count_persons(self._connection, after=after), 0
        while persons := persons_after(self._connection, after, most=persons_per_chunk):
            with self._connection.transaction():
                self._decide(persons)
            after, done = persons[-1], done + len(persons)
            yield _DECIDED_SHARE * min(done / max(every, 1), 1.0)

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
        if decided is not None:
            open_reviews(self._connection, decided, deciding=self._deciding, act=self._act)


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
    """A night's lines as they were decided, what each is to have, and the prices that it leaves."""

    targets: tuple[Target, ...]
    prices: NightPrices
    gap_ppm: float


def review_again(connection: Connection, night_id: int, *, strategy: Strategy) -> ReviewedBook:
    """The targets of a night from what was recorded of its lines: the same whenever it is asked for.

    Of lines that only stay as they are, none is told.
    """
    recorded = RecordedLines()
    for trace in stored.traces_of_night(connection, night_id):
        recorded.add(decode_record(trace))
    if not len(recorded):
        return ReviewedBook((), closed_prices(strategy), 0.0)
    reviewed = recorded.reviewed(strategy)
    night = review_book(reviewed, strategy=strategy)
    told = np.flatnonzero((reviewed.outcome != KEPT) | (recorded.column("action") != NO_ACTION))
    return ReviewedBook(tuple(targets_of(recorded, reviewed, night.targets, told)), night.prices, night.gap_ppm)


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


def _carry_out(connection: Connection, night: Night, *, strategy: Strategy, act: Act) -> Iterator[float]:
    """Price the book once, then do what its targets say, as far as it is not done yet."""
    book = review_again(connection, night.night_id, strategy=strategy)
    if night.prices is None:
        room = [cap.left for cap in book.prices.caps]
        prices = msgspec.json.encode(book.prices)
        stored.price_night(connection, night.night_id, prices=prices, room=room, gap_ppm=book.gap_ppm)
    yield _PRICED_SHARE
    done = stored.answered_in_night(connection, night.night_id)
    targets = [each for each in book.targets if each.decision_id not in done]
    moving = [each for each in targets if _moves(each)]
    staying = [each for each in targets if not _moves(each)]
    with connection.transaction():
        kept = [(each, as_it_is(each)) for each in staying]
        stored.add_answers(connection, [_answer(each, done, night=night, act=act) for each, done in kept])
    for start in range(0, len(moving), LINES_PER_STEP):
        step = moving[start : start + LINES_PER_STEP]
        with connection.transaction():
            moved = [(each, carry_out(connection, each, rules=strategy.limits, act=act)) for each in step]
            stored.add_answers(connection, [_answer(each, done, night=night, act=act) for each, done in moved])
        yield _PRICED_SHARE + (1 - _PRICED_SHARE) * min((start + LINES_PER_STEP) / len(moving), 1.0)


def _moves(target: Target) -> bool:
    rises = target.target_minor > target.limit_minor
    return rises or target.outcome == "decrease" or target.action != NO_ACTION


def _answer(target: Target, done: Done, *, night: Night, act: Act) -> Answer:
    return answer_of(target, done, trigger=NIGHTLY, requested_minor=None, night_id=night.night_id, act=act)
