"""What is still owed on a loan of equal installments: its principal, and its exposure after so many were paid."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def amortized_principal(
    *, installment: npt.ArrayLike, monthly_rate: npt.ArrayLike, installments: npt.ArrayLike
) -> Floats:
    """What equal installments are worth at the start: the principal that a file of loans leaves out.

    `monthly_rate` is a share (0.01 = 1 % a month). In the unit of `installment`; shapes broadcast.

    >>> amortized_principal(installment=[888.49, 100.0], monthly_rate=[0.01, 0.0], installments=12).round(2).tolist()
    [10000.02, 1200.0]
    """
    return _owed(*_floats(installment, monthly_rate, installments))


def amortized_exposure(
    *,
    installment: npt.ArrayLike,
    monthly_rate: npt.ArrayLike,
    installments: npt.ArrayLike,
    installments_paid: npt.ArrayLike,
) -> Floats:
    """Principal outstanding once `installments_paid` of `installments` were paid on time: exposure at default.

    What is left is worth what the installments to come are worth. At least one is still to come, for a loan that is
    paid off cannot default.

    >>> amortized_exposure(
    ...     installment=888.49, monthly_rate=0.01, installments=12, installments_paid=[0, 6, 11]
    ... ).round(2).tolist()
    [10000.02, 5149.22, 879.69]
    """
    payment, rate, whole, paid = _floats(installment, monthly_rate, installments, installments_paid)
    return _owed(payment, rate, np.maximum(whole - np.maximum(paid, 0.0), 1.0))


def installments_paid(*, paid: npt.ArrayLike, installment: npt.ArrayLike) -> Floats:
    """How many installments a sum paid is, to the nearest whole one.

    Not rounded down: the first month has not as many days as the others, so that a borrower who paid fifteen
    installments has paid the file's sum of 14.97 of them.

    >>> installments_paid(paid=[0.0, 14_970.0, 1_400.0], installment=1_000.0).tolist()
    [0.0, 15.0, 1.0]
    """
    total, payment = _floats(paid, installment)
    count: Floats = np.rint(total / payment)
    return count


def _floats(*figures: npt.ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(figure, dtype=np.float64) for figure in figures)


def _owed(installment: Floats, monthly_rate: Floats, to_come: Floats) -> Floats:
    """An annuity's present value; without interest it is the plain sum."""
    free = monthly_rate == 0
    rate = np.where(free, 1.0, monthly_rate)
    worth: Floats = installment * np.where(free, to_come, (1.0 - (1.0 + rate) ** -to_come) / rate)
    return worth
