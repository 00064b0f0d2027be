"""The smallest change of one figure: against every value of a small domain, and what is never named."""

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.checkpoints import (
    SMALL_FORM,
    SMALL_TABLES,
    USUAL,
    cases,
    compiled,
    random_cases,
    small_files,
    standard_checkpoint,
)

from tallystick.strategy.case_columns import CASE_COLUMNS, CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.smallest_change import smallest_change

AUTHORIZE, APPLY = CheckpointName.AUTHORIZE, CheckpointName.APPLY
SMALL = compiled(AUTHORIZE, small_files())
_DOMAIN = 40
_FIGURES = ("amount_minor", "available_minor", "days_past_due", "months_on_book", "line_is_frozen")


def _others(checkpoint: Checkpoint, case: dict[str, Any]) -> list[tuple[float, int, str, Any]]:
    """Every better case that one figure's change leads to, by its distance: tried one by one."""
    ranks = {outcome: rank for rank, outcome in enumerate(checkpoint.outcomes)}
    changed = []
    for place, name in enumerate(column.name for column in CASE_COLUMNS[AUTHORIZE] if column.name in _FIGURES):
        values: list[Any] = [False, True] if name == "line_is_frozen" else list(range(_DOMAIN))
        for value in values:
            other = {**case, name: value}
            if name == "available_minor":
                other["drawn_minor"] = case["drawn_minor"] - (value - case[name])
            if value != case[name] and other["drawn_minor"] >= 0 and other["amount_minor"] >= 1:
                apart = 1.0 if name == "line_is_frozen" else abs(value - case[name]) / max(value, case[name])
                changed.append((apart, place, name, value, other))
    outcomes = checkpoint.decide(pa.Table.from_pylist([case, *(each[-1] for each in changed)])).outcome
    return [
        (apart, place, name, value)
        for (apart, place, name, value, _), outcome in zip(changed, outcomes[1:], strict=True)
        if ranks[outcome] < ranks[outcomes[0]]
    ]


def _domain() -> list[dict[str, Any]]:
    return [
        {
            "line_is_frozen": frozen, "days_past_due": late, "amount_minor": amount, "available_minor": available,
            "limit_minor": 10, "drawn_minor": drawn, "months_on_book": months, "line_purchase_count_1d": count,
        }
        for frozen, late, amount, available, drawn, months, count in product(
            (False, True), (0, 4), (1, 4, 6, 12), (0, 5, 12), (0, 3, 9), (1, 5), (0, 3, None)
        )
    ]  # fmt: skip


def test_it_is_what_trying_every_value_finds() -> None:
    found = {"none": 0, "some": 0}
    for case in _domain():
        change = smallest_change(SMALL, pa.Table.from_pylist([case]), index=0)
        better = _others(SMALL, case)
        if change is None:
            found["none"] += 1
            assert not better, case
            continue
        found["some"] += 1
        apart, _, name, _ = min(better)
        assert change.figure == name, case
        distance = 1.0 if isinstance(change.wanted, bool) else abs(change.wanted - change.present) / max(
            change.wanted, change.present
        )  # fmt: skip
        assert distance == pytest.approx(apart), case
    assert min(found.values()) > 50


def test_what_is_told_is_true_on_the_standard_strategy() -> None:
    for name in USUAL:
        checkpoint = standard_checkpoint(name)
        columns = random_cases(checkpoint, 150, seed=8)
        ranks = {outcome: rank for rank, outcome in enumerate(checkpoint.outcomes)}
        told = 0
        for index in range(150):
            change = smallest_change(checkpoint, columns, index=index)
            if change is None:
                continue
            told += 1
            one = {key: value[index : index + 1].copy() for key, value in columns.items()}
            moves = next(each for each in CASE_COLUMNS[name] if each.name == change.figure).moves
            for key, sign in moves.items():
                one[key] = one[key] + sign * (change.wanted - change.present)
            before = checkpoint.decide({key: value[index : index + 1] for key, value in columns.items()}).outcome[0]
            one[change.figure] = np.array([change.wanted])
            after = checkpoint.decide(one).outcome[0]
            assert ranks[after] < ranks[before]
            assert after == change.outcome
        assert told > 5, name


def test_the_amount_that_would_have_passed_to_the_cent() -> None:
    checkpoint = standard_checkpoint(AUTHORIZE)
    change = smallest_change(checkpoint, cases(AUTHORIZE, {"category": "phones", "amount_minor": 950_000}), index=0)
    assert change is not None
    assert (change.figure, change.present, change.wanted, change.outcome) == (
        "amount_minor", 950_000, 900_000, "approve"
    )  # fmt: skip
    assert change.scores_held == ()
    scored = {"category": "phones", "amount_minor": 950_000, "fraud_ppm": 7}
    change = smallest_change(checkpoint, cases(AUTHORIZE, scored), index=0)
    assert change is not None
    assert change.scores_held == ("fraud_ppm",)


def test_income_is_solved_through_what_is_affordable() -> None:
    """Two months of income less 10,000 yuan of limits must come to 500: 5,250 yuan."""
    poor = {"income_month_minor": 510_000, "joint_limit_minor": 1_000_000, "other_lines_count": 1}
    change = smallest_change(standard_checkpoint(APPLY), cases(APPLY, poor), index=0)
    assert change is not None
    # 15,000 of 525,000 is a smaller share than the 30,000 by which the other limits, 1,000,000, would have to be less
    assert (change.figure, change.wanted, change.outcome) == ("income_month_minor", 525_000, "offer")


def test_nothing_is_told_where_a_case_passes_or_two_things_stand_against_it() -> None:
    checkpoint = standard_checkpoint(AUTHORIZE)
    assert smallest_change(checkpoint, cases(AUTHORIZE, {}), index=0) is None
    twice = {"line_is_frozen": True, "days_past_due": 9}
    assert smallest_change(checkpoint, cases(AUTHORIZE, twice), index=0) is None


def test_a_figure_that_a_feature_is_made_of_is_not_named() -> None:
    """With another amount `line_amount_to_mean_30d` would be another: to change the amount alone would be untrue."""
    line = SMALL_TABLES["line.csv"].replace(
        "fine,otherwise", "mean,line_amount_to_mean_30d IS NULL,continue,MEAN,未知,Not known\nfine,otherwise"
    )
    linked = compiled(AUTHORIZE, small_files(line_csv=line, form=SMALL_FORM))
    assert "amount_minor" in linked.inside_features
    case = {**_domain()[0], "amount_minor": 6, "available_minor": 5, "line_purchase_count_1d": 0}
    plain = smallest_change(SMALL, pa.Table.from_pylist([case]), index=0)
    assert plain is not None
    assert plain.figure == "amount_minor"
    change = smallest_change(linked, pa.Table.from_pylist([{**case, "line_amount_to_mean_30d": 1.0}]), index=0)
    assert change is None or change.figure != "amount_minor"
