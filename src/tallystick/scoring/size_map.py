"""From the score of a size to a size that is true on average: two parameters that keep the total of the rows fitted."""

import json
from dataclasses import asdict, dataclass
from typing import get_args

import numpy as np
from scipy.special import expit

from tallystick.scoring.boosted import SizeLink
from tallystick.scoring.calibration import CalibrationFault
from tallystick.scoring.model import Floats

_STEPS_MAX = 100
_DECIMALS = 9  # as `fit_log_odds`: far coarser than what is left of rounding


@dataclass(frozen=True, slots=True)
class SizeMap:
    """size = inverse link (offset + slope x score): a share by expit ("logit"), an amount by exp ("log")."""

    link: SizeLink
    offset: float
    slope: float

    def size(self, score: Floats) -> Floats:
        """The size per row, shape as `score`.

        >>> SizeMap("log", offset=0.0, slope=1.0).size(np.array([0.0, np.log(3.0)])).round(6).tolist()
        [1.0, 3.0]
        """
        return _inverse(self.link, self.offset + self.slope * score)

    def to_json(self) -> bytes:
        """The map as canonical JSON; `size_map_from_json` reads back the same map to the last bit."""
        return f"{json.dumps(asdict(self), sort_keys=True, indent=1, allow_nan=False)}\n".encode()


def fit_size_map(score: Floats, size: Floats, *, link: SizeLink) -> SizeMap:
    """Fit the map on rows that the model has not seen (out of fold); both arrays have shape (rows,).

    Quasi-likelihood with the link's own variance, so that the sizes predicted for these rows sum to those observed.
    Source: Wedderburn, Biometrika 61, 1974. Raises `CalibrationFault` where larger scores do not mean larger sizes.

    >>> fit_size_map(np.log([1.0, 1.0, 2.0, 2.0]), np.array([2.0, 4.0, 5.0, 7.0]), link="log")
    SizeMap(link='log', offset=1.098612289, slope=1.0)
    """
    design = np.column_stack([np.ones_like(score), score])
    mean = float(size.mean())
    point = np.array([np.log(mean / (1 - mean)) if link == "logit" else np.log(mean), 0.0])
    for _ in range(_STEPS_MAX):
        fitted = _inverse(link, design @ point)
        weight = fitted * (1 - fitted) if link == "logit" else fitted
        step = np.linalg.lstsq(design.T @ (design * weight[:, None]), design.T @ (size - fitted), rcond=None)[0]
        # a step of at most one unit of score: from a flat start Newton's own may leave the floats
        point = point + step / max(1.0, float(np.abs(design @ step).max()))
        if np.abs(step).max() < 10.0 ** -(_DECIMALS + 2):
            break
    else:
        raise CalibrationFault("the sizes and their scores do not settle on a map: check the scores for outliers")
    offset, slope = (round(float(each), _DECIMALS) for each in point)
    if not slope > 0:
        raise CalibrationFault("larger scores do not mean larger sizes: the size cannot be told from these features")
    return SizeMap(link, offset, slope)


def size_map_from_json(text: bytes) -> SizeMap:
    """The map that `to_json` wrote. Raises `ValueError` where the text is no such map."""
    try:
        fields = json.loads(text)
        found = SizeMap(fields["link"], float(fields["offset"]), float(fields["slope"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the map of sizes cannot be read ({error!r}): restore the model folder") from error
    if found.link not in get_args(SizeLink):
        raise ValueError(f"the map of sizes has no link {found.link!r}: restore the model folder")
    return found


def _inverse(link: SizeLink, linear: Floats) -> Floats:
    return np.asarray(expit(linear) if link == "logit" else np.exp(linear))
