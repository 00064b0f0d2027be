"""Which of the two watches an operator asks for: of portfolios through a mapping, or of a trained model's rows."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tallystick.operations.progress import Progress
from tallystick.operations.scoring import ScoringFault
from tallystick.operations.watch import WatchRequest
from tallystick.operations.watch import watch as watch_portfolio
from tallystick.operations.watch_trained import TrainedWatchRequest, watch_trained
from tallystick.scoring.watch import Check


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What the command line was told."""

    model: Path | None
    data: Path | None
    against: Path | None
    mapping: str | None
    since: date | None
    out: Path | None
    false_alarm: float


def watch(options: WatchOptions, *, progress: Progress) -> tuple[Check, ...]:
    """Every check, the farthest above its limit first. Raises `ScoringFault` where the options fit no watch."""
    told = options
    if told.data is None:
        raise ScoringFault("data: missing; give the rows at hand: `tallystick watch MODEL DATA`")
    if told.against is not None and told.mapping is not None:
        if told.since is not None:
            raise ScoringFault("since: portfolios are compared whole; leave it out")
        asked = WatchRequest(told.data, told.against, told.mapping, told.model, told.out, told.false_alarm)
        return watch_portfolio(asked, progress=progress)
    if told.against is not None or told.mapping is not None:
        missing = "mapping" if told.mapping is None else "against"
        raise ScoringFault(f"{missing}: missing; two portfolios are compared with --against and --mapping")
    if told.model is None:
        raise ScoringFault("model: missing; give a model's folder, or --against and --mapping")
    request = TrainedWatchRequest(told.model, told.data, told.since, told.out, told.false_alarm)
    return watch_trained(request, progress=progress)
