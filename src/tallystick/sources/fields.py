"""The fields that a mapping may name: where each goes, what it may hold, and which units it is told in."""

from dataclasses import dataclass
from typing import Final, Literal

from tallystick.features.tables import EDUCATION_LEVELS, MARITAL_STATUSES, REPAYMENTS, SEXES

FieldKind = Literal["text", "currency", "money", "whole", "category", "share"]


@dataclass(frozen=True, slots=True)
class KnownField:
    """One field. `target` is its column in the line or line_month table; units are those a mapping may state."""

    name: str
    target: str
    kind: FieldKind
    zh: str
    en: str
    monthly: bool = False
    required: bool = False
    allowed: tuple[str, ...] = ()
    lowest: int | None = None
    highest: int | None = None
    units: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()  # how columns of it are often named, for drafting


# Money of one line is refused above this, in minor units: more is a wrong unit, not a consumer.
MONEY_HIGHEST: Final = 10**13

_MONEY: Final = ("major", "minor")
_ANY_SIGN: Final = -MONEY_HIGHEST

FIELDS: Final[dict[str, KnownField]] = {
    field.name: field
    for field in (
        KnownField("line_id", "line_id", "text", "额度账户编号", "id of the line", required=True,
                   hints=("line_id", "id", "account", "acct", "编号", "账号", "客户号", "合同号")),
        KnownField("currency", "currency", "currency", "币种", "currency of the row's money",
                   hints=("currency", "ccy", "币种", "货币")),
        KnownField("credit_limit", "credit_limit_minor", "money", "授信额度", "credit limit", required=True,
                   lowest=1, units=_MONEY, hints=("credit_limit", "limit", "额度", "授信额度")),
        KnownField("income_month", "income_month_minor", "money", "月收入", "income per month", lowest=0,
                   units=(*_MONEY, "major_per_year", "minor_per_year"),
                   hints=("income", "salary", "收入", "月收入", "年收入", "工资")),
        KnownField("age", "age_years", "whole", "年龄", "age in years", lowest=14, highest=120, units=("years",),
                   hints=("age", "年龄")),
        KnownField("months_on_book", "months_on_book", "whole", "账龄", "months since the line was opened", lowest=0,
                   highest=1_200, units=("months", "years"), hints=("months_on_book", "mob", "tenure", "账龄")),
        KnownField("education", "education", "category", "教育程度", "education", allowed=EDUCATION_LEVELS,
                   hints=("education", "学历", "教育程度")),
        KnownField("marital_status", "marital_status", "category", "婚姻状况", "marital status (protected)",
                   allowed=MARITAL_STATUSES, hints=("marital_status", "marital", "marriage", "婚姻", "婚姻状况")),
        KnownField("sex", "sex", "category", "性别", "sex (protected)", allowed=SEXES, hints=("sex", "gender", "性别")),
        KnownField("segment", "segment", "text", "客群", "the lender's own grouping",
                   hints=("segment", "channel", "客群", "渠道")),
        KnownField("nominal_rate", "nominal_rate_ppm", "share", "名义年利率", "present nominal rate per year", lowest=0,
                   highest=10_000_000, units=("percent", "ratio", "ppm"),
                   hints=("nominal_rate", "apr", "rate", "利率")),
        KnownField("outcome", "outcome", "category", "表现结果", "good or bad", allowed=("bad", "good"),
                   hints=("outcome", "default", "target", "bad", "label", "违约", "好坏", "坏样本")),
        KnownField("balance", "balance_minor", "money", "账单余额", "statement balance", monthly=True,
                   lowest=_ANY_SIGN, units=_MONEY, hints=("balance", "bill_amt", "bill", "bal", "余额", "账单",
                          "账单余额", "账单金额")),
        KnownField("paid", "paid_minor", "money", "还款额", "payments received in the month", monthly=True, lowest=0,
                   units=_MONEY, hints=("paid", "pay_amt", "payment", "repaid", "还款", "还款额", "还款金额")),
        KnownField("spent", "spent_minor", "money", "消费额", "purchases posted in the month", monthly=True, lowest=0,
                   units=_MONEY, hints=("spent", "purchase", "purchases", "spend", "消费", "消费金额")),
        KnownField("months_past_due", "months_past_due", "whole", "逾期月数", "months past due", monthly=True, lowest=0,
                   highest=600, units=("months", "days"),
                   hints=("months_past_due", "days_past_due", "past_due", "dpd", "delinq", "逾期",
                          "逾期天数", "逾期月数")),
        KnownField("repayment", "repayment", "category", "还款方式", "how the statement was paid", monthly=True,
                   allowed=REPAYMENTS, hints=("repayment", "pay_status", "pay", "还款状态", "还款方式")),
    )
}  # fmt: skip
