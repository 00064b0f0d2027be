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
from tallystick.scoring.columns import numeric_column
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
    columns: pa.Table  # position and every catalogued feature: null where the fields or months do not reach

    def model_features(self) -> tuple[ModelFeature, ...]:
        """The features as a model takes them, with their declared directions."""
        return tuple(
            ModelFeature(feature.name, feature.kind, feature.direction, feature.unit) for feature in self.features
        )

    def outcome(self) -> npt.NDArray[np.float64]:
        """1 bad, 0 good, NaN unknown, shape (lines,)."""
        return numeric_column(self.portfolio.line, "outcome")

    def drawn_minor(self) -> npt.NDArray[np.int64]:
        """The latest statement balance of each line, never below zero.

        A line without one counts as nothing drawn: how many do is `lines_without_balance`, for the report to say.
        """
        drawn = np.zeros(self.portfolio.line.num_rows, dtype=np.int64)
        latest = self._latest_balances()
        drawn[latest.column("position").to_numpy()] = np.maximum(latest.column("balance_minor").to_numpy(), 0)
        return drawn

    def lines_without_balance(self) -> int:
        """Lines whose latest balance nobody told."""
        return int(self.portfolio.line.num_rows - self._latest_balances().num_rows)

    def _latest_balances(self) -> pa.Table:
        months = self.portfolio.line_month
        is_latest = pc.equal(months.column("months_ago"), _LATEST_MONTH)
        return months.filter(pc.and_(is_latest, pc.is_valid(months.column("balance_minor"))))


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
