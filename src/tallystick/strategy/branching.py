"""Small problems exactly, by branch and bound over every line's choices, and the plan nearest to keeping all caps."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy  # whose `optimize` is loaded when it is first used: a fifth of a second
from scipy.sparse import coo_array, csr_array, hstack, identity, vstack

from tallystick.strategy.knapsack import Floats, Positions, Problem

_NODES: Final = 3_000  # a number of nodes, not of seconds: the same answer on every machine
_INFEASIBLE: Final = 2  # scipy's status


@dataclass(frozen=True, slots=True)
class Branched:
    """The best plan found, or None; `bound` is what no plan can earn more than; `impossible` that no plan exists."""

    choice: Positions | None
    bound: float
    impossible: bool


def branch(problem: Problem) -> Branched:
    """The most profitable plan that keeps every cap, by branch and bound over a set number of nodes."""
    cells = _Cells.of(problem)
    base = np.where(np.isfinite(problem.profit), problem.profit, np.inf).min(axis=1)
    gain = problem.profit[cells.line, cells.choice] - base[cells.line]
    unit = max(float(gain.max(initial=0.0)), 1e-300)
    bound = np.inf
    room = problem.bounds.copy()
    # The solver keeps a row to within a millionth of its largest coefficient: where that is too much, it aims lower.
    for _ in range(4):
        answer = _solved(problem, cells, cost=-gain / unit, room=room)
        if answer.x is None:
            untouched = bool((room == problem.bounds).all())
            return Branched(None, bound, impossible=answer.status == _INFEASIBLE and untouched)
        bound = min(bound, float(base.sum()) - float(answer.mip_dual_bound) * unit)
        choice = cells.lowest_twins(problem, cells.chosen(problem, np.asarray(answer.x)))
        excess = problem.usage(choice) - problem.bounds
        if (excess <= 0.0).all():
            return Branched(choice, bound, impossible=False)
        room = room - np.maximum(2.0 * excess, 0.0)
    return Branched(None, bound, impossible=False)


def nearest_plan(problem: Problem) -> Positions:
    """The plan that misses the caps by least in sum, each cap's miss counted in its largest single amount."""
    cells = _Cells.of(problem)
    misses = csr_array(identity(problem.caps))
    rows = hstack([cells.rows(problem), vstack([-misses, csr_array((problem.lines, problem.caps))])])
    integral = np.concatenate([np.ones(cells.line.size), np.zeros(problem.caps)])
    answer = scipy.optimize.milp(
        1.0 - integral,
        constraints=_limits(csr_array(rows), room=problem.bounds / cells.scale, lines=problem.lines),
        bounds=scipy.optimize.Bounds(0, np.concatenate([np.ones(cells.line.size), np.full(problem.caps, np.inf)])),
        integrality=integral,
        options={"node_limit": _NODES},
    )
    if answer.x is None:  # cannot be: any choices are a plan once caps may be missed
        raise AssertionError(f"no plan found although every cap may be missed: {answer.message}")
    return cells.lowest_twins(problem, cells.chosen(problem, np.asarray(answer.x)[: cells.line.size]))


@dataclass(frozen=True, slots=True)
class _Cells:
    """The allowed (line, choice) pairs, one variable each."""

    line: Positions
    choice: Positions
    usage: Floats  # (cells, caps)
    scale: Floats  # (caps,): the largest single amount

    @classmethod
    def of(cls, problem: Problem) -> "_Cells":
        line, choice = np.nonzero(np.isfinite(problem.profit))
        usage = problem.usage_at(line, choice)
        return cls(line, choice, usage, np.maximum(np.abs(usage).max(axis=0, initial=0.0), 1e-300))

    def rows(self, problem: Problem) -> csr_array:
        """Scaled usage of every cap, then one row per line."""
        ones = np.ones(self.line.size)
        one_each = coo_array((ones, (self.line, np.arange(self.line.size))), shape=(problem.lines, self.line.size))
        return csr_array(vstack([csr_array((self.usage / self.scale).T), one_each]))

    def chosen(self, problem: Problem, solution: Floats) -> Positions:
        """The choice per line that a solution takes."""
        choice = np.zeros(problem.lines, dtype=np.int64)
        taken = solution > 0.5
        choice[self.line[taken]] = self.choice[taken]
        return choice

    def lowest_twins(self, problem: Problem, choice: Positions) -> Positions:
        """The lowest choice of each line that earns and uses exactly the same."""
        rows = np.arange(problem.lines)[:, None]
        same: npt.NDArray[np.bool_] = problem.profit == problem.profit[rows, choice[:, None]]
        for measure in problem.measures:
            same &= measure == measure[rows, choice[:, None]]
        return np.asarray(same.argmax(axis=1), dtype=np.int64)


def _solved(problem: Problem, cells: _Cells, *, cost: Floats, room: Floats) -> "scipy.optimize.OptimizeResult":
    return scipy.optimize.milp(
        cost,
        constraints=_limits(cells.rows(problem), room=room / cells.scale, lines=problem.lines),
        bounds=scipy.optimize.Bounds(0, 1),
        integrality=np.ones(cost.size),
        options={"mip_rel_gap": 0.0, "node_limit": _NODES},
    )


def _limits(rows: csr_array, *, room: Floats, lines: int) -> "scipy.optimize.LinearConstraint":
    return scipy.optimize.LinearConstraint(
        rows,
        np.concatenate([np.full(room.size, -np.inf), np.ones(lines)]),
        np.concatenate([room, np.ones(lines)]),
    )
