"""The report as one HTML file: both languages, every drawing inline, nothing loaded from anywhere."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from tallystick.reports.blocks import Section, Table, Tile
from tallystick.reports.figures import LANGUAGES, Language, count_text
from tallystick.reports.finding import Finding, find
from tallystick.reports.records import (
    assumptions_section,
    inputs_section,
    model_section,
    reasons_section,
    rows_section,
)
from tallystick.reports.sections import (
    caps_section,
    frontier_section,
    page_texts,
    prices_section,
    stress_section,
    who_section,
)
from tallystick.reports.summary import Summary
from tallystick.reports.tables import scenarios_table
from tallystick.reports.texts import texts_in
from tallystick.reports.tiles import headline_tiles
from tallystick.reports.view import View

# In the order of the page.
_SECTIONS = (
    rows_section, assumptions_section, model_section, prices_section, who_section, frontier_section, stress_section,
    caps_section, reasons_section, inputs_section,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edition:
    """The whole report in one language, ready to be laid out."""

    language: Language
    html_lang: str
    native_name: str
    title: str
    kicker: str
    facts: tuple[str, ...]
    words: dict[str, str]
    change: str
    finding: Finding
    tiles: tuple[Tile, ...]
    scenarios: Table
    sections: tuple[Section, ...]


def render_page(summary: Summary) -> str:
    """The report of a review as one self-contained HTML document, in Chinese and English.

    The same summary gives the same text, byte for byte. Raises `ValueError` where one of the three scenarios is
    missing or the currency is unknown.
    """
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        editions=[edition_of(summary, language=language) for language in LANGUAGES],
        css=Markup(_asset("report.css")),  # ours, from the package
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def edition_of(summary: Summary, *, language: Language) -> Edition:
    """Everything that the template lays out for one language."""
    texts = texts_in(language)
    view = View(summary, texts)
    return Edition(
        language=language,
        html_lang={"zh": "zh-CN", "en": "en"}[language],
        native_name={"zh": "中文", "en": "English"}[language],
        title=texts("page.title", **view.caps),
        kicker=texts("page.kicker"),
        facts=(
            texts("page.lines", count=count_text(view.scenarios[0]["lines"])),
            texts("page.as_of", date=summary["inputs"]["as_of"]),
            summary["currency"],
        ),
        words=page_texts(texts),
        change=texts("scenario.change", **view.caps),
        finding=find(summary, texts=texts),
        tiles=headline_tiles(view),
        scenarios=scenarios_table(view),
        sections=tuple(section(view) for section in _SECTIONS),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["svg"] = Markup  # drawings come escaped from the renderer
    return environment.from_string(_asset("report.html.j2"))


@cache
def _asset(name: str) -> str:
    return files("tallystick.reports").joinpath(name).read_text(encoding="utf-8")
