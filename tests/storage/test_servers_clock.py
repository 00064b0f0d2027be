"""A server that follows a test clock: of a database for tests alone, and never back."""

from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from msgspec.structs import replace

from tallystick.operations.clocks import ClockFault, FollowedClock, instant_of, servers_clock
from tallystick.operations.lines import Act
from tallystick.storage import clocks, trust
from tallystick.trust.scopes import Mode

AT = datetime(2026, 1, 5, tzinfo=UTC)
LATER = AT + timedelta(days=3)
ACT = Act(actor="server", at=datetime(2027, 1, 1, tzinfo=UTC), today=AT.date(), event_ids=count(1))


def begun(connection: psycopg.Connection, mode: Mode) -> None:
    trust.begin_installation(connection, trust.Installation(mode, "f" * 64), begun_at=AT)


def test_only_a_database_for_tests_has_a_clock_that_stands(connection: psycopg.Connection) -> None:
    with pytest.raises(ClockFault, match="is for nothing yet, and only one for tests"):
        servers_clock(connection, stands_at=AT, act=ACT)
    begun(connection, Mode.LIVE)
    with pytest.raises(ClockFault, match="stands_at: this database is for live"):
        servers_clock(connection, stands_at=AT, act=ACT)
    assert clocks.clocks(connection, before_id=None, most=9) == []


def test_a_server_goes_on_where_an_earlier_one_ended(connection: psycopg.Connection) -> None:
    begun(connection, Mode.TEST)
    assert servers_clock(connection, stands_at=AT, act=ACT)() == AT
    [kept] = clocks.clocks(connection, before_id=None, most=9)
    clocks.set_clock(connection, kept.test_clock_id, stands_at=LATER)
    assert servers_clock(connection, stands_at=AT, act=ACT)() == LATER
    assert servers_clock(connection, stands_at=LATER + timedelta(hours=1), act=ACT)() == LATER + timedelta(hours=1)
    assert len(clocks.clocks(connection, before_id=None, most=9)) == 1


def test_what_is_seen_of_other_clocks_and_of_the_past_moves_nothing(connection: psycopg.Connection) -> None:
    begun(connection, Mode.TEST)
    servers_clock(connection, stands_at=AT, act=ACT)
    [clock] = clocks.clocks(connection, before_id=None, most=9)
    followed = FollowedClock(clock)
    followed.saw(replace(clock, test_clock_id=clock.test_clock_id + 1, stands_at=LATER))
    assert followed() == AT
    followed.saw(replace(clock, stands_at=LATER))
    followed.saw(clock)
    assert followed() == LATER


@pytest.mark.parametrize("text", ["2026-01-05T09:00:00", "tomorrow", "2026-01-05"])
def test_an_instant_says_its_offset(text: str) -> None:
    with pytest.raises(ClockFault, match=f"'{text}' is no instant: give one with its offset"):
        instant_of(text)
