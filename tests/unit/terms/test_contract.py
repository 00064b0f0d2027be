"""A frozen contract is a round trip, and its hash changes with any figure of it."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import ContractTerms, NotSold, freeze, product_in_force

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
