"""Whether a portfolio, its scores and its outcomes are still those that a model learned from; alarms as files."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from tallystick.operations.loading import LoadedPortfolio, load_portfolio
from tallystick.operations.progress import Progress
from tallystick.operations.scoring import BOOSTED, ScoringFault, read_model, score_out_of_fold
from tallystick.operations.whole_files import prepare_folder, write_files
from tallystick.scoring.columns import numeric_column
from tallystick.scoring.manifest import FittedModel, training_hash
from tallystick.scoring.model import ColumnFault, Floats, ModelFeature
from tallystick.scoring.stability import FALSE_ALARM
from tallystick.scoring.watch import Check, Watched, watch_checks

_VINTAGES = ((0, "0-11"), (12, "12-23"), (24, "24-35"), (36, "36+"))  # months on book, from here on
_FIRST_PAYMENT_MONTHS = (1, 2)  # on book, in which the first statement falls due


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What to watch, against what; a model where scores and outcomes are watched too, a folder where files go."""

    data: Path
    against: Path
    mapping: str
    model: Path | None = None
    out: Path | None = None
    false_alarm: float = FALSE_ALARM


def watch(request: WatchRequest, *, progress: Progress) -> tuple[Check, ...]:
    """Every check that both portfolios allow, the farthest above its limit first, and its files.

    `against` is the sample expected, `data` the one at hand; both through one mapping. Where `against` is what the
    model learned from, its lines are scored out of fold, as `fit` did, and the spread of scores is not compared: give
    lines that it never saw for that.
    Raises `ScoringFault` where a portfolio lacks what the model reads.
    """
    false_alarm_share(request.false_alarm)
    fitted = None if request.model is None else read_model(request.model)
    expected = load_portfolio(data=request.against, mapping=request.mapping, progress=progress)
    actual = load_portfolio(data=request.data, mapping=request.mapping, progress=progress)
    features = _features(expected, actual, fitted)
    before = _expected(expected, fitted, progress=progress)
    now = _watched(actual, None if fitted is None else fitted.pd(actual.columns))
    progress.step({"zh": "比较", "en": "comparing"})
    found = watch_checks(
        expected=before, actual=now,
        features=features, false_alarm=request.false_alarm,
    )  # fmt: skip
    checks = ordered(found)
    if request.out is not None:
        write_checks(checks, "" if fitted is None else fitted.model_id, request.out)
    return checks


def false_alarm_share(share: float) -> float:
    """The share itself; raises `ScoringFault` where it is none."""
    if not 0 < share < 1:
        raise ScoringFault(f"false alarm {share}: give a share between 0 and 1, as 0.01")
    return share


def ordered(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The farthest above its limit first."""
    return tuple(sorted(checks, key=lambda check: (-_excess(check), check.kind, check.name)))


def write_checks(checks: tuple[Check, ...], model_id: str, out: Path) -> None:
    """A row per check, and the same as metrics, in a folder."""
    prepare_folder(out)
    write_files((("watch.json", _rows(checks, model_id)), ("watch.prom", _metrics(checks, model_id))), out)


def _features(
    expected: LoadedPortfolio, actual: LoadedPortfolio, fitted: FittedModel | None
) -> tuple[ModelFeature, ...]:
    """What the model reads; without one, all that both portfolios have."""
    shared = {feature.name for feature in expected.model_features()} & {one.name for one in actual.model_features()}
    if fitted is None:
        features = tuple(feature for feature in expected.model_features() if feature.name in shared)
        if not features:
            raise ColumnFault("the two portfolios share no feature: check that the mapping names their fields")
        return features
    absent = [feature.name for feature in fitted.model.features if feature.name not in shared]
    if absent:
        raise ScoringFault(f"the model reads {', '.join(absent)}, which the mapping does not give: map those fields")
    return tuple(fitted.model.features)


def _expected(loaded: LoadedPortfolio, fitted: FittedModel | None, *, progress: Progress) -> Watched:
    """The sample to compare with; out of fold where the model learned from it."""
    if fitted is None or not _is_learned(loaded, fitted):
        return _watched(loaded, None if fitted is None else fitted.pd(loaded.columns))
    progress.step({"zh": "样本外评分训练样本", "en": "scoring what the model learned from out of fold"})
    kind, seed = fitted.model.kind, fitted.manifest.seed
    _, pd = score_out_of_fold(loaded, kind=kind, seed=seed, boosted=BOOSTED, progress=progress)
    return replace(_watched(loaded, pd), learned=True)


def _is_learned(loaded: LoadedPortfolio, fitted: FittedModel) -> bool:
    outcome = loaded.outcome()
    if np.isnan(outcome).any():
        return False
    return training_hash(loaded.columns, outcome, fitted.model.features) == fitted.manifest.training_sha256


def _watched(loaded: LoadedPortfolio, pd: Floats | None) -> Watched:
    months = numeric_column(loaded.portfolio.line, "months_on_book")
    place = np.digitize(months, [start for start, _ in _VINTAGES]) - 1
    vintage = [_VINTAGES[at][1] if known else "" for at, known in zip(place, ~np.isnan(months), strict=True)]
    return Watched(loaded.columns, pd, loaded.outcome(), vintage, _first_payments(loaded, months))


def _first_payments(loaded: LoadedPortfolio, months_on_book: Floats) -> Floats:
    """1 where a line was past due in its first months, 0 where it was not, NaN where the file does not reach them."""
    missed = np.full(len(months_on_book), np.nan)
    month = loaded.portfolio.line_month
    position = numeric_column(month, "position").astype(np.int64)
    past_due = numeric_column(month, "months_past_due")
    age = months_on_book[position] - numeric_column(month, "months_ago")
    told = np.isin(age, _FIRST_PAYMENT_MONTHS) & ~np.isnan(past_due)
    missed[position[told]] = 0.0
    missed[position[told & (past_due > 0)]] = 1.0
    return missed


def _excess(check: Check) -> float:
    return check.value / check.limit if check.limit > 0 else 0.0


def _rows(checks: tuple[Check, ...], model_id: str) -> bytes:
    rows = [{"model_id": model_id, **asdict(check), "alarm": check.alarm} for check in checks]
    return f"{json.dumps(rows, indent=1, allow_nan=False)}\n".encode()


def _metrics(checks: tuple[Check, ...], model_id: str) -> bytes:
    """The same as Prometheus' text, for a collector of text files to pick up."""
    registry, labels = CollectorRegistry(), ["model", "kind", "name"]
    gauges = {
        key: Gauge(f"tallystick_watch_{key}", told, labels, registry=registry)
        for key, told in (
            ("value", "What a check found"),
            ("limit", "What chance hardly exceeds where nothing changed"),
            ("alarm", "1 where the value is above its limit"),
        )
    }
    for check in checks:
        for key, gauge in gauges.items():
            gauge.labels(model_id, check.kind, check.name).set(float(getattr(check, key)))
    return generate_latest(registry)
