"""Test clocks: a line that follows one lives through months in a second, by the same code as any other line."""

from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec
from psycopg import Connection

from tallystick.operations.lines import Act, catch_line_up
from tallystick.storage import clocks
from tallystick.storage.clocks import Clock
from tallystick.trust.refusals import TrustReason, TrustRefusal

_FARTHEST: Final = timedelta(days=3 * 366)


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
