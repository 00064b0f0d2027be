"""The past policy gives more, and cheaper, to whom it believes better, and raises with time."""

from dataclasses import replace

import numpy as np
import pytest

from tallystick.world.borrowers import Borrowers, draw_borrowers
from tallystick.world.parameters import LenderParameters, standard_parameters
from tallystick.world.policy import Lines, grant_lines
from tallystick.world.streams import Streams

STANDARD = standard_parameters()


@pytest.fixture(scope="module")
def borrowers() -> Borrowers:
    streams = Streams(seed=1, block=0, count=5_000)
    return draw_borrowers(streams=streams, parameters=STANDARD.borrowers, behavior=STANDARD.behavior)


def granted(borrowers: Borrowers, lender: LenderParameters = STANDARD.lender) -> Lines:
    return grant_lines(streams=Streams(seed=1, block=0, count=5_000), borrowers=borrowers, parameters=lender)


def test_the_better_the_score_the_higher_the_limit_and_the_lower_the_rate(borrowers: Borrowers) -> None:
    lines = granted(borrowers, replace(STANDARD.lender, limit_growth_month_log=0.0))
    order = np.argsort(lines.policy_score)
    assert (np.diff(lines.credit_limit_minor[order]) >= 0).all()
    assert (np.diff(lines.nominal_rate_ppm[order]) <= 0).all()
    assert set(lines.nominal_rate_ppm.tolist()) == {146_000, 182_500, 219_000}


def test_time_on_book_raises_limits_up_to_the_cap(borrowers: Borrowers) -> None:
    flat = granted(borrowers, replace(STANDARD.lender, limit_growth_month_log=0.0))
    grown = granted(borrowers)
    old = (flat.months_on_book > 24) & (flat.credit_limit_minor < 2_000_000)
    assert old.sum() > 500
    assert (grown.credit_limit_minor[old] > flat.credit_limit_minor[old]).mean() > 0.95
    assert grown.credit_limit_minor.max() == STANDARD.lender.limit_cap_minor


def test_another_cap_moves_only_the_lines_at_it(borrowers: Borrowers) -> None:
    usual = granted(borrowers)
    higher = granted(borrowers, replace(STANDARD.lender, limit_cap_minor=5_000_000))
    below = usual.credit_limit_minor < 3_000_000
    assert np.array_equal(usual.credit_limit_minor[below], higher.credit_limit_minor[below])
    assert (higher.credit_limit_minor[~below] >= 3_000_000).all()
    assert higher.credit_limit_minor.max() == 5_000_000


def test_months_on_book_stay_within_the_age_of_the_product(borrowers: Borrowers) -> None:
    lines = granted(borrowers, replace(STANDARD.lender, months_on_book_most=10))
    assert lines.months_on_book.min() >= 1
    assert lines.months_on_book.max() == 10
