"""Purchases on their way to a decision: they wait at a desk, and are decided and committed a batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import pyarrow as pa
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.api_keys import Caller
from tallystick.operations.authorizing import Authorized, Purchase, PutOff, authorize, withdraw
from tallystick.operations.deciding import Deciding
from tallystick.storage.clocks import clocks_of_lines
from tallystick.storage.contracts import Contracts
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.lines import contracts_of_lines
from tallystick.strategy.case_columns import NO_ACTION, CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.terms.product import Product
from tallystick.trust.scopes import Mode
from tallystick.web.desk import Desk
from tallystick.web.edge import Asked, Edge
from tallystick.web.metrics import Metrics
from tallystick.web.review_keeping import stop_frozen
from tallystick.web.rounds import Rounds
from tallystick.web.undecided import bound_statements

# A second one reads while the first one writes, and halves the batches: one was faster (docs/decisions/0025).
WORKERS: Final = 1
_DRAIN_S: Final = 5.0
_WARM_EVERY_S: Final = 1.0


def _load_what_comes_late() -> None:
    """What the first offer and the first explanation would wait for, loaded once decisions no longer do."""
    import scipy.optimize  # noqa: F401  the equation of a rate

    pa.array([])  # at its first conversion pyarrow looks for pandas


class Waiting(Struct, frozen=True):
    """A purchase and who asks for it."""

    purchase: Purchase
    caller: Caller


class Told(Struct, frozen=True):
    """What was decided, and what it is told with: the checkpoint that decided, and the line's own terms."""

    answer: Authorized
    checkpoint: Checkpoint | None = None
    product: Product | None = None


class Checkout:
    """Asks the desk for a decision; one for each server process."""

    def __init__(self, edge: Edge, *, metrics: Metrics) -> None:
        self._edge = edge
        self.desk: Desk[Waiting, Told] = Desk(
            self._decide,
            name="authorize",
            key_of=lambda waiting: waiting.purchase.line_id,
            late=self._withdraw,
            metrics=metrics,
            workers=WORKERS,
        )
        self._warming = Rounds("strategies", self._warm, after_fault_s=_WARM_EVERY_S)

    async def ask(self, purchase: Purchase, *, caller: Caller, deadline_s: float) -> Told:
        """The decision, committed. Raises `NotTold` and what deciding raises."""
        return await self.desk.ask(Waiting(purchase, caller), deadline_s=deadline_s)

    def start(self) -> None:
        """Begin to decide, and keep what decides compiled."""
        self.desk.start()
        self._warming.start()

    def stop(self) -> None:
        """Decide what waits still, and end."""
        self._warming.stop()
        self.desk.stop(drain_s=_DRAIN_S)

    def _warm(self) -> float:
        with self._edge.pool.connection() as connection:
            self._edge.deciders.warm(connection)
        _load_what_comes_late()
        return _WARM_EVERY_S

    @property
    def deciding(self) -> Deciding | None:
        """What decided last, without asking the database: it says what is safe while that is away."""
        return self._edge.deciders.last(CheckpointName.AUTHORIZE)

    def _decide(self, waiting: Sequence[Waiting]) -> list[Told | None]:
        """One transaction and one batch of the record for each who asks: the next one sees what was asked before."""
        told: dict[int, Told | None] = {}
        for together in self._together(waiting):
            told |= self._decide_together(together)
        answers = [each.answer for each in told.values() if each is not None]
        if any(isinstance(each, StoredDecision) and each.outputs["action"] != NO_ACTION for each in answers):
            stop_frozen(self._edge)  # a round finds what a crash leaves here
        return [told[each.purchase.decision_id] for each in waiting]

    def _decide_together(self, waiting: Sequence[Waiting]) -> dict[int, Told | None]:
        purchases, first = [each.purchase for each in waiting], waiting[0]
        with self._edge.pool.connection() as connection:
            bound_statements(connection)  # its batch fails then, and the breaker counts it
            act = self._edge.act_on_line(connection, first.caller, first.purchase.line_id)
            answers = authorize(connection, purchases, deciders=self._edge.deciders, act=act, zone=self._edge.zone)
            return self._with_terms(
                connection, {each.decision_id: answer for each, answer in zip(purchases, answers, strict=True)}
            )

    def _with_terms(self, connection: Connection, answers: Mapping[int, Authorized]) -> dict[int, Told | None]:
        lines = [each.line_id for each in answers.values() if isinstance(each, StoredDecision) and each.line_id]
        hashes, contracts = contracts_of_lines(connection, lines), Contracts(connection)
        told: dict[int, Told | None] = {}
        for decision_id, answer in answers.items():
            if isinstance(answer, StoredDecision) and answer.line_id is not None:
                checkpoint = self._edge.deciders.compiled(connection, answer.strategy_id)[CheckpointName.AUTHORIZE]
                told[decision_id] = Told(answer, checkpoint, contracts[hashes[answer.line_id]])
            else:
                told[decision_id] = None if isinstance(answer, PutOff) else Told(answer)
        return told

    def _together(self, waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
        """By who asks, and where tests have clocks of their own, by the line's clock; in order of arrival in each."""
        tested = [each.purchase.line_id for each in waiting if each.caller.mode is Mode.TEST]
        clocks: Mapping[int, int] = {}
        if tested:
            with self._edge.pool.connection() as connection:
                clocks = clocks_of_lines(connection, tested)

        def key(each: Waiting) -> tuple[str, int]:
            return each.caller.holder, clocks.get(each.purchase.line_id, 0)

        for _, group in groupby(sorted(waiting, key=key), key=key):
            yield list(group)

    def _withdraw(self, waiting: Waiting, told: Told) -> None:
        """Nobody may be left believing that nothing is held, while something is.

        What had been decided before, when the same request came first, stands: its caller was told.
        """
        answer = told.answer
        if not isinstance(answer, StoredDecision) or answer.decision_id != waiting.purchase.decision_id:
            return
        with self._edge.pool.connection() as connection:
            act = self._edge.act_on_line(connection, waiting.caller, waiting.purchase.line_id)
            withdraw(connection, answer, act=act)


def checkout_of(request: Asked) -> Checkout:
    """The checkout that the app was made with."""
    checkout = request.scope["state"]["checkout"]
    assert isinstance(checkout, Checkout)
    return checkout
