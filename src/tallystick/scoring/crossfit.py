"""Scores for a portfolio that scores itself: every line is judged by a model that never saw it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.folds import Folds, derived_seed, stratified_key_folds, two_outcomes
from tallystick.scoring.model import Floats, Model

Fit = Callable[[pa.Table, npt.NDArray[np.bool_], int], Model]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the models of the other folds say of each line, in the order of the table.

    `contributions` has shape (lines, features + 1), its columns as `features` names them, then the base. A model
    that left a feature out (a scorecard may) has zeros there.
    """

    log_odds: Floats
    contributions: Floats
    features: tuple[str, ...]
    fold: Folds


def out_of_fold(
    table: pa.Table,
    target: npt.ArrayLike,
    fit: Fit,
    folds: int,
    seed: int,
    *,
    key: npt.NDArray[np.int64] | None = None,
) -> OutOfFold:
    """Fit once per fold on all other lines, and score the fold's lines with that model.

    `target` is 1 bad, 0 good, shape (lines,). The folds are stratified by outcome and depend on position and seed
    alone; with a `key`, rows of one key share a fold. Raises `ColumnFault` where goods or bads are fewer than folds,
    and whatever `fit` raises.
    """
    is_bad = two_outcomes(target, rows=table.num_rows, least=folds)
    own = np.arange(table.num_rows) if key is None else key
    deal = stratified_key_folds(is_bad, own, folds=folds, seed=seed)
    log_odds = np.empty(len(is_bad))
    parts: dict[str, Floats] = {}
    base = np.empty(len(is_bad))
    for fold in range(folds):
        inside = deal == fold
        model = fit(table.filter(pa.array(~inside)), is_bad[~inside], derived_seed(seed, fold))
        unseen = table.filter(pa.array(inside))
        log_odds[inside] = model.log_odds(unseen)
        contributions = model.contributions(unseen)
        base[inside] = contributions[:, -1]
        for place, feature in enumerate(model.features):
            parts.setdefault(feature.name, np.zeros(len(is_bad)))[inside] = contributions[:, place]
    return OutOfFold(
        log_odds=log_odds, contributions=np.column_stack([*parts.values(), base]), features=tuple(parts), fold=deal
    )
