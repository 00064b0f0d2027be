"""Checkpoints for tests: the standard ones, a small one whose domain can be listed, and cases for each."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import Checkpoint, Decisions
from tallystick.strategy.checkpoint_reading import read_checkpoint
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.policy import standard_strategy_files
from tallystick.strategy.swap_set import DecidedCases
from tallystick.terms.catalog import shipped_products

# A line of 30,000 yuan a year old, well paid, on its own device at a known merchant: 200 yuan of food.
USUAL_PURCHASE: dict[str, Any] = {
    "amount_minor": 20_000, "category": "food", "has_device": True, "step_up_passed": False,
    "limit_minor": 3_000_000, "drawn_minor": 500_000, "held_minor": 0, "available_minor": 2_500_000,
    "condition": "open", "days_past_due": 0, "months_on_book": 12, "days_since_opened": 370, "line_is_frozen": False,
    "device_is_frozen": False, "borrower_is_blocked": False, "merchant_is_blocked": False,
    "merchant_pays_price": False, "is_night": False, "line_purchase_count_1h": 0, "line_purchase_count_1d": 1,
    "line_purchase_sum_1d": 5_000, "line_purchase_mean_90d": 30_000.0, "line_purchase_max_90d": 80_000,
    "merchant_purchase_count_30d": 2_000, "line_distinct_merchant_1d": 1, "device_distinct_borrower_1d": 1,
    "device_distinct_borrower_7d": 1, "line_is_new_merchant": False, "line_is_new_device": False,
    "line_is_new_address": False, "line_fraud_count_7d": 0, "device_fraud_count_30d": 0,
    "merchant_label_count_30d": 400, "merchant_fraud_share_30d": 0.001, "line_kilometers_per_hour": 3.0,
    "line_amount_to_max_90d": 0.25, "merchant_fraud_share_1d": 0.001, "merchant_fraud_share_7d": 0.001,
    "line_days_past_due_max_90d": 0, "line_minimum_payment_streak": 0, "fraud_ppm": None,
}  # fmt: skip

# Thirty years old, verified, 10,000 yuan a month, a clean report with a score of 680, no other line.
USUAL_APPLICATION: dict[str, Any] = {
    "income_month_minor": 1_000_000, "income_is_proven": False, "is_student": False, "identity_is_verified": True,
    "face_is_matched": True, "phone_is_verified": True, "bank_account_is_verified": True,
    "documents_are_complete": True, "bureau_consent_is_given": True, "borrower_is_blocked": False,
    "device_is_blocked": False, "is_under_care": False, "open_applications_count": 0, "days_since_declined": None,
    "other_lines_count": 0, "charged_off_lines_count": 0, "joint_limit_minor": 0, "joint_exposure_minor": 0,
    "joint_days_past_due": 0, "borrower_fraud_count_90d": 0, "borrower_application_count_7d": 0,
    "address_application_count_30d": 0, "device_distinct_applicants_30d": 1, "phone_distinct_applicants_90d": 1,
    "age_years": 30, "bureau_score": 680, "bureau_inquiries_90d": 1, "bureau_worst_days_past_due_24m": 0,
    "bureau_total_drawn": 2_000_000, "bureau_report_days": 5, "pd_ppm": None,
}  # fmt: skip
# A line of 10,000 yuan, two years old, 4,000 drawn, always paid; a proven income of 10,000 a month; a PD of 8.8 %.
USUAL_LIMIT_REVIEW: dict[str, Any] = {
    "trigger": "nightly", "limit_minor": 1_000_000, "drawn_minor": 400_000, "held_minor": 0, "condition": "open",
    "days_past_due": 0, "months_on_book": 24, "line_is_frozen": False, "borrower_is_blocked": False,
    "is_under_care": False, "warning": "none", "joint_days_past_due": 0, "days_since_increase": None,
    "days_since_decrease": None, "days_since_request_declined": None, "has_open_offer": False,
    "requested_minor": None, "income_month_minor": 1_000_000, "income_is_proven": True, "joint_limit_minor": 0,
    "joint_exposure_minor": 0, "line_days_past_due_max_90d": 0, "line_days_past_due_max_400d": 0,
    "line_minimum_payment_streak": 0, "bureau_score": 680, "bureau_inquiries_90d": 1,
    "bureau_worst_days_past_due_24m": 0, "bureau_total_drawn": 2_000_000, "pd_ppm": 88_000,
}  # fmt: skip

# A line two years old, always paid; a model's PD of 1.5 %.
USUAL_REPRICING: dict[str, Any] = {
    "condition": "open", "days_past_due": 0, "months_on_book": 24, "borrower_is_blocked": False,
    "is_under_care": False, "warning": "none", "joint_days_past_due": 0, "days_since_price_change": None,
    "has_open_notice": False, "line_days_past_due_max_400d": 0, "bureau_score": 680, "pd_ppm": 15_000,
}  # fmt: skip
USUAL: Mapping[CheckpointName, dict[str, Any]] = {
    CheckpointName.AUTHORIZE: USUAL_PURCHASE,
    CheckpointName.APPLY: USUAL_APPLICATION,
    CheckpointName.REVIEW_LIMIT: USUAL_LIMIT_REVIEW,
    CheckpointName.REPRICE: USUAL_REPRICING,
}


def standard_files() -> dict[str, bytes]:
    """The files of the standard strategy."""
    return {name: text.encode() for name, text in standard_strategy_files().items()}


def other_line_ends(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files as another editor saves what people edit; a model's are not edited."""
    edited = (".toml", ".csv")
    return {name: text.replace(b"\n", b"\r\n") if name.endswith(edited) else text for name, text in files.items()}


def compiled(name: CheckpointName, files: Mapping[str, bytes]) -> Checkpoint:
    """A checkpoint of some files, with the catalog and the products that ship."""
    return read_checkpoint(name, files, catalog=load_as_of_catalog(), products=shipped_products())


@cache
def standard_checkpoint(name: CheckpointName) -> Checkpoint:
    """A checkpoint of the standard strategy."""
    return compiled(name, standard_files())


def cases(name: CheckpointName, *changes: dict[str, Any]) -> pa.Table:
    """The usual case, once for each set of changes to it."""
    strange = {figure for change in changes for figure in change} - set(USUAL[name])
    assert not strange, f"{strange} are no figures of {name}"
    return pa.Table.from_pylist([{**USUAL[name], **change} for change in changes])


def random_cases(checkpoint: Checkpoint, count: int, *, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Cases around the usual one: each figure is the usual one, near a threshold of the tables, or missing."""
    generator = np.random.default_rng(seed)
    usual = USUAL[checkpoint.name]
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, kind in checkpoint.case_types.items():
        choices = _choices(name, kind, usual[name])
        weights = np.array([1.0, *[0.25 / max(len(choices) - 1, 1)] * (len(choices) - 1)])
        picked = generator.choice(len(choices), count, p=weights / weights.sum())
        values = [choices[place] for place in picked]
        if kind.is_numeric:
            columns[name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        else:
            columns[name] = np.array(values, dtype=object)
    return columns


def _choices(name: str, kind: ColumnType, usual: Any) -> list[Any]:
    missing = [None] if kind.may_be_missing else []
    if kind.kind == "boolean":
        return [usual, not usual, *missing]
    if kind.kind == "text":
        return [usual, *(kind.allowed or ("phones", "gold", "travel", "gift_cards")), *missing]
    lowest, highest = kind.bounds()
    small = [0, 1, 2, 3, 4, 5, 6, 10, 15, 31, 61, 90]
    large = [20_000, 60_000, 110_000, 250_000, 550_000, 1_200_000, 2_600_000, 3_500_000, 11_000_000]
    near = large if name.endswith(("_minor", "_ppm")) or "sum" in name or "mean" in name or "max_90d" in name else small
    return [usual, *(value for value in near if lowest <= value <= highest), *missing]


_SMALL_FORM = """
zh = "小样本"
en = "a small sample"
product = "baitiao"
review = { timeout_outcome = "decline" }
unavailable = { outcome = "decline", reason = "LATER", zh = "请稍后", en = "Later" }

[[step]]
name = "line"
table = "line.csv"
purpose = "credit"
zh = "额度"
en = "The line"
gives = ["outcome"]

[[step]]
name = "size"
table = "size.csv"
purpose = "credit"
zh = "大小"
en = "Size"
outputs.size = { type = "text", allowed = ["small", "large"] }
outputs.most_share = { type = "number" }

[[step]]
name = "history"
table = "history.csv"
purpose = "credit"
zh = "历史"
en = "History"
gives = ["outcome", "priority", "deadline_minutes"]

[[step]]
name = "last"
table = "last.csv"
purpose = "credit"
zh = "其他"
en = "The rest"
gives = ["outcome"]

[[step]]
name = "offers"
table = "offers.csv"
purpose = "credit"
zh = "分期"
en = "Installments"
gives = ["price_code", "most_installments"]
"""

_SMALL_TABLES = {
    "line.csv": """id,when,outcome,reason,zh,en
frozen,line_is_frozen,decline,FROZEN,已冻结,Frozen
late,days_past_due > 2,decline,LATE,逾期,Past due
over,amount_minor > available_minor,decline,OVER,超额,Above what is available
fine,otherwise,continue,FINE,正常,Fine
""",
    "size.csv": """id,when,size,most_share,reason,zh,en
large,amount_minor * 2 > limit_minor,large,0.75,SIZE_LARGE,大,Large
small,otherwise,small,1,SIZE_SMALL,小,Small
""",
    "history.csv": """id,when,outcome,priority,deadline_minutes,reason,zh,en
busy,line_purchase_count_1d >= 3 AND size = 'large',review,2,30,BUSY,频繁,Many purchases
share,drawn_minor + amount_minor > limit_minor * most_share,review,3,60,SHARE,占比高,A large share of the line
unknown,line_purchase_count_1d IS NULL,continue,0,0,UNKNOWN,未知,Not known
calm,otherwise,continue,0,0,CALM,平静,Calm
""",
    "last.csv": """id,when,outcome,reason,zh,en
young,"months_on_book < 2 AND ABS(amount_minor - 5) <= 1",decline,YOUNG,新额度,A new line
passed,otherwise,approve,PASSED,通过,Approved
""",
    "offers.csv": """id,when,price_code,most_installments,reason,zh,en
none,otherwise,none,0,NO_OFFER,无,None
""",
}


def small_files(**changes: str) -> dict[str, bytes]:
    """The files of the small checkpoint, `line_csv="..."` in place of `line.csv`, `form` in place of its TOML."""
    texts = {"checkpoint.toml": _SMALL_FORM, **_SMALL_TABLES}
    for name, text in changes.items():
        texts["checkpoint.toml" if name == "form" else name.replace("_csv", ".csv")] = text
    return {f"authorize/{name}": text.encode() for name, text in texts.items()}


SMALL_FORM, SMALL_TABLES = _SMALL_FORM, _SMALL_TABLES


def decided_cases(checkpoint: Checkpoint, decisions: Decisions) -> DecidedCases:
    """What a checkpoint decided, as it is compared with another's decisions."""
    names = np.array([step.name for step in checkpoint.steps], dtype=object)
    return DecidedCases(
        outcome=decisions.outcome,
        step=names[decisions.decided_by],
        reasons=decisions.reasons,
        limit_minor=decisions.outputs.get("limit_minor"),
    )
