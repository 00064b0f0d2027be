"""LightGBM's library called for predictions alone, by its C API.

The package `lightgbm` loads scikit-learn besides, and pandas where it is: 0.6 s and 70 MB for each process that
decides, which uses neither. Training takes the package, and both the same library.
"""

import ctypes
import sys
import weakref
from functools import cache
from importlib.util import find_spec
from typing import Final

import numpy as np

from tallystick.scoring.model import Floats

# As `LightGBM/c_api.h` numbers them.
_FLOAT64: Final = 1
_ROW_MAJOR: Final = 1
RAW_SCORE: Final = 1
CONTRIBUTIONS: Final = 3


class LoadedTrees:
    """A model text as the library holds it. Raises `ValueError` with the library's own words where it refuses it."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._handle = ctypes.c_void_p()
        _call("LGBM_BoosterLoadModelFromString", text, ctypes.byref(ctypes.c_int()), ctypes.byref(self._handle))
        # Not at the end of the process, when another thread may still predict.
        weakref.finalize(self, _library().LGBM_BoosterFree, self._handle).atexit = False

    def __reduce__(self) -> tuple[type["LoadedTrees"], tuple[bytes]]:
        """A copy is loaded again: a handle is of one process."""
        return LoadedTrees, (self._text,)

    def predict(self, matrix: Floats, *, kind: int, parameters: str = "") -> Floats:
        """Raw scores, shape (rows,), or contributions, shape (rows, features + 1), of a matrix (rows, features).

        Raises `ValueError` where the model was trained on another number of features.
        """
        rows, columns = matrix.shape
        given = np.ascontiguousarray(matrix, dtype=np.float64)
        trees = (ctypes.c_int(0), ctypes.c_int(-1))  # from the first to the last
        length = ctypes.c_int64()
        _call("LGBM_BoosterCalcNumPredict", self._handle, rows, kind, *trees, ctypes.byref(length))
        told = np.empty(length.value)
        _call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            given.ctypes.data_as(ctypes.c_void_p),
            _FLOAT64,
            ctypes.c_int32(rows),
            ctypes.c_int32(columns),
            _ROW_MAJOR,
            kind,
            *trees,
            parameters.encode(),
            ctypes.byref(length),
            told.ctypes.data_as(ctypes.c_void_p),
        )
        return told if kind == RAW_SCORE else told.reshape(rows, -1)


def _call(name: str, *arguments: object) -> None:
    library = _library()
    if getattr(library, name)(*arguments) != 0:
        raise ValueError(f"LightGBM: {library.LGBM_GetLastError().decode()}")


@cache
def _library() -> ctypes.CDLL:
    """The library in the package's folder, which is found without importing it."""
    package = find_spec("lightgbm")
    if package is None or not package.submodule_search_locations:
        raise ImportError("lightgbm is not installed: install tallystick with all that it requires")
    ending = "dylib" if sys.platform == "darwin" else "so"
    library = ctypes.CDLL(f"{package.submodule_search_locations[0]}/lib/lib_lightgbm.{ending}")
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    library.LGBM_RegisterLogCallback(_SILENT)
    return library


# What is wrong is raised; the library would print it as well.
_SILENT: Final = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _: None)
