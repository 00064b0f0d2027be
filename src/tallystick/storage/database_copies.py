"""Copies of a whole database on its own server, for two futures of one past."""

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo


def database_url(url: str, *, name: str) -> str:
    """The address of another database on the same server.

    >>> database_url("postgresql:///tallystick?host=/run/here&user=tallystick", name="champion")
    'user=tallystick dbname=champion host=/run/here'
    """
    return make_conninfo(url, dbname=name)


def database_name(url: str) -> str:
    """The name of an address's database.

    >>> database_name("postgresql:///tallystick?host=/run/here&user=tallystick")
    'tallystick'
    """
    return str(conninfo_to_dict(url)["dbname"])


def has_database(connection: Connection, name: str) -> bool:
    """Whether the server has a database of that name."""
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def copy_database(connection: Connection, *, source: str, name: str) -> None:
    """Copy a database that nobody uses meanwhile; a copy that is killed leaves none.

    The connection is to another database of the server, and commits by itself. Page by page through the log: what is
    copied as files waits for the disk twice.
    """
    assert connection.autocommit, "a database is not copied within a transaction"
    statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG"
    connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(source)))
