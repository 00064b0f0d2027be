"""The law on a day: the rule in force, to the day, and nothing by guess."""

from datetime import date

import pytest

from tallystick.terms.caps import NoLegalCap, person_cap, price_cap


@pytest.mark.parametrize(
    ("on", "bound"),
    [
        (date(2025, 12, 19), 240_000),
        (date(2027, 12, 31), 240_000),
        (date(2028, 1, 1), 120_000),
        (date(2040, 1, 1), 120_000),
    ],
)
def test_the_price_cap_changes_on_its_day(on: date, bound: int) -> None:
    assert price_cap(jurisdiction="CN", on=on).bound == bound


def test_no_rule_on_that_day_or_place_is_refused_with_what_is_known() -> None:
    with pytest.raises(NoLegalCap, match="known: CN-micro-2025 from 2025-12-19"):
        price_cap(jurisdiction="CN", on=date(2025, 12, 18))
    with pytest.raises(NoLegalCap, match="jurisdiction 'XX'"):
        person_cap(jurisdiction="XX", on=date(2026, 1, 1))


def test_every_rule_has_a_source() -> None:
    assert price_cap(jurisdiction="CN", on=date(2026, 1, 1)).source
    assert person_cap(jurisdiction="CN", on=date(2026, 1, 1)).currency == "CNY"
