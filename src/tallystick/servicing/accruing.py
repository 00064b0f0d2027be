"""Interest that accrues day by day: whole numbers of a millionth of a minor unit, rounded to minor units once."""

from datetime import date
from typing import Final

from msgspec import Struct

MICRO: Final = 1_000_000


class Accrual(Struct, frozen=True, omit_defaults=True, gc=False):
    """What accrued until the day `counted_to` began, and what each further day adds.

    `accrued_micro` and `daily_micro` are millionths of a minor unit: a balance in minor units times a rate in ppm a
    day is `daily_micro` without any rounding. The day of the payment does not count, the day of the draw does.
    """

    counted_to: date
    accrued_micro: int = 0
    daily_micro: int = 0

    def on(self, day: date) -> int:
        """Accrued until `day` begins, in micro minor units.

        >>> Accrual(counted_to=date(2026, 11, 1), daily_micro=100_000 * 500).on(date(2026, 11, 11)) // MICRO
        500
        """
        return self.accrued_micro + self.daily_micro * max(0, (day - self.counted_to).days)

    def rolled(self, day: date) -> "Accrual":
        """The same accrual, counted up to `day`; an earlier day changes nothing."""
        if day <= self.counted_to:
            return self
        return Accrual(counted_to=day, accrued_micro=self.on(day), daily_micro=self.daily_micro)

    def at_daily(self, daily_micro: int, *, day: date) -> "Accrual":
        """Counted up to `day`, and accruing at another pace from then on.

        A statement counts its own day as over: what changes at its close changes the pace of the days after it only.
        Where nothing accrues any more, a fraction that rounds to nothing is dropped.

        >>> closed = Accrual(counted_to=date(2026, 11, 1), daily_micro=500_000).rolled(date(2026, 11, 20))
        >>> closed.at_daily(100_000, day=date(2026, 11, 19)).on(date(2026, 11, 20))  # 19 days, none of them twice
        9500000
        """
        day = max(day, self.counted_to)
        accrued_micro = self.on(day)
        if daily_micro == 0 and minor_from_micro(accrued_micro) == 0:
            accrued_micro = 0
        return Accrual(counted_to=day, accrued_micro=accrued_micro, daily_micro=daily_micro)

    @property
    def is_over(self) -> bool:
        """Whether nothing accrues any more, so that a fraction left over will never become a whole unit."""
        return self.daily_micro == 0

    def less(self, billed_minor: int) -> "Accrual":
        """What is left to bill after `billed_minor` was: the fraction of a minor unit stays, so nothing drifts.

        Once nothing accrues any more, the fraction is dropped: a line that is paid off owes exactly nothing.
        """
        if self.is_over:
            return Accrual(counted_to=self.counted_to)
        return Accrual(
            counted_to=self.counted_to,
            accrued_micro=self.accrued_micro - billed_minor * MICRO,
            daily_micro=self.daily_micro,
        )


def minor_from_micro(accrued_micro: int) -> int:
    """Whole minor units, half to even: the one rounding of accrued interest.

    >>> minor_from_micro(1_500_000), minor_from_micro(2_500_000), minor_from_micro(-400_000)
    (2, 2, 0)
    """
    quotient, remainder = divmod(accrued_micro, MICRO)
    return quotient + (remainder * 2 > MICRO or (remainder * 2 == MICRO and quotient % 2 == 1))
