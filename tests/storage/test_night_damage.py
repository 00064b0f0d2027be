"""A release that would raise everybody: by day it is undone like any other, and its night carries out nothing."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import msgspec
import psycopg
import pytest
from tests.books import Books, ended
from tests.storage.test_damage_limits import measures, promoted, watched
from tests.storage.test_limit_reviews import LIMIT, NIGHT, Reviewer

from tallystick.operations.damage import damage_of_release
from tallystick.operations.strategies import strategy_files
from tallystick.storage import limit_reviews as stored
from tallystick.storage.decision_tallies import since_latest
from tallystick.strategy.damage import Beside, Measure
from tallystick.strategy.damage_limits import Watched, shipped_damage_limits

LINES = range(1, 41)
# What is certain of twenty lines.
SMALL = msgspec.structs.replace(shipped_damage_limits(), least_decisions=20, standard_errors=3)


@pytest.fixture
def lender(database_url: str) -> Iterator[Reviewer]:
    """Lines of persons whom the standard strategy grades too weak for an increase; it is in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        lender = Reviewer(Books(connection, ids=count(10_000)), now=NIGHT)
        lender.release()
        with connection.transaction():
            for line_id in LINES:
                lender.opened(line_id, score=500)
        yield lender


def raises_all() -> dict[str, bytes]:
    """Everybody is graded well, and the portfolio caps, which a strategy sets itself, hold nobody back."""
    files = strategy_files(None)
    for path, tight, loose in (
        ("review_limit/grade.csv", b",G,BUREAU_SCORE_LOW", b",C,BUREAU_SCORE_LOW"),
        ("strategy.toml", b"= 1_150_000", b"= 9_000_000"),
        ("strategy.toml", b"= 1_100_000", b"= 9_000_000"),
    ):
        assert tight in files[path]
        files[path] = files[path].replace(tight, loose)
    return files


def test_a_release_that_raises_everybody_is_undone_by_day_and_before_its_night(lender: Reviewer) -> None:
    connection = lender.books.connection
    began_at = lender.now
    assert {lender.asked(each, LIMIT + 100_000).reason for each in LINES[:20]} == {"KEPT_BY_RULES"}
    bad = promoted(lender, raises_all(), SMALL)
    # Without a night of its own it raises nobody by day, but its tables would.
    assert {lender.asked(each, LIMIT + 100_000).reason for each in LINES[-20:]} == {"NO_PRICES"}
    undone_by = watched(lender).undone_by
    assert undone_by is not None
    assert undone_by.undoes_number == bad.number
    assert undone_by.because.startswith("damage limit: review_limit raises of ")
    assert "100.0% of 20, hour_before 0.0% of 20, at most " in undone_by.because
    until = lender.now
    latest = since_latest(connection, Watched.REVIEW_LIMIT, since=began_at, until=until, most=5)
    assert latest == until - timedelta(seconds=5)
    assert since_latest(connection, Watched.REVIEW_LIMIT, since=began_at, until=until, most=41) == began_at

    bad = promoted(lender, raises_all(), SMALL)
    told = lender.night(persons_per_chunk=10)
    assert [(each.undoes_number, each.released_by) for each in told.undone_by] == [(bad.number, "night")]
    because = told.undone_by[0].because
    assert "damage limit: review_limit_by_night raises of " in because
    assert "100.0% of 40, same_lines 0.0% of 40, at most " in because
    assert "review_limit_by_night granted of " in because
    assert (told.night.release_number, told.lines, told.beyond) == (told.undone_by[0].number, 40, ())
    assert all(lender.offers(each) == [] for each in LINES)
    [(answered, priced)] = connection.execute(
        "SELECT (SELECT count(*) FROM limit_answers WHERE trigger = 'nightly'),"
        " (SELECT count(*) FROM limit_nights WHERE prices IS NOT NULL)"
    ).fetchall()
    assert (answered, priced) == (0, 1)
    # What stands is shown until the next night: nothing is beside the first champion.
    found = damage_of_release(connection, at=lender.now + timedelta(hours=5))
    assert [(each.watched, each.finding.measure, each.is_passed) for each in found.figures] == [
        (Watched.REVIEW_LIMIT_BY_NIGHT, Measure.GRANTED_IN_ALL, False)
    ]


def test_a_night_stops_where_another_release_decides_meanwhile_and_a_bold_one_is_let(lender: Reviewer) -> None:
    """What was meant is let by its limits: everybody is offered more, within ten times and half of all above nobody."""
    first = lender.steps(persons_per_chunk=10)
    next(first)
    night = SMALL.review_limit_by_night
    bold = msgspec.structs.replace(
        night,
        raises=msgspec.structs.replace(night.raises, ratio_ppm=10_000_000, points_ppm=500_000),
        granted=msgspec.structs.replace(night.granted, more_minor=10_000_000),
    )
    meant = promoted(lender, raises_all(), msgspec.structs.replace(SMALL, review_limit_by_night=bold))
    told = ended(first)
    assert (told.night.release_number, told.lines, told.undone_by, told.beyond) == (meant.number, 40, (), ())
    assert all(len(lender.offers(each)) == 1 for each in LINES)
    begun = lender.books.connection.execute("SELECT count(*) FROM limit_nights").fetchone()
    assert begun == (2,)
    figures = stored.figures_of_last_night(lender.books.connection, meant.number)
    assert figures is not None
    found = damage_of_release(lender.books.connection, at=lender.now)
    assert {each.finding.beside for each in found.figures} == {Beside.SAME_LINES, Beside.NOTHING}
    raised = next(each.finding for each in found.figures if each.finding.measure is Measure.RAISES)
    assert (raised.now, raised.before, raised.decisions, raised.decisions_before) == (1.0, 0.0, 40, 40)
    assert measures(watched(lender)) == set()
