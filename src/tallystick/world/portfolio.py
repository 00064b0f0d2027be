"""A simulated portfolio of credit lines: what the lender saw until one day, what then happened, and what is true."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.world.behavior import live
from tallystick.world.borrowers import draw_borrowers
from tallystick.world.export import Book, draw_chances, observed_table, truth_table
from tallystick.world.outcome import draw_outcomes
from tallystick.world.parameters import WorldParameters
from tallystick.world.policy import grant_lines
from tallystick.world.streams import Streams

Integers = npt.NDArray[np.int64]

BLOCK = 65_536  # candidates lived through at a time: bounds memory, and the figure is part of what a seed means


@dataclass(frozen=True, slots=True)
class SimulatedPortfolio:
    """`observed`: the lender's wide export (columns: docs/world.md). `truth`: one row per line, joined by line_id."""

    observed: pa.Table
    truth: pa.Table


class TooFewSurvivors(ValueError):
    """Nearly every candidate was sold before the observation day: the parameters describe no portfolio."""


def simulate_portfolio(*, lines: int, seed: int, parameters: WorldParameters) -> SimulatedPortfolio:
    """Simulate `lines` open credit lines on one observation day, their history and the twelve months after it.

    The same seed, parameters and version give the same bytes, and a larger portfolio begins with the smaller one.
    `observed` has a few rows more than `lines`, for some are exported twice; other rows are dirty too, as
    `truth.dirt` says. Money is minor units of yuan.

    Raises `ValueError` for fewer than one line or a negative seed, `TooFewSurvivors` where the parameters let
    nearly nobody stay on the book.

    >>> from tallystick.world.parameters import standard_parameters
    >>> small = simulate_portfolio(lines=3, seed=1, parameters=standard_parameters())
    >>> small.truth["line_id"].to_pylist()
    ['line_00000001', 'line_00000002', 'line_00000003']
    """
    _check_request(lines=lines, seed=seed)
    observed: list[pa.Table] = []
    truth: list[pa.Table] = []
    made = block = 0
    while made < lines:
        book = _block(seed=seed, block=block, wanted=lines - made, parameters=parameters)
        observed.append(observed_table(book=book, first_number=made + 1))
        truth.append(truth_table(book=book, first_number=made + 1))
        made += len(book.lines.policy_score)
        block += 1
    return SimulatedPortfolio(observed=pa.concat_tables(observed), truth=pa.concat_tables(truth))


def _check_request(*, lines: int, seed: int) -> None:
    faults = []
    if lines < 1:
        faults.append(f"lines is {lines}: a portfolio has at least one line")
    if seed < 0:
        faults.append(f"seed is {seed}: choose a whole number from 0 up")
    if faults:
        raise ValueError("; ".join(faults))


def _block(*, seed: int, block: int, wanted: int, parameters: WorldParameters) -> Book:
    """The survivors of one block, at most `wanted`; tries part of the block first where few are wanted.

    A part holds the same candidates as the whole, for every stream begins alike whatever its length.
    """
    part = min(BLOCK, wanted + wanted // 4 + 64)
    for count in sorted({part, BLOCK}):
        book = _live_through(Streams(seed=seed, block=block, count=count), parameters=parameters)
        survivors = len(book.lines.policy_score)
        if survivors >= wanted:
            return book.only(np.arange(wanted))
    if survivors < BLOCK // 100:
        raise TooFewSurvivors(
            f"of {BLOCK} candidates {survivors} were still on the book on the observation day; "
            "lower behavior.late_intercept or raise lender.sold_at_months_past_due"
        )
    return book


def _live_through(streams: Streams, *, parameters: WorldParameters) -> Book:
    """Draw candidates, let them live until the observation day, keep those whose line was not sold."""
    borrowers = draw_borrowers(streams=streams, parameters=parameters.borrowers, behavior=parameters.behavior)
    lines = grant_lines(streams=streams, borrowers=borrowers, parameters=parameters.lender)
    is_sold = np.zeros(streams.count, dtype=np.bool_)
    history = []
    for month in live(streams=streams, borrowers=borrowers, lines=lines, parameters=parameters):
        is_sold |= month.months_past_due >= parameters.lender.sold_at_months_past_due
        if month.months_ago < parameters.lender.history_months:
            history.append(month)
    latest = history[-1]
    outcomes = draw_outcomes(
        streams=streams,
        borrowers=borrowers,
        lines=lines,
        balance_minor=latest.balance_minor,
        months_past_due=latest.months_past_due,
        is_jobless=latest.is_jobless,
        parameters=parameters.outcome,
    )
    book = Book(
        borrowers=borrowers,
        lines=lines,
        months=tuple(reversed(history)),
        outcomes=outcomes,
        chances=draw_chances(streams=streams, parameters=parameters.export),
    )
    return book.only(np.flatnonzero(~is_sold))
