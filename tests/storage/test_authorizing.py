"""Purchases decided: one transaction from lock to hold, each decision told again the same."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from tests.books import Books, ended, told_events
from tests.deciding import DAY, Lender, opened

from tallystick.operations.authorizing import Authorized, Purchase, PutOff, withdraw
from tallystick.operations.deciding import NoRelease
from tallystick.operations.decision_events import tell_placed
from tallystick.operations.decision_record import Reused
from tallystick.operations.replaying import replay_since
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import promote
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, lines
from tallystick.storage.borrowers import write_block
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.freezes import Subject, freezes_before, lift_freeze, standing_freezes
from tallystick.storage.reviews import read_review
from tallystick.storage.step_ups import retries_among
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decide_again, decode_record, encode_record


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Ten lines of ten persons, and the standard strategy in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, 11))
        lender = Lender(books)
        lender.release()
        yield lender


def made(told: Authorized) -> StoredDecision:
    """A decision, where one was made."""
    assert isinstance(told, StoredDecision), told
    return told


def held_minor(lender: Lender, line_id: int) -> int:
    """What of a line is held for merchants."""
    stored = lines.read_line(lender.books.connection, line_id)
    assert stored is not None
    return sum(hold.left_minor for hold in stored.line.holds)


def test_a_purchase_is_approved_with_its_hold_and_its_decision(lender: Lender) -> None:
    decision = made(lender.ask(lender.purchase(1, 5_000))[0])
    assert (decision.outcome, decision.reasons, decision.probability_ppm) == ("approve", (), 1_000_000)
    stored = lines.read_line(lender.books.connection, 1)
    assert stored is not None
    assert [(hold.hold_id, hold.left_minor, hold.merchant_id) for hold in stored.line.holds] == [
        (decision.hold_id, 5_000, 7)
    ]
    assert decisions.read_decision(lender.books.connection, decision.decision_id) == decision
    assert decision.hold_id == decision.decision_id


def test_what_is_above_the_available_credit_is_declined_and_nothing_is_held(lender: Lender) -> None:
    decision = made(lender.ask(lender.purchase(1, 3_000_001))[0])
    assert (decision.outcome, decision.reasons, decision.hold_id) == ("decline", ("OVER_AVAILABLE",), None)
    assert held_minor(lender, 1) == 0


def test_a_large_order_waits_for_a_person_with_its_amount_held(lender: Lender) -> None:
    decision = made(lender.ask(lender.purchase(1, 2_900_000))[0])
    review = read_review(lender.books.connection, decision.decision_id)
    assert review is not None
    assert (decision.outcome, review.needs_two, review.hold_id) == ("review", True, decision.hold_id)
    assert (review.due_at - review.opened_at).total_seconds() == 30 * 60
    assert held_minor(lender, 1) == 2_900_000


def test_the_same_request_has_the_same_answer_and_is_held_once(lender: Lender) -> None:
    purchase = lender.purchase(1, 5_000)
    first, again = lender.ask(purchase)[0], lender.ask(purchase)[0]
    assert first == again
    assert held_minor(lender, 1) == 5_000


def test_the_same_key_with_another_purchase_is_told(lender: Lender) -> None:
    purchase = lender.purchase(1, 5_000)
    decision = made(lender.ask(purchase)[0])
    other = msgspec.structs.replace(lender.purchase(2, 9_000), request_key=purchase.request_key)
    assert lender.ask(other) == [Reused(decision.decision_id)]
    assert held_minor(lender, 2) == 0


def test_a_line_that_there_is_not_is_told_beside_the_others(lender: Lender) -> None:
    told = lender.ask(lender.purchase(99, 5_000), lender.purchase(1, 5_000))
    assert told[0] == Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")
    assert made(told[1]).outcome == "approve"


def test_nothing_is_decided_before_a_strategy_was_promoted(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, [1])
        lender = Lender(books)
        with pytest.raises(NoRelease, match="tallystick strategy submit"):
            lender.ask(lender.purchase(1, 5_000))


@pytest.mark.parametrize("what", ["line", "borrower"])
def test_a_line_in_use_is_put_off_and_nobody_waits(lender: Lender, database_url: str, what: str) -> None:
    table = {"line": "lines WHERE line_id", "borrower": "borrowers WHERE borrower_id"}[what]
    with psycopg.connect(database_url) as other:
        other.execute(f"SELECT FROM {table} = 1 FOR UPDATE".encode())
        purchases = lender.purchase(1, 5_000), lender.purchase(2, 5_000)
        told = lender.ask(*purchases)
        assert told[0] == PutOff()
        assert made(told[1]).outcome == "approve"
    assert made(lender.ask(purchases[0])[0]).outcome == "approve"


def test_two_lines_of_one_person_are_decided_one_after_the_other(lender: Lender) -> None:
    lender.books.open_line(21, 1, limit_minor=1_000_000)
    first, second = lender.purchase(1, 5_000), lender.purchase(21, 5_000)
    told = lender.ask(first, second)
    assert (made(told[0]).outcome, told[1]) == ("approve", PutOff())
    assert made(lender.ask(second)[0]).outcome == "approve"


def test_what_was_told_to_a_request_that_came_again_is_not_taken_back(lender: Lender, database_url: str) -> None:
    purchase, late = lender.purchase(1, 5_000), lender.purchase(2, 5_000)
    decision, other = map(made, lender.ask(purchase, late))
    assert made(lender.ask(purchase)[0]) == decision
    withdraw(lender.books.connection, decision, act=lender.act())
    assert made(lender.ask(purchase)[0]) == decision
    assert held_minor(lender, 1) == 5_000
    with psycopg.connect(database_url) as taking_back:  # which comes first is decided once
        assert decisions.withdraw_decision(taking_back, other.decision_id, at=lender.now)
        assert lender.ask(late) == [PutOff()]
        taking_back.commit()


def test_what_was_taken_back_is_decided_anew_when_its_request_comes_again(lender: Lender) -> None:
    def late(**told: Any) -> Purchase:
        return lender.purchase(2, 5_000, request_key="order", **told)

    decisions_made = []
    for _ in range(3):  # it may be late more than once
        decision = made(lender.ask(late())[0])
        withdraw(lender.books.connection, decision, act=lender.act())
        assert held_minor(lender, 2) == 0
        decisions_made.append(decision)
    last = made(lender.ask(late())[0])
    assert [each.outcome for each in [*decisions_made, last]] == ["approve"] * 4
    assert len({each.decision_id for each in [*decisions_made, last]}) == 4
    assert held_minor(lender, 2) == 5_000
    assert made(lender.ask(late())[0]) == last
    assert lender.ask(late(request_digest=b"another purchase")) == [Reused(decisions_made[0].decision_id)]


def test_what_the_books_refuse_is_declined_and_says_so(lender: Lender) -> None:
    lender.books.add_borrower(30, joint_cap_minor=3_000_000)
    lender.books.open_line(30, 30, limit_minor=2_000_000)
    lender.books.open_line(31, 30, limit_minor=1_000_000)
    connection = lender.books.connection
    connection.execute("UPDATE borrowers SET joint_cap_minor = 1000000 WHERE borrower_id = 30")
    lender.ask(lender.purchase(30, 400_000, step_up_passed=True))
    lender.ask(lender.purchase(31, 300_000, step_up_passed=True))
    asked = lender.purchase(30, 390_000, step_up_passed=True), lender.purchase(31, 100, step_up_passed=True)
    told = lender.ask(*asked)  # what the person's other line holds counts, asked for in the same batch or not
    decision = made(told[0])
    assert (decision.outcome, decision.refused_because, told[1]) == ("decline", "joint_cap_exceeded", PutOff())
    assert decision.reasons == ("joint_cap_exceeded",)
    assert decision.hold_id is None


def test_a_burst_freezes_the_line_at_once(lender: Lender) -> None:
    for _ in range(15):
        lender.ask(lender.purchase(1, 100, step_up_passed=True))
    decision = made(lender.ask(lender.purchase(1, 100, step_up_passed=True))[0])
    assert (decision.outcome, decision.reasons[0]) == ("decline", "LINE_BURST")
    stored = lines.read_line(lender.books.connection, 1)
    assert stored is not None
    assert stored.line.frozen_because == "LINE_BURST"
    assert [(each.subject, each.subject_id, each.decision_id) for each in freezes_before(
        lender.books.connection, None, most=5)] == [(Subject.LINE, 1, decision.decision_id)]  # fmt: skip
    assert made(lender.ask(lender.purchase(1, 100))[0]).reasons[0] == "LINE_FROZEN"


def test_a_device_of_many_persons_is_frozen_and_what_comes_behind_it_waits(lender: Lender) -> None:
    for line_id in range(1, 6):
        lender.ask(lender.purchase(line_id, 100, device_id=77, step_up_passed=True))
    ahead, behind, beside = (
        lender.purchase(6, 100, device_id=77, step_up_passed=True),
        lender.purchase(7, 100, device_id=77, step_up_passed=True),
        lender.purchase(8, 100),
    )
    told = lender.ask(ahead, behind, beside)
    assert made(told[0]).reasons[0] == "DEVICE_SHARED_BY_MANY"
    assert (told[1], made(told[2]).outcome) == (PutOff(), "approve")
    assert made(lender.ask(behind)[0]).reasons[0] == "DEVICE_FROZEN"
    frozen = freezes_before(lender.books.connection, None, most=1)[0]
    told_of = {"freeze_id": frozen.freeze_id, "device_id": 77, "reason": "DEVICE_SHARED_BY_MANY",
               "decision_id": made(told[0]).decision_id}  # fmt: skip
    assert told_events(lender.books.connection) == [("freeze_placed", told_of)], "answers are told to who asked"
    tell_placed(lender.books.connection, [replace(frozen, freeze_id=1)], act=lender.act())
    assert len(told_events(lender.books.connection)) == 1, "the freeze of who came second was not placed"
    assert lift_freeze(lender.books.connection, frozen.freeze_id, by="security", at=lender.now, because="verified")
    assert standing_freezes(lender.books.connection, {(Subject.DEVICE, 77)}) == set()


def test_a_second_factor_counts_for_its_order_in_time_and_once(lender: Lender) -> None:
    asked, beside = (made(lender.ask(lender.purchase(1, 250_000, merchant_id=70))[0]) for _ in range(2))
    assert (asked.outcome, asked.reasons, asked.hold_id) == ("step_up", ("NEW_SHOP",), None)
    retry = {"merchant_id": 70, "step_up_of": asked.decision_id}

    def refused(line_id: int, amount_minor: int, **told: int) -> RefusalReason | None:
        [answer] = lender.ask(lender.purchase(line_id, amount_minor, **(retry | told)))
        return answer.reason if isinstance(answer, Refusal) else None

    assert refused(1, 250_001) is RefusalReason.STEP_UP_OF_ANOTHER
    assert refused(1, 250_000, merchant_id=71) is RefusalReason.STEP_UP_OF_ANOTHER
    assert refused(2, 250_000) is RefusalReason.STEP_UP_UNKNOWN
    passed = made(lender.ask(lender.purchase(1, 250_000, **retry))[0])
    assert passed.outcome == "approve"
    assert refused(1, 250_000, step_up_of=passed.decision_id) is RefusalReason.STEP_UP_UNKNOWN, "it asked for none"
    assert refused(1, 250_000) is RefusalReason.STEP_UP_USED
    connection = lender.books.connection
    assert retries_among(connection, [asked.decision_id, passed.decision_id]) == {passed.decision_id: asked.decision_id}
    withdraw(connection, passed, act=lender.act())
    again = made(lender.ask(lender.purchase(1, 250_000, **retry))[0])
    assert again.outcome == "approve", "what nobody was told does not count"
    lender.now += timedelta(minutes=15)
    assert refused(1, 250_000, step_up_of=beside.decision_id) is RefusalReason.STEP_UP_OVER
    replayed = ended(replay_since(connection, asked.decided_at, deciders=lender.deciders, features=True))
    assert (replayed.decisions, replayed.differences) == (4, ())


def test_a_blocked_person_is_declined(lender: Lender) -> None:
    connection = lender.books.connection
    told: dict[str, Any] = {"blocked_because": "fraud", "reason": "x", "actor": "risk", "decided_at": lender.now}
    write_block(connection, 1, block_id=1, **told)
    assert made(lender.ask(lender.purchase(1, 100))[0]).reasons == ("BORROWER_BLOCKED",)


def test_time_catches_the_line_up_before_it_is_decided_on(lender: Lender) -> None:
    hold = facts.HoldPlaced(hold_id=500, amount_minor=2_900_000, expires_on=DAY, merchant_id=7)
    lender.books.act(1, hold, DAY.replace(day=1))
    assert made(lender.ask(lender.purchase(1, 200_000, step_up_passed=True))[0]).outcome == "approve"
    assert held_minor(lender, 1) == 200_000


def test_a_later_purchase_sees_what_was_asked_before(lender: Lender) -> None:
    for _ in range(3):
        lender.ask(lender.purchase(1, 100))
    record = record_of(lender, made(lender.ask(lender.purchase(1, 100))[0]))
    assert record.features["line_purchase_count_1h"] == [3]


def record_of(lender: Lender, decision: StoredDecision) -> Any:
    """What a decision was made of."""
    trace = decisions.read_trace(lender.books.connection, decision.batch_id)
    assert trace is not None
    return decode_record(trace)


def test_every_batch_decides_the_same_again_to_the_byte(lender: Lender) -> None:
    strict = strategy_files(None)
    table = "authorize/available.csv"
    strict[table] = strict[table].replace(b"amount_minor > available_minor", b"amount_minor > available_minor * 0.1")
    champion, challenger = lender.keep(), lender.keep(strict)
    with lender.books.connection.transaction():
        dealt = (Challenger(challenger, 500_000),)
        promote(lender.books.connection, champion, dealt, because="try", act=lender.act())
    told = [made(each) for each in lender.ask(*(lender.purchase(line_id, 320_000) for line_id in range(1, 10)))]
    assert {(each.strategy_id, each.reasons[:1]) for each in told} >= {(challenger, ("OVER_AVAILABLE",))}
    assert {each.strategy_id for each in told} == {champion, challenger}
    trace = decisions.read_trace(lender.books.connection, told[0].batch_id)
    assert trace is not None
    compiled = {each: lender.deciders.compiled(lender.books.connection, each) for each in (champion, challenger)}
    checkpoints = {each: known[CheckpointName.AUTHORIZE] for each, known in compiled.items()}
    assert encode_record(decide_again(decode_record(trace), checkpoints)) == trace
    assert decode_record(trace).outcome == [each.outcome for each in told]


def test_a_batch_that_cannot_be_is_refused(lender: Lender) -> None:
    with pytest.raises(ValueError, match="line_id"):
        lender.ask(lender.purchase(1, 100), lender.purchase(1, 200))
    later, earlier = lender.purchase(1, 100), lender.purchase(2, 100)
    with pytest.raises(ValueError, match="decision_id"):
        lender.ask(earlier, later)
