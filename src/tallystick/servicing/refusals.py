"""Why a line may refuse what is asked of it: named reasons, in order of precedence, never reused."""

from enum import StrEnum
from typing import Any

from msgspec import Struct


class RefusalReason(StrEnum):
    """The first reason that holds is given: what is wrong with the request, then with person, line and money."""

    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    CHANNEL_UNKNOWN = "channel_unknown"
    COMPONENT_UNKNOWN = "component_unknown"
    CURRENCY_DIFFERS = "currency_differs"
    DATE_IN_FUTURE = "date_in_future"
    DATE_IN_PAST = "date_in_past"
    DATE_BEFORE_OPENING = "date_before_opening"
    DATE_BEFORE_EVENT = "date_before_event"
    DATE_BEFORE_STATEMENT = "date_before_statement"
    LINE_ALREADY_OPEN = "line_already_open"
    LINE_NOT_OPEN = "line_not_open"
    TERMS_UNKNOWN = "terms_unknown"
    NOTICE_TOO_SHORT = "notice_too_short"
    ACCEPTANCE_MISSING = "acceptance_missing"
    SECOND_PERSON_MISSING = "second_person_missing"
    EVENT_UNKNOWN = "event_unknown"
    EVENT_ALREADY_UNDONE = "event_already_undone"
    EVENT_NOT_UNDOABLE = "event_not_undoable"
    REFERENCE_REUSED = "reference_reused"
    PROPOSAL_UNKNOWN = "proposal_unknown"
    PROPOSAL_DECIDED = "proposal_decided"
    BORROWER_EXISTS = "borrower_exists"
    BORROWER_UNKNOWN = "borrower_unknown"
    BORROWER_BLOCKED = "borrower_blocked"
    LINE_CLOSED = "line_closed"
    LINE_CHARGED_OFF = "line_charged_off"
    LINE_NOT_CHARGED_OFF = "line_not_charged_off"
    LINE_FROZEN = "line_frozen"
    LINE_NOT_FROZEN = "line_not_frozen"
    LINE_PAST_DUE = "line_past_due"
    LINE_IN_CARE = "line_in_care"
    CARE_NOT_BEGUN = "care_not_begun"
    PURPOSE_FORBIDDEN = "purpose_forbidden"
    PRODUCT_WITHOUT_OFFER = "product_without_offer"
    PAUSE_EMPTY = "pause_empty"
    EASING_TOO_LONG = "easing_too_long"
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_EXISTS = "hold_exists"
    HOLD_TOO_SMALL = "hold_too_small"
    HOLD_NOT_EXPIRED = "hold_not_expired"
    HOLD_EXPIRY_PAST = "hold_expiry_past"
    DRAW_UNKNOWN = "draw_unknown"
    DRAW_EXISTS = "draw_exists"
    DRAW_ALREADY_BILLED = "draw_already_billed"
    DRAW_IN_PLAN = "draw_in_plan"
    PLAN_UNKNOWN = "plan_unknown"
    PLAN_EXISTS = "plan_exists"
    PLAN_SETTLED = "plan_settled"
    STATEMENT_UNKNOWN = "statement_unknown"
    STATEMENT_NOT_DUE = "statement_not_due"
    STATEMENT_EXISTS = "statement_exists"
    CONVERSION_TOO_LATE = "conversion_too_late"
    COOLING_OFF_OVER = "cooling_off_over"
    LIMIT_OUT_OF_BOUNDS = "limit_out_of_bounds"
    AVAILABLE_CREDIT_EXCEEDED = "available_credit_exceeded"
    CASH_LIMIT_EXCEEDED = "cash_limit_exceeded"
    JOINT_CAP_EXCEEDED = "joint_cap_exceeded"
    REFUND_EXCEEDS_DRAW = "refund_exceeds_draw"
    AMOUNT_DIFFERS_FROM_QUOTE = "amount_differs_from_quote"
    AMOUNT_EXCEEDS_OWED = "amount_exceeds_owed"
    CREDIT_BALANCE_TOO_SMALL = "credit_balance_too_small"
    STILL_OWED = "still_owed"
    NOTHING_TO_DO = "nothing_to_do"


class Refusal(Struct, frozen=True):
    """A reason, the field it is about, and the figures that show it (minor units, dates, ids)."""

    reason: RefusalReason
    field: str
    figures: dict[str, Any] = {}
