"""A fitted model as a folder of files, held as values: what it is, what it weighs, and proof that none changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.scoring.boosted import boosted_from_weights
from tallystick.scoring.calibration import Calibration, PdPpm, calibration_from_json, pd_ppm
from tallystick.scoring.columns import category_column, numeric_column
from tallystick.scoring.folds import checked_outcome
from tallystick.scoring.model import Columns, Floats, Model, ModelFeature
from tallystick.scoring.model_kind import ModelKind
from tallystick.scoring.scorecard import scorecard_from_weights

FORMAT = 1
MANIFEST_FILE = "manifest.json"
CALIBRATION_FILE = "calibration.json"
REFERENCE_FILE = "reference.json"  # what later rows are held against: see scoring/reference.py
ID_PREFIX = "model_"
FolderKind = Literal[ModelKind, "two_part"]
_ID_HEX_DIGITS = 24


class ModelFilesFault(ValueError):
    """A model's files are not what its manifest says; the message names each file."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a reader must know of a model before using it; JSON values throughout.

    `label` says in words what bad means; `horizon_months` over which window, and `pd_horizon` how a PD over it
    becomes one over twelve months. `currency` is that of every amount among the features. `training_sha256` is
    `training_hash` of the rows fitted. `settings` are the fit's own. `versions` name the libraries and Python that
    fitted it. `metrics` are figures by name, measured on lines that the model had not seen. `monotone_verified`
    tells that every declared direction was proven on the fitted model. Of a two-part model `bads` are the rows on which
    the thing happened.
    """

    kind: FolderKind
    features: tuple[ModelFeature, ...]
    label: str
    horizon_months: int
    pd_horizon: str
    currency: str
    training_sha256: str
    rows: int
    bads: int
    seed: int
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    metrics: Mapping[str, float | None]
    monotone_verified: bool


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model with the map that makes its log odds probabilities, and what is known of both."""

    model: Model
    calibration: Calibration
    manifest: Manifest
    model_id: str

    def pd(self, columns: Columns) -> Floats:
        """PD per row over the label's window, shape (rows,). Raises `ColumnFault` as the model does."""
        return self.calibration.pd(self.model.log_odds(columns))

    def pd_ppm(self, columns: Columns) -> PdPpm:
        """PD per row in whole ppm, 1..999,999: what rules read."""
        return pd_ppm(self.pd(columns))


def model_files(
    model: Model, calibration: Calibration, manifest: Manifest, *, reference: bytes | None = None
) -> dict[str, bytes]:
    """The model's folder: manifest, calibration, weights, and a reference if one is given. Same arguments, same bytes.

    Raises `ValueError` where the manifest is of another model.
    """
    if (manifest.kind, manifest.features) != (model.kind, tuple(model.features)):
        raise ValueError(f"the manifest is of a {manifest.kind} on other features than the {model.kind} model given")
    taken = {MANIFEST_FILE, CALIBRATION_FILE, REFERENCE_FILE} & set(model.weights())
    if taken:
        raise ValueError(f"{', '.join(sorted(taken))}: no name for weights")
    kept = {} if reference is None else {REFERENCE_FILE: reference}
    return sealed_files(manifest, {CALIBRATION_FILE: calibration.to_json(), **model.weights(), **kept})


def sealed_files(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files with the manifest that names each by its hash. Same arguments, same bytes."""
    content = {
        "format": FORMAT,
        "files_sha256": {name: hashlib.sha256(text).hexdigest() for name, text in files.items()},
        **asdict(manifest),
    }
    return {MANIFEST_FILE: _canonical_json(content), **files}


def model_id(files: Mapping[str, bytes]) -> str:
    """The content hash of a model's folder: `model_` and 24 hex digits over every name, length and byte.

    >>> model_id({"manifest.json": b"{}"})
    'model_434bfe274e7cdca75b2eadf2'
    """
    digest = hashlib.sha256()
    for name in sorted(files):
        _update(digest, name.encode())
        _update(digest, files[name])
    return f"{ID_PREFIX}{digest.hexdigest()[:_ID_HEX_DIGITS]}"


def load_model(files: Mapping[str, bytes]) -> FittedModel:
    """The model in a folder's files. Raises `ModelFilesFault` naming every file that is missing, altered or extra."""
    manifest = opened_files(files)
    if manifest.kind == "two_part":
        raise ModelFilesFault(f"{MANIFEST_FILE} is of a two-part model, which tells an amount and no PD")
    if CALIBRATION_FILE not in files:
        raise ModelFilesFault(f"{CALIBRATION_FILE} is missing: restore the model folder as it was written")
    weights = {
        name: text for name, text in files.items() if name not in (MANIFEST_FILE, CALIBRATION_FILE, REFERENCE_FILE)
    }
    try:
        calibration = calibration_from_json(files[CALIBRATION_FILE])
        model: Model = (
            scorecard_from_weights(weights) if manifest.kind == "scorecard" else boosted_from_weights(weights)
        )
    except ValueError as error:
        raise ModelFilesFault(f"the model cannot be loaded: {error}") from error
    if (model.kind, tuple(model.features)) != (manifest.kind, manifest.features):
        raise ModelFilesFault(f"{MANIFEST_FILE} describes another model than the weights: restore the model folder")
    return FittedModel(model=model, calibration=calibration, manifest=manifest, model_id=model_id(files))


def opened_files(files: Mapping[str, bytes]) -> Manifest:
    """The manifest of a folder whose files are all as it says. Raises `ModelFilesFault` naming every file at fault."""
    content = _manifest_content(files)
    _refuse_changed(content["files_sha256"], files)
    return _manifest(content)


def training_hash(table: pa.Table, target: npt.ArrayLike, features: Sequence[ModelFeature]) -> str:
    """SHA-256 in hex of the rows a model is fitted on: each feature's name and values in order, then the outcome.

    It does not depend on how Arrow stores the columns (chunks, integer widths, dictionaries).
    """
    digest = hashlib.sha256()
    for feature in features:
        _update(digest, feature.name.encode())
        if feature.kind == "category":
            codes, values = category_column(table, feature.name)
            _update(digest, json.dumps(values, ensure_ascii=False).encode())
            _update(digest, codes.astype("<i8").tobytes())
        else:
            numbers = numeric_column(table, feature.name) + 0.0  # makes the two zeros one
            numbers[np.isnan(numbers)] = np.nan  # and all kinds of NaN
            _update(digest, numbers.astype("<f8").tobytes())
    _update(digest, checked_outcome(target, rows=table.num_rows).tobytes())
    return digest.hexdigest()


def _update(digest: Any, part: bytes) -> None:
    """Each part goes in behind its length, so that no two lists of parts look alike."""
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)


def _canonical_json(content: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)}\n".encode()


def _manifest_content(files: Mapping[str, bytes]) -> dict[str, Any]:
    if MANIFEST_FILE not in files:
        raise ModelFilesFault(f"{MANIFEST_FILE} is missing: this is not a model folder, or not all of one")
    try:
        content: dict[str, Any] = json.loads(files[MANIFEST_FILE])
        known = content["format"] == FORMAT
        hashes = content["files_sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFilesFault(f"{MANIFEST_FILE} cannot be read ({error!r}): restore the model folder") from error
    if not known or not isinstance(hashes, dict):
        raise ModelFilesFault(f"{MANIFEST_FILE} has format {content['format']}, not {FORMAT}: fit the model again")
    return content


def _refuse_changed(hashes: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    faults = []
    for name in sorted({*hashes, *files} - {MANIFEST_FILE}):
        if name not in hashes:
            faults.append(f"{name} is no part of the model")
        elif name not in files:
            faults.append(f"{name} is missing")
        elif hashlib.sha256(files[name]).hexdigest() != hashes[name]:
            faults.append(f"{name} was altered")
    if faults:
        raise ModelFilesFault(f"{'; '.join(faults)}: restore the model folder as it was written")


def _manifest(content: Mapping[str, Any]) -> Manifest:
    try:
        given = {one.name: content[one.name] for one in fields(Manifest)}
        if given["kind"] not in get_args(FolderKind):
            raise ValueError(f"kind {given['kind']!r}")
        given["features"] = tuple(ModelFeature(**feature) for feature in given["features"])
        return Manifest(**given)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFilesFault(f"{MANIFEST_FILE} is incomplete ({error!r}): restore the model folder") from error
