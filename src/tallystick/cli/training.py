"""The command that goes from raw events, or a flat file, to a model folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.bootstrap import settings, shown_progress, terminal

if TYPE_CHECKING:
    from tallystick.operations.train import TrainRequest


def train(config: str, *, out: Path, data: Path | None = None) -> None:
    """Train a model by a configuration, and write it with its report: of an outcome from raw events, of an amount.

    Parameters
    ----------
    config
        A built-in configuration (handbook-fraud, lending-club-recovery, jdd-demand) or the TOML file of your own.
    out
        Folder for the model; its metrics and report go to the folder evidence in it.
    data
        The raw file or folder; without it the one that the configuration names, from here.
    """
    from tallystick.operations.model_folders import EVIDENCE
    from tallystick.operations.train import TrainRequest
    from tallystick.sources.amount_form import is_amount_config
    from tallystick.sources.training_form import training_text

    request = TrainRequest(config=config, out=out, data=data)
    run = _train_amount if is_amount_config(training_text(config)[0]) else _train_outcome
    model_id = run(request)
    terminal().print(f"{model_id} → {out}\n{out / EVIDENCE / 'report.html'}", markup=False, soft_wrap=True)


def _train_outcome(request: "TrainRequest") -> str:
    from tallystick.operations.train import train as run
    from tallystick.reports.training_terminal import contenders_table, verdict_text

    language = settings().language
    with shown_progress(language) as progress:
        report = run(request, progress=progress)
    screen = terminal()
    screen.print(contenders_table(report, language=language))
    screen.print(verdict_text(report, language=language), markup=False, soft_wrap=True)
    return report["model_id"]


def _train_amount(request: "TrainRequest") -> str:
    from tallystick.operations.train_amount import train_amount
    from tallystick.reports.amount_page import amount_verdict
    from tallystick.reports.amount_terminal import forecasts_table, parts_table
    from tallystick.reports.texts import texts_in

    language = settings().language
    with shown_progress(language) as progress:
        report = train_amount(request, progress=progress)
    screen = terminal()
    screen.print(forecasts_table(report, language=language))
    screen.print(parts_table(report, language=language))
    screen.print(amount_verdict(report, texts_in(language)), markup=False, soft_wrap=True)
    return report["model_id"]
