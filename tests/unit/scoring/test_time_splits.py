"""Windows: what teaches was known when the test began, and a test row's key was not known bad."""

import numpy as np
import pyarrow as pa

from tallystick.scoring.leakage import suspects
from tallystick.scoring.time_splits import Window, known_bad_before, last_share


def test_a_row_teaches_when_its_outcome_was_known_at_the_start_of_the_test() -> None:
    window = Window(train_from=10, train_until=20, test_from=25, test_until=30)
    tick, known_at = np.array([9, 10, 15, 19, 20, 25]), np.array([12, 17, 25, 26, 22, 40])
    assert window.trains(tick, known_at).tolist() == [False, True, True, False, False, False]
    assert window.tests(tick).tolist() == [False, False, False, False, False, True]
    assert window.earlier(5) == Window(5, 15, 20, 25)
    assert last_share(np.array([0, 50, 199]), test_percent=10) == Window(0, 180, 180, 200)


def test_a_key_is_known_bad_from_the_day_after_its_label() -> None:
    window = Window(train_from=0, train_until=100, test_from=100, test_until=400)
    tick = np.array([50, 150, 250, 350, 250])
    key = np.array([1, 1, 1, 1, 2])
    is_bad = np.array([True, False, False, False, True])
    known_at = np.array([201, 990, 990, 990, 260])
    out = known_bad_before(
        day=tick // 100, day_ticks=100, key=key, is_bad=is_bad, tick=tick, known_at=known_at, window=window
    )
    assert out.tolist() == [False, False, False, True, False]
    before = known_bad_before(
        day=tick // 100, day_ticks=100, key=key, is_bad=is_bad, tick=tick, known_at=known_at,
        window=Window(60, 100, 100, 400),
    )  # fmt: skip
    assert not before.any()


def test_a_feature_that_is_missing_only_for_goods_is_told_too() -> None:
    bad = np.array([1] * 30 + [0] * 70)
    table = pa.table(
        {
            "absent": [1.0 if one else None for one in bad.tolist()],
            "down": (-bad).tolist(),
            "noise": (np.arange(100) % 7).tolist(),
            "rare": [1.0 if n < 3 else (0.0 if n == 99 else None) for n in range(100)],
        }
    )
    found = suspects(table, bad, table.column_names)
    assert [(one.name, one.by_missing) for one in found] == [("absent", True), ("down", False)]


def test_words_that_know_too_much_are_told_and_many_words_alone_are_not() -> None:
    bad = np.arange(600) % 5 == 0
    table = pa.table(
        {
            "stage": ["collections" if one else "current" for one in bad.tolist()],
            "name": [f"person {number}" for number in range(600)],
            "job": pa.array([("clerk", "cook", None)[number % 3] for number in range(600)]),
        }
    )
    assert [(one.name, one.auc) for one in suspects(table, bad, table.column_names)] == [("stage", 1.0)]
