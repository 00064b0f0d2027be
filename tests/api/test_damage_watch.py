"""The server's own look at what is decided: a release that does damage is undone, said once, and counted."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from structlog.testing import capture_logs
from tests.api.conftest import Api
from tests.books import Books
from tests.deciding import Lender, opened
from tests.storage.test_damage_limits import declines_all, promoted, stopped_at, traffic

from tallystick.operations.strategies import strategy_files
from tallystick.storage import strategies
from tallystick.storage.strategies import Release
from tallystick.web.damage_watch import WATCHER, DamageWatch


@pytest.fixture
def lender(api: Api) -> Iterator[Lender]:
    """A lender whose decisions fall within the hour before the server's instant."""
    with psycopg.connect(str(api.edge.pool.conninfo), autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        with connection.transaction():
            opened(books, range(1, 101), limit_minor=2_000_000)
        yield Lender(books)


def looked(api: Api, lender: Lender, watch: DamageWatch) -> list[str]:
    """What the log says of one look, a moment after the last decision."""
    api.clock.at = lender.now
    with capture_logs() as log:
        watch.round()
    return [entry["event"] for entry in log]


def test_a_server_undoes_what_does_damage_and_says_so(api: Api, lender: Lender) -> None:
    watch = DamageWatch(api.edge, metrics=api.frame.metrics)
    assert looked(api, lender, watch) == []  # nothing was promoted yet
    lender.release()
    traffic(lender)
    assert looked(api, lender, watch) == []
    lender.release(files=declines_all())
    traffic(lender)
    assert looked(api, lender, watch) == ["release_undone"]
    made = latest(api)
    assert (made.kind, made.undoes_number, made.released_by) == ("rolled_back", 2, WATCHER)
    assert looked(api, lender, watch) == []
    metrics = api.client.get("/metrics").text
    assert "tallystick_damage_releases_undone_total 1.0" in metrics
    assert "tallystick_damage_alarms 0.0" in metrics


def test_what_cannot_be_undone_is_said_once_and_shown_while_it_lasts(api: Api, lender: Lender) -> None:
    """The first release passes its stop: there is nothing before it, so it stays and somebody has to look."""
    watch = DamageWatch(api.edge, metrics=api.frame.metrics)
    promoted(lender, strategy_files(None), stopped_at(100_000))
    traffic(lender)
    assert looked(api, lender, watch) == ["damage_stays"]
    assert looked(api, lender, watch) == []
    assert "tallystick_damage_alarms 1.0" in api.client.get("/metrics").text
    assert latest(api).number == 1


def latest(api: Api) -> Release:
    """The release in force."""
    with api.edge.pool.connection() as connection:
        return strategies.releases(connection, most=1)[0]
