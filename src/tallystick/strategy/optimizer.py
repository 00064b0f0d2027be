"""One choice per line, the most profit under portfolio caps: Lagrangian duality with a certified gap.

The dual bound certifies the answer: no plan whatever can earn more than it. Small problems are solved exactly.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from tallystick.strategy.dual import DualAnswer, Floats, Positions, Problem, minimize_dual
from tallystick.strategy.rounding import best_choices, fill_slack, keep_caps

Progress = Callable[[int, float], None]

_EXACT_CELLS: Final = 5_000
_SAMPLE_LINES: Final = 20_000
_WIDE_RADIUS: Final = 1.0
_WARM_RADIUS: Final = 0.01
_MOVES: Final = 1_500


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
    """A plan that keeps every cap. `gap` = (dual_bound - profit) / |dual_bound|: no plan is better by more.

    `multipliers` are what one more unit of each cap's bound would earn; `usage` is what the plan uses of each.
    """

    choice: Positions
    profit: float
    dual_bound: float
    gap: float
    multipliers: Floats
    usage: Floats
    iterations: int


@dataclass(frozen=True, slots=True)
class CapShortfall:
    """A cap that cannot be kept: the least that any plan uses of it - alone, or keeping the others - over its bound."""

    name: str
    bound: float
    least_usage: float

    @property
    def missing(self) -> float:
        """By how much the bound would have to rise."""
        return self.least_usage - self.bound


@dataclass(frozen=True, slots=True)
class Infeasible:
    """No plan keeps all caps. `jointly` tells whether each could be kept alone and only together they cannot."""

    shortfalls: tuple[CapShortfall, ...]
    jointly: bool

    def __str__(self) -> str:
        parts = [
            f"{short.name}: at least {short.least_usage:,.0f} is used, {short.missing:,.0f} above its bound of "
            f"{short.bound:,.0f}"
            for short in self.shortfalls
        ]
        head = "the portfolio caps cannot be kept together" if self.jointly else "a portfolio cap cannot be kept"
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

    Deterministic: the same input gives the same plan, whatever the number of threads; a tie goes to the lower
    choice. Raises `ValueError` naming rows without an allowed choice, or arrays that hold NaN or do not fit.

    >>> plan = optimize(
    ...     profit=np.array([[0.0, 5.0], [0.0, 4.0], [0.0, 3.0]]),
    ...     measures={"drawn": np.array([[0.0, 10.0], [0.0, 10.0], [0.0, 10.0]])},
    ...     allowed=np.ones((3, 2), dtype=bool),
    ...     caps=[Cap(name="exposure", measure="drawn", bound=20.0)],
    ... )
    >>> plan.choice.tolist(), plan.profit, plan.usage.tolist()
    ([1, 1, 0], 9.0, [20.0])
    """
    _check(profit=profit, measures=measures, allowed=allowed, caps=caps)
    problem = _problem(profit=profit, measures=measures, allowed=allowed, caps=caps)
    if not caps or problem.lines == 0:
        return _unbounded(problem)
    alone = _impossible_alone(problem, caps)
    if alone is not None:
        return alone
    if profit.size <= _EXACT_CELLS:
        return _exact(problem) or _impossible_together(problem, caps)
    return _by_duality(problem, tolerance=tolerance, progress=progress) or _impossible_together(problem, caps)


def _check(
    *, profit: Floats, measures: Mapping[str, Floats], allowed: npt.NDArray[np.bool_], caps: Sequence[Cap]
) -> None:
    faults = []
    if profit.ndim != 2 or allowed.shape != profit.shape:
        faults.append(f"profit {profit.shape} and allowed {allowed.shape} must both be (lines, choices)")
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
        raise ValueError(f"{stuck.size} lines have no allowed choice, among them rows {stuck[:5].tolist()}")
    for name, matrix in {"profit": profit, **{cap.measure: measures[cap.measure] for cap in caps}}.items():
        if not np.isfinite(matrix).all():
            rows = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
            raise ValueError(f"{name} is not finite on {rows.size} rows, among them {rows[:5].tolist()}")


def _problem(
    *, profit: Floats, measures: Mapping[str, Floats], allowed: npt.NDArray[np.bool_], caps: Sequence[Cap]
) -> Problem:
    names = list(dict.fromkeys(cap.measure for cap in caps))
    bounds = np.array([cap.bound for cap in caps], dtype=np.float64)
    weights = tuple(None if cap.weight is None else np.asarray(cap.weight, dtype=np.float64) for cap in caps)
    # How large a cap's usage can get: what makes prices of different caps comparable.
    highest = {name: np.abs(measures[name]).max(axis=1, initial=0.0) for name in names}
    scale = [
        float(highest[cap.measure].sum() if weight is None else highest[cap.measure] @ np.abs(weight))
        for cap, weight in zip(caps, weights, strict=True)
    ]
    return Problem(
        profit=profit if allowed.all() else np.where(allowed, profit, -np.inf),
        measures=tuple(measures[name] for name in names),
        measure_of=tuple(names.index(cap.measure) for cap in caps),
        weights=weights,
        bounds=bounds,
        scale=np.maximum(np.array(scale, dtype=np.float64), 1e-12),
    )


def _plan(problem: Problem, choice: Positions, *, dual_bound: float, multipliers: Floats, iterations: int) -> Plan:
    profit = math.fsum(problem.profit[np.arange(problem.lines), choice].tolist())
    bound = max(dual_bound, profit)
    return Plan(
        choice=choice,
        profit=profit,
        dual_bound=bound,
        gap=(bound - profit) / max(abs(bound), 1.0),
        multipliers=multipliers,
        usage=problem.usage(choice),
        iterations=iterations,
    )


def _unbounded(problem: Problem) -> Plan:
    choice = problem.profit.argmax(axis=1) if problem.lines else np.zeros(0, dtype=np.int64)
    none = np.zeros(len(problem.weights))
    return _plan(problem, choice, dual_bound=-math.inf, multipliers=none, iterations=1)


def _least_usage(problem: Problem, cap: int) -> float:
    """The least that any plan uses of one cap alone."""
    amounts = problem.measures[problem.measure_of[cap]]
    weight = problem.weights[cap]
    weighted = amounts if weight is None else amounts * weight[:, None]
    return float(np.where(np.isfinite(problem.profit), weighted, np.inf).min(axis=1).sum())


def _impossible_alone(problem: Problem, caps: Sequence[Cap]) -> Infeasible | None:
    shortfalls = []
    for place, cap in enumerate(caps):
        least = _least_usage(problem, place)
        if least > cap.bound + 1e-12 * problem.scale[place]:
            shortfalls.append(CapShortfall(name=cap.name, bound=cap.bound, least_usage=least))
    return Infeasible(shortfalls=tuple(shortfalls), jointly=False) if shortfalls else None


def _impossible_together(problem: Problem, caps: Sequence[Cap]) -> Infeasible:
    """Phase 1: the least that each conflicting cap misses by when the others are kept."""
    feasibility = Problem(
        profit=np.where(np.isfinite(problem.profit), 0.0, -np.inf),
        measures=problem.measures,
        measure_of=problem.measure_of,
        weights=problem.weights,
        bounds=problem.bounds,
        scale=problem.scale,
    )
    # With prices at most 1 per unit of scale, minus the dual is the least total scaled violation.
    answer = minimize_dual(
        feasibility,
        start=np.zeros(len(caps)),
        radius=math.inf,
        tolerance=1e-9,
        prices_max=1.0 / problem.scale,
    )
    violation = -answer.best.value
    conflicting = answer.best.prices * problem.scale > 1e-6
    shortfalls = []
    for place in np.flatnonzero(conflicting).tolist():
        missing = max(violation, 0.0) / float(answer.best.prices[place])
        shortfalls.append(CapShortfall(caps[place].name, caps[place].bound, caps[place].bound + missing))
    return Infeasible(shortfalls=tuple(shortfalls), jointly=True)


def _exact(problem: Problem) -> Plan | None:
    """Branch and bound on the whole problem, for a few lines."""
    lines, choices = problem.profit.shape
    cells = np.flatnonzero(np.isfinite(problem.profit).ravel())
    row = cells // choices
    one_each = coo_array((np.ones(cells.size), (row, np.arange(cells.size))), shape=(lines, cells.size))
    usage = []
    for cap, (measure, weight) in enumerate(zip(problem.measure_of, problem.weights, strict=True)):
        amounts = problem.measures[measure].ravel()[cells]
        usage.append((amounts if weight is None else amounts * weight[row]) / problem.scale[cap])
    unit = max(float(np.abs(problem.profit.ravel()[cells]).max()), 1e-300)
    answer = milp(
        -problem.profit.ravel()[cells] / unit,
        constraints=LinearConstraint(
            vstack([coo_array(np.array(usage)), one_each]).tocsr(),
            np.concatenate([np.full(len(usage), -np.inf), np.ones(lines)]),
            np.concatenate([problem.bounds / problem.scale, np.ones(lines)]),
        ),
        bounds=Bounds(0, 1),
        integrality=np.ones(cells.size),
        options={"mip_rel_gap": 0.0, "time_limit": 30.0},
    )
    if answer.x is None:
        return None
    taken = cells[np.asarray(answer.x) > 0.5]
    choice = np.zeros(lines, dtype=np.int64)
    choice[taken // choices] = taken % choices
    if (problem.usage(choice) > problem.bounds + 1e-6 * problem.scale).any():
        return None
    dual = minimize_dual(problem, start=np.zeros(len(usage)), radius=_WIDE_RADIUS, tolerance=1e-7)
    bound = min(-float(answer.mip_dual_bound) * unit, dual.best.value)
    return _plan(problem, choice, dual_bound=bound, multipliers=dual.best.prices, iterations=dual.passes)


def _by_duality(problem: Problem, *, tolerance: float, progress: Progress | None) -> Plan | None:
    """Prices from the dual, a plan from the prices; finer prices and more candidates until the gap is certified."""
    start, radius = _warm_start(problem)
    worst = _worst_profit(problem)
    best: Plan | None = None
    passes = 0
    fineness, moves = 20.0, _MOVES
    for _ in range(4):
        dual = minimize_dual(
            problem, start=start, radius=radius, tolerance=tolerance / fineness, stop_below=worst, progress=progress
        )
        passes += dual.passes
        if dual.best.value < worst:
            return None
        plan = _rounded(problem, dual, moves=moves, iterations=passes)
        if plan is not None and (best is None or plan.profit > best.profit):
            best = plan
        if best is not None and best.gap <= tolerance / 2:
            break
        start, radius = dual.best.prices, _WARM_RADIUS / 10
        fineness, moves = fineness * 10.0, moves * 4
    return best


def _worst_profit(problem: Problem) -> float:
    """No plan earns less; a dual value below it proves that no plan keeps the caps."""
    worst = np.where(np.isfinite(problem.profit), problem.profit, np.inf).min(axis=1).sum()
    return float(worst - 1e-9 * abs(worst))


def _warm_start(problem: Problem) -> tuple[Floats, float]:
    """Prices of every k-th line, where there are many: full passes are then few."""
    cold = np.zeros(len(problem.weights)), _WIDE_RADIUS
    if problem.lines < 2 * _SAMPLE_LINES:
        return cold
    sample = problem.at(np.arange(0, problem.lines, -(-problem.lines // _SAMPLE_LINES)))
    dual = minimize_dual(sample, start=cold[0], radius=_WIDE_RADIUS, tolerance=1e-6, stop_below=_worst_profit(sample))
    return dual.best.prices, _WARM_RADIUS


def _rounded(problem: Problem, dual: DualAnswer, *, moves: int, iterations: int) -> Plan | None:
    choice = best_choices(problem, dual.best.prices)
    kept = keep_caps(problem, prices=dual.best.prices, choice=choice, most=moves)
    if kept is None:
        return None
    filled = fill_slack(problem, prices=dual.best.prices, choice=kept, most=moves)
    return _plan(problem, filled, dual_bound=dual.best.value, multipliers=dual.best.prices, iterations=iterations)
