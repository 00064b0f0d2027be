"""The columns of a portfolio that limits are decided on: one entry per line, money in minor units."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lines:
    """What is known of each line when its limit is reviewed; every array has shape (lines,)."""

    limit_minor: Integers
    drawn_minor: Integers  # never negative: a credit balance is nothing drawn
    pd_ppm: Integers  # twelve months
    grade: Integers  # index into the strategy's grades, safest first
    income_month_minor: Floats  # NaN where unknown
    present_rate_ppm: Floats  # a year; NaN where unknown
    may_increase: Flags
    may_decrease: Flags

    def __len__(self) -> int:
        return int(self.limit_minor.size)

    def between(self, start: int, end: int) -> "Lines":
        """The lines start <= position < end, as views."""
        return Lines(**{field.name: getattr(self, field.name)[start:end] for field in fields(self)})

    def at(self, positions: npt.NDArray[np.int64]) -> "Lines":
        """The lines at these positions, in their order."""
        return Lines(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})
