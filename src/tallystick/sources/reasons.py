"""Why a row of a portfolio is refused, and what was done to a value of a row that stays, each with its texts."""

from enum import StrEnum
from typing import Final


class RejectReason(StrEnum):
    """Why a row is refused, in order of precedence. Never reused."""

    MISSING_REQUIRED = "MISSING_REQUIRED"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NOT_WHOLE = "NOT_WHOLE"
    NEGATIVE = "NEGATIVE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNLISTED_CODE = "UNLISTED_CODE"
    CURRENCY_WITHOUT_RATE = "CURRENCY_WITHOUT_RATE"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    DUPLICATES_DIFFER = "DUPLICATES_DIFFER"


class NoteReason(StrEnum):
    """What was done to a value of a row that stays."""

    MISSING = "MISSING"
    UNLISTED_AS_MISSING = "UNLISTED_AS_MISSING"
    NEGATIVE_AS_MISSING = "NEGATIVE_AS_MISSING"
    NEGATIVE_AS_ZERO = "NEGATIVE_AS_ZERO"
    CREDIT_BALANCE = "CREDIT_BALANCE"
    FRACTION_ROUNDED = "FRACTION_ROUNDED"


# Chinese, English.
REJECT_TEXTS: Final[dict[RejectReason, tuple[str, str]]] = {
    RejectReason.MISSING_REQUIRED: ("必填字段缺失", "a required value is missing"),
    RejectReason.NOT_A_NUMBER: ("不是数字", "not a number"),
    RejectReason.NOT_WHOLE: ("应为整数", "not a whole number"),
    RejectReason.NEGATIVE: ("不应为负", "negative where it cannot be"),
    RejectReason.OUT_OF_RANGE: ("超出合理范围", "outside what the field can hold"),
    RejectReason.UNLISTED_CODE: ("映射中未列出的代码", "a code that the mapping does not list"),
    RejectReason.CURRENCY_WITHOUT_RATE: ("该币种没有汇率", "a currency without an exchange rate"),
    RejectReason.DUPLICATE_LINE: ("与前面某行完全相同", "a copy of an earlier row"),
    RejectReason.DUPLICATES_DIFFER: (
        "同一编号的多行内容不一致，无法判断哪一行正确",
        "rows of one line that differ: nobody can say which is right",
    ),
}

NOTE_TEXTS: Final[dict[NoteReason, tuple[str, str]]] = {
    NoteReason.MISSING: ("缺失，按缺失处理", "missing, and stays so"),
    NoteReason.UNLISTED_AS_MISSING: ("未列出的代码，按缺失处理", "a code that is not listed, taken as missing"),
    NoteReason.NEGATIVE_AS_MISSING: ("负数，按缺失处理", "negative, taken as missing"),
    NoteReason.NEGATIVE_AS_ZERO: ("负数，按零处理", "negative, taken as zero"),
    NoteReason.CREDIT_BALANCE: ("溢缴款（负余额），视为未用信", "a credit balance: nothing drawn"),
    NoteReason.FRACTION_ROUNDED: ("小数位超过最小货币单位，已舍入", "finer than the minor unit, rounded once"),
}
