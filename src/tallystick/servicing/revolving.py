"""What is paid next month: purchases that are billed by a statement, free when paid in full by its due date.

Whatever of a billed purchase is still open when its due date has passed revolves: it bears daily interest from the day
it was posted, until it is paid. Each statement asks for a minimum; only an unpaid minimum is past due.
"""

from collections.abc import Callable
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tallystick.servicing.accruing import MICRO, Accrual, minor_from_micro


class Purchase(Struct, frozen=True, omit_defaults=True, gc=False):
    """One draw to be paid next month: what is left of it, and its price (ppm of the balance a day).

    Where a change of contract gave it another price, that one counts from `priced_from`, and `earlier_ppm` is what all
    days before come to. `is_free_for_good`: it bears no more interest, whatever the contract becomes.
    `waived_micro` of its interest was given up, and is not given back a second time.
    """

    draw_id: int
    posted_on: date
    left_minor: int
    daily_rate_ppm: int
    statement_number: int | None = None
    revolves: bool = False
    earlier_ppm: int = 0
    priced_from: date | None = None
    is_free_for_good: bool = False
    waived_micro: int = 0

    def price_ppm(self, *, until: date) -> int:
        """What one unit of the purchase costs from its posting until a day begins."""
        return self.earlier_ppm + self.daily_rate_ppm * (until - (self.priced_from or self.posted_on)).days

    def interest_micro(self, part_minor: int, *, until: date) -> int:
        """What a part of it bore until a day begins, less what of that was waived; nothing while it is free.

        >>> late = Purchase(draw_id=1, posted_on=date(2026, 1, 5), left_minor=100_000, daily_rate_ppm=500,
        ...     revolves=True, waived_micro=200_000_000)
        >>> late.interest_micro(50_000, until=date(2026, 1, 15)) // 1_000_000  # 2.50 of 5.00, less 1.00 of 2.00
        150
        """
        return part_minor * self.price_ppm(until=until) - self.waived_part_micro(part_minor) if self.revolves else 0

    def waived_part_micro(self, part_minor: int) -> int:
        """The share of a part in what was waived."""
        return self.waived_micro * part_minor // self.left_minor


class Bill(Struct, frozen=True, gc=False):
    """One statement's claim: what is still missing of its minimum, and until when it could be paid."""

    number: int
    closed_on: date
    due_on: date
    minimum_left_minor: int


class Revolving(Struct, frozen=True, omit_defaults=True, gc=False):
    """All purchases to be paid next month, the interest they bear, and the bills that ask for them."""

    interest: Accrual
    purchases: tuple[Purchase, ...] = ()
    bills: tuple[Bill, ...] = ()
    interest_due_minor: int = 0

    @property
    def principal_minor(self) -> int:
        """Principal left, billed or not."""
        return sum([purchase.left_minor for purchase in self.purchases])

    @property
    def billed_principal_minor(self) -> int:
        """Principal left that a statement has asked for."""
        return sum(purchase.left_minor for purchase in self.purchases if purchase.statement_number is not None)

    @property
    def billed_minor(self) -> int:
        """Principal and interest that statements have asked for and nobody paid."""
        return self.billed_principal_minor + self.interest_due_minor

    @property
    def minimum_left_minor(self) -> int:
        """What is missing of all minimums asked for."""
        return sum(bill.minimum_left_minor for bill in self.bills)

    def minimum_past_due_minor(self, day: date) -> int:
        """What is missing of the minimums whose due date has passed when `day` begins."""
        return sum(bill.minimum_left_minor for bill in self.bills if bill.due_on < day)


def add_purchase(revolving: Revolving, purchase: Purchase, *, day: date) -> Revolving:
    """One more purchase, not billed yet, in the order of posting; one that is never free bears interest at once."""
    return with_pace(replace(revolving, purchases=(*revolving.purchases, purchase)), day=day)


def bill_purchases(revolving: Revolving, *, number: int, closed_on: date) -> Revolving:
    """The statement asks for everything posted until the end of `closed_on`."""
    return replace(
        revolving,
        purchases=tuple(
            replace(purchase, statement_number=number)
            if purchase.statement_number is None and purchase.posted_on <= closed_on
            else purchase
            for purchase in revolving.purchases
        ),
    )


def bill_interest(revolving: Revolving, *, day: date) -> tuple[Revolving, int]:
    """Round what accrued until `day` to whole minor units and make it due; gives the amount that became due."""
    accrued = revolving.interest.rolled(day)
    billed_minor = minor_from_micro(accrued.accrued_micro)
    billed = replace(
        revolving,
        interest=accrued.less(billed_minor),
        interest_due_minor=revolving.interest_due_minor + billed_minor,
    )
    return towards_minimum(billed, paid_minor=max(0, -billed_minor)), billed_minor


def start_revolving(revolving: Revolving, *, day: date) -> Revolving:
    """When `day` begins: what was not paid by its due date bears interest from the day it was posted.

    >>> bought = Purchase(draw_id=1, posted_on=date(2026, 1, 5), left_minor=100_000, daily_rate_ppm=500,
    ...     statement_number=1)
    >>> bill = Bill(number=1, closed_on=date(2026, 1, 20), due_on=date(2026, 1, 30), minimum_left_minor=10_000)
    >>> unpaid = Revolving(interest=Accrual(counted_to=date(2026, 1, 5)), purchases=(bought,), bills=(bill,))
    >>> revolved = start_revolving(unpaid, day=date(2026, 1, 31))
    >>> minor_from_micro(revolved.interest.on(date(2026, 1, 31)))  # 26 days x 0.05 % of 1,000.00
    1300
    """
    due_on = {bill.number: bill.due_on for bill in revolving.bills}
    late = [
        purchase
        for purchase in revolving.purchases
        if not purchase.revolves
        and purchase.statement_number is not None
        and due_on.get(purchase.statement_number, day) < day
    ]
    if not late:
        return revolving
    begun = {purchase.draw_id for purchase in late}
    interest = revolving.interest.rolled(day)
    owed_micro = sum(purchase.left_minor * purchase.price_ppm(until=day) for purchase in late)
    return with_pace(
        replace(
            revolving,
            interest=replace(interest, accrued_micro=interest.accrued_micro + owed_micro),
            purchases=tuple(
                replace(purchase, revolves=True) if purchase.draw_id in begun else purchase
                for purchase in revolving.purchases
            ),
        ),
        day=day,
    )


def with_pace(revolving: Revolving, *, day: date) -> Revolving:
    """Interest counted up to `day`, and going on at the pace of what revolves now."""
    daily_micro = sum(
        purchase.left_minor * purchase.daily_rate_ppm for purchase in revolving.purchases if purchase.revolves
    )
    return replace(revolving, interest=revolving.interest.at_daily(daily_micro, day=day))


def stopped(revolving: Revolving, *, day: date) -> Revolving:
    """No purchase bears interest any more from `day` on; what accrued until then stays, to bill or to give back.

    A purchase that does not revolve yet bears none at all: its interest would begin now.

    >>> late, free = (Purchase(draw_id=draw_id, posted_on=date(2026, 1, 5), left_minor=100_000, daily_rate_ppm=500,
    ...     revolves=draw_id == 1) for draw_id in (1, 2))
    >>> still = stopped(Revolving(interest=Accrual(counted_to=date(2026, 1, 5)), purchases=(late, free)),
    ...     day=date(2026, 1, 15))
    >>> [purchase.price_ppm(until=date(2026, 1, 25)) for purchase in still.purchases]  # ten days at 500, and none
    [5000, 0]
    """
    purchases = tuple(
        replace(
            purchase,
            daily_rate_ppm=0,
            earlier_ppm=purchase.price_ppm(until=day) if purchase.revolves else 0,
            priced_from=day,
            is_free_for_good=True,
        )
        for purchase in revolving.purchases
    )
    return with_pace(replace(revolving, purchases=purchases), day=day)


def repriced(revolving: Revolving, *, daily_rate_ppm: int, day: date) -> Revolving:
    """Every purchase bears another price from `day` on; days before keep the old one, also where it revolves later.

    What is free for good stays free.

    >>> bought = Purchase(draw_id=1, posted_on=date(2026, 1, 5), left_minor=100_000, daily_rate_ppm=500)
    >>> dearer = repriced(Revolving(interest=Accrual(counted_to=date(2026, 1, 5)), purchases=(bought,)),
    ...     daily_rate_ppm=600, day=date(2026, 1, 15))
    >>> dearer.purchases[0].price_ppm(until=date(2026, 1, 25))  # ten days at 500, ten at 600
    11000
    """
    purchases = tuple(
        replace(
            purchase,
            daily_rate_ppm=daily_rate_ppm,
            earlier_ppm=purchase.price_ppm(until=day),
            priced_from=day,
        )
        if not purchase.is_free_for_good
        else purchase
        for purchase in revolving.purchases
    )
    return with_pace(replace(revolving, purchases=purchases), day=day)


def give_interest_back(revolving: Revolving, *, micro: int) -> Revolving:
    """Take interest back that a refunded purchase bore; what was billed of it is taken off the next bill."""
    interest = replace(revolving.interest, accrued_micro=revolving.interest.accrued_micro - micro)
    return replace(revolving, interest=interest.at_daily(interest.daily_micro, day=interest.counted_to))


def pay_interest(revolving: Revolving, *, paid_minor: int) -> Revolving:
    """Billed interest paid; at most what is due."""
    assert 0 <= paid_minor <= revolving.interest_due_minor
    return towards_minimum(
        replace(revolving, interest_due_minor=revolving.interest_due_minor - paid_minor), paid_minor=paid_minor
    )


def waive_interest(revolving: Revolving, *, waived_minor: int, day: date) -> Revolving:
    """Billed interest given up: that of the oldest purchases first, as far as they bore so much."""
    rest_micro = waived_minor * MICRO
    purchases = []
    for purchase in revolving.purchases:
        taken_micro = min(rest_micro, purchase.interest_micro(purchase.left_minor, until=day))
        rest_micro -= taken_micro
        purchases.append(replace(purchase, waived_micro=purchase.waived_micro + taken_micro))
    return pay_interest(replace(revolving, purchases=tuple(purchases)), paid_minor=waived_minor)


def pay_principal(
    revolving: Revolving, *, paid_minor: int, day: date, of: Callable[[Purchase], bool]
) -> tuple[Revolving, int]:
    """Take an amount off the purchases that `of` picks, oldest first; gives what could not be taken.

    Billed purchases that are paid count towards the minimum; interest accrued so far stays, and goes on with less.
    """
    rest_minor = paid_minor
    counted_minor = 0
    kept: list[Purchase] = []
    for purchase in revolving.purchases:
        taken_minor = min(purchase.left_minor, rest_minor) if of(purchase) else 0
        rest_minor -= taken_minor
        if purchase.statement_number is not None:
            counted_minor += taken_minor
        if purchase.left_minor > taken_minor:
            kept.append(_without(purchase, taken_minor) if taken_minor else purchase)
    paid = with_pace(replace(revolving, purchases=tuple(kept)), day=day)
    return towards_minimum(paid, paid_minor=counted_minor), rest_minor


def _without(purchase: Purchase, taken_minor: int) -> Purchase:
    waived_micro = purchase.waived_micro - purchase.waived_part_micro(taken_minor)
    return replace(purchase, left_minor=purchase.left_minor - taken_minor, waived_micro=waived_micro)


def towards_minimum(revolving: Revolving, *, paid_minor: int) -> Revolving:
    """What was paid counts for the oldest bill's minimum first; all minimums together never exceed what is billed."""
    bills: list[Bill] = []
    for bill in revolving.bills:
        counted_minor = min(bill.minimum_left_minor, paid_minor)
        paid_minor -= counted_minor
        bills.append(replace(bill, minimum_left_minor=bill.minimum_left_minor - counted_minor))
    excess_minor = sum(bill.minimum_left_minor for bill in bills) - revolving.billed_minor
    for place in reversed(range(len(bills))):
        less_minor = min(bills[place].minimum_left_minor, max(0, excess_minor))
        excess_minor -= less_minor
        if less_minor:
            bills[place] = replace(bills[place], minimum_left_minor=bills[place].minimum_left_minor - less_minor)
    return replace(revolving, bills=tuple(bills))


def add_bill(revolving: Revolving, bill: Bill) -> Revolving:
    """One more bill; those that are paid and whose due date has passed are forgotten."""
    open_numbers = {purchase.statement_number for purchase in revolving.purchases}
    kept = (
        old
        for old in revolving.bills
        if old.minimum_left_minor or old.due_on >= bill.closed_on or old.number in open_numbers
    )
    return replace(revolving, bills=(*kept, bill))


def next_change_on(revolving: Revolving) -> date | None:
    """The first day on which something billed would begin to revolve."""
    waiting = {purchase.statement_number for purchase in revolving.purchases if not purchase.revolves} - {None}
    dates = [bill.due_on + timedelta(days=1) for bill in revolving.bills if bill.number in waiting]
    return min(dates, default=None)
