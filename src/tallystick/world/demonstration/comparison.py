"""Two arms that met the same shocks, compared person by person: what differs, and what cannot be told apart.

Both arms hold the same people, and chance is the same to each of them (common random numbers): what differs between a
person's two lives follows from the arms alone. The intervals speak of other people of the same world, drawn with
replacement; months and economy stay as they were.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.reports.demonstration_summary import Difference, Estimate

Floats = npt.NDArray[np.float64]

_RESAMPLES: Final = 4_000
_DRAWN_AT_ONCE: Final = 100_000  # persons in memory together
_ENDS: Final = (0.025, 0.975)  # of an interval of 95 %


def paired_differences(
    champion: pa.Table, challenger: pa.Table, *, seed: int, resamples: int = _RESAMPLES
) -> dict[str, Difference]:
    """The difference of every column of whole numbers, with a percentile bootstrap over persons (Efron 1979).

    Both tables have a row per person, the same persons in the same order, and a column `person`. Ten persons of
    whom eight draw 100 more under the challenger, and one loses 900 that he would not have lost:

    >>> before = pa.table({"person": range(10), "drawn_minor": [500] * 10, "lost_minor": [0] * 10})
    >>> after = pa.table({"person": range(10), "drawn_minor": [600] * 8 + [500] * 2, "lost_minor": [0] * 9 + [900]})
    >>> told = paired_differences(before, after, seed=1)
    >>> told["drawn_minor"]
    Difference(champion=5000, challenger=5800, persons=8, low=500, high=1000)
    >>> told["lost_minor"].change, told["lost_minor"].low, told["lost_minor"].is_distinguishable
    (900, 0, False)
    """
    _must_pair(champion, challenger)
    names = [name for name in champion.column_names if name != "person"]
    before, after = (_matrix(table, names) for table in (champion, challenger))
    drawn = _resampled(after - before, seed=seed, resamples=resamples)
    low, high = np.quantile(drawn, _ENDS, axis=0, method="inverted_cdf").astype(np.int64)
    persons = np.count_nonzero(after - before, axis=0)
    told = np.stack([before.sum(axis=0), after.sum(axis=0), persons, low, high], axis=1)
    return {name: Difference(*figures) for name, figures in zip(names, told.tolist(), strict=True)}


def paired_ratio(
    champion: pa.Table, challenger: pa.Table, *, over: str, under: str, seed: int, resamples: int = _RESAMPLES
) -> Estimate:
    """What of a change in `under` became a change in `over`: the sum of one change over that of the other.

    Of two persons whose limits rise by 10,000 each one owes 3,000 more: 15 cents of each new unit became debt.

    >>> before = pa.table({"person": [0, 1], "limit_minor": [10_000, 10_000], "drawn_minor": [2_000, 0]})
    >>> after = pa.table({"person": [0, 1], "limit_minor": [20_000, 20_000], "drawn_minor": [5_000, 0]})
    >>> paired_ratio(before, after, over="drawn_minor", under="limit_minor", seed=1)
    Estimate(value=0.15, low=0.0, high=0.3)
    """
    _must_pair(champion, challenger)
    changes = _matrix(challenger, [over, under]) - _matrix(champion, [over, under])
    total = changes.sum(axis=0)
    if not total[1]:
        return Estimate(None)
    drawn = _resampled(changes, seed=seed, resamples=resamples)
    told = drawn[drawn[:, 1] != 0]
    low, high = np.quantile(told[:, 0] / told[:, 1], _ENDS)
    return Estimate(float(total[0] / total[1]), float(low), float(high))


def _must_pair(champion: pa.Table, challenger: pa.Table) -> None:
    assert champion.column_names == challenger.column_names, "both arms tell the same figures"
    assert champion["person"].equals(challenger["person"]), "both arms hold the same persons in the same order"


def _matrix(table: pa.Table, names: list[str]) -> npt.NDArray[np.int64]:
    columns: list[npt.NDArray[Any]] = [table[name].to_numpy() for name in names]
    return np.stack(columns, axis=1).astype(np.int64)


def _resampled(changes: npt.NDArray[np.int64], *, seed: int, resamples: int) -> Floats:
    """Sums of as many persons drawn with replacement, shape (resamples, columns)."""
    chance, people = np.random.default_rng(seed), len(changes)
    at_once = max(1, _DRAWN_AT_ONCE // people)
    parts = [
        changes[chance.integers(people, size=(min(at_once, resamples - start), people))].sum(axis=1)
        for start in range(0, resamples, at_once)
    ]
    return np.concatenate(parts).astype(np.float64)
