"""The demonstration: simulate a lender's portfolio, then review it like any other."""

from datetime import date
from pathlib import Path

import pyarrow.parquet

from tallystick.operations.outputs import prepare_folder
from tallystick.operations.progress import Progress
from tallystick.operations.review import ReviewRequest, review
from tallystick.reports.summary import Summary
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import simulate_portfolio


def demonstrate(*, lines: int, seed: int, out: Path, as_of: date, progress: Progress) -> Summary:
    """Write a simulated portfolio (and its truth apart) into `out`, and review it with caps of 30,000 and 50,000."""
    prepare_folder(out)
    progress.step({"zh": f"模拟 {lines:,} 个额度账户", "en": f"simulating {lines:,} credit lines"})
    simulated = simulate_portfolio(lines=lines, seed=seed, parameters=standard_parameters())
    data = out / "portfolio.parquet"
    pyarrow.parquet.write_table(simulated.observed, data, compression="zstd")
    pyarrow.parquet.write_table(simulated.truth, out / "truth.parquet", compression="zstd")
    request = ReviewRequest(
        data=data,
        mapping="tallystick",
        out=out,
        cap_major=50_000,
        baseline_cap_major=30_000,
        as_of=as_of,
        seed=seed,
    )
    return review(request, progress=progress)
