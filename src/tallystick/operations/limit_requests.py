"""One line looked at by day: on an event, or because its borrower asks; answered at once at the last night's prices.

What an increase uses of the portfolio caps is taken off what the night left in the same transaction, so two that ask
at once never both take the last room.
"""

from collections.abc import Iterator
from datetime import timedelta, tzinfo
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations.clocks import act_on_line
from tallystick.operations.deciding import Deciders, Deciding
from tallystick.operations.limit_outcomes import RAISE_OFFERED, answer_of, carry_out
from tallystick.operations.limit_reviews import must_know_segments, open_reviews, prices_of_night, targets_of
from tallystick.operations.lines import Act, catch_line_up
from tallystick.operations.review_cases import BORROWER_REQUEST, Decided, ReviewAsked, decide_lines
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers, decisions
from tallystick.storage import limit_reviews as stored
from tallystick.storage.event_feed import events_after
from tallystick.storage.limit_reviews import Answer, Night, Wish
from tallystick.storage.line_reading import limits_of_lines
from tallystick.storage.lines import read_line
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.checkpoint_trace import Explanation
from tallystick.strategy.limit_answer import explain_limit
from tallystick.strategy.limit_targets import (
    LimitTargets,
    answer_at_prices,
    closed_prices,
    usage_of,
)
from tallystick.strategy.policy import Strategy
from tallystick.strategy.recorded_reviews import recorded_lines
from tallystick.strategy.reviewed_lines import TargetReason
from tallystick.units.rates import PPM

# How old the prices of a night may be that a line is answered at: a night that failed is no reason to lend by old ones.
PRICES_HOLD_DAYS: Final = 3
# A payment is a reason to look at a line again from this share of its limit on.
LARGE_PAYMENT_PPM: Final = 300_000
_EVENTS_PER_LOOK: Final = 5_000


def review_one(
    connection: Connection, line_id: int, asked: ReviewAsked, *, deciders: Deciders, act: Act, zone: tzinfo
) -> Answer | Refusal:
    """Look at one line now, do what follows and keep all of it; the caller commits.

    Raises `NoRelease` where nothing decides, and `LimitReviewFault` as the night does.
    """
    borrower_id = borrowers.borrower_of_line(connection, line_id)
    if borrower_id is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")
    deciding = deciders.deciding(connection, CheckpointName.REVIEW_LIMIT)
    champion_id = deciding.release.champion_id
    strategy = deciders.limits(connection, champion_id, on=act.today)
    must_know_segments(strategy)
    borrowers.lock_borrower(connection, borrower_id)
    catch_line_up(connection, line_id, act=act)
    decided = decide_lines(
        connection,
        [borrower_id],
        asked,
        deciding=deciding,
        currency=strategy.currency,
        act=act,
        zone=zone,
        only_line_id=line_id,
    )
    if decided is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")
    open_reviews(connection, decided, deciding=deciding, act=act)
    answer = _answered(connection, decided, asked, strategy=strategy, deciding=deciding, act=act)
    stored.add_answer(connection, answer)
    return answer


def _answered(
    connection: Connection, decided: Decided, asked: ReviewAsked, *, strategy: Strategy, deciding: Deciding, act: Act
) -> Answer:
    recorded = recorded_lines([decided.record])
    reviewed = recorded.reviewed(strategy)
    night = None
    if reviewed.lines.may_increase[0]:
        since = act.today - timedelta(days=PRICES_HOLD_DAYS)
        night = stored.lock_last_night(connection, deciding.release.champion_id, since=since)
    prices = closed_prices(strategy) if night is None else prices_of_night(night)
    targets = _told_without_prices(answer_at_prices(reviewed, prices, strategy=strategy), night)
    target = next(targets_of(recorded, reviewed, targets, [0]))
    done = carry_out(connection, target, rules=strategy.limits, act=act)
    night_id = None if night is None else night.night_id
    answer = answer_of(
        target, done, trigger=asked.trigger, requested_minor=asked.requested_minor, night_id=night_id, act=act
    )
    if night is None:
        return answer
    used = [0.0] * len(prices.caps)
    if done.outcome == RAISE_OFFERED:
        used = usage_of(reviewed, np.array([done.target_minor]), prices, strategy=strategy)[0].tolist()
        left = [cap.left - taken for cap, taken in zip(prices.caps, used, strict=True)]
        stored.take_room(connection, night.night_id, room=left)
    return replace(answer, prices=msgspec.json.encode(prices).decode(), used=used)


def _told_without_prices(targets: LimitTargets, night: Night | None) -> LimitTargets:
    """Where no night left prices, what only they hold back says so."""
    if night is not None:
        return targets
    reason, held_by = (
        np.where(codes == TargetReason.PORTFOLIO_CAP, TargetReason.NO_PRICES.value, codes).astype(object)
        for codes in (targets.reason, targets.held_by)
    )
    return LimitTargets(targets.target_minor, reason, held_by)


def explain_answer(connection: Connection, answer: Answer, *, deciders: Deciders) -> Explanation | None:
    """An answer in the borrower's words, from its record; None where the record's time is over."""
    decision = decisions.read_decision(connection, answer.decision_id)
    assert decision is not None, "an answer follows from a decision"
    trace = decisions.read_trace(connection, decision.batch_id)
    if trace is None:
        return None
    record = decode_record(trace)
    checkpoint = deciders.compiled(connection, decision.strategy_id)[CheckpointName.REVIEW_LIMIT]
    return explain_limit(
        checkpoint,
        record.columns_of(decision.place),
        outcome=decision.outcome,
        limit_minor=answer.limit_minor,
        target_minor=answer.target_minor,
        held_by=answer.held_by,
    )


class Happened(Struct, frozen=True, kw_only=True):
    """Something about a line or its borrower that is a reason to look at its limit.

    `income_proof` tells the income, `early_warning` the level from now on.
    """

    trigger: str
    income_month_minor: int | None = None
    warning: str | None = None


def wish_for_review(connection: Connection, line_id: int, happened: Happened, *, act: Act) -> Wish | Refusal:
    """Keep what happened, and that the line is to be looked at soon; it waits for nothing."""
    stored_line = read_line(connection, line_id)
    if stored_line is None:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")
    wish_id = next(act.event_ids)
    if happened.income_month_minor is not None:
        stored.add_income(
            connection,
            wish_id,
            borrower_id=stored_line.line.borrower_id,
            month_minor=happened.income_month_minor,
            is_proven=happened.trigger == "income_proof",
            by=act.actor,
            at=act.at,
        )
    if happened.warning is not None:
        stored.add_warning(connection, wish_id, line_id=line_id, level=happened.warning, by=act.actor, at=act.at)
    wish = Wish(
        wish_id=wish_id,
        line_id=line_id,
        trigger=happened.trigger,
        cause_id=wish_id,
        wished_by=act.actor,
        wished_at=act.at,
    )
    stored.add_wish(connection, wish)
    return wish


def wish_for_large_payments(connection: Connection, *, act: Act) -> int:
    """Read on in the books, in the order of commits, and wish for each large payment; gives how many events were read.

    One transaction of the caller's. Whatever was read is not read again, and no payment is read too early to be seen.
    """
    place = stored.lock_wish_place(connection)
    events = events_after(connection, place, most=_EVENTS_PER_LOOK, kind="payment_received")
    limit_minor = limits_of_lines(connection, [event.about_id for event in events])
    for event in events:
        paid = msgspec.json.decode(event.fact, type=_Paid)
        if paid.amount_minor * PPM >= limit_minor[event.about_id] * LARGE_PAYMENT_PPM > 0:
            wish = Wish(
                wish_id=next(act.event_ids),
                line_id=event.about_id,
                trigger="payment",
                cause_id=event.event_id,
                wished_by=act.actor,
                wished_at=act.at,
            )
            stored.add_wish(connection, wish)
    if events:
        stored.move_wish_place(connection, events[-1].position)
    return len(events)


class _Paid(Struct, frozen=True):
    amount_minor: int


def answer_wishes(connection: Connection, *, deciders: Deciders, act: Act, zone: tzinfo) -> Iterator[Answer | Refusal]:
    """Look at every line that waits to be, each in a transaction of its own; servers side by side share them.

    The connection must be in autocommit.
    """
    assert connection.autocommit, "each wish commits by itself"
    after_id = 0
    while True:
        with connection.transaction():
            wish = stored.take_wish(connection, after_id=after_id)
            if wish is None:
                return
            now = act_on_line(connection, wish.line_id, act=act, zone=zone)
            asked = ReviewAsked(trigger=wish.trigger)
            answer = review_one(connection, wish.line_id, asked, deciders=deciders, act=now, zone=zone)
            decision_id = answer.decision_id if isinstance(answer, Answer) else None
            stored.fulfil_wish(connection, wish.wish_id, decision_id=decision_id, at=act.at)
        after_id = wish.wish_id
        yield answer


def request_limit(
    connection: Connection, line_id: int, requested_minor: int, *, deciders: Deciders, act: Act, zone: tzinfo
) -> Answer | Refusal:
    """A borrower asks for a higher limit, and is answered at once."""
    asked = ReviewAsked(trigger=BORROWER_REQUEST, requested_minor=requested_minor)
    return review_one(connection, line_id, asked, deciders=deciders, act=act, zone=zone)
