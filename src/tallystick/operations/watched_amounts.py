"""Amounts as a watch sees them: what was told of each row, and what came where that is final."""

import numpy as np

from tallystick.scoring.reference import Told
from tallystick.scoring.two_part import Amounts
from tallystick.sources.amount_rows import AmountRows


def told_amounts(rows: AmountRows, told: Amounts) -> Told:
    """The spread of the expected amount; whether anything came beside its chance, and how much beside the mean."""
    some = np.where(rows.known, (rows.amount > 0).astype(np.float64), np.nan)
    return Told(
        scores={"expected": told.expected},
        outcome=some,
        ranked=told.chance,
        means={"any": (told.chance, some), "amount": (told.expected, np.where(rows.known, rows.amount, np.nan))},
        early=np.full(len(some), np.nan),
        period=rows.month.astype(str).tolist() if len(rows.month) else (),
    )
