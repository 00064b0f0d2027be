"""A line's state is kept packed; one that an earlier version wrote is read, and packed when its line is written."""

from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from tests.books import OPENED_ON, Books

from tallystick.storage.line_states import line_in, packed, unpacked
from tallystick.storage.lines import read_line


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Books(connection)


def kept(books: Books) -> bytes:
    row = books.connection.execute("SELECT state FROM lines WHERE line_id = 7").fetchone()
    assert row is not None
    return bytes(row[0])


def test_a_state_of_an_earlier_version_is_read_and_packed_with_the_next_act(books: Books) -> None:
    books.add_borrower(1)
    books.open_line(7, 1, limit_minor=1_000_000)
    stored = read_line(books.connection, 7)
    assert stored is not None
    plain = msgspec.msgpack.encode(stored.line)
    assert (kept(books), unpacked(kept(books)), line_in(plain)) == (packed(stored.line), plain, stored.line)
    books.connection.execute("UPDATE lines SET state = %b WHERE line_id = 7", [plain])
    assert read_line(books.connection, 7) == stored
    books.buy(7, 50, 10_000, OPENED_ON)
    assert kept(books).startswith(b"\x01")


def test_a_state_that_is_cut_off_is_refused(books: Books) -> None:
    books.add_borrower(1)
    books.open_line(7, 1, limit_minor=1_000_000)
    with pytest.raises((OSError, ValueError, msgspec.DecodeError)):
        line_in(kept(books)[:-9])
