"""The model report: both languages, the same bytes, and what stands against a model is said first."""

import re
from typing import cast

import pytest
from tests.model_report_sample import model_report

from tallystick.reports.figures import Language
from tallystick.reports.model_page import model_edition, render_model_page, verdict
from tallystick.reports.model_summary import Fairness, ModelReport
from tallystick.reports.summary import Bilingual
from tallystick.reports.texts import texts_in
from tallystick.reports.training_terminal import contenders_table, verdict_text


def _same(text: str) -> Bilingual:
    return {"zh": text, "en": text}


def refused(report: ModelReport) -> ModelReport:
    """The report of a model that treats two groups too differently."""
    exact = {"value": 1.0, "low": 1.0, "high": 1.0}
    low = {"value": 0.6, "low": 0.5, "high": 0.7}
    alike = {"rows": 900, "impact_ratio": exact, "opportunity_gap": exact}
    groups = [
        {**alike, "group": _same("f"), "approved_share": 0.5, "impact_ratio": low, "refused": True},
        {**alike, "group": _same("m"), "approved_share": 0.8, "refused": False},
    ]
    unfair = cast(Fairness, {"attribute": {"zh": "性别", "en": "sex"}, "groups": groups, "refused": True})
    return {**report, "fairness": [unfair], "promotable": False}


def test_a_page_is_whole_and_the_same_for_the_same_report() -> None:
    page = render_model_page(model_report())
    assert page == render_model_page(model_report())
    for part in ("gains", "calibration", "periods", "effects", "fairness", "card", "proof"):
        assert page.count(f'data-part="{part}"') == 2
    assert page.count("<svg") > 20
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "model_0123" in page


@pytest.mark.parametrize(
    ("language", "may", "may_not"),
    [("zh", "可以晋级", "不得晋级：群体之间差异过大（性别）"), ("en", "May be promoted", "fare too differently (sex)")],
)
def test_the_verdict_says_what_stands_against_a_model(language: Language, may: str, may_not: str) -> None:
    report = model_report()
    assert model_edition(report, language=language).finding.title.startswith(may)
    unfair = model_edition(refused(report), language=language)
    assert may_not in unfair.finding.title
    assert unfair.finding.verdict == "infeasible"
    leaking: ModelReport = {**report, "suspects": {"told": 0.99}, "promotable": False}
    assert "told" in verdict_text(leaking, language=language)


def test_where_no_time_is_known_the_page_says_so() -> None:
    report: ModelReport = {**model_report(), "has_time": False}
    assert "Not tested over time" in model_edition(report, language="en").finding.paragraph
    assert "没有按时间测试" in model_edition(report, language="zh").finding.paragraph
    assert verdict(report, texts_in("en")).startswith("May be promoted")


def test_the_terminal_shows_every_contender_and_what_was_published() -> None:
    table = contenders_table(model_report(), language="en")
    assert table.row_count == 3
    assert [str(cell) for cell in table.columns[1].cells] == ["0.890", "0.800", "0.871"]
