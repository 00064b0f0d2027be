"""A rehearsal in a database: every purchase through `authorize`, labels as they come, reviews as far as hands go.

Everything happens by the operations that serve requests, at the instants of the rehearsal: strategies are submitted,
approved by a second person and promoted, a batch is one transaction, who looks at a review takes it from the queue, and
what nobody looked at in time is closed as the strategy says.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, timedelta, tzinfo
from functools import cached_property
from itertools import count
from typing import Any, Final

import pyarrow as pa
from psycopg import Connection

from tallystick.features.event_tables import REQUEST_SCHEMA
from tallystick.operations.authorizing import Purchase, authorize
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import REVIEWED, instant_of
from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.purchase_labels import label_purchases
from tallystick.operations.rehearsal import FRAUD_LABEL, Answers, Phase, Rehearsal, columns_of, judged_as, ticks_of
from tallystick.operations.reviewing import close_overdue, final_outcome, judge, take_next
from tallystick.operations.strategy_life import approve, promote, submit
from tallystick.servicing import facts
from tallystick.servicing.owed import held_minor
from tallystick.storage import borrowers, contracts, decisions, lines
from tallystick.storage.borrowers import Borrower
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import load_stream, write_stream
from tallystick.storage.purchase_labels import PurchaseLabel
from tallystick.storage.reviews import Review, read_review
from tallystick.storage.strategies import Release
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import decode_record
from tallystick.terms.product import Product

# Ids of everything but purchases, whose own are those of the file and lower.
FIRST_ID: Final = 1 << 48
_MOST_OVERDUE: Final = 1_000
_MOST_READ: Final = 1_000
# A merchant claims later than any rehearsal ends: what is approved stays held.
_HELD: Final = timedelta(days=400)


class LiveRehearsal:
    """Runs phases on a connection that commits by itself.

    Phases run before, by this or another one, stand in the database; how many reviews were looked at in a day each
    counts itself. `zone` is the lender's. `first_id` is the first of the ids that it gives, above those of any other.
    """

    def __init__(
        self, connection: Connection, rehearsal: Rehearsal, *, zone: tzinfo = UTC, first_id: int = FIRST_ID
    ) -> None:
        assert connection.autocommit, "each batch commits by itself"
        self._connection = connection
        self._rehearsal = rehearsal
        self._zone = zone
        self._ids = count(first_id)
        self._deciders = Deciders()
        self._asked: list[dict[str, Any]] = rehearsal.requests.to_pylist()
        self._ticks = rehearsal.tick
        self._label_ticks = ticks_of(rehearsal.labels_before)
        self._expires_on = instant_of(self._asked[-1]["tick"]).date() + _HELD
        self._judged: Counter[date] = Counter()

    def begin(self, product: Product, *, limit_minor: int) -> None:
        """Open a line for everybody who will buy, and load what happened before."""
        connection, rehearsal = self._connection, self._rehearsal
        act = self._act("clerk", rehearsal.begins_tick)
        with connection.transaction():
            contracts.add_product(connection, product, published_on=act.today, published_by=act.actor)
            contract_hash = contracts.add_contract(connection, product, frozen_at=act.at)
            for number in self._borrowers():
                self._open(number, contract_hash, currency=product.currency, limit_minor=limit_minor, act=act)
        known = pa.array(self._label_ticks <= rehearsal.begins_tick)
        with connection.transaction():
            load_stream(connection, "purchase", rehearsal.purchases_before)
            load_stream(connection, FRAUD_LABEL, rehearsal.labels_before.filter(known))
        connection.execute("ANALYZE stream_purchase, stream_fraud_label")

    def run(self, phase: Phase, *, until: int) -> Iterator[float]:
        """Release a strategy and let it decide from its first row on, up to row `until`; gives the share that is done.

        What came before its first row must have been run.
        """
        told_until = self._rehearsal.begins_tick if phase.first == 0 else int(self._ticks[phase.first - 1])
        self._release(phase, tick=told_until)
        for first, last in self._rehearsal.batches(phase.first, until):
            self._batch(first, last, told_until=told_until, reviews_per_day=phase.reviews_per_day)
            told_until = int(self._ticks[first])
            yield (last - phase.first) / (until - phase.first)

    def answers(self) -> Answers:
        """What was decided of every purchase so far, as the records have it, and what came of it."""
        connection = self._connection
        since = instant_of(self._rehearsal.begins_tick)
        found = decisions.batches_since(connection, since, checkpoint=CheckpointName.AUTHORIZE)
        columns = columns_of(decode_record(trace) for _, trace in found if trace is not None)
        ids: list[int] = columns["requests.request_id"]
        final = []
        for begin in range(0, len(ids), _MOST_READ):
            some = ids[begin : begin + _MOST_READ]
            made = {each.decision_id: each for each in decisions.read_decisions(connection, some)}
            final += [self._final(made[number]) for number in some]
        return Answers(columns, final, {number: self._held_minor(number) for number in self._borrowers()})

    def _batch(self, first: int, last: int, *, told_until: int, reviews_per_day: int) -> None:
        """What falls due until a batch, the batch, and whoever looks at its reviews."""
        connection, tick = self._connection, int(self._ticks[first])
        act = self._act("checkout", tick)
        close_overdue(connection, act=act, zone=self._zone, most=_MOST_OVERDUE)
        self._label(told_until, tick)
        purchases = [self._purchase(row) for row in self._asked[first:last]]
        with connection.transaction():
            told = authorize(connection, purchases, deciders=self._deciders, act=act, zone=self._zone)
        others = [each for each in told if not isinstance(each, StoredDecision)]
        assert not others, f"nobody else is at work, and no two of a batch are one person's: {others[0]}"
        self._look(reviews_per_day, tick)

    def _label(self, after: int, until: int) -> None:
        """What becomes known of purchases in a span of time, at the instants at which it does."""
        before = self._rehearsal.labels_before
        first, last = self._label_ticks.searchsorted([after, until], side="right").tolist()
        if last > first:
            write_stream(self._connection, FRAUD_LABEL, before.slice(first, last - first).to_pydict())
        delay = self._rehearsal.label_delay_ticks
        first, last = self._ticks.searchsorted([after - delay, until - delay], side="right").tolist()
        for begin, end in self._rehearsal.batches(first, last):
            truth = {self._asked[row]["request_id"]: bool(self._rehearsal.is_fraud[row]) for row in range(begin, end)}
            act = self._act("fraud desk", int(self._ticks[begin]) + delay)
            with self._connection.transaction():
                told = label_purchases(self._connection, truth, reason="known from the file", act=act)
            assert all(isinstance(each, PurchaseLabel) for each in told.values()), "each is labeled once"

    def _look(self, reviews_per_day: int, tick: int) -> None:
        """People take reviews from the queue while the day has room for them, and find what each purchase is."""
        connection, act = self._connection, self._act("analyst", tick)
        while self._judged[act.today] < reviews_per_day:
            with connection.transaction():
                review = take_next(connection, act=act, checkpoint=CheckpointName.AUTHORIZE)
                if review is None:
                    return
                outcome = judged_as(is_fraud=self._is_fraud(review.review_id))
                judged = judge(
                    connection, review.review_id, outcome, reason="known from the file", act=act, zone=self._zone
                )
            assert isinstance(judged, Review), f"nothing keeps a review from being judged: {judged}"
            self._judged[act.today] += 1

    def _is_fraud(self, request_id: int) -> bool:
        return bool(self._rehearsal.is_fraud[self._rows[request_id]])

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {row["request_id"]: place for place, row in enumerate(self._asked)}

    def _release(self, phase: Phase, *, tick: int) -> None:
        """Submit a strategy, have it approved by a second person, and promote it."""
        connection, author, approver = self._connection, self._act("author", tick), self._act("approver", tick)
        with connection.transaction():
            kept = submit(connection, phase.files, act=author)
            approved = approve(connection, kept.strategy_id, note="rehearsal", act=approver)
            release = promote(connection, kept.strategy_id, because="rehearsal", act=approver)
        assert isinstance(release, Release), f"{approved} {release}"

    def _open(self, number: int, contract_hash: str, *, currency: str, limit_minor: int, act: Act) -> None:
        person = Borrower(number, f"card {number}", "CN", currency, limit_minor, None, {}, act.at)
        assert borrowers.add_borrower(self._connection, person)
        opening = facts.LineOpened(
            borrower_id=number, contract_hash=contract_hash, currency=currency, limit_minor=limit_minor,
            cash_limit_minor=0,
        )  # fmt: skip
        opened = record(self._connection, number, opening, act=act)
        assert isinstance(opened, Recorded), f"{opened}"

    def _purchase(self, row: Mapping[str, Any]) -> Purchase:
        return Purchase(
            decision_id=row["request_id"],
            request_key=f"rehearsed {row['request_id']}",
            request_digest=b"%d" % row["request_id"],
            expires_on=self._expires_on,
            **{name: row[name] for name in _ASKED},
        )

    def _act(self, actor: str, tick: int) -> Act:
        at = instant_of(tick)
        return Act(actor=actor, at=at, today=at.astimezone(self._zone).date(), event_ids=self._ids)

    def _borrowers(self) -> list[int]:
        return sorted({row["borrower_id"] for row in self._asked})

    def _final(self, decision: StoredDecision) -> str:
        review = read_review(self._connection, decision.decision_id) if decision.outcome == REVIEWED else None
        return final_outcome(decision, review)

    def _held_minor(self, line_id: int) -> int:
        stored = lines.read_line(self._connection, line_id)
        assert stored is not None, "everybody has a line"
        return held_minor(stored.line)


_ASKED: Final = tuple(name for name in REQUEST_SCHEMA.names if name in Purchase.__struct_fields__)
