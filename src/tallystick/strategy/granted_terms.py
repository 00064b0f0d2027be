"""Outcomes of applications told apart by the terms of the line: what came of one limit says nothing of another.

A strategy gives a case its terms, first limit and price, in as many ways as its chance may go. The ways of the strategy
that is tested number the terms; another's terms are those of the first way that has the same, or other ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tallystick.scoring.model import Columns
from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, CheckpointName
from tallystick.strategy.checkpoint import Checkpoint

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

OUTCOMES: Final = CHECKPOINT_OUTPUTS[CheckpointName.APPLY].outcomes
_DECLINE: Final = OUTCOMES.index("decline")


@dataclass(frozen=True, slots=True)
class GrantedWay:
    """One way that chance may go, an entry per case; `outcome` is a place among the outcomes of an application."""

    probability: Floats
    outcome: Wholes
    limit_minor: Wholes
    price_code: Texts


def granted_ways(checkpoint: Checkpoint, columns: Columns) -> tuple[GrantedWay, ...]:
    """All ways of a strategy; the same number for whatever cases."""
    return tuple(
        GrantedWay(way.probability, way.outcome, way.outputs["limit_minor"], way.outputs["price_code"])
        for way in checkpoint.ways(columns)
    )


def blank_ways(checkpoint: Checkpoint, cases: int) -> tuple[GrantedWay, ...]:
    """As many ways as `granted_ways` tells, to be filled where a case is decided: of no probability, at no terms."""
    count = 2 ** sum(step.randomized is not None for step in checkpoint.steps)
    return tuple(
        GrantedWay(
            np.zeros(cases),
            np.zeros(cases, dtype=np.int64),
            np.full(cases, -1, dtype=np.int64),
            np.full(cases, None, dtype=object),
        )
        for _ in range(count)
    )


def place_at_terms(outcome: Wholes, limit_minor: Wholes, price_code: Texts, *, tested: Sequence[GrantedWay]) -> Wholes:
    """The column of each case's outcome at its terms, shape (cases,).

    Columns are the outcomes at the terms of the first way of the tested strategy, then of its second, and so on; last
    the outcomes at other terms. A decline is the same at any: it has the first of its columns.

    >>> price = np.array(["A"] * 3, dtype=object)
    >>> tested = [GrantedWay(np.ones(3), np.zeros(3, dtype=np.int64), np.full(3, 500), price)] * 2
    >>> place_at_terms(np.array([0, 0, 2]), np.array([500, 800, 800]), price, tested=tested).tolist()
    [0, 6, 2]
    """
    slot = np.full(len(outcome), len(tested), dtype=np.int64)
    for number, way in reversed(list(enumerate(tested))):
        slot[(way.limit_minor == limit_minor) & (way.price_code == price_code)] = number
    slot[outcome == _DECLINE] = 0
    return slot * len(OUTCOMES) + outcome


def chances_at_terms(ways: Sequence[GrantedWay], *, tested: Sequence[GrantedWay]) -> Floats:
    """What a strategy's chance gives at which terms, shape (cases, columns of `place_at_terms`); rows sum to 1."""
    cases = len(ways[0].outcome)
    chances = np.zeros((cases, (len(tested) + 1) * len(OUTCOMES)))
    for way in ways:
        place = place_at_terms(way.outcome, way.limit_minor, way.price_code, tested=tested)
        chances[np.arange(cases), place] += way.probability
    return chances


def limits_at_terms(tested: Sequence[GrantedWay]) -> Wholes:
    """The limit of each column's terms, shape (cases, columns); at other terms as at the first.

    There it must not depend on which of the others was drawn: so no expectation made of it follows the draw.
    """
    limits = np.column_stack([*(way.limit_minor for way in tested), tested[0].limit_minor])
    return np.repeat(limits, len(OUTCOMES), axis=1)
