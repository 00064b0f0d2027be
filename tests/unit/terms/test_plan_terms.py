"""Terms that contradict themselves are refused by field."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallystick.terms.plan_terms import Amortization, InterestBase, PlanTerms, Recalculation


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"installments": 601}, "installments: 601 is not within 1 to 600"),
        ({"every": 0}, "every: 0 is not within 1 to 366"),
        ({"per_period_ppm": -1}, "per_period_ppm: -1 is not within 0 to 1000000"),
        ({"down_payment_ppm": 1_000_000}, "down_payment_ppm: 1000000 is not within 0 to 999999"),
        ({"grace_principal": 12}, "grace_principal: 12 is not within 0 to 11; leave an installment to pay principal"),
        ({"grace_interest": 12}, "grace_interest: 12 is not within 0 to 11"),
        ({"installment_multiple_minor": 0}, "installment_multiple_minor: 0 is not within 1"),
        ({"nominal_rate": Decimal(21)}, "nominal_rate: 21 is not within 0 to 20; give a share per year"),
        ({"nominal_rate": Decimal("0.1"), "per_period_ppm": 1}, "per_period_ppm: a plan has one price"),
        (
            {"per_period_ppm": 1, "recalculation": Recalculation.DAILY},
            "recalculation: a price per period does not follow the balance",
        ),
        (
            {"amortization": Amortization.INTEREST_THEN_PRINCIPAL, "interest_base": InterestBase.ORIGINAL_PRINCIPAL},
            "interest_base: flat interest on principal paid at the end is the same",
        ),
        ({"days_off": (date(2026, 1, 1),)}, "days_off: holiday_rule is none"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_terms_that_cannot_be_meant_are_refused_by_field(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlanTerms(**{"installments": 12, **wrong})


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"installments: 0 .*; every: 0 ") as refused:
        PlanTerms(installments=0, every=0)
    assert str(refused.value).count("is not within") >= 2


def test_terms_survive_their_json() -> None:
    terms = PlanTerms(installments=12, nominal_rate=Decimal("0.144"), first_due_on=date(2026, 2, 9))
    assert msgspec.json.decode(msgspec.json.encode(terms), type=PlanTerms) == terms
