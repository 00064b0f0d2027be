"""A product by its name, where it ships, or by its file."""

from pathlib import Path

from tallystick.sources.files import FileFault
from tallystick.terms.catalog import read_product, shipped_products
from tallystick.terms.product import Product


def product_named(name: str) -> Product:
    """The product that ships under that name, or the one in that file.

    Raises `FileFault` where there is neither, and `FormFaults` with every fault of the file.
    """
    shipped = shipped_products()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        known = ", ".join(sorted(shipped))
        raise FileFault(f"{name}: neither a product that ships ({known}) nor a readable file") from fault
    return read_product(text, file=path.name)
