"""The strategy of a rehearsal: a folder of tables, and the threshold of a review capacity."""

import csv
import io
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tallystick.operations.rehearsal import RehearsalFault
from tallystick.operations.strategies import strategy_files
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.policy import STRATEGY_FILES
from tallystick.strategy.purchase_economics import ECONOMICS_FILE

_FORM: Final = f"{CheckpointName.AUTHORIZE}/checkpoint.toml"
_CAPACITY: Final = f"{CheckpointName.AUTHORIZE}/capacity.csv"
_THRESHOLD: Final = "review_from_ppm"


def purchase_strategy(folder: Path) -> dict[str, bytes]:
    """What decides purchases by the checkpoint of a folder; tables that it names and has not are the standard ones."""
    own, standard = strategy_files(folder), strategy_files(None)
    tables = [step["table"] for step in tomllib.loads(own[_FORM].decode())["step"]]
    read = (*STRATEGY_FILES, ECONOMICS_FILE, *(f"{CheckpointName.AUTHORIZE}/{table}" for table in tables))
    return {name: standard[name] for name in read if name in standard} | own


def with_threshold(files: Mapping[str, bytes], review_from_ppm: int) -> dict[str, bytes]:
    """The strategy with the score from which on its purchases are reviewed."""
    rows = list(csv.DictReader(io.StringIO(files[_CAPACITY].decode())))
    if any(_THRESHOLD not in row for row in rows):
        raise RehearsalFault(f"{_CAPACITY}: {_THRESHOLD}: no such column; add it")
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, _THRESHOLD: review_from_ppm} for row in rows)
    return {**files, _CAPACITY: text.getvalue().encode()}
