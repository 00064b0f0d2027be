"""The models that a lender without a past starts from: where each decides, and how they are trained from a world."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from tallystick.operations.model_folders import model_folder, replace_model
from tallystick.operations.progress import Progress
from tallystick.operations.train import TrainRequest, train
from tallystick.reports.model_summary import ModelReport
from tallystick.strategy.case_columns import CheckpointName


@dataclass(frozen=True, slots=True)
class Prior:
    """A model that ships: its configuration, the checkpoints it decides at, the features without which it is silent."""

    name: str
    config: str
    checkpoints: tuple[CheckpointName, ...]
    needs: tuple[str, ...]


PRIORS: Final = (
    Prior("application", "world-application", (CheckpointName.APPLY,), ("bureau_score",)),
    Prior("behavior", "world-behavior", (CheckpointName.REVIEW_LIMIT, CheckpointName.REPRICE), ("line_tenure_days",)),
    Prior("fraud", "world-fraud", (CheckpointName.AUTHORIZE,), ("line_exposure_after",)),
)


def prior_files(name: str) -> dict[str, bytes]:
    """The folder of a prior that ships."""
    folder = files("tallystick.scoring").joinpath("priors", name)
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}


def train_priors(streams: Path, *, out: Path, reports: Path, progress: Progress) -> tuple[ModelReport, ...]:
    """Train every prior on the streams of a world: the models into folders of `out`, with their evidence of `reports`.

    Raises what `train` does.
    """
    told = []
    for prior in PRIORS:
        made = reports / prior.name
        told.append(train(TrainRequest(config=prior.config, data=streams, out=made), progress=progress))
        with model_folder(out / prior.name):
            own = {path.name: path.read_bytes() for path in sorted(made.iterdir()) if path.is_file()}
            replace_model(out / prior.name, own)
    return tuple(told)
