"""A model is put into a strategy's files: its folder, the sections that name it, and nothing else is touched."""

import tomllib

import pytest

from tallystick.operations.strategies import strategy_files
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.model_places import with_model

MODEL = {"manifest.json": b"{}"}
AUTHORIZE = "authorize/checkpoint.toml"


def test_a_model_takes_the_place_of_the_one_that_stood_there() -> None:
    standard = strategy_files(None)
    placed = with_model(standard, MODEL, name="fraud", checkpoints=[CheckpointName.AUTHORIZE])
    assert [path for path in placed if path.startswith("models/fraud/")] == ["models/fraud/manifest.json"]
    before, after = (tomllib.loads(files[AUTHORIZE].decode()) for files in (standard, placed))
    assert after["models"]["fraud"] == {
        key: told for key, told in before["models"]["fraud"].items() if key != "needs"
    }  # fmt: skip
    assert {**after, "models": None} == {**before, "models": None}
    assert placed[AUTHORIZE].count(b"#") == standard[AUTHORIZE].count(b"#")


def test_one_model_is_named_by_several_checkpoints_with_what_it_needs() -> None:
    names = [CheckpointName.REVIEW_LIMIT, CheckpointName.REPRICE]
    placed = with_model(
        strategy_files(None), MODEL, name="behavior", checkpoints=names, needs=["bureau_score", "amount"]
    )
    for name in names:
        told = tomllib.loads(placed[f"{name}/checkpoint.toml"].decode())["models"]["behavior"]
        assert (told["folder"], told["needs"]) == ("models/behavior", ["bureau_score", "amount"])
        assert (told["column"], told["zh"]) == ("pd_ppm", "违约概率")


def test_a_list_over_several_lines_and_a_last_section_are_written_anew() -> None:
    form = b'zh = "x"\n[models.fraud] # ours\ncolumn = "fraud_ppm"\nneeds = [\n  "amount",\n]\nfolder = "models/fraud"'
    [told] = [
        files[AUTHORIZE].decode()
        for files in [with_model({AUTHORIZE: form}, MODEL, name="fraud", checkpoints=[CheckpointName.AUTHORIZE])]
    ]
    assert tomllib.loads(told) == {"zh": "x", "models": {"fraud": {"column": "fraud_ppm", "folder": "models/fraud"}}}
    assert "# ours" in told


def test_a_checkpoint_without_a_place_is_told_with_the_way_out() -> None:
    files = {AUTHORIZE: b'zh = "x"\n', "reprice/checkpoint.toml": b"zh = \n"}
    names = [CheckpointName.AUTHORIZE, CheckpointName.REPRICE, CheckpointName.APPLY]
    with pytest.raises(StrategyFaults) as refused:
        with_model(files, MODEL, name="fraud", checkpoints=names)
    first, second, third = refused.value.faults
    assert first == f"{AUTHORIZE}: models.fraud: missing; write [models.fraud] with the column of its score, zh and en"
    assert second.startswith("reprice/checkpoint.toml: this is not TOML")
    assert third == "apply/checkpoint.toml: missing from the strategy folder; write it"
