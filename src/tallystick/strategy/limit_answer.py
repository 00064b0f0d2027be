"""What a borrower who asked for a higher limit is told at once: the limit or none, why, and what would change it."""

from typing import Final

from tallystick.scoring.model import Columns
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import HUMAN_REVIEW, Explanation, explain_case, figure_text
from tallystick.strategy.reviewed_lines import TARGET_REASON_TEXTS, TargetReason

_OFFERED: Final = ("可将额度提高至{}，您接受后生效", "a limit of {} is offered; it holds once you accept it")
_LOWERED: Final = ("额度下调至{}", "the limit is lowered to {}")
_NO_MORE: Final = ("未能更高的原因：{}", "Why it is not more: {}")
_STAYS: Final = ("额度维持不变", "the limit stays as it is")


def explain_limit(
    checkpoint: Checkpoint, columns: Columns, *, outcome: str, limit_minor: int, target_minor: int, held_by: str
) -> Explanation:
    """The answer to the one case of `columns` in the borrower's words: `limit_minor` is to become `target_minor`.

    What the checkpoint's rules kept, or sent to a person, is told with their reasons and the smallest change. What they
    let rise is told by its limit, and why it is not more; where it does not rise after all, why not.
    """
    held_back = TARGET_REASON_TEXTS[TargetReason(held_by)]
    amount = figure_text("limit_minor", target_minor, currency=checkpoint.currency)
    if outcome != "increase":
        told = explain_case(checkpoint, columns, index=0)
        if target_minor >= limit_minor:
            return told
        zh, en = (text.format(figure) for text, figure in zip(_LOWERED, amount, strict=True))
        return Explanation((zh, *told.zh[1:]), (en, *told.en[1:]))
    if target_minor > limit_minor:
        zh, en = (text.format(figure) for text, figure in zip(_OFFERED, amount, strict=True))
        why_zh, why_en = (text.format(why) for text, why in zip(_NO_MORE, held_back, strict=True))
        return Explanation((zh, why_zh), (en, why_en))
    return Explanation(*((stays, why, asks) for stays, why, asks in zip(_STAYS, held_back, HUMAN_REVIEW, strict=True)))
