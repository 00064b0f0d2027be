"""What every model can do, whatever its kind: the one interface that strategy and operations use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.model_kind import ModelKind

Floats = npt.NDArray[np.float64]
# What is scored and decided: arrays by name on the purchase path, Arrow tables everywhere else.
Columns: TypeAlias = Mapping[str, npt.NDArray[Any]] | pa.Table
Direction = Literal["up", "down", "none", "auto"]


@dataclass(frozen=True, slots=True)
class ModelFeature:
    """A column that a model reads. `direction` says how risk moves when the value rises: up = riskier."""

    name: str
    kind: Literal["numeric", "category"]
    direction: Direction = "none"
    unit: str = ""


class Model(Protocol):
    """A fitted model: values in, values out; the same call for one row and for a million."""

    @property
    def kind(self) -> ModelKind: ...

    @property
    def features(self) -> tuple[ModelFeature, ...]: ...

    def log_odds(self, columns: Columns) -> Floats:
        """Log odds of bad per row, shape (rows,). Columns beyond the model's own are ignored.

        Raises `ColumnFault` naming the column when one is absent or of the wrong type.
        """
        ...

    def contributions(self, columns: Columns) -> Floats:
        """Shapley attribution of the log odds, shape (rows, features + 1): one column per feature, then the base.

        Each row sums to `log_odds`; a positive entry made the row riskier than the average training row.
        """
        ...

    def weights(self) -> Mapping[str, bytes]:
        """The model's weight files by name, text or JSON; with the manifest they rebuild it exactly."""
        ...


class MonotoneFault(ValueError):
    """A fitted model breaks the direction that was declared for a feature."""


class ColumnFault(ValueError):
    """A table lacks a column that a model needs, or has it in another type."""
