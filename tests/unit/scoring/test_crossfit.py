"""Out-of-fold scores: no line is judged by a model that saw it, and the same call gives the same scores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from tallystick.scoring.crossfit import out_of_fold
from tallystick.scoring.model import ColumnFault, Floats, ModelFeature
from tallystick.scoring.model_kind import ModelKind
from tallystick.scoring.scorecard import ScorecardSettings, fit_scorecard


@dataclass(frozen=True)
class Memory:
    """A model that knows the positions it was fitted on: its log odds are 1 for those, 0 for all others."""

    seen: frozenset[int]
    seed: int
    kind: ModelKind = "scorecard"

    @property
    def features(self) -> tuple[ModelFeature, ...]:
        names = ("a", "b") if self.seed % 2 else ("b",)
        return tuple(ModelFeature(name, "numeric") for name in names)

    def log_odds(self, columns: pa.Table) -> Floats:
        return np.array([float(position in self.seen) for position in columns["position"].to_pylist()])

    def contributions(self, columns: pa.Table) -> Floats:
        width = len(self.features)
        return np.column_stack([np.full((columns.num_rows, width), float(self.seed)), np.zeros(columns.num_rows)])

    def weights(self) -> dict[str, bytes]:
        return {}


def remember(table: pa.Table, target: npt.NDArray[np.bool_], seed: int) -> Memory:
    assert len(target) == table.num_rows
    return Memory(seen=frozenset(table["position"].to_pylist()), seed=seed)


def test_no_line_is_judged_by_a_model_that_saw_it() -> None:
    table = pa.table({"position": np.arange(500)})
    outcome = np.arange(500) % 5 == 0
    found = out_of_fold(table, outcome, remember, folds=4, seed=2)
    assert found.log_odds.tolist() == [0.0] * 500
    assert sorted(np.bincount(found.fold).tolist()) == [125] * 4
    shares = [outcome[found.fold == fold].mean() for fold in range(4)]
    assert shares == pytest.approx([0.2] * 4)


def test_contributions_are_aligned_by_name_where_a_fold_left_a_feature_out() -> None:
    table = pa.table({"position": np.arange(100)})
    models: list[Memory] = []

    def note(part: pa.Table, target: npt.NDArray[np.bool_], seed: int) -> Memory:
        models.append(remember(part, target, seed))
        return models[-1]

    found = out_of_fold(table, np.arange(100) % 2, note, folds=6, seed=0)
    assert {model.seed % 2 for model in models} == {0, 1}
    assert set(found.features) == {"a", "b"}
    for fold, model in enumerate(models):
        rows = found.contributions[found.fold == fold]
        assert (rows[:, found.features.index("b")] == model.seed).all()
        assert (rows[:, found.features.index("a")] == (model.seed if model.seed % 2 else 0)).all()


def test_a_real_model_repeats_itself_and_sums_up() -> None:
    draws = np.random.default_rng(1)
    numbers = draws.normal(size=2_000)
    table = pa.table({"x": numbers})
    outcome = draws.random(2_000) < 1 / (1 + np.exp(1 - numbers))
    features = [ModelFeature("x", "numeric", "up")]

    def fit(part: pa.Table, target: npt.NDArray[np.bool_], seed: int) -> "object":
        return fit_scorecard(part, target.astype(np.float64), features, ScorecardSettings(), seed)

    first = out_of_fold(table, outcome, fit, folds=3, seed=5)  # type: ignore[arg-type]
    again = out_of_fold(table, outcome, fit, folds=3, seed=5)  # type: ignore[arg-type]
    assert first.log_odds.tolist() == again.log_odds.tolist()
    assert np.abs(first.contributions.sum(axis=1) - first.log_odds).max() < 1e-12
    assert np.corrcoef(first.log_odds, numbers)[0, 1] > 0.8


def test_too_few_bads_are_refused() -> None:
    with pytest.raises(ColumnFault, match="2 bads: at least 5"):
        out_of_fold(pa.table({"position": np.arange(20)}), np.arange(20) < 2, remember, folds=5, seed=0)
