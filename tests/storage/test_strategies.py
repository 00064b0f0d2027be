"""A strategy's life: nobody approves their own, one release decides at a time, and what did damage is undone."""

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from tests.books import Books, told_events

from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import (
    StrategyReason,
    StrategyRefusal,
    approve,
    current_release,
    find,
    promote,
    roll_back,
    submit,
)
from tallystick.storage.strategies import Release, StoredStrategy, files_of
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.economics import StrategyFaults

TODAY = date(2026, 1, 6)


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """An empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Books(connection)


def variant(number: int) -> dict[str, bytes]:
    """The standard strategy under another name."""
    files = strategy_files(None)
    renamed = files["strategy.toml"].replace(b'name = "standard"', b'name = "variant %d"' % number)
    return files | {"strategy.toml": renamed}


def approved(books: Books, number: int) -> str:
    """A strategy that ann submitted and bo approved."""
    submitted = submit(books.connection, variant(number), act=books.act_of(TODAY, actor="ann"))
    agreed = approve(books.connection, submitted.strategy_id, note="", act=books.act_of(TODAY, actor="bo"))
    assert isinstance(agreed, StoredStrategy)
    return submitted.strategy_id


def promoted(books: Books, champion: str, *challengers: Challenger) -> Release:
    """A release that went through."""
    release = tried(books, champion, *challengers)
    assert isinstance(release, Release)
    return release


def tried(books: Books, champion: str, *challengers: Challenger) -> Release | StrategyRefusal:
    """A promotion, or why not."""
    with books.connection.transaction():
        return promote(books.connection, champion, challengers, because="better", act=books.act_of(TODAY, actor="bo"))


def rolled_back(books: Books, **named: Any) -> Release:
    """A rollback that went through."""
    release = undone(books, **named)
    assert isinstance(release, Release)
    return release


def undone(books: Books, **named: Any) -> Release | StrategyRefusal:
    """A rollback, or why not."""
    with books.connection.transaction():
        return roll_back(books.connection, because="damage", act=books.act_of(TODAY, actor="cy"), **named)


def reason_of(answer: object) -> StrategyReason:
    """Why a step was refused."""
    assert isinstance(answer, StrategyRefusal)
    return answer.reason


def test_the_same_files_are_kept_once_and_what_is_wrong_is_told_whole(books: Books) -> None:
    act = books.act_of(TODAY, actor="ann")
    first = submit(books.connection, variant(1), act=act)
    assert first.is_new
    assert not submit(books.connection, variant(1), act=act).is_new
    kept = find(books.connection, first.strategy_id[:6])
    assert isinstance(kept, StoredStrategy)
    assert (kept.name, kept.submitted_by, kept.approved_by) == ("variant 1", "ann", None)
    assert files_of(books.connection, first.strategy_id) == variant(1)
    with pytest.raises(StrategyFaults, match=r"grades\.csv"):
        submit(books.connection, variant(2) | {"grades.csv": b"id"}, act=act)


@pytest.mark.parametrize("same", ["ann", " Ann ", "ＡＮＮ"])
def test_nobody_approves_their_own_strategy(books: Books, same: str) -> None:
    submitted = submit(books.connection, variant(1), act=books.act_of(TODAY, actor="ann"))
    refused = approve(books.connection, submitted.strategy_id, note="", act=books.act_of(TODAY, actor=same))
    assert reason_of(refused) is StrategyReason.SECOND_PERSON_MISSING


@pytest.mark.parametrize("same", ["ann", " Ann ", "", "  "])
def test_the_database_refuses_the_author_by_itself(books: Books, same: str) -> None:
    submitted = submit(books.connection, variant(1), act=books.act_of(TODAY, actor="ann"))
    with pytest.raises(psycopg.errors.CheckViolation):
        books.connection.execute(
            "INSERT INTO strategy_approvals VALUES (%s, 'ann', %s, now(), '')", [submitted.strategy_id, same]
        )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):  # under another author's name
        books.connection.execute(
            "INSERT INTO strategy_approvals VALUES (%s, 'bo', 'ann', now(), '')", [submitted.strategy_id]
        )


def test_what_nobody_approved_decides_nothing(books: Books) -> None:
    submitted = submit(books.connection, variant(1), act=books.act_of(TODAY, actor="ann"))
    assert reason_of(tried(books, submitted.strategy_id)) is StrategyReason.NOT_APPROVED
    assert current_release(books.connection) is None
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        books.connection.execute(
            "INSERT INTO strategy_releases VALUES (1, 'promoted', %s, 's', NULL, 'bo', now(), 'x')",
            [submitted.strategy_id],
        )


@pytest.mark.parametrize(
    "table", ["strategies", "strategy_files", "strategy_approvals", "strategy_releases", "release_challengers"]
)
def test_nothing_of_it_is_edited(books: Books, table: str) -> None:
    promoted(books, approved(books, 1), Challenger(approved(books, 2), 50_000))
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            books.connection.execute(statement)


def test_shares_leave_the_champion_half(books: Books) -> None:
    one, two, three = (approved(books, number) for number in (1, 2, 3))

    def refused(*challengers: Challenger) -> StrategyReason:
        return reason_of(tried(books, one, *challengers))

    assert refused(Challenger(two, 300_000), Challenger(three, 200_001)) is StrategyReason.SHARE_OUT_OF_RANGE
    assert refused(Challenger(two, 0)) is StrategyReason.SHARE_OUT_OF_RANGE
    assert refused(Challenger(one, 1)) is StrategyReason.CHALLENGER_TWICE
    assert refused(Challenger("abcdef", 1)) is StrategyReason.STRATEGY_UNKNOWN
    release = promoted(books, one, Challenger(two[:12], 300_000), Challenger(three, 200_000))
    assert [each.name for each in release.challengers] == [two, three]
    assert current_release(books.connection) == release
    assert refused(Challenger(two, 300_000), Challenger(three, 200_000)) is StrategyReason.NOTHING_CHANGES


def test_a_borrower_stays_where_he_was_while_there_are_challengers(books: Books) -> None:
    one, two = approved(books, 1), approved(books, 2)
    first = promoted(books, one, Challenger(two, 100_000))
    wider = promoted(books, one, Challenger(two, 200_000))
    alone = promoted(books, two)
    again = promoted(books, two, Challenger(one, 100_000))
    assert first.salt == wider.salt == alone.salt
    assert again.salt != first.salt


def test_a_rollback_lets_what_decided_before_decide_again(books: Books) -> None:
    one, two, three = (approved(books, number) for number in (1, 2, 3))
    first, second = promoted(books, one, Challenger(two, 10_000)), promoted(books, two)
    back = rolled_back(books)
    assert (back.champion_id, back.challengers, back.salt) == (one, first.challengers, first.salt)
    assert (back.kind, back.undoes_number, back.because) == ("rolled_back", second.number, "damage")
    fact = {"release": back.number, "undone_release": second.number, "champion_id": one, "because": "damage"}
    assert told_events(books.connection) == [("release_rolled_back", fact)]
    third = promoted(books, three)
    assert rolled_back(books).undoes_number == third.number
    assert reason_of(undone(books)) is StrategyReason.NOTHING_TO_ROLL_BACK
    latest = current_release(books.connection)
    assert latest is not None
    assert (latest.number, latest.champion_id) == (5, one)


def test_two_rollbacks_go_back_two(books: Books) -> None:
    one, two, three = (approved(books, number) for number in (1, 2, 3))
    promoted(books, one)
    promoted(books, two)
    promoted(books, three)
    assert rolled_back(books).champion_id == two
    assert rolled_back(books).champion_id == one


def test_a_rollback_of_what_no_longer_decides_does_nothing(books: Books) -> None:
    one, two = approved(books, 1), approved(books, 2)
    first, second = promoted(books, one), promoted(books, two)
    assert reason_of(undone(books, of_release=first.number)) is StrategyReason.RELEASED_MEANWHILE
    assert rolled_back(books, of_release=second.number).champion_id == one


def test_of_two_who_roll_back_the_same_release_one_does(books: Books, database_url: str) -> None:
    one, two, three = (approved(books, number) for number in (1, 2, 3))
    promoted(books, one)
    promoted(books, two)
    bad = promoted(books, three)
    answers: list[object] = []
    ready = threading.Barrier(4)

    def undo() -> None:
        with psycopg.connect(database_url) as connection:
            ready.wait()
            act = books.act_of(TODAY, actor="damage limits")
            answers.append(roll_back(connection, because="x", act=act, of_release=bad.number))

    threads = [threading.Thread(target=undo) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(answer, Release) for answer in answers) == 1
    latest = current_release(books.connection)
    assert latest is not None
    assert latest.champion_id == two
