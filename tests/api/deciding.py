"""A lender that decides behind the API: purchases are asked for in its database, and the server's clock follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tests.api.conftest import Api
from tests.books import Books
from tests.deciding import Lender, opened

from tallystick.storage.decisions import StoredDecision
from tallystick.units.ids import IdPrefix, encode_id


@contextmanager
def deciding(api: Api) -> Iterator[Lender]:
    """Four lines of 30,000 yuan, numbered from one, and the standard strategy in force."""
    with psycopg.connect(str(api.edge.pool.conninfo), autocommit=True) as connection:
        books = Books(connection, ids=api.edge.ids)
        opened(books, range(1, 5))
        lender = Lender(books)
        lender.release()
        api.clock.at = lender.now
        yield lender


def bought(api: Api, lender: Lender, line_id: int, amount_minor: int, **told: Any) -> StoredDecision:
    """The decision on a purchase; the server's clock goes on with the lender's."""
    [decision] = lender.ask(lender.purchase(line_id, amount_minor, **told))
    api.clock.at = lender.now
    assert isinstance(decision, StoredDecision), decision
    return decision


def review_path(decision: StoredDecision) -> str:
    """The review of a decision, under /v1."""
    return f"/v1/reviews/{encode_id(IdPrefix.REVIEW, decision.decision_id)}"


def decision_path(decision: StoredDecision) -> str:
    """A decision, under /v1."""
    return f"/v1/decisions/{encode_id(IdPrefix.DECISION, decision.decision_id)}"
