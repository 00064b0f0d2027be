"""What was written once stays: for the owner, for a superuser who plays a replica, and for a role that only works."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.conftest import ROOT
from tests.moves import TODAY, bought, paid
from tests.waiting import wait_until_all_can_see

from tallystick.operations.ledger import seal, verify
from tallystick.operations.progress import Silent
from tallystick.storage.embedded import Running
from tallystick.storage.ledger import fold_deltas, post
from tallystick.storage.trust import take_id_node

GRANTS = re.findall(r"^GRANT .+;$", (ROOT / "docs" / "database.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def posted(connection: psycopg.Connection) -> psycopg.Connection:
    """Two transfers, sealed."""
    post(connection, [bought(7, 500), paid(7, 400)], booked_on=TODAY)
    connection.commit()
    wait_until_all_can_see(connection)
    assert seal(connection) == 2
    connection.commit()
    return connection


@pytest.fixture
def worker_url(server: Running, database_url: str) -> Iterator[str]:
    """The test's database as a role sees it that owns nothing and has the rights of a server's work."""
    name = f"worker_{psycopg.conninfo.conninfo_to_dict(database_url)['dbname']}"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        for grant in GRANTS:
            owner.execute(grant.replace("TO worker", f'TO "{name}"').encode())
        yield make_conninfo(database_url, user=name)
        owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


CHANGES = [
    "UPDATE transfers SET amount_minor = 1",
    "DELETE FROM transfers",
    "TRUNCATE transfers CASCADE",
    "UPDATE seals SET digest = sha256(digest)",
    "DELETE FROM seals",
    "DELETE FROM chain_head",
    "UPDATE chain_head SET seal_number = seal_number",
    "TRUNCATE chain_head",
    "DELETE FROM database_generations",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_a_change_is_refused_in_whatever_role_a_session_plays(
    posted: psycopg.Connection, change: str, role: str
) -> None:
    posted.execute(sql.SQL("SET session_replication_role = {}").format(sql.Literal(role)))
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=r"append-only|only moves to a later seal"):
        posted.execute(change.encode())


def test_no_trigger_of_the_schema_can_be_silenced_by_a_session(connection: psycopg.Connection) -> None:
    silenced = connection.execute(
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A'"
    ).fetchall()
    assert silenced == []


FORBIDDEN = [
    *CHANGES,
    "SET session_replication_role = replica",
    "ALTER TABLE transfers DISABLE TRIGGER ALL",
    "ALTER TABLE transfers DROP CONSTRAINT transfers_amount_minor_check",
    "DROP TRIGGER transfers_are_kept ON transfers",
    "DROP TABLE seals",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
]


def test_a_role_that_owns_nothing_does_all_the_work_and_cannot_switch_off_what_guards_it(
    posted: psycopg.Connection, worker_url: str
) -> None:
    with psycopg.connect(worker_url) as worker:
        post(worker, [paid(7, 100)], booked_on=TODAY)
        assert fold_deltas(worker) > 0
        worker.commit()
        wait_until_all_can_see(worker)
        assert seal(worker) == 1
        worker.commit()
        assert take_id_node(worker) >= 0
        worker.commit()
        assert verify(worker, progress=Silent(), figure_checks=()).findings == ()
        for forbidden in FORBIDDEN:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityConstraintViolation)):
                worker.execute(forbidden.encode())
            worker.rollback()
