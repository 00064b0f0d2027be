"""What is closed while the server runs: what is frozen is stopped, and reviews and offers nobody answered are over."""

from typing import Final

from tallystick.operations.expired_offers import close_expired_offers
from tallystick.operations.reviewing import close_overdue, stop_in_flight
from tallystick.web.edge import Edge
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

_EVERY_S: Final = 1.0
_MOST: Final = 200
_ACTOR: Final = "tallystick"


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
        with self._edge.committing() as connection:
            act, zone = self._edge.act_by(_ACTOR), self._edge.zone
            timed_out = close_overdue(connection, act=act, zone=zone, most=_MOST)
            close_expired_offers(connection, act=act, zone=zone, most=_MOST)
        self._metrics.reviews_closed.labels("stopped").inc(stopped)
        self._metrics.reviews_closed.labels("timed_out").inc(timed_out)
        return stopped, timed_out

    def _round(self) -> float:
        stopped, timed_out = self.round()
        return 0.0 if _MOST in (stopped, timed_out) else _EVERY_S


def stop_frozen(edge: Edge) -> int:
    """Stop what waits on anything frozen; gives how many reviews that were."""
    with edge.committing() as connection:
        return stop_in_flight(connection, act=edge.act_by(_ACTOR), zone=edge.zone, most=_MOST)
