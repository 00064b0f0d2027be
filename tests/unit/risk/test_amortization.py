"""Exposure at default from installments: beside a balance that is carried forward month by month, and real loans."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from tallystick.risk.amortization import amortized_exposure, amortized_principal, installments_paid

REPAID = ("total_rec_prncp", "total_rec_int")


@pytest.mark.parametrize("monthly_rate", [0.0, 0.005, 0.024])
def test_exposure_is_the_balance_carried_forward(monthly_rate: float) -> None:
    installment, term = 350.0, 36
    balance = float(amortized_principal(installment=installment, monthly_rate=monthly_rate, installments=term))
    for paid in range(term):
        told = amortized_exposure(
            installment=installment, monthly_rate=monthly_rate, installments=term, installments_paid=paid
        )
        assert told == pytest.approx(balance, abs=1e-6)
        balance = balance * (1 + monthly_rate) - installment
    assert balance == pytest.approx(0.0, abs=1e-6)


def test_a_loan_in_default_owes_at_least_its_last_installment() -> None:
    owed = amortized_exposure(installment=100.0, monthly_rate=0.0, installments=12, installments_paid=[-1, 12, 40])
    assert owed.tolist() == [1_200.0, 100.0, 100.0]


def test_on_real_loans_it_is_the_principal_not_repaid_to_a_quarter_of_a_percent(shared_data: Path) -> None:
    path = shared_data / "lending_club_2015_outcomes/loans_2015_04_08.parquet"
    file = duckdb.sql(f"SELECT * FROM '{path}' WHERE loan_status = 'Charged Off'").to_arrow_table()
    loans = {name: file.column(name).to_numpy() for name in ("installment", "int_rate", *REPAID)}
    terms = {
        "installment": loans["installment"],
        "monthly_rate": loans["int_rate"] / 1_200,
        "installments": 36,
    }
    principal = amortized_principal(**terms)
    paid = installments_paid(paid=loans["total_rec_prncp"] + loans["total_rec_int"], installment=loans["installment"])
    owed = amortized_exposure(**terms, installments_paid=paid)
    apart = np.abs(owed - (principal - loans["total_rec_prncp"])) / principal
    assert apart.mean() < 0.0025
    assert np.quantile(apart, 0.9) < 0.01
