"""What looks at a line's limit soon after something happened to it: no payment waits for that, and no night either."""

from contextlib import suppress
from typing import Final

from tallystick.operations.deciding import NoRelease
from tallystick.operations.limit_requests import answer_wishes, wish_for_large_payments
from tallystick.operations.limit_reviews import LimitReviewFault
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
        self._rounds = Rounds("limit_reviews", self._round)

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """End after the line that is looked at; the rest is for another server, or for later."""
        self._rounds.stop()

    def round(self) -> int:
        """Look at what waits; gives how many lines that were. Without a strategy in force they go on waiting."""
        edge, looked_at = self._edge, 0
        with edge.committing() as connection:
            with connection.transaction():
                wish_for_large_payments(connection, act=edge.act_by(_ACTOR))
            if not has_wishes(connection):
                return 0
            with suppress(NoRelease, LimitReviewFault):
                for _ in answer_wishes(connection, deciders=edge.deciders, act=edge.act_by(_ACTOR), zone=edge.zone):
                    looked_at += 1
                    if self._rounds.is_stopping:
                        break
        return looked_at

    def _round(self) -> float:
        self.round()
        return _EVERY_S
