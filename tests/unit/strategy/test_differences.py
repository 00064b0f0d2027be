"""What two strategies differ in, in words: rows, thresholds in yuan, forms, models; nothing where nothing does."""

import json

import pytest
from tests.checkpoints import other_line_ends, standard_files

from tallystick.strategy.differences import Difference, strategy_differences

BEFORE = standard_files()
WORDS = {"amount_minor": ("订单金额", "amount of the order"), "days_past_due": ("逾期天数", "days past due")}


def _differences(after: dict[str, bytes]) -> tuple[Difference, ...]:
    return strategy_differences(BEFORE, after, words=WORDS, currency="CNY")


def _edited(file: str, old: str, new: str) -> tuple[Difference, ...]:
    text = BEFORE[file].decode()
    assert old in text
    return _differences({**BEFORE, file: text.replace(old, new, 1).encode()})


def test_the_same_strategy_does_not_differ_whatever_its_line_ends() -> None:
    assert _differences(BEFORE) == ()
    assert _differences(other_line_ends(BEFORE)) == ()


def test_a_threshold_is_told_in_words_and_yuan() -> None:
    (told,) = _edited("authorize/repayment.csv", "days_past_due >= 1 AND amount_minor > 100000",
                      "days_past_due >= 2 AND amount_minor > 80050")  # fmt: skip
    assert (told.file, told.place) == ("authorize/repayment.csv", "past_due_in_grace")
    assert told.en == (
        "threshold of days past due: 1 becomes 2; threshold of amount of the order: 1,000.00 yuan becomes 800.50 yuan "
        "(days_past_due >= 2 AND amount_minor > 80050)"
    )
    assert told.zh.startswith("门槛 逾期天数 1 改为 2；门槛 订单金额 1,000.00元 改为 800.50元")
    (factor,) = _edited("authorize/repayment.csv", "limit_minor * 0.3", "limit_minor * 0.25")
    assert factor.en.startswith("threshold of a factor: 0.3 becomes 0.25")


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "en"),
    [
        ("authorize/available.csv", "amount_minor > available_minor", "amount_minor >= available_minor",
         "over_available", "when: amount_minor > available_minor becomes amount_minor >= available_minor"),
        ("authorize/velocity.csv", "review,none,2,30,DEVICE_SHARED", "review,none,2,45,DEVICE_SHARED",
         "device_shared", "threshold of deadline_minutes: 30 becomes 45 (45)"),
        ("authorize/approval.csv", "已通过", "通过", "approved", "zh: 已通过 becomes 通过"),
        ("apply/cut_off.csv", "ungraded,grade = 'U',review,4,1440,NO_SCORE,暂无评分，需人工审核,"
         "There is no score yet; a person looks at it\n", "",
         "ungraded", "the row is removed: when grade = 'U', outcome review, priority 4, deadline_minutes 1440, "
         "reason NO_SCORE"),
        ("apply/checkpoint.toml", "share_ppm = 10_000", "share_ppm = 20_000",
         "step cut_off.randomized.share_ppm", "10_000 becomes 20_000"),
        ("strategy.toml", "income_multiple_ppm = 3_000_000", "income_multiple_ppm = 2_500_000",
         "limits.income_multiple_ppm", "3_000_000 becomes 2_500_000"),
        ("authorize/checkpoint.toml", 'product = "baitiao"', 'product = "baitiao"\nfeatures = ["is_weekend"]',
         "features", "new: ['is_weekend']"),
        ("strategy.toml", "# The standard strategy", "# The strategy", "", "only comments, blanks or form differ"),
    ],
)  # fmt: skip
def test_one_change_is_one_difference(file: str, old: str, new: str, place: str, en: str) -> None:
    assert [(each.file, each.place, each.en) for each in _edited(file, old, new)] == [(file, place, en)]


def test_rows_and_steps_in_another_order_are_told() -> None:
    lines = BEFORE["authorize/line_state.csv"].decode().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (moved,) = _differences({**BEFORE, "authorize/line_state.csv": "\n".join(lines).encode()})
    assert moved.en.startswith("the order of rows changed: line_ended, borrower_blocked")
    form = BEFORE["authorize/checkpoint.toml"].decode()
    blocks = form.split("[[step]]\n")
    blocks[2], blocks[3] = blocks[3], blocks[2]
    (steps,) = _differences({**BEFORE, "authorize/checkpoint.toml": "[[step]]\n".join(blocks).encode()})
    assert steps.place == "step"
    assert steps.en.startswith("the order becomes line_state → repayment → available")


def test_files_that_come_and_go() -> None:
    after = {name: text for name, text in BEFORE.items() if name != "apply/price.csv"} | {"README.md": b"x"}
    assert [(each.file, each.en) for each in _differences(after)] == [
        ("README.md", "a new file"), ("apply/price.csv", "the file is removed"),
    ]  # fmt: skip
    (broken,) = _differences({**BEFORE, "strategy.toml": b"name ="})
    assert broken.en.startswith("cannot be read")


def test_models_are_told_by_their_names_and_features() -> None:
    def model(*features: str, rows: int) -> dict[str, bytes]:
        manifest = {"kind": "lightgbm", "rows": rows, "features": [{"name": name} for name in features]}
        return {"models/second/manifest.json": json.dumps(manifest).encode(), "models/second/weights.txt": b"w"}

    (new,) = _differences({**BEFORE, **model("amount", rows=1)})
    assert new.en.startswith("a new model, model_")
    before, after = ({**BEFORE, **each} for each in (model("amount", rows=1), model("amount", "is_night", rows=2)))
    told = strategy_differences(before, after, words=WORDS, currency="CNY")
    assert [(each.file, each.place, each.en) for each in told[1:]] == [
        ("models/second", "rows", "1 becomes 2"), ("models/second", "features", "with is_night added"),
    ]  # fmt: skip
    assert told[0].en.startswith("another model: model_")
    assert strategy_differences(before, before, words=WORDS, currency="CNY") == ()
