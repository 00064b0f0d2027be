"""The mappings shown in the guide can be read, and it names every field, reason and note that there is."""

from pathlib import Path

import pytest

from tallystick.sources.fields import FIELDS
from tallystick.sources.mapping import parse_mapping
from tallystick.sources.reasons import NOTE_TEXTS, REJECT_TEXTS, NoteReason, RejectReason

DOCS = Path(__file__).resolve().parents[3] / "docs"
GUIDES = ("mapping.md", "mapping.zh-CN.md")


@pytest.mark.parametrize("name", GUIDES)
def test_the_mapping_shown_is_sound(name: str) -> None:
    shown = (DOCS / name).read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    mapping = parse_mapping(shown, name="shown")
    assert mapping.months == 12
    assert mapping.fields["education"].codes.keys() >= {"1"} or mapping.fields["education"].codes.keys() >= {"本科"}


@pytest.mark.parametrize("name", GUIDES)
def test_every_field_unit_and_reason_is_told(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    words = {*FIELDS, *RejectReason, *NoteReason, *(unit for field in FIELDS.values() for unit in field.units)}
    untold = {word for word in words - {"years"} if f"`{word}`" not in text}
    assert untold == set()


def test_every_reason_has_its_texts() -> None:
    assert set(REJECT_TEXTS) == set(RejectReason)
    assert set(NOTE_TEXTS) == set(NoteReason)
    assert all(zh and en for zh, en in [*REJECT_TEXTS.values(), *NOTE_TEXTS.values()])
