"""The money adds up for every line and month, and months past due follow from what was paid."""

import numpy as np
import numpy.typing as npt
import pytest

from tallystick.world.behavior import installment_due
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio

Integers = npt.NDArray[np.int64]
LENDER = standard_parameters().lender
MONTHS = range(LENDER.history_months)


class History:
    """The months of lines that were open, one row per line."""

    def __init__(self, portfolio: SimulatedPortfolio) -> None:
        self._observed = portfolio.observed
        self.limit = portfolio.observed["credit_limit_minor"].fill_null(0).to_numpy()

    def money(self, name: str, month: int) -> Integers:
        """Zero before the line was opened."""
        column = self._observed[f"{name}_m{month}"].fill_null(0)
        return np.asarray(column.to_numpy(), dtype=np.int64)

    def repayment(self, month: int) -> npt.NDArray[np.object_]:
        return np.asarray(self._observed[f"repayment_m{month}"].fill_null("no_use").to_pylist(), dtype=object)

    def is_open(self, month: int) -> npt.NDArray[np.bool_]:
        return np.asarray(self._observed["months_on_book"].to_numpy() > month)


@pytest.fixture(scope="module")
def history(portfolio: SimulatedPortfolio) -> History:
    return History(portfolio)


@pytest.mark.parametrize("month", MONTHS[:-1])
def test_money_adds_up(history: History, month: int) -> None:
    change = (
        history.money("spent_minor", month)
        + history.money("charged_minor", month)
        - history.money("refunded_minor", month)
        - history.money("paid_minor", month)
    )
    assert np.array_equal(history.money("balance_minor", month), history.money("balance_minor", month + 1) + change)


@pytest.mark.parametrize("month", MONTHS)
def test_flows_are_never_negative(history: History, month: int) -> None:
    for name in ("spent_minor", "charged_minor", "refunded_minor", "paid_minor", "months_past_due"):
        assert history.money(name, month).min() >= 0, name


@pytest.mark.parametrize("month", MONTHS[:-1])
def test_months_past_due_follow_from_the_payment(history: History, month: int) -> None:
    statement = np.maximum(history.money("balance_minor", month + 1), 0)
    before = history.money("months_past_due", month + 1)
    paid = history.money("paid_minor", month)
    installment = installment_due(statement_minor=statement, lender=LENDER)
    due = np.minimum(installment * (before + 1), statement)
    expected = np.where(paid >= due, 0, np.where(paid >= installment, before, before + 1))
    assert np.array_equal(history.money("months_past_due", month), expected)


@pytest.mark.parametrize("month", MONTHS[:-1])
def test_repayment_says_what_was_paid(history: History, month: int) -> None:
    statement = history.money("balance_minor", month + 1)
    paid = history.money("paid_minor", month)
    repayment = history.repayment(month)
    assert np.array_equal(repayment == "no_use", statement <= 0)
    assert np.array_equal(repayment == "full", (statement > 0) & (paid >= statement))
    assert np.array_equal(repayment == "late", history.money("months_past_due", month) > 0)


def test_no_payment_exceeds_the_statement_it_pays(history: History) -> None:
    for month in MONTHS[:-1]:
        assert (history.money("paid_minor", month) <= np.maximum(history.money("balance_minor", month + 1), 0)).all()


def test_who_pays_in_full_is_charged_nothing(history: History) -> None:
    is_full = history.repayment(0) == "full"
    assert is_full.sum() > 1_000
    assert history.money("charged_minor", 0)[is_full].max() == 0
    assert history.money("charged_minor", 0)[history.repayment(0) == "revolving"].min() > 0


def test_a_line_past_due_is_blocked_and_purchases_stay_within_the_limit(history: History) -> None:
    past_due = history.money("months_past_due", 0) > 0
    assert past_due.sum() > 100
    assert history.money("spent_minor", 0)[past_due].max() == 0
    bought = (history.money("spent_minor", 0) > 0) & (history.limit > 0)
    assert (history.money("balance_minor", 0)[bought] <= history.limit[bought]).all()


def test_months_before_opening_are_null_not_zero(portfolio: SimulatedPortfolio, history: History) -> None:
    for month in MONTHS:
        for name in ("balance_minor", "paid_minor", "months_past_due", "repayment"):
            nulls = portfolio.observed[f"{name}_m{month}"].is_null().to_numpy()
            assert np.array_equal(nulls, ~history.is_open(month)), name


def test_refunds_leave_some_credit_balances(history: History) -> None:
    assert 0.005 < (history.money("balance_minor", 0) < 0).mean() < 0.04


def test_sold_lines_are_not_in_the_export(history: History) -> None:
    worst = max(history.money("months_past_due", month).max() for month in MONTHS)
    assert worst == LENDER.sold_at_months_past_due - 1


def test_delinquency_is_rare_sticky_and_foretells_the_outcome(portfolio: SimulatedPortfolio, history: History) -> None:
    now, before = history.money("months_past_due", 0), history.money("months_past_due", 1)
    outcome = portfolio.observed["outcome"].to_numpy()
    assert 0.03 < (now > 0).mean() < 0.10
    assert (now[before > 0] > 0).mean() > 5.0 * (now[before == 0] > 0).mean()
    assert outcome[now == 0].mean() < outcome[now == 1].mean() < outcome[now == 2].mean()


def test_risk_rises_with_utilization(portfolio: SimulatedPortfolio, history: History) -> None:
    known = history.limit > 0
    utilization = history.money("balance_minor", 0)[known] / history.limit[known]
    outcome = portfolio.observed["outcome"].to_numpy()[known]
    bad = [
        outcome[(low <= utilization) & (utilization < high)].mean()
        for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 9.0))
    ]
    assert bad[0] < bad[1] < bad[2]
    assert 0.25 < utilization.mean() < 0.42
