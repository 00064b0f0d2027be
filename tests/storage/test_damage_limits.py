"""A release that does damage is undone by itself: real decisions, counted, judged and rolled back."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

import msgspec
import psycopg
import pytest
from tests.books import Books
from tests.deciding import Lender, opened

from tallystick.operations.damage import Damage, damage_of_release, watch_damage
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import promote
from tallystick.storage import strategies
from tallystick.storage.clocks import Clock, add_clock
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.strategies import Release
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.damage import Beside, Measure
from tallystick.strategy.damage_limits import DamageLimits, shipped_damage_limits

LINES = range(1, 101)


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Lines of as many persons, and the standard strategy in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        with connection.transaction():
            opened(books, LINES, limit_minor=2_000_000)
        lender = Lender(books)
        lender.release()
        yield lender


def changed(path: str, before: str, after: str) -> dict[str, bytes]:
    """The standard strategy with a text of one of its files put in place of another."""
    files = strategy_files(None)
    text = files[path].decode()
    assert before in text
    return {**files, path: text.replace(before, after).encode()}


def renamed(name: str) -> dict[str, bytes]:
    """The standard strategy under another name: other files, the same decisions."""
    return changed("strategy.toml", 'name = "standard"', f'name = "{name}"')


def declines_all() -> dict[str, bytes]:
    """Nothing is approved at all."""
    return changed("authorize/approval.csv", ",approve,APPROVED", ",decline,DECLINED")


def reviews_all() -> dict[str, bytes]:
    """A person looks at every purchase but the largest."""
    files = changed("authorize/large_order.csv", ",continue,0,0,FALSE,", ",review,3,60,FALSE,")
    largest = files["authorize/large_order.csv"].replace(b",review,1,30,TRUE,", b",continue,0,0,TRUE,")
    return {**files, "authorize/large_order.csv": largest}


def approves_all() -> dict[str, bytes]:
    """Nobody is asked for a second factor, however large the order."""
    return changed("authorize/fraud_score.csv", ",step_up,", ",continue,")


def traffic(lender: Lender, *, line_ids: range = LINES, every_second_minor: int | None = None) -> set[str]:
    """A purchase on each line, every second one of that amount where one is given; the strategies that decided."""
    small = {line: 2_000 + line for line in line_ids}
    large = {} if every_second_minor is None else dict.fromkeys(line_ids[::2], every_second_minor)
    asked = [lender.purchase(line, amount_minor) for line, amount_minor in (small | large).items()]
    return {each.strategy_id for each in lender.ask(*asked) if isinstance(each, StoredDecision)}


def watched(lender: Lender) -> Damage:
    """One look."""
    with lender.books.connection.transaction():
        return watch_damage(lender.books.connection, act=lender.act(actor="damage limits"))


def measures(damage: Damage) -> set[Measure]:
    """What is limited and beyond it."""
    return {each.finding.measure for each in damage.passed}


@pytest.mark.parametrize(
    ("bad", "large_minor", "beyond"),
    [
        (declines_all, None, {Measure.DECLINES}),
        (reviews_all, None, {Measure.REVIEWS}),
        (approves_all, 900_000, {Measure.APPROVALS, Measure.GRANTED}),
    ],
)
def test_a_bad_release_is_undone_and_the_next_purchase_is_decided_as_before(
    lender: Lender, bad: Callable[[], dict[str, bytes]], large_minor: int | None, beyond: set[Measure]
) -> None:
    good = traffic(lender, every_second_minor=large_minor)
    released = lender.release(files=bad())
    assert traffic(lender, every_second_minor=large_minor) == {released.champion_id}
    assert measures(damage_of_release(lender.books.connection, at=lender.now)) == beyond
    damage = watched(lender)
    assert measures(damage) == beyond
    assert damage.undone_by is not None
    assert (damage.undone_by.kind, damage.undone_by.undoes_number) == ("rolled_back", released.number)
    assert damage.undone_by.because.startswith("damage limit: authorize ")
    assert released.champion_id[:12] in damage.undone_by.because
    assert traffic(lender) == good
    assert watched(lender).passed == ()


def test_a_bad_challenger_is_undone_beside_the_champion_of_the_same_hour(lender: Lender) -> None:
    bad = lender.keep(declines_all())
    limits = msgspec.structs.replace(shipped_damage_limits(), least_decisions=30)
    released = promoted(lender, strategy_files(None), limits, Challenger(bad, 500_000))
    assert traffic(lender) == {released.champion_id, bad}
    damage = watched(lender)
    assert {(each.finding.strategy_id, each.finding.measure) for each in damage.passed} == {(bad, Measure.DECLINES)}
    assert traffic(lender) == {released.champion_id}


def test_a_challenger_added_does_not_end_the_trial_of_the_champion(lender: Lender) -> None:
    """Beside this hour of yesterday; undone release by release, until the champion before decides again."""
    good = traffic(lender)
    lender.now += timedelta(days=1)
    bad = lender.release(files=declines_all()).champion_id
    promoted(lender, declines_all(), shipped_damage_limits(), Challenger(lender.keep(renamed("small")), 1))
    for _ in range(2):
        assert traffic(lender) == {bad}
        damage = watched(lender)
        assert {(each.finding.measure, each.finding.beside) for each in damage.passed} == {
            (Measure.DECLINES, Beside.DAYS_BEFORE)
        }
        assert damage.undone_by is not None
    assert traffic(lender) == good


def test_a_good_release_stays(lender: Lender) -> None:
    """The first has nothing to be compared with; the second decides the same under another name."""
    traffic(lender, every_second_minor=900_000)
    first = watched(lender)
    assert {each.finding.measure for each in first.figures} == {Measure.GRANTED_IN_ALL}
    assert (first.passed, first.undone_by) == ((), None)
    released = lender.release(files=renamed("as good"))
    for _ in range(3):
        traffic(lender, every_second_minor=900_000)
        lender.now += timedelta(minutes=10)
        assert watched(lender).passed == ()
    assert strategies.last_release_number(lender.books.connection) == released.number


def test_too_few_decisions_say_nothing(lender: Lender) -> None:
    """Forty borrowers, however often they try, are not many opinions; lines that follow a test's clock are none."""
    traffic(lender)
    lender.release(files=declines_all())
    for _ in range(3):
        traffic(lender, line_ids=range(1, 41))
    found = watched(lender)
    assert found.figures
    assert found.passed == ()
    traffic(lender)
    connection = lender.books.connection
    add_clock(connection, Clock(5, "trial run", lender.now, "ann", lender.now))
    connection.execute("UPDATE lines SET test_clock_id = 5 WHERE line_id > 40")
    assert watched(lender).passed == ()
    connection.execute("UPDATE lines SET test_clock_id = NULL")
    assert watched(lender).undone_by is not None


def test_what_was_decided_for_days_is_told_of_and_stays(lender: Lender) -> None:
    """After its trial a champion is no longer compared; a stop that it passes is told, and undoes nothing."""
    traffic(lender)
    limits = msgspec.structs.replace(stopped_at(200_000), trial_hours=1)
    released = promoted(lender, renamed("spends"), limits)
    lender.now += timedelta(hours=2)
    traffic(lender)
    told = watched(lender)
    assert (measures(told), told.undone_by) == ({Measure.GRANTED_IN_ALL}, None)
    assert strategies.last_release_number(lender.books.connection) == released.number


def test_a_stop_undoes_a_release_on_trial(lender: Lender) -> None:
    """100 purchases of 20.01 to 21.00 yuan are 2,050.50 yuan: above 2,000 an hour, whatever others granted."""
    promoted(lender, renamed("spends"), stopped_at(200_000))
    traffic(lender)
    undone_by = watched(lender).undone_by
    assert undone_by is not None
    assert "granted_in_all" in undone_by.because
    assert "2,050.50 of 100, at most 2,000" in undone_by.because


def stopped_at(most_minor: int) -> DamageLimits:
    """The limits that ship, but for all that may be granted within an hour."""
    limits = shipped_damage_limits()
    granted = msgspec.structs.replace(limits.authorize.granted, most_minor=most_minor)
    return msgspec.structs.replace(limits, authorize=msgspec.structs.replace(limits.authorize, granted=granted))


def promoted(lender: Lender, files: dict[str, bytes], limits: DamageLimits, *challengers: Challenger) -> Release:
    """A release with limits of its own."""
    connection, kept = lender.books.connection, lender.keep(files)
    with connection.transaction():
        release = promote(connection, kept, challengers, because="try", act=lender.act(), damage_limits=limits)
    assert isinstance(release, Release)
    return release


def test_two_who_look_at_once_undo_it_once(lender: Lender, database_url: str) -> None:
    """There would be more to undo: a second rollback goes further back."""
    lender.release(files=renamed("as good"))
    traffic(lender)
    lender.release(files=declines_all())
    traffic(lender)
    found: list[Damage] = []
    # Both have seen the damage before either may undo it: the releases are held until then.
    holder = psycopg.connect(database_url)
    strategies.lock_releases(holder)

    def look() -> None:
        with psycopg.connect(database_url) as connection:
            found.append(watch_damage(connection, act=lender.act(actor="damage limits")))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    _wait_until_two_wait(lender)
    holder.close()
    for thread in threads:
        thread.join()
    assert [each.kind for each in strategies.releases(lender.books.connection)] == [
        "rolled_back", "promoted", "promoted", "promoted"
    ]  # fmt: skip
    assert sum(each.undone_by is not None for each in found) == 1


def _wait_until_two_wait(lender: Lender) -> None:
    for _ in range(500):
        row = lender.books.connection.execute(
            "SELECT count(*) FROM pg_locks WHERE relation = 'strategy_releases'::regclass AND NOT granted"
        ).fetchone()
        assert row is not None
        if row[0] == 2:
            return
        threading.Event().wait(0.02)
    raise AssertionError("nobody waits for the releases")
