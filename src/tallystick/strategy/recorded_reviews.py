"""Lines of a limit review read back from the records of their decisions, so that what follows can be done once more."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tallystick.strategy.case_record import CaseRecord
from tallystick.strategy.checkpoint import Decisions
from tallystick.strategy.policy import Strategy
from tallystick.strategy.reviewed_lines import ReviewedLines, reviewed_lines

# Beside the figures that a checkpoint reads: what the portfolio caps count an open offer at.
OFFERED_MINOR: Final = "offered_minor"
_OUTPUTS: Final = ("grade", "most_minor", "least_minor", "cooling_days")
_FIGURES: Final = (
    "limit_minor", "drawn_minor", "held_minor", "days_since_increase", "joint_limit_minor", "requested_minor",
    "income_month_minor", OFFERED_MINOR,
)  # fmt: skip
_PD: Final = "pd_ppm"


class RecordedLines:
    """Lines of any number of records of `review_limit`, in their order; only what decides about limits is kept."""

    def __init__(self) -> None:
        self._parts: dict[str, list[npt.NDArray[Any]]] = {}

    def add(self, record: CaseRecord) -> None:
        """Add the lines of a record after those that are there."""
        figures = {name: _numbers(record.figures[name]) for name in _FIGURES}
        figures[_PD] = _numbers(record.scores.get(_PD, [None] * record.cases))
        outputs = {name: np.array(record.outputs[name], dtype=object) for name in _OUTPUTS}
        told = {
            "decision_id": np.array(record.request_ids, dtype=np.int64),
            "line_id": np.array(record.requests["line_id"], dtype=np.int64),
            "borrower_id": np.array(record.requests["borrower_id"], dtype=np.int64),
            "strategy_id": np.array([record.strategies[each] for each in record.strategy], dtype=object),
            "outcome": np.array(record.outcome, dtype=object),
            "action": np.array(record.outputs["action"], dtype=object),
            "because": np.array([codes[0] if codes else "" for codes in record.reasons], dtype=object),
        }
        for name, values in {**figures, **outputs, **told}.items():
            self._parts.setdefault(name, []).append(values)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A figure, an output, an id, the outcome, the action, or the first reason (`because`); shape (lines,).

        `strategy_id` tells who decided.
        """
        return np.concatenate(self._parts[name])

    def __len__(self) -> int:
        return sum(map(len, self._parts.get("decision_id", [])))

    def reviewed(self, strategy: Strategy) -> ReviewedLines:
        """The lines as limits are found for them by a strategy's economics, guards and portfolio caps."""
        columns = {name: self.column(name) for name in (*_FIGURES, _PD)}
        outputs = {
            "grade": self.column("grade"),
            **{name: self.column(name).astype(np.int64) for name in _OUTPUTS if name != "grade"},
        }
        count = len(self)
        decided = Decisions(
            outcome=self.column("outcome"),
            decided_by=np.zeros(count, dtype=np.int64),
            outputs=outputs,
            reasons=((),) * count,
            rows={},
            probability_ppm=np.zeros(count),
            is_explored=np.zeros(count, dtype=np.bool_),
        )
        return reviewed_lines(
            columns,
            decided,
            strategy=strategy,
            person=self.column("borrower_id"),
            offered_minor=columns[OFFERED_MINOR].astype(np.int64),
        )


def recorded_lines(records: Iterable[CaseRecord]) -> RecordedLines:
    """The lines of these records."""
    told = RecordedLines()
    for record in records:
        told.add(record)
    return told


def _numbers(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
