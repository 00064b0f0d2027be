"""What keeps the features of busy keys fast while the server runs: what came is rolled up, every few seconds."""

from typing import Final

from tallystick.operations.features import roll_up_tiles
from tallystick.web.edge import Edge
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

EVERY_S: Final = 5.0
# What came is left alone for so long: rows that are on their way, or of a server whose clock is behind, would reopen
# their hour.
AFTER_S: Final = 30.0


class Tiling:
    """Rounds of rolling up; servers side by side take different streams, and each piece commits by itself."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._rounds = Rounds("tiles", self._round)

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """End after the piece that is running; the rest is for another server, or for later."""
        self._rounds.stop()

    def round(self) -> int:
        """Roll up what is over; gives how many pieces, of a stream and a day at most each."""
        now_tick = int(self._edge.clock().timestamp()) * 1_000_000
        pieces = 0
        with self._edge.pool.connection() as connection:
            connection.autocommit = True
            try:
                for rolled in roll_up_tiles(connection, until_tick=now_tick - int(AFTER_S * 1_000_000)):
                    pieces += 1
                    self._metrics.rolled_until.labels(rolled.stream).set(rolled.until_tick / 1_000_000)
                    if self._rounds.is_stopping:
                        break
            finally:
                connection.autocommit = False
        return pieces

    def _round(self) -> float:
        self.round()
        return EVERY_S
