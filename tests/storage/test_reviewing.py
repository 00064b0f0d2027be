"""What a person looks at: one queue for all, judged once, by two above the threshold, and closed in time."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from tests.books import Books, told_events
from tests.commands import command
from tests.deciding import DAY, SHANGHAI, Lender, opened

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import REQUEST_SCHEMA
from tallystick.operations.clocks import make_clock
from tallystick.operations.decision_record import tick_of
from tallystick.operations.lending import DrawRequest, draw
from tallystick.operations.lines import Recorded, record
from tallystick.operations.reviewing import close_overdue, final_outcome, judge, release, take_next
from tallystick.operations.strategies import strategy_files
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, lines, reviews
from tallystick.storage.borrowers import write_block
from tallystick.storage.clocks import follow_clock
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import read_event
from tallystick.storage.features import features_at
from tallystick.storage.reviews import ActKind, Review, ReviewState, Wanted
from tallystick.terms.offering import OfferFault

ONE = 1_600_000  # large for a line of 30,000 yuan: one person
TWO = 2_900_000  # very large: two persons


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Lines of 30,000 yuan, and the standard strategy in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, 11))
        lender = Lender(books)
        lender.release()
        yield lender


def waits(lender: Lender, line_id: int, amount_minor: int = ONE, **told: object) -> StoredDecision:
    """A purchase that a person looks at."""
    [decision] = lender.ask(lender.purchase(line_id, amount_minor, **told))
    assert isinstance(decision, StoredDecision)
    assert decision.outcome == "review", decision.reasons
    return decision


def taken(lender: Lender, actor: str) -> int | None:
    """What that person gets next."""
    review = take_next(lender.books.connection, act=lender.act(actor=actor))
    return None if review is None else review.review_id


def judged(lender: Lender, decision: StoredDecision, outcome: str, actor: str) -> Review | Refusal | OfferFault:
    """An answer with a reason, in one transaction."""
    connection = lender.books.connection
    with connection.transaction():
        return judge(
            connection, decision.decision_id, outcome, reason="called back", act=lender.act(actor=actor), zone=SHANGHAI
        )


def held_minor(lender: Lender, line_id: int) -> int:
    """What of a line is held for merchants."""
    stored = lines.read_line(lender.books.connection, line_id)
    assert stored is not None
    return sum(hold.left_minor for hold in stored.line.holds)


def told(lender: Lender, decision: StoredDecision) -> bool | None:
    """Whether later decisions know it as declined; None where they know of no answer."""
    row = read_event(lender.books.connection, "purchase_outcome", decision.decision_id)
    return None if row is None else row["is_declined"]


def kinds(lender: Lender, decision: StoredDecision) -> list[tuple[ActKind, str | None, str]]:
    """What was done about it, and by whom."""
    acts = reviews.acts_of(lender.books.connection, decision.decision_id)
    return [(each.kind, each.outcome, each.actor) for each in acts]


def overdue(lender: Lender) -> int:
    """A round of closing."""
    act = lender.act(actor="time")
    return close_overdue(lender.books.connection, act=act, zone=SHANGHAI, most=100)


def reason_of(refused: object) -> RefusalReason | None:
    """Why something was refused."""
    return refused.reason if isinstance(refused, Refusal) else None


def test_the_queue_goes_by_priority_and_then_by_deadline(lender: Lender) -> None:
    first, later, urgent = waits(lender, 1), waits(lender, 2), waits(lender, 3, TWO)
    queue = reviews.list_reviews(lender.books.connection, Wanted(), after=None, most=10)
    assert [each.review_id for each in queue] == [urgent.decision_id, first.decision_id, later.decision_id]
    rest = reviews.list_reviews(lender.books.connection, Wanted(), after=first.decision_id, most=10)
    assert [each.review_id for each in rest] == [later.decision_id]
    assert [taken(lender, "ann"), taken(lender, "bo"), taken(lender, "ann"), taken(lender, "bo")] == [
        urgent.decision_id, first.decision_id, later.decision_id, None,
    ]  # fmt: skip
    mine = reviews.list_reviews(lender.books.connection, Wanted(assigned_to="ann"), after=None, most=10)
    assert {each.review_id for each in mine} == {urgent.decision_id, later.decision_id}
    for wanted in (Wanted(checkpoint="apply"), Wanted(overdue_at=lender.now), Wanted(state=ReviewState.CLOSED)):
        assert reviews.list_reviews(lender.books.connection, wanted, after=None, most=10) == []


def together(database_url: str, *runs: Callable[[psycopg.Connection], object]) -> list[object]:
    """What each gives, run at once, each over a connection of its own."""
    gate = threading.Barrier(len(runs))
    given: list[object] = [None] * len(runs)

    def run(place: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            gate.wait()
            given[place] = runs[place](connection)

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def test_two_analysts_at_once_never_get_the_same(lender: Lender, database_url: str) -> None:
    waiting = [waits(lender, line_id).decision_id for line_id in range(1, 7)]
    acts = [lender.act(actor=name) for name in ("ann", "bo", "cy")]

    def all_of(place: int) -> Callable[[psycopg.Connection], object]:
        def run(connection: psycopg.Connection) -> list[int]:
            got: list[int] = []
            while (review := take_next(connection, act=acts[place])) is not None:
                got.append(review.review_id)
            return got

        return run

    given = together(database_url, *(all_of(place) for place in range(3)))
    assert sorted(review_id for each in given if isinstance(each, list) for review_id in each) == waiting


def test_one_that_is_being_taken_is_passed_over_and_nobody_waits(lender: Lender, database_url: str) -> None:
    first, second = waits(lender, 1), waits(lender, 2)
    with psycopg.connect(database_url) as other:
        assert take_next(other, act=lender.act(actor="ann")) is not None
        assert taken(lender, "bo") == second.decision_id
        other.rollback()
    assert taken(lender, "cy") == first.decision_id


def test_what_was_taken_and_left_waits_again_after_a_while(lender: Lender) -> None:
    decision = waits(lender, 1, TWO)
    assert taken(lender, "ann") == decision.decision_id
    lender.now += timedelta(minutes=29)
    assert taken(lender, "bo") is None
    assert reason_of(judged(lender, decision, "decline", "bo")) is RefusalReason.REVIEW_ASSIGNED
    lender.now += timedelta(minutes=1)
    assert taken(lender, "bo") == decision.decision_id
    assert reason_of(judged(lender, decision, "decline", "ann")) is RefusalReason.REVIEW_ASSIGNED


def test_what_is_given_back_is_anybodys(lender: Lender) -> None:
    decision = waits(lender, 1)
    connection = lender.books.connection
    assert taken(lender, "ann") == decision.decision_id
    assert reason_of(
        release(connection, decision.decision_id, reason="lunch", act=lender.act(actor="bo"))
    ) is RefusalReason.REVIEW_ASSIGNED  # fmt: skip
    given_back = release(connection, decision.decision_id, reason="lunch", act=lender.act(actor="ann"))
    assert isinstance(given_back, Review)
    assert taken(lender, "bo") == decision.decision_id
    assert kinds(lender, decision) == [
        (ActKind.ASSIGNED, None, "ann"), (ActKind.RELEASED, None, "ann"), (ActKind.ASSIGNED, None, "bo"),
    ]  # fmt: skip


def test_what_is_approved_keeps_its_hold_and_is_told_as_approved(lender: Lender) -> None:
    decision = waits(lender, 1)
    assert told(lender, decision) is None
    taken(lender, "ann")
    review = judged(lender, decision, "approve", "ann")
    assert isinstance(review, Review)
    assert (review.outcome, review.closed_by) == ("approve", "ann")
    assert (held_minor(lender, 1), told(lender, decision)) == (ONE, False)
    assert (decision.outcome, final_outcome(decision, review)) == ("review", "approve")
    assert decisions.read_decision(lender.books.connection, decision.decision_id) == decision
    assert kinds(lender, decision) == [(ActKind.ASSIGNED, None, "ann"), (ActKind.JUDGED, "approve", "ann")]
    number = decision.decision_id
    assert told_events(lender.books.connection) == [("review_closed", {
        "review_id": number, "authorization_id": number, "hold_id": number, "checkpoint": "authorize",
        "outcome": "approve", "closed": "judged", "amount_minor": ONE, "borrower_id": 1,
    })], "once, and without what the analyst wrote"  # fmt: skip


def test_what_is_declined_gives_its_hold_back_and_is_told_as_declined(lender: Lender) -> None:
    decision = waits(lender, 1)
    review = judged(lender, decision, "decline", "ann")
    assert isinstance(review, Review)
    assert final_outcome(decision, review) == "decline"
    assert (held_minor(lender, 1), told(lender, decision)) == (0, True)
    again = judged(lender, decision, "approve", "bo")
    assert again == Refusal(
        RefusalReason.REVIEW_CLOSED, field="review_id", figures={"outcome": "decline", "closed_by": "ann"}
    )


def test_a_review_ends_only_as_its_checkpoint_may(lender: Lender) -> None:
    decision = waits(lender, 1)
    assert reason_of(judged(lender, decision, "offer", "ann")) is RefusalReason.REVIEW_OUTCOME_UNKNOWN
    unknown = judge(lender.books.connection, 5, "approve", reason="x", act=lender.act(), zone=SHANGHAI)
    assert reason_of(unknown) is RefusalReason.REVIEW_UNKNOWN


def test_two_approve_what_is_very_large(lender: Lender) -> None:
    decision = waits(lender, 1, TWO)
    assert taken(lender, "ann") == decision.decision_id
    proposed = judged(lender, decision, "approve", "ann")
    assert isinstance(proposed, Review)
    assert (proposed.outcome, proposed.proposed_outcome, proposed.proposed_by) == (None, "approve", "ann")
    assert final_outcome(decision, proposed) == "review"
    assert reason_of(judged(lender, decision, "approve", " ANN")) is RefusalReason.SECOND_PERSON_MISSING
    assert (taken(lender, "ann"), taken(lender, "bo")) == (None, decision.decision_id)
    agreed = judged(lender, decision, "approve", "bo")
    assert isinstance(agreed, Review)
    assert (agreed.outcome, agreed.closed_by, told(lender, decision)) == ("approve", "bo", False)
    assert [kind for kind, _, _ in kinds(lender, decision)] == [
        ActKind.ASSIGNED, ActKind.PROPOSED, ActKind.ASSIGNED, ActKind.JUDGED,
    ]  # fmt: skip


@pytest.mark.parametrize("second", ["ann", "bo"])
def test_one_is_enough_to_decline_also_after_a_proposal(lender: Lender, second: str) -> None:
    decision = waits(lender, 1, TWO)
    judged(lender, decision, "approve", "ann")
    declined = judged(lender, decision, "decline", second)
    assert isinstance(declined, Review)
    assert (declined.outcome, held_minor(lender, 1)) == ("decline", 0)


@pytest.mark.parametrize("proposed_by", [None, "ann", " Ann"])
def test_the_database_refuses_one_person_for_two(lender: Lender, proposed_by: str | None) -> None:
    decision = waits(lender, 1, TWO)
    connection = lender.books.connection
    if proposed_by is not None:
        reviews.propose_outcome(connection, decision.decision_id, "approve", by=proposed_by)
    with pytest.raises(psycopg.errors.CheckViolation, match="two_are_two"):
        reviews.close_review(connection, decision.decision_id, "approve", by="ann", at=lender.now)


def test_the_database_keeps_what_was_closed_and_done(lender: Lender) -> None:
    decision = waits(lender, 1)
    judged(lender, decision, "approve", "ann")
    for change in (
        "UPDATE reviews SET outcome = 'decline'",
        "DELETE FROM reviews",
        "UPDATE review_acts SET reason = 'x'",
        "DELETE FROM review_acts",
    ):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            lender.books.connection.execute(change.encode())
    other = waits(lender, 2)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        lender.books.connection.execute("UPDATE reviews SET needs_two = true WHERE review_id = %s", [other.decision_id])


def test_what_nobody_judged_in_time_ends_as_configured(lender: Lender) -> None:
    decision = waits(lender, 1)
    lender.now += timedelta(minutes=59)
    assert overdue(lender) == 0
    lender.now += timedelta(minutes=1)
    assert (overdue(lender), overdue(lender)) == (1, 0)
    review = reviews.read_review(lender.books.connection, decision.decision_id)
    assert review is not None
    assert (final_outcome(decision, review), review.closed_by) == ("decline", "time")
    assert (held_minor(lender, 1), told(lender, decision)) == (0, True)
    assert kinds(lender, decision) == [(ActKind.TIMED_OUT, "decline", "time")]
    [(kind, fact)] = told_events(lender.books.connection)
    assert (kind, fact["outcome"], fact["closed"]) == ("review_closed", "decline", "timed_out")


def lenient(lender: Lender) -> None:
    """A strategy that approves what nobody judged in time."""
    files = strategy_files(None)
    form = "authorize/checkpoint.toml"
    files[form] = files[form].replace(b'timeout_outcome = "decline"', b'timeout_outcome = "approve"')
    lender.release(files=files)


def test_time_approves_where_it_may_but_never_alone_what_needs_two(lender: Lender) -> None:
    lenient(lender)
    one, two, shut = waits(lender, 1), waits(lender, 2, TWO), waits(lender, 3)
    block = {"blocked_because": "fraud", "reason": "x", "actor": "risk", "decided_at": lender.now}
    write_block(lender.books.connection, 3, block_id=1, **block)  # type: ignore[arg-type]
    judged(lender, two, "approve", "ann")
    lender.now += timedelta(minutes=61)
    assert overdue(lender) == 3
    found = [reviews.read_review(lender.books.connection, each.decision_id) for each in (one, two, shut)]
    assert [each.outcome for each in found if each is not None] == ["approve", "decline", "decline"]
    assert [held_minor(lender, line_id) for line_id in (1, 2, 3)] == [ONE, 0, 0]


def approving(lender: Lender, decision: StoredDecision) -> Callable[[psycopg.Connection], object]:
    """An analyst who approves over a connection of his own."""
    act = lender.act(actor="ann")

    def run(connection: psycopg.Connection) -> object:
        with connection.transaction():
            return judge(connection, decision.decision_id, "approve", reason="ok", act=act, zone=SHANGHAI)

    return run


def test_judge_and_time_out_at_once_close_it_once(lender: Lender, database_url: str) -> None:
    for line_id in range(1, 7):
        decision = waits(lender, line_id)
        lender.now += timedelta(minutes=60)
        by_hand, by_time = together(
            database_url, approving(lender, decision), partial(close_overdue, act=lender.act(), zone=SHANGHAI, most=9)
        )
        review = reviews.read_review(lender.books.connection, decision.decision_id)
        assert review is not None
        by_ann = isinstance(by_hand, Review)
        assert by_time == (0 if by_ann else 1)
        assert by_ann or reason_of(by_hand) is RefusalReason.REVIEW_CLOSED
        assert review.outcome == ("approve" if by_ann else "decline")
        assert (held_minor(lender, line_id), told(lender, decision)) == ((ONE, False) if by_ann else (0, True))
        assert len(kinds(lender, decision)) == 1


def test_a_line_in_use_is_left_for_the_next_round(lender: Lender, database_url: str) -> None:
    waits(lender, 1)
    lender.now += timedelta(minutes=60)
    with psycopg.connect(database_url) as other:
        lines.lock_line(other, 1)
        assert overdue(lender) == 0
    assert overdue(lender) == 1


def voided(lender: Lender, decision: StoredDecision, connection: psycopg.Connection) -> object:
    """The merchant gives the hold back."""
    assert decision.line_id is not None
    assert decision.hold_id is not None
    fact = facts.HoldVoided(hold_id=decision.hold_id)
    with connection.transaction():
        return record(connection, decision.line_id, fact, act=lender.act(actor="merchant"))


def test_an_order_that_is_taken_back_is_judged_no_more(lender: Lender) -> None:
    decision = waits(lender, 1)
    part = facts.HoldVoided(hold_id=decision.hold_id or 0, amount_minor=100)
    record(lender.books.connection, 1, part, act=lender.act())
    assert kinds(lender, decision) == []
    assert isinstance(voided(lender, decision, lender.books.connection), Recorded)
    review = reviews.read_review(lender.books.connection, decision.decision_id)
    assert final_outcome(decision, review) == "withdrawn"
    [(_, fact)] = told_events(lender.books.connection)
    assert (fact["review_id"], fact["closed"]) == (decision.decision_id, "withdrawn")
    assert told(lender, decision) is None
    assert reason_of(judged(lender, decision, "approve", "ann")) is RefusalReason.REVIEW_CLOSED
    assert kinds(lender, decision) == [(ActKind.WITHDRAWN, "withdrawn", "merchant")]


def test_judge_and_merchant_at_once_end_it_once(lender: Lender, database_url: str) -> None:
    for line_id in range(1, 7):
        decision = waits(lender, line_id)
        by_hand, by_merchant = together(database_url, approving(lender, decision), partial(voided, lender, decision))
        review = reviews.read_review(lender.books.connection, decision.decision_id)
        assert review is not None
        assert isinstance(by_merchant, Recorded)
        assert review.outcome == ("approve" if isinstance(by_hand, Review) else "withdrawn")
        assert held_minor(lender, line_id) == 0


def test_a_hold_that_expired_is_not_approved(lender: Lender) -> None:
    decision = waits(lender, 1)
    lender.now += timedelta(days=30)
    lender.ask(lender.purchase(1, 100))
    assert held_minor(lender, 1) == 100
    assert reason_of(judged(lender, decision, "approve", "ann")) is RefusalReason.HOLD_UNKNOWN
    assert overdue(lender) == 1
    assert told(lender, decision) is True


def test_a_merchant_cannot_capture_what_waits(lender: Lender) -> None:
    decision = waits(lender, 1)
    request = DrawRequest(amount_minor=ONE, merchant_id=7, hold_id=decision.hold_id)
    connection = lender.books.connection
    assert reason_of(draw(connection, 1, request, act=lender.act())) is RefusalReason.HOLD_UNDER_REVIEW
    judged(lender, decision, "approve", "ann")
    assert isinstance(draw(connection, 1, request, act=lender.act()), Recorded)


def test_the_answers_count_for_later_decisions_from_when_they_were_given(lender: Lender) -> None:
    """One declined by a person, one approved by two: half of the line's purchases that were answered were declined."""

    def declined_share() -> list[float | None]:
        asked: dict[str, Any] = dict.fromkeys(REQUEST_SCHEMA.names)
        asked |= {
            "request_id": 1,
            "tick": tick_of(lender.now),
            "kind": "purchase",
            "utc_offset_minutes": 480,
            "line_id": 1,
        }
        table = pa.table({name: [value] for name, value in asked.items()}, schema=REQUEST_SCHEMA)
        features = load_as_of_catalog().named(["line_declined_share_1d"])
        with lender.books.connection.transaction():
            seen = features_at(lender.books.connection, table, features=features)
        shares: list[float | None] = seen.columns.column("line_declined_share_1d").to_pylist()
        return shares

    for outcome, share in (("decline", 1.0), ("approve", 0.5)):
        decision = waits(lender, 1, TWO)
        before = declined_share()
        judged(lender, decision, outcome, "ann")
        judged(lender, decision, outcome, "bo")
        assert declined_share() == before
        lender.now += timedelta(seconds=1)
        assert declined_share() == [share]


def test_on_a_line_of_a_test_clock_the_hold_is_given_back_on_its_own_day(lender: Lender) -> None:
    decision = waits(lender, 1)
    connection = lender.books.connection
    clock = make_clock(connection, name="tomorrow", stands_at=lender.now + timedelta(days=1), act=lender.act())
    follow_clock(connection, 1, test_clock_id=clock.test_clock_id)
    review = judged(lender, decision, "decline", "ann")
    assert isinstance(review, Review)
    assert review.closed_at == lender.now
    last = lines.read_events(connection, 1)[-1]
    assert (last.fact, last.effective_on) == (
        facts.HoldVoided(hold_id=decision.hold_id or 0), DAY + timedelta(days=1),
    )  # fmt: skip


def test_the_command_closes_what_is_overdue(lender: Lender, database_url: str) -> None:
    decision = waits(lender, 1)  # in June 2026: long ago by the wall's clock
    for said in ("✓ stopped 0, timed out 1, offers expired 0", "✓ stopped 0, timed out 0, offers expired 0"):
        ran = command("reviews", "close", "--by", "cron", url=database_url)
        assert (ran.stdout.strip(), ran.stderr) == (said, "")
    assert kinds(lender, decision) == [(ActKind.TIMED_OUT, "decline", "cron")]
