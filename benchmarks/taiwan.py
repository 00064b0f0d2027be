"""How well the Taiwan lines are ranked, by the protocol of the published results, beside optbinning.

    python benchmarks/taiwan.py [--json] [--splits 20]

Protocol: `train_test_split(test_size=0.25, random_state=42)` on the file order, the id dropped, AUC on the test part,
which is read once, here. Features and settings were chosen by cross-validation on the training part only. Ours and
the peer get the same feature table (the catalog's, from the mapped fields) and, beside it, the raw 23 columns; then
`--splits` further splits, each with the paired difference, for one split has a standard error of some 0.0064.
Ratios are AUC over AUC.
"""

import argparse
import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.progress import track

from report_line import emit
from taiwan_data import published_split, taiwan_derived, taiwan_derived_features, taiwan_raw, taiwan_raw_features
from tallystick.operations.scoring import BOOSTED, SCORECARD
from tallystick.scoring.boosted import fit_boosted
from tallystick.scoring.model import ModelFeature
from tallystick.scoring.scorecard import Scorecard, fit_scorecard
from tallystick.scoring.validation import auc

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cases:
    """A feature table with its outcomes."""

    table: pa.Table
    outcome: Floats
    features: tuple[ModelFeature, ...]

    def at(self, rows: Rows) -> "Cases":
        """Some of the cases."""
        return Cases(self.table.take(pa.array(rows)), self.outcome[rows], self.features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--splits", type=int, default=20, help="repeated random splits beside the published one")
    options = parser.parse_args()
    table, outcome = taiwan_raw()
    raw = Cases(table, outcome, taiwan_raw_features(table))
    derived = Cases(taiwan_derived(), outcome, taiwan_derived_features())
    training, test = published_split(len(outcome))
    ours, peer = {}, {}
    ours["boosted_auc"] = _boosted(derived, training, test)
    scorecard, ours["scorecard_auc"] = _scorecard(derived, training, test)
    ours["scorecard_features"] = len(scorecard.scored)
    ours["scorecard_coefficients_against_declared"] = against_declared(scorecard, derived.features)
    peer["optbinning_auc"] = _optbinning(derived, training, test)
    ours["raw_boosted_auc"] = _boosted(raw, training, test)
    ours["raw_scorecard_auc"] = _scorecard(raw, training, test)[1]
    peer["raw_optbinning_auc"] = _optbinning(raw, training, test)
    if options.splits:
        repeated = _repeated(derived, splits=options.splits)
        ours |= {f"repeated_{name}": figure for name, figure in repeated.items() if not name.startswith("optbinning")}
        peer |= {f"repeated_{name}": figure for name, figure in repeated.items() if name.startswith("optbinning")}
    ratio = {
        "boosted_auc": ours["boosted_auc"] / peer["optbinning_auc"],
        "scorecard_auc": ours["scorecard_auc"] / peer["optbinning_auc"],
        "raw_scorecard_auc": ours["raw_scorecard_auc"] / peer["raw_optbinning_auc"],
    }
    emit("taiwan", ours=ours, peer=peer, ratio=ratio, as_json=options.json)


def against_declared(scorecard: Scorecard, features: tuple[ModelFeature, ...]) -> int:
    """How many coefficients break their feature's declared direction: on evidence, the declared sign is negative."""
    declared = {feature.name for feature in features if feature.direction in ("up", "down")}
    return sum(scored.coefficient > 0.0 for scored in scorecard.scored if scored.bins.feature.name in declared)


def _boosted(cases: Cases, training: Rows, test: Rows) -> float:
    part = cases.at(training)
    model = fit_boosted(part.table, part.outcome, cases.features, BOOSTED, seed=1)
    return auc(cases.outcome[test], model.log_odds(cases.at(test).table))


def _scorecard(cases: Cases, training: Rows, test: Rows) -> tuple[Scorecard, float]:
    part = cases.at(training)
    features = [replace(each, direction="auto") if each.direction == "none" else each for each in cases.features]
    model = fit_scorecard(part.table, part.outcome, features, SCORECARD, seed=1)
    return model, auc(cases.outcome[test], model.log_odds(cases.at(test).table))


def _optbinning(cases: Cases, training: Rows, test: Rows) -> float:
    from optbinning import BinningProcess
    from sklearn.linear_model import LogisticRegression

    names = [feature.name for feature in cases.features]
    categories = [feature.name for feature in cases.features if feature.kind == "category"]
    frame = cases.table.select(names).to_pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's own deprecations are not ours to mend
        process = BinningProcess(names, categorical_variables=categories)
        evidence = process.fit_transform(frame.iloc[training], cases.outcome[training])
        regression = LogisticRegression(max_iter=1000).fit(evidence, cases.outcome[training])
        scores = regression.decision_function(process.transform(frame.iloc[test]))
    return auc(cases.outcome[test], np.asarray(scores, dtype=np.float64))


def _repeated(cases: Cases, *, splits: int) -> dict[str, float]:
    """Means over further splits, and the paired differences from the peer with their standard errors.

    Splits of one table overlap, so the standard errors say how the figures scatter, not how another table would do.
    """
    from sklearn.model_selection import train_test_split

    found: dict[str, list[float]] = {"boosted_auc": [], "scorecard_auc": [], "optbinning_auc": []}
    for seed in track(range(1, splits + 1), description="repeated splits"):
        training, test = train_test_split(np.arange(len(cases.outcome)), test_size=0.25, random_state=1000 + seed)
        found["boosted_auc"].append(_boosted(cases, training, test))
        found["scorecard_auc"].append(_scorecard(cases, training, test)[1])
        found["optbinning_auc"].append(_optbinning(cases, training, test))
    figures = {f"{name}_mean": float(np.mean(aucs)) for name, aucs in found.items()}
    for name in ("boosted", "scorecard"):
        difference = np.array(found[f"{name}_auc"]) - np.array(found["optbinning_auc"])
        figures[f"{name}_less_optbinning_mean"] = float(difference.mean())
        if splits > 1:
            figures[f"{name}_less_optbinning_standard_error"] = float(difference.std(ddof=1) / np.sqrt(splits))
    figures["splits"] = splits
    return figures


if __name__ == "__main__":
    main()
