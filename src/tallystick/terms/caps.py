"""Legal caps as dated data: which limit on price, person, tenor and late payment is in force on a day."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class LegalCap:
    """One rule of law. `bound` is in the unit that the rule's family names.

    Price and late rate: ppm a year. Person and late fee: minor units. Tenor: months. Penalty multiple: ppm.
    A rule binds only credit that costs at least `binds_from_ppm` a year, effective.
    """

    id: str
    jurisdiction: str
    measure: str
    bound: int
    currency: str | None
    in_force_from: date
    in_force_until: date | None
    source: str
    binds_from_ppm: int = 0

    def is_in_force(self, on: date) -> bool:
        """Half-open: from `in_force_from` up to, not including, `in_force_until`."""
        return self.in_force_from <= on and (self.in_force_until is None or on < self.in_force_until)


class NoLegalCap(LookupError):
    """No rule is known for that jurisdiction and day: nothing may be priced or offered by guess."""


def price_cap(*, jurisdiction: str, on: date) -> LegalCap:
    """The cap on the all-in annual cost of credit, in ppm a year; the strictest where several hold.

    >>> price_cap(jurisdiction="CN", on=date(2026, 11, 23)).bound
    240000
    >>> price_cap(jurisdiction="CN", on=date(2028, 1, 1)).bound
    120000
    """
    return _strictest(_price_caps(), jurisdiction=jurisdiction, on=on, what="price cap")


def person_cap(*, jurisdiction: str, on: date) -> LegalCap:
    """The cap on one person's credit limit, in minor units of its currency.

    >>> person_cap(jurisdiction="CN", on=date(2026, 11, 23)).bound
    20000000
    """
    return _strictest(_person_caps(), jurisdiction=jurisdiction, on=on, what="cap per person")


@cache
def person_cap_in_force(*, jurisdiction: str, on: date) -> LegalCap | None:
    """The cap on one person's credit limit; `None` where no law says so, as in most countries."""
    return _strictest_known(_person_caps(), jurisdiction=jurisdiction, on=on)


def bullet_tenor_cap(*, jurisdiction: str, on: date) -> LegalCap | None:
    """The most months of a credit whose principal is repaid at its end; `None` where no law says so.

    >>> cap = bullet_tenor_cap(jurisdiction="CN", on=date(2026, 11, 23))
    >>> cap.bound if cap else None
    12
    """
    return _strictest_known(_optional_caps("tenor_cap", bound_key="cap_months"), jurisdiction=jurisdiction, on=on)


def late_rate_cap(*, jurisdiction: str, on: date) -> LegalCap | None:
    """The cap on all that late payment costs, in ppm a year of what is overdue; `None` where no law says so."""
    return _strictest_known(_optional_caps("late_rate_cap", bound_key="cap_ppm"), jurisdiction=jurisdiction, on=on)


def penalty_multiple_cap(*, jurisdiction: str, on: date) -> LegalCap | None:
    """The most that the rate on overdue principal may be, in ppm of the contract's own; `None` where no law says so."""
    caps = _optional_caps("penalty_multiple_cap", bound_key="cap_ppm")
    return _strictest_known(caps, jurisdiction=jurisdiction, on=on)


def late_fee_cap(*, jurisdiction: str, on: date) -> LegalCap | None:
    """The most that a fee for late payment may be, in minor units; `None` where no law says so."""
    return _strictest_known(_optional_caps("late_fee_cap", bound_key="cap_minor"), jurisdiction=jurisdiction, on=on)


def _strictest(caps: tuple[LegalCap, ...], *, jurisdiction: str, on: date, what: str) -> LegalCap:
    found = _strictest_known(caps, jurisdiction=jurisdiction, on=on)
    if found is None:
        starts = ", ".join(f"{cap.id} from {cap.in_force_from}" for cap in caps) or "none"
        raise NoLegalCap(
            f"no {what} is known for jurisdiction {jurisdiction!r} on {on}; known: {starts}. "
            "Choose another date or add the rule to terms/legal_caps.toml with its source."
        )
    return found


def _strictest_known(caps: tuple[LegalCap, ...], *, jurisdiction: str, on: date) -> LegalCap | None:
    in_force = [cap for cap in caps if cap.jurisdiction == jurisdiction and cap.is_in_force(on)]
    return min(in_force, key=lambda cap: (cap.bound, cap.id), default=None)


@cache
def _rules() -> dict[str, Any]:
    return tomllib.loads(files("tallystick.terms").joinpath("legal_caps.toml").read_text(encoding="utf-8"))


@cache
def _price_caps() -> tuple[LegalCap, ...]:
    return tuple(_legal_cap(rule, bound_key="cap_ppm") for rule in _rules()["price_cap"])


@cache
def _person_caps() -> tuple[LegalCap, ...]:
    return tuple(_legal_cap(rule, bound_key="cap_minor") for rule in _rules()["person_cap"])


@cache
def _optional_caps(family: str, *, bound_key: str) -> tuple[LegalCap, ...]:
    return tuple(_legal_cap(rule, bound_key=bound_key) for rule in _rules()[family])


def _legal_cap(rule: dict[str, Any], *, bound_key: str) -> LegalCap:
    return LegalCap(
        id=rule["id"],
        jurisdiction=rule["jurisdiction"],
        measure=rule["measure"],
        bound=rule[bound_key],
        currency=rule.get("currency"),
        in_force_from=rule["from"],
        in_force_until=rule.get("until"),
        source=rule["source"],
        binds_from_ppm=rule.get("binds_from_ppm", 0),
    )
