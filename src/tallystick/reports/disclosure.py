"""A disclosure as one self-contained page: the cost per year before everything, in either language, fit to print."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from tallystick.reports.figures import ABSENT
from tallystick.terms.disclosure import (
    Disclosure,
    Language,
    LineOffer,
    Passage,
    PlanOffer,
    PriceRange,
    TermsOffer,
    document_hash,
)
from tallystick.terms.disclosure_texts import (
    DisclosureTexts,
    currency_words,
    day_words,
    money_figure,
    money_words,
    texts_in,
)
from tallystick.terms.product import Names

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=元)|(?<=\b[A-Z]{3}) (?=\d)")


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One of the figures that stand right below the rate."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A heading, and how the cells below it stand."""

    name: str
    css: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the column is read from the left."""
        return "text" in self.css


@dataclass(frozen=True, slots=True)
class FigureTable:
    """Rows of texts below their headings; the first cell of a row names it.

    On a phone a table that `stacks` has its rows one cell below the other, so that no rate is out of sight.
    """

    caption: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] = ()
    stacks: bool = False


@dataclass(frozen=True, slots=True)
class PageSection:
    """A heading, perhaps a table, and sentences."""

    code: str
    heading: str
    sentences: tuple[str, ...]
    table: FigureTable | None = None


@dataclass(frozen=True, slots=True)
class DisclosurePage:
    """Everything that the template lays out."""

    html_lang: str
    title: str
    product: str
    parties: tuple[str, ...]
    percent: str
    rate: Passage
    figures: tuple[KeyFigure, ...]
    sections: tuple[PageSection, ...]
    skip: str
    keep: str
    version: str
    hash_name: str
    document_hash: str


def render_disclosure(disclosure: Disclosure, *, language: Language) -> str:
    """The document as HTML in one language. The same document gives the same text, byte for byte."""
    page = disclosure_page(disclosure, language=language)
    return _template().render(page=page, css=Markup(_asset("disclosure.css")))  # ours, from the package


def disclosure_page(disclosure: Disclosure, *, language: Language) -> DisclosurePage:
    """What the page shows, in one language."""
    texts = texts_in(language)
    passages = {passage.code: passage for passage in disclosure.wording[language]}
    return DisclosurePage(
        html_lang={"zh": "zh-CN", "en": "en"}[language],
        title=texts(f"title.{disclosure.kind}"),
        product=_named(disclosure.product_name, language=language),
        parties=(
            _named(disclosure.lender, language=language),
            _named(disclosure.product_name, language=language),
            texts("document.offered_on", on=day_words(disclosure.offered_on, language=language)),
        ),
        percent=str(disclosure.rates.simple),
        rate=passages["rate"],
        figures=_key_figures(disclosure, texts=texts),
        sections=_sections(disclosure, passages=passages, texts=texts),
        skip=texts("document.skip"),
        keep=texts("document.keep"),
        version=texts(
            "document.version",
            version=str(disclosure.product_version),
            form=str(disclosure.form_version),
            terms=disclosure.terms_hash[:16],
        ),
        hash_name=texts("document.hash"),
        document_hash=document_hash(disclosure),
    )


def _key_figures(disclosure: Disclosure, *, texts: DisclosureTexts) -> tuple[KeyFigure, ...]:
    if disclosure.plan is not None:
        named = _plan_figures(disclosure.plan, currency=disclosure.currency, texts=texts)
    elif disclosure.terms is not None:
        named = _terms_figures(disclosure.terms, texts=texts)
    else:
        assert disclosure.line is not None, "a disclosure is of a plan, of a line or of its terms"
        named = _line_figures(disclosure.line, currency=disclosure.currency, texts=texts)
    return tuple(KeyFigure(name=texts(f"figure.{code}"), text=text) for code, text in named)


def _plan_figures(plan: PlanOffer, *, currency: str, texts: DisclosureTexts) -> list[tuple[str, str]]:
    def money(amount_minor: int) -> str:
        return money_words(amount_minor, currency=currency, language=texts.language)

    figures = [("principal", money(plan.principal_minor))]
    if plan.down_payment_minor:
        figures.append(("down_payment", money(plan.down_payment_minor)))
    return [
        *figures,
        ("installments", str(len(plan.schedule))),
        ("total_cost", money(plan.cost_minor)),
        ("total_paid", money(plan.principal_minor + plan.cost_minor)),
    ]


def _line_figures(line: LineOffer, *, currency: str, texts: DisclosureTexts) -> list[tuple[str, str]]:
    def money(amount_minor: int) -> str:
        return money_words(amount_minor, currency=currency, language=texts.language)

    figures = [("limit", money(line.limit_minor))]
    if line.previous_limit_minor is not None:
        figures.append(("previous_limit", money(line.previous_limit_minor)))
    return [*figures, ("cash_limit", money(line.cash_limit_minor))]


def _terms_figures(terms: TermsOffer, *, texts: DisclosureTexts) -> list[tuple[str, str]]:
    return [
        ("binds_on", day_words(terms.binds_on, language=texts.language)),
        ("highest_before", f"{terms.previous_simple_percent}%"),
    ]


def _sections(
    disclosure: Disclosure, *, passages: dict[str, Passage], texts: DisclosureTexts
) -> tuple[PageSection, ...]:
    told = {code: PageSection(code, said.heading, said.sentences) for code, said in passages.items()}
    if disclosure.plan is not None:
        plan, currency = disclosure.plan, disclosure.currency
        cost, lender = passages["cost"], _named(disclosure.lender, language=texts.language)
        return (
            PageSection(
                "cost", cost.heading, cost.sentences, _cost_table(disclosure, plan, lender=lender, texts=texts)
            ),
            PageSection("schedule", texts("schedule.heading"), (), _schedule_table(plan, currency, texts=texts)),
            *(told[code] for code in ("late", "early", "rights")),
        )
    offered = disclosure.line or disclosure.terms
    assert offered is not None, "a disclosure is of a plan, of a line or of its terms"
    choice = passages["choice"]
    table = _price_table(offered.prices, texts=texts)
    return (
        *(told[code] for code in ("change",) if code in told),
        PageSection("choice", choice.heading, choice.sentences, table),
        *(told[code] for code in ("late", "early", "rights")),
    )


def _cost_table(disclosure: Disclosure, plan: PlanOffer, *, lender: str, texts: DisclosureTexts) -> FigureTable:
    rows = tuple(
        (
            texts(f"cost.{cost.kind}"),
            _named(cost.basis, language=texts.language),
            lender,
            f"{cost.percent}%",
            money_figure(cost.cost_minor, currency=disclosure.currency),
        )
        for cost in plan.costs
    )
    columns = (
        TableColumn(texts("cost.column_name"), "text"),
        TableColumn(texts("cost.column_basis"), "text"),
        TableColumn(texts("cost.column_charged_by"), "text"),
        TableColumn(texts("cost.column_percent")),
        TableColumn(texts("cost.column_minor"), "strong"),
    )
    return FigureTable(_amounts_in(disclosure.currency, texts=texts), columns, rows, stacks=True)


def _schedule_table(plan: PlanOffer, currency: str, *, texts: DisclosureTexts) -> FigureTable:
    """All that is paid, with a column for each part that is not nothing throughout."""
    parts = {
        "total": [payment.total_minor for payment in plan.schedule],
        "principal": [payment.principal_minor for payment in plan.schedule],
        "interest": [payment.interest_minor for payment in plan.schedule],
        "fee": [payment.fee_minor for payment in plan.schedule],
    }
    shown = {code: amounts for code, amounts in parts.items() if any(amounts)}
    columns = (
        TableColumn(texts("schedule.column_number"), "text"),
        TableColumn(texts("schedule.column_due_on"), "text"),
        *(TableColumn(texts(f"schedule.column_{code}"), "strong" if code == "total" else "") for code in shown),
        TableColumn(texts("schedule.column_left")),
    )
    figures = [_figures(amounts, currency=currency) for amounts in shown.values()]
    left = _figures([payment.principal_left_minor for payment in plan.schedule], currency=currency)
    rows = tuple(
        (str(payment.number), payment.due_on.isoformat(), *amounts)
        for payment, *amounts in zip(plan.schedule, *figures, left, strict=True)
    )
    sums = _figures([sum(amounts) for amounts in shown.values()], currency=currency)
    return FigureTable(_amounts_in(currency, texts=texts), columns, rows, (texts("schedule.total"), "", *sums, ""))


def _price_table(prices: Sequence[PriceRange], *, texts: DisclosureTexts) -> FigureTable:
    rows = tuple(
        (
            _named(price.way, language=texts.language),
            _named(price.basis, language=texts.language),
            _count_range(price.least_installments, price.most_installments, texts=texts),
            f"{price.simple_percent}%",
            f"{price.effective_percent}%",
        )
        for price in prices
    )
    columns = (
        TableColumn(texts("choice.column_name"), "text"),
        TableColumn(texts("choice.column_terms"), "text"),
        TableColumn(texts("choice.column_installments")),
        TableColumn(texts("choice.column_percent"), "strong"),
        TableColumn(texts("choice.column_effective")),
    )
    return FigureTable(texts("choice.caption"), columns, rows, stacks=True)


def _count_range(least: int | None, most: int | None, *, texts: DisclosureTexts) -> str:
    if least is None or most is None:
        return ABSENT
    return str(most) if least == most else texts("choice.from_to", least=str(least), most=str(most))


def _figures(amounts_minor: Sequence[int], *, currency: str) -> tuple[str, ...]:
    return tuple(money_figure(amount_minor, currency=currency) for amount_minor in amounts_minor)


def _amounts_in(currency: str, *, texts: DisclosureTexts) -> str:
    return texts("document.amounts_in", currency=currency_words(currency, language=texts.language))


def _named(names: Names, *, language: Language) -> str:
    return names.zh if language == "zh" else names.en


def _kept_together(sentence: str) -> str:
    """No line break between an amount and its currency."""
    return _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", sentence)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["together"] = _kept_together
    return environment.from_string(_asset("disclosure.html.j2"))


@cache
def _asset(name: str) -> str:
    return files("tallystick.reports").joinpath(name).read_text(encoding="utf-8")
