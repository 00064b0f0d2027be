"""LightGBM's library called alone: the package's own predictions to the bit, and what is no model refused."""

import copy
import pickle

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest

from tallystick.scoring.lightgbm_library import CONTRIBUTIONS, RAW_SCORE, LoadedTrees

Rows = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    draws = np.random.default_rng(7)
    matrix = rows(3_000)
    is_bad = draws.random(len(matrix)) < 1 / (1 + np.exp(-np.nan_to_num(matrix[:, 0])))
    settings = {"objective": "binary", "num_leaves": 8, "verbosity": -1, "num_threads": 1}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, is_bad.astype(float)), num_boost_round=20)


def rows(count: int) -> Rows:
    draws = np.random.default_rng(count)
    matrix = draws.normal(size=(count, 3))
    matrix[draws.random(matrix.shape) < 0.1] = np.nan
    return matrix


def loaded(booster: lightgbm.Booster) -> LoadedTrees:
    return LoadedTrees(booster.model_to_string().encode())


@pytest.mark.parametrize("count", [1, 2_500])
@pytest.mark.parametrize("order", ["C", "F"])
def test_predictions_are_those_of_the_package(booster: lightgbm.Booster, count: int, order: str) -> None:
    trees, matrix = loaded(booster), np.array(rows(count), order="F" if order == "F" else "C")
    assert np.array_equal(trees.predict(matrix, kind=RAW_SCORE), booster.predict(matrix, raw_score=True))
    told = trees.predict(matrix, kind=CONTRIBUTIONS, parameters="num_threads=1")
    assert told.shape == (count, 4)
    assert np.array_equal(told, booster.predict(matrix, pred_contrib=True, num_threads=1))


def test_a_copy_predicts_the_same(booster: lightgbm.Booster) -> None:
    trees, matrix = loaded(booster), rows(10)
    known = trees.predict(matrix, kind=RAW_SCORE)
    copies = (copy.deepcopy(trees), pickle.loads(pickle.dumps(trees)))
    del trees
    for each in copies:
        assert np.array_equal(each.predict(matrix, kind=RAW_SCORE), known)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="LightGBM: "):
        LoadedTrees(b"no trees\n")


def test_a_matrix_of_other_features_is_refused(booster: lightgbm.Booster) -> None:
    with pytest.raises(ValueError, match=r"LightGBM: .*features"):
        loaded(booster).predict(rows(2)[:, :2], kind=RAW_SCORE)
