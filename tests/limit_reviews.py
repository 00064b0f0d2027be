"""Books of lines for tests of the limit review: usual and strange ones, decided by the standard strategy."""

from datetime import date
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.checkpoints import USUAL_LIMIT_REVIEW, standard_checkpoint

from tallystick.strategy.case_columns import TRIGGERS, CheckpointName
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.policy import Strategy, read_strategy, standard_strategy_files
from tallystick.strategy.reviewed_lines import ReviewedLines, reviewed_lines

Column = npt.NDArray[Any]
_STUDY_FEATURES = ("months_past_due_m0", "months_past_due_max_6m", "utilization_m0", "months_on_book")


@cache
def standard_strategy(**changes: str) -> Strategy:
    """What the standard strategy says of limits, `strategy_toml="old => new"` changed in its text."""
    texts = dict(standard_strategy_files())
    for name, change in changes.items():
        old, new = change.split(" => ")
        file = name.replace("_toml", ".toml")
        assert old in texts[file]
        texts[file] = texts[file].replace(old, new)
    features = {name: ColumnType("number") for name in _STUDY_FEATURES}
    return read_strategy(texts, features=features, on=date(2026, 11, 23))


def columns_of(*changes: dict[str, Any]) -> dict[str, Column]:
    """The usual line's figures, once for each set of changes to it."""
    rows = [{**USUAL_LIMIT_REVIEW, **change} for change in changes]
    columns: dict[str, Column] = {}
    for name, kind in standard_checkpoint(CheckpointName.REVIEW_LIMIT).case_types.items():
        values = [row[name] for row in rows]
        if kind.is_numeric:
            columns[name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        else:
            columns[name] = np.array(values, dtype=object)
    return columns


def decided(columns: dict[str, Column], *, strategy: Strategy | None = None, **beside: Column) -> ReviewedLines:
    """Lines as the standard `review_limit` decides them; `beside` is what `reviewed_lines` may be told of them."""
    decisions = standard_checkpoint(CheckpointName.REVIEW_LIMIT).decide(columns)
    return reviewed_lines(columns, decisions, strategy=strategy or standard_strategy(), **beside)


def random_book(count: int, *, seed: int) -> tuple[dict[str, Column], Column]:
    """Figures of a book, and whose each line is: some persons have several. Two of three lines are in good order."""
    generator = np.random.default_rng(seed)

    def amounts(most: int) -> Column:
        return np.round(most * generator.random(count) ** 2 / 100) * 100 + 50_000

    def some(share: float, values: Column) -> Column:
        return np.where(generator.random(count) < share, values, 0.0)

    def seldom(share: float, most: int) -> Column:
        return np.where(generator.random(count) < share, generator.integers(0, most, count), np.nan)

    columns = columns_of(*[{}] * count)
    limit = amounts(9_000_000)
    person = generator.integers(0, max(count * 2 // 3, 1), count)
    of_person = np.bincount(person, weights=limit)[person]
    columns |= {
        "limit_minor": limit,
        "drawn_minor": np.round(limit * generator.random(count) * 1.05),
        "held_minor": some(0.2, np.round(limit * 0.1)),
        "days_past_due": some(0.05, generator.integers(1, 120, count)),
        "months_on_book": generator.integers(3, 60, count).astype(np.float64),
        "days_since_increase": seldom(0.4, 700),
        "days_since_decrease": seldom(0.1, 400),
        "days_since_request_declined": seldom(0.1, 60),
        "requested_minor": np.where(generator.random(count) < 0.2, limit + amounts(3_000_000), np.nan),
        "income_month_minor": np.where(generator.random(count) < 0.9, 3 * limit + amounts(5_000_000), np.nan),
        "joint_limit_minor": of_person - limit,
        "pd_ppm": np.where(generator.random(count) < 0.9, generator.integers(2_000, 160_000, count), 300_000.0),
    }
    columns["income_is_proven"] = generator.random(count) < 0.7
    columns["trigger"] = generator.choice(np.array(TRIGGERS, dtype=object), count, p=[0.7, 0.05, 0.1, 0.02, 0.03, 0.1])
    columns["warning"] = generator.choice(np.array(["none", "amber", "red"], dtype=object), count, p=[0.92, 0.04, 0.04])
    return columns, person
