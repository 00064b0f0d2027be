"""A mapping is read exactly, and everything that is wrong with it is told at once, each with the way out."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from tallystick.sources.mapping import MappingFaults, check_mapping, parse_mapping, read_mapping

Tables = Callable[..., pa.Table]


def faults_of(text: str) -> dict[str, str]:
    with pytest.raises(MappingFaults) as caught:
        parse_mapping(text, name="ours")
    return {fault.place: f"{fault.problem}; {fault.way_out}" for fault in caught.value.faults}


@pytest.mark.parametrize("name", ["uci-taiwan", "tallystick"])
def test_built_in_mappings_are_sound(name: str) -> None:
    mapping = read_mapping(name)
    assert mapping.name == name
    assert len(mapping.sha256) == 64


def test_the_taiwan_mapping_states_rate_outcome_and_horizon() -> None:
    mapping = read_mapping("uci-taiwan")
    english = " ".join(each["en"] for each in mapping.statements)
    assert mapping.rates["TWD"].value == Decimal("0.244")
    assert mapping.outcome is not None
    assert (mapping.outcome.horizon_months, mapping.outcome.pd_horizon) == (1, "as_is")
    for stated in ("0.244 CNY per TWD", "Federal Reserve H.10", "performance window 1 month,", "twelve-month label"):
        assert stated in english
    assert all(each["zh"] and each["en"] for each in mapping.statements)


def test_a_scale_is_stated(mapping_text: str) -> None:
    mapping = parse_mapping(f'limit_scale = "0.1"\n{mapping_text}', name="ours")
    assert mapping.limit_scale == Decimal("0.1")
    assert any("multiplied by 0.1" in each["en"] for each in mapping.statements)
    assert all("multiplied" not in each["en"] for each in parse_mapping(mapping_text, name="ours").statements)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(MappingFaults, match="did you mean 'uci-taiwan'"):
        read_mapping("uci_taiwan")


def test_a_file_of_ones_own_is_named_by_its_file(tmp_path: Path, mapping_text: str) -> None:
    path = tmp_path / "ours.toml"
    path.write_text("\ufeff" + mapping_text, encoding="utf-8")
    assert read_mapping(str(path)).name == "ours"
    path.write_bytes(mapping_text.encode("utf-16"))
    with pytest.raises(MappingFaults, match="save it as UTF-8"):
        read_mapping(str(path))


def test_text_that_is_not_toml_names_the_line() -> None:
    assert "line 2" in faults_of('name = "x"\nbroken\n')["mapping"]


def test_ends_of_lines_do_not_change_the_hash(mapping_text: str) -> None:
    windows = parse_mapping(mapping_text.replace("\n", "\r\n"), name="ours")
    assert windows.sha256 == parse_mapping(mapping_text, name="ours").sha256


def test_everything_wrong_is_told_at_once() -> None:
    found = faults_of(
        """
        currency = "YUAN"
        source_currency = "TWD"
        limit_scale = 0.5
        colour = "red"
        statement = [{ zh = "只有中文" }]

        [rate.USD]
        value = 7.1

        [outcome]
        horizon_months = 0
        pd_horizon = "yearly"
        zh = ""

        [field.line_id]
        columns = ["a", "b"]

        [field.balanc]
        column = "x"

        [field.balance]
        pattern = "BILL"
        unit = "yuan"
        negative = "ignore"

        [field.sex]
        column = "SEX"
        codes = { 1 = "man" }
        unlisted = "guess"
        unit = "major"

        [field.age]
        column = "AGE"
        codes = { 1 = "young" }
        special = { "x" = 0, "-1" = 0.5 }
        """
    )
    assert "'YUAN'" in found["currency"]
    assert "add [rate.TWD]" in found["rate.TWD"]
    assert "in quotes" in found["limit_scale"]
    assert found["mapping.colour"].startswith("is not known")
    assert "zh" in found["statement 1"]
    assert "in quotes" in found["rate.USD.value"]
    assert "which day" in found["rate.USD.source"]
    assert set(found) >= {"outcome.horizon_months", "outcome.pd_horizon", "outcome.zh", "outcome.en"}
    assert "did you mean 'balance'" in found["field.balanc"]
    assert "[field.credit_limit]" in found["field.credit_limit"]
    assert 'column = "..."' in found["field.line_id"]
    assert set(found) >= {"field.balance.pattern", "field.balance.unit", "field.balance.negative"}
    assert "'male', 'female'" in found["field.sex.codes.1"]
    assert set(found) >= {"field.sex.unlisted", "field.sex.unit", "field.age.codes"}
    assert set(found) >= {"field.age.special.x", "field.age.special.-1"}


@pytest.mark.parametrize(
    "text",
    [
        "rate = 3",
        "limit_scale = true",
        'rate = { TWD = "0.2" }',
        "outcome = 1",
        "statement = 'x'",
        "field = []",
        "numbers = 1",
        "field = { balance = 3, sex = { column = 1, codes = 2 } }",
        'field = { paid = { columns = "PAY" }, spent = { pattern = "S{n}", count = true } }',
        'source_currency = { code = "TWD" }',
    ],
)
def test_values_of_the_wrong_shape_are_faults_not_crashes(text: str) -> None:
    word = text.split(maxsplit=1)[0]
    assert any(place.startswith(word) for place in faults_of(text))


def test_a_rate_without_end_is_refused(mapping_text: str) -> None:
    text = f'source_currency = "TWD"\n{mapping_text}\n[rate.TWD]\nvalue = "0.24373493975903614"\nsource = "x"\n'
    assert "digits" in faults_of(text)["rate.TWD.value"]


def test_a_currency_column_excludes_one_currency_for_all(mapping_text: str) -> None:
    text = f'source_currency = "CNY"\n{mapping_text}\n[field.currency]\ncolumn = "ccy"\n'
    assert "keep one of the two" in faults_of(text)["source_currency"]


def test_one_mark_cannot_mean_two_things(mapping_text: str) -> None:
    assert "both marks" in faults_of(f'numbers = {{ thousands = "." }}\n{mapping_text}')["numbers"]


def test_a_fitting_table_has_no_faults(mapping_text: str, table_with: Tables) -> None:
    assert check_mapping(parse_mapping(mapping_text, name="ours"), table_with()) == ()


def test_all_that_does_not_fit_a_table_is_told_at_once(mapping_text: str, table_with: Tables) -> None:
    table = table_with(
        limit=["high", "low", None, "high"],
        age=pa.array([0, 1, 2, 3], pa.date32()),
        school=["A", "B", "C", "D"],
        bal0=[[1], [2], [3], [4]],
        late1=[True, False, True, False],
    ).rename_columns(["ID", "limit", "age", "school", "bal0", "bal_1", "late0", "late1", "bad"])
    found: dict[str, list[str]] = {}
    for fault in check_mapping(parse_mapping(mapping_text, name="ours"), table):
        found.setdefault(fault.place, []).append(f"{fault.problem}; {fault.way_out}")
    assert "column 'id' is not in the file" in found["field.line_id"][0]
    assert "holds no number but 'high', 'low'" in found["field.credit_limit"][0]
    assert "date32" in found["field.age"][0]
    assert "none of 1, 2 but 'A', 'B'" in found["field.education"][0]
    assert len(found["field.balance"]) == 2
    assert "list<" in found["field.balance"][0]
    assert "did you mean 'bal_1'" in found["field.balance"][1]
    assert "bool" in found["field.months_past_due"][0]
    assert set(found) == {
        "field.line_id", "field.credit_limit", "field.age", "field.education", "field.balance", "field.months_past_due",
    }  # fmt: skip


def test_a_column_that_is_missing_throughout_fits(mapping_text: str, table_with: Tables) -> None:
    assert check_mapping(parse_mapping(mapping_text, name="ours"), table_with(age=pa.nulls(4))) == ()


def test_words_a_draft_left_open_are_faults(mapping_text: str, table_with: Tables) -> None:
    text = mapping_text.replace("90 days past due", "? what counts as bad")
    faults = check_mapping(parse_mapping(text, name="ours"), table_with())
    assert [fault.place for fault in faults] == ["outcome.en"]
