"""What review and fit both begin with: the portfolio read, mapped, and turned into feature columns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.build import build_features
from tallystick.features.catalog import Feature, load_catalog
from tallystick.operations.progress import Progress
from tallystick.scoring.model import ModelFeature
from tallystick.sources.files import TableFile, read_table
from tallystick.sources.mapping import Mapping, read_mapping
from tallystick.sources.portfolio import Portfolio, map_portfolio

_LATEST_MONTH = 0


@dataclass(frozen=True, slots=True)
class LoadedPortfolio:
    """The valid lines with every catalogued feature that their fields allow."""

    source: TableFile
    mapping: Mapping
    portfolio: Portfolio
    features: tuple[Feature, ...]  # those that a credit decision may use
    columns: pa.Table  # position, every feature of `features`, and the protected ones for reports

    def model_features(self) -> tuple[ModelFeature, ...]:
        """The features as a model takes them, with their declared directions."""
        return tuple(
            ModelFeature(feature.name, feature.kind, feature.direction, feature.unit) for feature in self.features
        )

    def outcome(self) -> npt.NDArray[np.float64]:
        """1 bad, 0 good, NaN unknown, shape (lines,)."""
        column = self.portfolio.line.column("outcome").cast(pa.float64())
        known: npt.NDArray[np.float64] = pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False)
        return known

    def drawn_minor(self) -> npt.NDArray[np.int64]:
        """The latest statement balance of each line, never below zero; a line without one has nothing drawn."""
        months = self.portfolio.line_month
        latest = months.filter(pc.equal(months.column("months_ago"), _LATEST_MONTH))
        drawn = np.zeros(self.portfolio.line.num_rows, dtype=np.int64)
        balance = pc.fill_null(latest.column("balance_minor"), 0).to_numpy(zero_copy_only=False)
        drawn[latest.column("position").to_numpy()] = np.maximum(balance, 0)
        return drawn


def load_portfolio(*, data: Path, mapping: str, progress: Progress) -> LoadedPortfolio:
    """Read, map and derive. Raises `FileFault`, `MappingFaults` or `PortfolioFault`, each naming the way out."""
    progress.step({"zh": "读取数据", "en": "reading the data"})
    read = read_mapping(mapping)
    source = read_table(data)
    progress.step({"zh": "映射字段", "en": "mapping the fields"})
    portfolio = map_portfolio(source.table, read)
    progress.step({"zh": "计算特征", "en": "computing the features"})
    catalog = load_catalog()
    features = catalog.select(portfolio.fields, months=portfolio.months)
    columns = build_features(portfolio.line, portfolio.line_month, features=catalog.features)
    return LoadedPortfolio(source=source, mapping=read, portfolio=portfolio, features=features, columns=columns)
