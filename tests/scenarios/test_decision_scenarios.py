"""Runs the scenarios of each checkpoint: one case, and the decision that a credit officer expects of it."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.checkpoints import USUAL, cases, standard_checkpoint

from tallystick.strategy.case_columns import CheckpointName

FILES = {
    CheckpointName.AUTHORIZE: "purchases.toml",
    CheckpointName.APPLY: "applications.toml",
    CheckpointName.REVIEW_LIMIT: "limit_reviews.toml",
    CheckpointName.REPRICE: "repricings.toml",
}
# Words of the scenarios for figures in minor units or ppm, and how many of them make one.
_SCALED = {
    "amount": ("amount_minor", 100), "drawn": ("drawn_minor", 100), "available": ("available_minor", 100),
    "fraud": ("fraud_ppm", 10_000), "pd": ("pd_ppm", 10_000), "income": ("income_month_minor", 100),
    "joint_limit": ("joint_limit_minor", 100), "joint_exposure": ("joint_exposure_minor", 100),
    "debts": ("bureau_total_drawn", 100), "present_limit": ("limit_minor", 100), "asked": ("requested_minor", 100),
    **{name: (name, 100) for name in ("line_purchase_sum_1d", "line_purchase_mean_90d", "line_purchase_max_90d")},
}  # fmt: skip
_EXPECTED = {
    "expected", "reasons", "action", "deadline_minutes", "four_eyes", "installments", "price", "grade", "limit",
    "most", "least", "cooling_days",
}  # fmt: skip


def _scenarios() -> list[Any]:
    found = []
    for name, file in FILES.items():
        content = tomllib.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
        found += [pytest.param(name, each, id=f"{name}: {each['title']}") for each in content["scenario"]]
    return found


def _case(name: CheckpointName, scenario: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in scenario.items() if key not in {"title", "missing", "scored", *_EXPECTED}}
    missing = scenario.get("missing", [])
    if missing == ["all features"]:
        missing = standard_checkpoint(name).features
    case: dict[str, Any] = dict.fromkeys(missing)
    for word, value in told.items():
        figure, scale = _SCALED.get(word, (word, 1))
        case[figure] = round(value * scale) if scale > 1 else value
    return case


def _cases(name: CheckpointName, *scenarios: dict[str, Any]) -> pa.Table:
    """The cases of scenarios, with the score of the model that ships where they ask for it."""
    columns = cases(name, *(_case(name, scenario) for scenario in scenarios))
    if name is not CheckpointName.AUTHORIZE:
        return columns
    given = {figure: columns[figure].to_pylist() for figure in columns.column_names}
    pairs = zip(given["amount_minor"], given["line_purchase_max_90d"], strict=True)
    given["line_amount_to_max_90d"] = [None if most is None else amount / most for amount, most in pairs]
    [model] = standard_checkpoint(name).models
    reads = [feature.name for feature in model.fitted.model.features]
    score = standard_checkpoint(name).score({figure: np.array(given[figure], dtype=np.float64) for figure in reads})
    for case, scenario in enumerate(scenarios):
        if scenario.get("scored"):
            given["fraud_ppm"][case] = float(score["fraud_ppm"][case])
    return pa.table(given)


@pytest.mark.parametrize(("name", "scenario"), _scenarios())
def test_scenario(name: CheckpointName, scenario: dict[str, Any]) -> None:
    checkpoint = standard_checkpoint(name)
    decided = checkpoint.decide(_cases(name, scenario))
    assert decided.outcome[0] == scenario["expected"]
    assert list(decided.reasons[0]) == scenario.get("reasons", [])
    outputs = {output: values[0] for output, values in decided.outputs.items()}
    for word, output in (("action", "action"), ("four_eyes", "four_eyes"), ("deadline_minutes", "deadline_minutes")):
        usual = {"action": "none", "four_eyes": False}.get(word, outputs.get(output))
        assert outputs.get(output, usual) == scenario.get(word, usual)
    for word, output, scale in (
        ("installments", "most_installments", 1), ("price", "price_code", 1), ("grade", "grade", 1),
        ("limit", "limit_minor", 100), ("most", "most_minor", 100), ("least", "least_minor", 100),
        ("cooling_days", "cooling_days", 1),
    ):  # fmt: skip
        if word in scenario:
            expected = scenario[word]
            assert outputs[output] == (expected if isinstance(expected, str) else expected * scale)


def test_every_row_of_the_standard_strategy_that_refuses_has_its_scenario() -> None:
    """A new rule comes with the case that shows it."""
    for name in USUAL:
        checkpoint = standard_checkpoint(name)
        told = [each.values[1] for each in _scenarios() if each.values[0] == name]
        decided = checkpoint.decide(_cases(name, *told))
        for step in checkpoint.steps:
            if step.decides:
                reached = {step.table.rows[row].id for row in decided.rows[step.name]}
                refusing = {row.id for row in step.table.rows if row.outputs["outcome"] != "continue"}
                assert not refusing - reached, step.name
