"""Logistic regression on standardized features: the plain model that a boosted one has to beat. It is never shipped."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.columns import numeric_column
from tallystick.scoring.folds import two_outcomes
from tallystick.scoring.model import Floats


def logistic_log_odds(
    train: pa.Table, outcome: npt.ArrayLike, tables: Sequence[pa.Table], *, names: Sequence[str]
) -> list[Floats]:
    """Log odds of bad for each table, fitted on `train`; a missing value counts as the training mean.

    Ridge penalty 1 on standardized features, as scikit-learn has it.
    """
    from sklearn.linear_model import LogisticRegression

    is_bad = two_outcomes(outcome, rows=train.num_rows, least=1)
    columns = np.column_stack([numeric_column(train, name) for name in names])
    mean, spread = np.nanmean(columns, axis=0), np.nanstd(columns, axis=0)
    spread[spread == 0] = 1.0

    def standardized(table: pa.Table) -> Floats:
        raw = np.column_stack([numeric_column(table, name) for name in names])
        return np.asarray(np.nan_to_num((raw - mean) / spread, nan=0.0))

    model = LogisticRegression(max_iter=1_000).fit(standardized(train), is_bad)
    return [np.asarray(model.decision_function(standardized(table)), dtype=np.float64) for table in tables]
