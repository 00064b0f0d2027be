"""What a lender's own cases made of a shipped prior: the figures, for whoever shows them."""

from dataclasses import dataclass

from tallystick.scoring.validation import Interval


@dataclass(frozen=True, slots=True)
class LearnedModel:
    """One prior after the update; intervals hold 90 %.

    `rows` are the lender's own cases whose outcome is known, `bads` of them. `auc` is the prior's on them, None without
    goods or without bads, its interval by drawing persons. Of `bads` 0 the prior stays; else its log odds were moved by
    `shift` at its own share of bads, and stretched by `slope`. `is_distinguishable`: the cases speak against the prior.
    """

    name: str
    checkpoint: str
    rows: int
    bads: int
    auc: Interval | None
    shift: Interval
    slope: Interval
    is_distinguishable: bool
