"""The finding says what the figures say, be the new cap better, worse, equal or impossible."""

from collections.abc import Callable

import pytest

from tallystick.reports.figures import LANGUAGES, Language
from tallystick.reports.finding import find, verdict_of
from tallystick.reports.summary import Summary
from tallystick.reports.texts import texts_in

Make = Callable[[str], Summary]


@pytest.mark.parametrize("name", ["better", "worse", "equal", "infeasible"])
def test_the_verdict_follows_the_figures(make: Make, name: str) -> None:
    assert verdict_of(make("usual" if name == "better" else name)) == name


def test_better_states_both_profits_their_difference_and_what_it_costs(usual: Summary) -> None:
    _, baseline, new = usual["scenarios"]
    baseline["profit_minor"], new["profit_minor"] = 100_000_000_00, 112_000_000_00
    baseline["expected_loss_minor"], new["expected_loss_minor"] = 40_000_000_00, 44_000_000_00
    finding = find(usual, texts=texts_in("en"))
    assert finding.title == "A cap of 50,000 earns CNY 12.0 m more a year; expected loss rises by CNY 4.00 m (+10.0%)"
    assert "is CNY 112 m, CNY 12.0 m more than the CNY 100 m at 30,000 (+12.0%)" in finding.paragraph
    assert "Each extra unit of expected loss comes with 3.00 units of extra profit" in finding.paragraph


def test_worse_says_less_and_never_that_it_pays(make: Make) -> None:
    finding = find(make("worse"), texts=texts_in("en"))
    assert "less a year" in finding.title
    assert "the extra limits do not pay" in finding.paragraph
    assert "units of extra profit" not in finding.paragraph
    assert "No line gets more than under 30,000." in finding.paragraph
    assert "years of the extra profit" not in finding.paragraph


def test_a_difference_within_the_certified_gaps_is_no_difference(usual: Summary) -> None:
    _, baseline, new = usual["scenarios"]
    baseline["profit_minor"], new["profit_minor"] = 1_000_000_00, 1_000_150_00
    baseline["gap_ppm"] = new["gap_ppm"] = 100.0  # 100 yuan on each side
    assert verdict_of(usual) == "equal"
    new["profit_minor"] = 1_000_201_00
    assert verdict_of(usual) == "better"
    new["profit_minor"] = 999_790_00
    assert verdict_of(usual) == "worse"


def test_a_gain_within_the_gaps_is_no_yardstick_for_losses(usual: Summary) -> None:
    _, baseline, new = usual["scenarios"]
    baseline["profit_minor"], new["profit_minor"] = 1_000_000_00, 1_000_150_00
    baseline["gap_ppm"] = new["gap_ppm"] = 100.0
    new["stress_loss_minor"]["severe"] = baseline["stress_loss_minor"]["severe"] + 90_000_00
    paragraph = find(usual, texts=texts_in("en")).paragraph
    assert "CNY 90.0 k more than under 30,000." in paragraph
    assert "years of the extra profit" not in paragraph


def test_negative_profits_are_compared_by_their_difference(usual: Summary) -> None:
    _, baseline, new = usual["scenarios"]
    baseline["profit_minor"], new["profit_minor"] = -10_000_000_00, -4_000_000_00
    finding = find(usual, texts=texts_in("en"))
    assert finding.verdict == "better"
    assert finding.title.startswith("A cap of 50,000 loses CNY 6.00 m less a year")
    assert "CNY −4.00 m, CNY 6.00 m more than the CNY −10.0 m at 30,000 (+60.0%)" in finding.paragraph
    assert "still expected to lose money at 50,000" in finding.paragraph


def test_a_gap_of_zero_is_called_best_and_not_zero(usual: Summary) -> None:
    for scenario in usual["scenarios"][1:]:
        scenario["gap_ppm"] = 0.0
    assert find(usual, texts=texts_in("en")).paragraph.endswith("certified to be the best under their caps.")


def test_more_profit_at_less_loss_claims_no_trade(usual: Summary) -> None:
    _, baseline, new = usual["scenarios"]
    new["expected_loss_minor"] = baseline["expected_loss_minor"] - 1_000_000_00
    finding = find(usual, texts=texts_in("en"))
    assert "expected loss falls by CNY 1.00 m" in finding.title
    assert "unit of expected loss" not in finding.paragraph


@pytest.mark.parametrize("language", LANGUAGES)
def test_infeasible_names_the_broken_cap_and_praises_nothing(make: Make, language: Language) -> None:
    summary = make("infeasible")
    finding = find(summary, texts=texts_in(language))
    broken = summary["scenarios"][2]["caps"][1]["text"]
    assert broken[language] in finding.title
    assert broken[language] in finding.paragraph
    assert "111.1%" in finding.paragraph
    assert ("多赚" if language == "zh" else "earns") not in finding.title + finding.paragraph


def test_grades_named_as_gaining_most_are_those_that_hold_most_of_it(usual: Summary) -> None:
    for cell, more in zip(usual["swap"], (1, 50, 2, 45, 1, 1, 0, 0), strict=True):
        cell["more"], cell["more_minor"] = more, more * 100
    assert "most of it in B and D." in find(usual, texts=texts_in("en")).paragraph


def test_no_certificate_is_said_where_there_is_none(make: Make) -> None:
    paragraph = find(make("bare"), texts=texts_in("en")).paragraph
    assert "no certificate of optimality" in paragraph
    assert "Every grade would cost more than the law allows" in paragraph


def test_a_missing_scenario_is_refused_by_name(usual: Summary) -> None:
    usual["scenarios"].pop()
    with pytest.raises(ValueError, match="summary without scenario new"):
        find(usual, texts=texts_in("en"))
