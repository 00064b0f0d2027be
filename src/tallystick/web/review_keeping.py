"""What keeps the queue true while the server runs: what is frozen is stopped, what nobody judged in time is closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Final

from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.reviewing import close_overdue, stop_in_flight
from tallystick.web.edge import Edge
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

_EVERY_S: Final = 1.0
_MOST: Final = 200


class ReviewKeeping:
    """Rounds of closing; servers side by side pass over what another has, and each review commits by itself."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._rounds = Rounds("reviews", self._round)

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """End after the round that is running."""
        self._rounds.stop()

    def round(self) -> tuple[int, int]:
        """Close what is due; gives how many were stopped and how many timed out."""
        stopped = stop_frozen(self._edge)
        with _committing(self._edge) as connection:
            timed_out = close_overdue(connection, act=_act(self._edge), zone=self._edge.zone, most=_MOST)
        self._metrics.reviews_closed.labels("stopped").inc(stopped)
        self._metrics.reviews_closed.labels("timed_out").inc(timed_out)
        return stopped, timed_out

    def _round(self) -> float:
        stopped, timed_out = self.round()
        return 0.0 if _MOST in (stopped, timed_out) else _EVERY_S


def stop_frozen(edge: Edge) -> int:
    """Stop what waits on anything frozen; gives how many reviews that were."""
    with _committing(edge) as connection:
        return stop_in_flight(connection, act=_act(edge), zone=edge.zone, most=_MOST)


@contextmanager
def _committing(edge: Edge) -> Iterator[Connection]:
    """A connection whose every statement is a transaction unless one is begun."""
    with edge.pool.connection() as connection:
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.autocommit = False


def _act(edge: Edge) -> Act:
    at = edge.clock().astimezone(UTC)
    return Act(actor="tallystick", at=at, today=at.astimezone(edge.zone).date(), event_ids=edge.ids)
