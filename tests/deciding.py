"""A lender that decides: the standard strategy in force, and purchases to ask about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from tests.books import Books

from tallystick.operations.authorizing import Authorized, Purchase, authorize
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import approve, promote, submit
from tallystick.storage.strategies import Release, StoredStrategy, add_strategy
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.policy import strategy_sha256

DAY = date(2026, 6, 10)
NOON = datetime(2026, 6, 10, 4, 0, tzinfo=UTC)
SHANGHAI = timezone(timedelta(hours=8))


# A strategy is the same under its hash in every test of a process: it is checked once.
_CHECKED: set[str] = set()


@dataclass
class Lender:
    """Books with a strategy in force; time goes on by a second with every batch."""

    books: Books
    now: datetime = NOON
    deciders: Deciders = field(default_factory=Deciders)

    def release(self, *challengers: Challenger, files: Mapping[str, bytes] | None = None) -> Release:
        """Put a strategy in force, the standard one unless told otherwise."""
        champion = self.keep(files)
        with self.books.connection.transaction():
            release = promote(self.books.connection, champion, challengers, because="begin", act=self.act())
        assert isinstance(release, Release)
        return release

    def keep(self, files: Mapping[str, bytes] | None = None) -> str:
        """Submit a strategy and have it approved."""
        connection, act = self.books.connection, self.act(actor="ann")
        whole = strategy_files(None) if files is None else files
        strategy_id = strategy_sha256(whole)
        if strategy_id in _CHECKED:
            is_new = add_strategy(connection, strategy_id, name="checked", files=whole, by=act.actor, at=act.at)
        else:
            is_new = submit(connection, whole, act=act).is_new
            _CHECKED.add(strategy_id)
        if is_new:
            agreed = approve(connection, strategy_id, note="", act=self.act(actor="bo"))
            assert isinstance(agreed, StoredStrategy)
        return strategy_id

    def act(self, *, actor: str = "checkout") -> Act:
        """Who asks, now."""
        today = self.now.astimezone(SHANGHAI).date()
        return Act(actor=actor, at=self.now, today=today, event_ids=self.books.ids)

    def purchase(self, line_id: int, amount_minor: int, **told: Any) -> Purchase:
        """A purchase as it is asked for, at merchant 7 unless told otherwise."""
        decision_id = next(self.books.ids)
        asked: dict[str, Any] = {
            "decision_id": decision_id,
            "request_key": f"order {decision_id}",
            "request_digest": b"%d/%d" % (line_id, amount_minor),
            "line_id": line_id,
            "amount_minor": amount_minor,
            "merchant_id": 7,
            "category": "clothes",
            "expires_on": self.now.date() + timedelta(days=7),
        }
        return Purchase(**(asked | told))

    def ask(self, *purchases: Purchase) -> list[Authorized]:
        """Decide them in one transaction, and let a second go by."""
        with self.books.connection.transaction():
            told = authorize(self.books.connection, purchases, deciders=self.deciders, act=self.act(), zone=SHANGHAI)
        self.now += timedelta(seconds=1)
        return told


def opened(books: Books, line_ids: Sequence[int], *, limit_minor: int = 3_000_000) -> None:
    """Lines of persons of the same numbers."""
    for line_id in line_ids:
        books.add_borrower(line_id)
        books.open_line(line_id, line_id, limit_minor=limit_minor)
