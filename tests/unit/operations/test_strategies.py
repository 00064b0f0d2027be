"""A strategy folder on disk: which files it is made of, all of its faults, one case from a file."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from tests.checkpoints import USUAL_APPLICATION

from tallystick.operations.strategies import (
    compare_strategies,
    copy_standard_strategy,
    coverage_of,
    explain_case_file,
    read_checkpoint_folder,
    read_strategy_folder,
    read_whole_strategy,
    strategy_files,
)
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.economics import StrategyFaults

ON = date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The standard strategy, copied."""
    copy_standard_strategy(tmp_path / "policy")
    return tmp_path / "policy"


def test_the_copy_is_the_standard_strategy_and_one_hash_names_all_of_it(folder: Path) -> None:
    standard, copied = read_whole_strategy(None, on=ON), read_whole_strategy(folder, on=ON)
    hashes = {whole.review.sha256 for whole in (standard, copied)}
    hashes |= {checkpoint.sha256 for checkpoint in copied.checkpoints.values()}
    hashes.add(read_strategy_folder(folder, on=ON).sha256)
    assert len(hashes) == 1
    (folder / "authorize" / "approval.csv").write_text(
        (folder / "authorize" / "approval.csv").read_text(encoding="utf-8") + "\n", encoding="utf-8"
    )
    assert read_strategy_folder(folder, on=ON).sha256 not in hashes


def test_hidden_files_and_a_models_evidence_are_no_part_of_a_strategy(folder: Path) -> None:
    before = strategy_files(folder)
    for inside in (".git", "models/fraud/evidence"):
        (folder / inside).mkdir(parents=True)
        (folder / inside / "report.html").write_bytes(b"x")
    assert strategy_files(folder) == before
    (folder / "models" / "fraud" / "more.json").write_bytes(b"{}")
    assert set(strategy_files(folder)) - set(before) == {"models/fraud/more.json"}


def test_faults_of_the_review_and_of_all_checkpoints_come_together(folder: Path) -> None:
    for path, old, new in (
        ("grades.csv", "pd_ppm < 20000", "pd_pm < 20000"),
        ("authorize/offers.csv", "days_past_due >= 1", "days_past_de >= 1"),
        ("apply/income.csv", "affordable_minor < 50000", "affordable_mino < 50000"),
    ):
        file = folder / path
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(StrategyFaults) as refused:
        read_whole_strategy(folder, on=ON)
    told = "\n".join(refused.value.faults)
    for place in ("grades.csv, row 3", "authorize/offers.csv, row 3", "apply/income.csv, row 2"):
        assert place in told


def test_what_was_proven_is_told_of_every_table() -> None:
    told = [each["en"] for each in coverage_of(read_whole_strategy(None, on=ON))]
    assert "  velocity: 8 rows, every row is proven to be reached" in told
    assert "  pd_ppm: no model yet, the score is missing" in told
    [scored] = [each for each in told if each.startswith("  fraud_ppm: ")]
    assert re.fullmatch(
        r"  fraud_ppm: model_[0-9a-f]{24}, 4 features, 100 trees; "
        "missing where line_amount_to_max_90d or merchant_fraud_share_30d is",
        scored,
    )
    assert "    1 % are randomized" in told


def test_a_case_of_a_file_is_decided(folder: Path, tmp_path: Path) -> None:
    case = tmp_path / "case.json"
    case.write_text(json.dumps({**USUAL_APPLICATION, "is_student": True}), encoding="utf-8")
    explained = explain_case_file(folder, checkpoint=CheckpointName.APPLY, case=case)
    assert explained.trace.outcome == "decline"
    assert explained.explanation.en[:2] == ("declined", "Not offered to students")
    case.write_text("[1]", encoding="utf-8")
    with pytest.raises(StrategyFaults, match="a case is an object"):
        explain_case_file(folder, checkpoint=CheckpointName.APPLY, case=case)
    case.write_text("{", encoding="utf-8")
    with pytest.raises(StrategyFaults, match="cannot be read as JSON"):
        explain_case_file(folder, checkpoint=CheckpointName.APPLY, case=case)


def test_a_grade_of_the_limit_review_needs_economics(folder: Path) -> None:
    table = folder / "review_limit" / "grade.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("70000,D,", "70000,D2,"), encoding="utf-8")
    with pytest.raises(StrategyFaults, match="review_limit: grade 'D2' has no economics; the nearest is `D`"):
        read_whole_strategy(folder, on=ON)


def test_a_checkpoint_that_decides_nothing_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(StrategyFaults, match="it decides nothing at watch; it decides at apply, authorize"):
        read_checkpoint_folder(folder, checkpoint=CheckpointName.WATCH)
    with pytest.raises(StrategyFaults, match="there is no such strategy folder"):
        compare_strategies(folder, folder / "nowhere")
