"""Boosted trees of an outcome or a size: LightGBM or XGBoost, declared directions proven, averaged over seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring import lightgbm_text, xgboost_json
from tallystick.scoring.folds import Flags, derived_seed, stratified_folds, two_outcomes
from tallystick.scoring.lightgbm_library import CONTRIBUTIONS, RAW_SCORE, LoadedTrees
from tallystick.scoring.matrix import CodedFeature, fit_coding, matrix_of
from tallystick.scoring.model import ColumnFault, Columns, Floats, ModelFeature, MonotoneFault
from tallystick.scoring.trees import Tree, refuse_broken_directions

__all__ = ["Boosted", "BoostedSettings", "MonotoneFault", "boosted_from_weights", "fit_boosted", "fit_boosted_size"]

BoostedKind = Literal["lightgbm", "xgboost"]
# How a score becomes a size: a share is its expit, an amount its exponential.
SizeLink = Literal["logit", "log"]

FEATURES_FILE = "features.json"
TREES_FILE: Mapping[BoostedKind, str] = {"lightgbm": "trees.txt", "xgboost": "trees.json"}
_SIGNS = {"up": 1, "down": -1}
# LightGBM's objective and metric for an outcome, a share and an amount.
_OBJECTIVES: Mapping[str, tuple[str, str]] = {
    "binary": ("binary", "binary_logloss"),
    "logit": ("cross_entropy", "cross_entropy"),
    "log": ("gamma", "gamma"),
}
_MANY_ROWS = 2_048  # from here on several threads gain more than they cost to wake


@dataclass(frozen=True, slots=True)
class BoostedSettings:
    """How trees are grown; each field means the same for both libraries.

    The number of rounds is where the mean log loss of the left-out rows, over `folds` stratified folds, was
    lowest when it had not improved for `stopping_rounds`; all rows are then fitted that often, `ensemble_seeds`
    times with different seeds, and the log odds averaged. With `stopping_rounds` 0 nothing is left out: the rounds are
    `rounds_max`, chosen beforehand on other rows. `leaf_rows_min` is the least number of training rows
    in a leaf (for XGBoost turned into the Hessian weight that many average rows have). `threads` does not change
    a model. Raises `ValueError` naming every setting out of range.
    """

    kind: BoostedKind = "lightgbm"
    learning_rate: float = 0.02
    leaves_max: int = 12
    leaf_rows_min: int = 100
    row_fraction: float = 0.8
    feature_fraction: float = 0.5
    l2_penalty: float = 10.0
    ensemble_seeds: int = 5
    rounds_max: int = 3_000
    stopping_rounds: int = 100
    folds: int = 5
    threads: int = 1

    def __post_init__(self) -> None:
        faults = [] if self.kind in TREES_FILE else [f"kind is {self.kind!r}: must be lightgbm or xgboost"]
        least = {
            "leaves_max": 2,
            "leaf_rows_min": 1,
            "l2_penalty": 0,
            "ensemble_seeds": 1,
            "rounds_max": 1,
            "stopping_rounds": 0,
            "folds": 2,
            "threads": 1,
        }
        faults += [
            f"{name} is {getattr(self, name)}: must be at least {bound}"
            for name, bound in least.items()
            if not getattr(self, name) >= bound
        ]
        faults += [
            f"{name} is {getattr(self, name)}: must be above 0 and at most 1"
            for name in ("learning_rate", "row_fraction", "feature_fraction")
            if not 0 < getattr(self, name) <= 1
        ]
        if faults:
            raise ValueError(f"boosted settings: {'; '.join(faults)}")


@dataclass(frozen=True, slots=True)
class Boosted:
    """A fitted ensemble of boosted trees, held as the very bytes that are stored: what ships is what scores."""

    kind: BoostedKind
    coded: tuple[CodedFeature, ...]
    trees: bytes
    _booster: Any = field(repr=False, compare=False)

    @property
    def features(self) -> tuple[ModelFeature, ...]:
        """What the model reads, in order; a direction "auto" has become the one that was fitted."""
        return tuple(coded.feature for coded in self.coded)

    def log_odds(self, columns: Columns) -> Floats:
        """Log odds of bad per row, shape (rows,). Raises `ColumnFault` naming every column that does not fit.

        XGBoost computes in single precision, so its log odds are good to some 1e-6.
        """
        matrix = matrix_of(columns=columns, coded=self.coded)
        if not len(matrix):
            return np.empty(0)
        if self.kind == "lightgbm":
            return self._lightgbm_raw(matrix, kind=RAW_SCORE)
        return np.asarray(self._booster.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)

    def contributions(self, columns: Columns) -> Floats:
        """Shapley attribution of the log odds, shape (rows, features + 1), in log odds; the last column is the base.

        TreeSHAP of the library itself, path-dependent. Source: Lundberg et al., Nature Machine Intelligence 2,
        2020. XGBoost's single-precision residue (some 1e-6) goes to the base, so that each row sums to `log_odds`.
        """
        matrix = matrix_of(columns=columns, coded=self.coded)
        if not len(matrix):
            return np.empty((0, len(self.coded) + 1))
        if self.kind == "lightgbm":
            return self._lightgbm_raw(matrix, kind=CONTRIBUTIONS)
        return _xgboost_contributions(self._booster, matrix, self.coded)

    def weights(self) -> Mapping[str, bytes]:
        """The trees in the library's own text format, and the coding of the features as JSON."""
        coding = json.dumps(
            {"kind": self.kind, "features": [asdict(coded) for coded in self.coded]},
            sort_keys=True,
            indent=1,
            ensure_ascii=False,
            allow_nan=False,
        )
        return {FEATURES_FILE: f"{coding}\n".encode(), TREES_FILE[self.kind]: self.trees}

    def _lightgbm_raw(self, matrix: Floats, *, kind: int) -> Floats:
        trees: LoadedTrees = self._booster
        return trees.predict(matrix, kind=kind, parameters="num_threads=1" if len(matrix) < _MANY_ROWS else "")


def fit_boosted(
    table: pa.Table,
    target: npt.ArrayLike,
    features: Sequence[ModelFeature],
    settings: BoostedSettings,
    seed: int,
) -> Boosted:
    """Fit boosted trees to an outcome (1 bad, 0 good), shape (rows,); same arguments, same bytes.

    Every tree is proven to keep the declared directions before the model is returned. Raises `ColumnFault` for an
    outcome that is not 0 or 1 or has fewer goods or bads than folds and for columns that do not fit, and
    `MonotoneFault` naming each feature whose direction the library broke.
    """
    is_bad = two_outcomes(target, rows=table.num_rows, least=settings.folds)
    coded = fit_coding(table=table, is_bad=is_bad, features=features)
    matrix = matrix_of(columns=table, coded=coded)
    held_out = _held_out(is_bad, settings, seed)
    if settings.kind == "lightgbm":
        trees = _train_lightgbm(matrix, is_bad.astype(np.float64), coded, settings, held_out, seed)
    else:
        trees = _train_xgboost(matrix, is_bad, coded, settings, held_out, seed)
    return _proven(_loaded(settings.kind, coded, trees))


def fit_boosted_size(
    table: pa.Table,
    size: Floats,
    features: Sequence[ModelFeature],
    settings: BoostedSettings,
    seed: int,
    *,
    link: SizeLink,
) -> Boosted:
    """Fit boosted trees to a positive size: `log_odds` is then the logit of a share, or the logarithm of an amount.

    A share (at most 1) is fitted by cross entropy, an amount by the gamma deviance: what counts is how far it is off in
    proportion. A direction "up" means a larger size. LightGBM alone. Raises `ColumnFault` as `fit_boosted` does, and
    for a size that is not positive or a share above 1.
    """
    if settings.kind != "lightgbm":
        raise ValueError(f"kind is {settings.kind!r}: sizes are fitted by lightgbm alone")
    strange = ~((size > 0) & (size <= (1.0 if link == "logit" else np.inf)))
    if size.shape != (table.num_rows,) or strange.any():
        raise ColumnFault(f"{np.count_nonzero(strange):,} sizes are missing or out of range: leave those rows out")
    is_large = two_outcomes(size > np.median(size), rows=table.num_rows, least=settings.folds)
    coded = fit_coding(table=table, is_bad=is_large, features=features)
    matrix = matrix_of(columns=table, coded=coded)
    held_out = _held_out(is_large, settings, seed)
    trees = _train_lightgbm(matrix, size, coded, settings, held_out, seed, objective=link)
    return _proven(_loaded(settings.kind, coded, trees))


def _held_out(stratum: Flags, settings: BoostedSettings, seed: int) -> "HeldOut":
    deal = stratified_folds(stratum, folds=settings.folds, seed=seed)
    return [(np.flatnonzero(deal != fold), np.flatnonzero(deal == fold)) for fold in range(settings.folds)]


def _proven(model: Boosted) -> Boosted:
    refuse_broken_directions(trees_of(model), model.features)
    return model


def trees_of(model: Boosted) -> tuple[Tree, ...]:
    """The model's trees as arrays, read from the bytes that are stored."""
    if model.kind == "lightgbm":
        return lightgbm_text.trees_of(model.trees.decode())
    return xgboost_json.trees_of(model.trees)


def boosted_from_weights(files: Mapping[str, bytes]) -> Boosted:
    """The model that wrote these files. Raises `ValueError` naming the file that is missing or cannot be read."""
    if FEATURES_FILE not in files:
        raise ValueError(f"{FEATURES_FILE} is missing: a boosted model needs it beside its trees")
    try:
        coding = json.loads(files[FEATURES_FILE])
        kind: BoostedKind = coding["kind"]
        coded = tuple(
            CodedFeature(
                feature=ModelFeature(**one["feature"]),
                categories=tuple(one["categories"]),
                stand_in=one["stand_in"],
            )
            for one in coding["features"]
        )
        trees_file = TREES_FILE[kind]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{FEATURES_FILE} cannot be read ({error!r}): restore the model folder") from error
    if trees_file not in files:
        raise ValueError(f"{trees_file} is missing: a {kind} model needs it")
    return _loaded(kind, coded, files[trees_file])


def _loaded(kind: BoostedKind, coded: tuple[CodedFeature, ...], trees: bytes) -> Boosted:
    if kind == "lightgbm":
        return Boosted(kind, coded, trees, LoadedTrees(trees))
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(trees))
    return Boosted(kind, coded, trees, booster)


HeldOut = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


def _train_lightgbm(
    matrix: Floats,
    target: Floats,
    coded: Sequence[CodedFeature],
    settings: BoostedSettings,
    held_out: HeldOut,
    seed: int,
    *,
    objective: str = "binary",
) -> bytes:
    import lightgbm

    loss, metric = _OBJECTIVES[objective]
    parameters = {
        "objective": loss,
        "metric": metric,
        "verbosity": -1,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves_max,
        "min_data_in_leaf": settings.leaf_rows_min,
        "bagging_fraction": settings.row_fraction,
        "bagging_freq": 1,
        "feature_fraction": settings.feature_fraction,
        "lambda_l2": settings.l2_penalty,
        "monotone_constraints": _signs(coded),
        # "intermediate" and "advanced" break declared directions in LightGBM 4.7: seen by `refuse_broken_directions`
        "monotone_constraints_method": "basic",
        # each histogram is summed by one thread in row order, so the number of threads does not show
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": settings.threads,
        # every row is looked at for missing values: one that a sample overlooks would later be taken for zero
        "bin_construct_sample_cnt": max(len(matrix), 1),
    }
    categories = [place for place, one in enumerate(coded) if one.feature.kind == "category"]
    rows = lightgbm.Dataset(
        matrix, target, categorical_feature=categories, params=parameters, free_raw_data=False
    ).construct()
    rounds = settings.rounds_max
    if settings.stopping_rounds:
        curves = lightgbm.cv(
            parameters | {"seed": derived_seed(seed, 0)},
            rows,
            num_boost_round=settings.rounds_max,
            folds=held_out,
            callbacks=[lightgbm.early_stopping(settings.stopping_rounds, verbose=False)],
        )
        rounds = len(curves[f"valid {metric}-mean"])
    boosters = (
        lightgbm.train(parameters | {"seed": derived_seed(seed, member)}, rows, num_boost_round=rounds)
        for member in range(settings.ensemble_seeds)
    )
    return lightgbm_text.averaged_text([booster.model_to_string() for booster in boosters]).encode()


def _train_xgboost(
    matrix: Floats,
    is_bad: npt.NDArray[np.bool_],
    coded: Sequence[CodedFeature],
    settings: BoostedSettings,
    held_out: HeldOut,
    seed: int,
) -> bytes:
    import xgboost

    bad_share = float(is_bad.mean())
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "base_score": bad_share,
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_depth": 0,
        "learning_rate": settings.learning_rate,
        "max_leaves": settings.leaves_max,
        "min_child_weight": settings.leaf_rows_min * bad_share * (1 - bad_share),
        "subsample": settings.row_fraction,
        "colsample_bytree": settings.feature_fraction,
        "lambda": settings.l2_penalty,
        "monotone_constraints": tuple(_signs(coded)),
        "nthread": settings.threads,
    }
    rows = _xgboost_rows(matrix, coded, is_bad)
    rounds = settings.rounds_max
    if settings.stopping_rounds:
        curves = xgboost.cv(
            parameters | {"seed": derived_seed(seed, 0)},
            rows,
            num_boost_round=settings.rounds_max,
            folds=held_out,
            early_stopping_rounds=settings.stopping_rounds,
            as_pandas=False,
        )
        rounds = int(np.argmin(curves["test-logloss-mean"])) + 1
    boosters = (
        xgboost.train(parameters | {"seed": derived_seed(seed, member)}, rows, num_boost_round=rounds)
        for member in range(settings.ensemble_seeds)
    )
    return xgboost_json.averaged_json([bytes(booster.save_raw("json")) for booster in boosters])


def _signs(coded: Sequence[CodedFeature]) -> list[int]:
    return [_SIGNS.get(one.feature.direction, 0) for one in coded]


def _xgboost_rows(matrix: Floats, coded: Sequence[CodedFeature], is_bad: npt.NDArray[np.bool_] | None = None) -> Any:
    import xgboost

    kinds = ["c" if one.feature.kind == "category" else "q" for one in coded]
    return xgboost.DMatrix(matrix, is_bad, feature_types=kinds, enable_categorical=True)


def _xgboost_contributions(booster: Any, matrix: Floats, coded: Sequence[CodedFeature]) -> Floats:
    parts = np.asarray(booster.predict(_xgboost_rows(matrix, coded), pred_contribs=True), dtype=np.float64)
    log_odds = np.asarray(booster.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)
    parts[:, -1] += log_odds - parts.sum(axis=1)
    return parts
