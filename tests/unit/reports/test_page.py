"""The page: well formed, self-contained, the same bytes each time, in two languages, safe against its own data."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from tallystick.reports.page import render_page
from tallystick.reports.summary import Summary
from tallystick.reports.texts import texts_in
from tallystick.reports.tiles import headline_tiles
from tallystick.reports.view import View

Make = Callable[[str], Summary]
VOID = {"meta", "input", "br", "hr", "img", "link", "wbr"}
SECTIONS = (
    "rows", "assumptions", "model", "prices", "who", "frontier", "stress", "caps", "reasons", "inputs",
)  # fmt: skip


class Outline(HTMLParser):
    """Reads a page strictly: every tag closed in order, every id once."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs), f"<{tag}> repeats an attribute"
        self.tags.append((tag, found))
        self.ids += [identity for name, identity in attrs if name == "id" and identity]


def read(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    return outline


@pytest.mark.parametrize("name", ["bare", "empty"])
def test_odd_summaries_give_well_formed_pages(make: Make, name: str) -> None:
    outline = read(render_page(make(name)))
    assert len(outline.ids) == len(set(outline.ids))
    words = "".join(outline.text)
    assert "None" not in words
    assert "nan" not in words.lower().split()


def test_the_page_is_well_formed_and_every_id_is_its_own(usual_page: str) -> None:
    outline = read(usual_page)
    assert len(outline.ids) == len(set(outline.ids))


def test_references_inside_drawings_lead_to_ids_of_the_page(usual_page: str) -> None:
    ids = set(read(usual_page).ids)
    references = re.findall(r"url\(#([^)]+)\)", usual_page) + re.findall(r'href="#([^"]+)"', usual_page)
    assert references
    assert set(references) <= ids


def test_every_section_stands_in_both_languages_in_order(usual_page: str) -> None:
    ids = read(usual_page).ids
    for language in ("zh", "en"):
        assert [name for name in ids if name in {f"{language}-{part}" for part in SECTIONS}] == [
            f"{language}-{part}" for part in SECTIONS
        ]


def test_nothing_is_loaded_from_anywhere(usual_page: str) -> None:
    outside = [
        url for url in re.findall(r"https?://[^\s\"'<)]+", usual_page) if not url.startswith("http://www.w3.org/")
    ]
    assert outside == []
    assert not re.search(r"@import|url\((?!#)|<link|<iframe|<object|<embed", usual_page)
    for tag, attributes in read(usual_page).tags:
        assert "src" not in attributes, tag
        assert "href" not in attributes or str(attributes["href"]).startswith("#"), tag
    assert "default-src &#39;none&#39;" in usual_page or "default-src 'none'" in usual_page


def test_the_same_summary_gives_the_same_bytes_in_whatever_order_its_keys_come(usual: Summary, usual_page: str) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert render_page(turned(json.loads(json.dumps(usual)))) == usual_page


def test_markup_in_data_stays_text(hostile_page: str) -> None:
    assert hostile_page.count("<script>") == 1  # our own
    outline = read(hostile_page)
    assert "".join(outline.text).count("<script>alert('x')</script>") >= 20
    assert [tag for tag, _ in outline.tags].count("script") == 1


def test_the_only_script_is_the_one_that_the_policy_names(usual_page: str) -> None:
    script = re.search(r"<script>(.*?)</script>", usual_page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in usual_page.replace("&#39;", "'")


def test_without_a_script_the_page_shows_chinese_and_can_be_switched(usual_page: str) -> None:
    choices = [attributes for tag, attributes in read(usual_page).tags if tag == "input"]
    assert [(choice["id"], "checked" in choice) for choice in choices] == [("choose-zh", True), ("choose-en", False)]
    labels = {attributes["for"] for tag, attributes in read(usual_page).tags if tag == "label"}
    assert labels == {"choose-zh", "choose-en"}


def test_every_drawing_has_a_text_alternative_a_caption_and_nearby_figures(usual_page: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", usual_page, re.DOTALL)
    assert len(figures) == 2 * 8
    for figure in figures:
        label = re.search(r'role="img" aria-label="([^"]+)"', figure)
        assert label is not None, figure[:200]
        assert len(label.group(1)) > 10
        assert re.search(r"<figcaption>.*<h3>.+</h3>.*class=\"reading\"", figure, re.DOTALL)
        assert "<svg" in figure


def test_headline_tiles_show_the_difference_of_the_caps(usual: Summary) -> None:
    _, baseline, new = usual["scenarios"]
    baseline["limit_minor"], new["limit_minor"] = 400_000_000_00, 512_000_000_00
    tile = headline_tiles(View(usual, texts_in("zh")))[0]
    assert (tile.value, tile.change, tile.percent) == ("5.12 亿", "+1.12 亿", "+28.0%")
    assert [row.bar_length for row in tile.rows][1:] == ["78.12", "100.00"]


def test_bars_of_losses_start_left_of_zero(usual: Summary) -> None:
    for scenario, profit in zip(usual["scenarios"], (-100_00, 0, 300_00), strict=True):
        scenario["profit_minor"] = profit
    tile = headline_tiles(View(usual, texts_in("en")))[2]
    assert [(row.bar_start, row.bar_length) for row in tile.rows] == [
        ("0.00", "25.00"), ("25.00", "0.00"), ("25.00", "75.00"),
    ]  # fmt: skip


def test_no_line_breaks_between_a_number_and_its_unit(usual_page: str) -> None:
    titles = re.findall(r"<h1[^>]*>(.*?)</h1>", usual_page)
    assert "424\u00a0万元" in titles[0]
    assert "CNY\u00a04.24\u00a0m more" in titles[1]


def test_a_grade_above_the_legal_cap_is_marked(usual_page: str) -> None:
    assert usual_page.count(">no offer<") >= 2 + 4  # two rows of the table, two marks in each of two drawings
    assert usual_page.count(">不报价<") >= 6


def test_lines_above_the_cap_already_are_apart_from_lines_that_get_more(usual_page: str) -> None:
    text = "".join(read(usual_page).text)
    assert re.search(r"1,206\s*Above 50,000 already", text)
    assert re.search(r"7,906\s*More under 50,000", text)


def test_a_summary_without_baseline_is_refused(usual: Summary) -> None:
    del usual["scenarios"][1]
    with pytest.raises(ValueError, match="without scenario baseline"):
        render_page(usual)


def test_a_long_code_may_break_after_its_underscores_only(usual: Summary) -> None:
    usual["reasons"][0]["code"] = "PRICE_ABOVE_<LEGAL>_CAP"
    assert ">PRICE_<wbr>ABOVE_<wbr>&lt;LEGAL&gt;_<wbr>CAP<" in render_page(usual)


def test_the_note_on_rows_speaks_of_refusals_only_where_there_are_some(make: Make) -> None:
    summary = make("usual")
    words = "Notes are values of valid rows"
    refusals = "One row can be wrong in several fields"
    assert words in render_page(summary)
    summary["rows"]["rejects"] = []
    page = render_page(summary)
    assert words in page
    assert refusals not in page
