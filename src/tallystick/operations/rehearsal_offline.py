"""A rehearsal without a database: features by DuckDB at the same instants, the same model, the same tables.

Nothing of it is read from a live run. Features know what was asked and what was labeled until their instant, never what
was decided, so they are made once for every strategy. What a line has available does hang on decisions: approvals and
open reviews are held, a decline is not. So all cases are decided with what is thought to be held, the days are gone
through in order to see what was held in truth, and both are done again until nothing changes. Each round is right for
one batch more, since a batch hangs on those before it alone; two rounds are usual.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, tzinfo
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.operations.both_decided import SCORES
from tallystick.operations.decision_record import APPROVED, REVIEWED, instant_of
from tallystick.operations.rehearsal import (
    FRAUD_LABEL,
    Answers,
    Phase,
    Rehearsal,
    RehearsalFault,
    columns_of,
    judged_as,
)
from tallystick.operations.rehearsal_strategy import with_threshold
from tallystick.scoring.model import Floats
from tallystick.strategy.case_columns import NO_ACTION, CheckpointName
from tallystick.strategy.case_record import CaseRecord, Figures, decide_cases
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_reading import read_checkpoints
from tallystick.strategy.policy import strategy_sha256
from tallystick.units.periods import full_months

_MINUTE_TICKS: Final = 60_000_000


class OfflineRehearsal:
    """Features that some strategies read, of all purchases, and what such strategies decide. `zone` is the lender's."""

    def __init__(
        self, rehearsal: Rehearsal, strategies: Iterable[Mapping[str, bytes]], *, limit_minor: int, zone: tzinfo = UTC
    ) -> None:
        self._rehearsal = rehearsal
        self._limit_minor = limit_minor
        self._zone = zone
        self._requests: Figures = rehearsal.requests.to_pydict()
        self._days = [instant_of(tick).astimezone(zone).date() for tick in self._requests["tick"]]
        wanted = dict.fromkeys(name for files in strategies for name in _checkpoint(files).features)
        chosen = load_as_of_catalog().named(wanted)
        built = build_as_of(rehearsal.requests.sort_by("request_id"), streams_of(rehearsal), features=chosen)
        place = {number: row for row, number in enumerate(built["request_id"].to_pylist())}
        ordered = built.take(pa.array([place[number] for number in self._requests["request_id"]]))
        self._features: Figures = ordered.drop_columns("request_id").to_pydict()

    def answers(self, phases: Sequence[Phase], *, until: int | None = None) -> Answers:
        """What each strategy decides from its phase's first row on, up to row `until`, and what comes of it.

        The first phase begins with the first row. Raises `RehearsalFault` where a strategy freezes or asks for two
        people: what would follow from that is not followed here.
        """
        assert phases[0].first == 0, "what is held hangs on everything before"
        count = len(self._days) if until is None else until
        ends = [*(phase.first for phase in phases[1:]), count]
        spans = [
            _Span(phase.first, end, phase.reviews_per_day, strategy_sha256(phase.files), _checkpoint(phase.files))
            for phase, end in zip(phases, ends, strict=True)
        ]
        held = [0] * count
        while True:
            columns = columns_of(self._decided(span, held=held) for span in spans)
            _refuse_what_is_not_followed(columns)
            followed = _Followed(self._rehearsal, columns, days=self._days)
            for span in spans:
                followed.go_through(span)
            if followed.held_before == held:
                return Answers(columns, followed.final, followed.held_minor)
            held = followed.held_before

    def scores_to_review(self, files: Mapping[str, bytes]) -> Floats:
        """Scores of what arrives before the time that is reported and that a strategy could send to review at all.

        By them a review capacity gets its threshold: `review_from_ppm`.
        """
        columns = self.answers([Phase(0, with_threshold(files, 0))], until=self._rehearsal.tested_from).columns
        scored = zip(columns[f"scores.{SCORES[CheckpointName.AUTHORIZE]}"], columns["outcome"], strict=True)
        return np.array([score for score, outcome in scored if outcome == REVIEWED], dtype=np.float64)

    def _decided(self, span: "_Span", *, held: Sequence[int]) -> CaseRecord:
        rows = slice(span.first, span.end)
        return decide_cases(
            {span.strategy_id: span.checkpoint},
            strategy_ids=[span.strategy_id] * (span.end - span.first),
            requests={name: values[rows] for name, values in self._requests.items()},
            figures=self._figures(rows, held=held[rows]),
            features={name: self._features[name][rows] for name in span.checkpoint.features},
        )

    def _figures(self, rows: slice, *, held: Sequence[int]) -> Figures:
        """The columns of the cases: lines opened when it all begins, with nothing drawn and nothing past due."""
        opened_on = instant_of(self._rehearsal.begins_tick).astimezone(self._zone).date()
        days = self._days[rows]
        months = {day: full_months(since=opened_on, until=day) for day in set(days)}
        return {name: [value] * len(days) for name, value in _ALIKE.items()} | {
            "amount_minor": self._requests["amount_minor"][rows],
            "category": self._requests["category"][rows],
            "has_device": [number is not None for number in self._requests["device_id"][rows]],
            "limit_minor": [self._limit_minor] * len(days),
            "held_minor": list(held),
            "available_minor": [max(0, self._limit_minor - each) for each in held],
            "months_on_book": [months[day] for day in days],
            "days_since_opened": [(day - opened_on).days for day in days],
        }


# What all cases of a rehearsal have alike.
_ALIKE: Final[Mapping[str, Any]] = {
    "step_up_passed": False,
    "drawn_minor": 0,
    "condition": "open",
    "days_past_due": 0,
    "line_is_frozen": False,
    "device_is_frozen": False,
    "borrower_is_blocked": False,
    "merchant_pays_price": False,
    "merchant_is_blocked": False,
}


class _Span(Struct, frozen=True):
    """A phase with its end, compiled."""

    first: int
    end: int
    reviews_per_day: int
    strategy_id: str
    checkpoint: Checkpoint


class _Waits(Struct, frozen=True, order=True):
    """A review in the queue, in the order in which it is taken."""

    priority: int
    due_tick: int
    request_id: int
    row: int


class _Followed:
    """Goes through decided batches in order, and tells what was held before each case and what came of it."""

    def __init__(self, rehearsal: Rehearsal, columns: Figures, *, days: Sequence[date]) -> None:
        self.final: list[str] = list(columns["outcome"])
        self.held_before = [0] * len(self.final)
        self.held_minor = dict.fromkeys(rehearsal.requests["borrower_id"].to_pylist(), 0)
        self._rehearsal, self._columns, self._days = rehearsal, columns, days
        self._waiting: list[_Waits] = []
        self._looked_at: Counter[date] = Counter()

    def go_through(self, span: _Span) -> None:
        """A phase: reviews whose time is over, the batch, and whoever looks at its reviews."""
        tick = self._columns["requests.tick"]
        for first, last in self._rehearsal.batches(span.first, span.end):
            for each in [each for each in self._waiting if each.due_tick <= tick[first]]:
                assert span.checkpoint.timeout_outcome is not None, "a checkpoint that reviews says how they end"
                self._close(each, span.checkpoint.timeout_outcome)
            for row in range(first, last):
                self._decide(row)
            self._waiting.sort()
            room = max(0, span.reviews_per_day - self._looked_at[self._days[first]])
            for each in self._waiting[:room]:
                self._looked_at[self._days[first]] += 1
                self._close(each, judged_as(is_fraud=bool(self._rehearsal.is_fraud[each.row])))

    def _decide(self, row: int) -> None:
        columns, borrower_id = self._columns, self._columns["requests.borrower_id"][row]
        self.held_before[row] = self.held_minor[borrower_id]
        if self.final[row] in (APPROVED, REVIEWED):
            self.held_minor[borrower_id] += columns["requests.amount_minor"][row]
        if self.final[row] == REVIEWED:
            due_tick = columns["requests.tick"][row] + columns["outputs.deadline_minutes"][row] * _MINUTE_TICKS
            number = columns["requests.request_id"][row]
            self._waiting.append(_Waits(columns["outputs.priority"][row], due_tick, number, row))

    def _close(self, waits: _Waits, outcome: str) -> None:
        self._waiting.remove(waits)
        self.final[waits.row] = outcome
        if outcome != APPROVED:
            borrower_id = self._columns["requests.borrower_id"][waits.row]
            self.held_minor[borrower_id] -= self._columns["requests.amount_minor"][waits.row]


def streams_of(rehearsal: Rehearsal) -> dict[str, pa.Table]:
    """The streams as a lender's own record has them: what was asked, and what became known of it, when it was told."""
    requests = rehearsal.requests.append_column("event_id", rehearsal.requests["request_id"])
    labels = requests.append_column("purchased_at_tick", requests["tick"]).append_column(
        "is_fraud", pa.array(rehearsal.is_fraud)
    )
    place = labels.schema.get_field_index("tick")
    labels = labels.set_column(place, labels.schema.field(place), pc.add(labels["tick"], rehearsal.label_delay_ticks))
    asked = {"purchase": (rehearsal.purchases_before, requests), FRAUD_LABEL: (rehearsal.labels_before, labels)}
    return {
        name: pa.concat_tables([before, now.select(before.schema.names).cast(before.schema)])
        for name, (before, now) in asked.items()
    }


def _checkpoint(files: Mapping[str, bytes]) -> Checkpoint:
    return read_checkpoints(files, catalog=load_as_of_catalog())[CheckpointName.AUTHORIZE]


def _refuse_what_is_not_followed(columns: Figures) -> None:
    if set(columns["outputs.action"]) != {NO_ACTION}:
        raise RehearsalFault("action: a rehearsal follows no freezes; leave them out of the strategy")
    if any(columns["outputs.four_eyes"]):
        raise RehearsalFault("four_eyes: a rehearsal has one person at a review; leave them out of the strategy")
