"""From the dual's prices to a plan: lines mixed by the proof's shares, then the few that nearly tie settled exactly."""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy  # whose `optimize` is loaded when it is first used: a fifth of a second
from scipy.sparse import coo_array, csr_array, hstack, identity, vstack

from tallystick.strategy.dual import DualAnswer
from tallystick.strategy.knapsack import (
    Floats,
    Positions,
    Problem,
    best_choices,
    chunk_lines,
    over_chunks,
    priced_values,
)

_GOLDEN: Final = 0.6180339887498949
_TORN_MAX: Final = 6
_OPTIONS_MAX: Final = 4
_BRANCH_NODES: Final = 400


@dataclass(frozen=True, slots=True)
class Effort:
    """How many moves are looked at, and how many alternatives of a line."""

    moves: int
    alternatives: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Single changes of one line's choice away from a plan, each with what it costs and moves.

    `loss` is priced profit given up; `gain` is plain profit; `usage` is (moves, caps).
    """

    line: Positions
    choice: Positions
    loss: Floats
    gain: Floats
    usage: Floats

    def take(self, picked: Positions) -> "Moves":
        """These moves only."""
        return Moves(self.line[picked], self.choice[picked], self.loss[picked], self.gain[picked], self.usage[picked])


def mixed_choices(problem: Problem, dual: DualAnswer) -> Positions:
    """One plan out of the proof's mixture: each plan in it rules its share of the lines on which they differ.

    Lines with the same set of choices stand beside each other, ordered by what is at stake, and a golden-ratio
    sequence spreads every share evenly over them: the plan's usage comes close to the mixture's, which keeps the
    caps, even where many lines tie exactly.
    """
    choices = np.column_stack([best_choices(problem, prices) for prices, _ in dual.mixture])
    differing = np.flatnonzero((choices != choices[:, :1]).any(axis=1))
    plan = choices[:, 0].copy()
    if differing.size == 0:
        return plan
    open_choices = choices[differing]
    stake = problem.usage_at(differing, open_choices.max(axis=1)) - problem.usage_at(
        differing, open_choices.min(axis=1)
    )
    order = np.lexsort((differing, *stake.T, *open_choices.T))
    turn = np.empty(differing.size)
    turn[order] = (np.arange(1, differing.size + 1) * _GOLDEN) % 1.0
    ends = np.cumsum([share for _, share in dual.mixture])
    ruler = np.minimum(np.searchsorted(ends, turn, side="right"), ends.size - 1)
    plan[differing] = open_choices[np.arange(differing.size), ruler]
    return plan


def keep_caps(problem: Problem, *, prices: Floats, choice: Positions, effort: Effort) -> Positions | None:
    """The most profitable plan within a few moves of `choice` that keeps every cap, or None where none is found.

    The moves' linear relaxation leaves at most one line per cap torn between choices; those few are tried out whole.
    """
    moves = near_moves(problem, prices=prices, choice=choice, effort=effort)
    room = problem.bounds - problem.usage(choice)
    for reserve in (0.0, 0.5, 1.0, 2.0, 4.0):
        # A torn line that is rounded down may leave no way to keep a cap: then aim below it by some moves' usage.
        aim = room - reserve * np.abs(moves.usage).max(axis=0, initial=0.0)
        taken = _settled(moves, aim=aim, room=room)
        if taken is not None:
            return _moved(choice, moves, taken)
    return None


def fill_slack(problem: Problem, *, prices: Floats, choice: Positions, effort: Effort) -> Positions:
    """Further moves that each earn more and still keep every cap, the least priced loss per profit first."""
    moves = near_moves(problem, prices=prices, choice=choice, effort=effort)
    moves = moves.take(np.flatnonzero(moves.gain > 0.0))
    room = problem.bounds - problem.usage(choice)
    moved: set[int] = set()
    taken = []
    for index in np.lexsort((moves.choice, moves.line, moves.loss / moves.gain)).tolist():
        line = int(moves.line[index])
        if line not in moved and (moves.usage[index] <= room).all():
            room = room - moves.usage[index]
            moved.add(line)
            taken.append(index)
    return _moved(choice, moves, np.array(taken, dtype=np.int64))


def branch_on_moves(problem: Problem, *, prices: Floats, choice: Positions, effort: Effort) -> Positions:
    """The best plan within a few moves of one that keeps the caps, by branch and bound over a set number of nodes."""
    moves = near_moves(problem, prices=prices, choice=choice, effort=effort)
    if moves.line.size == 0:
        return choice
    room = problem.bounds - problem.usage(choice)
    unit, scale, one_each = _scaled(moves)
    answer = scipy.optimize.milp(
        -moves.gain / unit,
        constraints=scipy.optimize.LinearConstraint(
            vstack([csr_array((moves.usage / scale).T), one_each]).tocsr(),
            ub=np.concatenate([room / scale, np.ones(one_each.shape[0])]),
        ),
        bounds=scipy.optimize.Bounds(0, 1),
        integrality=np.ones(moves.line.size),
        options={"mip_rel_gap": 1e-6, "node_limit": _BRANCH_NODES},
    )
    if answer.x is None:
        return choice
    taken = np.flatnonzero(np.asarray(answer.x) > 0.5)
    keeps = (moves.usage[taken].sum(axis=0) <= room).all()
    return _moved(choice, moves, taken) if keeps and moves.gain[taken].sum() > 0.0 else choice


def nearer_plan(problem: Problem, *, prices: Floats, choice: Positions, scale: Floats, effort: Effort) -> Positions:
    """A plan that misses the caps by less, in sum over the caps of the miss / `scale`, or else `choice` itself."""
    moves = near_moves(problem, prices=prices, choice=choice, effort=effort)
    room = problem.bounds - problem.usage(choice)
    if moves.line.size == 0:
        return choice
    still = Moves(moves.line, moves.choice, moves.loss, np.zeros(moves.line.size), moves.usage)
    taken = np.flatnonzero(_relaxed(still, aim=room) > 0.5)
    before = (np.maximum(-room, 0.0) / scale).sum()
    after = (np.maximum(moves.usage[taken].sum(axis=0) - room, 0.0) / scale).sum()
    return _moved(choice, moves, taken) if after < before else choice


def near_moves(problem: Problem, *, prices: Floats, choice: Positions, effort: Effort) -> Moves:
    """The moves of least priced loss: outright, and for every cap and direction per usage moved."""

    chunks = -(-problem.lines // chunk_lines(problem))
    quota = min(effort.moves, max(8 * effort.moves // max(chunks, 1), 100))

    def chunk(start: int, end: int) -> Moves:
        return _least(_moves_between(problem, prices, choice, start, end, effort), quota)

    parts = over_chunks(problem, chunk) or [chunk(0, 0)]
    joined = Moves(
        line=np.concatenate([part.line for part in parts]),
        choice=np.concatenate([part.choice for part in parts]),
        loss=np.concatenate([part.loss for part in parts]),
        gain=np.concatenate([part.gain for part in parts]),
        usage=np.concatenate([part.usage for part in parts]),
    )
    return _least(joined, effort.moves)


def _moves_between(problem: Problem, prices: Floats, choice: Positions, start: int, end: int, effort: Effort) -> Moves:
    """Each line's best few alternatives to its choice."""
    values = priced_values(problem, prices, start, end)
    rows = np.arange(end - start)
    held = values[rows, choice[start:end]]
    lag = held[:, None] - values
    lag[rows, choice[start:end]] = np.inf
    few = min(effort.alternatives, lag.shape[1] - 1)
    if few <= 0:
        nearest = np.zeros((end - start, 0), dtype=np.int64)
    elif few < lag.shape[1] - 1:
        nearest = np.sort(np.argpartition(lag, few - 1, axis=1)[:, :few], axis=1)
    else:
        nearest = np.broadcast_to(np.arange(lag.shape[1]), lag.shape)
    row = np.repeat(rows, nearest.shape[1])
    to = nearest.ravel()
    loss = lag[row, to]
    real = np.isfinite(loss)
    line, to, loss = row[real] + start, to[real], loss[real]
    return Moves(
        line=line,
        choice=to,
        loss=loss,
        gain=problem.profit[line, to] - problem.profit[line, choice[line]],
        usage=problem.usage_at(line, to) - problem.usage_at(line, choice[line]),
    )


def _least(moves: Moves, most: int) -> Moves:
    if moves.line.size <= most:
        return moves
    caps = moves.usage.shape[1]
    chosen = [_smallest(moves.loss, most // 2)]
    share = max(most // (4 * caps), 1)
    for cap in range(caps):
        for sign in (1.0, -1.0):
            useful = np.flatnonzero(sign * moves.usage[:, cap] > 0.0)
            chosen.append(useful[_smallest(moves.loss[useful] / np.abs(moves.usage[useful, cap]), share)])
    return moves.take(np.unique(np.concatenate(chosen)))


def _smallest(figures: Floats, count: int) -> Positions:
    """The positions of the smallest figures; among equal ones the first."""
    if figures.size > 4 * count > 0:
        within = np.flatnonzero(figures <= np.partition(figures, count - 1)[count - 1])
        return within[np.argsort(figures[within], kind="stable")[:count]]
    return np.argsort(figures, kind="stable")[:count]


def _moved(choice: Positions, moves: Moves, taken: Positions) -> Positions:
    plan = choice.copy()
    plan[moves.line[taken]] = moves.choice[taken]
    return plan


def _scaled(moves: Moves) -> tuple[float, Floats, csr_array]:
    """Units in which the moves' gains and usages are near 1, and the rows `at most one move per line`."""
    lines, row = np.unique(moves.line, return_inverse=True)
    ones = np.ones(moves.line.size)
    one_each = coo_array((ones, (row, np.arange(moves.line.size))), shape=(lines.size, moves.line.size)).tocsr()
    unit = max(float(np.abs(moves.gain).max(initial=0.0)), 1e-300)
    largest = np.abs(moves.usage).max(axis=0, initial=0.0)
    # A cap that no move uses keeps its own units: scaled by next to nothing, its room would overflow.
    return unit, np.where(largest > 0.0, largest, 1.0), one_each


def _settled(moves: Moves, *, aim: Floats, room: Floats) -> Positions | None:
    """Which moves to make: the linear relaxation towards `aim`, then every way to settle its few torn lines."""
    if moves.line.size == 0:
        return np.zeros(0, dtype=np.int64) if (room >= 0.0).all() else None
    return _tried_out(moves, share=_relaxed(moves, aim=aim), room=room)


def _relaxed(moves: Moves, *, aim: Floats) -> Floats:
    """The share of each move in the linear relaxation, which may miss its aim at a price that no gain is worth."""
    unit, scale, one_each = _scaled(moves)
    caps, lines = scale.size, one_each.shape[0]
    answer = scipy.optimize.linprog(
        np.concatenate([-moves.gain / unit, np.full(caps, 10.0 * lines)]),
        A_ub=vstack([
            hstack([csr_array((moves.usage / scale).T), -identity(caps)]),
            hstack([one_each, csr_array((lines, caps))]),
        ]).tocsr(),
        b_ub=np.concatenate([aim / scale, np.ones(lines)]),
        bounds=(0.0, None),
        method="highs",
    )  # fmt: skip
    return np.zeros(moves.line.size) if answer.x is None else np.asarray(answer.x)[: moves.line.size]


def _tried_out(moves: Moves, *, share: Floats, room: Floats) -> Positions | None:
    """The whole moves of a relaxation, and the most profitable way to settle the torn lines that keeps the room."""
    torn = np.unique(moves.line[(share > 1e-7) & (share < 1.0 - 1e-7)])[:_TORN_MAX]
    whole = np.flatnonzero((share >= 1.0 - 1e-7) & ~np.isin(moves.line, torn))
    left = room - moves.usage[whole].sum(axis=0)
    options = [_nearest_options(moves, line=line, share=share) for line in torn.tolist()]
    best: tuple[float, list[int]] | None = None
    for combination in itertools.product(*options):
        made = [move for move in combination if move >= 0]
        gain = float(moves.gain[made].sum())
        if (moves.usage[made].sum(axis=0) <= left).all() and (best is None or gain > best[0]):
            best = (gain, made)
    return None if best is None else np.concatenate([whole, np.array(best[1], dtype=np.int64)])


def _nearest_options(moves: Moves, *, line: int, share: Floats) -> list[int]:
    """What a torn line may do: stay (-1), or make one of its moves, those of the largest share first."""
    own = np.flatnonzero(moves.line == line)
    return [-1, *own[np.argsort(-share[own], kind="stable")][: _OPTIONS_MAX - 1].tolist()]
