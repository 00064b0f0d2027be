"""Every published schedule is reproduced to the cent, and the command says so in one object."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.schedules import difference, judge, main


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> list[dict[str, Any]]:
    published: list[dict[str, Any]] = json.loads((shared_data / "installment_schedules.json").read_text())["cases"]
    return published


def test_every_published_schedule_is_reproduced(cases: Sequence[dict[str, Any]]) -> None:
    assert judge(cases)["differences"] == []


def test_the_command_prints_one_object(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(shared_data / "installment_schedules.json"), "--json"])
    outcome = json.loads(capsys.readouterr().out)
    assert code == 0
    assert set(outcome) == {"passed", "failed", "differences"}
    assert outcome["passed"] >= 100


def test_a_figure_that_is_a_cent_off_is_told(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(next(case for case in cases if case["timeline"][1].get("expect") == "schedule"))
    case["timeline"][1]["rows"][1]["interest"] = "0.01"
    found = difference(case)
    assert found is not None
    assert found["key"] == "rows[1].interest"
    assert found["expected"] == "0.01"


def test_a_missing_row_is_told(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(next(case for case in cases if case["timeline"][1].get("expect") == "schedule"))
    del case["timeline"][1]["rows"][-1]
    assert difference(case) is not None


def test_an_event_that_is_not_known_is_named(cases: Sequence[dict[str, Any]]) -> None:
    case = deepcopy(cases[0])
    case["timeline"].insert(0, {"on": "2024-01-01", "event": "teleport", "date": "2024-01-01"})
    found = difference(case)
    assert found is not None
    assert "'teleport' is not known" in found["problem"]


def test_the_text_form_counts_and_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "none.json"
    file.write_text(json.dumps({"cases": []}))
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == "0 passed, 0 failed\n"
