"""What a borrower is told where the books or the law refuse what a strategy would pass, zh and en."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from tallystick.servicing.refusals import RefusalReason
from tallystick.strategy.case_columns import CheckpointName
from tallystick.terms.offering import OfferReason

Words = tuple[str, str]

_OF_PURCHASES: Final[Mapping[str, Words]] = {
    RefusalReason.AVAILABLE_CREDIT_EXCEEDED: ("可用额度不足", "Not enough credit is available"),
    RefusalReason.JOINT_CAP_EXCEEDED: (
        "名下全部额度合计已达上限，还款后可再使用",
        "All your lines together have reached their cap; what you pay back can be used again",
    ),
    RefusalReason.BORROWER_BLOCKED: (
        "您的账户暂不能使用，请联系客服",
        "Your account cannot be used for now; please call us",
    ),
    RefusalReason.LINE_FROZEN: ("该额度已冻结", "The line is frozen"),
    RefusalReason.LINE_PAST_DUE: (
        "有逾期未还款项，还清后即可使用",
        "A payment is past due; pay it to use the line again",
    ),
    RefusalReason.LINE_IN_CARE: (
        "该额度处于特殊关怀期，暂不能使用",
        "The line is under care and cannot be used for now",
    ),
}
_NO_PURCHASE: Final[Words] = ("该额度目前不能用于本次购买", "The line cannot be used for this purchase now")
_OF_LINES: Final[Mapping[str, Words]] = {
    RefusalReason.BORROWER_BLOCKED: (
        "暂不能受理您的申请，请联系客服",
        "Your application cannot be taken for now; please call us",
    ),
    RefusalReason.LINE_PAST_DUE: ("名下其他额度有逾期", "A payment on another line of yours is past due"),
    RefusalReason.LINE_CHARGED_OFF: ("名下曾有核销额度", "A line of yours was charged off"),
    RefusalReason.LINE_IN_CARE: (
        "您处于特殊关怀状态，暂不新增额度",
        "A care holds for you; no line is opened for now",
    ),
    RefusalReason.JOINT_CAP_EXCEEDED: (
        "名下额度合计已达个人上限",
        "Your limits together reach what one person may have",
    ),
    RefusalReason.CURRENCY_DIFFERS: (
        "额度币种与您的币种不一致",
        "The line would be in another currency than yours",
    ),
}
_NOT_SOLD: Final[Words] = ("目前无法按此条件提供该产品", "The product cannot be offered on these terms for now")


@cache
def refusal_words(checkpoint: str) -> Mapping[str, Words]:
    """The words of every refusal of books and law, as whoever asked at that checkpoint is told them.

    >>> refusal_words("authorize")["line_frozen"][1], refusal_words("apply")["price_cap_exceeded"][1]
    ('The line is frozen', 'The product cannot be offered on these terms for now')
    """
    told, otherwise = (
        (_OF_PURCHASES, _NO_PURCHASE) if checkpoint == CheckpointName.AUTHORIZE else (_OF_LINES, _NOT_SOLD)
    )
    return {str(reason): told.get(reason, otherwise) for reason in (*RefusalReason, *OfferReason)}
