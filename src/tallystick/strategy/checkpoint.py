"""A checkpoint, compiled: cases as columns in, decisions as columns out; the same call for one case and for thousands.

The steps run in order on all cases. A deciding step gives an outcome or lets the case continue, and the first that
does not continue decides; a telling step gives figures that later steps read. What chance does is in `assignment`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tallystick.scoring.columns import column_names, missing_cells, row_count
from tallystick.scoring.manifest import FittedModel
from tallystick.scoring.model import Columns
from tallystick.strategy.assignment import Key, place_ppm
from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, CONTINUE, CheckpointName
from tallystick.strategy.checkpoint_form import Purpose
from tallystick.strategy.columns import Cells, ColumnType, Frame, SmallBatchReader
from tallystick.strategy.matching import Rows
from tallystick.strategy.purchase_economics import PurchaseEconomics
from tallystick.strategy.tables import DecisionTable
from tallystick.units.rates import PPM

LARGEST_REASONS: Final = 4
AFFORDABLE: Final = "affordable_minor"

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Randomized:
    """A share of the cases that some rows of a step take, given to another of its rows."""

    rows: npt.NDArray[np.bool_]  # (rows of the table,)
    to_row: int
    share_ppm: int
    salt: str


@dataclass(frozen=True, slots=True)
class ToldColumn:
    """A telling step's output as later steps read it: numbers by row, or codes by row into a vocabulary."""

    by_row: Cells
    vocabulary: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step, compiled. `reads_before` are the outputs of earlier steps that it reads."""

    name: str
    zh: str
    en: str
    purpose: Purpose
    table: DecisionTable
    decides: bool
    tells: Mapping[str, ToldColumn]
    randomized: Randomized | None = None


# Each step with the rows of its cases: by their figures alone, and as taken.
Walked = Sequence[tuple[Step, Rows, Rows]]


@dataclass(frozen=True, slots=True)
class CheckpointModel:
    """A model of a checkpoint: what it reads of a case, and the column that it yields."""

    name: str
    zh: str
    en: str
    column: str
    needs: tuple[str, ...]
    fitted: FittedModel


@dataclass(frozen=True, slots=True)
class Affordability:
    """The bound on a limit to be offered: so many months of income, less the limits there are, a most per person."""

    income_multiple_ppm: int
    most_minor: int
    step_minor: int

    def affordable_minor(self, *, income_month_minor: Floats, joint_limit_minor: Floats) -> Floats:
        """What of a limit the income carries; NaN where it is not known, below zero where there is more already.

        Two months of 8,000 yuan are 16,000; with limits of 6,000 already, 10,000 are left:

        >>> Affordability(2_000_000, 20_000_000, 10_000).affordable_minor(
        ...     income_month_minor=np.array([800_000.0, np.nan]), joint_limit_minor=np.array([600_000.0, 0.0]))
        array([1000000.,     nan])
        """
        carried: Floats = np.floor(income_month_minor * self.income_multiple_ppm / PPM)
        return carried - joint_limit_minor

    def limit_minor(self, tabled_minor: Wholes, *, affordable_minor: Floats, joint_limit_minor: Floats) -> Wholes:
        """The lowest of the table's limit, what is affordable and what one person may have, in whole steps.

        Where income is not known the table's limit stands, within what one person may have:

        >>> Affordability(2_000_000, 20_000_000, 10_000).limit_minor(
        ...     np.array([500_000, 500_000]), affordable_minor=np.array([123_456.0, np.nan]),
        ...     joint_limit_minor=np.array([0.0, 19_876_543.0]))
        array([120000, 120000])
        """
        bound = np.fmin(np.minimum(tabled_minor, self.most_minor - joint_limit_minor), affordable_minor)
        return np.maximum(bound, 0.0).astype(np.int64) // self.step_minor * self.step_minor


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided, one entry per case in every array.

    `decided_by` counts the checkpoint's steps from 0. `rows` holds per step the row that took the case, counted from
    0, and `outputs` every output that has a meaning of its own, by name. `reasons` are codes, in step order, at most
    four and distinct: of every step whose own outcome is as bad as what was decided, or worse; none where the case
    passes. `probability_ppm` is that of the outcome, given the case: 1,000,000 where chance had no part in it;
    `is_explored` where chance put the case into another row than its figures did.
    """

    outcome: Texts
    decided_by: Wholes
    outputs: Mapping[str, npt.NDArray[Any]]
    reasons: tuple[tuple[str, ...], ...]
    rows: Mapping[str, Rows]
    probability_ppm: Floats
    is_explored: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Way:
    """One way that chance may go, an entry per case: its probability, the place of the outcome, and what is given."""

    probability: Floats
    outcome: Wholes
    outputs: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The rows of all deciding steps, one after the other: what each says, so that one look-up answers for all.

    `rank` is the outcome's place from best (0) to worst, and -1 for `continue`.
    """

    offsets: Wholes  # (deciding steps,)
    rank: Wholes  # (rows of all,)
    reason: Texts
    outputs: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A compiled checkpoint. Make one with `read_checkpoint`.

    `features` are those to be computed, for tables, models and the record. `scores` are the columns of its models, of
    those too that have no folder yet. `reasons` are code to (zh, en) texts, `words` the same for every column.
    `inside_features` are figures of the request that features read by the tables are made of.
    """

    name: CheckpointName
    zh: str
    en: str
    steps: tuple[Step, ...]
    features: tuple[str, ...]
    models: tuple[CheckpointModel, ...]
    scores: tuple[str, ...]
    reasons: Mapping[str, tuple[str, str]]
    words: Mapping[str, tuple[str, str]]
    inside_features: frozenset[str]
    product: str
    currency: str
    timeout_outcome: str | None
    unavailable: tuple[str, str]  # the safe outcome and its reason
    affordability: Affordability | None
    capture_over_ppm: int  # by how much a claim may exceed what was authorized
    step_up_minutes: int  # how long a second factor counts after it was asked for
    economics: PurchaseEconomics | None  # of purchases, for backtests; nothing of it decides
    sha256: str
    _reader: SmallBatchReader
    _verdicts: Verdicts

    @property
    def case_types(self) -> Mapping[str, ColumnType]:
        """The columns that `decide` must be given, with their types."""
        return self._reader.types

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Its outcomes, best first."""
        return CHECKPOINT_OUTPUTS[self.name].outcomes

    def score(self, columns: Columns) -> dict[str, Floats]:
        """Its scores in whole ppm, by column; NaN where a feature that a model needs is not known.

        A model that is not there yet, or a feature that is absent altogether, leaves the whole score missing: the
        tables say what happens then.
        """
        names, rows = column_names(columns), row_count(columns)
        scores = {column: np.full(rows, np.nan) for column in self.scores}
        for model in self.models:
            features = {feature.name: feature for feature in model.fitted.model.features}
            if not features.keys() <= set(names):
                continue
            score = model.fitted.pd_ppm(columns).astype(np.float64)
            for name in model.needs:
                score[missing_cells(columns, features[name])] = np.nan
            scores[model.column] = score
        return scores

    def decide(self, columns: Columns, *, request_ids: Sequence[Key] | None = None) -> Decisions:
        """Decide cases. `request_ids` (cases,) drive the randomized shares; without them nothing is randomized.

        Raises `ColumnFault` naming every column of `case_types` that is absent, of another type or out of range.
        """
        frame = self.framed(columns)
        walked = [(step, own, taken) for step, _, own, taken in self.walk(frame, request_ids=request_ids)]
        verdicts = self._verdicts
        places, rank, first = self._verdict(walked)
        cases = np.arange(frame.rows)
        final = rank[first, cases]
        probability, explored = self._chance(frame, walked, final)
        return Decisions(
            outcome=np.array(self.outcomes, dtype=object)[final],
            decided_by=np.array([place for place, step in enumerate(self.steps) if step.decides])[first],
            outputs=self._outputs(frame, walked, verdict=places[first, cases]),
            reasons=_reasons(verdicts, places=places, rank=rank, final=final),
            rows={step.name: taken for step, _, taken in walked},
            probability_ppm=probability * PPM,
            is_explored=explored,
        )

    def ways(self, columns: Columns) -> Iterator[Way]:
        """Every way that chance may go on the cases, of which each case has its probabilities; they sum to 1.

        `outcome_probabilities` says how probable an outcome is, this also with what it would be given. Raises
        `ColumnFault` as `decide` does.
        """
        frame = self.framed(columns)
        randomized = [step.name for step in self.steps if step.randomized is not None]
        for goes in product((False, True), repeat=len(randomized)):
            moved = {name for name, is_moved in zip(randomized, goes, strict=True) if is_moved}
            probability, walked, seen = np.ones(frame.rows), [], frame
            for step in self.steps:
                own = step.table.match(seen)
                share = _share(step, own)
                probability = probability * (share if step.name in moved else 1.0 - share)
                taken = _moved(step, own) if step.name in moved else own
                walked.append((step, own, taken))
                seen = told(seen, step, taken) if step.tells else seen
            places, rank, first = self._verdict(walked)
            cases = np.arange(frame.rows)
            outputs = self._outputs(frame, walked, verdict=places[first, cases])
            yield Way(probability, rank[first, cases], outputs)

    def _verdict(self, walked: Walked) -> tuple[Wholes, Wholes, Wholes]:
        """Place and rank of each deciding step's row, shape (deciding steps, cases), and which step is the first."""
        places = np.stack([taken for step, _, taken in walked if step.decides]) + self._verdicts.offsets[:, None]
        rank = self._verdicts.rank[places]
        return places, rank, (rank >= 0).argmax(axis=0)

    def outcome_probabilities(self, columns: Columns) -> Floats:
        """The probability of each outcome, given the case: shape (cases, outcomes), in the order of `outcomes`.

        The entry of the outcome that `decide` comes to for a request is its `probability_ppm`; the rest is what
        chance could have done instead. Raises `ColumnFault` as `decide` does.
        """
        return self._probabilities(self.framed(columns))

    def _probabilities(self, frame: Frame, *, first: int = 0) -> Floats:
        """Of the steps from `first` on: all ways to an outcome together.

        Step by step, what still continues times the chance that this step gives the outcome. So a decline that a
        later step would have given anyway is as probable as it is, whatever chance did before. Where chance may tell
        something else, the steps after it are asked for both.
        """
        ending, continuing = np.zeros((frame.rows, len(self.outcomes))), np.ones(frame.rows)
        offsets = iter(self._verdicts.offsets[sum(step.decides for step in self.steps[:first]) :])
        for place, step in enumerate(self.steps[first:], start=first):
            own = step.table.match(frame)
            share, moved = _share(step, own), _moved(step, own)
            if not step.decides:
                if share.any():
                    usual, other = (
                        self._probabilities(told(frame, step, rows), first=place + 1) for rows in (own, moved)
                    )
                    return ending + continuing[:, None] * (usual + share[:, None] * (other - usual))
                frame = told(frame, step, own)
                continue
            offset = next(offsets)
            goes_on = np.zeros(frame.rows)
            for part, rows in ((1.0 - share, own), (share, moved)):
                rank = self._verdicts.rank[rows + offset]
                (ends,) = np.nonzero(rank >= 0)
                ending[ends, rank[ends]] += (continuing * part)[ends]
                goes_on += part * (rank < 0)
            continuing = continuing * goes_on
        return ending

    def _chance(self, frame: Frame, walked: Walked, final: Wholes) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The probability of each case's outcome, given the case, and whether chance moved it."""
        probability, explored = np.ones(len(final)), np.zeros(len(final), dtype=np.bool_)
        randomized = [(step, own, taken) for step, own, taken in walked if taken is not own]
        if not randomized:  # nothing was drawn, as in most batches
            return probability, explored
        drawn = np.zeros(len(final), dtype=np.bool_)
        for step, own, taken in randomized:
            explored |= taken != own
            drawn |= _share(step, own) > 0.0
        (cases,) = np.nonzero(drawn)
        part = frame.part(where=drawn, names=frame.cells)
        probability[cases] = self._probabilities(part)[np.arange(len(cases)), final[cases]]
        return probability, explored

    def framed(self, columns: Columns) -> Frame:
        """The columns of `case_types`, checked, with what is worked out of them before any step."""
        frame = self._reader.read(columns)
        if self.affordability is None:
            return frame
        bound = self.affordability.affordable_minor(
            income_month_minor=frame.cells["income_month_minor"], joint_limit_minor=frame.cells["joint_limit_minor"]
        )
        missing = {AFFORDABLE} if "income_month_minor" in frame.with_missing else set()
        cells = {**frame.cells, AFFORDABLE: bound}
        return Frame(frame.rows, cells, frame.vocabularies, frame.with_missing | missing, frame.lookups)

    def walk(self, frame: Frame, *, request_ids: Sequence[Key] | None) -> Iterator[tuple[Step, Frame, Rows, Rows]]:
        """Each step, the frame as it reads it, and the rows of its cases: by their figures alone, and as taken."""
        for step in self.steps:
            own = step.table.match(frame)
            taken = _randomized(own, step, request_ids)
            yield step, frame, own, taken
            frame = told(frame, step, taken) if step.tells else frame

    def _outputs(self, frame: Frame, walked: Walked, *, verdict: Wholes) -> dict[str, npt.NDArray[Any]]:
        """What the deciding row gives beside the outcome, and what the telling steps tell."""
        outputs = {name: values[verdict] for name, values in self._verdicts.outputs.items()}
        for step, _, taken in walked:
            outputs |= {name: step.table.row_outputs[name][taken] for name in step.tells}
        bounded = CHECKPOINT_OUTPUTS[self.name].bounded
        if self.affordability is not None and bounded is not None:
            outputs[bounded] = self.affordability.limit_minor(
                outputs[bounded],
                affordable_minor=frame.cells[AFFORDABLE],
                joint_limit_minor=frame.cells["joint_limit_minor"],
            )
        return outputs


def told(frame: Frame, step: Step, rows: Rows) -> Frame:
    """The frame with what a step tells of each case."""
    cells, vocabularies = dict(frame.cells), dict(frame.vocabularies)
    for name, column in step.tells.items():
        cells[name] = column.by_row[rows]
        if column.vocabulary is not None:
            vocabularies[name] = column.vocabulary
    return Frame(frame.rows, cells, vocabularies, frame.with_missing, frame.lookups)


def verdicts_of(name: CheckpointName, steps: Sequence[Step]) -> Verdicts:
    """The rows of all deciding steps, one after the other."""
    answers = CHECKPOINT_OUTPUTS[name]
    ranks = {CONTINUE: -1, **{outcome: rank for rank, outcome in enumerate(answers.outcomes)}}
    tables = [step.table for step in steps if step.decides]
    counts = [len(table.rows) for table in tables]
    outputs = {
        output: np.concatenate([_given(table, output, kind) for table in tables])
        for output, kind in answers.deciding.items()
    }
    return Verdicts(
        offsets=np.cumsum([0, *counts[:-1]]),
        rank=np.array([ranks[outcome] for table in tables for outcome in table.row_outputs["outcome"]]),
        reason=np.array([row.reason for table in tables for row in table.rows], dtype=object),
        outputs=outputs,
    )


def _given(table: DecisionTable, output: str, kind: ColumnType) -> npt.NDArray[Any]:
    """What a table's rows give as an output, or nothing where the step does not give it."""
    neutral: dict[str, tuple[Any, Any]] = {"text": ("none", object), "boolean": (False, np.bool_)}
    nothing, dtype = neutral.get(kind.kind, (0, np.int64))
    return table.row_outputs.get(output, np.full(len(table.rows), nothing, dtype=dtype))


def _reasons(verdicts: Verdicts, *, places: Wholes, rank: Wholes, final: Wholes) -> tuple[tuple[str, ...], ...]:
    reasons: list[tuple[str, ...]] = [()] * len(final)
    refused = np.flatnonzero(final > 0)
    as_bad = (rank >= final)[:, refused].T.tolist()
    for case, row_places, bad in zip(refused.tolist(), places[:, refused].T.tolist(), as_bad, strict=True):
        codes = dict.fromkeys(verdicts.reason[place] for place, is_bad in zip(row_places, bad, strict=True) if is_bad)
        reasons[case] = tuple(codes)[:LARGEST_REASONS]
    return tuple(reasons)


def _randomized(own: Rows, step: Step, request_ids: Sequence[Key] | None) -> Rows:
    """The rows, where some of the cases that may be randomized are moved: by the hash of their request, not by luck.

    A new array wherever a case was drawn for, moved or not; the same one where none was.
    """
    chance = step.randomized
    if chance is None or request_ids is None:
        return own
    eligible = np.flatnonzero(chance.rows[own])
    if eligible.size == 0:
        return own
    taken = own.copy()
    for case in eligible.tolist():
        if place_ppm(request_ids[case], salt=chance.salt) < chance.share_ppm:
            taken[case] = chance.to_row
    return taken


def _share(step: Step, own: Rows) -> Floats:
    """The share of each case that the step gives to another row."""
    if step.randomized is None:
        return np.zeros(len(own))
    return np.where(step.randomized.rows[own], step.randomized.share_ppm / PPM, 0.0)


def _moved(step: Step, own: Rows) -> Rows:
    """The rows of cases that chance moves, all of those that it may."""
    if step.randomized is None:
        return own
    return np.where(step.randomized.rows[own], step.randomized.to_row, own).astype(own.dtype)
