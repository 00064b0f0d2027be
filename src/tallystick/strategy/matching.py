"""First match wins: takes each case to the first of some conditions that is true for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.strategy.columns import Frame, Mask
from tallystick.strategy.evaluation import Compiled, compile_condition
from tallystick.strategy.expressions import TruthExpression, columns_in, divides, needs_missing

Rows = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

# The columns of this many cases stay in the processor's cache from one condition to the next.
_CASES_AT_ONCE = 32_768
# Below this many cases it is cheaper to ask of all than to gather those that are still open.
_CASES_WORTH_GATHERING = 2_048


@dataclass(frozen=True, slots=True)
class _Step:
    condition: Compiled
    columns: frozenset[str]
    needed_later: frozenset[str]
    divides: bool
    needs_missing: frozenset[str] | None

    def is_false_of_all(self, frame: Frame) -> bool:
        """Whether it asks for missing values where there are none: most cases of most batches."""
        return self.needs_missing is not None and self.needs_missing.isdisjoint(frame.with_missing)

    def may_be_unknown(self, frame: Frame) -> bool:
        return self.divides or not self.columns.isdisjoint(frame.with_missing)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Conditions compiled once. The last must be TRUE and is not asked.

    A case for which a condition is unknown goes on to the next one or, with `missing_row`, to that row.
    """

    steps: tuple[_Step, ...]
    missing_row: int | None

    @classmethod
    def of(cls, *, conditions: Sequence[TruthExpression], missing_row: int | None) -> "Matcher":
        """Compile the conditions of one table, in order."""
        read = [frozenset(columns_in(condition)) for condition in conditions]
        return cls(
            steps=tuple(
                _Step(
                    condition=compile_condition(condition),
                    columns=read[row],
                    needed_later=frozenset().union(*read[row + 1 :]),
                    divides=divides(condition),
                    needs_missing=needs_missing(condition),
                )
                for row, condition in enumerate(conditions[:-1])
            ),
            missing_row=missing_row,
        )

    def match(self, frame: Frame) -> tuple[Rows, Counts]:
        """The row of each case, shape (cases,), and per row how many met it with its condition unknown."""
        unknown = np.zeros(len(self.steps) + 1, dtype=np.int64)
        return self._rows(frame, unknown), unknown

    def rows(self, frame: Frame) -> Rows:
        """The row of each case alone: where a condition is unknown is asked only if a row is meant for it."""
        return self._rows(frame, None)

    def _rows(self, frame: Frame, unknown: Counts | None) -> Rows:
        rows = np.full(frame.rows, len(self.steps), dtype=np.int32)
        with np.errstate(all="ignore"):  # an overflow compares as infinite; a missing operand is expected
            if frame.rows <= _CASES_AT_ONCE:
                self._match(frame, rows, unknown)
                return rows
            for start in range(0, frame.rows, _CASES_AT_ONCE):
                part = slice(start, min(start + _CASES_AT_ONCE, frame.rows))
                self._match(frame.part(where=part, names=frame.cells), rows[part], unknown)
        return rows

    def _match(self, frame: Frame, rows: Rows, unknown: Counts | None) -> None:
        """Fill `rows`, which holds the last row everywhere, and add to `unknown` where it is asked for."""
        asks_unknown = unknown is not None or self.missing_row is not None
        places: npt.NDArray[np.intp] | None = None  # of the frame's cases in `rows`; None: all, in order
        is_open: Mask = np.ones(frame.rows, dtype=np.bool_)
        open_count = frame.rows
        for row, step in enumerate(self.steps):
            if not open_count:
                return
            if step.is_false_of_all(frame):
                continue
            true = step.condition.true(frame)
            if asks_unknown and step.may_be_unknown(frame):
                is_known = true | step.condition.false(frame)
                lost = is_open & ~is_known
                lost_count = int(np.count_nonzero(lost))
                if unknown is not None:
                    unknown[row] += lost_count
                if lost_count and self.missing_row is not None:
                    _settle(rows, places, lost, self.missing_row)
                    is_open = is_open & is_known
                    open_count -= lost_count
            matched = true & is_open
            matched_count = int(np.count_nonzero(matched))
            if not matched_count:
                continue
            _settle(rows, places, matched, row)
            is_open = is_open ^ matched
            open_count -= matched_count
            if frame.rows > _CASES_WORTH_GATHERING and open_count * 2 < frame.rows:
                places = np.flatnonzero(is_open) if places is None else places[is_open]
                frame = frame.part(where=is_open, names=step.needed_later)
                is_open = np.ones(frame.rows, dtype=np.bool_)


def _settle(rows: Rows, places: npt.NDArray[np.intp] | None, where: Mask, row: int) -> None:
    if places is None:
        rows[where] = row
    else:
        rows[places[where]] = row
