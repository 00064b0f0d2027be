"""What a server loads before it can decide: nothing that only training, nights and files need."""

import subprocess
import sys

UNTIL_IT_DECIDES = """
import sys
import tallystick.web.app
import tallystick.web.server
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.operations.strategies import strategy_files
from tallystick.strategy.checkpoint_reading import read_checkpoints

read_checkpoints(strategy_files(None), catalog=load_as_of_catalog())
heavy = ("altair", "duckdb", "lightgbm", "pandas", "pyarrow.dataset", "scipy.optimize", "scipy.stats", "sklearn")
print([name for name in heavy if name in sys.modules])
"""


def test_a_server_decides_without_what_only_training_and_nights_need() -> None:
    run = subprocess.run([sys.executable, "-c", UNTIL_IT_DECIDES], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
