"""Prices of lines: lower at once, higher after notice, and never the other way by a table's mistake."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.checkpoints import cases, compiled, standard_checkpoint, standard_files

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.price_targets import PRICE_REASON_TEXTS, PriceReason, price_targets

REPRICE = CheckpointName.REPRICE
YEARLY = {"dear": 200_000, "standard": 166_938, "cheap": 120_000}
LOWER: dict[str, Any] = {"pd_ppm": 15_000}
RAISE: dict[str, Any] = {"pd_ppm": 90_000}


@pytest.mark.parametrize(
    ("case", "present", "told", "reason"),
    [
        (LOWER, "dear", "standard", PriceReason.LOWERED_AT_ONCE),
        (LOWER, "standard", "standard", PriceReason.NO_LOWER_PRICE),
        (LOWER, "cheap", "standard", PriceReason.NO_LOWER_PRICE),
        (RAISE, "cheap", "standard", PriceReason.RAISED_AFTER_NOTICE),
        (RAISE, "standard", "standard", PriceReason.NO_HIGHER_PRICE),
        (RAISE, "dear", "standard", PriceReason.NO_HIGHER_PRICE),
        (RAISE, "no longer sold", "standard", PriceReason.NO_HIGHER_PRICE),
        (LOWER, "dear", "none", PriceReason.NO_LOWER_PRICE),
        ({"pd_ppm": 30_000}, "dear", "standard", PriceReason.KEPT_BY_RULES),
    ],
)
def test_a_price_moves_only_the_way_its_outcome_says(
    case: dict[str, Any], present: str, told: str, reason: PriceReason
) -> None:
    decided = standard_checkpoint(REPRICE).decide(cases(REPRICE, case))
    decided = replace(decided, outputs={**decided.outputs, "price_code": np.array([told], dtype=object)})
    targets = price_targets(
        decided, present_price_code=np.array([present], dtype=object), days_since_price_change=np.array([np.nan]),
        yearly_ppm=YEARLY,
    )  # fmt: skip
    moves = reason in (PriceReason.LOWERED_AT_ONCE, PriceReason.RAISED_AFTER_NOTICE)
    assert targets.reason.tolist() == [reason]
    assert targets.price_code.tolist() == [told if moves else present]


def test_cooling_holds_whatever_a_table_says() -> None:
    decided = standard_checkpoint(REPRICE).decide(cases(REPRICE, LOWER, LOWER))
    targets = price_targets(
        decided, present_price_code=np.array(["dear", "dear"], dtype=object),
        days_since_price_change=np.array([179.0, 180.0]), yearly_ppm=YEARLY,
    )  # fmt: skip
    assert targets.reason.tolist() == [PriceReason.COOLING, PriceReason.LOWERED_AT_ONCE]
    assert set(PRICE_REASON_TEXTS) == set(PriceReason)


def test_what_a_merchant_pays_for_is_no_price_of_a_line_and_reprice_sends_nothing_to_a_person() -> None:
    files = standard_files()
    price = files["reprice/price.csv"].replace(b"standard,PRICE_GOOD", b"merchant_free,PRICE_GOOD")
    form = files["reprice/checkpoint.toml"].replace(
        b'[unavailable]\noutcome = "keep"', b'[review]\ntimeout_outcome = "keep"\n\n[unavailable]\noutcome = "raise"'
    )
    with pytest.raises(StrategyFaults) as refused:
        compiled(REPRICE, {**files, "reprice/price.csv": price, "reprice/checkpoint.toml": form})
    told = "\n".join(refused.value.faults)
    assert "price_code: 'merchant_free' is none of baitiao; use standard or none" in told
    assert "review: reprice sends nothing to a person; remove it" in told
    assert "unavailable.outcome: 'raise' is not safe; use one of keep" in told
