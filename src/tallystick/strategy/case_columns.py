"""The figures of a case that a checkpoint's conditions may read beside features and scores: one typed list for each.

Amounts are minor units. What is never missing stands in the row of the line, or in the request, that is decided on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tallystick.strategy.checkpoint_names import CheckpointName
from tallystick.strategy.columns import ColumnType
from tallystick.units.money import MOST_MINOR

__all__ = [
    "CASE_COLUMNS",
    "CHECKPOINT_OUTPUTS",
    "CONTINUE",
    "NO_ACTION",
    "NO_PRICE",
    "OUTCOME_TEXTS",
    "TAKEN_BACK_TEXTS",
    "TRIGGERS",
    "CaseColumn",
    "CheckpointName",
    "CheckpointOutputs",
]


@dataclass(frozen=True, slots=True)
class CaseColumn:
    """One figure of a case: its type, its words, and what may be done with it.

    `credit_use`: a credit decision may read it. `may_change`: a change of it can be named to whoever was refused,
    for it is theirs to change or a fact that time changes. `moves` names columns that move with it, and which way:
    who pays 100 has 100 more available and 100 less drawn.
    """

    name: str
    type: ColumnType
    zh: str
    en: str
    credit_use: bool = True
    may_change: bool = False
    moves: Mapping[str, int] = field(default_factory=dict)


_MINOR: Final = ColumnType("whole", lowest=0, highest=MOST_MINOR, may_be_missing=False)
_MINOR_MAYBE: Final = ColumnType("whole", lowest=0, highest=MOST_MINOR)
_COUNT: Final = ColumnType("whole", lowest=0, highest=1_000_000, may_be_missing=False)
_COUNT_MAYBE: Final = ColumnType("whole", lowest=0, highest=1_000_000)
_MARK: Final = ColumnType("boolean", may_be_missing=False)
_MARK_MAYBE: Final = ColumnType("boolean")
_CONDITION: Final = ColumnType("text", allowed=("open", "charged_off", "closed"), may_be_missing=False)

_AUTHORIZE: Final = (
    CaseColumn("amount_minor", ColumnType("whole", lowest=1, highest=MOST_MINOR, may_be_missing=False),
               "订单金额", "amount of the order", may_change=True),
    CaseColumn("category", ColumnType("text"), "商品类目", "category of goods"),
    CaseColumn("has_device", _MARK, "请求带有设备", "the request names a device", credit_use=False),
    CaseColumn("step_up_passed", _MARK, "已通过加强验证", "the borrower has confirmed this order by a second factor",
               credit_use=False),
    CaseColumn("limit_minor", _MINOR, "授信额度", "credit limit"),
    CaseColumn("drawn_minor", _MINOR, "已用额度", "drawn balance"),
    CaseColumn("held_minor", _MINOR, "冻结中金额", "held for merchants"),
    CaseColumn("available_minor", _MINOR, "可用额度", "available credit", may_change=True, moves={"drawn_minor": -1}),
    CaseColumn("condition", _CONDITION, "额度状态", "condition of the line"),
    CaseColumn("days_past_due", _COUNT, "逾期天数", "days past due", may_change=True),
    CaseColumn("months_on_book", _COUNT, "用信月数", "full months since the line was opened", may_change=True),
    CaseColumn("days_since_opened", _COUNT, "开户天数", "days since the line was opened", may_change=True),
    CaseColumn("line_is_frozen", _MARK, "额度已冻结", "the line is frozen", may_change=True),
    CaseColumn("device_is_frozen", _MARK, "设备已冻结", "the device is frozen", credit_use=False),
    CaseColumn("borrower_is_blocked", _MARK, "借款人在禁入名单", "the borrower is on the blocked list"),
    CaseColumn("merchant_pays_price", _MARK, "商户承担分期费用", "the merchant pays the price of installments"),
    CaseColumn("merchant_is_blocked", _MARK, "商户在禁入名单", "the merchant is on the blocked list", credit_use=False),
)  # fmt: skip

_APPLY: Final = (
    CaseColumn("income_month_minor", _MINOR_MAYBE, "月收入", "income a month, as stated", may_change=True),
    CaseColumn("income_is_proven", _MARK, "收入已核实", "the income is proven", may_change=True),
    CaseColumn("is_student", _MARK_MAYBE, "在校学生", "is a student"),
    CaseColumn("identity_is_verified", _MARK, "身份已核验", "the identity is verified", may_change=True),
    CaseColumn("face_is_matched", _MARK, "人脸核验通过", "the face matches the document", may_change=True),
    CaseColumn("phone_is_verified", _MARK, "手机号已验证", "the phone is verified", may_change=True),
    CaseColumn("bank_account_is_verified", _MARK, "银行卡已验证", "the bank account is verified", may_change=True),
    CaseColumn("documents_are_complete", _MARK, "资料齐全", "all documents are there", may_change=True),
    CaseColumn("bureau_consent_is_given", _MARK, "已授权查询征信", "the bureau may be asked", may_change=True),
    CaseColumn("borrower_is_blocked", _MARK, "申请人在禁入名单", "the applicant is on the blocked list"),
    CaseColumn("device_is_blocked", _MARK, "设备在禁入名单", "the device is on the blocked list", credit_use=False),
    CaseColumn("is_under_care", _MARK, "处于特殊关怀", "a care holds: hardship, death or identity theft"),
    CaseColumn("open_applications_count", _COUNT, "审批中的其他申请数", "other applications still open",
               may_change=True),
    CaseColumn("days_since_declined", _COUNT_MAYBE, "距上次被拒的天数", "days since the last decline",
               may_change=True),
    CaseColumn("other_lines_count", _COUNT, "名下其他额度数", "other lines of the person", may_change=True),
    CaseColumn("charged_off_lines_count", _COUNT, "名下已核销额度数", "lines of the person that were charged off"),
    CaseColumn("joint_limit_minor", _MINOR, "名下其他额度合计", "limits of the person's other lines together",
               may_change=True),
    CaseColumn("joint_exposure_minor", _MINOR, "名下其他额度已用合计",
               "exposure of the person's other lines together", may_change=True),
    CaseColumn("joint_days_past_due", _COUNT, "名下其他额度最长逾期天数",
               "most days past due on the person's other lines", may_change=True),
)  # fmt: skip

# What makes a line be looked at again: the night, an event, or the borrower's own wish.
TRIGGERS: Final = ("nightly", "payment", "income_proof", "delinquency_elsewhere", "early_warning", "borrower_request")
_TRIGGER: Final = ColumnType("text", allowed=TRIGGERS, may_be_missing=False)
_WARNING: Final = ColumnType("text", allowed=("none", "amber", "red"), may_be_missing=False)

# A line that is looked at again, whatever for; what is asked of it follows in each checkpoint's own list.
_LINE_AGAIN: Final = (
    CaseColumn("trigger", _TRIGGER, "触发原因", "what the review was triggered by"),
    CaseColumn("limit_minor", ColumnType("whole", lowest=1, highest=MOST_MINOR, may_be_missing=False),
               "授信额度", "credit limit"),
    CaseColumn("drawn_minor", _MINOR, "已用额度", "drawn balance", may_change=True),
    CaseColumn("held_minor", _MINOR, "冻结中金额", "held for merchants"),
    CaseColumn("condition", _CONDITION, "额度状态", "condition of the line"),
    CaseColumn("days_past_due", _COUNT, "逾期天数", "days past due", may_change=True),
    CaseColumn("months_on_book", _COUNT, "用信月数", "full months since the line was opened", may_change=True),
    CaseColumn("line_is_frozen", _MARK, "额度已冻结", "the line is frozen", may_change=True),
    CaseColumn("borrower_is_blocked", _MARK, "借款人在禁入名单", "the borrower is on the blocked list"),
    CaseColumn("is_under_care", _MARK, "处于特殊关怀", "a care holds: hardship, death or identity theft"),
    CaseColumn("warning", _WARNING, "预警级别", "level of early warning"),
    CaseColumn("joint_days_past_due", _COUNT, "名下其他额度最长逾期天数",
               "most days past due on the person's other lines", may_change=True),
)  # fmt: skip

_REVIEW_LIMIT: Final = (
    *_LINE_AGAIN,
    CaseColumn("days_since_increase", _COUNT_MAYBE, "距上次提额的天数", "days since the limit was last raised",
               may_change=True),
    CaseColumn("days_since_decrease", _COUNT_MAYBE, "距上次降额的天数", "days since the limit was last lowered",
               may_change=True),
    CaseColumn("days_since_request_declined", _COUNT_MAYBE, "距上次提额申请被拒的天数",
               "days since a request for a higher limit was last declined", may_change=True),
    CaseColumn("has_open_offer", _MARK, "有待接受的提额邀约", "an offer of a higher limit awaits an answer",
               may_change=True),
    CaseColumn("requested_minor", _MINOR_MAYBE, "申请的额度", "the limit asked for", may_change=True),
    CaseColumn("income_month_minor", _MINOR_MAYBE, "月收入", "income a month, as stated", may_change=True),
    CaseColumn("income_is_proven", _MARK, "收入已核实", "the income is proven", may_change=True),
    CaseColumn("joint_limit_minor", _MINOR, "名下其他额度合计（含待接受邀约）",
               "limits of the person's other lines together, open offers included", may_change=True),
    CaseColumn("joint_exposure_minor", _MINOR, "名下其他额度已用合计",
               "exposure of the person's other lines together", may_change=True),
)  # fmt: skip

_REPRICE: Final = (
    *_LINE_AGAIN,
    CaseColumn("present_price_code", ColumnType("text", may_be_missing=False), "现行价格代码", "price code in force"),
    CaseColumn("days_since_price_change", _COUNT_MAYBE, "距上次调价的天数", "days since the price last changed",
               may_change=True),
    CaseColumn("has_open_notice", _MARK, "有未生效的合同变更告知", "a notice of changed terms is not in force yet",
               may_change=True),
)  # fmt: skip

# Those without columns have their place; what they decide on comes with them.
CASE_COLUMNS: Final[Mapping[CheckpointName, tuple[CaseColumn, ...]]] = {
    CheckpointName.APPLY: _APPLY,
    CheckpointName.AUTHORIZE: _AUTHORIZE,
    CheckpointName.REVIEW_LIMIT: _REVIEW_LIMIT,
    CheckpointName.REPRICE: _REPRICE,
}

CONTINUE: Final = "continue"
NO_PRICE: Final = "none"
NO_ACTION: Final = "none"

# What deciding steps may give beside the outcome, and what a case has where no step says otherwise.
_DECIDING: Final[Mapping[str, ColumnType]] = {
    "priority": ColumnType("whole", lowest=0, highest=9, may_be_missing=False),
    "deadline_minutes": ColumnType("whole", lowest=0, highest=60 * 24 * 30, may_be_missing=False),
    "four_eyes": ColumnType("boolean", may_be_missing=False),
}


@dataclass(frozen=True, slots=True)
class CheckpointOutputs:
    """What a checkpoint answers: its outcomes from best to worst, and the outputs with a meaning of their own.

    Of `outcomes` the first lets the case pass; a deciding step may also say `continue`. `deciding` are given by
    deciding steps, together with the outcome; each of `telling` is given by exactly one other step.
    `safe` are those that hold where nothing can be decided, `ending` those that end a review which nobody decided,
    `adverse` those of which the borrower may ask a person. `bounded` is the limit told that affordability bounds.
    """

    outcomes: tuple[str, ...]
    deciding: Mapping[str, ColumnType]
    telling: Mapping[str, ColumnType]
    safe: tuple[str, ...]
    ending: tuple[str, ...]
    adverse: tuple[str, ...]
    bounded: str | None = None

    @property
    def passing(self) -> str:
        """The outcome that lets a case pass."""
        return self.outcomes[0]

    @property
    def outcome_type(self) -> ColumnType:
        """What the outcome of a deciding step may be."""
        return ColumnType("text", allowed=(*self.outcomes, CONTINUE), may_be_missing=False)


CHECKPOINT_OUTPUTS: Final[Mapping[CheckpointName, CheckpointOutputs]] = {
    CheckpointName.AUTHORIZE: CheckpointOutputs(
        outcomes=("approve", "step_up", "review", "decline"),
        deciding={
            "action": ColumnType("text", allowed=("none", "freeze_line", "freeze_device"), may_be_missing=False),
            **_DECIDING,
        },
        telling={
            "price_code": ColumnType("text", may_be_missing=False),
            "most_installments": ColumnType("whole", lowest=0, highest=360, may_be_missing=False),
        },
        safe=("step_up", "review", "decline"),
        ending=("approve", "decline"),
        adverse=("decline",),
    ),
    CheckpointName.APPLY: CheckpointOutputs(
        outcomes=("offer", "review", "decline"),
        deciding=_DECIDING,
        telling={
            "grade": ColumnType("text", may_be_missing=False),
            "limit_minor": _MINOR,
            "price_code": ColumnType("text", may_be_missing=False),
        },
        safe=("review", "decline"),
        ending=("offer", "decline"),
        adverse=("decline",),
        bounded="limit_minor",
    ),
    CheckpointName.REVIEW_LIMIT: CheckpointOutputs(
        outcomes=("increase", "review", "keep", "decrease"),
        deciding={
            "action": ColumnType("text", allowed=("none", "freeze_line"), may_be_missing=False),
            **_DECIDING,
        },
        telling={
            "grade": ColumnType("text", may_be_missing=False),
            "most_minor": _MINOR,  # no increase goes above it
            "least_minor": _MINOR,  # no decrease goes below it
            "cooling_days": _COUNT,  # so long after an increase there is no other
        },
        safe=("review", "keep"),
        ending=("increase", "keep"),
        adverse=("keep", "decrease"),
        bounded="most_minor",
    ),
    CheckpointName.REPRICE: CheckpointOutputs(
        outcomes=("lower", "keep", "raise"),
        deciding={},
        telling={
            "grade": ColumnType("text", may_be_missing=False),
            "price_code": ColumnType("text", may_be_missing=False),
            "cooling_days": _COUNT,
        },
        safe=("keep",),
        ending=(),
        adverse=("raise",),
    ),
}

# What whoever asked is told of an outcome: zh, en.
OUTCOME_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "approve": ("已通过", "approved"),
    "step_up": ("需要您进一步验证身份", "please confirm that it is you"),
    "review": ("已转人工审核", "a person will look at it"),
    "decline": ("未通过", "declined"),
    "offer": ("可授信", "a line is offered"),
    "increase": ("可提高额度", "a higher limit may be offered"),
    "keep": ("维持不变", "it stays as it is"),
    "decrease": ("额度下调", "the limit is lowered"),
    "lower": ("可降低价格", "a lower price may be given"),
    "raise": ("价格将上调", "the price is to rise"),
    "withdrawn": ("订单已撤回，不再审核", "the order was taken back before anybody judged it"),
}
# What is told in its place once the decision was taken back, whatever its outcome was.
TAKEN_BACK_TEXTS: Final = (
    "决定作出过晚，已被收回，未占用额度，可再次申请",
    "it was decided too late and taken back: nothing is held, and it may be asked again",
)
