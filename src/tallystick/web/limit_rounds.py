"""What looks at a line's limit soon after something happened to it: no payment waits for that, and no night either."""

from typing import Final

from tallystick.operations.deciding import Deciders, NoRelease
from tallystick.operations.limit_requests import answer_wishes, wish_for_large_payments
from tallystick.operations.limit_reviews import LimitReviewFault
from tallystick.operations.lines import Act
from tallystick.storage.limit_reviews import has_wishes
from tallystick.web.edge import Edge
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

_EVERY_S: Final = 30.0
_ACTOR: Final = "limit review"


class LimitRounds:
    """Rounds of reading on in the books for large payments, and of looking at every line that waits to be."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._deciders = Deciders()
        self._rounds = Rounds("limit_reviews", self._round)

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """End after the line that is looked at; the rest is for another server, or for later."""
        self._rounds.stop()

    def round(self) -> int:
        """Look at what waits; gives how many lines that were. Without a strategy in force they go on waiting."""
        looked_at = 0
        with self._edge.pool.connection() as connection:
            connection.autocommit = True
            try:
                with connection.transaction():
                    wish_for_large_payments(connection, act=self._act())
                if not has_wishes(connection):
                    return 0
                for _ in answer_wishes(connection, deciders=self._deciders, act=self._act(), zone=self._edge.zone):
                    looked_at += 1
                    if self._rounds.is_stopping:
                        break
            except (NoRelease, LimitReviewFault):
                return looked_at
            finally:
                connection.autocommit = False
        return looked_at

    def _act(self) -> Act:
        at = self._edge.clock()
        return Act(actor=_ACTOR, at=at, today=at.astimezone(self._edge.zone).date(), event_ids=self._edge.ids)

    def _round(self) -> float:
        self.round()
        return _EVERY_S
