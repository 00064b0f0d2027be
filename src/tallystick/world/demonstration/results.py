"""What one arm brought, person by person: growth, profit by its books, losses, and fraud by the truth."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from tallystick.strategy.economics import Economics
from tallystick.units.rates import PPM

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_YEAR_DAYS: Final = 365
_MONTH_LATE_DAYS: Final = 31
_DEFAULT_DAYS: Final = 91  # the product's own default_from_days
# An order that a person let pass is made; it names the decision that waited.
_JUDGED: Final = "Judge"


class LivedMonths(Struct, frozen=True):
    """What is read of one arm when its last day is over.

    `owners` has `line_id` and `person`; `before` and `after` are `storage.line_results` by the day before the first
    day and by the last one, `standing` is `Lender.standing` after it. `purchases`, `judged` and `began` are the truth:
    its tables purchases, acts, and months of the first day.
    """

    days: int
    people: int
    owners: pa.Table
    before: pa.Table
    after: pa.Table
    standing: pa.Table
    purchases: pa.Table
    judged: pa.Table
    began: pa.Table


def person_results(lived: LivedMonths, *, economics: Economics) -> pa.Table:
    """A row per person, in their order; amounts in minor units over all days of the arm, counts of lines.

    - `limit_minor`, `drawn_minor`: of open lines when the last day is over; `lent_minor`: drawn on an average day
    - `bought_minor`: purchases that were made, before what was given back
    - `earned_minor`: interest, fees and penalties billed and fees of merchants, less what was waived or given back
    - `funds_minor`, `operations_minor`: what `economics.toml` says that lending so much for so long costs
    - `lost_minor`: charged off less recovered, and what came to be owed on lines in default
    - `result_minor`: earned less these three
    - `past_due`, `past_due_month`: open lines past due, and by more than a month; `defaulted`: lines more than 90 days
      past due or charged off that were not so when the first day began
    - `fraud_minor`: fraud that was made
    """
    line = lived.owners["line_id"].to_numpy()
    order = np.argsort(line)
    line, person = line[order], lived.owners["person"].to_numpy()[order]

    def of_person(line_ids: Integers, values: Integers) -> Integers:
        """Sums by person."""
        place = np.searchsorted(line, line_ids)
        assert (line[place] == line_ids).all(), "every line is somebody's"
        return _sums(person[place], values, people=lived.people)

    def gained(name: str) -> Integers:
        """What a figure of the books rose by between the two days."""
        told = [of_person(table["line_id"].to_numpy(), table[name].to_numpy()) for table in (lived.before, lived.after)]
        return told[1] - told[0]

    ids = lived.standing["line_id"].to_numpy()
    figures = {name: lived.standing[name].to_numpy() for name in ("limit_minor", "drawn_minor", "days_past_due")}
    flags = {name: lived.standing[name].to_numpy(zero_copy_only=False) for name in ("is_open", "is_charged_off")}
    late, is_open = figures["days_past_due"], flags["is_open"]
    in_default = flags["is_charged_off"] | (is_open & (late >= _DEFAULT_DAYS))
    minor_days = gained("principal_minor_days")
    funds, operations = (
        cost_minor(minor_days, rate_ppm=rate) for rate in (economics.funds_rate_ppm, economics.operations_cost_ppm)
    )
    earned, lost = gained("earned_minor"), gained("lost_minor")
    was_in_default = _was_in_default(lived.began, people=lived.people)
    amount, made = lived.purchases["amount_minor"].to_numpy(), went_through(lived.purchases, lived.judged)
    buyer, is_fraud = lived.purchases["person"].to_numpy(), is_fraudulent(lived.purchases)
    return pa.table(
        {
            "person": np.arange(lived.people),
            "limit_minor": of_person(ids, figures["limit_minor"] * is_open),
            "drawn_minor": of_person(ids, figures["drawn_minor"] * is_open),
            "lent_minor": np.rint(minor_days / lived.days).astype(np.int64),
            "bought_minor": _sums(buyer, amount * made, people=lived.people),
            "earned_minor": earned,
            "funds_minor": funds,
            "operations_minor": operations,
            "lost_minor": lost,
            "result_minor": earned - funds - operations - lost,
            "past_due": of_person(ids, (is_open & (late > 0)).astype(np.int64)),
            "past_due_month": of_person(ids, (is_open & (late >= _MONTH_LATE_DAYS)).astype(np.int64)),
            "defaulted": of_person(ids, in_default.astype(np.int64)) * ~was_in_default,
            "fraud_minor": _sums(buyer, amount * (made & is_fraud), people=lived.people),
        }
    )


def cost_minor(minor_days: Integers, *, rate_ppm: int) -> Integers:
    """What it costs to lend so much for so long: `rate_ppm` a year of the principal of each day, rounded to even once.

    1,000.00 lent for 73 days at 3 % a year costs 6.00:

    >>> cost_minor(np.array([100_000 * 73]), rate_ppm=30_000).tolist()
    [600]
    """
    return np.asarray(np.rint(minor_days * (rate_ppm / PPM / _YEAR_DAYS)), dtype=np.int64)


def went_through(purchases: pa.Table, judged: pa.Table) -> Flags:
    """Whether each purchase of the truth was made in the end: approved at once, or by the person who looked at it.

    >>> purchases = pa.table({"decision_id": [7, 8, 9, 0], "outcome": ["approve", "review", "review", "frozen"]})
    >>> judged = pa.table({"act": ["Judge", "Judge"], "number": [8, 9], "outcome": ["approve", "decline"]})
    >>> went_through(purchases, judged).tolist()
    [True, True, False, False]
    """
    passed = pc.and_(pc.equal(judged["act"], _JUDGED), pc.equal(judged["outcome"], "approve"))
    let_pass = pc.is_in(purchases["decision_id"], judged.filter(passed)["number"].combine_chunks())
    waited = pc.equal(purchases["outcome"], "review")
    made = pc.or_(pc.equal(purchases["outcome"], "approve"), pc.and_(waited, let_pass))
    return np.asarray(made.to_numpy(zero_copy_only=False), dtype=np.bool_)


def is_fraudulent(purchases: pa.Table) -> Flags:
    """Whether each purchase of the truth is a ring's."""
    return np.asarray(pc.not_equal(purchases["kind"], "").to_numpy(zero_copy_only=False), dtype=np.bool_)


def _was_in_default(began: pa.Table, *, people: int) -> Flags:
    late = began["days_past_due"].to_numpy() >= _DEFAULT_DAYS
    written_off = began["is_charged_off"].to_numpy(zero_copy_only=False)
    was = np.zeros(people, dtype=np.bool_)
    was[began["person"].to_numpy()] = late | written_off
    return was


def _sums(who: Integers, values: Integers, *, people: int) -> Integers:
    told = np.zeros(people, dtype=np.int64)
    np.add.at(told, who, values)
    return told
