"""The one gate of a line: a proposed fact is admitted as it will be recorded, or refused with a named reason.

All refusals live here. What is admitted has happened, and `advance` never refuses it.
"""

from datetime import date
from typing import Final

from tallystick.servicing import facts
from tallystick.servicing.admission_of_changes import (
    admit_charge_off,
    admit_fee,
    admit_limit,
    admit_pause,
    admit_restructure,
    admit_terms,
    admit_waiver,
)
from tallystick.servicing.admission_of_draws import admit_bill_conversion, admit_draw, admit_hold, admit_plan
from tallystick.servicing.admission_of_payments import (
    admit_chargeback_or_refund,
    admit_settlement,
    admit_withdrawal,
)
from tallystick.servicing.admission_of_persons import may_not_be_lent_to, within_person_cap
from tallystick.servicing.circumstances import Circumstances
from tallystick.servicing.facts import SUSPENSE, AnyFact, needs_second_person
from tallystick.servicing.journal import CHANNELS
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import held_minor, not_billed_minor, owed_minor
from tallystick.servicing.refusals import Refusal, RefusalReason

# After charge-off or closing, money may still come in and be given back; nothing else happens to the line.
_AFTER_CHARGE_OFF: Final = (
    facts.PaymentReceived,
    facts.PaymentReturned,
    facts.Refunded,
    facts.Chargeback,
    facts.CreditPaidOut,
    facts.EventUndone,
    facts.CareBegun,
    facts.CareEnded,
    facts.LineClosed,
)
_AFTER_CLOSING: Final = (facts.Refunded, facts.Chargeback, facts.CreditPaidOut, facts.PaymentReturned)
# What the world did may be learned late; what is decided, agreed or quoted counts from the day it is.
_MAY_BE_LATE: Final = (
    facts.Drawdown,
    facts.PaymentReceived,
    facts.Refunded,
    facts.Chargeback,
    facts.FeeCharged,
    facts.DelinquencyPaused,
    facts.CareBegun,
    facts.HoldExpired,
)
_AMOUNTS: Final = ("amount_minor", "limit_minor", "cash_limit_minor", "merchant_fee_minor", "joint_cap_minor")
_MAY_BE_ZERO: Final = ("limit_minor", "cash_limit_minor", "merchant_fee_minor")


def admit(line: Line | None, fact: AnyFact, *, on: date, circumstances: Circumstances) -> AnyFact | Refusal:
    """The fact as it will be recorded from the business day `on`, completed with its figures; or why not.

    `line` stands as of today, caught up; None only for an opening. Refusals come in the order of `RefusalReason`.
    """
    refusal = _bad_request(line, fact, on=on, circumstances=circumstances)
    if refusal is not None:
        return refusal
    if line is None:
        assert isinstance(fact, facts.LineOpened)
        return _admit_opening(fact, circumstances=circumstances)
    refusal = _wrong_condition(line, fact)
    if refusal is not None:
        return refusal
    return _admit_on_line(line, fact, on=on, circumstances=circumstances)


def _bad_request(line: Line | None, fact: AnyFact, *, on: date, circumstances: Circumstances) -> Refusal | None:
    """What is wrong with the request itself, whatever the line owes."""
    for name in _AMOUNTS:
        amount_minor = getattr(fact, name, None)
        if isinstance(amount_minor, int) and amount_minor < (0 if name in _MAY_BE_ZERO else 1):
            return Refusal(RefusalReason.AMOUNT_NOT_POSITIVE, field=name, figures={name: amount_minor})
    if on > circumstances.today:
        return Refusal(RefusalReason.DATE_IN_FUTURE, field="effective_on", figures={"today": circumstances.today})
    if on < circumstances.today and not isinstance(fact, _MAY_BE_LATE):
        return Refusal(RefusalReason.DATE_IN_PAST, field="effective_on", figures={"today": circumstances.today})
    opening = isinstance(fact, facts.LineOpened)
    if line is None and not opening:
        return Refusal(RefusalReason.LINE_NOT_OPEN, field="line")
    if line is not None and opening:
        return Refusal(RefusalReason.LINE_ALREADY_OPEN, field="line")
    if line is not None and on < line.opened_on:
        return Refusal(RefusalReason.DATE_BEFORE_OPENING, field="effective_on", figures={"opened_on": line.opened_on})
    if needs_second_person(fact) and not circumstances.has_second_person:
        return Refusal(RefusalReason.SECOND_PERSON_MISSING, field="approved_by")
    return None


def _wrong_condition(line: Line, fact: AnyFact) -> Refusal | None:
    if line.condition is Condition.CLOSED and not isinstance(fact, _AFTER_CLOSING):
        return Refusal(RefusalReason.LINE_CLOSED, field="line")
    if line.condition is Condition.CHARGED_OFF and not isinstance(fact, _AFTER_CHARGE_OFF):
        return Refusal(RefusalReason.LINE_CHARGED_OFF, field="line")
    return None


def _admit_opening(fact: facts.LineOpened, *, circumstances: Circumstances) -> AnyFact | Refusal:
    contract = circumstances.contracts.get(fact.contract_hash)
    if contract is None:
        return Refusal(RefusalReason.TERMS_UNKNOWN, field="contract_hash")
    if contract.currency != fact.currency:
        return Refusal(
            RefusalReason.CURRENCY_DIFFERS, field="currency", figures={"contract_currency": contract.currency}
        )
    if circumstances.borrower.currency not in {None, fact.currency}:
        figures = {"borrower_currency": circumstances.borrower.currency}
        return Refusal(RefusalReason.CURRENCY_DIFFERS, field="currency", figures=figures)
    refusal = may_not_be_lent_to(None, terms=contract, circumstances=circumstances)
    if refusal is not None:
        return refusal
    bounds = contract.limit
    if not bounds.least_minor <= fact.limit_minor <= bounds.most_minor:
        return Refusal(
            RefusalReason.LIMIT_OUT_OF_BOUNDS,
            field="limit_minor",
            figures={"least_minor": bounds.least_minor, "most_minor": bounds.most_minor},
        )
    return within_person_cap(fact.limit_minor, circumstances=circumstances) or fact


def _admit_on_line(  # noqa: PLR0912
    line: Line, fact: AnyFact, *, on: date, circumstances: Circumstances
) -> AnyFact | Refusal:
    match fact:
        case facts.HoldPlaced():
            return admit_hold(line, fact, on=on, circumstances=circumstances)
        case facts.Drawdown():
            return admit_draw(line, fact, on=on, circumstances=circumstances)
        case facts.PlanCreated():
            return admit_plan(line, fact, on=on)
        case facts.BillConverted():
            return admit_bill_conversion(line, fact, on=on)
        case facts.HoldVoided() | facts.HoldExpired():
            return _admit_release(line, fact, on=on)
        case facts.PaymentReceived():
            return fact if fact.channel == SUSPENSE else _unknown_channel(fact.channel) or fact
        case facts.SettledEarly():
            return _unknown_channel(fact.channel) or admit_settlement(line, fact, on=on, circumstances=circumstances)
        case facts.DrawWithdrawn():
            terms = circumstances.contracts[line.contract_hash]
            return _unknown_channel(fact.channel) or admit_withdrawal(line, fact, on=on, terms=terms)
        case facts.Refunded() | facts.Chargeback():
            return admit_chargeback_or_refund(line, fact, on=on)
        case facts.CreditPaidOut():
            return _unknown_channel(fact.channel) or _admit_payout(line, fact)
        case facts.PaymentReturned() | facts.EventUndone():
            return _admit_taking_back(fact, circumstances=circumstances)
        case facts.StatementClosed():
            # Statements close by themselves, on their day (`keeping_up`): nobody closes one by asking.
            return Refusal(RefusalReason.STATEMENT_NOT_DUE, field="kind")
        case facts.LimitChanged():
            return admit_limit(line, fact, circumstances=circumstances)
        case facts.TermsChanged():
            return admit_terms(line, fact, on=on, circumstances=circumstances)
        case facts.FeeCharged():
            return admit_fee(line, fact, terms=circumstances.contracts[line.contract_hash])
        case facts.Waived():
            return admit_waiver(line, fact, on=on)
        case facts.PlanReaged() | facts.PaymentHoliday():
            return admit_restructure(line, fact, on=on, circumstances=circumstances)
        case facts.DelinquencyPaused():
            return admit_pause(fact, on=on, bounds=circumstances.contracts[line.contract_hash].easing)
        case facts.ChargedOff():
            return admit_charge_off(line, fact, on=on, terms=circumstances.contracts[line.contract_hash])
        case facts.LineClosed():
            return _admit_closing(line, fact, on=on)
        case facts.LineFrozen() if line.frozen_because is not None:
            return Refusal(RefusalReason.LINE_FROZEN, field="line", figures={"reason": line.frozen_because})
        case facts.LineUnfrozen() if line.frozen_because is None:
            return Refusal(RefusalReason.LINE_NOT_FROZEN, field="line")
        case facts.CareBegun() if fact.kind in line.cares:
            return Refusal(RefusalReason.LINE_IN_CARE, field="kind", figures={"kind": fact.kind})
        case facts.CareEnded() if fact.kind not in line.cares:
            return Refusal(RefusalReason.CARE_NOT_BEGUN, field="kind", figures={"kind": fact.kind})
        case _:
            return fact


def _unknown_channel(channel: str) -> Refusal | None:
    if channel in CHANNELS:
        return None
    return Refusal(RefusalReason.CHANNEL_UNKNOWN, field="channel", figures={"known": sorted(CHANNELS)})


def _admit_release(line: Line, fact: facts.HoldVoided | facts.HoldExpired, *, on: date) -> AnyFact | Refusal:
    hold = next((hold for hold in line.holds if hold.hold_id == fact.hold_id), None)
    if hold is None:
        return Refusal(RefusalReason.HOLD_UNKNOWN, field="hold_id")
    if isinstance(fact, facts.HoldExpired):
        if on < hold.expires_on:
            return Refusal(RefusalReason.HOLD_NOT_EXPIRED, field="hold_id", figures={"expires_on": hold.expires_on})
        return fact
    if fact.amount_minor is not None and fact.amount_minor > hold.left_minor:
        return Refusal(RefusalReason.HOLD_TOO_SMALL, field="amount_minor", figures={"left_minor": hold.left_minor})
    return fact


def _admit_payout(line: Line, fact: facts.CreditPaidOut) -> AnyFact | Refusal:
    if fact.amount_minor > line.credit_minor:
        return Refusal(
            RefusalReason.CREDIT_BALANCE_TOO_SMALL,
            field="amount_minor",
            figures={"credit_minor": line.credit_minor},
        )
    return fact


def _admit_taking_back(
    fact: facts.PaymentReturned | facts.EventUndone, *, circumstances: Circumstances
) -> AnyFact | Refusal:
    """An event is taken back once, and only while nothing that was recorded later needs it."""
    target = circumstances.target
    if target is None or target.event_id != fact.event_id:
        return Refusal(RefusalReason.EVENT_UNKNOWN, field="event_id")
    if circumstances.target_is_undone:
        return Refusal(RefusalReason.EVENT_ALREADY_UNDONE, field="event_id")
    if isinstance(fact, facts.PaymentReturned):
        paid = target.fact
        if getattr(paid, "payment_id", None) != fact.payment_id or isinstance(paid, facts.PaymentReturned):
            return Refusal(RefusalReason.EVENT_NOT_UNDOABLE, field="payment_id")
        return fact
    if circumstances.target_has_dependents or isinstance(target.fact, _NEVER_UNDONE):
        return Refusal(RefusalReason.EVENT_NOT_UNDOABLE, field="event_id")
    return fact


_NEVER_UNDONE: Final = (
    facts.LineOpened,
    facts.StatementClosed,
    facts.HoldExpired,
    facts.PaymentReturned,
    facts.EventUndone,
    facts.LineClosed,
)


def _admit_closing(line: Line, fact: facts.LineClosed, *, on: date) -> AnyFact | Refusal:
    """A line closes when nothing is owed either way, billed or not, and no hold is open; a claim stays a claim."""
    left = {
        "owed_minor": sum(owed_minor(line, day=on).values()),
        "not_billed_minor": not_billed_minor(line, day=on),
        "held_minor": held_minor(line),
        "credit_minor": line.credit_minor,
        "claim_minor": line.charged_off_minor - line.recovered_minor,
    }
    if any(left.values()):
        return Refusal(RefusalReason.STILL_OWED, field="line", figures=left)
    return fact
