"""A rehearsal: dated purchases whose truth is known arrive in order of time, and strategies decide them as if live.

It is run twice. `rehearsal_live` pours the purchases through `authorize` in a database, with labels that arrive late
and people who look at as many reviews a day as there are hands for; `rehearsal_offline` evaluates the same strategy
from the file alone. Both give `Answers`, which must be equal: to the last bit of each feature, and in every figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.authorizing import MOST_TOGETHER
from tallystick.operations.decision_record import APPROVED, DECLINED
from tallystick.operations.training_sets import windows_of
from tallystick.sources.raw_events import RawEvents
from tallystick.sources.training_form import TrainingConfig
from tallystick.strategy.case_record import CaseRecord, Figures
from tallystick.strategy.interception import Interception, intercepted
from tallystick.strategy.purchase_economics import PurchaseEconomics

Flags = npt.NDArray[np.bool_]
Ticks = npt.NDArray[np.int64]

FRAUD_LABEL: Final = "fraud_label"
_STREAMS: Final = ("purchase", FRAUD_LABEL)
_ID: Final = "request_id"
_SECOND: Final = 1_000_000
# Who pays and who is paid, whichever of both names a file has: a card is a borrower with one line, a terminal a shop.
_ALIKE: Final = (("borrower_id", "line_id"), ("merchant_id", "terminal_id"))


class RehearsalFault(ValueError):
    """Nothing can be rehearsed with this; the message names the field and the way out."""


@dataclass(frozen=True)
class Rehearsal:
    """What was there before, and what arrives, in the order in which it is decided.

    `requests` carry the instant at which their batch is decided, and their ids are those of their decisions.
    `tested_from` is the first row of the time that is reported; what arrives before it is decided by whatever decided
    before. A purchase is labeled `label_delay_ticks` after it was decided on, those of before at their own ticks.
    """

    requests: pa.Table
    is_fraud: Flags
    begins_tick: int
    tested_from: int
    label_delay_ticks: int
    purchases_before: pa.Table
    labels_before: pa.Table

    @cached_property
    def tick(self) -> Ticks:
        """The instant at which each purchase is decided."""
        return ticks_of(self.requests)

    def batches(self, first: int, last: int) -> list[tuple[int, int]]:
        """The rows of each batch from row `first` on until before row `last`."""
        if first == last:
            return []
        begins = [first, *(np.flatnonzero(np.diff(self.tick[first:last])) + first + 1).tolist()]
        return list(pairwise([*begins, last]))


@dataclass(frozen=True, slots=True)
class Phase:
    """From which row on which strategy decides, by its files, and how many reviews people look at in a day."""

    first: int
    files: Mapping[str, bytes]
    reviews_per_day: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What was decided of each purchase, in order of the rows of a rehearsal.

    `columns` are those of the records, a name before a dot telling the part: `features.amount`, `scores.fraud_ppm`,
    `outcome`. `final` is what came of it in the end, `held_minor` what holds reserve in the end, by line.
    """

    columns: Mapping[str, Sequence[Any]]
    final: Sequence[str]
    held_minor: Mapping[int, int]


def rehearsal_of(
    config: TrainingConfig, raw: RawEvents, *, days: int, batch_seconds: int, weeks_later: int = 0
) -> Rehearsal:
    """What arrives after the training window of a configuration, until `days` days of its test window are over.

    What comes within `batch_seconds` is decided together at their end; a second purchase of one borrower waits for the
    next batch, as it does live. `weeks_later` moves all of it, for products and laws are dated. Raises `RehearsalFault`
    and `TrainingFault`.
    """
    if config.events is None or config.events.observe != "purchase":
        raise RehearsalFault("events.observe: is no purchase; rehearsed are purchases")
    for name in _STREAMS:
        if name not in config.events.streams:
            raise RehearsalFault(f"events.streams.{name}: missing; map it")
    given = (raw.requests, *(raw.streams[name] for name in _STREAMS))
    asked, purchases, labels = (_completed(each, first=_first_numbers(raw.requests)) for each in given)
    if asked["amount_minor"].null_count:
        raise RehearsalFault(f"events.columns.amount_minor: null on {asked['amount_minor'].null_count:,} rows; map it")
    window = windows_of(config.split, ticks_of(asked))[0]
    tick, amount = ticks_of(asked), asked["amount_minor"].to_numpy()
    # Of nothing there is nothing to hold: a file's checks of a card for an amount of zero are no purchases.
    arrives = (tick >= window.train_until) & (tick < window.test_from + days * DAY_TICKS) & (amount > 0)
    if not arrives.any():
        raise RehearsalFault("split: no purchase arrives after the training; move the dates")
    instants = _instants(asked.filter(pa.array(arrives)), every=batch_seconds * _SECOND)
    requests = _with_tick(asked.filter(pa.array(arrives)), instants).sort_by(
        [("tick", "ascending"), (_ID, "ascending")]
    )
    moved = weeks_later * 7 * DAY_TICKS
    delay = config.events.streams[FRAUD_LABEL].delay_days * DAY_TICKS
    labels_before = labels.filter(pc.less(labels["tick"], window.train_until + delay)).sort_by("tick")
    return Rehearsal(
        requests=_later(requests, moved),
        is_fraud=_truth(requests, labels),
        begins_tick=window.train_until + moved,
        tested_from=int(np.count_nonzero(ticks_of(requests) <= window.test_from)),
        label_delay_ticks=delay,
        purchases_before=_later(purchases.filter(pc.less(purchases["tick"], window.train_until)), moved),
        labels_before=_later(labels_before, moved),
    )


def _first_numbers(requests: pa.Table) -> tuple[int, ...]:
    """The lowest number of who pays and of who is paid; raises where a purchase names neither."""
    lowest = []
    for names in _ALIKE:
        known = pc.coalesce(*(requests[name] for name in names))
        if known.null_count:
            raise RehearsalFault(f"events.columns.{names[0]}: null on {known.null_count:,} rows; map it")
        lowest.append(pc.min(known).as_py())
    return tuple(lowest)


def _completed(table: pa.Table, *, first: Sequence[int]) -> pa.Table:
    """Both names of who pays and of who is paid, numbered from one at least: no line and no merchant is number 0."""
    for names, lowest in zip(_ALIKE, first, strict=True):
        known = pc.add(pc.coalesce(*(table[name] for name in names)), max(0, 1 - lowest))
        for name in names:
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), known)
    return table


def ticks_of(table: pa.Table) -> Ticks:
    """The ticks of requests or of a stream's rows."""
    return np.asarray(table["tick"].to_numpy(), dtype=np.int64)


def _instants(requests: pa.Table, *, every: int) -> Ticks:
    """When each is decided: at the end of its span of time, or of the first one later that has room for it."""
    decided = np.zeros(requests.num_rows, dtype=np.int64)
    last: dict[int, int] = {}
    together: dict[int, int] = defaultdict(int)
    tick, borrower = ticks_of(requests), requests["borrower_id"].to_pylist()
    for place in np.argsort(tick, kind="stable").tolist():
        instant = int(tick[place]) // every * every + every
        while instant <= last.get(borrower[place], 0) or together[instant] == MOST_TOGETHER:
            instant += every
        decided[place] = last[borrower[place]] = instant
        together[instant] += 1
    return decided


def _with_tick(table: pa.Table, tick: Ticks) -> pa.Table:
    place = table.schema.get_field_index("tick")
    return table.set_column(place, table.schema.field(place), pa.array(tick, pa.int64()))


def _later(table: pa.Table, ticks: int) -> pa.Table:
    for name in ("tick", "purchased_at_tick"):
        place = table.schema.get_field_index(name)
        if place >= 0:
            table = table.set_column(place, table.schema.field(place), pc.add(table[name], ticks))
    return table


def _truth(requests: pa.Table, labels: pa.Table) -> Flags:
    """Whether each was fraud, by the row of the file that both are made of."""
    told = dict(zip(labels["event_id"].to_pylist(), labels["is_fraud"].to_pylist(), strict=True))
    truth = [told.get(number) for number in requests[_ID].to_pylist()]
    if None in truth:
        problem = f"{truth.count(None):,} purchases have no label"
        raise RehearsalFault(f"events.streams.{FRAUD_LABEL}: {problem}; leave them out")
    return np.array(truth, dtype=np.bool_)


def judged_as(*, is_fraud: bool) -> str:
    """What people who look at a purchase answer: they find what it is."""
    return DECLINED if is_fraud else APPROVED


def columns_of(records: Iterable[CaseRecord]) -> dict[str, list[Any]]:
    """The columns of records, one after the other; a strategy is told by its hash."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        for name, told in _flat(record).items():
            columns[name] += told
    return dict(columns)


def _flat(record: CaseRecord) -> Figures:
    flat: Figures = {"strategy": [record.strategies[each] for each in record.strategy]}
    for part in record.__struct_fields__:
        told = getattr(record, part)
        if isinstance(told, dict):
            flat |= {f"{part}.{name}": values for name, values in told.items()}
        elif isinstance(told, list) and part != "strategy":
            flat[part] = told
    return flat


def differences(one: Answers, other: Answers) -> dict[str, int]:
    """How many values differ, by column, where any does. A column that one side lacks differs throughout."""
    found = {
        name: _differing(one.columns.get(name), other.columns.get(name))
        for name in sorted({*one.columns, *other.columns})
    }
    found["final"] = _differing(one.final, other.final)
    lines = sorted({*one.held_minor, *other.held_minor})
    found["held_minor"] = sum(one.held_minor.get(line) != other.held_minor.get(line) for line in lines)
    return {name: count for name, count in found.items() if count}


def _differing(one: Sequence[Any] | None, other: Sequence[Any] | None) -> int:
    if one is None or other is None or len(one) != len(other):
        return max(len(one or ()), len(other or ()))
    return sum(mine != theirs for mine, theirs in zip(one, other, strict=True))


def intercepted_by(
    answers: Answers, rehearsal: Rehearsal, *, rows: slice, economics: PurchaseEconomics
) -> Interception:
    """What was stopped of some rows: all but what was approved in the end."""
    final = np.array(answers.final[rows], dtype=object)
    asked = rehearsal.requests.slice(rows.start, rows.stop - rows.start)
    return intercepted(
        np.array(answers.columns["outcome"][rows], dtype=object),
        went_through=np.asarray(final == APPROVED, dtype=np.bool_),
        is_fraud=rehearsal.is_fraud[rows],
        amount_minor=asked["amount_minor"].to_numpy(),
        customer=asked["borrower_id"].to_numpy(),
        economics=economics,
    )
