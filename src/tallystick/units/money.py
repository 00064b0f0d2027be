"""Money as whole minor units: how many a currency's major unit holds, and the one rounding from floats."""

from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

# ISO 4217 minor unit exponents of the currencies that Tallystick knows.
MINOR_DIGITS: Final = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "EUR": 2, "GBP": 2, "HKD": 2, "IDR": 2, "INR": 2,
    "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2, "MYR": 2, "NZD": 2, "PHP": 2, "PLN": 2, "SEK": 2, "SGD": 2,
    "THB": 2, "TRY": 2, "TWD": 2, "USD": 2, "VND": 0, "ZAR": 2,
}  # fmt: skip

# The largest amount that anybody may give, one row or one request: sums of a million of them stay whole numbers.
MOST_MINOR: Final = 10**13


def minor_per_major(currency: str) -> int:
    """How many minor units make one major unit; raises `ValueError` naming an unknown currency.

    >>> minor_per_major("CNY"), minor_per_major("JPY")
    (100, 1)
    """
    if currency not in MINOR_DIGITS:
        known = ", ".join(sorted(MINOR_DIGITS))
        raise ValueError(f"currency {currency!r} is not known; known are {known}")
    return int(10 ** MINOR_DIGITS[currency])


def major_text(amount_minor: int, currency: str) -> str:
    """An amount in major units as files have it: every digit of its currency, nothing between thousands.

    >>> major_text(-123_400, "CNY"), major_text(900, "JPY")
    ('-1234.00', '900')
    """
    digits = MINOR_DIGITS[currency]
    return f"{Decimal(amount_minor).scaleb(-digits):.{digits}f}"


def whole_minor(estimate_minor: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Round estimated amounts to whole minor units, half to even, once, before they are summed or shown.

    >>> whole_minor([1250.5, 1251.5, -0.4]).tolist()
    [1250, 1252, 0]
    """
    estimates = np.asarray(estimate_minor, dtype=np.float64)
    if not np.isfinite(estimates).all():
        raise ValueError("an amount that is missing or infinite cannot be rounded to minor units")
    return np.rint(estimates).astype(np.int64)
