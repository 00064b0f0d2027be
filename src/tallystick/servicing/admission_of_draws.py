"""Whether credit may be used: holds, draws, and putting what was drawn into installments."""

from datetime import date

from tallystick.servicing import facts
from tallystick.servicing.admission_of_persons import may_not_be_lent_to, within_joint_exposure
from tallystick.servicing.circumstances import Circumstances
from tallystick.servicing.facts import DrawKind
from tallystick.servicing.line import Hold, Line
from tallystick.servicing.owed import cash_drawn_minor, drawn_minor, held_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.product import PurposeTerms
from tallystick.terms.statement_days import closes_on


def admit_hold(
    line: Line, fact: facts.HoldPlaced, *, on: date, circumstances: Circumstances
) -> facts.HoldPlaced | Refusal:
    """A merchant may reserve what is available, until a day to come."""
    refusal = _may_not_use_credit(line, circumstances=circumstances)
    if refusal is not None:
        return refusal
    if any(hold.hold_id == fact.hold_id for hold in line.holds):
        return Refusal(RefusalReason.HOLD_EXISTS, field="hold_id")
    if fact.expires_on <= on:
        return Refusal(RefusalReason.HOLD_EXPIRY_PAST, field="expires_on", figures={"placed_on": on})
    return _no_room(line, amount_minor=fact.amount_minor, circumstances=circumstances) or fact


def admit_draw(line: Line, fact: facts.Drawdown, *, on: date, circumstances: Circumstances) -> facts.Drawdown | Refusal:
    """A draw uses what is available, or the hold it captures; a capture may exceed its hold, never by a new draw."""
    terms = circumstances.contracts[line.contract_hash]
    hold = next((hold for hold in line.holds if hold.hold_id == fact.hold_id), None)
    if fact.hold_id is not None and hold is None:
        return Refusal(RefusalReason.HOLD_UNKNOWN, field="hold_id")
    if hold is not None and on < hold.placed_on:
        figures = {"held_on": hold.placed_on}
        return Refusal(RefusalReason.DATE_BEFORE_EVENT, field="effective_on", figures=figures)
    cycle = terms.pay_next_month
    if cycle is not None and closes_on(on, cycle=cycle) < circumstances.today:
        figures = {"closed_on": closes_on(on, cycle=cycle)}
        return Refusal(RefusalReason.DATE_BEFORE_STATEMENT, field="effective_on", figures=figures)
    if hold is None:
        refusal = _may_not_use_credit(line, circumstances=circumstances)
        if refusal is not None:
            return refusal
    refusal = _wrong_purpose(fact, terms=terms.purpose)
    if refusal is not None:
        return refusal
    if fact.kind is DrawKind.CASH and (fact.merchant_id or fact.merchant_fee_minor):
        return Refusal(RefusalReason.CASH_HAS_NO_MERCHANT, field="merchant_id")
    offered = terms.cash is not None if fact.kind is DrawKind.CASH else terms.pay_next_month is not None
    if fact.plan is None and (not offered or fact.kind is DrawKind.CASH):
        return Refusal(RefusalReason.PRODUCT_WITHOUT_OFFER, field="plan", figures={"product": terms.id})
    if any(draw.draw_id == fact.draw_id for draw in line.draws):
        return Refusal(RefusalReason.DRAW_EXISTS, field="draw_id")
    if fact.plan is not None and any(plan.plan_id == fact.plan.plan_id for plan in line.plans):
        return Refusal(RefusalReason.PLAN_EXISTS, field="plan")
    return _draw_without_room(line, fact, hold=hold, circumstances=circumstances) or fact


def _wrong_purpose(fact: facts.Drawdown, *, terms: PurposeTerms) -> Refusal | None:
    """What is bought shows what credit is used for; cash does not, so whoever draws it says so."""
    allowed, forbidden = list(terms.allowed), list(terms.forbidden)
    if fact.kind is DrawKind.CASH and not fact.purpose and (allowed or forbidden):
        return Refusal(RefusalReason.PURPOSE_MISSING, field="purpose", figures={"allowed": allowed})
    if fact.purpose in forbidden:
        return Refusal(RefusalReason.PURPOSE_FORBIDDEN, field="purpose", figures={"forbidden": forbidden})
    if fact.purpose and fact.purpose not in allowed:
        return Refusal(RefusalReason.PURPOSE_NOT_ALLOWED, field="purpose", figures={"allowed": allowed})
    return None


def _draw_without_room(
    line: Line, fact: facts.Drawdown, *, hold: Hold | None, circumstances: Circumstances
) -> Refusal | None:
    if fact.merchant_fee_minor > fact.amount_minor:
        figures = {"amount_minor": fact.amount_minor}
        return Refusal(RefusalReason.AMOUNT_EXCEEDS_OWED, field="merchant_fee_minor", figures=figures)
    if fact.kind is DrawKind.CASH:
        left_minor = max(0, line.cash_limit_minor - cash_drawn_minor(line))
        if fact.amount_minor > left_minor:
            figures = {"cash_available_minor": left_minor}
            return Refusal(RefusalReason.CASH_LIMIT_EXCEEDED, field="amount_minor", figures=figures)
    if hold is not None:
        return None  # the merchant's claim was reserved; what exceeds it is a named excess, not a refusal
    return _no_room(line, amount_minor=fact.amount_minor, circumstances=circumstances)


def _may_not_use_credit(line: Line, *, circumstances: Circumstances) -> Refusal | None:
    terms = circumstances.contracts[line.contract_hash]
    return may_not_be_lent_to(line, terms=terms, circumstances=circumstances)


def _no_room(line: Line, *, amount_minor: int, circumstances: Circumstances) -> Refusal | None:
    exposure_minor = drawn_minor(line) + held_minor(line)
    if amount_minor > line.limit_minor - exposure_minor:
        figures = {"available_minor": max(0, line.limit_minor - exposure_minor)}
        return Refusal(RefusalReason.AVAILABLE_CREDIT_EXCEEDED, field="amount_minor", figures=figures)
    return within_joint_exposure(exposure_minor, amount_minor=amount_minor, circumstances=circumstances)


def admit_plan(line: Line, fact: facts.PlanCreated, *, on: date) -> facts.PlanCreated | Refusal:
    """Only a purchase that is not billed yet, and not in a plan already, is put into installments by itself."""
    if any(plan.plan_id == fact.plan.plan_id for plan in line.plans):
        return Refusal(RefusalReason.PLAN_EXISTS, field="plan")
    draw = next((draw for draw in line.draws if draw.draw_id == fact.draw_id), None)
    if draw is None:
        return Refusal(RefusalReason.DRAW_UNKNOWN, field="draw_id")
    if draw.plan_id is not None:
        return Refusal(RefusalReason.DRAW_IN_PLAN, field="draw_id", figures={"plan_id": draw.plan_id})
    purchase = next((item for item in line.revolving.purchases if item.draw_id == fact.draw_id), None)
    if purchase is None:
        return Refusal(RefusalReason.NOTHING_TO_DO, field="draw_id")
    if purchase.statement_number is not None:
        figures = {"statement_number": purchase.statement_number}
        return Refusal(RefusalReason.DRAW_ALREADY_BILLED, field="draw_id", figures=figures)
    if on < draw.drawn_on:
        return Refusal(RefusalReason.DRAW_UNKNOWN, field="effective_on", figures={"drawn_on": draw.drawn_on})
    return fact


def admit_bill_conversion(line: Line, fact: facts.BillConverted, *, on: date) -> facts.BillConverted | Refusal:
    """The last statement's purchases, as far as they are unpaid, until the day it is due."""
    if any(plan.plan_id == fact.plan.plan_id for plan in line.plans):
        return Refusal(RefusalReason.PLAN_EXISTS, field="plan")
    if fact.statement_number != line.statements_closed:
        figures = {"last_statement_number": line.statements_closed}
        return Refusal(RefusalReason.STATEMENT_UNKNOWN, field="statement_number", figures=figures)
    if line.last_statement_due_on is None or on > line.last_statement_due_on:
        return Refusal(
            RefusalReason.CONVERSION_TOO_LATE, field="effective_on", figures={"due_on": line.last_statement_due_on}
        )
    open_minor = sum(
        item.left_minor for item in line.revolving.purchases if item.statement_number == fact.statement_number
    )
    if fact.amount_minor > open_minor:
        figures = {"open_minor": open_minor}
        return Refusal(RefusalReason.AMOUNT_EXCEEDS_OWED, field="amount_minor", figures=figures)
    return fact
