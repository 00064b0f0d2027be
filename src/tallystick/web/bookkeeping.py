"""What keeps the books in order while the server runs: deltas folded, transfers sealed, every few seconds."""

from typing import Final

from tallystick.operations.ledger import keep_books
from tallystick.web.edge import Edge
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

_EVERY_S: Final = 5.0


class Bookkeeping:
    """Rounds of folding and sealing; servers side by side take turns, and each step commits by itself."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._rounds = Rounds("books", self._round)

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """End after the step that is running; what is not sealed yet is sealed by another server, or later."""
        self._rounds.stop()

    def round(self) -> int:
        """Fold and seal what was committed until now; gives the transfers sealed."""
        sealed = 0
        with self._edge.pool.connection() as connection:
            connection.autocommit = True
            try:
                for count in keep_books(connection):
                    sealed += count
                    self._metrics.sealed.inc(count)
                    if self._rounds.is_stopping:
                        break
            finally:
                connection.autocommit = False
        self._metrics.kept_at.set(self._edge.clock().timestamp())
        return sealed

    def _round(self) -> float:
        self.round()
        return _EVERY_S
