"""The whole book at given limits: expected profit and loss, twelve-month provision and stress, summed per grade."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.risk.default import conditional_pd
from tallystick.risk.loss import expected_loss, twelve_month_provision
from tallystick.strategy.economics import STRESS_NAMES, Economics
from tallystick.strategy.lines import Integers, Lines
from tallystick.strategy.prices import Price
from tallystick.strategy.profit import limit_figures
from tallystick.units.money import whole_minor
from tallystick.units.rates import PPM

_CHUNK_LINES = 65_536


@dataclass(frozen=True, slots=True)
class LineBook:
    """Each line at its limit, whole minor units, shape (lines,): what `decisions.parquet` and all sums are made of."""

    limit_minor: Integers
    drawn_minor: Integers
    ead_minor: Integers
    profit_minor: Integers
    expected_loss_minor: Integers
    provision_minor: Integers
    capital_minor: Integers
    stress_loss_minor: Mapping[str, Integers]


@dataclass(frozen=True, slots=True)
class BookFigures:
    """Sums over lines, in minor units."""

    lines: int
    limit_minor: int
    drawn_minor: int
    ead_minor: int
    profit_minor: int
    expected_loss_minor: int
    provision_minor: int
    capital_minor: int
    stress_loss_minor: Mapping[str, int]


def book_of(lines: Lines, limit_minor: Integers, *, economics: Economics, prices: tuple[Price, ...]) -> LineBook:
    """Expected figures of each line at `limit_minor`, rounded once, so that every later sum is exact."""
    chunks = [
        _book_of_chunk(lines.between(start, end), limit_minor[start:end], economics=economics, prices=prices)
        for start, end in _spans(len(lines))
    ]
    columns = {name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in _AMOUNTS}
    stress = {name: np.concatenate([chunk.stress_loss_minor[name] for chunk in chunks]) for name in STRESS_NAMES}
    return LineBook(**columns, stress_loss_minor=stress)


def sum_book(book: LineBook) -> BookFigures:
    """All lines together."""
    return BookFigures(
        lines=int(book.limit_minor.size),
        **{name: int(getattr(book, name).sum()) for name in _AMOUNTS},
        stress_loss_minor={name: int(losses.sum()) for name, losses in book.stress_loss_minor.items()},
    )


def sum_by_grade(book: LineBook, grade: npt.NDArray[np.int64], *, grades: int) -> tuple[BookFigures, ...]:
    """One sum per grade 0..grades-1, in whole numbers; a grade without lines is all zeros."""
    counts = np.bincount(grade, minlength=grades)
    sums = {name: _sums(getattr(book, name), grade, grades=grades) for name in _AMOUNTS}
    stress = {name: _sums(losses, grade, grades=grades) for name, losses in book.stress_loss_minor.items()}
    return tuple(
        BookFigures(
            lines=int(counts[index]),
            **{name: int(column[index]) for name, column in sums.items()},
            stress_loss_minor={name: int(column[index]) for name, column in stress.items()},
        )
        for index in range(grades)
    )


_AMOUNTS = (
    "limit_minor",
    "drawn_minor",
    "ead_minor",
    "profit_minor",
    "expected_loss_minor",
    "provision_minor",
    "capital_minor",
)


def _spans(lines: int) -> list[tuple[int, int]]:
    starts = range(0, max(lines, 1), _CHUNK_LINES)
    return [(start, min(start + _CHUNK_LINES, lines)) for start in starts]


def _sums(amounts: Integers, grade: npt.NDArray[np.int64], *, grades: int) -> Integers:
    # np.bincount would sum in floats; add.at stays in whole numbers.
    totals = np.zeros(grades, dtype=np.int64)
    np.add.at(totals, grade, amounts)
    return totals


def _book_of_chunk(lines: Lines, limit_minor: Integers, *, economics: Economics, prices: tuple[Price, ...]) -> LineBook:
    figures = limit_figures(lines, limit_minor[:, None], economics=economics, prices=prices)
    pd, ead = figures.pd[:, 0], figures.ead[:, 0]
    lgd = economics.lgd_ppm / PPM
    # The rate that provisions are discounted at: what the line pays, else its grade's price within the law.
    grade_rate = np.asarray([min(price.price_ppm, price.legal_cap_ppm) for price in prices], dtype=np.float64)
    rate = np.where(np.isnan(lines.present_rate_ppm), grade_rate[lines.grade], lines.present_rate_ppm) / PPM
    correlation = economics.stress_correlation_ppm / PPM
    stress = {
        name: whole_minor(
            expected_loss(pd=conditional_pd(pd, correlation=correlation, quantile=quantile / PPM), lgd=lgd, ead=ead)
        )
        for name, quantile in economics.stress_quantile_ppm.items()
    }
    return LineBook(
        limit_minor=limit_minor,
        drawn_minor=whole_minor(figures.drawn[:, 0]),
        ead_minor=whole_minor(ead),
        profit_minor=whole_minor(figures.profit[:, 0]),
        expected_loss_minor=whole_minor(figures.expected_loss[:, 0]),
        provision_minor=whole_minor(twelve_month_provision(pd=pd, lgd=lgd, ead=ead, effective_rate=rate)),
        capital_minor=whole_minor(figures.capital[:, 0]),
        stress_loss_minor=stress,
    )
