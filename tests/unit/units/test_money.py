"""Money is whole minor units: what a major unit holds, and the one rounding."""

import numpy as np
import pytest

from tallystick.units.money import MINOR_DIGITS, minor_per_major, whole_minor


@pytest.mark.parametrize(("currency", "minor"), [("CNY", 100), ("JPY", 1), ("KWD", 1_000), ("TWD", 100)])
def test_a_major_unit_holds_what_iso_4217_says(currency: str, minor: int) -> None:
    assert minor_per_major(currency) == minor


def test_an_unknown_currency_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"'cny' is not known; known are AUD, BRL"):
        minor_per_major("cny")
    assert all(len(currency) == 3 and currency.isupper() for currency in MINOR_DIGITS)


def test_half_a_unit_goes_to_the_even_one() -> None:
    rounded = whole_minor([0.5, 1.5, 2.5, -0.5, -1.5, 1e12 + 0.5])
    assert rounded.dtype == np.int64
    assert rounded.tolist() == [0, 2, 2, 0, -2, 1_000_000_000_000]


@pytest.mark.parametrize("amount", [np.nan, np.inf, -np.inf])
def test_an_amount_that_is_not_known_is_never_zero(amount: float) -> None:
    with pytest.raises(ValueError, match="missing or infinite"):
        whole_minor([1.0, amount])
