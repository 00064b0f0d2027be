"""`tallystick serve` and `tallystick keys ...`: the HTTP API, and who may use it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from tallystick.bootstrap import act_of, database_place, error_terminal, master_key, settings, terminal
from tallystick.trust.scopes import Mode, Scope

if TYPE_CHECKING:
    from psycopg import Connection

keys_app = App(name="keys", help="API keys, and the master key that every secret of this installation depends on.")


def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(env_var="TALLYSTICK_PORT")] = 8080,
    connections: int = 16,
    drain_seconds: float = 5.0,
    stands_at: str | None = None,
) -> None:
    """Serve the HTTP API, and send webhooks, until told to stop.

    Parameters
    ----------
    host
        The address to listen on; 0.0.0.0 for all, behind a proxy that speaks TLS.
    port
        The port to listen on.
    connections
        The most database connections at once.
    drain_seconds
        How long /readyz says 503 before the server stops listening, so that a load balancer can turn away.
    stands_at
        Serve by a test clock that stands at this instant (2026-01-05T09:00:00+08:00) until it is moved
        (`POST /v1/test-clocks/{id}/move`, the clock named "server"); of a database for tests alone, by one server.
    """
    from psycopg_pool import ConnectionPool

    from tallystick.bootstrap import serving_edge
    from tallystick.operations.api_keys import must_be_sealed_with
    from tallystick.operations.clocks import instant_of
    from tallystick.operations.database import ready_database, revive
    from tallystick.storage.arrays import dump_lists_at_once
    from tallystick.web.app import create_app
    from tallystick.web.logs import set_up_logs
    from tallystick.web.server import kept_up
    from tallystick.web.server import serve as run

    set_up_logs(sys.stderr)
    pool: ConnectionPool[Connection]
    with (
        ready_database(database_place()) as url,
        ConnectionPool(
            url, min_size=min(4, connections), max_size=connections, timeout=5, configure=dump_lists_at_once
        ) as pool,
    ):
        edge = serving_edge(pool, stands_at=None if stands_at is None else instant_of(stands_at))
        with pool.connection() as connection:
            must_be_sealed_with(connection, edge.master_key)
        error_terminal().print(f"http://{host}:{port}", markup=False)
        with kept_up(lambda: revive(database_place())):
            run(create_app(edge), edge=edge, host=host, port=port, drain_s=drain_seconds)


@contextmanager
def _database() -> "Iterator[Connection]":
    import psycopg

    from tallystick.operations.database import ready_database

    with ready_database(database_place()) as url, psycopg.connect(url) as connection:
        yield connection


@keys_app.command
def create(
    holder: str, /, *, mode: Mode = Mode.TEST, scope: list[Scope] | None = None, days: int | None = None
) -> None:
    """Make an API key and show its token, this once.

    Parameters
    ----------
    holder
        Who acts with it; stands in the books as the actor of everything it does.
    mode
        test or live. The first key decides what this database is for.
    scope
        What it may do, given once for each; without it everything.
    days
        After how many days it ends; without it never.
    """
    from tallystick.operations.api_keys import KeyRequest, MadeKey, make_api_key

    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    request = KeyRequest(holder=holder, mode=mode, scopes=tuple(scope or Scope), expires_at=expires_at)
    with _database() as connection:
        made = make_api_key(
            connection, request, granted_by=frozenset(Scope), master_key=master_key(), act=act_of("command line")
        )
    if isinstance(made, MadeKey):
        terminal().print(made.token, markup=False, soft_wrap=True)
        return
    error_terminal().print(f"{made.field}: {made.way_out}", style="red", markup=False, soft_wrap=True)
    sys.exit(2)


@keys_app.command(name="list")
def list_keys() -> None:
    """The latest hundred keys: whose, what they may do, and whether they still hold."""
    from rich.table import Table

    from tallystick.operations.api_keys import api_keys
    from tallystick.units.ids import IdPrefix, encode_id

    is_zh = settings().language == "zh"
    titles = ("编号", "持有人", "模式", "权限", "到期", "吊销") if is_zh else (
        "id", "holder", "mode", "scopes", "expires", "revoked"
    )  # fmt: skip
    table = Table(*titles, box=None)
    with _database() as connection:
        for key in api_keys(connection):
            table.add_row(
                encode_id(IdPrefix.API_KEY, key.api_key_id),
                key.holder,
                key.mode,
                " ".join(key.scopes) if len(key.scopes) < len(Scope) else "*",
                f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "-",
                f"{key.revoked_at:%Y-%m-%d}" if key.revoked_at else "-",
            )
    terminal().print(table)


@keys_app.command
def revoke(key: str, /) -> None:
    """End a key for good; servers that run hear of it within ten seconds.

    Parameters
    ----------
    key
        Its id, as `tallystick keys list` shows it.
    """
    from tallystick.operations.api_keys import revoke_api_key
    from tallystick.trust.refusals import TrustRefusal
    from tallystick.units.ids import IdPrefix, decode_id

    with _database() as connection:
        revoked = revoke_api_key(connection, decode_id(IdPrefix.API_KEY, key), act=act_of("command line"))
    if isinstance(revoked, TrustRefusal):
        error_terminal().print(f"{key}: {revoked.way_out}", style="red", markup=False)
        sys.exit(2)
    terminal().print(f"✓ {key}", markup=False)


@keys_app.command
def master() -> None:
    """Make a master key, for TALLYSTICK_MASTER_KEY. Keep it apart from backups: without it they name nobody."""
    from tallystick.trust.master_key import new_master_key

    terminal().print(new_master_key().text(), markup=False)


@keys_app.command
def rewrap(*, new: Annotated[str, Parameter(env_var="TALLYSTICK_NEW_MASTER_KEY")]) -> None:
    """Seal every secret with another master key; from then on only that one opens them. Stop the servers before.

    Parameters
    ----------
    new
        The other key, better given as TALLYSTICK_NEW_MASTER_KEY than on the command line, where others see it.
    """
    from tallystick.operations.personal_data import rewrap_secrets
    from tallystick.trust.master_key import parse_master_key

    with _database() as connection:
        persons = rewrap_secrets(connection, old=master_key(), new=parse_master_key(new))
    terminal().print(f"✓ {persons:,}", markup=False)
