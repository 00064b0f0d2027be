"""Legal caps as dated data: which limit on price and on credit per person is in force on a day."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class LegalCap:
    """One rule of law. `bound` is ppm a year for a price cap, minor units for a cap per person."""

    id: str
    jurisdiction: str
    measure: str
    bound: int
    currency: str | None
    in_force_from: date
    in_force_until: date | None
    source: str

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


def _strictest(caps: tuple[LegalCap, ...], *, jurisdiction: str, on: date, what: str) -> LegalCap:
    in_force = [cap for cap in caps if cap.jurisdiction == jurisdiction and cap.is_in_force(on)]
    if not in_force:
        starts = ", ".join(f"{cap.id} from {cap.in_force_from}" for cap in caps) or "none"
        raise NoLegalCap(
            f"no {what} is known for jurisdiction {jurisdiction!r} on {on}; known: {starts}. "
            "Choose another date or add the rule to terms/legal_caps.toml with its source."
        )
    return min(in_force, key=lambda cap: (cap.bound, cap.id))


@cache
def _rules() -> dict[str, Any]:
    return tomllib.loads(files("tallystick.terms").joinpath("legal_caps.toml").read_text(encoding="utf-8"))


@cache
def _price_caps() -> tuple[LegalCap, ...]:
    return tuple(_legal_cap(rule, bound_key="cap_ppm") for rule in _rules()["price_cap"])


@cache
def _person_caps() -> tuple[LegalCap, ...]:
    return tuple(_legal_cap(rule, bound_key="cap_minor") for rule in _rules()["person_cap"])


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
    )
