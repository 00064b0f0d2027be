"""What decisions are expected to earn: its parameters with their sources, purchases, applications, and the change."""

from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from tests.checkpoints import compiled, random_cases, small_files, standard_checkpoint, standard_files

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.economics import Economics, StrategyFaults
from tallystick.strategy.expected_profit import (
    ExpectedFigures,
    ExpectedSums,
    application_figures,
    expected_change,
    observed_profit,
    purchase_figures,
    purchase_profits,
)
from tallystick.strategy.prices import price_grades
from tallystick.strategy.purchase_economics import ECONOMICS_FILE, PurchaseEconomics, read_purchase_economics

AUTHORIZE = CheckpointName.AUTHORIZE
TEXT = files("tallystick.strategy").joinpath("standard", ECONOMICS_FILE).read_text(encoding="utf-8")
ECONOMICS = read_purchase_economics(TEXT)
OUTCOMES = ("approve", "step_up", "review", "decline")


# the parameters


def test_a_checkpoint_knows_what_its_purchases_earn_and_one_without_the_file_does_not() -> None:
    assert standard_checkpoint(AUTHORIZE).economics == ECONOMICS
    assert standard_checkpoint(CheckpointName.APPLY).economics is None
    assert compiled(AUTHORIZE, small_files()).economics is None


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[merchant_fee_ppm]", "[merchants_fee_ppm]", "merchants_fee_ppm: unknown key; did you mean merchant_fee_ppm?"),
        ("value = 7_900", "value = 1_000_001", "interest_margin_ppm.value: 1000001 is out of range"),
        ("value = 2_000", "value = 20.5", "review_cost_minor.value: 20.5 is no whole number"),
        ("value = 2_000", "value = -1", "review_cost_minor.value: -1 is out of range"),
        (' = "assumption: one in twenty gives the purchase up"', ' = " "', "step_up_stops_good_ppm.source: ' ' is no"),
    ],
)
def test_a_fault_of_it_is_told_with_those_of_the_other_files(old: str, new: str, fault: str) -> None:
    assert old in TEXT
    broken = standard_files() | {
        ECONOMICS_FILE: TEXT.replace(old, new).encode(), "authorize/spare.csv": b"id,when\n",
    }  # fmt: skip
    with pytest.raises(StrategyFaults) as refused:
        compiled(AUTHORIZE, broken)
    assert any(line.startswith(f"{ECONOMICS_FILE}: {fault}") for line in refused.value.faults)
    assert any("no step reads this table" in line for line in refused.value.faults)


# purchases


def _figures(outcome: str, fraud_ppm: float, amount: int = 100_000, **changes: Any) -> ExpectedFigures:
    economics = _economics(**changes)
    return purchase_figures(
        np.array([outcome], dtype=object), amount_minor=[amount], fraud_ppm=[fraud_ppm], economics=economics
    )


def _economics(**changes: int) -> PurchaseEconomics:
    text = TEXT
    for name, value in changes.items():
        start = text.index(f"[{name}]")
        end = text.index("source", start)
        text = f"{text[:start]}[{name}]\nvalue = {value}\n{text[end:]}"
    return read_purchase_economics(text)


def test_a_review_that_stops_nothing_and_costs_nothing_is_an_approval_and_one_that_stops_all_a_decline() -> None:
    idle = {"review_cost_minor": 0, "review_stops_fraud_ppm": 0, "review_stops_good_ppm": 0}
    full = {"review_cost_minor": 0, "review_stops_fraud_ppm": 1_000_000, "review_stops_good_ppm": 1_000_000}
    for fraud_ppm in (0.0, 30_000.0, 1_000_000.0):
        assert _figures("review", fraud_ppm, **idle).profit == _figures("approve", fraud_ppm).profit
        assert _figures("review", fraud_ppm, **full).profit == _figures("decline", fraud_ppm).profit == 0.0
        assert _figures("review", fraud_ppm, **full).forgone == _figures("decline", fraud_ppm).forgone


def test_what_is_earned_and_what_is_forgone_is_what_the_good_ones_would_earn() -> None:
    for outcome in OUTCOMES:
        figures = _figures(outcome, 250_000.0)
        assert figures.earned + figures.forgone == pytest.approx(100_000 * 0.75 * 0.0139)


def test_without_a_score_all_but_a_decline_is_unknown_and_never_zero() -> None:
    for outcome in OUTCOMES[:3]:
        assert np.isnan(_figures(outcome, np.nan).profit).all()
    decline = _figures("decline", np.nan)
    assert decline.profit.tolist() == [0.0]
    assert np.isnan(decline.forgone).all()


def test_what_is_expected_is_what_is_observed_on_average() -> None:
    """A label drawn at 30 % fraud, and those that go through drawn at the shares of the economics."""
    generator = np.random.default_rng(5)
    count = 200_000
    for outcome, good, fraud in (("approve", 1.0, 1.0), ("step_up", 0.95, 0.2), ("review", 0.9, 0.1)):
        is_fraud = generator.random(count) < 0.3
        through = generator.random(count) < np.where(is_fraud, fraud, good)
        observed = observed_profit(
            np.full(count, outcome, dtype=object), went_through=through, is_fraud=is_fraud, amount_minor=100_000,
            economics=ECONOMICS,
        )  # fmt: skip
        error = observed.std() / count**0.5
        assert observed.mean() == pytest.approx(_figures(outcome, 300_000.0).profit[0], abs=4 * error)


def test_the_profit_under_each_outcome_stands_in_its_column() -> None:
    columns = random_cases(standard_checkpoint(AUTHORIZE), 50, seed=3)
    amount, fraud = columns["amount_minor"], columns["fraud_ppm"]
    profits = purchase_profits(OUTCOMES, amount_minor=amount, fraud_ppm=fraud, economics=ECONOMICS)
    assert profits.shape == (50, 4)
    for place, outcome in enumerate(OUTCOMES):
        alone = purchase_figures(
            np.full(50, outcome, dtype=object), amount_minor=amount, fraud_ppm=fraud, economics=ECONOMICS
        )
        np.testing.assert_array_equal(profits[:, place], alone.profit)


def test_what_is_no_outcome_of_a_purchase_is_refused_and_no_cases_have_no_figures() -> None:
    with pytest.raises(ValueError, match="offer: no outcome of a purchase; known are approve"):
        _figures("offer", 0.0)
    none = purchase_figures(np.array([], dtype=object), amount_minor=[], fraud_ppm=[], economics=ECONOMICS)
    assert none.profit.shape == (0,)


# applications


def test_a_higher_first_limit_earns_more_and_loses_more(economics: Economics) -> None:
    prices = price_grades(economics, legal_cap_ppm=240_000)
    limits = np.array([200_000, 400_000, 800_000])
    figures = application_figures(
        np.full(3, "offer", dtype=object), limit_minor=limits, pd_ppm=np.full(3, 53_000.0), grade=np.full(3, 3),
        economics=economics, prices=prices,
    )  # fmt: skip
    # twice the limit draws, earns, loses and costs twice as much: the PD is that of the line as it is granted
    for column in (figures.earned, figures.loss, figures.cost):
        assert column == pytest.approx(column[0] * np.array([1.0, 2.0, 4.0]))
    assert (figures.profit > 0).all()
    ungraded = application_figures(
        np.full(1, "offer", dtype=object), limit_minor=limits[:1], pd_ppm=np.full(1, 53_000.0), grade=np.full(1, -1),
        economics=economics, prices=prices,
    )  # fmt: skip
    assert np.isnan(ungraded.profit).all()


# the change


def test_a_strategy_against_itself_changes_nothing_whatever_is_unknown() -> None:
    columns = random_cases(standard_checkpoint(AUTHORIZE), 500, seed=9)
    decided = standard_checkpoint(AUTHORIZE).decide(columns)
    figures = purchase_figures(
        decided.outcome, amount_minor=columns["amount_minor"], fraud_ppm=columns["fraud_ppm"], economics=ECONOMICS
    )
    change = expected_change(figures, figures, decided_alike=np.ones(500, dtype=np.bool_))
    assert change.known > 0
    assert change.unknown_alike > 0
    assert (change.profit_change_minor, change.unknown_moved) == (0, 0)
    order = np.random.default_rng(2).permutation(500)
    shuffled = ExpectedFigures(*(getattr(figures, name)[order] for name in ("earned", "loss", "cost", "forgone")))
    assert expected_change(shuffled, shuffled, decided_alike=np.ones(500, dtype=np.bool_)) == change


def test_both_sides_are_summed_over_the_same_cases() -> None:
    """A decline is known without a score; beside an approval that is not it must not look like a loss avoided."""
    old = _figures("approve", np.nan)
    new = _figures("decline", np.nan)
    change = expected_change(old, new, decided_alike=np.array([False]))
    assert (change.known, change.unknown_moved) == (0, 1)
    assert change.old == change.new == ExpectedSums(0, 0, 0, 0)
