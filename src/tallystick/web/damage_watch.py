"""What undoes a release that does damage while the server runs: a look every ten seconds, at what was decided."""

from collections.abc import Sequence
from typing import Final

import structlog

from tallystick.operations.damage import Damage, Figure, in_words, watch_damage
from tallystick.storage.strategies import Release
from tallystick.web.edge import Edge
from tallystick.web.metrics import Metrics
from tallystick.web.rounds import Rounds

WATCHER: Final = "damage limits"  # who rolls back
_EVERY_S: Final = 10.0


class DamageWatch:
    """Rounds of looking; servers side by side all look, and one of them undoes."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._rounds = Rounds("damage", self._round)
        self._log = structlog.get_logger().bind()
        self._alarms: frozenset[tuple[str, ...]] = frozenset()

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    def stop(self) -> None:
        """End after the look that is running."""
        self._rounds.stop()

    def round(self) -> Damage:
        """Look once, and undo what has to be undone."""
        with self._edge.pool.connection() as connection:
            damage = watch_damage(connection, act=self._edge.act_by(WATCHER))
        self._metrics.damage_looked_at.set(self._edge.clock().timestamp())
        undone_by = damage.undone_by
        if undone_by is not None:
            self._metrics.damage_undone.inc()
            self._log.error("release_undone", release=undone_by.undoes_number, because=undone_by.because)
        self._alarm(() if undone_by is not None else damage.passed, release=damage.release)
        return damage

    def _alarm(self, passed: Sequence[Figure], *, release: Release | None) -> None:
        """What stays although it goes beyond a limit: said once, and shown as long as it lasts."""
        alarms = frozenset((each.watched, each.finding.strategy_id, each.finding.measure) for each in passed)
        self._metrics.damage_alarms.set(len(alarms))
        if release is not None and alarms - self._alarms:
            self._log.error("damage_stays", release=release.number, because="; ".join(map(in_words, passed)))
        self._alarms = alarms

    def _round(self) -> float:
        self.round()
        return _EVERY_S
