"""Amounts that are often nothing: whether anything comes, and then how much; one model of two calibrated parts."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from tallystick.scoring.boosted import (
    Boosted,
    BoostedSettings,
    SizeLink,
    boosted_from_weights,
    fit_boosted,
    fit_boosted_size,
)
from tallystick.scoring.calibration import Calibration, calibration_from_json, fit_calibration
from tallystick.scoring.folds import Flags, Folds, derived_seed, stratified_folds, two_outcomes
from tallystick.scoring.manifest import REFERENCE_FILE, Manifest, ModelFilesFault, model_id, opened_files, sealed_files
from tallystick.scoring.model import ColumnFault, Floats, ModelFeature
from tallystick.scoring.size_map import SizeMap, fit_size_map, size_map_from_json

KIND: Final = "two_part"
_CHANCE, _SIZE = "chance.", "size."
_MAP = "calibration.json"
_SPREAD = "spread.json"
_STEPS = 200
_FOLDS = 3


@dataclass(frozen=True, slots=True)
class TwoPartSettings:
    """How each part is grown, and what a size is: a share of at most 1 ("logit"), or an amount ("log")."""

    chance: BoostedSettings
    size: BoostedSettings
    link: SizeLink


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is told of each row, shape (rows,): the chance that anything comes, how much if so, and what follows.

    `spread` are quantiles of what came over the size told of it, from 0 to 1 in even steps, of rows not seen.
    """

    chance: Floats
    size: Floats
    spread: Floats
    most: float

    @property
    def expected(self) -> Floats:
        """The mean to count on."""
        return self.chance * self.size

    def quantile(self, share: float) -> Floats:
        """What this share of such rows stays at or below: 0 up to the chance of nothing, then along the spread.

        >>> told = Amounts(np.array([0.4, 0.8]), np.array([10.0, 10.0]), np.array([0.5, 1.0, 1.5]), np.inf)
        >>> told.quantile(0.5).tolist()  # of four that come, one and a half are below: 37.5 % of the spread
        [0.0, 8.75]
        """
        rank = 1.0 - (1.0 - share) / np.maximum(self.chance, 1e-12)
        along = np.interp(rank, np.linspace(0.0, 1.0, len(self.spread)), self.spread)
        return np.where(rank > 0, np.minimum(self.size * along, self.most), 0.0)


@dataclass(frozen=True, slots=True)
class TwoPart:
    """A fitted model of two parts, each with the map that makes it true on average."""

    chance: Boosted
    chance_map: Calibration
    size: Boosted
    size_map: SizeMap
    spread: tuple[float, ...]

    @property
    def features(self) -> tuple[ModelFeature, ...]:
        """What the model reads, in order."""
        return self.chance.features

    def score(self, columns: pa.Table) -> Amounts:
        """Chance, size and expected amount per row. Raises `ColumnFault` naming every column that does not fit."""
        return Amounts(
            chance=self.chance_map.pd(self.chance.log_odds(columns)),
            size=self.size_map.size(self.size.log_odds(columns)),
            spread=np.asarray(self.spread),
            most=1.0 if self.size_map.link == "logit" else np.inf,
        )

    def weights(self) -> Mapping[str, bytes]:
        """Both parts' files, each part's behind its name."""
        return {
            **{f"{_CHANCE}{name}": text for name, text in self.chance.weights().items()},
            f"{_CHANCE}{_MAP}": self.chance_map.to_json(),
            **{f"{_SIZE}{name}": text for name, text in self.size.weights().items()},
            f"{_SIZE}{_MAP}": self.size_map.to_json(),
            f"{_SIZE}{_SPREAD}": f"{json.dumps(self.spread)}\n".encode(),
        }


@dataclass(frozen=True, slots=True)
class FittedTwoPart:
    """A two-part model with what is known of it."""

    model: TwoPart
    manifest: Manifest
    model_id: str


def fit_two_part(
    table: pa.Table,
    amount: Floats,
    features: Sequence[ModelFeature],
    settings: TwoPartSettings,
    seed: int,
    *,
    size_features: Sequence[ModelFeature] | None = None,
) -> TwoPart:
    """Fit both parts to amounts of shape (rows,), 0 where nothing came; same arguments, same bytes.

    `size_features` are the same features with the directions of the second part, where those differ. The maps are
    fitted on scores of models that had not seen the row. Raises `ColumnFault` for an amount that is missing, negative
    or, where it is a share, above 1, and for too few rows of either kind; `CalibrationFault` where the features do not
    tell the amount; `MonotoneFault` as `fit_boosted` does.
    """
    strange = ~((amount >= 0) & (amount <= (1.0 if settings.link == "logit" else np.inf)))
    if strange.any():
        raise ColumnFault(f"{np.count_nonzero(strange):,} amounts are missing or out of range: leave those rows out")
    comes = two_outcomes(amount > 0, rows=table.num_rows, least=_FOLDS)

    def fit_chance(rows: Flags, part_seed: int) -> Boosted:
        return fit_boosted(table.filter(pa.array(rows)), comes[rows], features, settings.chance, part_seed)

    def fit_size(rows: Flags, part_seed: int) -> Boosted:
        some = rows & comes
        taught = table.filter(pa.array(some))
        return fit_boosted_size(
            taught, amount[some], size_features or features, settings.size, part_seed, link=settings.link
        )

    deal = stratified_folds(comes, folds=_FOLDS, seed=seed)
    every = np.ones(len(comes), dtype=np.bool_)
    unseen_size = _unseen(table, deal, fit_size, seed)[comes]
    size_map = fit_size_map(unseen_size, amount[comes], link=settings.link)
    spread = np.quantile(amount[comes] / size_map.size(unseen_size), np.linspace(0.0, 1.0, _STEPS + 1))
    return TwoPart(
        chance=fit_chance(every, seed),
        chance_map=fit_calibration(_unseen(table, deal, fit_chance, seed), comes),
        size=fit_size(every, seed),
        size_map=size_map,
        spread=tuple(spread.round(9).tolist()),
    )


def two_part_files(model: TwoPart, manifest: Manifest, *, reference: bytes | None = None) -> dict[str, bytes]:
    """The model's folder, by file name, with a reference if one is given. Same arguments, same bytes."""
    if (manifest.kind, manifest.features) != (KIND, model.features):
        raise ValueError(f"the manifest is of a {manifest.kind} model on other features")
    kept = {} if reference is None else {REFERENCE_FILE: reference}
    return sealed_files(manifest, {**model.weights(), **kept})


def load_two_part(files: Mapping[str, bytes]) -> FittedTwoPart:
    """The model in a folder's files. Raises `ModelFilesFault` naming every file that is missing, altered or extra."""
    manifest = opened_files(files)
    if manifest.kind != KIND:
        raise ModelFilesFault(f"the model is a {manifest.kind}, not one of two parts: it tells a PD and no amount")
    try:
        model = TwoPart(
            chance=boosted_from_weights(_part(files, _CHANCE)),
            chance_map=calibration_from_json(files[_CHANCE + _MAP]),
            size=boosted_from_weights(_part(files, _SIZE)),
            size_map=size_map_from_json(files[_SIZE + _MAP]),
            spread=tuple(float(each) for each in json.loads(files[_SIZE + _SPREAD])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFilesFault(f"the model cannot be loaded: {error}") from error
    return FittedTwoPart(model, manifest, model_id(files))


def _part(files: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): text for name, text in files.items() if name.startswith(prefix)}


def _unseen(table: pa.Table, deal: Folds, fit: Callable[[Flags, int], Boosted], seed: int) -> Floats:
    """Scores of all rows, each by a model of the other folds."""
    scores = np.empty(table.num_rows)
    for fold in range(_FOLDS):
        inside = deal == fold
        scores[inside] = fit(~inside, derived_seed(seed, fold)).log_odds(table.filter(pa.array(inside)))
    return scores
