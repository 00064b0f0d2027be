"""The checkpoints by name, apart from their figures: the command line names them and computes nothing."""

from enum import StrEnum


class CheckpointName(StrEnum):
    """Where risk is judged: before the loan, during it and after it."""

    APPLY = "apply"
    AUTHORIZE = "authorize"
    REVIEW_LIMIT = "review_limit"
    REPRICE = "reprice"
    WATCH = "watch"
    COLLECT = "collect"
