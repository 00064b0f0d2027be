"""What a request is answered with: the database, the clock, the ids and the secrets, bound once at start."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

import msgspec
from litestar import Request
from litestar.datastructures import State
from psycopg import Connection
from psycopg_pool import ConnectionPool

from tallystick.operations.api_keys import Caller, Callers
from tallystick.operations.clocks import FollowedClock, act_on_line
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.operations.reviewing import ASSIGNED_MINUTES
from tallystick.trust.destinations import Reach
from tallystick.trust.master_key import MasterKey
from tallystick.trust.scopes import Mode
from tallystick.web.rate_limits import RateLimits

Asked = Request[Caller, None, State]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Everything that is not in a request. `zone` says which business day an instant belongs to.

    `review_minutes` is how long a review that somebody took and left is kept from others. `clock` is the wall's, or a
    `FollowedClock` where the whole server follows a test clock.
    """

    pool: ConnectionPool[Connection]
    clock: Callable[[], datetime] | FollowedClock
    zone: tzinfo
    ids: Iterator[int]
    master_key: MasterKey
    reach: Reach
    review_minutes: int = ASSIGNED_MINUTES
    deciders: Deciders = field(default_factory=Deciders)
    callers: Callers = field(default_factory=Callers)
    rate_limits: RateLimits = field(default_factory=RateLimits)

    def act_of(self, caller: Caller) -> Act:
        """An act of that caller, now by the wall."""
        return self.act_by(caller.holder)

    def act_by(self, actor: str) -> Act:
        """An act of somebody, now by the wall."""
        at = self.clock().astimezone(UTC)
        return Act(actor=actor, at=at, today=at.astimezone(self.zone).date(), event_ids=self.ids)

    @contextmanager
    def committing(self) -> Iterator[Connection]:
        """A connection whose every statement is a transaction unless one is begun."""
        with self.pool.connection() as connection:
            connection.autocommit = True
            try:
                yield connection
            finally:
                connection.autocommit = False

    def act_on_line(self, connection: Connection, caller: Caller, line_id: int) -> Act:
        """An act of that caller on a line: now, or when the line's test clock says it is."""
        act = self.act_of(caller)
        if caller.mode is not Mode.TEST:
            return act
        return act_on_line(connection, line_id, act=act, zone=self.zone)


def edge_of(request: Asked) -> Edge:
    """The edge that the app was made with."""
    edge = request.scope["state"]["edge"]
    assert isinstance(edge, Edge)
    return edge


def caller_of(request: Asked) -> Caller:
    """Who asks; the frame lets nobody in without."""
    caller = request.scope["state"]["caller"]
    assert isinstance(caller, Caller)
    return caller


def body_bytes(body: object) -> bytes:
    """A body as it was understood: the same whatever its spaces and the order of its keys."""
    return msgspec.json.encode(body, order="deterministic")
