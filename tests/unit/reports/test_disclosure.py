"""The disclosure as a page: the cost per year stands first and largest, nothing is loaded, both languages are whole."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from tallystick.reports.disclosure import render_disclosure
from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import freeze
from tallystick.terms.disclosing import disclose_line, disclose_plan, disclose_terms, line_prices
from tallystick.terms.disclosure import Disclosure, Language, document_hash
from tallystick.terms.product import OfferKind

ON = date(2026, 11, 3)


def _documents() -> dict[str, Disclosure]:
    products = shipped_products()
    plan = disclose_plan(
        freeze(products["baitiao"], on=ON),
        offer=OfferKind.ORDER_INSTALLMENTS,
        price_code="standard",
        installments=12,
        principal_minor=1_200_000,
        drawn_on=ON,
    )
    course = disclose_plan(
        freeze(products["scene-education"], on=ON),
        offer=OfferKind.ORDER_INSTALLMENTS,
        price_code="standard",
        installments=6,
        principal_minor=1_000_000,
        drawn_on=ON,
    )
    assert isinstance(plan, Disclosure)
    assert isinstance(course, Disclosure)
    line = freeze(products["baitiao"], on=ON)
    prices = line_prices(line, on=ON)
    return {
        "plan": plan,
        "course": course,
        "line": disclose_line(line, prices=prices, limit_minor=3_000_000, offered_on=ON),
        "limit": disclose_line(
            line, prices=prices, limit_minor=5_000_000, previous_limit_minor=3_000_000, offered_on=ON
        ),
        "terms": disclose_terms(
            line,
            previous=line,
            prices=prices,
            previous_prices=prices,
            offered_on=ON,
            binds_on=ON + timedelta(days=30),
        ),
    }


DOCUMENTS = _documents()


class _Reader(HTMLParser):
    """The texts and the open elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.pointed_at: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.pointed_at += [given["aria-labelledby"] or ""] if "aria-labelledby" in given else []
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_page_is_whole_loads_nothing_and_points_only_at_what_it_has(name: str, language: Language) -> None:
    html = render_disclosure(DOCUMENTS[name], language=language)
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert "<script" not in html
    reader = _read(html)
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.pointed_at) <= set(reader.ids)
    assert document_hash(DOCUMENTS[name]) in html
    assert render_disclosure(DOCUMENTS[name], language=language) == html


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_the_cost_per_year_stands_above_every_other_percentage(name: str) -> None:
    document = DOCUMENTS[name]
    html = render_disclosure(document, language="en")
    body = html[html.index("<body>") :]
    assert body.index(f'class="percent">{document.rates.simple}') < body.index("%</small>") + 1
    assert re.search(r"\d+(\.\d+)?%", body[: body.index('class="percent"')]) is None


def test_every_sentence_and_every_payment_is_on_the_page() -> None:
    document = DOCUMENTS["plan"]
    assert document.plan is not None
    for language in ("zh", "en"):
        words = "".join(_read(render_disclosure(document, language=language)).texts).replace("\N{NO-BREAK SPACE}", " ")
        for passage in document.wording[language]:
            assert passage.heading in words
            assert all(sentence in words for sentence in passage.sentences)
        for payment in document.plan.schedule:
            assert payment.due_on.isoformat() in words
        assert "1,072.00" in words
        assert "12,864.00" in words


@pytest.mark.parametrize(("name", "table"), [("plan", "cost"), ("limit", "choice")])
def test_on_a_phone_no_rate_is_out_of_sight(name: str, table: str) -> None:
    """Below 640 pixels the rows of a table with rates stand one cell below the other, each cell with its name."""
    html = render_disclosure(DOCUMENTS[name], language="en")
    section = html[html.index(f'<section class="{table}"') :].partition("</section>")[0]
    assert '<div class="scroll stacks"' in section
    body = section[section.index("<tbody>") :]
    assert body.count("data-name=") == body.count("<td")
    assert re.search(r'data-name="Per year[^"]*">[\d.]+%</td>', body)
    narrow = html[html.index("@media(max-width:640px)") :]
    assert ".stacks td::before{content:attr(data-name)" in narrow


def test_a_column_of_nothing_is_left_out() -> None:
    plan, course = (_read(render_disclosure(DOCUMENTS[name], language="en")).texts for name in ("plan", "course"))
    assert "Fee" in plan
    assert "Interest" not in plan
    assert "Fee" not in course
    assert "Interest" in course


def test_a_down_payment_and_an_old_limit_are_shown() -> None:
    course = _read(render_disclosure(DOCUMENTS["course"], language="zh")).texts
    assert "首付（下单时支付）" in course
    assert "2,000.00 元" in course
    limit = _read(render_disclosure(DOCUMENTS["limit"], language="zh")).texts
    assert "目前额度" in limit
    assert "30,000.00 元" in limit
