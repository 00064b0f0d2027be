"""A simulated portfolio as files: what a lender would see, and apart from it what is true."""

from pathlib import Path

import pyarrow.parquet

from tallystick.operations.progress import Progress
from tallystick.operations.whole_files import prepare_folder
from tallystick.world.parameters import standard_parameters
from tallystick.world.portfolio import simulate_portfolio


def write_portfolio(out: Path, *, lines: int, seed: int, progress: Progress) -> None:
    """Write `portfolio.parquet`, which the mapping `tallystick` reads, and `truth.parquet` into a folder.

    Raises `OutputFault` where the folder cannot be written.
    """
    prepare_folder(out)
    progress.step({"zh": f"模拟 {lines:,} 个额度账户", "en": f"simulating {lines:,} credit lines"})
    simulated = simulate_portfolio(lines=lines, seed=seed, parameters=standard_parameters())
    pyarrow.parquet.write_table(simulated.observed, out / "portfolio.parquet", compression="zstd")
    pyarrow.parquet.write_table(simulated.truth, out / "truth.parquet", compression="zstd")
