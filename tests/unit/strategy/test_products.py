"""A strategy brings the products that it prices."""

from datetime import date

import pytest
from tests.checkpoints import standard_files
from tests.own_products import FILE, priced_files, product_of_prices, product_text

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint_reading import read_checkpoints
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.products import strategy_products


def faults_of(files: dict[str, bytes]) -> str:
    """All that is wrong, as one text."""
    with pytest.raises(StrategyFaults) as refused:
        read_checkpoints(files, catalog=load_as_of_catalog())
    return "\n".join(refused.value.faults)


def test_tables_name_the_prices_of_the_product_that_the_strategy_brings() -> None:
    files = dict(priced_files())
    assert read_checkpoints(files, catalog=load_as_of_catalog())[CheckpointName.APPLY].product == "baitiao"
    assert strategy_products(files)["baitiao"] == product_of_prices()
    del files[FILE]
    assert "step price, row 2: price_code: 'prime' is none of baitiao; use merchant_free, standard" in faults_of(files)


@pytest.mark.parametrize("code", ["none", "merchant_free"])
def test_a_new_line_has_one_of_several_prices(code: str) -> None:
    files = dict(priced_files())
    files["apply/price.csv"] = files["apply/price.csv"].replace(b"otherwise,standard,", f"otherwise,{code},".encode())
    assert f"step price, row 3: price_code: '{code}' is none of baitiao; use prime, standard" in faults_of(files)


def test_what_is_sold_in_its_place_is_asked_for_the_same_prices() -> None:
    shipped = strategy_products({})
    with pytest.raises(StrategyFaults, match="'prime' is none of baitiao"):
        read_checkpoints(priced_files(), catalog=load_as_of_catalog(), sold=shipped)


def test_a_product_of_its_own_id_can_be_sold() -> None:
    files = dict(priced_files())
    text = files.pop(FILE).decode().replace('id = "baitiao"', 'id = "flex"').replace("ledger_id = 1", "ledger_id = 9")
    assert "product: 'flex' is not known" in faults_of(_about("flex", files))
    files["products/flex.toml"] = text.encode()
    assert {
        each.product for each in read_checkpoints(_about("flex", files), catalog=load_as_of_catalog()).values()
    } == {"flex"}


def _about(product_id: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        path: text.replace(b'product = "baitiao"', f'product = "{product_id}"'.encode()) for path, text in files.items()
    }


def test_every_fault_of_a_product_is_told() -> None:
    files = standard_files()
    broken = product_text().replace("fee_per_period_ppm = 4500", "fee_per_period_ppm = -1")
    told = faults_of({**files, FILE: broken.encode(), "products/x.toml": b"\xff", "products/y.toml": b"id = 3"})
    assert "products/baitiao.toml: order_installments.prices[2].fee_per_period_ppm" in told
    assert "products/x.toml: is not UTF-8 text" in told
    assert "products/y.toml: id" in told
    assert "id: is 'baitiao'; name the file products/baitiao.toml" in faults_of(
        {**files, "products/line.toml": product_text(sold_from=date(2026, 2, 1)).encode()}
    )
    cash = product_text().replace('id = "baitiao"', 'id = "cash"')
    assert "products/cash.toml: no checkpoint is about this product" in faults_of(
        {**files, "products/cash.toml": cash.encode()}
    )
