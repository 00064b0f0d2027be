"""The command line as a person meets it: answers on standard output, refusals on standard error with status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.checkpoints import USUAL_PURCHASE, standard_checkpoint
from tests.commands import command

from tallystick.strategy.case_columns import CheckpointName


def _run(*words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TALLYSTICK_LANGUAGE": language, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tallystick", *words], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("words", [("--help",), ("review", "--help"), ("mapping", "--help"), ("strategy", "--help")])
def test_help_answers(words: tuple[str, ...]) -> None:
    answer = _run(*words)
    assert answer.returncode == 0
    assert "Usage" in answer.stdout


def test_a_simulated_portfolio_is_reviewed_and_the_headline_printed(tmp_path: Path) -> None:
    written = _run("world", "portfolio", "--lines", "2500", "--out", str(tmp_path / "lines"))
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "lines" / "truth.parquet").is_file()
    answer = _run(
        "review", "--data", str(tmp_path / "lines" / "portfolio.parquet"), "--mapping", "tallystick", "--cap", "50000",
        "--baseline-cap", "30000", "--out", str(tmp_path / "review"), language="zh",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "报告" in answer.stdout
    assert (tmp_path / "review" / "report.html").is_file()
    assert max(len(line) for line in answer.stdout.splitlines() if "report.html" not in line) <= 80


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("nowhere.parquet", "no such file"),
        ("empty.csv", "the file is empty"),
        ("words.parquet", "is not a Parquet file"),
        ("header.csv", "no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_without_a_traceback(tmp_path: Path, data: str, message: str) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "words.parquet").write_text("these are words", encoding="utf-8")
    (tmp_path / "header.csv").write_text("ID,LIMIT_BAL\n", encoding="utf-8")
    options = ["--cap", "50000", "--baseline-cap", "30000", "--out", str(tmp_path / "out")]
    answer = command("review", "--data", str(tmp_path / data), "--mapping", "uci-taiwan", *options)
    assert answer.returncode == 2
    assert message in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr


def test_an_unknown_mapping_names_the_built_in_ones(tmp_path: Path) -> None:
    answer = _run("mapping", "check", "uci-taiwn")
    assert answer.returncode == 2
    assert "did you mean 'uci-taiwan'" in " ".join(answer.stderr.split())


def test_a_strategy_is_copied_and_checked(tmp_path: Path) -> None:
    assert command("strategy", "init", str(tmp_path / "policy")).returncode == 0
    checked = command("strategy", "check", str(tmp_path / "policy"), "--as-of", "2026-11-23")
    assert checked.returncode == 0, checked.stderr
    assert "grades: 8 rows, every row is proven to be reached" in checked.stdout
    assert "with months_on_book missing, row too_young is passed by and the last row decides" in " ".join(
        checked.stdout.split()
    )
    grades = tmp_path / "policy" / "grades.csv"
    grades.write_text(grades.read_text(encoding="utf-8").replace("pd_ppm < 20000", "pd_pm < 20000"), encoding="utf-8")
    broken = command("strategy", "check", str(tmp_path / "policy"), "--as-of", "2026-11-23")
    assert broken.returncode == 2
    assert "grades.csv, row 3" in " ".join(broken.stderr.split())


def test_a_strategy_with_checkpoints_is_checked_compared_and_explained(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    assert command("strategy", "init", str(before)).returncode == 0
    assert command("strategy", "init", str(after)).returncode == 0
    assert command("strategy", "diff", str(before), str(after)).stdout.strip() == "The two strategies are the same"
    table = after / "authorize" / "available.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("> available_minor", "> available_minor + 500"), "utf-8")
    told = command("strategy", "diff", str(before), str(after)).stdout
    assert "when: amount_minor > available_minor becomes amount_minor > available_minor + 500" in told
    assert (
        "when：amount_minor > available_minor 改为"
        in command("strategy", "diff", str(before), str(after), language="zh").stdout
    )
    case = tmp_path / "case.json"
    read = standard_checkpoint(CheckpointName.AUTHORIZE).case_types  # what the model alone reads is no figure of a case
    usual = {name: told for name, told in USUAL_PURCHASE.items() if name in read}
    case.write_text(json.dumps({**usual, "days_past_due": 5}), encoding="utf-8")
    explained = command("strategy", "explain", str(before), "authorize", "--case", str(case))
    assert explained.returncode == 0, explained.stderr
    assert "With days past due at 3 (now 5), all else the same, the answer would be: approved" in " ".join(
        explained.stdout.split()
    )
    case.write_text('{"amount_minr": 5}', encoding="utf-8")
    refused = command("strategy", "explain", str(before), "authorize", "--case", str(case))
    assert refused.returncode == 2
    assert "'amount_minr' is not read at authorize; the nearest is `amount_minor`" in " ".join(refused.stderr.split())
    assert "amount_minor is missing; it is known of every case" in " ".join(refused.stderr.split())
    table.write_text("id,when\n", encoding="utf-8")
    broken = " ".join(command("strategy", "check", str(after), "--as-of", "2026-11-23").stderr.split())
    assert "authorize/available.csv, row 1, reason: this heading is absent" in broken


def test_a_checkpoint_may_not_grant_one_person_more_than_the_law(tmp_path: Path) -> None:
    assert command("strategy", "init", str(tmp_path / "policy")).returncode == 0
    form = tmp_path / "policy" / "apply" / "checkpoint.toml"
    form.write_text(form.read_text(encoding="utf-8").replace("= 20_000_000", "= 20_000_001"), encoding="utf-8")
    answer = command("strategy", "check", str(tmp_path / "policy"), "--as-of", "2026-11-23")
    assert answer.returncode == 2
    assert "affordability.most_minor: 20000001 is above 20000000" in " ".join(answer.stderr.split())


def test_a_wrong_setting_names_the_variable() -> None:
    answer = _run("demo", "--out", "unused", language="fr")
    assert answer.returncode == 2
    assert "TALLYSTICK_LANGUAGE is 'fr'" in " ".join(answer.stderr.split())


def test_a_command_begins_without_what_only_its_work_needs() -> None:
    heavy = ("duckdb", "lightgbm", "sklearn", "altair", "pandas", "numpy", "pyarrow", "psycopg", "sqlglot")
    told = f"import sys, tallystick.cli.app; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
