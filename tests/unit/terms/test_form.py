"""A file is read whole: every fault at once, each with its file, its key and the way out."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from tallystick.terms.form import FormFaults, read_toml


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"


class Inner(Struct, frozen=True, kw_only=True):
    share_ppm: Annotated[int, Meta(ge=0, le=1_000_000)]
    note: str | None = None


class Outer(Struct, frozen=True, kw_only=True):
    code: Annotated[str, Meta(pattern=r"^[a-z]+$")]
    begins_on: date
    side: Side
    inner: Inner
    steps: Annotated[tuple[Inner, ...], Meta(min_length=1)]
    by_side: dict[Side, Inner]


WHOLE = """
code = "abc"
begins_on = 2026-01-01
side = "left"
inner = { share_ppm = 5 }
steps = [{ share_ppm = 1, note = "first" }]
[by_side]
left = { share_ppm = 2 }
"""


def _faults(text: str) -> list[str]:
    with pytest.raises(FormFaults) as found:
        read_toml(text, form=Outer, file="outer.toml")
    return [str(fault) for fault in found.value.faults]


def test_a_whole_file_becomes_the_value_that_it_says() -> None:
    assert read_toml(WHOLE, form=Outer, file="outer.toml") == Outer(
        code="abc",
        begins_on=date(2026, 1, 1),
        side=Side.LEFT,
        inner=Inner(share_ppm=5),
        steps=(Inner(share_ppm=1, note="first"),),
        by_side={Side.LEFT: Inner(share_ppm=2)},
    )


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('code = "abc"', 'code = "ABC"', "outer.toml: code: 'ABC' has another form; write it as ^[a-z]+$"),
        ('code = "abc"', "code = 3", "outer.toml: code: 3 is no text; give a text in quotes"),
        ('code = "abc"', 'code = "abc"\ncod = "d"', "outer.toml: cod: unknown key; did you mean code?"),
        ("2026-01-01", '"2026-01-01"', "outer.toml: begins_on: '2026-01-01' is no date; "
         "give a date as 2026-11-23, without quotes"),
        ("begins_on = 2026-01-01", "", "outer.toml: begins_on: missing; give a date as 2026-11-23, without quotes"),
        ('side = "left"', 'side = "lefft"', "outer.toml: side: 'lefft' is none of its words; did you mean left?"),
        ('side = "left"', 'side = "up"', "outer.toml: side: 'up' is none of its words; use left, right"),
        ("share_ppm = 5", "share_ppm = 1_000_001", "outer.toml: inner.share_ppm: 1000001 is out of range; "
         "give a whole number from 0 to 1000000"),
        ("share_ppm = 5", "share_ppm = true", "outer.toml: inner.share_ppm: True is no whole number; "
         "give a whole number from 0 to 1000000"),
        ("share_ppm = 5", "share_ppm = 0.5", "outer.toml: inner.share_ppm: 0.5 is no whole number; "
         "give a whole number from 0 to 1000000"),
        ("{ share_ppm = 5 }", "5", "outer.toml: inner: 5 is no section; write [inner] with share_ppm, note"),
        ('steps = [{ share_ppm = 1, note = "first" }]', "steps = []", "outer.toml: steps: too short; give at least 1"),
        ('note = "first"', "note = 1", "outer.toml: steps[0].note: 1 is no text; give a text in quotes"),
        ("left = {", "up = {", "outer.toml: by_side.up: 'up' is none of its words; use left, right"),
        ("share_ppm = 2", "share_ppm = -2", "outer.toml: by_side.left.share_ppm: -2 is out of range; "
         "give a whole number from 0 to 1000000"),
    ],
)  # fmt: skip
def test_one_fault_is_told_with_its_key_and_the_way_out(was: str, becomes: str, fault: str) -> None:
    assert was in WHOLE
    assert _faults(WHOLE.replace(was, becomes, 1)) == [fault]


def test_all_faults_are_told_at_once() -> None:
    found = _faults(WHOLE.replace('"abc"', "1").replace('"left"', '"up"').replace("share_ppm = 5", "share_pmm = 5"))
    assert [fault.split(": ")[1] for fault in found] == ["code", "side", "inner.share_pmm", "inner.share_ppm"]


def test_what_is_not_toml_is_said_so() -> None:
    assert _faults("code = ")[0].startswith("outer.toml: this is not TOML")
