"""Past decisions decided again: the same to the byte, on the same features, and every forgery is told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import msgspec
import psycopg
import pytest
from tests.books import Books, ended
from tests.commands import command
from tests.deciding import Lender, opened

from tallystick.operations.authorizing import PutOff, withdraw
from tallystick.operations.deciding import Deciders
from tallystick.operations.replaying import DecisionUnknown, Differs, Replayed, replay_decision, replay_since
from tallystick.storage import decisions
from tallystick.storage.decisions import StoredDecision
from tallystick.strategy.case_columns import TAKEN_BACK_TEXTS
from tallystick.strategy.case_record import CaseRecord, decode_record, encode_record
from tallystick.units.ids import IdPrefix, encode_id

EVER = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Forty purchases of eight lines decided in batches of eight, on devices that they share."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, 9))
        lender = Lender(books)
        lender.release()
        for turn in range(1, 6):
            waiting = [
                lender.purchase(line_id, line_id * turn * 9_000, device_id=line_id % 3, merchant_id=line_id % 2 + 1)
                for line_id in range(1, 9)
            ]
            while waiting:
                told = lender.ask(*waiting)
                waiting = [each for each, answer in zip(waiting, told, strict=True) if isinstance(answer, PutOff)]
        yield lender


def replayed(lender: Lender, *, features: bool = False) -> Replayed:
    """Everything decided again by a process that knows nothing yet."""
    return ended(replay_since(lender.books.connection, EVER, deciders=Deciders(), features=features))


def test_all_decisions_are_the_same_again_and_so_are_their_features(lender: Lender) -> None:
    told = replayed(lender, features=True)
    assert (told.decisions, told.without_trace, told.differences) == (40, 0, ())


def forged(lender: Lender, **changed: object) -> StoredDecision:
    """The last batch written once more with a record that was changed."""
    connection = lender.books.connection
    last = decisions.decisions_before(connection, None, most=1)[0]
    batch, trace = decisions.read_batch(connection, last.batch_id), decisions.read_trace(connection, last.batch_id)
    assert batch is not None
    assert trace is not None
    kept = decode_record(trace)
    made = decisions.read_decisions(connection, kept.request_ids)
    numbers = [next(lender.books.ids) for _ in made]
    requests = kept.requests | {"request_id": numbers}
    record: CaseRecord = msgspec.structs.replace(kept, requests=requests, **changed)
    copies = []
    for number, each in zip(numbers, made, strict=True):
        outcome = record.outcome[each.place]
        hold_id = None if outcome == "decline" else number
        told = {"decision_id": number, "request_key": f"forged {number}", "outcome": outcome, "hold_id": hold_id}
        copies.append(msgspec.structs.replace(each, batch_id=1, **told))
    decisions.write_batch(connection, msgspec.structs.replace(batch, batch_id=1), copies, trace=encode_record(record))
    return copies[-1]


def test_an_outcome_that_the_tables_do_not_give_is_told(lender: Lender) -> None:
    decision = forged(lender, outcome=["decline"] * cases_of_last(lender))
    told = replayed(lender)
    assert {each.batch_id for each in told.differences} == {1}
    assert told.differences[0].kind is Differs.BYTES
    assert told.differences[0].told == "outcome"
    assert (decision.decision_id, Differs.DECISION, "outcome") in {
        (each.decision_id, each.kind, each.told) for each in told.differences
    }


def test_features_that_nobody_could_see_are_told(lender: Lender) -> None:
    connection = lender.books.connection
    trace = decisions.read_trace(connection, last_batch(lender))
    assert trace is not None
    features = dict(decode_record(trace).features)
    features["line_purchase_count_1h"] = [each + 1 for each in features["line_purchase_count_1h"]]
    forged(lender, features=features)
    assert [each.told for each in replayed(lender, features=True).differences if each.kind is Differs.FEATURES] == [
        "line_purchase_count_1h"
    ]


def last_batch(lender: Lender) -> int:
    """The batch that was decided last."""
    return decisions.decisions_before(lender.books.connection, None, most=1)[0].batch_id


def cases_of_last(lender: Lender) -> int:
    """How many cases that batch has."""
    batch = decisions.read_batch(lender.books.connection, last_batch(lender))
    assert batch is not None
    return batch.cases


def test_one_decision_is_traced_with_what_its_borrower_is_told(lender: Lender) -> None:
    declined = lender.ask(lender.purchase(1, 2_999_999))[0]
    assert isinstance(declined, StoredDecision)
    told = replay_decision(lender.books.connection, declined.decision_id, deciders=Deciders())
    assert (told.trace.outcome, told.differences) == (declined.outcome, ())
    assert told.explanation.zh[0] == "未通过"
    assert any("你" in line or "您" in line for line in told.explanation.zh)
    withdraw(lender.books.connection, declined, act=lender.act())
    told = replay_decision(lender.books.connection, declined.decision_id, deciders=Deciders())
    assert (told.trace.outcome, told.differences) == (declined.outcome, ())
    assert (told.explanation.zh, told.explanation.en) == tuple((text,) for text in TAKEN_BACK_TEXTS)


def test_what_is_not_there_is_told(lender: Lender) -> None:
    with pytest.raises(DecisionUnknown, match="none of that id"):
        replay_decision(lender.books.connection, 5, deciders=Deciders())
    assert decisions.forget_traces(lender.books.connection, before=lender.now, most=1_000) > 0
    last = decisions.decisions_before(lender.books.connection, None, most=1)[0]
    with pytest.raises(DecisionUnknown, match="its time was over"):
        replay_decision(lender.books.connection, last.decision_id, deciders=Deciders())
    assert (replayed(lender).decisions, replayed(lender).without_trace) == (0, 40)


def test_the_commands(lender: Lender, database_url: str) -> None:
    every = command("replay", "--all", "--features", url=database_url)
    assert (every.returncode, "40 decisions in" in every.stdout) == (0, True), every.stderr
    last = decisions.decisions_before(lender.books.connection, None, most=1)[0]
    one = command("replay", encode_id(IdPrefix.DECISION, last.decision_id), url=database_url, language="zh")
    assert (one.returncode, "逐字节相同" in one.stdout, "逐步判断" in one.stdout) == (0, True, True), one.stderr
    forged(lender, outcome=["decline"] * cases_of_last(lender))
    assert command("replay", "--all", url=database_url).returncode == 1
    assert command("replay", url=database_url).returncode == 2
    assert "begins with decision_" in command("replay", "line_1", url=database_url).stderr


def test_what_decisions_were_made_of_is_deleted_once_its_time_is_over(lender: Lender, database_url: str) -> None:
    forgotten = command("decisions", "forget", "--days", "30", url=database_url).told()
    assert "batches were made of is deleted" in forgotten
    assert replayed(lender).without_trace == 40, "they were decided in June"
