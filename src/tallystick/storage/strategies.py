"""Strategies, their approvals and releases: every statement about them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.storage.asking import Asked
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.damage_limits import DamageLimits, kept_damage_limits, shipped_damage_limits


class StoredStrategy(Struct, frozen=True):
    """A strategy as it was submitted, under its content hash, and who agreed to it, if anybody did."""

    strategy_id: str
    name: str
    submitted_by: str
    submitted_at: datetime
    approved_by: str | None = None


class Release(Struct, frozen=True):
    """Who decides from `released_at` on: the champion, but for the shares of its challengers, named by their hashes.

    Beyond its `damage_limits` it is undone by itself.
    """

    number: int
    kind: str
    champion_id: str
    challengers: tuple[Challenger, ...]
    salt: str
    undoes_number: int | None
    released_by: str
    released_at: datetime
    because: str
    damage_limits: DamageLimits


_CHALLENGERS: Final = msgspec.json.Decoder(tuple[Challenger, ...])
_STRATEGIES: Final = """
    SELECT strategies.strategy_id, name, strategies.submitted_by, submitted_at, approved_by
    FROM strategies LEFT JOIN strategy_approvals USING (strategy_id)
"""


def add_strategy(
    connection: Connection, strategy_id: str, *, name: str, files: Mapping[str, bytes], by: str, at: datetime
) -> bool:
    """Keep a strategy's files under their hash; False where they are kept already."""
    written = connection.execute(
        """
        INSERT INTO strategies (strategy_id, name, submitted_by, submitted_at)
        VALUES (%s, %s, %s, %s) ON CONFLICT (strategy_id) DO NOTHING
        """,
        [strategy_id, name, by, at],
    )
    if written.rowcount == 0:
        return False
    connection.execute(
        "INSERT INTO strategy_files (strategy_id, path, content) SELECT %s, * FROM unnest(%s::text[], %s::bytea[])",
        [strategy_id, list(files), list(files.values())],
    )
    return True


def files_of(connection: Connection, strategy_id: str) -> dict[str, bytes]:
    """A strategy's files by their path inside its folder."""
    rows = connection.execute(
        "SELECT path, content FROM strategy_files WHERE strategy_id = %s ORDER BY path", [strategy_id]
    )
    return dict(rows.fetchall())


def strategies_like(connection: Connection, beginning: str) -> list[StoredStrategy]:
    """Up to two strategies whose hash begins so."""
    rows = connection.execute(
        f"{_STRATEGIES} WHERE starts_with(strategies.strategy_id, %s) ORDER BY 1 LIMIT 2", [beginning]
    )
    return [StoredStrategy(*row) for row in rows]


def add_approval(connection: Connection, strategy: StoredStrategy, *, by: str, at: datetime, note: str) -> None:
    """A second person agrees, once. The database refuses the one who submitted."""
    connection.execute(
        """
        INSERT INTO strategy_approvals (strategy_id, submitted_by, approved_by, approved_at, note)
        VALUES (%s, %s, %s, %s, %s)
        """,
        [strategy.strategy_id, strategy.submitted_by, by, at, note],
    )


def lock_releases(connection: Connection) -> None:
    """One release at a time: until the transaction ends nobody else makes one. Decisions go on reading."""
    connection.execute("LOCK TABLE strategy_releases IN EXCLUSIVE MODE")


def releases(connection: Connection, *, most: int | None = None) -> list[Release]:
    """Releases, the newest first: all of them, or the latest."""
    rows = connection.execute(
        """
        SELECT release_number, kind, champion_id,
               coalesce((SELECT jsonb_agg(jsonb_build_object('name', strategy_id, 'share_ppm', share_ppm)
                                          ORDER BY place)
                         FROM release_challengers AS challenger
                         WHERE challenger.release_number = release.release_number), '[]')::text,
               salt, undoes_number, released_by, released_at, because, damage_limits::text
        FROM strategy_releases AS release ORDER BY release_number DESC LIMIT %s
        """,
        [most],
    )
    return [_release(row) for row in rows]


def _release(row: tuple[Any, ...]) -> Release:
    number, kind, champion_id, dealt, salt, undoes_number, released_by, released_at, because, limits = row
    return Release(
        number=number,
        kind=kind,
        champion_id=champion_id,
        challengers=_CHALLENGERS.decode(dealt),
        salt=salt,
        undoes_number=undoes_number,
        released_by=released_by,
        released_at=released_at,
        because=because,
        damage_limits=shipped_damage_limits() if limits is None else kept_damage_limits(limits),
    )


def last_release_number(connection: Connection) -> int | None:
    """The number of the release in force, None before the first."""
    return ask_last_release_number(connection).told()


def ask_last_release_number(connection: Connection) -> Asked[int | None]:
    """The same, among other questions."""
    cursor = connection.execute("SELECT max(release_number) FROM strategy_releases", prepare=True)
    return Asked(cursor, lambda rows: next(number for (number,) in rows))


def approved_of_late(connection: Connection, *, most: int) -> list[str]:
    """The strategies that were approved last, the newest first."""
    rows = connection.execute(
        "SELECT strategy_id FROM strategy_approvals ORDER BY approved_at DESC, strategy_id LIMIT %s", [most]
    )
    return [strategy_id for (strategy_id,) in rows]


def add_release(connection: Connection, release: Release) -> None:
    """Let a release decide from now on; take the lock first and number it after the last one."""
    connection.execute(
        """
        INSERT INTO strategy_releases
            (release_number, kind, champion_id, salt, undoes_number, released_by, released_at, because,
             damage_limits)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            release.number,
            release.kind,
            release.champion_id,
            release.salt,
            release.undoes_number,
            release.released_by,
            release.released_at,
            release.because,
            msgspec.json.encode(release.damage_limits).decode(),
        ],
    )
    for place, challenger in enumerate(release.challengers):
        connection.execute(
            "INSERT INTO release_challengers (release_number, place, strategy_id, share_ppm) VALUES (%s, %s, %s, %s)",
            [release.number, place, challenger.name, challenger.share_ppm],
        )
