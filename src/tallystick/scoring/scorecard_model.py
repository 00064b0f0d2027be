"""A fitted scorecard: integer points per bin for people, exact log odds for machines, both from the same bins."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tallystick.scoring.binning import FeatureBins
from tallystick.scoring.columns import row_count
from tallystick.scoring.model import ColumnFault, Columns, Floats, ModelFeature
from tallystick.scoring.model_kind import ModelKind
from tallystick.scoring.scorecard_sql import select_text
from tallystick.scoring.scorecard_table import BinRow, bin_row, csv_text, toml_text

WEIGHTS_FILE = "scorecard.json"
WEIGHTS_FORMAT = 1
Points = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PointsScale:
    """score = offset - factor x ln(odds of bad): `base_points` at `base_goods_per_bad`, `pdo_points` double the odds.

    600 points at 50 goods per bad, 20 more double that: factor 20 / ln 2 = 28.854, offset 600 - 28.854 ln 50 = 487.12.

    >>> scale = PointsScale(base_points=600, base_goods_per_bad=50.0, pdo_points=20.0)
    >>> round(scale.factor, 3), round(scale.offset, 2), round(scale.offset - scale.factor * math.log(1 / 100), 6)
    (28.854, 487.12, 620.0)
    """

    base_points: int = 600
    base_goods_per_bad: float = 50.0
    pdo_points: float = 20.0

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {value}: must be finite and above 0"
            for name, value in (("base_goods_per_bad", self.base_goods_per_bad), ("pdo_points", self.pdo_points))
            if not 0 < value < math.inf
        ]
        if faults:
            raise ValueError(f"points scale: {'; '.join(faults)}")

    @property
    def factor(self) -> float:
        """Points per unit of log odds."""
        return self.pdo_points / math.log(2)

    @property
    def offset(self) -> float:
        """Points at even odds."""
        return self.base_points - self.factor * math.log(self.base_goods_per_bad)


@dataclass(frozen=True, slots=True)
class ScoredFeature:
    """A feature's bins with its coefficient on WOE and the mean WOE of the training rows."""

    bins: FeatureBins
    coefficient: float
    woe_mean: float

    @property
    def log_odds(self) -> tuple[float, ...]:
        """What each bin adds to the log odds of bad."""
        return tuple(self.coefficient * woe for woe in self.bins.woe)

    def points(self, factor: float) -> tuple[int, ...]:
        """What each bin adds to the score, rounded once, to the nearest whole point."""
        return tuple(round(-factor * part) for part in self.log_odds)


@dataclass(frozen=True, slots=True)
class DroppedFeature:
    """A feature that the fit was offered and left out, with the reason."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """log odds of bad = intercept + sum of coefficient x WOE; implements `Model`."""

    intercept: float
    scored: tuple[ScoredFeature, ...]
    scale: PointsScale
    dropped: tuple[DroppedFeature, ...] = ()

    @property
    def kind(self) -> ModelKind:
        """Always "scorecard"."""
        return "scorecard"

    @property
    def features(self) -> tuple[ModelFeature, ...]:
        """The features that the score reads, as declared; dropped ones are not among them."""
        return tuple(feature.bins.feature for feature in self.scored)

    @property
    def base_points(self) -> int:
        """The score of a row whose every bin has the population's own odds, rounded once."""
        return round(self.scale.offset - self.scale.factor * self.intercept)

    def log_odds(self, columns: Columns) -> Floats:
        """Log odds of bad per row, exact, shape (rows,). Raises `ColumnFault` naming every faulty column."""
        total = np.full(row_count(columns), self.intercept)
        for feature, places in zip(self.scored, self._places(columns), strict=True):
            total += np.array(feature.log_odds)[places]
        return total

    def points(self, columns: Columns) -> Points:
        """The score per row: a sum of whole points, shape (rows,). Raises `ColumnFault` as `log_odds` does."""
        total = np.full(row_count(columns), self.base_points, dtype=np.int64)
        for feature, places in zip(self.scored, self._places(columns), strict=True):
            total += np.array(feature.points(self.scale.factor), dtype=np.int64)[places]
        return total

    def contributions(self, columns: Columns) -> Floats:
        """coefficient x (WOE - mean WOE) per feature, then the base, shape (rows, features + 1).

        These are the Shapley values of an additive model: they sum to `log_odds`; positive is riskier than average.
        """
        parts = np.empty((row_count(columns), len(self.scored) + 1))
        base = self.intercept
        for place, (feature, places) in enumerate(zip(self.scored, self._places(columns), strict=True)):
            mean = feature.coefficient * feature.woe_mean
            parts[:, place] = (np.array(feature.log_odds) - mean)[places]
            base += mean
        parts[:, -1] = base
        return parts

    def rows(self) -> tuple[BinRow, ...]:
        """One row per bin of every feature, in the order of the score."""
        return tuple(row for feature in self.scored for row in _bin_rows(feature, self.scale.factor))

    def to_csv(self) -> str:
        """The table of `rows` as CSV."""
        return csv_text(self.rows())

    def to_toml(self) -> str:
        """The scale, the base and the bins of every feature as TOML."""
        head = {**asdict(self.scale), "intercept": self.intercept, "score_without_features": self.base_points}
        return toml_text(head=head, rows=self.rows())

    def to_sql(self, dialect: str = "duckdb", relation: str = "cases") -> str:
        """A SELECT that adds `points` and `log_odds` to every row of `relation`, equal to ours to the last bit."""
        return select_text(
            bins=[feature.bins for feature in self.scored],
            points=[feature.points(self.scale.factor) for feature in self.scored],
            log_odds=[feature.log_odds for feature in self.scored],
            base_points=self.base_points,
            intercept=self.intercept,
            relation=relation,
            dialect=dialect,
        )

    def weights(self) -> Mapping[str, bytes]:
        """One JSON file that rebuilds this very scorecard with `scorecard_from_weights`."""
        content = {"format": WEIGHTS_FORMAT, "kind": self.kind, **asdict(self)}
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return {WEIGHTS_FILE: f"{text}\n".encode()}

    def _places(self, columns: Columns) -> list[npt.NDArray[np.int64]]:
        places, faults = [], []
        for feature in self.scored:
            try:
                places.append(feature.bins.indices(columns))
            except ColumnFault as fault:
                faults.append(str(fault))
        if faults:
            raise ColumnFault("; ".join(faults))
        return places


def scorecard_from_weights(files: Mapping[str, bytes]) -> Scorecard:
    """The scorecard that `weights` wrote. Raises `ValueError` naming the file and what is wrong with it."""
    if WEIGHTS_FILE not in files:
        raise ValueError(f"{WEIGHTS_FILE} is absent: a scorecard is rebuilt from that file")
    try:
        content = json.loads(files[WEIGHTS_FILE])
        if (content["kind"], content["format"]) != ("scorecard", WEIGHTS_FORMAT):
            raise ValueError(f"kind {content['kind']}, format {content['format']}: fit it again with this version")
        return Scorecard(
            intercept=float(content["intercept"]),
            scored=tuple(_scored_feature(entry) for entry in content["scored"]),
            scale=PointsScale(**content["scale"]),
            dropped=tuple(DroppedFeature(**entry) for entry in content["dropped"]),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"{WEIGHTS_FILE} is not a scorecard of this version: {fault!r}") from fault


def _scored_feature(entry: dict[str, Any]) -> ScoredFeature:
    parts: dict[str, Any] = {
        key: tuple(part) if isinstance(part, list) else part for key, part in entry["bins"].items()
    }
    feature = parts["feature"] = ModelFeature(**parts["feature"])
    parts["groups"] = tuple(tuple(group) for group in parts["groups"])
    ordinary = len(parts["groups"]) if feature.kind == "category" else len(parts["edges"]) + 1
    width = ordinary + len(parts["specials"]) + 1
    if {len(parts[key]) for key in ("goods", "bads", "woe", "iv")} != {width}:
        raise ValueError(f"feature {feature.name}: needs {width} goods, bads, woe and iv")
    return ScoredFeature(
        bins=FeatureBins(**parts), coefficient=float(entry["coefficient"]), woe_mean=float(entry["woe_mean"])
    )


def _bin_rows(feature: ScoredFeature, factor: float) -> list[BinRow]:
    bins = feature.bins
    return [
        bin_row(
            feature=bins.feature.name,
            direction=bins.direction,
            label=label,
            goods=goods,
            bads=bads,
            woe=woe,
            information_value=information_value,
            coefficient=feature.coefficient,
            points=points,
        )
        for label, goods, bads, woe, information_value, points in zip(
            bins.labels, bins.goods, bins.bads, bins.woe, bins.iv, feature.points(factor), strict=True
        )
    ]
