"""Laws of purchases: many clients on the same lines; and a case is decided the same, however it is asked."""

import random
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
import psycopg
import pytest
from tests.books import Books, ended
from tests.deciding import SHANGHAI, Lender, opened

from tallystick.operations.authorizing import PutOff, authorize
from tallystick.operations.capturing import Claim, capture, void
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.replaying import replay_since
from tallystick.servicing import facts
from tallystick.storage import decisions
from tallystick.storage.decisions import StoredDecision
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, decide_cases, decode_record
from tallystick.strategy.checkpoint import Checkpoint

LINES = 6
BUYERS = 4
PURCHASES_EACH = 40
LIMIT_MINOR = 60_000


@pytest.fixture(scope="module")
def seeds() -> Iterator[int]:
    """Another order of things in each place that asks."""
    return count(2_611)


@pytest.fixture
def lived(database_url: str, seeds: Iterator[int]) -> Iterator[Lender]:
    """Six lines, on which four clients bought, captured, gave back and paid all at once."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, LINES + 1), limit_minor=LIMIT_MINOR)
        books.open_line(LINES + 1, 1, limit_minor=LIMIT_MINOR)  # the first person has two
        lender = Lender(books)
        lender.release()
        faults: list[BaseException] = []
        clients = [
            threading.Thread(target=_live, args=[database_url, lender, number, next(seeds), faults])
            for number in range(BUYERS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert not faults, faults
        yield lender


def _live(url: str, lender: Lender, number: int, seed: int, faults: list[BaseException]) -> None:
    chance, deciders = random.Random(seed), lender.deciders
    ids = count((number + 1) << 40)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            approved: list[StoredDecision] = []
            for turn in range(PURCHASES_EACH):
                act = Act(f"client {number}", lender.now, lender.now.date(), ids)
                told = _bought(connection, lender, chance, act=act, deciders=deciders, key=f"{number}/{turn}")
                if told is not None and told.outcome == "approve":
                    approved.append(told)
                if approved and chance.random() < 0.5:
                    _goes_on(connection, approved.pop(), chance, act=act, deciders=deciders)
                if chance.random() < 0.2:
                    paid = facts.PaymentReceived(payment_id=next(ids), amount_minor=5_000, channel="bank")
                    with connection.transaction():
                        assert isinstance(record(connection, chance.randint(1, LINES), paid, act=act), Recorded)
    except BaseException as fault:
        faults.append(fault)


def _bought(
    connection: psycopg.Connection, lender: Lender, chance: random.Random, *, act: Act, deciders: Deciders, key: str
) -> StoredDecision | None:
    """A purchase asked for until it is decided, sometimes with a second one on another line beside it."""
    line_ids = chance.sample(range(1, LINES + 2), 2)
    purchases = [
        msgspec.structs.replace(
            lender.purchase(line_id, chance.randint(500, 25_000), step_up_passed=True),
            decision_id=next(act.event_ids),
            request_key=f"{key}/{line_id}",
        )
        for line_id in line_ids[: chance.randint(1, 2)]
    ]
    waiting, told = purchases, []
    while waiting:
        with connection.transaction():
            answers = authorize(connection, waiting, deciders=deciders, act=act, zone=SHANGHAI)
        told += [each for each in answers if isinstance(each, StoredDecision)]
        waiting = [each for each, answer in zip(waiting, answers, strict=True) if isinstance(answer, PutOff)]
    return told[0] if told else None


def _goes_on(
    connection: psycopg.Connection, decision: StoredDecision, chance: random.Random, *, act: Act, deciders: Deciders
) -> None:
    """It is captured as a whole, in part or twice, or given back."""
    assert decision.amount_minor is not None
    whole = Claim(amount_minor=decision.amount_minor)
    half = Claim(amount_minor=max(1, decision.amount_minor // 2), keeps_hold=True)
    with connection.transaction():
        match chance.randint(0, 2):
            case 0:
                void(connection, decision, amount_minor=None, act=act)
            case 1:
                capture(connection, decision, whole, deciders=deciders, act=act)
                again = capture(connection, decision, whole, deciders=deciders, act=act)
                assert not isinstance(again, Recorded), "what was captured is captured once"
            case _:
                capture(connection, decision, half, deciders=deciders, act=act)
                beyond = capture(connection, decision, whole, deciders=deciders, act=act)
                assert not isinstance(beyond, Recorded), "all parts together stay within what was authorized"


def test_no_line_is_over_its_limit_and_every_approval_has_its_hold_and_its_record(lived: Lender) -> None:
    connection = lived.books.connection
    [(over, decided, approved, without_hold, twice)] = connection.execute(
        """
        SELECT (SELECT count(*) FROM line_history WHERE drawn_minor + held_minor > limit_minor),
               (SELECT count(*) FROM decisions),
               (SELECT count(*) FROM decisions WHERE outcome = 'approve'),
               (SELECT count(*) FROM decisions WHERE outcome = 'approve' AND NOT EXISTS (
                    SELECT FROM events WHERE kind = 'hold_placed' AND (fact ->> 'hold_id')::bigint = decision_id
                      AND (fact ->> 'amount_minor')::bigint = decisions.amount_minor)),
               (SELECT count(*) FROM events WHERE kind = 'hold_placed')
        """
    ).fetchall()
    assert (over, without_hold, twice) == (0, 0, approved)
    assert decided >= BUYERS * PURCHASES_EACH
    assert 0 < approved < decided, "some were declined for want of credit"
    nameless = connection.execute(
        """
        SELECT count(*) FROM decisions
        LEFT JOIN decision_batches USING (batch_id) LEFT JOIN decision_traces USING (batch_id)
        LEFT JOIN strategies USING (strategy_id) LEFT JOIN strategy_releases USING (release_number)
        WHERE trace IS NULL OR strategies.strategy_id IS NULL OR champion_id IS NULL
        """
    ).fetchone()
    assert nameless == (0,), "what no foreign key holds is there all the same"


def test_all_of_it_is_decided_again_to_the_byte_from_what_each_batch_saw(lived: Lender) -> None:
    ever = datetime(2020, 1, 1, tzinfo=UTC)
    told = ended(replay_since(lived.books.connection, ever, deciders=Deciders(), features=True))
    assert (told.differences, told.without_trace) == ((), 0)


def test_a_case_is_decided_the_same_alone_in_its_batch_and_in_any_other(lived: Lender) -> None:
    connection = lived.books.connection
    ever = decisions.batches_since(connection, datetime(2020, 1, 1, tzinfo=UTC))
    records = [decode_record(trace) for _, trace in ever if trace is not None]
    compiled = lived.deciders.compiled(connection, records[0].strategies[0])
    checkpoints = {records[0].strategies[0]: compiled[CheckpointName.AUTHORIZE]}
    cases = [_case(each, place) for each in records for place in range(each.cases)]
    order = random.Random(7).sample(range(len(cases)), len(cases))
    together = _decided([cases[place] for place in order], checkpoints=checkpoints)
    for place, case in zip(range(len(order)), (cases[each] for each in order), strict=True):
        alone = _decided([case], checkpoints=checkpoints)
        assert _answer(alone, 0) == _answer(together, place) == _answer(case, 0)


def _case(record: CaseRecord, place: int) -> CaseRecord:
    """One case of a record, as a record."""
    one: dict[str, Any] = {}
    for name in record.__struct_fields__:
        told = getattr(record, name)
        if isinstance(told, dict):
            told = {each: [values[place]] for each, values in told.items()}
        one[name] = [told[place]] if isinstance(told, list) else told
    return CaseRecord(**one)


def _decided(cases: list[CaseRecord], *, checkpoints: Mapping[str, Checkpoint]) -> CaseRecord:
    """All cases in one batch."""

    def joined(name: str) -> dict[str, list[Any]]:
        columns = [getattr(case, name) for case in cases]
        return {each: [column[each][0] for column in columns] for each in columns[0]}

    return decide_cases(
        checkpoints,
        strategy_ids=[case.strategies[case.strategy[0]] for case in cases],
        requests=joined("requests"),
        figures=joined("figures"),
        features=joined("features"),
    )


def _answer(record: CaseRecord, place: int) -> tuple[object, ...]:
    """What was decided of a case, and why."""
    columns = (record.scores, record.rows, record.outputs)
    told = tuple({name: values[place] for name, values in each.items()} for each in columns)
    reasons = (record.outcome[place], record.decided_by[place], record.reasons[place], record.probability_ppm[place])
    return *told, *reasons
