"""Fit a model on a portfolio whose outcomes are known, and write it as a folder that proves itself."""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tallystick.operations.loading import load_portfolio
from tallystick.operations.model_folders import model_folder, replace_model
from tallystick.operations.progress import Progress
from tallystick.operations.scoring import BOOSTED, FOLDS, SCORECARD, fit_model, outcome_definition, score_out_of_fold
from tallystick.operations.validation import Segment, metrics_of, segments_of
from tallystick.operations.whole_files import prepare_folder, write_files
from tallystick.reports.summary import Metric
from tallystick.scoring.calibration import fit_calibration
from tallystick.scoring.manifest import Manifest, model_files, model_id, training_hash
from tallystick.scoring.model import Model
from tallystick.scoring.model_kind import ModelKind
from tallystick.scoring.scorecard import Scorecard

_LIBRARIES: Final = {
    "scorecard": ("numpy", "scipy"),
    "lightgbm": ("numpy", "lightgbm"),
    "xgboost": ("numpy", "xgboost-cpu"),
}
# Beside the model's own files, which its id is made of: what a person or a database reads of a scorecard.
READABLE: Final = "readable"
# Segments are told apart at this limit, in minor units, in the printed metrics of a fit.
_SEGMENT_LIMIT_MINOR: Final = 3_000_000


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What to fit, on what, and where to."""

    data: Path
    mapping: str
    out: Path
    kind: ModelKind = "lightgbm"
    seed: int = 1


@dataclass(frozen=True, slots=True)
class FitAnswer:
    """The model's id and how good it is on lines that its sisters never saw."""

    model_id: str
    kind: ModelKind
    features: int
    metrics: tuple[Metric, ...]


def fit(request: FitRequest, *, progress: Progress) -> FitAnswer:
    """Cross-fit for the metrics and the calibration, then fit on all lines and write the folder.

    Same data, mapping, kind and seed: the same bytes and so the same id. A folder that holds another model's files is
    refused, for a folder is one model.
    """
    with model_folder(request.out):
        return _fit(request, progress=progress)


def _fit(request: FitRequest, *, progress: Progress) -> FitAnswer:
    loaded = load_portfolio(data=request.data, mapping=request.mapping, progress=progress)
    progress.step({"zh": "交叉拟合", "en": f"fitting {request.kind} on {FOLDS} x the other folds"})
    definition = outcome_definition(loaded)
    crossed, pd = score_out_of_fold(loaded, kind=request.kind, seed=request.seed, boosted=BOOSTED, progress=progress)
    outcome = loaded.outcome()
    segments: tuple[Segment, ...] = segments_of(loaded, cap_minor=_SEGMENT_LIMIT_MINOR)
    metrics = metrics_of(loaded, pd, segments=segments, seed=request.seed)
    progress.step({"zh": "在全部样本上拟合", "en": "fitting on all lines"})
    model = fit_model(
        loaded.columns, outcome, loaded.model_features(), kind=request.kind, seed=request.seed, boosted=BOOSTED
    )
    manifest = Manifest(
        kind=model.kind,
        features=tuple(model.features),
        label=definition.en,
        horizon_months=definition.horizon_months,
        pd_horizon=definition.pd_horizon,
        currency=loaded.mapping.currency,
        training_sha256=training_hash(loaded.columns, outcome, model.features),
        rows=len(outcome),
        bads=int(outcome.sum()),
        seed=request.seed,
        settings=_plain(asdict(SCORECARD if request.kind == "scorecard" else BOOSTED) | {"kind": request.kind}),
        versions={"python": platform.python_version(), "tallystick": version("tallystick")}
        | {name: version(name) for name in _LIBRARIES[request.kind]},
        metrics={f"{name}_out_of_fold": metrics[0][name] for name in ("auc", "ks", "brier", "calibration_error")},
        monotone_verified=True,
    )
    files = model_files(model, fit_calibration(crossed.log_odds, outcome), manifest)
    replace_model(request.out, files)
    readable = scorecard_exports(model)
    if readable:
        prepare_folder(request.out / READABLE)
        write_files(((name, text.encode()) for name, text in readable.items()), request.out / READABLE)
    return FitAnswer(model_id(files), model.kind, len(model.features), tuple(metrics))


def scorecard_exports(model: Model) -> dict[str, str]:
    """A scorecard as tables a person reads and as SQL, by file name; nothing for another kind of model."""
    if not isinstance(model, Scorecard):
        return {}
    return {"scorecard.csv": model.to_csv(), "scorecard.toml": model.to_toml(), "scorecard.sql": model.to_sql()}


def _plain(value: Any) -> Any:
    """Settings as JSON has them, so that a manifest that was read equals the one that was written."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
