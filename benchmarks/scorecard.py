"""How fast a scorecard is fitted on the Taiwan lines, beside optbinning and scikit-learn on the same table and split.

    python benchmarks/scorecard.py [--json] [--rows-share 1.0] [--repeats 5]

`ratio.fit` is the peer's median seconds over ours. Both get the same feature table (the catalog's, from the
mapped fields), rows and target in memory, each
in the form it reads (an Arrow table, a data frame), bin every column, and fit a logistic regression on the evidence.
The test AUC is taken once, of the last fit. Settings were chosen by cross-validation on the training part.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from report_line import emit
from taiwan_data import DATA, published_split, taiwan_derived, taiwan_derived_features, taiwan_raw
from tallystick.operations.scoring import SCORECARD
from tallystick.scoring.model import ModelFeature
from tallystick.scoring.scorecard import fit_scorecard

Outcomes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One part of the split: features and outcomes in the same order."""

    table: pa.Table
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Fit:
    """What one fit took, and how it scored the test part."""

    seconds: float
    outcomes: Outcomes
    scores: Outcomes


def main() -> None:
    options = _options()
    _, outcomes = taiwan_raw(options.data)
    features = tuple(
        replace(each, direction="auto") if each.direction == "none" else each
        for each in taiwan_derived_features(options.data)
    )
    table = taiwan_derived(options.data).select([feature.name for feature in features])
    training_rows, test_rows = published_split(len(outcomes))
    training_rows = training_rows[: max(1000, int(options.rows_share * len(training_rows)))]
    training = Sample(table=table.take(training_rows), outcomes=outcomes[training_rows])
    test = Sample(table=table.take(test_rows), outcomes=outcomes[test_rows])
    sides = {"ours": lambda: _ours(features, training, test), "peer": lambda: _peer(features, training, test)}
    measured = _measured(options.repeats, sides)
    ours, peer = measured["ours"], measured["peer"]
    emit(
        "scorecard",
        ours={**ours, "training_rows": len(training_rows), "features": len(features)},
        peer=peer,
        ratio={"fit": peer["fit_seconds"] / ours["fit_seconds"]},
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--rows-share", type=float, default=1.0, help="share of the training rows to fit on")
    parser.add_argument("--repeats", type=int, default=5, help="fits per side; their median counts")
    parser.add_argument("--data", type=Path, default=DATA, help="the Taiwan lines as Parquet")
    return parser.parse_args()


def _measured(repeats: int, sides: Mapping[str, Callable[[], Fit]]) -> dict[str, dict[str, float]]:
    """Per side the median seconds of `repeats` fits and the AUC of the last one, after one fit to warm up.

    The sides take turns, on one thread each, so that whatever else runs on the machine weighs on both alike.
    """
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        rounds = [{name: fit_once() for name, fit_once in sides.items()} for _ in range(repeats + 1)][1:]
    return {
        name: {
            "fit_seconds": median(fits[name].seconds for fits in rounds),
            "auc": float(roc_auc_score(rounds[-1][name].outcomes, rounds[-1][name].scores)),
        }
        for name in sides
    }


def _ours(features: tuple[ModelFeature, ...], training: Sample, test: Sample) -> Fit:
    started = time.perf_counter()
    scorecard = fit_scorecard(training.table, training.outcomes, features, SCORECARD, seed=1)
    seconds = time.perf_counter() - started
    return Fit(seconds=seconds, outcomes=test.outcomes, scores=scorecard.log_odds(test.table))


def _peer(features: tuple[ModelFeature, ...], training: Sample, test: Sample) -> Fit:
    from optbinning import BinningProcess
    from sklearn.linear_model import LogisticRegression

    names = [feature.name for feature in features]
    categories = [feature.name for feature in features if feature.kind == "category"]
    frame, test_frame = training.table.to_pandas(), test.table.to_pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's own deprecations are not ours to mend
        started = time.perf_counter()
        process = BinningProcess(names, categorical_variables=categories)
        evidence = process.fit_transform(frame, training.outcomes)
        regression = LogisticRegression(max_iter=1000).fit(evidence, training.outcomes)
        seconds = time.perf_counter() - started
        scores = regression.decision_function(process.transform(test_frame))
    return Fit(seconds=seconds, outcomes=test.outcomes, scores=np.asarray(scores, dtype=np.float64))


if __name__ == "__main__":
    main()
