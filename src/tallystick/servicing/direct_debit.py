"""Direct debits: what a line's mandate is asked for on a day, and when a failed try is repeated; rules as data."""

import tomllib
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import REVOLVING_OWNER, dues_asked_for
from tallystick.terms.product import Names


class Pays(StrEnum):
    """What the borrower allowed to be taken: everything that is due, or what keeps the line from being past due."""

    ALL_DUE = "all_due"
    MINIMUM = "minimum"


class ReturnCode(Struct, frozen=True, forbid_unknown_fields=True):
    """What a bank's answer means: whether another try makes sense, and whether the mandate is over."""

    name: Names
    retry: bool
    ends_mandate: bool


class DebitRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The retry calendar, in days after the due date, and the return codes."""

    retry_after_days: tuple[int, ...]
    codes: dict[str, ReturnCode]


@cache
def debit_rules() -> DebitRules:
    """The rules that ship with Tallystick."""
    source = files("tallystick.servicing").joinpath("direct_debit.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(source), DebitRules)


class Claim(Struct, frozen=True):
    """What a line owes by a day; `due_on` is the latest due date in it, for which tries are counted. Minor units."""

    due_on: date
    amount_minor: int


class LastTry(Struct, frozen=True):
    """The latest instruction for a line: the due date it was for, which try it was, and what came of it.

    `code` is None while the bank has not answered, or where it paid.
    """

    due_on: date
    attempt: int
    is_answered: bool
    code: str | None


def claim(line: Line, *, on: date, pays: Pays) -> Claim | None:
    """What may be taken from the borrower's account for a line that is caught up to a day; None for nothing.

    A care, a pause and a line that is not open any more keep the bank from being asked.
    """
    is_paused = any(pause.begins_on <= on < pause.ends_on for pause in line.pauses)
    if line.condition is not Condition.OPEN or line.cares or is_paused:
        return None
    due = [each for each in dues_asked_for(line, day=on) if each.due_on <= on and each.left_minor]
    bills = [bill for bill in line.revolving.bills if bill.due_on <= on]
    billed_minor = sum(each.left_minor for each in due if each.owner_id == REVOLVING_OWNER)
    dated = [each.due_on for each in due if each.owner_id > REVOLVING_OWNER]
    dated += [bill.due_on for bill in bills if billed_minor]
    if not dated:
        return None
    amount_minor = sum(each.left_minor for each in due)
    if pays is Pays.MINIMUM:
        amount_minor += sum(bill.minimum_left_minor for bill in bills) - billed_minor
    return Claim(due_on=max(dated), amount_minor=amount_minor) if amount_minor > 0 else None


def next_attempt(claimed: Claim, *, on: date, last: LastTry | None, rules: DebitRules) -> int | None:
    """Which try for the claim may be made on a day; None where none may.

    The first is on the due date or after; each further one when its day of the calendar has come, and only where the
    bank said that another try makes sense. What is not answered is never tried again by itself.

    >>> waiting = LastTry(due_on=date(2026, 1, 28), attempt=1, is_answered=True, code="insufficient_funds")
    >>> claimed = Claim(due_on=date(2026, 1, 28), amount_minor=100)
    >>> [next_attempt(claimed, on=date(2026, 1, day), last=waiting, rules=debit_rules()) for day in (28, 29)]
    [None, 2]
    """
    if last is None or last.due_on < claimed.due_on:
        return None if last is not None and not last.is_answered else 1
    if not last.is_answered or last.code is None or not rules.codes[last.code].retry:
        return None
    if last.attempt > len(rules.retry_after_days):
        return None
    not_before = claimed.due_on + timedelta(days=rules.retry_after_days[last.attempt - 1])
    return last.attempt + 1 if on >= not_before else None
