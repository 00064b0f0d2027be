"""The command that goes from raw events to a model folder."""

from pathlib import Path

from tallystick.bootstrap import settings, shown_progress, terminal


def train(config: str, *, out: Path, data: Path | None = None) -> None:
    """Train a model from raw events by a configuration, and write it with its report.

    Parameters
    ----------
    config
        A built-in configuration (handbook-fraud) or the TOML file of your own.
    out
        Folder for the model; its metrics and report go to the folder evidence in it.
    data
        The raw file or folder; without it the one that the configuration names, from here.
    """
    from tallystick.operations.train import EVIDENCE, TrainRequest
    from tallystick.operations.train import train as run
    from tallystick.reports.training_terminal import contenders_table, verdict_text

    language = settings().language
    with shown_progress(language) as progress:
        report = run(TrainRequest(config=config, out=out, data=data), progress=progress)
    screen = terminal()
    screen.print(contenders_table(report, language=language))
    screen.print(verdict_text(report, language=language), markup=False, soft_wrap=True)
    screen.print(f"{report['model_id']} → {out}\n{out / EVIDENCE / 'report.html'}", markup=False, soft_wrap=True)
