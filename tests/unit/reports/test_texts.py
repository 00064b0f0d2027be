"""Every text exists in both languages, with the same placeholders, and is used."""

import re
import string
import tomllib
from importlib.resources import files

import pytest

from tallystick.reports.texts import read_texts, texts_in

PACKAGE = files("tallystick.reports")


def _placeholders(text: str) -> list[str]:
    return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field is not None)


def _sources() -> str:
    names = sorted(item.name for item in PACKAGE.iterdir() if item.name.endswith((".py", ".j2")))
    return "\n".join(PACKAGE.joinpath(name).read_text(encoding="utf-8") for name in names)


def test_every_entry_holds_exactly_the_two_languages() -> None:
    sections = tomllib.loads(PACKAGE.joinpath("texts.toml").read_text(encoding="utf-8"))
    for section, entries in sections.items():
        for name, text in entries.items():
            assert set(text) == {"zh", "en"}, f"{section}.{name}"
            assert text["zh"].strip(), f"{section}.{name} has no Chinese text"
            assert text["en"].strip(), f"{section}.{name} has no English text"


def test_both_languages_have_the_same_keys() -> None:
    assert texts_in("zh").entries.keys() == texts_in("en").entries.keys()


def test_both_languages_have_the_same_placeholders() -> None:
    for key, text in read_texts().items():
        assert _placeholders(text["zh"]) == _placeholders(text["en"]), key


def test_chinese_is_chinese_and_english_is_not() -> None:
    same_by_nature = {"prices.pd", "terminal.pd", "measure.gap_value"}
    for key, text in read_texts().items():
        assert not re.search("[\u4e00-\u9fff]", text["en"]), key
        assert key in same_by_nature or re.search("[\u4e00-\u9fff]", text["zh"]), key


def test_every_text_is_used() -> None:
    """A key is used whole ("rows.title"), or its name is chosen from a list after a prefix (f"rows.{key}")."""
    sources = _sources()
    chosen = set(re.findall(r'f"([a-z_]+)\.[a-z_]*\{', sources))
    for key in read_texts():
        section, name = key.split(".")
        endings = [name, *(name.split("_", cut)[-1] for cut in range(1, name.count("_") + 1))]
        by_parts = section in chosen and any(f'"{ending}"' in sources or f"_{ending}" in sources for ending in endings)
        assert f'"{key}"' in sources or by_parts, f"{key} is not used: remove it"


def test_every_key_named_in_the_code_exists() -> None:
    keys = read_texts()
    sections = {key.split(".")[0] for key in keys}
    named = re.findall(r'"([a-z]+)\.([a-z0-9_]+)"', _sources())
    missing = [
        f"{section}.{name}" for section, name in named if section in sections and f"{section}.{name}" not in keys
    ]
    assert [name for name in missing if not name.endswith((".css", ".js", ".toml"))] == [
        name for name in missing if name in {"report.css", "report.js", "texts.toml"}
    ]


def test_an_unknown_key_and_a_missing_value_are_refused() -> None:
    with pytest.raises(KeyError, match=r"page\.nothing"):
        texts_in("en")("page.nothing")
    with pytest.raises(KeyError, match="baseline"):
        texts_in("en")("page.title", new="50,000")
