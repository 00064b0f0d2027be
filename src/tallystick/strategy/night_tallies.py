"""What a night is to do with the lines of each strategy, counted: the lines' limits and targets in, tallies out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tallystick.strategy.damage import Figures, Tally, tally_of
from tallystick.strategy.lines import Integers
from tallystick.strategy.reviewed_lines import ReviewedLines, Texts


def night_tallies(
    reviewed: ReviewedLines, target_minor: Integers, *, borrower: Integers, strategy_id: Texts
) -> dict[str, Tally]:
    """The tally of each strategy's lines; `target_minor`, `borrower` and `strategy_id` have shape (lines,).

    What a line is granted is what its limit is to rise by, whether or not its borrower accepts.
    """
    limit_minor = reviewed.lines.limit_minor
    raised, lowered = target_minor > limit_minor, target_minor < limit_minor
    is_reviewed = reviewed.outcome == "review"
    counts: dict[str, npt.NDArray[Any]] = {
        "decisions": np.ones(len(reviewed)),
        "approved": raised,
        "declined": ~(raised | lowered | is_reviewed),
        "lowered": lowered,
        "granted_minor": np.where(raised, target_minor - limit_minor, 0),
    }
    tallies = {}
    for name in np.unique(strategy_id.astype(str)).tolist():
        mine = np.flatnonzero(strategy_id == name)
        _, who = np.unique(borrower[mine], return_inverse=True)
        own: dict[str, Figures] = {
            each: np.bincount(who, weights=values[mine]).astype(np.float64) for each, values in counts.items()
        }
        tallies[name] = tally_of(**own)
    return tallies
