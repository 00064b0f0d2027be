"""Recorded cases under two strategies: as they were decided, and as another decides them on the same inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from psycopg import Connection

from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import APPROVED, DECLINED, OFFERED, REVIEWED
from tallystick.operations.recorded_cases import CaseBlock
from tallystick.storage.decisions import Batch, withdrawn_among
from tallystick.storage.purchase_fates import drawn_on_holds_minor, fraud_labels
from tallystick.storage.strategies import Release, releases
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, Figures, arrays_of
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.granted_terms import (
    GrantedWay,
    blank_ways,
    chances_at_terms,
    granted_ways,
    limits_at_terms,
    place_at_terms,
)
from tallystick.strategy.off_policy import chances_agree
from tallystick.strategy.swap_set import DecidedCases
from tallystick.units.rates import PPM

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

BOOKS: Final = "books"  # the step that decided where the books refused
# The probability that a checkpoint's cases are reckoned by.
SCORES: Final = {CheckpointName.AUTHORIZE: "fraud_ppm", CheckpointName.APPLY: "pd_ppm"}
# Outcomes that the books are asked about, which may refuse.
BOOKED: Final = {CheckpointName.AUTHORIZE: (APPROVED, REVIEWED), CheckpointName.APPLY: (OFFERED,)}
_CASES_AT_ONCE: Final = 65_536

Rows = TypeVar("Rows", "Side", "Cases", GrantedWay)


@dataclass(frozen=True, slots=True)
class Side:
    """What one strategy gave, an entry per case, whatever the books said to it.

    `score` is NaN where there is none, `grade` None, and `limit_minor` 0 where no limit is granted.
    """

    outcome: Texts
    step: Texts
    reasons: Texts
    limit_minor: Wholes
    score: Floats
    grade: Texts


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases under both strategies, an entry per case.

    Where `same_inputs` does not hold, the new side holds the old one's decision and is not to be compared.
    `log_chances` and `new_chances` (cases, columns) are what chance might have given, over all strategies of a release
    and by the new one; `place` is the column of what was given. Columns are the outcomes; of applications those at the
    new strategy's terms, told apart by `place_at_terms`, whose limits are `limit_at_terms_minor`. `agrees` says that
    the probability which was recorded is what the strategies give, `refused` why the books refused, or None.
    `drawn_minor` is what was drawn of a purchase; `is_fraud` what it was labeled within its window, NaN where it was
    not.
    """

    old: Side
    new: Side
    same_inputs: Flags
    log_chances: Floats
    new_chances: Floats
    place: Wholes
    limit_at_terms_minor: Wholes
    agrees: Flags
    refused: Texts
    request_id: Wholes
    amount_minor: Wholes
    tick: Wholes
    borrower: Texts
    drawn_minor: Wholes
    is_fraud: Floats
    segment: Texts

    def compared(self) -> "Cases":
        """Those that both strategies decided on the same inputs."""
        return _part(self, self.same_inputs)

    def as_booked(self, name: CheckpointName) -> tuple[DecidedCases, DecidedCases]:
        """Both strategies' decisions as the books took them, or would have."""
        return _as_booked(self.old, self.refused, name), _as_booked(self.new, self.refused, name)


def _part(rows: Rows, where: Flags | Wholes) -> Rows:
    def of(value: Any) -> Any:
        return _part(value, where) if isinstance(value, Side) else value[where]

    return type(rows)(*(of(getattr(rows, each.name)) for each in fields(rows)))


def _joined(parts: Sequence[Rows]) -> Rows:
    def of(values: list[Any]) -> Any:
        return _joined(values) if isinstance(values[0], Side) else np.concatenate(values)

    return type(parts[0])(*(of([getattr(part, each.name) for part in parts]) for each in fields(parts[0])))


def _as_booked(side: Side, refused: Texts, name: CheckpointName) -> DecidedCases:
    stopped = np.isin(side.outcome.astype(str), BOOKED[name]) & is_told(refused)
    outcome, step, reasons = side.outcome.copy(), side.step.copy(), side.reasons.copy()
    outcome[stopped], step[stopped] = DECLINED, BOOKS
    for case in np.flatnonzero(stopped).tolist():
        reasons[case] = (refused[case],)
    limit_minor = side.limit_minor if name is CheckpointName.APPLY else None
    return DecidedCases(outcome, step, reasons.tolist(), limit_minor=limit_minor)


def is_told(values: Texts) -> Flags:
    """Which of the values are not None."""
    return np.array([value is not None for value in values.tolist()], dtype=np.bool_)


class SegmentUnknown(ValueError):
    """No such column was recorded; `known` are those that were."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__("segment: no such column was recorded")
        self.known = tuple(known)


class BothDecided:
    """Takes batches, and has another strategy decide their cases whenever a block of them is full.

    `recomputed` are cases whose features were read once more; `withdrawn` are cases left out, because their
    decision was taken back and nothing could come of it. `steps` and `reasons` are the words (zh, en) of all strategies
    that took part. What purchases were labeled counts within `performance_days`.
    """

    def __init__(
        self,
        connection: Connection,
        checkpoint: Checkpoint,
        *,
        deciders: Deciders,
        performance_days: int,
        segment: str | None,
    ) -> None:
        self.recomputed = self.withdrawn = 0
        self.steps: dict[str, tuple[str, str]] = {}
        self.reasons: dict[str, tuple[str, str]] = {}
        self._connection = connection
        self._checkpoint = checkpoint
        self._deciders = deciders
        self._window_ticks = performance_days * DAY_TICKS
        self._segment_column = segment
        self._shares = {each.number: _shares(each) for each in releases(connection)}
        self._block = CaseBlock(checkpoint)
        self._parts: list[Cases] = []

    def add(self, batch: Batch, record: CaseRecord) -> None:
        """Take the cases of a batch. Raises `SegmentUnknown`."""
        self._block.add(self._connection, batch, record, catalog=self._deciders.catalog)
        if self._block.cases >= _CASES_AT_ONCE:
            self._finish_block()

    def ended(self) -> Cases | None:
        """All cases, None where there were none. Raises `SegmentUnknown`."""
        if self._block.cases:
            self._finish_block()
        self._learn_words(self._checkpoint)
        cases = _joined(self._parts) if self._parts else None
        return cases if cases is not None and len(cases.tick) else None

    def _finish_block(self) -> None:
        self.recomputed += self._block.recomputed
        self._parts.append(self._still_standing(self._decided(self._block)))
        self._block = CaseBlock(self._checkpoint)

    def _still_standing(self, cases: Cases) -> Cases:
        ids = self._block.requests["request_id"]
        withdrawn = withdrawn_among(self._connection, ids)
        self.withdrawn += len(withdrawn)
        return _part(cases, np.array([each not in withdrawn for each in ids], dtype=np.bool_))

    def _decided(self, block: CaseBlock) -> Cases:
        same = np.array(block.same_inputs, dtype=np.bool_)
        name = self._checkpoint.name
        old = _side(block, name)
        new, tested, new_chances = self._decided_anew(block, old, same)
        log_chances, agrees = self._log_chances(block, tested)
        place = places_of(block.outcome, self._checkpoint.outcomes)
        limit_at_terms_minor = np.zeros_like(log_chances, dtype=np.int64)
        if name is CheckpointName.APPLY:
            place = place_at_terms(place, old.limit_minor, _texts(block.outputs["price_code"]), tested=tested)
            limit_at_terms_minor = limits_at_terms(tested)
        drawn, fraud = self._fates(block)
        return Cases(
            old=old,
            new=new,
            same_inputs=same,
            log_chances=log_chances,
            new_chances=new_chances,
            place=place,
            limit_at_terms_minor=limit_at_terms_minor,
            agrees=agrees & (log_chances[np.arange(block.cases), place] > 0.0),
            refused=_texts(block.refused_because),
            request_id=_wholes(block.requests["request_id"], block.cases),
            amount_minor=_wholes(block.requests.get("amount_minor"), block.cases),
            tick=_wholes(block.requests["tick"], block.cases),
            borrower=_texts(block.requests["borrower_id"]),
            drawn_minor=drawn,
            is_fraud=fraud,
            segment=self._segment(block),
        )

    def _decided_anew(self, block: CaseBlock, old: Side, same: Flags) -> tuple[Side, tuple[GrantedWay, ...], Floats]:
        """As the other strategy decides.

        With the ways that its chance may go, of an application, and its chances. Other inputs leave them at nothing.
        """
        new = Side(*(getattr(old, each.name).copy() for each in fields(Side)))
        new.score[:], new.grade[:] = np.nan, None
        is_apply = self._checkpoint.name is CheckpointName.APPLY
        tested = blank_ways(self._checkpoint, block.cases) if is_apply else ()
        cases = np.flatnonzero(same).tolist()
        if not cases:
            return new, tested, self._nothing(block, tested)
        record = block.decided(cases)
        _put(_side(record, self._checkpoint.name), into=new, where=same)
        columns = record.columns()
        if is_apply:
            for kept, way in zip(tested, granted_ways(self._checkpoint, columns), strict=True):
                _put(way, into=kept, where=same)
            return new, tested, chances_at_terms(tested, tested=tested)
        chances = self._nothing(block, tested)
        chances[same] = self._checkpoint.outcome_probabilities(columns)
        return new, tested, chances

    def _nothing(self, block: CaseBlock, tested: Sequence[GrantedWay]) -> Floats:
        return np.zeros((block.cases, len(self._checkpoint.outcomes) * (len(tested) + 1)))

    def _log_chances(self, block: CaseBlock, tested: Sequence[GrantedWay]) -> tuple[Floats, Flags]:
        """What chance might have given, over all strategies that the borrower may have been dealt to, by their shares.

        And where the strategy that he was dealt to gives its outcome with the probability that was recorded.
        """
        outcomes = self._checkpoint.outcomes
        chances, own = self._nothing(block, tested), np.zeros((block.cases, len(outcomes)))
        decided_by, release = np.array(block.strategy_id), np.array(block.release_number)
        whole = {**block.figures, **block.features}
        for number in np.unique(release).tolist():
            cases = np.flatnonzero(release == number)
            given = {name: [values[case] for case in cases.tolist()] for name, values in whole.items()}
            at_terms = [_part(way, cases) for way in tested]
            for strategy_id, share in self._shares[number].items():
                checkpoint = self._deciders.compiled(self._connection, strategy_id)[self._checkpoint.name]
                self._learn_words(checkpoint)
                columns = _scored(checkpoint, given)
                told = checkpoint.outcome_probabilities(columns)
                mine = decided_by[cases] == strategy_id
                own[cases[mine]] = told[mine]
                if tested:
                    told = chances_at_terms(granted_ways(checkpoint, columns), tested=at_terms)
                chances[cases] += share * told
        recorded = np.array(block.probability_ppm, dtype=np.float64)
        return chances, chances_agree(own, places_of(block.outcome, outcomes), probability_ppm=recorded)

    def _learn_words(self, checkpoint: Checkpoint) -> None:
        self.steps |= {step.name: (step.zh, step.en) for step in checkpoint.steps}
        self.reasons |= checkpoint.reasons

    def _fates(self, block: CaseBlock) -> tuple[Wholes, Floats]:
        """What was drawn of each purchase, and whether it was fraud, as last told within its window."""
        drawn, fraud = np.zeros(block.cases, dtype=np.int64), np.full(block.cases, np.nan)
        if self._checkpoint.name is not CheckpointName.AUTHORIZE:
            return drawn, fraud
        ids, line_ids, tick = (block.requests[name] for name in ("request_id", "line_id", "tick"))
        held = [case for case, outcome in enumerate(block.outcome) if outcome in BOOKED[CheckpointName.AUTHORIZE]]
        numbers = [ids[case] for case in held]
        sums = drawn_on_holds_minor(self._connection, numbers, [line_ids[case] for case in held])
        labels = fraud_labels(self._connection, numbers)
        for case in held:
            drawn[case] = sums.get(ids[case], 0)
            in_time = [
                is_fraud for told, is_fraud in labels.get(ids[case], ()) if told <= tick[case] + self._window_ticks
            ]
            if in_time:
                fraud[case] = in_time[-1]
        return drawn, fraud

    def _segment(self, block: CaseBlock) -> Texts:
        name = self._segment_column
        if name is None:
            return _texts([None] * block.cases)
        known: Mapping[str, list[Any]] = {**block.requests, **block.features, **block.scores, **block.figures}
        if name not in known:
            raise SegmentUnknown(tuple(known))
        return _texts(known[name])


def _put(rows: Rows, *, into: Rows, where: Flags) -> None:
    for each in fields(rows):
        getattr(into, each.name)[where] = getattr(rows, each.name)


def _side(told: CaseBlock | CaseRecord, name: CheckpointName) -> Side:
    return Side(
        outcome=_texts(told.outcome),
        step=_texts(told.decided_by),
        reasons=_texts(told.reasons),
        limit_minor=_wholes(told.outputs.get("limit_minor"), told.cases),
        score=_floats(told.scores.get(SCORES[name]), told.cases),
        grade=_texts(told.outputs.get("grade") or [None] * told.cases),
    )


def _scored(checkpoint: Checkpoint, given: Figures) -> Mapping[str, npt.NDArray[Any]]:
    """What a strategy decides on, with its own scores: the record has those of whoever decided."""
    columns = arrays_of(given)
    return {**columns, **checkpoint.score(columns)}


def _shares(release: Release) -> dict[str, float]:
    """The share of borrowers that each strategy of a release is dealt."""
    kept_ppm = PPM - sum(each.share_ppm for each in release.challengers)
    return {release.champion_id: kept_ppm / PPM, **{each.name: each.share_ppm / PPM for each in release.challengers}}


def places_of(outcome: Sequence[str], outcomes: Sequence[str]) -> Wholes:
    """The place of each outcome among those of its checkpoint."""
    known = {name: place for place, name in enumerate(outcomes)}
    return np.array([known[each] for each in outcome], dtype=np.int64)


def _texts(values: Sequence[Any]) -> Texts:
    return np.fromiter(values, dtype=object, count=len(values))


def _wholes(values: Sequence[int | None] | None, cases: int) -> Wholes:
    return np.array([each or 0 for each in values] if values else [0] * cases, dtype=np.int64)


def _floats(values: Sequence[float | None] | None, cases: int) -> Floats:
    told = [np.nan if each is None else each for each in values] if values else [np.nan] * cases
    return np.array(told, dtype=np.float64)
