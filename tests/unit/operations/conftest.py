"""One simulated portfolio and one review of it, shared by the tests of operations."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest

from tallystick.operations.progress import Silent
from tallystick.operations.review import ReviewRequest, review
from tallystick.reports.summary import Summary
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import simulate_portfolio

LINES = 3_000


@dataclass(frozen=True)
class Reviewed:
    """What was asked, what came out, and where it stands."""

    request: ReviewRequest
    summary: Summary


@pytest.fixture(scope="session")
def simulated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated export of 3,000 lines, with its few dirty rows."""
    path = tmp_path_factory.mktemp("simulated") / "portfolio.parquet"
    observed = simulate_portfolio(lines=LINES, seed=11, parameters=standard_parameters()).observed
    pyarrow.parquet.write_table(observed, path)
    return path


@pytest.fixture(scope="session")
def reviewed(simulated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """The review of it with a scorecard, the quickest of the kinds."""
    request = ReviewRequest(
        data=simulated_file,
        mapping="tallystick",
        out=tmp_path_factory.mktemp("reviewed"),
        cap_major=50_000,
        baseline_cap_major=30_000,
        as_of=date(2026, 11, 23),
        kind="scorecard",
        formats=("parquet", "csv"),
    )
    return Reviewed(request=request, summary=review(request, progress=Silent()))
