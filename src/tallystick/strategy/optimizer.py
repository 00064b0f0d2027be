"""One choice per line, the most profit under portfolio caps: Lagrangian duality with a certified gap.

The dual bound certifies the answer: no plan whatever can earn more than it. Small problems are solved exactly.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.strategy.branching import branch, nearest_plan
from tallystick.strategy.dual import DualAnswer, PriceBox, Search, dual_at, minimize_dual
from tallystick.strategy.knapsack import Floats, Positions, Problem, Survey, best_choices, survey
from tallystick.strategy.relaxation import Relaxation, nearly_minimized, proof_of_no_plan, relaxed_around
from tallystick.strategy.rounding import (
    Effort,
    branch_on_moves,
    fill_slack,
    keep_caps,
    mixed_choices,
    nearer_plan,
)

Progress = Callable[[int, float], None]

_EXACT_CELLS: Final = 5_000
# Each attempt at a plan: how far around the prices lines stay open (as a share), and how many moves are weighed.
_ATTEMPTS: Final = (
    (0.002, Effort(moves=1_000, alternatives=3)),
    (0.03, Effort(moves=4_000, alternatives=6)),
    (0.3, Effort(moves=16_000, alternatives=12)),
    (30.0, Effort(moves=30_000, alternatives=1_000)),
)
_BRANCH_EFFORT: Final = Effort(moves=240, alternatives=6)


@dataclass(frozen=True, slots=True)
class Cap:
    """sum_i weight_i * measures[measure][i, choice_i] <= bound; no weight means 1 for every line.

    A cap on a segment's share is the weight `1[segment] - share` with bound 0.
    """

    name: str
    measure: str
    bound: float
    weight: Floats | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that keeps every cap. `gap` = (dual_bound - profit) / max(|dual_bound|, 1): none is better by more.

    `multipliers` are what one more unit of each cap's bound would earn, `usage` is what the plan uses of each,
    `binding` whether the cap costs profit; all in the order of the caps. `iterations` counts passes over lines.
    """

    choice: Positions
    profit: float
    dual_bound: float
    gap: float
    multipliers: Floats
    usage: Floats
    binding: npt.NDArray[np.bool_]
    iterations: int


@dataclass(frozen=True, slots=True)
class CapShortfall:
    """A cap that cannot be kept: the least that any plan uses of it or, where caps exclude each other only
    together, what the plan nearest to keeping all of them uses."""

    name: str
    bound: float
    least_usage: float

    @property
    def missing(self) -> float:
        """By how much the bound would have to rise."""
        return self.least_usage - self.bound


@dataclass(frozen=True, slots=True)
class Infeasible:
    """No plan keeps all caps. `jointly`: each could be kept alone, and only together they cannot.

    `proven` is false where bounds are so tight that no plan was found but one may exist.
    """

    shortfalls: tuple[CapShortfall, ...]
    jointly: bool
    proven: bool = True

    def __str__(self) -> str:
        parts = [
            f"{short.name}: at least {short.least_usage:,.6g} is used, {short.missing:,.6g} above its bound of "
            f"{short.bound:,.6g}"
            for short in self.shortfalls
        ]
        if not self.proven:
            head = "no plan was found that keeps the portfolio caps together"
        elif self.jointly:
            head = "the portfolio caps cannot be kept together"
        else:
            head = "a portfolio cap cannot be kept"
        return f"{head}: {'; '.join(parts)}. Raise the bound, or allow more choices."


def optimize(
    *,
    profit: Floats,
    measures: Mapping[str, Floats],
    allowed: npt.NDArray[np.bool_],
    caps: Sequence[Cap],
    tolerance: float = 1e-4,
    progress: Progress | None = None,
) -> Plan | Infeasible:
    """The best allowed choice of every line under all caps; arrays have shape (lines, choices).

    Up to 5,000 cells are solved exactly; beyond, effort is spent until the certified gap is below `tolerance` (a
    share of the dual bound) or nothing more is gained: the plan says what was reached. `progress` hears the passes
    made and the gap of the dual. Deterministic: the same input gives the same plan, whatever the number of threads;
    a tie goes to the lower choice. Raises `ValueError` naming rows without an allowed choice, or arrays that hold
    NaN or do not fit.

    >>> plan = optimize(
    ...     profit=np.array([[0.0, 5.0], [0.0, 4.0], [0.0, 3.0]]),
    ...     measures={"drawn": np.array([[0.0, 10.0], [0.0, 10.0], [0.0, 10.0]])},
    ...     allowed=np.ones((3, 2), dtype=bool),
    ...     caps=[Cap(name="exposure", measure="drawn", bound=20.0)],
    ... )
    >>> plan.choice.tolist(), plan.profit, plan.usage.tolist(), plan.binding.tolist()
    ([1, 1, 0], 9.0, [20.0], [True])
    """
    _check(profit=profit, measures=measures, allowed=allowed, caps=caps)
    problem = _problem(profit=profit, measures=measures, allowed=allowed, caps=caps)
    seen = survey(problem)
    # A bound is kept to what the order of a sum may change: else a bound taken from a plan could refuse that plan.
    problem = replace(problem, bounds=problem.bounds + seen.rounding)
    alone = _impossible_alone(problem, caps, seen)
    if alone is not None:
        return alone
    free = best_choices(problem, np.zeros(problem.caps))
    if _keeps(problem, free):
        return _plan(problem, free, bound=-math.inf, prices=np.zeros(problem.caps), passes=1)
    if profit.size <= _EXACT_CELLS:
        return _exactly(problem, caps, seen)
    return _by_duality(problem, caps, seen, tolerance=tolerance, progress=progress)


def _check(
    *, profit: Floats, measures: Mapping[str, Floats], allowed: npt.NDArray[np.bool_], caps: Sequence[Cap]
) -> None:
    faults = []
    if profit.ndim != 2 or allowed.shape != profit.shape:
        faults.append(f"profit {profit.shape} and allowed {allowed.shape} must both be (lines, choices)")
    if len({cap.name for cap in caps}) < len(caps):
        faults.append(f"caps must have different names: {', '.join(cap.name for cap in caps)}")
    for cap in caps:
        if cap.measure not in measures:
            faults.append(f"cap {cap.name}: measure {cap.measure!r} is not given; given are {', '.join(measures)}")
        elif measures[cap.measure].shape != profit.shape:
            faults.append(f"measure {cap.measure}: shape {measures[cap.measure].shape} is not {profit.shape}")
        if not math.isfinite(cap.bound):
            faults.append(f"cap {cap.name}: bound {cap.bound} must be a finite number")
        if cap.weight is not None and (cap.weight.shape != profit.shape[:1] or not np.isfinite(cap.weight).all()):
            faults.append(f"cap {cap.name}: weight must be one finite number per line")
    if faults:
        raise ValueError("; ".join(faults))
    stuck = np.flatnonzero(~allowed.any(axis=1))
    if stuck.size:
        faults.append(f"{stuck.size} lines have no allowed choice, among them rows {stuck[:5].tolist()}")
    for name, matrix in {"profit": profit, **{cap.measure: measures[cap.measure] for cap in caps}}.items():
        rows = _rows_not_finite(matrix)
        if rows.size:
            faults.append(f"{name} is not finite on {rows.size} rows, among them rows {rows[:5].tolist()}")
    if faults:
        raise ValueError("; ".join(faults))


def _rows_not_finite(matrix: Floats) -> Positions:
    # One sum tells for a whole chunk: it is finite only if every number is, unless it overflows.
    step = 16_384
    rows = []
    for start in range(0, matrix.shape[0], step):
        chunk = matrix[start : start + step]
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(chunk.sum())
        if not math.isfinite(total):
            rows.append(start + np.flatnonzero(~np.isfinite(chunk).all(axis=1)))
    return np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)


def _problem(
    *, profit: Floats, measures: Mapping[str, Floats], allowed: npt.NDArray[np.bool_], caps: Sequence[Cap]
) -> Problem:
    names = list(dict.fromkeys(cap.measure for cap in caps))
    return Problem(
        profit=profit if allowed.all() else np.where(allowed, profit, -np.inf),
        measures=tuple(measures[name] for name in names),
        measure_of=tuple(names.index(cap.measure) for cap in caps),
        weights=tuple(None if cap.weight is None else np.asarray(cap.weight, dtype=np.float64) for cap in caps),
        bounds=np.array([cap.bound for cap in caps], dtype=np.float64),
    )


def _keeps(problem: Problem, choice: Positions) -> bool:
    return bool((problem.usage(choice) <= problem.bounds).all())


def _plan(problem: Problem, choice: Positions, *, bound: float, prices: Floats, passes: int) -> Plan:
    profit = problem.total_profit(choice)
    bound = max(bound, profit)
    return Plan(
        choice=choice,
        profit=profit,
        dual_bound=bound,
        gap=(bound - profit) / max(abs(bound), 1.0),
        multipliers=prices,
        usage=problem.usage(choice),
        binding=prices > 0.0,
        iterations=passes,
    )


def _impossible_alone(problem: Problem, caps: Sequence[Cap], seen: Survey) -> Infeasible | None:
    over = np.flatnonzero(seen.least_usage > problem.bounds).tolist()
    shortfalls = tuple(CapShortfall(caps[cap].name, caps[cap].bound, float(seen.least_usage[cap])) for cap in over)
    return Infeasible(shortfalls=shortfalls, jointly=False) if shortfalls else None


def _impossible_together(problem: Problem, caps: Sequence[Cap], *, nearest: Positions, proven: bool) -> Infeasible:
    usage = problem.usage(nearest)
    over = np.flatnonzero(usage > problem.bounds).tolist()
    shortfalls = tuple(CapShortfall(caps[cap].name, caps[cap].bound, float(usage[cap])) for cap in over)
    return Infeasible(shortfalls=shortfalls, jointly=True, proven=proven)


def _exactly(problem: Problem, caps: Sequence[Cap], seen: Survey) -> Plan | Infeasible:
    found = branch(problem)
    choice = found.choice
    if choice is None:
        choice = nearest_plan(problem)
        if not _keeps(problem, choice):
            return _impossible_together(problem, caps, nearest=choice, proven=found.impossible)
    search = Search(
        start=np.zeros(problem.caps),
        box=PriceBox.unbounded(problem.caps),
        radius=seen.price_unit,
        left=1e-9 * seen.profit_spread,
    )
    dual = minimize_dual(problem, search)
    return _plan(problem, choice, bound=min(found.bound, dual.best.value), prices=dual.best.prices, passes=dual.passes)


def _by_duality(
    problem: Problem, caps: Sequence[Cap], seen: Survey, *, tolerance: float, progress: Progress | None
) -> Plan | Infeasible:
    """Prices that nearly minimize the dual; then, on the lines they leave open, exact prices and a plan."""
    dual = nearly_minimized(problem, seen, tolerance=tolerance, progress=progress)
    if dual.best.value < proof_of_no_plan(seen):
        return _without_plan(problem, caps, seen, dual=dual)
    best: Positions | None = None
    passes = dual.passes
    for share, effort in _ATTEMPTS:
        relaxed = relaxed_around(problem, seen, prices=dual.best.prices, share=share)
        passes += relaxed.dual.passes + 1
        point = dual_at(problem, relaxed.dual.best.prices)  # one plain pass certifies the bound
        if point.value < dual.best.value:
            dual = replace(dual, best=point)
        aim = dual.best.value - tolerance / 2 * max(abs(dual.best.value), 1.0)
        choice = _rounded(problem, seen, relaxed, effort=effort, aim=aim)
        best = _better(problem, best, choice)
        if best is not None and problem.total_profit(best) >= aim:
            break
    if best is None:
        return _without_plan(problem, caps, seen, dual=dual)
    return _plan(problem, best, bound=dual.best.value, prices=dual.best.prices, passes=passes)


def _rounded(problem: Problem, seen: Survey, relaxed: Relaxation, *, effort: Effort, aim: float) -> Positions | None:
    """A plan that keeps the caps, made on the open lines; by branch and bound too where it earns less than `aim`."""
    core, prices = relaxed.core, relaxed.dual.best.prices
    # Half of what rounding may add is kept back, for the sums over the open lines and over all of them may differ.
    open_lines = replace(core.problem, bounds=core.problem.bounds - seen.rounding / 2)
    mixed = mixed_choices(open_lines, relaxed.dual)
    kept = keep_caps(open_lines, prices=prices, choice=mixed, effort=effort)
    if kept is None:
        return None
    choice = fill_slack(open_lines, prices=prices, choice=kept, effort=effort)
    if core.settled_profit + open_lines.total_profit(choice) < aim:
        choice = branch_on_moves(open_lines, prices=prices, choice=choice, effort=_BRANCH_EFFORT)
    whole = core.settled_choice.copy()
    whole[core.positions] = choice
    return whole if _keeps(problem, whole) else None


def _better(problem: Problem, one: Positions | None, other: Positions | None) -> Positions | None:
    if one is None or other is None:
        return other if one is None else one
    return other if problem.total_profit(other) > problem.total_profit(one) else one


def _without_plan(problem: Problem, caps: Sequence[Cap], seen: Survey, *, dual: DualAnswer) -> Plan | Infeasible:
    """The plan that misses the caps by least. Prices of misses, minimized like those of profit, prove that it must."""
    scale = 1.0 / replace(seen, profit_spread=1.0).price_unit
    misses = replace(problem, profit=np.where(np.isfinite(problem.profit), 0.0, -np.inf))
    ceiling = 1.0 / scale  # a miss costs at most 1 per unit of scale
    search = Search(
        start=np.zeros(problem.caps), box=PriceBox(np.zeros(problem.caps), ceiling), radius=ceiling, left=1e-10
    )
    least = minimize_dual(misses, search)
    nearest = mixed_choices(misses, least)
    for _, effort in _ATTEMPTS:
        nearest = nearer_plan(misses, prices=least.best.prices, choice=nearest, scale=scale, effort=effort)
    if not _keeps(problem, nearest):
        return _impossible_together(problem, caps, nearest=nearest, proven=least.best.value < -1e-9)
    prices = dual.best.prices
    filled = fill_slack(problem, prices=prices, choice=nearest, effort=_ATTEMPTS[-1][1])
    return _plan(problem, filled, bound=dual.best.value, prices=prices, passes=dual.passes + least.passes)
