"""A backtest in a terminal of a hundred columns: what moved, what it is expected to earn, what the log can tell."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType
from tests.checkpoints import compiled, decided_cases, random_cases, standard_checkpoint, standard_files

from tallystick.reports.backtest_terminal import (
    REASONS_WHY_NOT,
    expected_report,
    head_lines,
    known_lines,
    lines_known_lines,
    no_figures_text,
    swap_report,
    value_report,
    verdict_text,
)
from tallystick.reports.figures import LANGUAGES, Language
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.expected_profit import ExpectedChange, ExpectedSums, expected_change, purchase_figures
from tallystick.strategy.off_policy import Bounded, Estimate, OffPolicySettings, OffPolicyValue
from tallystick.strategy.swap_set import SwapSet, swap_set

APPLY, AUTHORIZE = CheckpointName.APPLY, CheckpointName.AUTHORIZE
COUNT = 4_000


def printed(shown: RenderableType) -> str:
    """What the terminal says; every line fits, and nothing is cut."""
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(shown)
    lines = capture.get().splitlines()
    assert max(map(cell_len, lines)) <= 100
    assert "…" not in capture.get()
    return capture.get()


def _compared(name: CheckpointName, file: str, old: bytes, new: bytes) -> tuple[Checkpoint, SwapSet, Any]:
    before = standard_checkpoint(name)
    files = standard_files()
    assert old in files[file]
    after = compiled(name, {**files, file: files[file].replace(old, new)})
    columns = random_cases(before, COUNT, seed=21)
    sides = [each.decide(columns) for each in (before, after)]
    amount = columns["amount_minor"].astype(np.int64) if name is AUTHORIZE else None
    segment = columns["category"] if name is AUTHORIZE else columns["is_student"]
    swapped = swap_set(
        *(decided_cases(before, side) for side in sides), outcomes=before.outcomes, amount_minor=amount,
        same_inputs=np.arange(COUNT) % 50 > 0, segment=segment,
    )  # fmt: skip
    return before, swapped, (columns, sides)


def _shown(checkpoint: Checkpoint, swapped: SwapSet, language: Language) -> str:
    steps = {step.name: (step.zh, step.en) for step in checkpoint.steps}
    return printed(swap_report(swapped, steps=steps, reasons=checkpoint.reasons, currency="CNY", language=language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_swap_set_of_purchases_tells_steps_reasons_and_segments(language: Language) -> None:
    checkpoint, swapped, (columns, sides) = _compared(
        AUTHORIZE,
        "authorize/large_order.csv",
        b"amount_minor > limit_minor * 0.5 AND days_since_opened < 14 AND amount_minor >= large_from_minor",
        b"amount_minor >= 20000",
    )
    text = _shown(checkpoint, swapped, language)
    for word in {
        "zh": ("换出", "通过 → 人工审核", "大额订单", "LARGE_ON_NEW_LINE", "（缺失）", "输入不同"),
        "en": ("swapped out", "approve → review", "Large orders", "LARGE_ON_NEW_LINE", "(missing)", "other inputs"),
    }[language]:
        assert word in text
    assert f"{swapped.total.swapped_out.cases}" in text
    economics = checkpoint.economics
    assert economics is not None
    figures = [
        purchase_figures(
            side.outcome, amount_minor=columns["amount_minor"], fraud_ppm=columns["fraud_ppm"], economics=economics
        )
        for side in sides
    ]
    change = expected_change(*figures, decided_alike=sides[0].outcome == sides[1].outcome)
    assert change.unknown_moved > 0
    told = printed(expected_report(change, currency="CNY", language=language))
    assert f"{change.unknown_moved:,}" in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_swap_set_of_applications_tells_the_limits(language: Language) -> None:
    checkpoint, swapped, _ = _compared(APPLY, "apply/first_limit.csv", b"800000,LIMIT_CD", b"900000,LIMIT_CD")
    assert swapped.total.raised.cases > 0
    text = _shown(checkpoint, swapped, language)
    assert {"zh": "额度更高", "en": "higher limit"}[language] in text
    assert {"zh": "原授信", "en": "Granted"}[language] in text
    assert {"zh": "金额", "en": "Amount"}[language] not in text


def test_strategies_that_decide_alike_say_so() -> None:
    checkpoint, swapped, _ = _compared(AUTHORIZE, "authorize/approval.csv", "已通过".encode(), "通过".encode())
    assert swapped.is_empty
    text = _shown(checkpoint, swapped, "en")
    assert "The two strategies decide alike." in text
    assert "→" not in text


def test_profit_is_what_is_earned_less_losses_and_costs() -> None:
    old, new = ExpectedSums(10_000_00, 2_000_00, 500_00, 0), ExpectedSums(9_000_00, 400_00, 700_00, 900_00)
    text = printed(expected_report(ExpectedChange(42, 0, 0, old, new), currency="CNY", language="en"))
    row = next(line for line in text.splitlines() if line.strip().startswith("profit"))
    assert row.split()[1:] == ["7,500", "7,900", "+400"]
    assert "no known profit" not in text


def _value(**changes: Any) -> OffPolicyValue:
    one = Bounded(1_234.0, 1_234.0, (-500.0, 2_968.0), (-480.0, 2_950.0))
    two = Bounded(-1_000.0, 1_000.0, (-2_000.0, 2_500.0), (float("nan"), float("nan")))
    value = OffPolicyValue(
        cases=12_345, immature=678, borrowers=9_000, observed_minor=-77.0,
        estimates=tuple(Estimate(method, one, two) for method in ("ips", "snips", "dr")), unsupported_share=0.25,
        open_share=0.125, open_cases=2_000, mean_weight=0.75, largest_weight=100.0, effective_cases=345.0,
        clipped_cases=17, clipped_share=0.02, unpredicted=9, settings=OffPolicySettings(most_weight=50.0),
    )  # fmt: skip
    return replace(value, **changes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_stands_with_its_intervals_and_with_what_it_leaves_open(language: Language) -> None:
    text = printed(value_report(_value(), currency="CNY", language=language))
    for figure in ("12.34", "−5.00", "29.68", "29.50", "−0.77", "95%", "12.5%", "25.0%", "2,000", "345", "678", "50.0"):
        assert figure in text, figure
    assert {"zh": "−10.00 至 10.00", "en": "−10.00 to 10.00"}[language] in text


def test_a_value_without_anything_open_cut_or_young_says_so() -> None:
    plain = _value(open_cases=0, open_share=0.0, clipped_cases=0, immature=0, unpredicted=0)
    text = printed(value_report(plain, currency="CNY", language="en"))
    assert "Identified for all cases" in text
    assert "No weight was cut" in text
    for absent in ("Not identified", "not mature", "prediction"):
        assert absent not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_tested_and_what_is_known_of_it_is_told(language: Language) -> None:
    told = {"refused": 12, "recomputed": 0, "withdrawn": 7_654, "no_trace": 34_567}
    lines = head_lines(
        "autumn", "3f9c21", checkpoint="authorize", language=language, batches=5_678, cases=123_456, **told
    )
    text = "".join(map(printed, lines))
    for figure in ("autumn", "3f9c21", "123,456", "5,678", "12", "7,654", "34,567"):
        assert figure in text
    assert len(text.splitlines()) == 4  # nothing of features read once more
    few = "".join(map(printed, known_lines(days=30, mature=90, drawn=40, labeled=29, frauds=3, language=language)))
    many = "".join(map(printed, known_lines(days=30, mature=90, drawn=41, labeled=30, frauds=3, language=language)))
    assert "11" in few
    assert {"zh": "很少", "en": "Few"}[language] in few
    assert {"zh": "很少", "en": "Few"}[language] not in many
    for part in ("expected", "value"):
        for why in REASONS_WHY_NOT:
            assert printed(no_figures_text(part, why, days=77, months=18, opening_days=99, language=language)).strip()
    windows = {"days": 77, "months": 18, "opening_days": 99}
    assert "77" in printed(no_figures_text("value", "none_mature", language=language, **windows))
    young = printed(no_figures_text("value", "no_line_mature", language=language, **windows))
    assert {"18", "99"} <= set(young.replace("。", " ").split())
    brought = lines_known_lines(
        months=18, opening_days=99, mature=7_531, lines=642, lost=53, earned_minor=9_876_500, lost_minor=1_234_500,
        currency="CNY", language=language,
    )  # fmt: skip
    told_of_lines = "".join(map(printed, brought))
    assert {"zh": "很少", "en": "Few"}[language] not in told_of_lines
    for figure in ("18", "99", "7,531", "642", "53", "98,765", "12,345"):
        assert figure in told_of_lines, figure


def _changed(low: float, high: float, normal: tuple[float, float], bootstrap: tuple[float, float]) -> OffPolicyValue:
    change = Bounded(low, high, normal, bootstrap)
    return _value(estimates=(Estimate("ips", change, change), Estimate("dr", change, change)), open_cases=0)


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (_changed(0.0, 0.0, (0.0, 0.0), (0.0, 0.0)), "相同", "worth the same"),
        (_changed(3.0, 3.0, (1.0, 5.0), (0.5, 6.0)), "更好", "better"),
        (_changed(3.0, 3.0, (1.0, 5.0), (-0.5, 6.0)), "无法区分", "not distinguishable"),
        (_changed(-3.0, -2.0, (-4.0, -1.0), (-5.0, -1.0)), "更差", "worse"),
        (_changed(3.0, 3.0, (float("nan"), float("nan")), (float("nan"), float("nan"))), "无法区分", "not disting"),
    ],
)
def test_a_verdict_is_no_more_than_both_intervals_say(value: OffPolicyValue, zh: str, en: str) -> None:
    assert zh in printed(verdict_text(value, language="zh"))
    assert en in printed(verdict_text(value, language="en"))
