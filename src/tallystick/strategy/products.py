"""The products that a strategy may price: those that ship, and those that it brings in its folder `products/`."""

from collections.abc import Iterable, Mapping
from typing import Final

from tallystick.strategy.economics import StrategyFaults
from tallystick.terms.catalog import read_product, shipped_products
from tallystick.terms.form import FormFaults
from tallystick.terms.product import Product

PRODUCTS_FOLDER: Final = "products"


def strategy_products(files: Mapping[str, bytes]) -> dict[str, Product]:
    """Products by id; one that the strategy brings takes the place of one that ships.

    `files` are the strategy's, by their path inside it. Raises `StrategyFaults` with every fault of every product.
    """
    faults: list[str] = []
    brought: dict[str, Product] = {}
    for path in sorted(path for path in files if path.startswith(f"{PRODUCTS_FOLDER}/")):
        try:
            product = read_product(files[path].decode(), file=path)
        except UnicodeDecodeError as error:
            faults.append(f"{path}: is not UTF-8 text ({error}); save it as UTF-8")
        except FormFaults as refused:
            faults += map(str, refused.faults)
        else:
            brought[product.id] = product
            if path != _path_of(product.id):
                faults.append(f"{path}: id: is {product.id!r}; name the file {_path_of(product.id)}")
    if faults:
        raise StrategyFaults(faults)
    return {**shipped_products(), **brought}


def products_not_named(files: Mapping[str, bytes], named: Iterable[str]) -> list[str]:
    """What is wrong with products that the strategy brings and no checkpoint is about."""
    paths = {_path_of(product_id) for product_id in named}
    return [
        f"{path}: no checkpoint is about this product; name its id under product, or remove the file"
        for path in sorted(files)
        if path.startswith(f"{PRODUCTS_FOLDER}/") and path not in paths
    ]


def _path_of(product_id: str) -> str:
    return f"{PRODUCTS_FOLDER}/{product_id}.toml"
