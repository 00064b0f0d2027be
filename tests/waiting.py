"""Waiting for what other tests on the same server have to finish first."""

import time

import psycopg
import pytest


def wait_until_all_can_see(connection: psycopg.Connection) -> None:
    """Wait until every transaction that began before the last posting has ended.

    Transaction ids are the server's: another database's transaction delays what is read in the order of commits.
    Ends the caller's transaction; fails after a minute.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = connection.execute(
            """
            SELECT coalesce(max(recorded_xid), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            FROM transfers WHERE recorded_generation = (SELECT max(generation) FROM database_generations)
            """
        ).fetchone()
        connection.commit()
        if row == (True,):
            return
        time.sleep(0.02)
    pytest.fail("a transaction has been open on the test server for a minute; see pg_stat_activity")
