"""Who decides: the release in force, its strategies compiled, and each borrower dealt to one of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from threading import Lock
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.features.as_of_catalog import AsOfFeature, load_as_of_catalog
from tallystick.features.per_request_sql import per_request_sql
from tallystick.operations.strategies import review_strategy
from tallystick.operations.strategy_life import current_release
from tallystick.storage import strategies as stored
from tallystick.storage.strategies import Release
from tallystick.strategy.assignment import CHAMPION, Assignment
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_reading import read_checkpoints
from tallystick.strategy.policy import Strategy

# Where somebody waits for the answer.
_ASKED_LIVE: Final = (CheckpointName.AUTHORIZE, CheckpointName.APPLY, CheckpointName.REVIEW_LIMIT)
# Compiled strategies are kept: those of a release and its rollback, and what waits to be promoted.
_MOST_KEPT: Final = 8

Checkpoints = Mapping[CheckpointName, Checkpoint]
# A strategy never changes under its hash, so what is compiled serves all of the process. One compiles at a time: it
# takes a second, and what parses expressions is not meant for two threads.
_COMPILED: Final[dict[str, Checkpoints]] = {}
_COMPILING: Final = Lock()


class Deciding(Struct, frozen=True):
    """A release as it decides at one checkpoint; `features` are all that any of its strategies reads."""

    release: Release
    checkpoints: Mapping[str, Checkpoint]  # by strategy
    features: tuple[AsOfFeature, ...]

    def strategies_of(self, borrower_ids: Sequence[int]) -> list[str]:
        """The strategy that decides for each borrower."""
        release = self.release
        if not release.challengers:
            return [release.champion_id] * len(borrower_ids)
        dealt = Assignment(release.salt, release.challengers).assign(borrower_ids).tolist()
        return [release.champion_id if name == CHAMPION else name for name in dealt]


class NoRelease(RuntimeError):
    """Nothing decides at a checkpoint; the message tells the way out."""


class Deciders:
    """Strategies as they are compiled, and the release in force: one for each process, for any number of threads."""

    def __init__(self) -> None:
        self.catalog = load_as_of_catalog()
        self._limits: dict[tuple[str, date], Strategy] = {}
        self._deciding: dict[tuple[str, int, str, CheckpointName], Deciding] = {}  # each database numbers its releases
        self._last: dict[CheckpointName, Deciding] = {}

    def deciding(self, connection: Connection, name: CheckpointName) -> Deciding:
        """What decides at a checkpoint by the release that is in force now.

        Raises `NoRelease` where nothing was promoted yet, or a strategy of the release has no such checkpoint.
        """
        return self.deciding_by(connection, name, stored.last_release_number(connection))

    def deciding_by(self, connection: Connection, name: CheckpointName, number: int | None) -> Deciding:
        """The same, where the number of the release in force was read already."""
        info = connection.info
        place = (info.host, info.port, info.dbname, name)
        known = self._deciding.get(place)
        if known is None or known.release.number != number:
            known = self._deciding[place] = self._read(connection, name)
        self._last[name] = known
        return known

    def last(self, name: CheckpointName) -> Deciding | None:
        """What decided there last, without asking the database."""
        return self._last.get(name)

    def _read(self, connection: Connection, name: CheckpointName) -> Deciding:
        release = current_release(connection)
        if release is None:
            raise NoRelease(
                f"{name}: no strategy was promoted, so nothing decides; submit one, have it approved and promote it: "
                "`tallystick strategy submit`, `approve`, `promote`"
            )
        checkpoints: dict[str, Checkpoint] = {}
        for strategy_id in (release.champion_id, *(each.name for each in release.challengers)):
            compiled = self.compiled(connection, strategy_id)
            if name not in compiled:
                raise NoRelease(f"{name}: strategy {strategy_id[:12]} decides nothing there; promote one that does")
            checkpoints[strategy_id] = compiled[name]
        wanted = dict.fromkeys(feature for each in checkpoints.values() for feature in each.features)
        return Deciding(release, checkpoints, self.catalog.named(wanted))

    def compiled(self, connection: Connection, strategy_id: str) -> Checkpoints:
        """The checkpoints of a strategy that is kept."""
        known = _COMPILED.get(strategy_id)
        if known is not None:
            return known
        with _COMPILING:
            known = _COMPILED.get(strategy_id)
            if known is None:
                files = stored.files_of(connection, strategy_id)
                known = read_checkpoints(files, catalog=self.catalog)
                while len(_COMPILED) >= _MOST_KEPT:
                    _COMPILED.pop(next(iter(_COMPILED)))
                _COMPILED[strategy_id] = known
            return known

    def limits(self, connection: Connection, strategy_id: str, *, on: date) -> Strategy:
        """What a strategy that is kept says of limits, economics and portfolio caps, by the law of a day."""
        with _COMPILING:
            known = self._limits.get((strategy_id, on))
            if known is None:
                known = review_strategy(stored.files_of(connection, strategy_id), on=on)
                while len(self._limits) >= _MOST_KEPT:
                    self._limits.pop(next(iter(self._limits)))
                self._limits[strategy_id, on] = known
            return known

    def warm(self, connection: Connection) -> None:
        """Compile what decides, and what was approved of late, so that nobody who asks waits for it."""
        if current_release(connection) is not None:
            for name in _ASKED_LIVE:
                with suppress(NoRelease):
                    per_request_sql(self.deciding(connection, name).features)
        for strategy_id in stored.approved_of_late(connection, most=_MOST_KEPT // 2):
            self.compiled(connection, strategy_id)
