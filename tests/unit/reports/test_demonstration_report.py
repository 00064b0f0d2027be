"""The demonstration's report says what was found, in both languages, and that nothing can be told where it cannot."""

from datetime import date
from io import StringIO

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from tallystick.reports.demonstration_page import demonstration_edition, render_demonstration
from tallystick.reports.demonstration_summary import (
    ArmFigures,
    BookForecast,
    CapForecast,
    DemonstrationSummary,
    Difference,
    Estimate,
    Forecast,
    FraudStopped,
    Happened,
    ServiceLevel,
    YearFigures,
)
from tallystick.reports.demonstration_tables import MEASURES
from tallystick.reports.demonstration_terminal import demonstration_tables
from tallystick.reports.figures import LANGUAGES, Language
from tallystick.reports.learned_summary import LearnedModel
from tallystick.scoring.validation import Interval

FRAUD = FraudStopped(
    frauds=43, stopped=8, fraud_minor=6_000_000, stopped_minor=1_970_000, suspected=14,
    recall=Estimate(0.186, 0.097, 0.326), precision=Estimate(0.5, 0.268, 0.732),
)  # fmt: skip
BOOK = BookForecast(
    limit_minor=221_000_000, drawn_minor=40_100_000, exposure_minor=68_300_000, expected_loss_minor=2_390_000,
    profit_minor=193_200,
)  # fmt: skip
CAP = CapForecast(
    zh="预期损失上限", en="expected loss", before=2_390_000, after=2_480_000, bound=2_629_000, is_share=False,
    is_binding=True,
)  # fmt: skip
FORECAST = Forecast(
    lines=199, offers=15, offered_minor=9_700_000, debt_minor=1_700_000, defaults=0.63, before=BOOK, after=BOOK,
    gap_ppm=0.0,
    caps=(CAP, replace(CAP, is_share=True, before=131_300, after=127_500, bound=151_300, is_binding=False)),
)  # fmt: skip
ARM = ArmFigures(
    strategy_id="a" * 64,
    highest_minor=3_000_000,
    forecast=FORECAST,
    happened=Happened(accepted=8, accepted_minor=4_920_000, defaulted=0, default_share=Estimate(0.0, 0.0, 0.324)),
    fraud=FRAUD,
    service=ServiceLevel(
        applications=57, purchases=2_642, limits=200, without_person=Estimate(0.991, 0.987, 0.994),
        waited_h_median=10.0, waited_h_p95=None,
    ),
)  # fmt: skip
MODEL = LearnedModel(
    name="behavior", checkpoint="review_limit", rows=180, bads=14, auc=Interval(0.71, 0.6, 0.82),
    shift=Interval(0.2, -0.1, 0.5), slope=Interval(1.0, 0.8, 1.2), is_distinguishable=False,
)  # fmt: skip
SUMMARY = DemonstrationSummary(
    format=1,
    seed=1,
    borrowers=400,
    months=12,
    months_after=6,
    begins_on=date(2026, 1, 1),
    arms_begin_on=date(2027, 1, 1),
    ends_on=date(2027, 7, 1),
    currency="CNY",
    year=YearFigures(
        applications=363, lines=205, purchases=3_984, limit_minor=221_000_000, drawn_minor=40_100_000,
        earned_minor=2_890_000, funds_minor=705_100, operations_minor=587_500, lost_minor=3_410_000,
        result_minor=-1_810_000, fraud=FRAUD,
    ),
    models=(MODEL,),
    champion=ARM,
    challenger=replace(ARM, highest_minor=5_000_000),
    differences={
        name: Difference(champion=1_000_000, challenger=1_000_000, persons=0, low=0, high=0) for name in MEASURES
    }
    | {
        "limit_minor": Difference(champion=264_000_000, challenger=272_000_000, persons=12, low=1, high=16_200_000),
        "result_minor": Difference(champion=-6_290_000, challenger=-6_280_400, persons=9, low=-34_700, high=63_100),
    },
    spent_out=Estimate(0.006, 0.0, 0.012),
    example_decision=7,
)  # fmt: skip


def with_result(**figures: int) -> DemonstrationSummary:
    """The same story with another result."""
    return replace(
        SUMMARY, differences=SUMMARY.differences | {"result_minor": Difference(champion=0, **figures)}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("summary", "title"),
    [
        (SUMMARY, "Highest limits of 50,000 and 30,000: results within 6 months are not distinguishable"),
        (
            with_result(challenger=123_400, persons=9, low=100, high=300_000),
            "A highest limit of 50,000 earns 1.23 k more than 30,000 within 6 months",
        ),
        (
            with_result(challenger=-123_400, persons=9, low=-300_000, high=-100),
            "A highest limit of 50,000 earns 1.23 k less than 30,000 within 6 months",
        ),
        (
            with_result(challenger=123_400, persons=5, low=100, high=300_000),  # of too few persons
            "Highest limits of 50,000 and 30,000: results within 6 months are not distinguishable",
        ),
    ],
)
def test_the_finding_says_more_or_less_only_where_it_can(summary: DemonstrationSummary, title: str) -> None:
    assert demonstration_edition(summary, language="en").finding.title == title


def test_the_page_holds_both_languages_and_is_the_same_each_time() -> None:
    page = render_demonstration(SUMMARY)
    assert page == render_demonstration(SUMMARY)
    for words in (
        "无法区分",
        "not distinguishable",
        "挑战者 50,000",
        "Challenger 50,000",
        "上限 2.63 万（已用满）",
        "行为",
    ):
        assert words in page
    assert "(binds)" in page
    assert page.count("<svg") == page.count("</svg>") > 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_table_of_the_terminal_fits_100_columns(language: Language) -> None:
    screen = StringIO()
    console = Console(width=100, file=screen)
    for table in demonstration_tables(SUMMARY, language=language):
        console.print(table)
    lines = screen.getvalue().splitlines()
    assert 60 < max(map(cell_len, lines)) <= 100
    assert not [line for line in lines if "…" in line]


def test_what_did_not_happen_is_a_dash_and_no_figure() -> None:
    """Nobody was offered more: there is nothing to be expected of, and nothing that came of it."""
    none = replace(FORECAST, offers=0, offered_minor=0, debt_minor=0, defaults=0.0)
    nobody = replace(ARM, forecast=none, happened=Happened(0, 0, 0, Estimate(None)))
    summary = replace(SUMMARY, champion=nobody, challenger=nobody, spent_out=Estimate(None))
    [section] = [each for each in demonstration_edition(summary, language="en").sections if each.name == "happened"]
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in section.tables[0].rows}
    assert rows["New limit that becomes debt, expected"] == ["–", "–"]
    assert rows["The same, by the truth (6 months)"] == ["–", "–"]


def test_a_change_of_cents_is_not_shown_as_nothing() -> None:
    summary = with_result(challenger=31, persons=9, low=-7, high=150)
    rows = {
        row[0].text: [cell.text for cell in row] for row in demonstration_edition(summary, language="en").scenarios.rows
    }
    assert rows["Result"][4:6] == ["+0.31", "−0.07 to +2"]
