"""Files that hold no case: both commands say so in the stated form, and do not look as if all were well."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.conformance import apr, schedules

Command = Callable[[Sequence[str]], int]
COMMANDS = [(schedules.main, "cases"), (apr.main, "examples")]


@pytest.mark.parametrize(("command", "key"), COMMANDS)
@pytest.mark.parametrize(
    "written",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"KEY": []}',
        '{"KEY": {}}',
        '{"KEY": [1]}',
        '{"other": [{}]}',
        "\udcff",
        "[" * 9999,
    ],
)
def test_a_file_without_cases_is_told_in_the_stated_form(
    command: Command, key: str, written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.json"
    file.write_text(written.replace("KEY", key), encoding="utf-8", errors="surrogateescape")
    assert command([str(file), "--json"]) == 2
    _assert_told(capsys.readouterr().out, file=file)


@pytest.mark.parametrize(("command", "key"), COMMANDS)
@pytest.mark.parametrize("name", ["not-there.json", "."])
def test_a_file_that_is_none_is_told_in_the_stated_form(
    command: Command, key: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([str(tmp_path / name), "--json"]) == 2
    _assert_told(capsys.readouterr().out, file=tmp_path / name)


@pytest.mark.parametrize(("command", "key"), COMMANDS)
@pytest.mark.parametrize("arguments", [[], ["a.json", "--xml"], ["a.json", "b.json"]])
def test_wrong_arguments_end_with_the_usage(
    command: Command, key: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(arguments)
    assert ended.value.code == 2
    assert "usage: " in capsys.readouterr().err


def _assert_told(printed: str, *, file: Path) -> None:
    outcome = json.loads(printed)
    assert set(outcome) == {"passed", "failed", "differences"}
    assert (outcome["passed"], outcome["failed"]) == (0, 1)
    assert str(file) in outcome["differences"][0]["problem"]
