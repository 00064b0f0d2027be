"""Why a score is not better: the reasons that cost a line most, the same way for every kind of model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.scoring.model import Floats

MOST_REASONS = 4  # Reg B, 12 CFR 1002.9(b)(2), comment 2: more than four principal reasons do not help
LEAST_COST_LOG_ODDS = 0.02  # less moves a PD of 10 % by under 0.2 points: no principal reason
NO_REASON = -1


@dataclass(frozen=True, slots=True)
class ScoreReasons:
    """Up to `most` distinct reasons per line, costliest first.

    `places` index `codes`, shape (lines, most), NO_REASON where nothing more cost the line anything; `costs` are
    in log odds of bad, same shape, 0 where there is none.
    """

    codes: tuple[str, ...]
    places: npt.NDArray[np.int64]
    costs: Floats


def score_reasons(
    contributions: Floats,
    features: Sequence[str],
    reason_of: Mapping[str, str],
    *,
    most: int = MOST_REASONS,
    least_cost: float = LEAST_COST_LOG_ODDS,
) -> ScoreReasons:
    """The reasons of every line, from the Shapley attribution of its log odds.

    `contributions` has shape (lines, features + 1), as `Model.contributions` gives it; `reason_of` names the reason
    code of each feature. Features that share a code are one reason: what they add and take is summed. Only a reason
    that made the line riskier than the average training line by more than `least_cost` counts. Of equal costs, the
    code whose feature stands first comes first. Raises `ValueError` naming every feature without a reason code.

    >>> found = score_reasons(
    ...     np.array([[0.3, 0.4, -0.2, -1.5]]),
    ...     ("utilization", "dpd_max", "dpd_streak"),
    ...     {"utilization": "R01", "dpd_max": "R02", "dpd_streak": "R02"},
    ... )
    >>> [found.codes[place] for place in found.places[0] if place != NO_REASON]
    ['R01', 'R02']
    """
    nameless = [name for name in features if name not in reason_of]
    if nameless:
        raise ValueError(f"no reason code for {', '.join(nameless)}: add each to the reason codes")
    if contributions.ndim != 2 or contributions.shape[1] != len(features) + 1:
        raise ValueError(f"contributions have shape {contributions.shape} for {len(features)} features and a base")
    codes = tuple(dict.fromkeys(reason_of[name] for name in features))
    costs = np.zeros((len(contributions), len(codes)))
    for place, name in enumerate(features):
        costs[:, codes.index(reason_of[name])] += contributions[:, place]
    return _costliest(costs, codes, most=most, least_cost=least_cost)


def _costliest(costs: Floats, codes: tuple[str, ...], *, most: int, least_cost: float) -> ScoreReasons:
    """Take the largest cost `most` times: argmax finds the first of equals, where a partial sort would not."""
    lines = np.arange(len(costs))
    places = np.full((len(costs), most), NO_REASON, dtype=np.int64)
    taken = np.zeros((len(costs), most))
    for rank in range(min(most, len(codes))):
        best = np.argmax(costs, axis=1)
        cost = costs[lines, best]
        counts = cost > least_cost
        places[counts, rank] = best[counts]
        taken[counts, rank] = cost[counts]
        costs[lines, best] = -np.inf
    return ScoreReasons(codes=codes, places=places, costs=taken)
