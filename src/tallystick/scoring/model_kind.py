"""The kinds of model by name, apart from what they compute."""

from typing import Literal

ModelKind = Literal["scorecard", "lightgbm", "xgboost"]
