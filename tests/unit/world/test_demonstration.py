"""What two arms brought is summed person by person, compared in pairs, and said to differ only where it does."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.limit_reviews import standard_strategy

from tallystick.operations.strategies import strategy_files, whole_strategy
from tallystick.world.demonstration.comparison import paired_differences, paired_ratio
from tallystick.world.demonstration.lender import arms_damage_limits, highest_limits, lender_files
from tallystick.world.demonstration.results import LivedMonths, person_results


def people(**columns: Any) -> pa.Table:
    """A row per person."""
    return pa.table({"person": np.arange(len(next(iter(columns.values())))), **columns})


def test_the_interval_of_a_sum_is_that_of_independent_persons() -> None:
    chance = np.random.default_rng(5)
    change = chance.integers(-900, 1_100, 400)
    told = paired_differences(people(a=np.zeros(400, np.int64)), people(a=change), seed=3)["a"]
    half_width = 1.96 * change.std() * np.sqrt(400)
    assert told.change == change.sum()
    assert [told.low, told.high] == pytest.approx(
        [told.change - half_width, told.change + half_width], abs=half_width / 8
    )


def test_shocks_that_both_arms_share_leave_no_trace_in_the_interval() -> None:
    shared = np.random.default_rng(7).integers(0, 10_000_000, 300)
    told = paired_differences(people(a=shared), people(a=shared + 50), seed=3)["a"]
    assert (told.low, told.change, told.high) == (15_000, 15_000, 15_000)


def test_a_change_of_very_few_is_not_told_from_none() -> None:
    nothing, few, many = np.zeros(200, np.int64), np.zeros(200, np.int64), np.zeros(200, np.int64)
    few[:2], many[:20] = 10_000_000, 10
    told = paired_differences(people(few=nothing, many=nothing), people(few=few, many=many), seed=1)
    assert not told["few"].is_distinguishable
    assert told["many"].is_distinguishable


def test_nothing_new_gives_no_ratio() -> None:
    same = people(limit_minor=[5, 5], drawn_minor=[1, 2])
    assert paired_ratio(same, same, over="drawn_minor", under="limit_minor", seed=1).value is None


def test_arms_of_other_people_are_not_compared() -> None:
    with pytest.raises(AssertionError, match="the same persons"):
        paired_differences(people(a=[1, 2]), people(a=[1, 2, 3]), seed=1)


def test_what_each_person_brought() -> None:
    """Three persons, the second without a line; the third defaults, the first's line is new."""
    lived = LivedMonths(
        days=100,
        people=3,
        owners=pa.table({"line_id": [30, 10], "person": [2, 0]}),
        before=pa.table({"line_id": [30], "earned_minor": [500], "lost_minor": [0], "principal_minor_days": [7_000]}),
        after=pa.table({
            "line_id": [10, 30], "earned_minor": [4_000, 900], "lost_minor": [0, 60_000],
            "principal_minor_days": [36_500_000, 7_000],
        }),
        standing=pa.table({
            "line_id": [10, 30], "limit_minor": [900_000, 100_000], "drawn_minor": [400_000, 60_000],
            "days_past_due": [3, 95], "is_open": [True, True], "is_charged_off": [False, False],
        }),
        purchases=pa.table({
            "person": [0, 0, 2], "amount_minor": [5_000, 700, 60_000], "decision_id": [1, 2, 3],
            "outcome": ["approve", "review", "approve"], "kind": ["", "", "bust_out"],
        }),
        judged=pa.table({"act": ["Judge"], "number": [2], "outcome": ["decline"]}),
        began=pa.table({"person": [0, 1, 2], "days_past_due": [0, 0, 4], "is_charged_off": [False] * 3}),
    )  # fmt: skip
    told = person_results(lived, economics=standard_strategy().economics).to_pydict()
    # 365,000.00 for a day is 1,000.00 for a year: 30.00 of funds at 3 %, 25.00 of operations at 2.5 %.
    assert told["funds_minor"] == [3_000, 0, 0]
    assert told["operations_minor"] == [2_500, 0, 0]
    assert told["earned_minor"] == [4_000, 0, 400]
    assert told["lost_minor"] == [0, 0, 60_000]
    assert told["result_minor"] == [-1_500, 0, -59_600]
    assert told["lent_minor"] == [365_000, 0, 0]
    assert (told["limit_minor"], told["drawn_minor"]) == ([900_000, 0, 100_000], [400_000, 0, 60_000])
    assert (told["bought_minor"], told["fraud_minor"]) == ([5_000, 0, 60_000], [0, 0, 60_000])
    assert (told["past_due"], told["past_due_month"], told["defaulted"]) == ([1, 0, 1], [0, 0, 1], [0, 0, 1])


def test_both_strategies_are_whole_and_differ_in_the_highest_limit_alone() -> None:
    highest = highest_limits()
    champion, challenger = (
        lender_files(strategy_files(None), highest_minor=each) for each in (highest.champion, highest.challenger)
    )
    cells = [
        (name, old, new)
        for name in champion
        for before, after in zip(champion[name].splitlines(), challenger[name].splitlines(), strict=True)
        for old, new in zip(before.split(b","), after.split(b","), strict=True)
        if old != new
    ]
    assert {(old, new) for _, old, new in cells} == {(b"3000000", b"5000000")}
    assert {name for name, _, _ in cells} == {"apply/first_limit.csv", "review_limit/most.csv"}
    for files in (champion, challenger):
        whole_strategy(files, on=date(2027, 1, 1))


def test_both_releases_may_raise_many_lines_in_a_night_and_are_watched_as_any_by_day() -> None:
    limits = arms_damage_limits()
    assert limits.review_limit_by_night.raises.points_ppm == 500_000
    assert limits.authorize.approvals.points_ppm == 20_000
