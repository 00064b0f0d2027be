"""The law on a day: the rule in force, to the day, and nothing by guess."""

from datetime import date

import pytest

from tallystick.terms import caps
from tallystick.terms.caps import LegalCap, NoLegalCap, person_cap, price_cap


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


def _cap(bound: int, *, starts: date, until: date | None = None, jurisdiction: str = "CN") -> LegalCap:
    return LegalCap(
        id=f"cap-{bound}",
        jurisdiction=jurisdiction,
        measure="all_in",
        bound=bound,
        currency=None,
        in_force_from=starts,
        in_force_until=until,
        source="a test",
    )


def test_a_rule_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    cap = _cap(240_000, starts=date(2026, 1, 1), until=date(2027, 1, 1))
    in_force = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [cap.is_in_force(day) for day in in_force] == [False, True, True, False]


def test_where_rules_overlap_the_strictest_holds_and_another_country_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = (
        _cap(360_000, starts=date(2020, 1, 1)),
        _cap(240_000, starts=date(2025, 1, 1), until=date(2026, 1, 1)),
        _cap(100_000, starts=date(2020, 1, 1), jurisdiction="TW"),
    )
    monkeypatch.setattr(caps, "_price_caps", lambda: rules)
    found = [
        price_cap(jurisdiction="CN", on=day).bound
        for day in (date(2024, 12, 31), date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1))
    ]
    assert found == [360_000, 240_000, 240_000, 360_000]
    assert price_cap(jurisdiction="TW", on=date(2025, 6, 1)).bound == 100_000
