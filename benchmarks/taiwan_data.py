"""The Taiwan credit lines as benchmarks read them, and the one split that published results use."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tallystick.operations.loading import LoadedPortfolio, load_portfolio
from tallystick.operations.progress import Silent
from tallystick.scoring.model import ModelFeature

DATA = Path(__file__).resolve().parents[2] / "shared/data/uci_taiwan_default/uci_taiwan_default.parquet"
TARGET = "default_payment_next_month"
CATEGORIES = frozenset({"SEX", "EDUCATION", "MARRIAGE"})
Rows = npt.NDArray[np.int64]


def taiwan_raw(path: Path = DATA) -> tuple[pa.Table, npt.NDArray[np.float64]]:
    """The 23 raw columns in file order, and the outcome: 1.0 is a default next month, shape (rows,)."""
    if not path.is_file():
        raise SystemExit(f"the Taiwan data is not here: put it at {path}")
    table = pq.read_table(path)
    return table.drop_columns(["ID", TARGET]), table[TARGET].to_numpy().astype(np.float64)


def taiwan_raw_features(table: pa.Table) -> tuple[ModelFeature, ...]:
    """The raw columns as features; no direction is declared, so the fit finds the better monotone one."""
    return tuple(
        ModelFeature(name=name, kind="category" if name in CATEGORIES else "numeric", direction="auto")
        for name in table.column_names
    )


def taiwan_derived(path: Path = DATA) -> pa.Table:
    """The catalog's features of every line, in file order: what the product itself makes of the mapped fields."""
    return _loaded(path).columns


def taiwan_derived_features(path: Path = DATA) -> tuple[ModelFeature, ...]:
    """Those of them that a credit decision may use, with their declared directions."""
    return _loaded(path).model_features()


@cache
def _loaded(path: Path) -> LoadedPortfolio:
    return load_portfolio(data=path, mapping="uci-taiwan", progress=Silent())


def published_split(rows: int) -> tuple[Rows, Rows]:
    """Training and test rows of DOMAIN.md's protocol: `train_test_split(test_size=0.25, random_state=42)`."""
    from sklearn.model_selection import train_test_split

    training, test = train_test_split(np.arange(rows), test_size=0.25, random_state=42)
    return np.asarray(training, dtype=np.int64), np.asarray(test, dtype=np.int64)
