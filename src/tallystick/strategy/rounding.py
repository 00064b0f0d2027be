"""From the dual's prices to a plan: the few lines whose best choices nearly tie are moved until every cap is kept."""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from tallystick.strategy.dual import Floats, Positions, Problem, priced_values

_CHUNK_LINES: Final = 4_096
_ALTERNATIVES: Final = 3
_FRACTIONAL_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Moves:
    """Single changes of one line's choice away from the plan, each with what it costs and moves.

    `loss` is priced profit given up, never negative; `gain` is plain profit; `usage` is (moves, caps).
    """

    line: Positions
    choice: Positions
    loss: Floats
    gain: Floats
    usage: Floats

    def take(self, picked: Positions) -> "Moves":
        """These moves only."""
        return Moves(self.line[picked], self.choice[picked], self.loss[picked], self.gain[picked], self.usage[picked])


def best_choices(problem: Problem, prices: Floats) -> Positions:
    """Each line's best choice at these prices; a tie goes to the lower index."""
    choice = np.empty(problem.lines, dtype=np.int64)
    for start in range(0, problem.lines, _CHUNK_LINES):
        end = min(start + _CHUNK_LINES, problem.lines)
        choice[start:end] = priced_values(problem, prices, start, end).argmax(axis=1)
    return choice


def keep_caps(problem: Problem, *, prices: Floats, choice: Positions, most: int) -> Positions | None:
    """The plan nearest in priced profit to `choice` that keeps every cap, moving at most `most` candidate lines.

    The candidates' linear relaxation has at most one fractional line per cap; those few are tried out whole.
    Returns None where the candidates cannot keep the caps.
    """
    usage = problem.usage(choice)
    moves = _cheapest_moves(problem, prices=prices, choice=choice, most=most)
    if moves.line.size == 0:
        return choice if (usage <= problem.bounds).all() else None
    # Rounding a fractional line down frees room; aim a little below the bounds only if nothing fits otherwise.
    room = problem.bounds - usage
    for attempt in range(6):
        reserve = attempt * np.abs(moves.usage).max(axis=0) * 0.5
        taken = _solve_moves(moves, room=room - reserve, scale=problem.scale, room_true=room)
        if taken is not None:
            plan = choice.copy()
            plan[moves.line[taken]] = moves.choice[taken]
            if (problem.usage(plan) <= problem.bounds).all():
                return plan
    return None


def fill_slack(problem: Problem, *, prices: Floats, choice: Positions, most: int) -> Positions:
    """Take further moves that earn more and still keep every cap, the most profit per priced room first."""
    moves = _cheapest_moves(problem, prices=prices, choice=choice, most=most)
    earning = np.flatnonzero(moves.gain > 0.0)
    if earning.size == 0:
        return choice
    picked = moves.take(earning)
    order = np.lexsort((picked.choice, picked.line, -(picked.gain / (picked.loss + picked.gain + 1e-300))))
    plan = choice.copy()
    room = problem.bounds - problem.usage(choice)
    moved: set[int] = set()
    for index in order.tolist():
        line = int(picked.line[index])
        if line not in moved and (picked.usage[index] <= room).all():
            plan[line] = picked.choice[index]
            room = room - picked.usage[index]
            moved.add(line)
    return plan if (problem.usage(plan) <= problem.bounds).all() else choice


def _cheapest_moves(problem: Problem, *, prices: Floats, choice: Positions, most: int) -> Moves:
    """The `most` moves of least priced loss per usage moved, gathered chunk by chunk."""
    parts = []
    quota = max(most, 1)
    for start in range(0, problem.lines, _CHUNK_LINES):
        end = min(start + _CHUNK_LINES, problem.lines)
        parts.append(_moves_of_chunk(problem, prices, choice, start, end))
        if len(parts) >= 32:
            parts = [_least(_joined(parts), problem.scale, quota)]
    return _least(_joined(parts), problem.scale, quota)


def _moves_of_chunk(problem: Problem, prices: Floats, choice: Positions, start: int, end: int) -> Moves:
    values = priced_values(problem, prices, start, end)
    rows = np.arange(end - start)
    now = choice[start:end]
    held = values[rows, now].copy()
    values[rows, now] = -np.inf
    lines, choices, losses = [], [], []
    for _ in range(min(_ALTERNATIVES, values.shape[1] - 1)):
        other = values.argmax(axis=1)
        value = values[rows, other]
        real = np.flatnonzero(np.isfinite(value))
        lines.append(real + start)
        choices.append(other[real])
        losses.append(held[real] - value[real])
        values[rows, other] = -np.inf
    line = np.concatenate(lines) if lines else np.zeros(0, dtype=np.int64)
    to = np.concatenate(choices) if choices else np.zeros(0, dtype=np.int64)
    usage = np.empty((line.size, len(problem.weights)))
    for cap, (measure, weight) in enumerate(zip(problem.measure_of, problem.weights, strict=True)):
        amounts = problem.measures[measure]
        change = amounts[line, to] - amounts[line, choice[line]]
        usage[:, cap] = change if weight is None else change * weight[line]
    gain = problem.profit[line, to] - problem.profit[line, choice[line]]
    loss = np.concatenate(losses) if losses else np.zeros(0)
    return Moves(line=line, choice=to, loss=loss, gain=gain, usage=usage)


def _joined(parts: list[Moves]) -> Moves:
    return Moves(
        line=np.concatenate([part.line for part in parts]),
        choice=np.concatenate([part.choice for part in parts]),
        loss=np.concatenate([part.loss for part in parts]),
        gain=np.concatenate([part.gain for part in parts]),
        usage=np.concatenate([part.usage for part in parts]),
    )


def _least(moves: Moves, scale: Floats, quota: int) -> Moves:
    """For every cap and direction the cheapest moves per usage moved, and the cheapest outright."""
    if moves.line.size <= quota:
        return moves
    chosen = [np.argsort(moves.loss, kind="stable")[: quota // 4]]
    share = max(quota // (2 * scale.size + 1), 1)
    for cap in range(scale.size):
        for sign in (1.0, -1.0):
            moved = sign * moves.usage[:, cap] / scale[cap]
            useful = np.flatnonzero(moved > 0.0)
            order = np.argsort(moves.loss[useful] / moved[useful], kind="stable")
            chosen.append(useful[order[:share]])
    return moves.take(np.unique(np.concatenate(chosen)))


def _solve_moves(moves: Moves, *, room: Floats, scale: Floats, room_true: Floats) -> Positions | None:
    """Which moves to make: the linear relaxation, then every way to settle its few fractional lines."""
    lines, row = np.unique(moves.line, return_inverse=True)
    ones = np.ones(moves.line.size)
    at_most_one = coo_array((ones, (row, np.arange(moves.line.size))), shape=(lines.size, moves.line.size))
    # The objective is plain profit, so that leftover room is worth what it could still earn.
    unit = max(float(np.abs(moves.gain).max()), 1e-300)
    answer = linprog(
        -moves.gain / unit,
        A_ub=vstack([coo_array((moves.usage / scale).T), at_most_one]).tocsr(),
        b_ub=np.concatenate([room / scale, np.ones(lines.size)]),
        bounds=(0.0, 1.0),
        method="highs",
    )
    if answer.x is None:
        return None
    share = np.asarray(answer.x)
    whole = np.flatnonzero(share > 1.0 - 1e-7)
    torn = np.unique(moves.line[(share > 1e-7) & (share <= 1.0 - 1e-7)])[:_FRACTIONAL_MAX]
    whole = whole[~np.isin(moves.line[whole], torn)]
    room_left = room_true - moves.usage[whole].sum(axis=0)
    options = [[-1, *np.flatnonzero((moves.line == line) & (share > 1e-7)).tolist()] for line in torn]
    best: tuple[float, list[int]] | None = None
    for combination in itertools.product(*options):
        made = [move for move in combination if move >= 0]
        if (moves.usage[made].sum(axis=0) <= room_left).all():
            gain = float(moves.gain[made].sum())
            if best is None or gain > best[0]:
                best = (gain, made)
    if best is None:
        return None
    return np.concatenate([whole, np.asarray(best[1], dtype=np.int64)])
