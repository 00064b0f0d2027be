"""On the real Taiwan lines, our scorecard cross-validates no worse than optbinning with a regression on top."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.scoring.model import Floats, ModelFeature
from tallystick.scoring.scorecard import ScorecardSettings, fit_scorecard

Rows = npt.NDArray[np.int64]
TARGET = "default_payment_next_month"
CATEGORIES = ("SEX", "EDUCATION", "MARRIAGE")


def our_auc(table: pa.Table, is_bad: Floats, fit_rows: Rows, check_rows: Rows) -> float:
    from sklearn.metrics import roc_auc_score

    features = [
        ModelFeature(name, "category" if name in CATEGORIES else "numeric", "auto") for name in table.column_names
    ]
    scorecard = fit_scorecard(table.take(fit_rows), is_bad[fit_rows], features, ScorecardSettings(), seed=1)
    return float(roc_auc_score(is_bad[check_rows], scorecard.log_odds(table.take(check_rows))))


def peer_auc(table: pa.Table, is_bad: Floats, fit_rows: Rows, check_rows: Rows) -> float:
    from optbinning import BinningProcess
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    frame = table.to_pandas()
    process = BinningProcess(table.column_names, categorical_variables=list(CATEGORIES))
    evidence = process.fit_transform(frame.iloc[fit_rows], is_bad[fit_rows])
    regression = LogisticRegression(max_iter=1000).fit(evidence, is_bad[fit_rows])
    return float(
        roc_auc_score(is_bad[check_rows], regression.decision_function(process.transform(frame.iloc[check_rows])))
    )


@pytest.mark.filterwarnings("ignore")
def test_cross_validated_auc_is_no_worse_than_the_peers(shared_data: Path) -> None:
    from sklearn.model_selection import StratifiedKFold, train_test_split

    table = pq.read_table(shared_data / "uci_taiwan_default" / "uci_taiwan_default.parquet")
    is_bad = table[TARGET].to_numpy().astype(np.float64)
    table = table.drop_columns(["ID", TARGET])
    training = train_test_split(np.arange(len(is_bad)), test_size=0.25, random_state=42)[0]
    table, is_bad = table.take(training), is_bad[training]
    folds = list(StratifiedKFold(5, shuffle=True, random_state=7).split(is_bad, is_bad))
    ours = np.mean([our_auc(table, is_bad, *fold) for fold in folds])
    peers = np.mean([peer_auc(table, is_bad, *fold) for fold in folds])
    assert ours > 0.769
    assert ours >= peers
