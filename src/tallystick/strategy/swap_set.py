"""What another strategy would have decided otherwise on the same cases: who is swapped in, who out, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Wholes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
ReasonCounts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DecidedCases:
    """One strategy's decisions, an entry per case: outcome, the step that decided, reasons.

    `limit_minor` is what a case is granted where it passes, or would be, and None of a checkpoint that grants no limit.
    """

    outcome: Texts
    step: Texts
    reasons: Sequence[tuple[str, ...]]
    limit_minor: Wholes | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """How many cases, and what they come to in minor units; None where it was not given.

    `old_limit_minor` and `new_limit_minor` are what is granted: nothing where a case does not pass.
    """

    cases: int
    amount_minor: int | None
    old_limit_minor: int | None
    new_limit_minor: int | None


@dataclass(frozen=True, slots=True)
class StepFlow:
    """Cases of one flow, by the step that decided under the old strategy and under the new one."""

    old_step: str
    new_step: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Flow:
    """Cases with one outcome under the old strategy and one under the new.

    Of cases that moved, `by_step` and the reasons of both sides, the most frequent first; a case may have several.
    """

    old_outcome: str
    new_outcome: str
    sums: Sums
    by_step: tuple[StepFlow, ...] = ()
    old_reasons: ReasonCounts = ()
    new_reasons: ReasonCounts = ()

    @property
    def is_moved(self) -> bool:
        """Whether the outcomes differ."""
        return self.old_outcome != self.new_outcome


@dataclass(frozen=True, slots=True)
class Swap:
    """Cases of a segment, or all (`segment` None as well as for a missing one).

    `agreeing` have the same outcome. Swapped in is what passes under the new strategy alone, swapped out what passed
    under the old alone. Of those that pass under both, `raised` and `lowered` are granted another limit.
    """

    segment: str | None
    whole: Sums
    agreeing: Sums
    swapped_in: Sums
    swapped_out: Sums
    raised: Sums
    lowered: Sums

    @property
    def agreement(self) -> float | None:
        """The share of cases with the same outcome; None without cases."""
        return self.agreeing.cases / self.whole.cases if self.whole.cases else None


@dataclass(frozen=True, slots=True)
class SwapSet:
    """What differs between two strategies on the cases that both decided on the same inputs.

    `other_inputs` are left out of everything else: what differs there may be the inputs' doing. `flows` are all pairs
    of outcomes that occur, best first; `segments` are those of the column given, by name, a missing one last.
    """

    total: Swap
    flows: tuple[Flow, ...]
    segments: tuple[Swap, ...]
    other_inputs: Sums

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs: no outcome and no limit."""
        moved = self.total.whole.cases - self.total.agreeing.cases
        return moved == 0 and self.total.raised.cases == 0 and self.total.lowered.cases == 0


def swap_set(
    old: DecidedCases,
    new: DecidedCases,
    *,
    outcomes: Sequence[str],
    amount_minor: Wholes | None = None,
    same_inputs: Flags | None = None,
    segment: npt.NDArray[np.generic] | None = None,
) -> SwapSet:
    """Compare two strategies' decisions on the same cases, in the same order; the first of `outcomes` passes.

    `same_inputs` marks cases whose recorded columns the new strategy could be asked on as they were; None: all.
    Raises `ValueError` where lengths differ or an outcome is none of `outcomes`.

    Of four purchases the new strategy approves the second, of 200, and declines the third, of 300:

    >>> def decided(*outcomes):
    ...     steps = np.array(["score" if outcome == "decline" else "end" for outcome in outcomes], dtype=object)
    ...     reasons = [("RISK",) if outcome == "decline" else () for outcome in outcomes]
    ...     return DecidedCases(np.array(outcomes, dtype=object), steps, reasons)
    >>> swapped = swap_set(
    ...     decided("approve", "decline", "approve", "decline"), decided("approve", "approve", "decline", "decline"),
    ...     outcomes=("approve", "review", "decline"), amount_minor=np.array([100, 200, 300, 400]))
    >>> swapped.total.agreement, swapped.total.swapped_in.amount_minor, swapped.total.swapped_out.amount_minor
    (0.5, 200, 300)
    >>> [(flow.old_outcome, flow.new_outcome, flow.old_reasons, flow.new_reasons) for flow in swapped.flows
    ...  if flow.is_moved]
    [('approve', 'decline', (), (('RISK', 1),)), ('decline', 'approve', (('RISK', 1),), ())]
    """
    compared = _Compared.of(old, new, outcomes=outcomes, amount_minor=amount_minor)
    inside = np.ones(len(old.outcome), dtype=np.bool_) if same_inputs is None else same_inputs
    for name, column in (("same_inputs", inside), ("segment", segment)):
        if column is not None and len(column) != len(old.outcome):
            raise ValueError(f"{name} has {len(column)} entries where there are {len(old.outcome)} cases")
    return SwapSet(
        total=compared.swap(inside, segment=None),
        flows=tuple(compared.flows(inside)),
        segments=() if segment is None else tuple(compared.segments(inside, segment)),
        other_inputs=compared.sums(~inside),
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """Both sides in columns: the place of each outcome from best (0), and what is granted."""

    outcomes: Sequence[str]
    old: DecidedCases
    new: DecidedCases
    old_place: Wholes
    new_place: Wholes
    amount_minor: Wholes | None
    old_limit_minor: Wholes | None
    new_limit_minor: Wholes | None

    @classmethod
    def of(
        cls, old: DecidedCases, new: DecidedCases, *, outcomes: Sequence[str], amount_minor: Wholes | None
    ) -> "_Compared":
        cases = len(old.outcome)
        columns = (new.outcome, old.step, new.step, old.reasons, new.reasons, old.limit_minor, new.limit_minor)
        for column in (*columns, amount_minor):
            if column is not None and len(column) != cases:
                raise ValueError(f"a column has {len(column)} entries where the old strategy decided {cases} cases")
        old_place, new_place = (_places(side.outcome, outcomes) for side in (old, new))
        return cls(
            outcomes=outcomes,
            old=old,
            new=new,
            old_place=old_place,
            new_place=new_place,
            amount_minor=amount_minor,
            old_limit_minor=_granted(old, old_place),
            new_limit_minor=_granted(new, new_place),
        )

    def sums(self, where: Flags) -> Sums:
        return Sums(
            int(np.count_nonzero(where)),
            _sum(self.amount_minor, where),
            _sum(self.old_limit_minor, where),
            _sum(self.new_limit_minor, where),
        )

    def swap(self, where: Flags, *, segment: str | None) -> Swap:
        passed, passes = self.old_place == 0, self.new_place == 0
        change = np.zeros(len(where), dtype=np.int64)
        if self.old_limit_minor is not None and self.new_limit_minor is not None:
            change = np.where(passed & passes, self.new_limit_minor - self.old_limit_minor, 0)
        return Swap(
            segment=segment,
            whole=self.sums(where),
            agreeing=self.sums(where & (self.old_place == self.new_place)),
            swapped_in=self.sums(where & ~passed & passes),
            swapped_out=self.sums(where & passed & ~passes),
            raised=self.sums(where & (change > 0)),
            lowered=self.sums(where & (change < 0)),
        )

    def segments(self, inside: Flags, segment: npt.NDArray[np.generic]) -> Iterator[Swap]:
        labels = np.array([_label(value) for value in segment.tolist()], dtype=object)
        for label in sorted({label for label in labels[inside] if label is not None}):
            yield self.swap(inside & (labels == label), segment=label)
        missing = inside & np.array([label is None for label in labels], dtype=np.bool_)
        if missing.any():
            yield self.swap(missing, segment=None)

    def flows(self, inside: Flags) -> Iterator[Flow]:
        for old_place, old_outcome in enumerate(self.outcomes):
            for new_place, new_outcome in enumerate(self.outcomes):
                where = inside & (self.old_place == old_place) & (self.new_place == new_place)
                if not where.any():
                    continue
                flow = Flow(old_outcome, new_outcome, self.sums(where))
                yield self._told_in_full(flow, where) if flow.is_moved else flow

    def _told_in_full(self, flow: Flow, where: Flags) -> Flow:
        cases = np.flatnonzero(where).tolist()
        pairs = sorted({(self.old.step[case], self.new.step[case]) for case in cases})
        by_step = [
            StepFlow(old, new, self.sums(where & (self.old.step == old) & (self.new.step == new))) for old, new in pairs
        ]
        return Flow(
            flow.old_outcome,
            flow.new_outcome,
            flow.sums,
            by_step=tuple(sorted(by_step, key=lambda each: -each.sums.cases)),
            old_reasons=_counted(code for case in cases for code in self.old.reasons[case]),
            new_reasons=_counted(code for case in cases for code in self.new.reasons[case]),
        )


def _places(outcome: Texts, outcomes: Sequence[str]) -> Wholes:
    strange = sorted({str(each) for each in outcome} - set(outcomes))
    if strange:
        raise ValueError(f"the outcomes {', '.join(strange)} are none of {', '.join(outcomes)}")
    known = {name: place for place, name in enumerate(outcomes)}
    return np.array([known[each] for each in outcome], dtype=np.int64)


def _granted(side: DecidedCases, place: Wholes) -> Wholes | None:
    return None if side.limit_minor is None else np.where(place == 0, side.limit_minor, 0)


def _sum(column: Wholes | None, where: Flags) -> int | None:
    return None if column is None else int(column[where].sum())


def _label(value: object) -> str | None:
    return None if value is None or value != value else str(value)  # noqa: PLR0124  NaN alone differs from itself


def _counted(codes: Iterable[str]) -> ReasonCounts:
    counts = Counter(codes)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
