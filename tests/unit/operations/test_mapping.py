"""A mapping is drafted into a new file, and a check tells what is wrong with it and what it leaves open."""

from pathlib import Path

import pytest

from tallystick.operations.mapping import check_mapping_file, init_mapping
from tallystick.operations.whole_files import OutputFault
from tallystick.sources.files import FileFault

LINES = "id,limit,sex,balance\na,100,1,-5\nb,200,2,7\nc,300,9,0\n"
MAPPING = """
currency = "CNY"

[field.line_id]
column = "id"

[field.credit_limit]
column = "limit"
unit = "major"

[field.sex]
column = "sex"
codes = { 1 = "male", 2 = "female" }

[field.balance]
column = "balance"
unit = "major"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "lines.csv"
    path.write_text(LINES)
    return path


def checked(tmp_path: Path, text: str, data: Path | None) -> dict[str, str]:
    path = tmp_path / "ours.toml"
    path.write_text(text, encoding="utf-8")
    return {fault.place: str(fault) for fault in check_mapping_file(mapping=str(path), data=data)}


def test_a_draft_is_written_and_can_be_checked(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "new" / "ours.toml"
    init_mapping(data=data, out=out)
    assert check_mapping_file(mapping=str(out)) == ()
    assert 'name = "ours"' in out.read_text(encoding="utf-8")


def test_an_existing_file_is_not_touched(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "ours.toml"
    out.write_text("mine")
    with pytest.raises(OutputFault, match="exists already"):
        init_mapping(data=data, out=out)
    assert out.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, data: Path) -> None:
    with pytest.raises(OutputFault, match="cannot be written"):
        init_mapping(data=data, out=data / "ours.toml")


def test_data_that_is_not_there_is_a_file_fault(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="no such file"):
        check_mapping_file(mapping="uci-taiwan", data=tmp_path / "gone.parquet")


def test_a_built_in_mapping_is_sound() -> None:
    assert check_mapping_file(mapping="uci-taiwan") == ()
    assert [fault.place for fault in check_mapping_file(mapping="uci-taivan")] == ["mapping"]


def test_faults_of_form_and_of_fit_are_told(tmp_path: Path, data: Path) -> None:
    assert set(checked(tmp_path, MAPPING.replace('"CNY"', '"XXX"'), data)) == {"currency"}
    assert set(checked(tmp_path, MAPPING.replace('"limit"', '"cap"'), data)) == {"field.credit_limit"}


def test_what_a_mapping_leaves_open_is_told_with_counts_and_values(tmp_path: Path, data: Path) -> None:
    found = checked(tmp_path, MAPPING, data)
    assert "1 of 3 rows would be refused as UNLISTED_CODE: '9'" in found["field.sex"]
    assert "1 of 3 rows would be refused as NEGATIVE: '-5'" in found["field.balance"]


def test_a_refusal_that_the_mapping_decided_is_no_fault(tmp_path: Path, data: Path) -> None:
    decided = MAPPING.replace('"female" }', '"female" }\nunlisted = "reject"') + 'negative = "reject"\n'
    assert checked(tmp_path, decided, data) == {}


def test_a_file_without_a_valid_row_is_told(tmp_path: Path) -> None:
    data = tmp_path / "lines.csv"
    data.write_text("id,limit,sex,balance\na,-1,1,0\n")
    assert "none of 1 rows is valid" in checked(tmp_path, MAPPING, data)["data"]
