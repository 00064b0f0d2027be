"""Test clocks: a line that follows one lives through months in a second, by the same code as any other line.

A whole server may follow one as well: then it is what time it is there, for everybody, until it is moved.
"""

from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec
from psycopg import Connection

from tallystick.operations.lines import Act, catch_line_up
from tallystick.storage import clocks, trust
from tallystick.storage.clocks import Clock
from tallystick.trust.refusals import TrustReason, TrustRefusal
from tallystick.trust.scopes import Mode

_FARTHEST: Final = timedelta(days=3 * 366)
# By which name the clock of a whole server is found again.
SERVERS_CLOCK: Final = "server"


class ClockFault(ValueError):
    """A server may not follow a test clock; the message tells the way out."""


class FollowedClock:
    """What time it is for a server that follows a test clock, from any thread: where that was last seen to stand."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> datetime:
        """The instant."""
        return self._clock.stands_at

    def saw(self, clock: Clock) -> None:
        """A clock was moved; another one than this makes no difference, and no clock goes back."""
        if clock.test_clock_id == self._clock.test_clock_id and clock.stands_at > self._clock.stands_at:
            self._clock = clock


def servers_clock(connection: Connection, *, stands_at: datetime, act: Act) -> FollowedClock:
    """The clock that a server follows: where it stood when an earlier server ended, if that is later than `stands_at`.

    Raises `ClockFault` where the database is not for tests.
    """
    begun = trust.installation(connection)
    if begun is None or begun.mode != Mode.TEST:
        kind = "nothing yet" if begun is None else begun.mode
        raise ClockFault(
            f"stands_at: this database is for {kind}, and only one for tests has clocks that stand: give it a test key "
            "(`tallystick keys create`) before any other, or serve by the wall's clock"
        )
    known = clocks.clock_named(connection, SERVERS_CLOCK, made_by=act.actor)
    if known is None:
        return FollowedClock(make_clock(connection, name=SERVERS_CLOCK, stands_at=stands_at, act=act))
    if known.stands_at < stands_at:
        clocks.set_clock(connection, known.test_clock_id, stands_at=stands_at)
        known = msgspec.structs.replace(known, stands_at=stands_at)
    return FollowedClock(known)


def instant_of(text: str) -> datetime:
    """An instant as it is written to a command. Raises `ClockFault` where it has no offset, or is none.

    >>> instant_of("2026-01-05T09:00:00+08:00").hour
    9
    """
    try:
        told = datetime.fromisoformat(text)
        if told.tzinfo is not None:
            return told
    except ValueError:
        pass
    raise ClockFault(f"stands_at: {text!r} is no instant: give one with its offset, 2026-01-05T09:00:00+08:00")


def make_clock(connection: Connection, *, name: str, stands_at: datetime, act: Act) -> Clock:
    """A clock that stands at an instant, in the past or in the future."""
    clock = Clock(next(act.event_ids), name, stands_at, act.actor, act.at)
    clocks.add_clock(connection, clock)
    return clock


def move_clock(
    connection: Connection, test_clock_id: int, *, to: datetime, zone: tzinfo, act: Act
) -> Clock | TrustRefusal:
    """Let time pass: the clock is moved forward and its lines live through every day between.

    `zone` is the lender's: it says which business day an instant belongs to.
    """
    clock = clocks.lock_clock(connection, test_clock_id)
    if clock is None:
        return unknown_clock()
    if to < clock.stands_at:
        return TrustRefusal(
            TrustReason.CLOCK_BACKWARDS, "stands_at", "give a later instant, or make another clock",
            {"stands_at": clock.stands_at},
        )  # fmt: skip
    if to - clock.stands_at > _FARTHEST:
        return TrustRefusal(
            TrustReason.CLOCK_TOO_FAR, "stands_at", "move it by at most three years at a time",
            {"stands_at": clock.stands_at},
        )  # fmt: skip
    clocks.set_clock(connection, test_clock_id, stands_at=to)
    moved = act_by_clock(act, stands_at=to, zone=zone)
    for line_id in clocks.lines_of_clock(connection, test_clock_id):
        catch_line_up(connection, line_id, act=moved)
    return msgspec.structs.replace(clock, stands_at=to)


def act_by_clock(act: Act, *, stands_at: datetime, zone: tzinfo) -> Act:
    """The same act at the clock's instant and business day."""
    return msgspec.structs.replace(act, at=stands_at, today=stands_at.astimezone(zone).date())


def act_on_line(connection: Connection, line_id: int, *, act: Act, zone: tzinfo) -> Act:
    """The act as it is on a line: by the line's test clock, if it follows one."""
    clock = clocks.clock_of_line(connection, line_id)
    return act if clock is None else act_by_clock(act, stands_at=clock.stands_at, zone=zone)


def unknown_clock() -> TrustRefusal:
    """There is no test clock of that id."""
    return TrustRefusal(TrustReason.CLOCK_UNKNOWN, "test_clock_id", "make a test clock, or list those there are")
