"""Whatever the seed and the rules of the lender: balances follow from flows, and arrears from payments."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.world.behavior import installment_due
from tallystick.world.parameters import LenderParameters, standard_parameters
from tallystick.world.portfolio import simulate_portfolio

LENDERS = st.builds(
    replace,
    st.just(standard_parameters().lender),
    history_months=st.integers(2, 8),
    burn_in_months=st.integers(0, 6),
    minimum_share=st.sampled_from([0.02, 0.1, 0.5, 1.0]),
    minimum_floor_minor=st.integers(0, 50_000),
    limit_cap_minor=st.sampled_from([50_000, 1_000_000, 20_000_000]),
    late_rate_multiple=st.floats(1.0, 3.0),
    sold_at_months_past_due=st.integers(2, 5),
)


def money(observed: pa.Table, name: str, month: int) -> npt.NDArray[np.int64]:
    return np.asarray(observed[f"{name}_m{month}"].fill_null(0).to_numpy(), dtype=np.int64)


@settings(max_examples=25, deadline=None)
@given(lender=LENDERS, seed=st.integers(0, 2**64))
def test_balances_follow_from_flows_and_arrears_from_payments(lender: LenderParameters, seed: int) -> None:
    parameters = replace(standard_parameters(), lender=lender)
    observed = simulate_portfolio(lines=60, seed=seed, parameters=parameters).observed
    for month in range(lender.history_months - 1):
        before = money(observed, "balance_minor", month + 1)
        paid = money(observed, "paid_minor", month)
        flows = (
            money(observed, "spent_minor", month)
            + money(observed, "charged_minor", month)
            - money(observed, "refunded_minor", month)
            - paid
        )
        assert np.array_equal(money(observed, "balance_minor", month), before + flows)
        behind = money(observed, "months_past_due", month + 1)
        installment = installment_due(statement_minor=before, lender=lender)
        due = np.minimum(installment * (behind + 1), np.maximum(before, 0))
        expected = np.where(paid >= due, 0, np.where(paid >= installment, behind, behind + 1))
        assert np.array_equal(money(observed, "months_past_due", month), expected)
        assert expected.max() < lender.sold_at_months_past_due
