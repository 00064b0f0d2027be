"""The report as one HTML file: both languages, every drawing inline, nothing loaded from anywhere."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from tallystick.reports.blocks import Section, Table, Tile
from tallystick.reports.figures import LANGUAGES, Language, count_text, currency_text
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

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=[亿万元条]|(?:bn|m|k)\b)|(?<=[A-Z]{3}) (?=[−\d])")


@dataclass(frozen=True, slots=True)
class Edition:
    """The whole report in one language, ready to be laid out."""

    language: Language
    title: str
    kicker: str
    facts: tuple[str, ...]
    words: dict[str, str]
    change: str
    finding: Finding
    tiles: tuple[Tile, ...]
    scenarios: Table
    sections: tuple[Section, ...]

    @property
    def html_lang(self) -> str:
        """The language as HTML names it."""
        return {"zh": "zh-CN", "en": "en"}[self.language]

    @property
    def native_name(self) -> str:
        """The language as its readers name it."""
        return {"zh": "中文", "en": "English"}[self.language]


def render_page(summary: Summary) -> str:
    """The report of a review as one self-contained HTML document, in Chinese and English.

    The same summary gives the same text, byte for byte. Raises `ValueError` where one of the three scenarios is
    missing or the currency is unknown.
    """
    return render_editions([edition_of(summary, language=language) for language in LANGUAGES])


def render_editions(editions: Sequence[Edition]) -> str:
    """Any report as one self-contained HTML document: its editions, one per language."""
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        editions=list(editions),
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
        title=texts("page.title", **view.caps),
        kicker=texts("page.kicker"),
        facts=(
            texts("page.lines", count=count_text(view.scenarios[0]["lines"])),
            texts("page.as_of", date=summary["inputs"]["as_of"]),
            texts("page.currency", currency=currency_text(summary["currency"], language=language)),
        ),
        words=page_texts(texts),
        change=texts("scenario.change", **view.caps),
        finding=_kept_together(find(summary, texts=texts)),
        tiles=headline_tiles(view),
        scenarios=scenarios_table(view),
        sections=tuple(section(view) for section in _SECTIONS),
    )


def _kept_together(finding: Finding) -> Finding:
    """No line break between a number and its unit or currency."""
    title, paragraph = (_BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text) for text in (finding.title, finding.paragraph))
    return replace(finding, title=title, paragraph=paragraph)


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
