"""Recorded cases of many batches put together in columns, so that another strategy decides them in large blocks.

A feature that the other strategy reads and the record lacks is read once more, from the streams as the batch saw them.
What was recorded is read again beside it: where that is not the same any more, neither is what it would be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg import Connection

from tallystick.features.as_of_catalog import AsOfCatalog
from tallystick.features.event_tables import REQUEST_SCHEMA
from tallystick.storage.decisions import Batch
from tallystick.storage.features import feature_lists
from tallystick.strategy.case_record import CaseRecord, Figures, decide_cases
from tallystick.strategy.checkpoint import Checkpoint


@dataclass(slots=True)
class CaseBlock:
    """Cases one after the other, an entry per case in every list; None also where a batch has no such column.

    `same_inputs` marks cases of which everything is known that the other strategy reads, as it was known then;
    `recomputed` are those among them whose features were read once more.
    """

    checkpoint: Checkpoint  # the other strategy's
    cases: int = 0
    requests: Figures = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)
    features: Figures = field(default_factory=dict)
    scores: Figures = field(default_factory=dict)
    outputs: Figures = field(default_factory=dict)
    strategy_id: list[str] = field(default_factory=list)
    release_number: list[int] = field(default_factory=list)
    outcome: list[str] = field(default_factory=list)
    decided_by: list[str] = field(default_factory=list)
    reasons: list[tuple[str, ...]] = field(default_factory=list)
    probability_ppm: list[int] = field(default_factory=list)
    refused_because: list[str | None] = field(default_factory=list)
    same_inputs: list[bool] = field(default_factory=list)
    recomputed: int = 0

    def add(self, connection: Connection, batch: Batch, record: CaseRecord, *, catalog: AsOfCatalog) -> None:
        """Put a batch's cases behind those that are there."""
        features, same = dict(record.features), [True] * record.cases
        lacking = [name for name in self.checkpoint.features if name not in features]
        if lacking:
            again, same = _features_again(connection, batch, record, lacking=lacking, catalog=catalog)
            features |= again
            self.recomputed += sum(same)
        if not self._reads() <= record.figures.keys() | features.keys():
            same = [False] * record.cases
        for kept, told in (
            (self.requests, record.requests), (self.figures, record.figures), (self.features, features),
            (self.scores, record.scores), (self.outputs, record.outputs),
        ):  # fmt: skip
            _extend(kept, told, before=self.cases, count=record.cases)
        self.strategy_id += [record.strategies[each] for each in record.strategy]
        self.release_number += [batch.release_number] * record.cases
        self.outcome += record.outcome
        self.decided_by += record.decided_by
        self.reasons += record.reasons
        self.probability_ppm += record.probability_ppm
        self.refused_because += record.refused_because
        self.same_inputs += same
        self.cases += record.cases

    def decided(self, cases: Sequence[int]) -> CaseRecord:
        """Some of the cases as the other strategy decides them, by the function that decides in life.

        The requests' ids drive its chance.
        """
        requests, figures, features = (
            {name: [values[case] for case in cases] for name, values in columns.items()}
            for columns in (self.requests, self.figures, self.features)
        )
        one = self.checkpoint.sha256
        return decide_cases(
            {one: self.checkpoint}, strategy_ids=[one] * len(cases), requests=requests, figures=figures,
            features=features,
        )  # fmt: skip

    def _reads(self) -> set[str]:
        """What the other strategy must be given; its scores it makes itself."""
        return {*self.checkpoint.case_types, *self.checkpoint.features} - set(self.checkpoint.scores)


def _extend(kept: Figures, told: Figures, *, before: int, count: int) -> None:
    for name in kept.keys() | told.keys():
        kept.setdefault(name, [None] * before).extend(told.get(name) or [None] * count)


def _features_again(
    connection: Connection, batch: Batch, record: CaseRecord, *, lacking: Sequence[str], catalog: AsOfCatalog
) -> tuple[Figures, list[bool]]:
    """Features that were not recorded, and of which cases those that were are the same again."""
    unknown = {name: [None] * record.cases for name in lacking}
    if batch.seen is None or not record.requests.keys() >= set(REQUEST_SCHEMA.names):
        return unknown, [False] * record.cases
    checked = [name for name in record.features if name in catalog.by_name]
    wanted = catalog.named([*checked, *lacking])
    told, _ = feature_lists(connection, record.requests, features=wanted, seen=batch.seen)
    places = {request_id: place for place, request_id in enumerate(told["request_id"])}
    again = [places[request_id] for request_id in record.request_ids]
    same = [
        all(told[name][place] == record.features[name][case] for name in checked) for case, place in enumerate(again)
    ]
    return {name: [told[name][place] for place in again] for name in lacking}, same
