"""A frozen contract is a round trip, and its hash changes with any figure of it."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import ContractTerms, NotSold, freeze, product_in_force, version_faults

BAITIAO = shipped_products()["baitiao"]


def test_a_contract_comes_back_from_its_json_as_it_was() -> None:
    contract = freeze(BAITIAO, on=date(2026, 11, 23))
    assert msgspec.json.decode(msgspec.json.encode(contract), type=ContractTerms) == contract


def test_the_hash_is_the_same_for_all_who_agree_and_another_for_any_other_figure() -> None:
    early, late = freeze(BAITIAO, on=date(2026, 1, 1)), freeze(BAITIAO, on=date(2026, 12, 1))
    assert early.terms_hash == late.terms_hash
    dearer = replace(BAITIAO, notice=replace(BAITIAO.notice, cooling_off_days=6))
    assert freeze(dearer, on=date(2026, 12, 1)).terms_hash != early.terms_hash


def test_nothing_is_agreed_before_it_is_sold() -> None:
    with pytest.raises(NotSold, match="sold_from: baitiao version 1 is sold from 2026-01-01"):
        freeze(BAITIAO, on=date(2025, 12, 31))


def test_the_latest_version_that_is_sold_is_in_force() -> None:
    second = replace(BAITIAO, version=2, sold_from=date(2026, 7, 1))
    versions = [second, BAITIAO]
    assert product_in_force(versions, product_id="baitiao", on=date(2026, 6, 30)) is BAITIAO
    assert product_in_force(versions, product_id="baitiao", on=date(2026, 7, 1)) is second
    with pytest.raises(NotSold, match="'gold' is not sold"):
        product_in_force(versions, product_id="gold", on=date(2026, 7, 1))
    with pytest.raises(NotSold, match="version 2 from 2026-07-01, version 1 from 2026-01-01"):
        product_in_force(versions, product_id="baitiao", on=date(2025, 7, 1))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"version": 2}, "sold_from: baitiao version 1 is sold from 2026-01-01; give a later day than that"),
        ({"version": 2, "sold_from": date(2026, 7, 1), "ledger_id": 9}, "ledger_id: baitiao version 1 has 1, not 9"),
        ({"version": 2, "sold_from": date(2026, 7, 1), "currency": "HKD"}, "currency: baitiao version 1 has CNY"),
        ({"version": 2, "sold_from": date(2026, 7, 1), "jurisdiction": "TW"}, "jurisdiction: baitiao version 1 has CN"),
        ({"id": "gold"}, "ledger_id: 1 is that of baitiao version 1; give one of its own"),
    ],
)
def test_a_version_keeps_what_lines_live_by_and_comes_later(change: dict[str, object], fault: str) -> None:
    [found] = version_faults(replace(BAITIAO, **change), published=[BAITIAO])
    assert found.startswith(fault)


def test_a_version_that_follows_is_fine_and_one_between_keeps_the_order() -> None:
    third = replace(BAITIAO, version=3, sold_from=date(2026, 7, 1))
    assert version_faults(third, published=[BAITIAO, third]) == ()
    second = replace(BAITIAO, version=2, sold_from=date(2026, 7, 2))
    assert version_faults(second, published=[BAITIAO, third]) == (
        "sold_from: baitiao version 3 is sold from 2026-07-01; give an earlier day than that",
    )
