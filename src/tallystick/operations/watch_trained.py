"""Whether later rows are still like those that a trained model learned from and was proven on; its folder tells."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np

from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.model_folders import EVIDENCE
from tallystick.operations.progress import Progress
from tallystick.operations.scoring import ScoringFault
from tallystick.operations.train import features_hash
from tallystick.operations.training_sets import observed, read_dated
from tallystick.operations.watch import false_alarm_share, ordered, write_checks
from tallystick.operations.watched_amounts import told_amounts
from tallystick.operations.watched_rows import Rows, event_rows, known_outcomes, told_outcomes, windows_since
from tallystick.scoring.manifest import REFERENCE_FILE, FittedModel, Manifest, load_model, opened_files
from tallystick.scoring.reference import Reference, reference_checks, reference_from_json
from tallystick.scoring.stability import FALSE_ALARM
from tallystick.scoring.two_part import FittedTwoPart, load_two_part
from tallystick.scoring.watch import Check
from tallystick.sources.amount_form import is_amount_config, parse_amount_config
from tallystick.sources.amount_rows import read_live_amounts
from tallystick.sources.raw_events import RawEvents
from tallystick.sources.raw_tables import read_live_table
from tallystick.sources.training_form import TrainingConfig, parse_training


@dataclass(frozen=True, slots=True)
class TrainedWatchRequest:
    """A model's folder, the rows at hand, from when on they are watched where they are dated, and where files go."""

    model: Path
    data: Path
    since: date | None = None
    out: Path | None = None
    false_alarm: float = FALSE_ALARM


def watch_trained(request: TrainedWatchRequest, *, progress: Progress) -> tuple[Check, ...]:
    """Every check that the rows allow, the farthest above its limit first, and its files.

    The data is of the form that the model was trained on; what tells the outcome may be missing or null. Dated rows
    before `since` (without it: before the end of the model's own test) are only what features look back on. Raises
    `ScoringFault`, `ModelFilesFault`, `FormFaults`, `FileFault` and `StreamFaults`, each naming the way out.
    """
    false_alarm_share(request.false_alarm)
    files = _folder(request.model)
    manifest = opened_files(files)
    if REFERENCE_FILE not in files:
        raise ScoringFault(
            f"{request.model}: no {REFERENCE_FILE}; a model made by `fit` is watched with --against and --mapping, one "
            "made by an earlier `train` must be trained again"
        )
    reference = reference_from_json(files[REFERENCE_FILE])
    text = _config_text(request.model, manifest)
    progress.step({"zh": "读取数据", "en": "reading the rows at hand"})
    if is_amount_config(text):
        checks, model_id = _amount_checks(request, load_two_part(files), text, reference)
    else:
        checks, model_id = _outcome_checks(request, load_model(files), text, reference, progress=progress)
    found = ordered(checks)
    if request.out is not None:
        write_checks(found, model_id, request.out)
    return found


def _outcome_checks(
    request: TrainedWatchRequest, fitted: FittedModel, text: str, reference: Reference, *, progress: Progress
) -> tuple[tuple[Check, ...], str]:
    config = parse_training(text, file="config.toml")
    if fitted.manifest.settings["features_sha256"] != features_hash(config):
        raise ScoringFault(f"{request.model}: this version computes its features otherwise; train it again")
    if config.table is not None:
        if request.since is not None:
            raise ScoringFault("since: the rows of this model have no dates; leave it out, and give the rows to watch")
        raw = read_live_table(request.data, source=config.table, file="config.toml")
        rows = Rows(raw.features, known_outcomes(raw.outcome), np.full(len(raw.outcome), np.nan), (), ())
    else:
        rows = _live_events(request, config, reference, progress=progress)
    progress.step({"zh": "评分并比较", "en": "scoring and comparing"})
    told = told_outcomes(rows, fitted.pd(rows.table))
    return reference_checks(reference, rows.table, told, false_alarm=request.false_alarm), fitted.model_id


def _live_events(
    request: TrainedWatchRequest, config: TrainingConfig, reference: Reference, *, progress: Progress
) -> Rows:
    if config.split.deal_by is not None:
        raise ScoringFault("split.deal_by: this model was not proven out of time, and cannot be watched through time")
    raw = read_dated(request.data, config, file="config.toml")
    since = reference.until_tick
    if request.since is not None:
        since = int(datetime.combine(request.since, time(), tzinfo=UTC).timestamp()) * 1_000_000
    _refuse_short(raw, since, reference)
    everything = observed(config, raw)
    windows = windows_since(
        since, raw.known_until_tick, period_ticks=reference.period_ticks, learned_ticks=reference.learned_ticks
    )
    count = int(np.count_nonzero(everything.tick >= since))
    progress.step({"zh": f"计算 {count:,} 行的特征", "en": f"computing features of {count:,} rows"})
    return event_rows(config, raw, everything, windows, early_days=reference.early_days)


def _refuse_short(raw: RawEvents, since: int, reference: Reference) -> None:
    """A file that reaches back less than the training's did would show drift where there is none."""
    first, last = _on(raw.first_tick), _on(raw.known_until_tick)
    if raw.known_until_tick < since:
        raise ScoringFault(
            f"events.at: the file ends on {last}, before {_on(since)}, from which on rows are watched; give later "
            "rows, or an earlier --since"
        )
    if raw.first_tick > since - reference.back_ticks + DAY_TICKS:
        raise ScoringFault(
            f"events.at: the file begins on {first}, and features look back {reference.back_ticks // DAY_TICKS} days "
            f"from {_on(since)}; give rows from {_on(since - reference.back_ticks)} on, or "
            f"--since {_on(raw.first_tick + reference.back_ticks - 1)}"
        )


def _amount_checks(
    request: TrainedWatchRequest, fitted: FittedTwoPart, text: str, reference: Reference
) -> tuple[tuple[Check, ...], str]:
    config = parse_amount_config(text, file="config.toml")
    rows = read_live_amounts(request.data, config, file="config.toml")
    kept = np.ones(len(rows.amount), dtype=np.bool_)
    if request.since is not None:
        if not len(rows.month):
            raise ScoringFault("since: the rows of this model have no month; leave it out, and give the rows to watch")
        kept = np.asarray(rows.month >= np.datetime64(request.since, "M"))
        if not kept.any():
            raise ScoringFault(f"since: no row from {request.since:%Y-%m} on; the last is of {rows.month.max()}")
    watched = rows.taken(kept)
    told = told_amounts(watched, fitted.model.score(watched.features))
    return reference_checks(reference, watched.features, told, false_alarm=request.false_alarm), fitted.model_id


def _folder(folder: Path) -> Mapping[str, bytes]:
    if not (folder / "manifest.json").is_file():
        raise ScoringFault(f"{folder}: there is no model; make one with `tallystick train CONFIG --out FOLDER`")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _config_text(folder: Path, manifest: Manifest) -> str:
    """The configuration that the model was trained by, which is what its manifest says."""
    path = folder / EVIDENCE / "config.toml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if hashlib.sha256(text.encode()).hexdigest() != manifest.settings.get("config_sha256"):
        raise ScoringFault(f"{path}: missing, or not the one that the model was trained by; restore the model folder")
    return text


def _on(tick: int) -> str:
    return datetime.fromtimestamp(tick / 1_000_000, UTC).date().isoformat()
