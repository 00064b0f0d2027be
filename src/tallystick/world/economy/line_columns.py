"""The lines of a lender in memory, a column each: what is drawn, billed, due, paid, earned and lost; minor units."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.units.rates import PPM
from tallystick.world.economy.lives import day_number

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MOST_TERMS: Final = 24
_DUES: Final = 8  # statements whose minimum is followed one by one: a line is written off before the ninth
_AT_FIRST: Final = 256


@dataclass(frozen=True, slots=True)
class Terms:
    """What a line costs and when it is billed; rates in ppm, amounts in minor units.

    As the product `baitiao` has them; the merchant's fee is a twelfth of `economics.toml`'s yearly yield on a balance
    that turns over each month.
    """

    statement_day: int = 19
    due_after_days: int = 9
    daily_rate_ppm: int = 500
    penalty_daily_ppm: int = 150
    fee_per_period_ppm: int = 6_000
    merchant_fee_ppm: int = 6_000
    minimum_share_ppm: int = 100_000
    minimum_floor_minor: int = 5_000
    most_installments: int = 24
    price_code: str = "standard"


class LineColumns:
    """Lines by their place (a line's number less one), each column a view of shape (lines,) unless it says otherwise.

    - `billed_minor`: principal on statements that is not paid; `unbilled_minor`: bought since, negative where more was
      paid than owed; `plan_minor`, `plan_fee_minor` (lines, 24): what falls into the next statements; `charges_minor`:
      interest, penalties and fees that were billed and not paid.
    - `due_minor` (lines, 8): what is left of the minimum of each of the last statements, the latest first.
    - `FIGURES` are sums since a line was opened: earned (`interest_minor` with penalties, `fee_minor`,
      `merchant_fee_minor`), `paid_minor`, lost (`charged_off_minor` of principal, `charges_lost_minor`), what came
      back of it (`recovered_minor`), and `drawn_minor_days`, the drawn principal of each day added up.

    >>> columns, terms = LineColumns(), Terms()
    >>> place = columns.open(1_000_000)
    >>> columns.draw(place, 120_000, terms=0, fee_ppm=0)
    >>> columns.bill(due_on=date(2026, 1, 28), terms=terms).select(["closing_minor", "minimum_minor"]).to_pylist()
    [{'closing_minor': 120000, 'minimum_minor': 12000}]
    >>> _ = columns.pay(place, 12_000)
    >>> for day in range(9 + 22):  # the due day passes; 108,000 bear 0.05 % a day, from the statement on
    ...     columns.pass_day(day_number(date(2026, 1, 20)) + day, terms=terms)
    >>> columns.bill(due_on=date(2026, 2, 28), terms=terms).select(["closing_minor", "minimum_minor"]).to_pylist()
    [{'closing_minor': 109674, 'minimum_minor': 12474}]
    """

    FIGURES: Final = (
        "interest_minor", "fee_minor", "merchant_fee_minor", "paid_minor", "charged_off_minor", "charges_lost_minor",
        "recovered_minor", "drawn_minor_days",
    )  # fmt: skip
    _AMOUNTS: Final = (
        "limit_minor", "held_minor", "billed_minor", "unbilled_minor", "charges_minor", "plan_left_minor",
        "_accrued", "_bought", "_paid", "_refunded", *FIGURES,
    )  # fmt: skip
    _FLAGS: Final = ("is_open", "is_charged_off", "revolves")
    _WIDE: Final = {"plan_minor": MOST_TERMS, "plan_fee_minor": MOST_TERMS, "due_minor": _DUES}

    limit_minor: Integers
    held_minor: Integers
    billed_minor: Integers
    unbilled_minor: Integers
    charges_minor: Integers
    plan_left_minor: Integers
    _accrued: Integers  # charges of the running period, minor units times ppm
    _bought: Integers  # of the running period, as are the two below
    _paid: Integers
    _refunded: Integers
    interest_minor: Integers
    fee_minor: Integers
    merchant_fee_minor: Integers
    paid_minor: Integers
    charged_off_minor: Integers
    charges_lost_minor: Integers
    recovered_minor: Integers
    drawn_minor_days: Integers
    is_open: Flags
    is_charged_off: Flags
    revolves: Flags  # the last due day passed with principal unpaid: interest runs
    plan_minor: Integers
    plan_fee_minor: Integers
    due_minor: Integers

    def __init__(self) -> None:
        self._lines, self._room = 0, 0
        self._all: dict[str, npt.NDArray[np.int64] | npt.NDArray[np.bool_]] = {}
        self._due_on = np.zeros(_DUES, dtype=np.int64)
        self._statements = 0
        self._grow()

    def __len__(self) -> int:
        """How many lines there are."""
        return self._lines

    def open(self, limit_minor: int) -> int:
        """A new line; its place."""
        if self._lines == self._room:
            self._grow()
        self._lines += 1
        self._show()
        place = self._lines - 1
        self.limit_minor[place], self.is_open[place] = limit_minor, True
        return place

    def _grow(self) -> None:
        room = max(_AT_FIRST, 2 * self._room)
        for names, kind in ((self._AMOUNTS, np.int64), (self._FLAGS, np.bool_), (self._WIDE, np.int64)):
            for name in names:
                width = (self._WIDE[name],) if name in self._WIDE else ()
                grown = np.zeros((room, *width), dtype=kind)
                if self._room:
                    grown[: self._room] = self._all[name]
                self._all[name] = grown
        self._room = room
        self._show()

    def _show(self) -> None:
        for name, whole in self._all.items():
            setattr(self, name, whole[: self._lines])

    def __deepcopy__(self, memo: object) -> "LineColumns":
        """A copy that shares nothing: views must point into the copy."""
        copied = LineColumns()
        copied._lines, copied._room, copied._statements = self._lines, self._room, self._statements
        copied._all = {name: whole.copy() for name, whole in self._all.items()}
        copied._due_on = self._due_on.copy()
        copied._show()
        return copied

    # What stands.

    @property
    def drawn_minor(self) -> Integers:
        """Principal, negative where more was paid than owed; of a line that was written off the claim that is left."""
        return np.asarray(self.billed_minor + self.unbilled_minor + self.plan_left_minor)

    @property
    def owed_minor(self) -> Integers:
        """Principal and billed charges."""
        return np.asarray(self.drawn_minor + self.charges_minor)

    @property
    def available_minor(self) -> Integers:
        """What may still be bought."""
        return np.asarray(np.maximum(self.limit_minor - np.maximum(self.drawn_minor, 0) - self.held_minor, 0))

    def available_of(self, place: int) -> int:
        """The same of one line."""
        drawn = int(self.billed_minor[place] + self.unbilled_minor[place] + self.plan_left_minor[place])
        return max(0, int(self.limit_minor[place]) - max(drawn, 0) - int(self.held_minor[place]))

    def days_past_due(self, today: int) -> Integers:
        """Since the oldest due day that was missed; `today` in days since 1970."""
        since = np.where((self.due_minor > 0) & (self._due_on < today), today - self._due_on, 0)
        return np.asarray(since.max(axis=1, initial=0))

    def is_past_due(self, place: int, today: int) -> bool:
        """Whether one line is."""
        return bool(np.any((self.due_minor[place] > 0) & (self._due_on < today)))

    # What is done.

    def draw(self, place: int, amount_minor: int, *, terms: int, fee_ppm: int) -> None:
        """A purchase: paid next month (`terms` 0), or in installments at a fee of the amount each."""
        if terms:
            self._spread(place, amount_minor, terms=terms, fee_ppm=fee_ppm)
        else:
            self.unbilled_minor[place] += amount_minor
            self._bought[place] += amount_minor

    def convert(self, place: int, amount_minor: int, *, terms: int, fee_ppm: int) -> int:
        """Put what is billed into installments, at most what is there; gives how much."""
        amount = min(amount_minor, int(self.billed_minor[place]))
        if amount > 0:
            self.billed_minor[place] -= amount
            self._bought[place] -= amount
            self._spread(place, amount, terms=terms, fee_ppm=fee_ppm)
        return max(amount, 0)

    def _spread(self, place: int, amount_minor: int, *, terms: int, fee_ppm: int) -> None:
        each, rest = divmod(amount_minor, terms)
        self.plan_minor[place, :terms] += each
        self.plan_minor[place, 0] += rest
        self.plan_fee_minor[place, :terms] += (amount_minor * fee_ppm + PPM // 2) // PPM
        self.plan_left_minor[place] += amount_minor

    def pay(self, place: int, amount_minor: int) -> tuple[int, int, int, int]:
        """Charges first, then what is billed, then what is not; gives (charges, billed, unbilled, of it due)."""
        self.paid_minor[place] += amount_minor
        self._paid[place] += amount_minor
        if self.is_charged_off[place]:
            self.recovered_minor[place] += amount_minor
        due = self._settle_due(place, amount_minor)
        charges = min(amount_minor, int(self.charges_minor[place]))
        billed = min(amount_minor - charges, int(self.billed_minor[place]))
        rest = amount_minor - charges - billed
        self.charges_minor[place] -= charges
        self.billed_minor[place] -= billed
        self.unbilled_minor[place] -= rest
        return charges, billed, rest, due

    def _settle_due(self, place: int, amount_minor: int) -> int:
        """The oldest minimum first."""
        row, left = self.due_minor[place], amount_minor
        for column in range(_DUES - 1, -1, -1):
            if row[column] and left:
                taken = min(left, int(row[column]))
                row[column] -= taken
                left -= taken
        return amount_minor - left

    def take_back(self, place: int, paid: tuple[int, int, int, int]) -> None:
        """A payment that the bank takes back: what it paid is owed again, what was due with the last statement."""
        charges, billed, unbilled, due = paid
        amount = charges + billed + unbilled
        self.paid_minor[place] -= amount
        self._paid[place] -= amount
        self.charges_minor[place] += charges
        self.billed_minor[place] += billed
        self.unbilled_minor[place] += unbilled
        self.due_minor[place, 0] += due
        if self.is_charged_off[place]:
            self.recovered_minor[place] -= amount

    def refund(self, place: int, amount_minor: int) -> None:
        """What a shop gives back: of what is not billed, of the last installments with their fees, then of the bill."""
        self._refunded[place] += amount_minor
        left = amount_minor - min(amount_minor, max(0, int(self.unbilled_minor[place])))
        self.unbilled_minor[place] -= amount_minor - left
        plan, fees = self.plan_minor[place], self.plan_fee_minor[place]
        for term in range(MOST_TERMS - 1, -1, -1):
            if left and plan[term]:
                taken = min(left, int(plan[term]))
                fees[term] -= int(fees[term]) * taken // int(plan[term])
                plan[term] -= taken
                self.plan_left_minor[place] -= taken
                left -= taken
        billed = min(left, int(self.billed_minor[place]))
        self.billed_minor[place] -= billed
        self._settle_due(place, billed)
        self.unbilled_minor[place] -= left - billed

    def charge_off(self, place: int) -> None:
        """The lender gives a line up: all principal is lost, charges with it; a claim of the principal stays."""
        principal = int(self.billed_minor[place] + self.unbilled_minor[place] + self.plan_left_minor[place])
        self.charged_off_minor[place] = principal
        self.charges_lost_minor[place] = self.charges_minor[place]
        self.billed_minor[place], self.unbilled_minor[place], self.plan_left_minor[place] = principal, 0, 0
        self.charges_minor[place] = self._accrued[place] = 0
        self.plan_minor[place] = self.plan_fee_minor[place] = 0
        self.is_open[place], self.is_charged_off[place] = False, True

    # Days and months.

    def pass_day(self, today: int, *, terms: Terms) -> None:
        """Close the day before `today`: interest where the last bill was not paid in full, penalties on what is due."""
        counts = ~self.is_charged_off
        self.drawn_minor_days += np.where(counts, np.maximum(self.drawn_minor, 0), 0)
        if self._statements and today == self._due_on[0] + 1:
            begins = (self.billed_minor > 0) & ~self.revolves & counts
            back = self.billed_minor * (terms.daily_rate_ppm * terms.due_after_days)
            self._accrued += np.where(begins, back, 0)
            self.revolves[:] = (self.billed_minor > 0) & counts
        missed = np.where(self._due_on < today, self.due_minor, 0).sum(axis=1)
        interest = np.where(self.revolves, self.billed_minor * terms.daily_rate_ppm, 0)
        self._accrued += np.where(counts, interest + missed * terms.penalty_daily_ppm, 0)

    def bill(self, *, due_on: date, terms: Terms) -> pa.Table:
        """Close a statement on every line that owes; the columns of `Morning.statements`."""
        self._statements += 1
        counts = ~self.is_charged_off
        portion, fee = np.where(counts, self.plan_minor[:, 0], 0), np.where(counts, self.plan_fee_minor[:, 0], 0)
        for plan in (self.plan_minor, self.plan_fee_minor):
            plan[:, :-1] = plan[:, 1:].copy()
            plan[:, -1] = 0
        self.plan_left_minor -= portion
        interest = np.where(counts, (self._accrued + PPM // 2) // PPM, 0)
        self._accrued[:] = 0
        self.interest_minor += interest
        self.fee_minor += fee
        self.charges_minor += interest + fee
        principal = self.billed_minor + portion + self.unbilled_minor
        self.billed_minor[:], self.unbilled_minor[:] = np.maximum(principal, 0), np.minimum(principal, 0)
        fresh = self._minimum(portion=portion, charges=interest + fee, terms=terms)
        self.due_minor[:, -1] += self.due_minor[:, -2]
        self.due_minor[:, 1:-1] = self.due_minor[:, :-2].copy()
        self.due_minor[:, 0] = np.where(counts, fresh, 0)
        self._due_on[1:] = self._due_on[:-1].copy()
        self._due_on[0] = day_number(due_on)
        return self._statement_rows(due_on, counts=counts, portion=portion, charges=interest + fee)

    def _minimum(self, *, portion: Integers, charges: Integers, terms: Terms) -> Integers:
        """Installments and charges whole and a share of the rest, on top of what is due already."""
        due = self.due_minor.sum(axis=1)
        closing = self.billed_minor + self.charges_minor
        rest = np.maximum(self.billed_minor - portion - due, 0)
        share = -(-rest * terms.minimum_share_ppm // PPM)
        asked = np.maximum(portion + charges + share, terms.minimum_floor_minor)
        return np.asarray(np.clip(asked, 0, np.maximum(closing - due, 0)))

    def _statement_rows(self, due_on: date, *, counts: Flags, portion: Integers, charges: Integers) -> pa.Table:
        closing = self.billed_minor + self.charges_minor
        who = np.flatnonzero(counts & (closing > 0))
        told = {
            "line_id": who + 1,
            "number": np.full(len(who), self._statements),
            "closing_minor": closing[who],
            "minimum_minor": self.due_minor[who].sum(axis=1),
            "due_on": pa.array([due_on] * len(who), pa.date32()),
            "purchases_minor": (self._bought + portion)[who],
            "payments_minor": self._paid[who],
            "refunds_minor": self._refunded[who],
            "charges_minor": charges[who],
        }
        self._bought[:] = self._paid[:] = self._refunded[:] = 0
        return pa.table(told)
