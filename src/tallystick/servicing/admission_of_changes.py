"""Whether what was agreed may change: limits, terms, what is given up, and how a plan is made easier to bear."""

from datetime import date, timedelta

from msgspec.structs import replace

from tallystick.servicing import facts
from tallystick.servicing.admission_of_payments import running_plan
from tallystick.servicing.admission_of_persons import may_not_be_lent_to, within_person_cap
from tallystick.servicing.circumstances import Circumstances
from tallystick.servicing.facts import AnyFact
from tallystick.servicing.line import Line
from tallystick.servicing.owed import coming_off_minor, days_past_due, owed_minor
from tallystick.servicing.plan_easing import re_aged_terms
from tallystick.servicing.plan_state import Plan
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.late_fees import late_charges_rise
from tallystick.terms.offering import with_days_off
from tallystick.terms.own_price import lowers_own_price
from tallystick.terms.product import Accrues, ChangeScope, Component, EasingTerms, Product
from tallystick.units.rates import PPM


def admit_limit(line: Line, fact: facts.LimitChanged, *, circumstances: Circumstances) -> AnyFact | Refusal:
    """A decrease holds at once, whatever is drawn; an increase is an offer that the borrower must have accepted."""
    if fact.limit_minor == line.limit_minor:
        return Refusal(RefusalReason.NOTHING_TO_DO, field="limit_minor", figures={"limit_minor": line.limit_minor})
    terms = circumstances.contracts[line.contract_hash]
    bounds = terms.limit
    fact = replace(fact, cash_limit_minor=fact.limit_minor * bounds.cash_share_ppm // PPM)
    if fact.limit_minor < line.limit_minor:
        return fact
    refusal = may_not_be_lent_to(line, terms=terms, circumstances=circumstances)
    if refusal is not None:
        return refusal
    if fact.acceptance_id is None:
        return Refusal(RefusalReason.ACCEPTANCE_MISSING, field="limit_minor", figures={"limit_minor": line.limit_minor})
    if fact.limit_minor > bounds.most_minor:
        return Refusal(
            RefusalReason.LIMIT_OUT_OF_BOUNDS, field="limit_minor", figures={"most_minor": bounds.most_minor}
        )
    return within_person_cap(fact.limit_minor, circumstances=circumstances) or fact


def admit_terms(line: Line, fact: facts.TermsChanged, *, on: date, circumstances: Circumstances) -> AnyFact | Refusal:
    """New terms bind after the notice that the present contract promises, unless the borrower accepted them.

    Terms that only lower the borrower's own price bind at once: a notice is there to object to what costs more.
    """
    present, new = circumstances.contracts[line.contract_hash], circumstances.contracts.get(fact.contract_hash)
    if new is None:
        return Refusal(RefusalReason.TERMS_UNKNOWN, field="contract_hash")
    if new.currency != line.currency or new.ledger_id != line.product_id:
        return Refusal(RefusalReason.CURRENCY_DIFFERS, field="contract_hash", figures={"product": present.id})
    if present.notice.price_change_scope is ChangeScope.NEW_DRAWS and late_charges_rise(present, new):
        return Refusal(RefusalReason.LATE_CHARGES_RISE, field="contract_hash", figures={"product": present.id})
    binds_on = fact.noticed_on + timedelta(days=present.notice.price_change_days)
    if fact.acceptance_id is None and on < binds_on and not lowers_own_price(present, new, on=on):
        return Refusal(RefusalReason.NOTICE_TOO_SHORT, field="effective_on", figures={"binds_on": binds_on})
    return fact


def admit_fee(line: Line, fact: facts.FeeCharged, *, terms: Product) -> AnyFact | Refusal:
    """No fee is charged by hand in a care that stops fees, from whatever day it is to count."""
    stopping = [care for care in line.cares if care in terms.cares and terms.cares[care].fee is Accrues.STOPS]
    if stopping:
        return Refusal(RefusalReason.LINE_IN_CARE, field="line", figures={"cares": stopping})
    return fact


def admit_waiver(line: Line, fact: facts.Waived, *, on: date) -> AnyFact | Refusal:
    """Of interest, fees and penalties, at most what is owed; principal is written off, not waived."""
    if fact.component not in set(Component) - {Component.PRINCIPAL}:
        known = sorted(set(Component) - {Component.PRINCIPAL})
        return Refusal(RefusalReason.COMPONENT_UNKNOWN, field="component", figures={"known": known})
    left_minor = owed_minor(line, day=on)[Component(fact.component)]
    if fact.component == Component.INTEREST:
        left_minor = max(0, left_minor - coming_off_minor(line, day=on))
    if fact.amount_minor > left_minor:
        return Refusal(RefusalReason.AMOUNT_EXCEEDS_OWED, field="amount_minor", figures={"owed_minor": left_minor})
    return fact


def admit_restructure(
    line: Line, fact: facts.PlanReaged | facts.PaymentHoliday, *, on: date, circumstances: Circumstances
) -> AnyFact | Refusal:
    """A plan with principal left, within the contract's bounds; completed with the days off of its new due dates."""
    plan = running_plan(line, fact.plan_id, circumstances=circumstances)
    if isinstance(plan, Refusal):
        return plan
    terms = circumstances.contracts[line.contract_hash]
    match fact:
        case facts.PlanReaged():
            return _unfit_new_schedule(fact, on=on, bounds=terms.easing) or _re_aged(fact, plan, on=on, terms=terms)
        case facts.PaymentHoliday():
            return _unfit_holiday(fact, bounds=terms.easing) or _put_off(fact, plan, terms=terms)


def _unfit_new_schedule(fact: facts.PlanReaged, *, on: date, bounds: EasingTerms) -> Refusal | None:
    if fact.installments < 1:
        return Refusal(RefusalReason.NOTHING_TO_DO, field="installments", figures={"installments": fact.installments})
    if fact.installments > bounds.most_reaged_installments:
        figures = {"most_installments": bounds.most_reaged_installments}
        return Refusal(RefusalReason.EASING_TOO_LONG, field="installments", figures=figures)
    if fact.first_due_on <= on:
        return Refusal(RefusalReason.PAUSE_EMPTY, field="first_due_on", figures={"restructured_on": on})
    return _ends_too_late(fact.first_due_on, field="first_due_on", on=on, bounds=bounds)


def _unfit_holiday(fact: facts.PaymentHoliday, *, bounds: EasingTerms) -> Refusal | None:
    if fact.periods < 1:
        return Refusal(RefusalReason.PAUSE_EMPTY, field="periods", figures={"periods": fact.periods})
    if fact.periods > bounds.most_holiday_periods:
        figures = {"most_periods": bounds.most_holiday_periods}
        return Refusal(RefusalReason.EASING_TOO_LONG, field="periods", figures=figures)
    return None


def _re_aged(fact: facts.PlanReaged, plan: Plan, *, on: date, terms: Product) -> facts.PlanReaged:
    new = re_aged_terms(plan.terms, installments=fact.installments, first_due_on=fact.first_due_on)
    numbers = range(1, fact.installments + 1)
    new = with_days_off(replace(new, days_off=()), begins_on=on, numbers=numbers, calendar=terms.calendar)
    return replace(fact, days_off=new.days_off)


def _put_off(fact: facts.PaymentHoliday, plan: Plan, *, terms: Product) -> facts.PaymentHoliday:
    put_off = plan.holiday_periods + fact.periods
    new = with_days_off(
        replace(plan.terms, days_off=()),
        begins_on=plan.terms.starts_on or plan.drawn_on,
        numbers=range(1 + put_off, plan.terms.installments + put_off + 1),
        calendar=terms.calendar,
    )
    return replace(fact, days_off=new.days_off)


def admit_charge_off(line: Line, fact: facts.ChargedOff, *, on: date, terms: Product) -> AnyFact | Refusal:
    """Not before the days past due that the contract names; in a care, as after a death, whenever two persons agree."""
    days = days_past_due(line, day=on)
    from_days = terms.delinquency.charge_off_from_days
    if days >= from_days or line.cares:
        return fact
    figures = {"days_past_due": days, "charge_off_from_days": from_days}
    return Refusal(RefusalReason.CHARGE_OFF_TOO_EARLY, field="line", figures=figures)


def admit_pause(fact: facts.DelinquencyPaused, *, on: date, bounds: EasingTerms) -> AnyFact | Refusal:
    """A pause has an end, after it begins and within the contract's bounds."""
    if fact.until <= on:
        return Refusal(RefusalReason.PAUSE_EMPTY, field="until", figures={"begins_on": on})
    return _ends_too_late(fact.until, field="until", on=on, bounds=bounds) or fact


def _ends_too_late(ends_on: date, *, field: str, on: date, bounds: EasingTerms) -> Refusal | None:
    latest_on = on + timedelta(days=bounds.most_pause_days)
    if ends_on <= latest_on:
        return None
    return Refusal(RefusalReason.EASING_TOO_LONG, field=field, figures={"latest_on": latest_on})
