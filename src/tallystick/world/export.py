"""What the lender sees of the simulated lines, as one wide table with the faults of a real export, and the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.tables import EDUCATION_LEVELS, REPAYMENTS
from tallystick.world.behavior import MonthFigures
from tallystick.world.borrowers import CITY_TIERS, Borrowers
from tallystick.world.outcome import Outcomes
from tallystick.world.parameters import DIRT, ExportParameters
from tallystick.world.policy import Lines
from tallystick.world.streams import Streams

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = TypeVar("Columns", Borrowers, Lines, Outcomes, MonthFigures, "Chances")

CLEAN = -1  # otherwise an index into DIRT
UNDOCUMENTED_EDUCATION = "5"  # a code that no documentation explains, as in the UCI Taiwan data
MONTH_FIELDS = ("balance_minor", "paid_minor", "spent_minor", "charged_minor", "refunded_minor")


@dataclass(frozen=True, slots=True)
class Chances:
    """What the export does to each line, each column of shape (lines,)."""

    is_income_missing: Flags
    is_education_missing: Flags
    dirt: Integers  # CLEAN or an index into DIRT


@dataclass(frozen=True, slots=True)
class Book:
    """A block of lines with everything that is known and true of them; `months` run from month 0 back."""

    borrowers: Borrowers
    lines: Lines
    months: tuple[MonthFigures, ...]
    outcomes: Outcomes
    chances: Chances

    def only(self, rows: Integers) -> "Book":
        """The lines at these indices, in their order."""
        return Book(
            borrowers=_rows_of(self.borrowers, rows),
            lines=_rows_of(self.lines, rows),
            months=tuple(_rows_of(month, rows) for month in self.months),
            outcomes=_rows_of(self.outcomes, rows),
            chances=_rows_of(self.chances, rows),
        )


def draw_chances(*, streams: Streams, parameters: ExportParameters) -> Chances:
    """Draw which lines lose a field, and which are exported wrongly."""
    bounds = np.cumsum([getattr(parameters, f"{dirt}_share") for dirt in DIRT])
    kind = np.searchsorted(bounds, streams.uniform("export/dirt"), side="right")
    return Chances(
        is_income_missing=streams.uniform("export/income") < parameters.income_missing_share,
        is_education_missing=streams.uniform("export/education") < parameters.education_missing_share,
        dirt=np.where(kind == len(DIRT), CLEAN, kind).astype(np.int64),
    )


def observed_table(*, book: Book, first_number: int) -> pa.Table:
    """The wide export: a row per line, and one more for each line that was exported twice."""
    lines, borrowers, dirt = book.lines, book.borrowers, book.chances.dirt
    income = np.maximum(np.rint(borrowers.stated_income_month_minor / 10_000), 1).astype(np.int64) * 10_000
    columns: dict[str, pa.Array] = {
        "line_id": _line_ids(first_number=first_number, lines=len(dirt)),
        "currency": _constant("CNY", rows=len(dirt)),
        "credit_limit_minor": _limits(lines=lines, dirt=dirt),
        "nominal_rate_ppm": pa.array(lines.nominal_rate_ppm),
        "months_on_book": pa.array(lines.months_on_book),
        "segment": _labels(borrowers.city_tier, names=CITY_TIERS),
        "age_years": _ages(borrowers.age_years, dirt=dirt),
        "education": _education(book),
        "income_month_minor": pa.array(income, mask=book.chances.is_income_missing),
    }
    for month in book.months:
        columns |= _month_columns(month)
    columns["outcome"] = pa.array(book.outcomes.is_bad.astype(np.int8))
    copies = np.where(_has(dirt, "duplicate"), 2, 1)
    return pa.table(columns).take(pa.array(np.repeat(np.arange(len(dirt)), copies)))


def truth_table(*, book: Book, first_number: int) -> pa.Table:
    """What is so: one row per line, in the order of the export. Shares are plain numbers, 1.0 = the whole."""
    borrowers, lines, outcomes, latest = book.borrowers, book.lines, book.outcomes, book.months[0]
    dirt = book.chances.dirt
    columns = {
        "line_id": _line_ids(first_number=first_number, lines=len(dirt)),
        "dirt": _labels(dirt, names=DIRT),
        "credit_limit_minor": lines.credit_limit_minor,
        "policy_score": lines.policy_score,
        "city_tier": _labels(borrowers.city_tier, names=CITY_TIERS),
        "age_years": borrowers.age_years,
        "education": _labels(borrowers.education, names=EDUCATION_LEVELS),
        "dependents": borrowers.dependents,
        "thrift": borrowers.thrift,
        "patience": borrowers.patience,
        "honesty": borrowers.honesty,
        "need": borrowers.need,
        "taste": borrowers.taste,
        "income_month_minor": np.rint(borrowers.income_month_minor).astype(np.int64),
        "debt_service_share": borrowers.debt_service_share,
        "is_jobless": latest.is_jobless,
        "is_job_lost_12m": outcomes.is_job_lost,
        "pd_12m": outcomes.pd,
        "outcome": outcomes.is_bad.astype(np.int8),
        "propensity": outcomes.propensity,
        "pd_rise_per_doubling": outcomes.pd_rise_per_doubling,
        "lgd": outcomes.lgd,
        "ccf": outcomes.ccf,
    }
    return pa.table(columns)


def _rows_of(columns: Columns, rows: Integers) -> Columns:
    taken = {
        column.name: getattr(columns, column.name)[rows]
        for column in fields(columns)
        if isinstance(getattr(columns, column.name), np.ndarray)
    }
    return replace(columns, **taken)


def _has(dirt: Integers, name: str) -> Flags:
    flags: Flags = dirt == DIRT.index(name)
    return flags


def _line_ids(*, first_number: int, lines: int) -> pa.Array:
    numbers = pa.array(np.arange(first_number, first_number + lines)).cast(pa.string())
    return pc.binary_join_element_wise("line", pc.utf8_lpad(numbers, width=8, padding="0"), "_")


def _constant(text: str, *, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), rows)


def _labels(index: Integers, *, names: Sequence[str]) -> pa.Array:
    codes = pa.array(np.maximum(index, 0).astype(np.int32), mask=index < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, pa.string())).cast(pa.string())


def _limits(*, lines: Lines, dirt: Integers) -> pa.Array:
    sign = np.where(_has(dirt, "limit_negative"), -1, 1)
    return pa.array(lines.credit_limit_minor * sign, mask=_has(dirt, "limit_missing"))


def _ages(age_years: Integers, *, dirt: Integers) -> pa.Array:
    """As text, because one branch types it by hand: 35 becomes 35岁."""
    texts = pa.array(age_years).cast(pa.string())
    return pc.if_else(pa.array(_has(dirt, "text_in_number")), pc.binary_join_element_wise(texts, "岁", ""), texts)


def _education(book: Book) -> pa.Array:
    missing = book.chances.is_education_missing
    stated = _labels(np.where(missing, -1, book.borrowers.education), names=EDUCATION_LEVELS)
    return pc.if_else(pa.array(_has(book.chances.dirt, "education_code")), UNDOCUMENTED_EDUCATION, stated)


def _month_columns(month: MonthFigures) -> dict[str, pa.Array]:
    """A month before the line was opened is null, not zero."""
    before_opening = ~month.is_open
    columns = {
        f"{name}_m{month.months_ago}": pa.array(getattr(month, name), mask=before_opening) for name in MONTH_FIELDS
    }
    past_due = month.months_past_due.astype(np.int8)
    columns[f"months_past_due_m{month.months_ago}"] = pa.array(past_due, mask=before_opening)
    repayment = np.where(before_opening, -1, month.repayment)
    columns[f"repayment_m{month.months_ago}"] = _labels(repayment, names=REPAYMENTS)
    return columns
